"""The table of an experiment: what was measured, beside what was published, under one scoring."""

from __future__ import annotations

from collections.abc import Sequence

from relscout.experiments.footnotes import Footnotes
from relscout.experiments.layout import NOTHING, Cell, Column, Note, Table
from relscout.experiments.quantities import as_printed, difference
from relscout.experiments.row_cells import BALANCED, RUN_COLUMNS, TITLES, best_of, run_cells, score_cell
from relscout.experiments.schema import Published
from relscout.experiments.summaries import Measured, Summary
from relscout.metrics import MeanStd

#: Scoring → what the titles of tables call it, and what a reader has to know of it.
MEANINGS = {
    "raw": ("raw clusters", "Clusters are scored as they are."),
    "majority-mapped": (
        "majority-mapped clusters",
        "Before scoring, clusters with the same most frequent gold relation are merged (SelfORE's protocol). This "
        "looks at the gold labels and lifts the figures, up to 100 for singletons: they are not comparable with those "
        "of raw clusters.",
    ),
    "gold-selected": (
        "raw clusters of the epoch that gold relations chose",
        "The epoch is the one with the best B³ F1 by the gold relations of what is clustered (RoCORE's released code). "
        "Nobody without these relations can choose so: the figures are not comparable with those of raw clusters.",
    ),
}
UNITS = "In percent; mean ± sample standard deviation over the seeds."
_PAIRED = "Published (Δ): the published score, and ours minus published."


def scores_table(measured: Measured, scoring: str, *, all_scores: bool = False) -> Table:
    """Return the table of an experiment under one scoring.

    Rows: trivial ones, frozen encoders, methods, then the published ones of that scoring. The best mean of every
    column is bold; what is best is told by the figures as they are printed.

    Args:
        measured: The preset and its records.
        scoring: ``"raw"``, ``"majority-mapped"`` or ``"gold-selected"``.
        all_scores: Whether precision and recall, homogeneity and completeness have columns as well.
    """
    return _ScoresTable(measured, scoring, tuple(TITLES) if all_scores else BALANCED).build()


class _ScoresTable:
    """What the parts of the table have to know of each other."""

    def __init__(self, measured: Measured, scoring: str, scores: Sequence[str]) -> None:
        self.preset = measured.preset
        self.scoring, self.scores = scoring, scores
        self.summaries = measured.table()
        if scoring == "gold-selected":
            # few methods keep what each epoch told: the others have nothing to show here
            self.summaries = [one for one in self.summaries if one.score("b3_f1", scoring) is not None]
        self.strangers = measured.strangers()
        self.footnotes = Footnotes([record for summary in self.summaries for record in summary.records])
        self.published = [one for one in self.preset.published if one.scoring == scoring]
        self.paired = _paired(self.summaries, self.published, scores)
        self.best = best_of(self.summaries, scoring, scores)

    def build(self) -> Table:
        what, meaning = MEANINGS[self.scoring]
        blocks = [
            [self._measured_row(summary) for summary in self.summaries if summary.kind == kind]
            for kind in ("trivial", "frozen", "method")
        ]
        published = [self._published_row(one) for one in self.published]
        notes = self.footnotes.notes()
        if published and self.preset.paper:
            notes.append(Note(f"Paper of the experiment: {self.preset.paper}"))
        if self.strangers:
            notes.append(Note(f"Left out, because the preset has no such row: {', '.join(self.strangers)}."))
        return Table(
            name=f"{self.preset.name}-{self.scoring}",
            title=f"{self.preset.title}: {what}",
            caption=" ".join([meaning, UNITS, *([_PAIRED] if self.paired else [])]),
            columns=self._columns(),
            blocks=[block for block in (*blocks, published) if block],
            notes=notes,
        )

    def _columns(self) -> list[Column]:
        columns = [Column("row", numeric=False)]
        for score in self.scores:
            columns.append(Column(TITLES[score]))
            if score in self.paired:
                columns.append(Column("published (Δ)"))
        return [*columns, *RUN_COLUMNS]

    def _measured_row(self, summary: Summary) -> list[Cell]:
        cells = [Cell(summary.row, mark=self.footnotes.of_row(summary))]
        published = [one.scores for one in self.published if one.row == summary.row]
        for score in self.scores:
            value = summary.score(score, self.scoring)
            cells.append(score_cell(summary, score, self.scoring, self.best))
            if score in self.paired:
                printed = next((scores[score] for scores in published if score in scores), None)
                cells.append(Cell(_beside(value, printed)))
        return [*cells, *run_cells(summary, self.footnotes)]

    def _published_row(self, published: Published) -> list[Cell]:
        cells = [Cell(f"{published.row}, published", mark=self.footnotes.mark(published.source))]
        for score in self.scores:
            value = published.scores.get(score)
            cells.append(Cell(NOTHING if value is None else as_printed(value)))
            if score in self.paired:
                cells.append(Cell(""))
        return [*cells, *(Cell() for _ in RUN_COLUMNS)]


def _paired(summaries: Sequence[Summary], published: Sequence[Published], scores: Sequence[str]) -> set[str]:
    """Return the scores that have a published figure beside a measured row."""
    rows = {summary.row for summary in summaries}
    return {score for one in published if one.row in rows for score in scores if score in one.scores}


def _beside(ours: MeanStd | None, published: float | None) -> str:
    if published is None:
        return ""
    printed = as_printed(published)
    return printed if ours is None else f"{printed} ({difference(ours, published)})"
