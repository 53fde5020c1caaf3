"""``relscout demo``: the main job on the bundled corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.discover import show
from relscout.cli.screen import output, progress_bars


def command(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the results; an older run in it is replaced.")
    ] = Path("demo-run"),
    seed: options.Seed = 0,
) -> None:
    """Find the relations of the bundled corpus.

    They are shown with examples, written to a folder, and scored against the gold relations, which were hidden.
    """
    from relscout.corpus import bundled_corpus
    from relscout.discovery import discover
    from relscout.discovery.storage import REPORT, check_target
    from relscout.metrics import score
    from relscout.report import write_report

    check_target(out, overwrite=True)
    instances = list(bundled_corpus())
    with progress_bars(resumable=False) as progress:
        found = discover(instances, seed=seed, progress=progress)
        found.save(out)
        gold = {one.id: str(one.relation) for one in instances}
        write_report(
            found, out / REPORT, title="Relations of the bundled corpus", gold=gold, progress=progress
        )
    show(found, out)
    scores = score(found.assignments.relation_ids, [instance.relation for instance in instances])
    output().print(
        f"Against the gold relations, which were hidden: B³ F1 {scores.b3_f1:.3f}, V-measure {scores.v_measure:.3f}, "
        f"ARI {scores.ari:.3f}\n({scores.n_gold} relations, 'no_relation' counted as one)\n\n"
        f"Next: [bold]relscout discover YOUR-FILE --out DIR[/bold], then [bold]relscout extract DIR NEW-FILE[/bold]"
    )
