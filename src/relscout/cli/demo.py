"""``relscout demo``: discover the relations of the bundled text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relscout.cli import options
from relscout.cli.discover import show
from relscout.cli.screen import output, progress_bars
from relscout.core.instances import RelationInstance

if TYPE_CHECKING:
    import numpy as np

#: Relations that the screen shows; the page shows all.
_SHOWN = 10


def command(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Output directory; an older run in it is replaced.")
    ] = Path("demo-run"),
    seed: options.Seed = 0,
) -> None:
    """Find the relations and facts of the bundled text.

    Prints them with examples, writes them to a folder, and compares them with the gold relations of the same
    sentences.
    """
    from relscout.discovery import TEXT_PRECISION, discover
    from relscout.discovery.storage import REPORT, check_target
    from relscout.report import write_report
    from relscout.text.corpus import bundled_corpus, bundled_text
    from relscout.text.pairs import mark
    from relscout.text.spacy_pipeline import SpacyPipeline

    check_target(out, overwrite=True)
    with progress_bars(resumable=False) as progress:
        instances = list(mark(bundled_text(), annotator=SpacyPipeline.load()))
        discovery = discover(instances, precision=TEXT_PRECISION, seed=seed, progress=progress)
        discovery.save(out)
        write_report(discovery, out / REPORT, title="Relations of the bundled text", progress=progress)
    show(discovery, out, limit=_SHOWN)
    ids = discovery.assignments.relation_ids
    output().print(
        f"{_compared(instances, ids, list(bundled_corpus()))}\n\n"
        f"Next: [bold]relscout discover YOUR-TEXT --out DIR[/bold], then [bold]relscout extract DIR NEW-TEXT[/bold]"
    )


def _compared(
    instances: list[RelationInstance], relation_ids: np.ndarray, marked: list[RelationInstance]
) -> str:
    """Return how the result compares with the pairs that people marked, where the two mentions are the same."""
    from relscout.metrics import score

    gold = {_place(instance): instance for instance in marked}
    rows = [row for row, instance in enumerate(instances) if _place(instance) in gold]
    names = [str(gold[_place(instances[row])].relation) for row in rows]
    kept = [place for place, row in enumerate(rows) if relation_ids[row] >= 0]
    related = sum(not gold[_place(instances[rows[place]])].is_unrelated for place in kept)
    scores = score(relation_ids[[rows[place] for place in kept]], [names[place] for place in kept])
    return (
        f"Gold data: {len(marked)} annotated pairs, {len(rows)} of them among the pairs above. {len(kept)} of these "
        f"were kept, {related} of them related. Agreement: B³ F1 {scores.b3_f1:.3f}, V-measure {scores.v_measure:.3f}"
    )


def _place(instance: RelationInstance) -> tuple[str, frozenset[tuple[int, int]]]:
    spans = ((mention.start, mention.end) for mention in (instance.head, instance.tail))
    return instance.text, frozenset(spans)
