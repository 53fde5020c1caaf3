"""The table of a preset whose relations are given, under one protocol, with what was published beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import median

from relscout.experiments.footnotes import Footnotes
from relscout.experiments.layout import NOTHING, Cell, Column, Note, Table
from relscout.experiments.lesson_scores import EPISODES, TEST
from relscout.experiments.protocols import protocol
from relscout.experiments.quantities import as_printed, difference, percent, rounded
from relscout.experiments.row_cells import RUN_COLUMNS, run_cells
from relscout.experiments.schema import Published
from relscout.experiments.summaries import Measured, Summary
from relscout.metrics import MeanStd, mean_std

_TITLES = {"micro_f1": "micro-F1", "accuracy": "accuracy"}
#: What is shown beside when all scores are asked for.
_MORE = {
    "micro_precision": "micro-P",
    "micro_recall": "micro-R",
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
}
_SUPERVISED = (
    "In percent; the median over the seeds, as the paper has it, and mean ± sample standard deviation."
)
_FEW_SHOT = (
    "In percent: accuracy ± its standard error over the episodes, which are the same for every row and seed."
)
_PAIRED = "Published (Δ): the published score, and ours minus published."


def lesson_table(measured: Measured, *, all_scores: bool = False) -> Table:
    """Return the table of a supervised or few-shot preset under one protocol.

    Rows: the trivial one, frozen encoders, methods, what a sweep varied, then the published ones. The best of every
    column is bold, as it is printed.

    Args:
        measured: The preset under the protocol, and its records.
        all_scores: Whether precision, recall, macro-F1 and accuracy have columns as well, where it is supervised.
    """
    return _LessonTable(measured, all_scores=all_scores).build()


@dataclass(frozen=True)
class _Score:
    """A score that is published, and where records have it."""

    published: str
    title: str
    of: str
    field: str

    def values(self, summary: Summary, field: str = "") -> list[float]:
        """Return the score, or another field, for every seed."""
        return [float(record["scores"][self.of][field or self.field]) for record in summary.records]


class _LessonTable:
    """What the parts of the table have to know of each other."""

    def __init__(self, measured: Measured, *, all_scores: bool) -> None:
        self.measured, self.preset = measured, measured.preset
        known = protocol(self.preset.protocol)
        self.supervised = known.kind == "supervised"
        self.more = [name for name in _MORE if name != known.score] if all_scores and self.supervised else []
        self.scores = (
            [_Score(self.preset.protocol, _TITLES[known.score], TEST, known.score)]
            if self.supervised
            else [_Score(name, name.replace("-way-", "-way "), name, "accuracy") for name in EPISODES]
        )
        waiting = self.preset.waiting()
        self.summaries = [one for one in measured.table() if one.records or one.row not in waiting]
        self.swept = [one for one in measured.swept() if one.records]
        self.published = [
            one
            for one in self.preset.published
            if any(score.published in one.scores for score in self.scores)
        ]
        self.footnotes = Footnotes(
            [record for one in (*self.summaries, *self.swept) for record in one.records]
        )
        rows = {one.row for one in self.summaries}
        self.paired = {
            score.published
            for score in self.scores
            if any(score.published in one.scores and one.row in rows for one in self.published)
        }
        rivals = [one for one in (*self.summaries, *self.swept) if one.kind != "trivial" and one.records]
        self.best = {
            score: max((rounded(self._value(one, score).mean) for one in rivals), default=None)
            for score in self.scores
        }

    def build(self) -> Table:
        blocks = [
            [self._measured_row(one) for one in self.summaries if one.kind == kind]
            for kind in ("trivial", "frozen", "method")
        ]
        blocks += [
            [self._measured_row(one) for one in self.swept],
            [self._published_row(one) for one in self.published],
        ]
        described = protocol(self.preset.protocol).description
        notes = self.footnotes.notes()
        if self.published and self.preset.paper:
            notes.append(Note(f"Paper of the experiment: {self.preset.paper}"))
        if strangers := self.measured.strangers():
            notes.append(Note(f"Left out, because the preset has no such row: {', '.join(strangers)}."))
        return Table(
            name=f"{self.preset.name}-{self.preset.protocol}",
            title=f"{self.preset.title}: {self.preset.protocol}",
            caption=" ".join(
                [
                    f"{described[0].upper()}{described[1:]}.",
                    _SUPERVISED if self.supervised else _FEW_SHOT,
                    *([_PAIRED] if self.paired else []),
                ]
            ),
            columns=self._columns(),
            blocks=[block for block in blocks if block],
            notes=notes,
        )

    def _columns(self) -> list[Column]:
        columns = [Column("row", numeric=False)]
        for score in self.scores:
            columns.append(Column(score.title))
            columns += [Column("mean")] if self.supervised else []
            columns += [Column("published (Δ)")] if score.published in self.paired else []
        return [*columns, *(Column(_MORE[name]) for name in self.more), *RUN_COLUMNS[1:]]

    def _measured_row(self, summary: Summary) -> list[Cell]:
        varied = ", ".join(f"{name} {value}" for name, value in summary.variation.items())
        cells = [
            Cell(f"{summary.row}, {varied}" if varied else summary.row, mark=self.footnotes.of_row(summary))
        ]
        for score in self.scores:
            cells += self._score_cells(summary, score)
        for name in self.more:
            values = self.scores[0].values(summary, name)
            cells.append(Cell(percent(mean_std(values)) if values else NOTHING))
        return [*cells, *run_cells(summary, self.footnotes)[1:]]

    def _score_cells(self, summary: Summary, score: _Score) -> list[Cell]:
        ours = self._value(summary, score) if summary.records else None
        bold = ours is not None and summary.kind != "trivial" and rounded(ours.mean) == self.best[score]
        cells = [Cell(NOTHING if ours is None else percent(ours), bold=bold)]
        if self.supervised:
            cells.append(Cell(NOTHING if ours is None else percent(mean_std(score.values(summary)))))
        if score.published in self.paired:
            found = [one.scores for one in self.published if one.row == summary.row and not summary.variation]
            printed = next((scores[score.published] for scores in found if score.published in scores), None)
            cells.append(Cell("" if printed is None else _beside(ours, printed)))
        return cells

    def _value(self, summary: Summary, score: _Score) -> MeanStd:
        """Return what stands in the column of a score: a median, or an accuracy with its standard error."""
        values = score.values(summary)
        if self.supervised:
            return MeanStd(median(values), None, len(values))
        errors = score.values(summary, "standard_error")
        error = sqrt(sum(one**2 for one in errors)) / len(errors)
        return MeanStd(sum(values) / len(values), None if summary.kind == "trivial" else error, len(values))

    def _published_row(self, published: Published) -> list[Cell]:
        cells = [Cell(f"{published.row}, published", mark=self.footnotes.mark(published.source))]
        for score in self.scores:
            value = published.scores.get(score.published)
            cells.append(Cell(NOTHING if value is None else as_printed(value)))
            cells += [Cell("")] if self.supervised else []
            cells += [Cell("")] if score.published in self.paired else []
        return [*cells, *(Cell("") for _ in self.more), *(Cell() for _ in RUN_COLUMNS[1:])]


def _beside(ours: MeanStd | None, published: float) -> str:
    printed = as_printed(published)
    return printed if ours is None else f"{printed} ({difference(ours, published)})"
