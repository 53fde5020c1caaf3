"""``relscout analyze``: does a model read the context, the names, or the types?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from relscout.cli import options
from relscout.cli.encoding import check_cache, checkpoints_folder, open_cache
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, output, print_json, progress_bars, say, say_note
from relscout.errors import InputError, SettingError
from relscout.progress import Progress
from relscout.wording import counted, visible

if TYPE_CHECKING:
    from relscout.analysis import Analysis
    from relscout.analysis.answers import Classifier
    from relscout.analysis.table_one import TableOne
    from relscout.discovery import Discovery
    from relscout.instances import RelationInstance

_TABLE = "Table 1"


def command(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Output of 'relscout discover' or 'finetune'.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATA...", help="Files, optionally with gold relations (default: those of the run)."
        ),
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(
            "--train",
            metavar="FILE",
            help="Train one model per format on this; repeatable.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Select the epoch on this.", rich_help_panel=_TABLE),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Train with the seeds 0 to N - 1.", rich_help_panel=_TABLE),
    ] = 3,
    cnn: Annotated[
        bool,
        typer.Option("--cnn", help="Also train a convolutional network.", rich_help_panel=_TABLE),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output directory for analysis.json and flips.jsonl."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Overwrite an existing analysis in DIR.")
    ] = False,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    entity_types: options.EntityTypes = None,
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Analyse whether a model reads the context, the names, or the types.

    The model classifies the same sentences with names replaced by types, without names, and without context, and
    its answers are compared: how many stay the same, how many are right, and which relations and sentences change.
    With --train, classifiers are trained and tested in each of these formats, as in Table 1 of the paper.
    """
    from relscout.analysis import analyze, encoder_of
    from relscout.analysis.opening import opened
    from relscout.analysis.record import check_target, save
    from relscout.encoders import loss_warnings
    from relscout.encoders.precomputed import use_cache

    reading = Reading(
        format=format,
        on_error=on_error,
        labels=labels,
        columns=columns,
        relation_names=relation_names,
        entity_types=entity_types,
    )
    check_cache(cache, no_cache=no_cache)
    if out is not None:
        check_target(out, overwrite=overwrite)
    fitted = opened(model)
    _check_table(fitted, train, dev, cnn=cnn)
    instances = _instances(data or [], reading, fitted)
    lost: Counter[str] = Counter()
    with open_cache(cache, no_cache=no_cache) as vectors, progress_bars(resumable=not no_cache) as progress:
        if (encoder := encoder_of(fitted)) is not None:
            use_cache(encoder, vectors)
        analysis = analyze(
            fitted, instances, seed=seed, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        table = None
        if train:
            work = checkpoints_folder(cache, no_cache=no_cache)
            sides = [_read(paths, reading) for paths in (train, [dev] if dev else [])]
            table = _table(fitted, analysis, *sides, seeds=seeds, cnn=cnn, progress=progress, work=work)
    _tell_left_out(analysis)
    for warning in loss_warnings(lost):
        say_note(warning)
    record = {
        "model": str(model),
        "data": [str(path) for path in data or []],
        "seed": seed,
        **analysis.as_dict(),
        "table_one": None if table is None else table.as_dict(),
    }
    if out is not None:
        save(out, analysis, record)
    if as_json:
        print_json(record)
    else:
        _show(analysis, model, table)
    if out is not None:
        say(f"written to {out}")


def _instances(paths: list[Path], reading: Reading, model: Classifier | Discovery) -> list[RelationInstance]:
    """Return what the model is asked about: the files' instances, or those of the run itself.

    Raises:
        SettingError: A classifier is given without data, or options about files without files.
    """
    from relscout.discovery import Discovery

    if paths:
        return _read(paths, reading)
    if not isinstance(model, Discovery):
        raise SettingError("a classifier has no instances of its own; pass data files after MODEL")
    if reading != Reading():
        raise SettingError("input options need data files; pass them after MODEL")
    return list(model.assignments.instances)


def _read(paths: list[Path], reading: Reading) -> list[RelationInstance]:
    skipped = Skipped()
    instances = list(reading.instances(paths, skipped))
    skipped.tell()
    return instances


def _check_table(
    model: Classifier | Discovery, train: list[Path] | None, dev: Path | None, *, cnn: bool
) -> None:
    """Refuse options of the table that cannot work.

    Raises:
        SettingError: They go without --train, or the model is a run.
    """
    from relscout.discovery import Discovery

    if not train and (dev or cnn):
        raise SettingError("--dev and --cnn are about the table that --train makes; give --train too")
    if train and isinstance(model, Discovery):
        raise SettingError(
            "--train trains classifiers like MODEL, and a run is none; give the folder of a classifier"
        )


def _table(
    model: Any,
    analysis: Analysis,
    train: list[RelationInstance],
    dev: list[RelationInstance],
    *,
    seeds: int,
    cnn: bool,
    progress: Progress,
    work: Path | None,
) -> TableOne:
    from relscout.analysis.rows import rows_like
    from relscout.analysis.table_one import table_one

    if analysis.data.gold is None:
        raise InputError("the table tests classifiers on DATA, and none of its instances has a gold relation")
    rows, fingerprint = rows_like(model, cnn=cnn)
    made = table_one(
        rows,
        train,
        analysis.data.instances,
        dev or None,
        seeds=range(seeds),
        fingerprint=fingerprint,
        progress=progress,
        checkpoints=work,
    )
    for warning in made.warnings:
        say_note(warning)
    return made


def _tell_left_out(analysis: Analysis) -> None:
    data = analysis.data
    if data.unlabelled:
        say_note(f"{counted(data.unlabelled, 'instance')} without a gold relation left out")
    if data.unknown:
        names = sorted(data.unknown, key=lambda name: (-data.unknown[name], name))
        told = ", ".join(f"{name!r} ({data.unknown[name]:,})" for name in names[:5])
        say_note(
            f"{counted(sum(data.unknown.values()), 'instance')} left out, of "
            f"{counted(len(names), 'relation')} that the model does not know: {told}{', …' if len(names) > 5 else ''}"
        )
    if data.gold is None and analysis.kind == "classifier":
        say_note("no instance has a gold relation, so only changes are reported, not errors")


def _show(analysis: Analysis, model: Path, table: TableOne | None) -> None:
    from relscout.cli.analyze_screen import parts
    from relscout.cli.analyze_table import table_parts

    console = output()
    about = Text.assemble((visible(str(model)), "bold"), f": {_described(analysis)}")
    console.print(about)
    console.print()
    for part in parts(analysis, width=console.width):
        console.print(part)
    if table is not None:
        console.print()
        for part in table_parts(table, width=console.width):
            console.print(part)


def _described(analysis: Analysis) -> str:
    kind = "a run" if analysis.kind == "run" else "a classifier"
    told = [f"{kind} of {counted(analysis.n_relations, 'relation')}"]
    if analysis.encoder is not None:
        told.append(f"encoder {Path(analysis.encoder).name}")
    if analysis.marking is not None:
        told.append(f"marking {analysis.marking}")
    told.append(counted(len(analysis.answers.instances), "instance"))
    if analysis.figures.none:
        told.append(f"micro-F1 without {', '.join(map(repr, analysis.figures.none))}")
    return visible("; ".join(told))
