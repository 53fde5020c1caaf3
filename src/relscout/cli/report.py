"""``relscout report``: the report of a run, or the comparison of two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relscout.cli import options
from relscout.cli.labels import gold_labels
from relscout.cli.options import check_file
from relscout.cli.reading import LabelledReading, Reading
from relscout.cli.screen import Skipped, say
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import content_id

if TYPE_CHECKING:
    from relscout.discovery import Discovery


@options.grouped
def command(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN [RUN]", help="Run directory; two to compare them."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output file.", show_default="RUN/report.html, or comparison.html"),
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Gold relations: any input format, or one label per line."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory for figures, as PNG and SVG (extra 'figures')."),
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title of the report.")] = None,
    *,
    reading: LabelledReading,
    caching: options.Caching,
) -> None:
    """Build the report of a run, or compare two runs.

    The report shows the relations with their sentences, a map, similar relations, the most connected entities, and,
    with --gold, gold relations. It is one HTML file that works offline. You can rename, merge and drop relations in
    it, export these decisions, and apply them with 'relscout apply'. The comparison of two runs on one corpus shows
    what is the same and what moved.
    """
    from relscout.discovery import Discovery
    from relscout.discovery.storage import REPORT, run_folder
    from relscout.encoders import use_cache
    from relscout.report import write_report
    from relscout.report.comparison import write_comparison

    if len(runs) > 2:
        raise SettingError(f"got {len(runs)} runs, expected one, or two to compare")
    if len(runs) == 2 and (figures or title):
        raise SettingError("--figures and --title apply to the report of one run; leave them out")
    discoveries = [Discovery.load(run) for run in runs]
    home = run_folder(runs[0])
    target = out or (home / REPORT if len(runs) == 1 else Path("comparison.html"))
    check_file(target)
    truth = None if gold is None else _gold(gold, reading, discoveries[0])
    if len(runs) == 2:
        names = _names(runs)
        write_comparison(discoveries[0], discoveries[1], target, names=names, gold=truth)
    else:
        with caching.opened() as (vectors, progress):
            use_cache(discoveries[0].model.encoder, vectors)
            write_report(
                discoveries[0],
                target,
                title=title or f"Relations of {home.resolve().name}",
                gold=truth,
                figures=figures,
                progress=progress,
            )
    say(f"written to {target}")


def _gold(path: Path, reading: Reading, found: Discovery) -> dict[str, str]:
    """Return the gold relation of each id of the run."""
    skipped = Skipped()
    truth = gold_labels(path, reading, skipped)
    skipped.report()
    instances = found.assignments.instances
    if truth.ids:
        by_id = dict(zip(truth.ids, truth.labels, strict=True))
        by_content = dict(zip(truth.contents, truth.labels, strict=True))
        # files without ids, of annotation tools for example, are matched by text and offsets
        contents = {
            instance.id: content_id(instance.text, instance.head, instance.tail)
            for instance in instances
            if instance.id not in by_id
        }
        return by_id | {id: by_content[key] for id, key in contents.items() if key in by_content}
    if len(truth.labels) != len(instances):
        raise InputError(
            f"{path}: {len(truth.labels):,} labels, but the run has {len(instances):,} instances; expected one label "
            "per line, in the order of the run, or a file with ids"
        )
    return dict(zip((instance.id for instance in instances), truth.labels, strict=True))


def _names(runs: list[Path]) -> tuple[str, str]:
    first, second = (run.resolve() for run in runs)
    return (first.name, second.name) if first.name != second.name else (str(runs[0]), str(runs[1]))
