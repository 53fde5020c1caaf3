"""Tables of an experiment: measured and published scores, sweeps, and single relations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from relscout.lab.learners import EPISODES, TEST
from relscout.lab.protocols import protocol
from relscout.lab.records import Record
from relscout.lab.schema import Published
from relscout.lab.summaries import Measured, Summary, distinct
from relscout.lab.table_formats import (
    NOTHING,
    Cell,
    Column,
    Note,
    Table,
    as_printed,
    between,
    difference,
    duration,
    memory,
    parameters,
    percent,
    rounded,
)
from relscout.metrics import MeanStd, mean_std
from relscout.metrics.clustering import SINGLETONS


class Footnotes:
    """Assigns letters to the notes and machines of a table.

    Args:
        records: All records of the table; the newest one determines the table's commit.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._letters: dict[str, str] = {}
        self._machines: dict[str, str] = {}
        # of the records of one day, the last one is the newest
        newest = max(enumerate(records), key=lambda entry: (entry[1]["date"], entry[0]), default=None)
        self.commit = None if newest is None else commit_of(newest[1])

    def mark(self, *texts: str) -> str:
        """Return the letters of notes, joined by commas; equal notes share a letter."""
        for text in texts:
            self._letters.setdefault(text, _letter(len(self._letters)))
        return ",".join(self._letters[text] for text in texts)

    def of_row(self, summary: Summary) -> str:
        """Return the letters of the notes on a row."""
        texts = [
            f"measured at commit {commit}"
            for commit in distinct(map(commit_of, summary.records))
            if commit != self.commit
        ]
        if summary.outdated:
            texts.append(
                f"measured with other values of {', '.join(summary.outdated)} than the preset states now"
            )
        return self.mark(*texts)

    def machines(self, summary: Summary) -> str:
        """Return the capital letters of a row's machines."""
        names = distinct(machine_name(record["machine"]) for record in summary.records)
        for name in names:
            self._machines.setdefault(name, _letter(len(self._machines)).upper())
        return ", ".join(self._machines[name] for name in names)

    def notes(self) -> list[Note]:
        """Return the notes, those of the whole table first."""
        commit = (
            [] if self.commit is None else [Note(f"Measured at commit {self.commit}, except where marked.")]
        )
        if commit and not any(text.startswith("measured at commit") for text in self._letters):
            commit = [Note(f"Measured at commit {self.commit}.")]
        machines = [Note(f"Machine {letter}: {name}.") for name, letter in self._machines.items()]
        return [*commit, *machines, *(Note(text, mark) for text, mark in self._letters.items())]


def commit_of(record: Record) -> str:
    """Return the commit of a record; if it is unknown, also the commit that added the record."""
    added = record.get("recorded_in")
    return f"{record['commit']} (record added in {added})" if added else record["commit"]


def machine_name(machine: Any) -> str:
    """Return a machine as ``Intel Xeon, 2 cores, Linux x86_64``."""
    if not isinstance(machine, dict):
        return str(machine)
    parts = {**machine, "cores": f"{machine.get('cores')} cores"}
    return ", ".join(str(parts[key]) for key in ("processor", "cores", "system") if machine.get(key))


def _letter(place: int) -> str:
    """Return the letter of a position: a, b … z, aa, ab and so on."""
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("a") + last)


#: Score → column title.
TITLES = {
    "b3_f1": "B³ F1",
    "b3_precision": "B³ P",
    "b3_recall": "B³ R",
    "v_measure": "V",
    "homogeneity": "hom.",
    "completeness": "compl.",
    "ari": "ARI",
}
#: The scores that one cluster or singletons cannot maximise.
BALANCED = ("b3_f1", "v_measure", "ari")
#: Score of the scoring ``open-world`` → column title.
OPEN_WORLD_TITLES = {
    "predefined_micro_f1": "known micro-F1",
    "predefined_macro_f1": "known macro-F1",
    "novel_b3_f1": "novel B³ F1",
    "novel_v_measure": "novel V",
    "novel_ari": "novel ARI",
    "novelty_auroc": "novelty AUROC",
    "predefined_accuracy": "known acc.",
    "novel_accuracy": "novel acc.",
    "novelty_f1": "novelty F1",
    "no_relation_f1": "no relation F1",
    "accuracy": "acc.",
    "b3_f1": "B³ F1",
    "v_measure": "V",
    "ari": "ARI",
}
#: Those in every table.
OPEN_WORLD = tuple(OPEN_WORLD_TITLES)[:6]


def shown_scores(scoring: str, *, all_scores: bool = False) -> dict[str, str]:
    """Return the scores in the table of a scoring, with their titles."""
    titles, usual = (OPEN_WORLD_TITLES, OPEN_WORLD) if scoring == "open-world" else (TITLES, BALANCED)
    return titles if all_scores else {name: titles[name] for name in usual}


#: Columns about the run.
RUN_COLUMNS = tuple(
    Column(title, numeric=title not in ("encoder", "machine"))
    for title in ("K", "seeds", "encoder", "labelled", "machine", "time", "memory")
)


def best_of(summaries: Sequence[Summary], scoring: str, scores: Sequence[str]) -> dict[str, float]:
    """Return the best mean of each score, rounded as printed, among the competing rows."""
    best = {}
    for score in scores:
        rivals = [summary for summary in summaries if competes(summary, score, scoring)]
        values = [value.mean for summary in rivals if (value := summary.score(score, scoring))]
        if values:
            best[score] = rounded(max(values))
    return best


def competes(summary: Summary, score: str, scoring: str) -> bool:
    """Return whether a row may be the best; not so one with gold relations of what the others cluster.

    Neither may a trivial one whose score is perfect on any data.
    """
    if summary.kind != "trivial":
        return summary.kind != "supervised"
    return score in BALANCED and not (scoring == "majority-mapped" and summary.row == SINGLETONS)


def score_cell(summary: Summary, score: str, scoring: str, best: Mapping[str, float]) -> Cell:
    """Return the cell of a score, bold if it is the best."""
    value = summary.score(score, scoring)
    if value is None:
        return Cell()
    bold = competes(summary, score, scoring) and rounded(value.mean) == best[score]
    return Cell(percent(value), bold=bold)


def run_cells(summary: Summary, footnotes: Footnotes) -> list[Cell]:
    """Return the cells of :data:`RUN_COLUMNS`."""
    records = summary.records
    if not records:
        return [Cell(), Cell(seeds_text(summary)), *(Cell() for _ in RUN_COLUMNS[2:])]
    seconds = [record["seconds"]["total"] for record in records if "total" in record["seconds"]]
    peaks = [record["peak_mib"] for record in records if record["peak_mib"] is not None]
    encoders = distinct(encoder_text(record["encoder"]) for record in records if record["encoder"])
    texts = [
        between([record["n_relations"] for record in records]),
        seeds_text(summary),
        ", ".join(encoders) or NOTHING,
        between([record["labeled"] for record in records]),
        footnotes.machines(summary),
        duration(sum(seconds) / len(seconds)) if seconds else NOTHING,
        memory(max(peaks)) if peaks else NOTHING,
    ]
    return [Cell(text) for text in texts]


def seeds_text(summary: Summary) -> str:
    """Return the number of seeds, and the expected number if some are missing."""
    if summary.kind == "trivial":
        return NOTHING
    done, missing = len(summary.records), len(summary.missing)
    return f"{done} of {done + missing}" if missing else f"{done}"


def encoder_text(encoder: Mapping[str, object]) -> str:
    """Return name and size of an encoder: ``minilm (22.6 M)``."""
    name = str(encoder.get("model", NOTHING)).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    size = encoder.get("parameters")
    return f"{name} ({parameters(size)})" if isinstance(size, int) else name


#: Columns before those of ``gold-selected``: other epochs of the same fit → their key in records.
OTHER_EPOCHS = {"last epoch": "last_epoch", "label-free": "raw"}
#: Scoring → its name in titles, and its explanation.
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
        "Of the last epoch, of the epoch that was selected without gold relations, and of the one with the best B³ F1 "
        "by the gold relations of what is scored (RoCORE's released code). Only these relations make such a selection "
        "possible, so gold-selected scores are not comparable with those of raw clusters.",
    ),
    "open-world": (
        "pre-defined and novel relations",
        "Known: names of pre-defined relations, where any other instance with such a name costs precision. Novel: the "
        "clusters of the instances of novel relations. Novelty: whether these instances are classified as novel.",
    ),
}
UNITS = "In percent; mean ± sample standard deviation over the seeds."
_PAIRED = "Published (Δ): the published score, and ours minus published."


def scores_table(measured: Measured, scoring: str, *, all_scores: bool = False) -> Table:
    """Return the table of an experiment under one scoring.

    Rows: trivial ones, frozen encoders, methods, supervised ones, then the published ones. The best printed mean of
    each column is bold.

    Args:
        measured: The preset and its records.
        scoring: ``"raw"``, ``"majority-mapped"``, ``"gold-selected"`` or ``"open-world"``.
        all_scores: Whether to add precision and recall, homogeneity and completeness.
    """
    return _ScoresTable(measured, scoring, shown_scores(scoring, all_scores=all_scores)).build()


class _ScoresTable:
    """Builds :func:`scores_table`."""

    def __init__(self, measured: Measured, scoring: str, titles: Mapping[str, str]) -> None:
        self.preset = measured.preset
        self.titles, scores = titles, tuple(titles)
        self.scoring, self.scores = scoring, scores
        self.summaries = measured.table()
        if scoring in ("gold-selected", "open-world"):
            # only some methods store the outputs of each epoch, and trivial rows have no names
            self.summaries = [
                summary
                for summary in self.summaries
                if any(summary.score(name, scoring) is not None for name in scores)
            ]
        self.unknown_rows = measured.unknown_rows()
        self.footnotes = Footnotes([record for summary in self.summaries for record in summary.records])
        self.published = [row for row in self.preset.published if row.scoring == scoring]
        self.paired = _paired(self.summaries, self.published, scores)
        self.best = best_of(self.summaries, scoring, scores)
        self.before = OTHER_EPOCHS if scoring == "gold-selected" else {}

    def build(self) -> Table:
        what, meaning = MEANINGS[self.scoring]
        blocks = [
            [self._measured_row(summary) for summary in self.summaries if summary.kind == kind]
            for kind in ("trivial", "frozen", "method", "supervised")
        ]
        published = [self._published_row(row) for row in self.published]
        notes = self.footnotes.notes()
        if published and self.preset.paper:
            notes.append(Note(f"Paper of the experiment: {self.preset.paper}"))
        if self.unknown_rows:
            notes.append(
                Note(f"Left out, because the preset has no such row: {', '.join(self.unknown_rows)}.")
            )
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
            columns += [Column(f"{self.titles[score]}, {epoch}") for epoch in self.before]
            columns.append(Column(self.titles[score] + (", gold-selected" if self.before else "")))
            if score in self.paired:
                columns.append(Column("published (Δ)"))
        return [*columns, *RUN_COLUMNS]

    def _measured_row(self, summary: Summary) -> list[Cell]:
        cells = [Cell(summary.row, mark=self.footnotes.of_row(summary))]
        published = [row.scores for row in self.published if row.row == summary.row]
        for score in self.scores:
            value = summary.score(score, self.scoring)
            others = [summary.score(score, key) for key in self.before.values()]
            cells += [Cell() if other is None else Cell(percent(other)) for other in others]
            cells.append(score_cell(summary, score, self.scoring, self.best))
            if score in self.paired:
                printed = next((scores[score] for scores in published if score in scores), None)
                cells.append(Cell(_published_text(value, printed)))
        return [*cells, *run_cells(summary, self.footnotes)]

    def _published_row(self, published: Published) -> list[Cell]:
        cells = [Cell(f"{published.row}, published", mark=self.footnotes.mark(published.source))]
        for score in self.scores:
            value = published.scores.get(score)
            cells += [Cell("") for _ in self.before]
            cells.append(Cell(NOTHING if value is None else as_printed(value)))
            if score in self.paired:
                cells.append(Cell(""))
        return [*cells, *(Cell() for _ in RUN_COLUMNS)]


def _paired(summaries: Sequence[Summary], published: Sequence[Published], scores: Sequence[str]) -> set[str]:
    rows = {summary.row for summary in summaries}
    return {score for row in published if row.row in rows for score in scores if score in row.scores}


def _published_text(ours: MeanStd | None, published: float | None) -> str:
    if published is None:
        return ""
    printed = as_printed(published)
    return printed if ours is None else f"{printed} ({difference(ours, published)})"


def sweep_table(measured: Measured, scoring: str) -> Table | None:
    """Return the scores at every value of the preset's sweep; ``None`` without a sweep or records of it.

    Args:
        measured: The preset and its records.
        scoring: ``"raw"``, ``"majority-mapped"``, ``"gold-selected"`` or ``"open-world"``.
    """
    sweep, swept = measured.preset.sweep, measured.swept()
    if sweep is None or not any(summary.records for summary in swept):
        return None
    footnotes = Footnotes([record for summary in swept for record in summary.records])
    shown = shown_scores(scoring)
    if scoring == "open-world":
        drawn = {figure.score for figure in measured.preset.figures if figure.kind == "sweep"}
        shown |= {name: title for name, title in OPEN_WORLD_TITLES.items() if name in drawn}
    best = best_of(swept, scoring, tuple(shown))

    def row(summary: Summary) -> list[Cell]:
        seconds = [record["seconds"]["total"] for record in summary.records if "total" in record["seconds"]]
        return [
            Cell(summary.row, mark=footnotes.of_row(summary)),
            Cell(str(summary.variation[sweep.setting])),
            *(score_cell(summary, score, scoring, best) for score in shown),
            Cell(
                between([record["n_relations"] for record in summary.records]) if summary.records else NOTHING
            ),
            Cell(seeds_text(summary)),
            Cell(duration(sum(seconds) / len(seconds)) if seconds else NOTHING),
        ]

    what, meaning = MEANINGS[scoring]
    titles = (sweep.setting, *shown.values(), "K", "seeds", "time")
    return Table(
        name=f"{measured.preset.name}-sweep-{scoring}",
        title=f"{measured.preset.title}: {sweep.setting}, {what}",
        caption=f"{meaning} {UNITS}",
        columns=[Column("row", numeric=False), *map(Column, titles)],
        blocks=[[row(summary) for summary in swept if summary.row == name] for name in sweep.rows],
        notes=footnotes.notes(),
    )


def probes_table(measured: Measured) -> Table | None:
    """Return the purity of neighbours and the few-shot accuracy of each row; ``None`` if no record has them."""
    probes = measured.preset.probes
    summaries = [
        summary for summary in measured.table() if any(record.get("probes") for record in summary.records)
    ]
    if probes is None or not summaries or not (probes.neighbours or probes.shots):
        return None
    footnotes = Footnotes([record for summary in summaries for record in summary.records])

    def values(summary: Summary, kind: str, number: int) -> list[float]:
        entries = [record.get("probes", {}).get(kind, {}).get(str(number)) for record in summary.records]
        return [
            entry["accuracy"] if isinstance(entry, dict) else entry
            for entry in entries
            if entry not in (None, {})
        ]

    asked = [("neighbours", number) for number in probes.neighbours]
    asked += [("shots", number) for number in probes.shots]
    rows = [
        [
            Cell(summary.row, mark=footnotes.of_row(summary)),
            *(
                Cell(percent(mean_std(shares)) if (shares := values(summary, *what)) else NOTHING)
                for what in asked
            ),
            Cell(seeds_text(summary)),
        ]
        for summary in summaries
    ]
    titles = [f"{number} neighbours" if kind == "neighbours" else f"{number} shot" for kind, number in asked]
    return Table(
        name=f"{measured.preset.name}-probes",
        title=f"{measured.preset.title}: representations",
        caption=(
            "Neighbours: share of the nearest neighbours with the same gold relation. Shot: accuracy in episodes of "
            f"five relations, by the nearest mean of so many instances of each. {UNITS}"
        ),
        columns=[Column("row", numeric=False), *map(Column, titles), Column("seeds")],
        blocks=[rows],
        notes=footnotes.notes(),
    )


def names_tables(
    measured: Measured,
    rows: Collection[str] | None = None,
    *,
    gold_names: Mapping[str, str] | None = None,
) -> list[Table]:
    """Return a table of relation names for each row that has them (SelfORE's Table 2), with the lowest seed.

    Args:
        measured: The preset and its records.
        rows: Names of the rows; all by default.
        gold_names: Names of gold relations, in addition to those of the preset. Others are shown as they are.
    """
    named_gold = {**measured.preset.gold_names, **(gold_names or {})}

    def shown(gold: str | None) -> str:
        if gold is None:
            return NOTHING
        return f"{named_gold[gold]} ({gold})" if named_gold.get(gold, gold) != gold else gold

    tables: list[Table] = []
    for summary in measured.table():
        if rows is not None and summary.row not in rows:
            continue
        named = next((record for record in summary.records if record["names"]), None)
        if named is None:
            continue
        # records of earlier versions lack the n-grams
        by_frequency = any("ngram" in relation for relation in named["names"])
        lines = [
            [
                Cell(relation["name"]),
                *([Cell(relation.get("ngram") or NOTHING)] if by_frequency else []),
                Cell(f"{relation['size']:,}"),
                Cell(shown(relation["gold"])),
                Cell(NOTHING if relation["gold"] is None else f"{relation['share']:.0%}"),
            ]
            for relation in sorted(named["names"], key=lambda relation: -relation["size"])
        ]
        columns = ["extracted name", "size", "majority gold relation", "its share"]
        if by_frequency:
            columns.insert(1, "most frequent n-gram")
        tables.append(
            Table(
                name=f"{measured.preset.name}-names-{len(tables) + 1}",
                title=f"{measured.preset.title}: relations found by {summary.row}",
                caption="Each with its most frequent gold relation and the share of it among the scored instances.",
                columns=[Column(title, numeric=title in ("size", "its share")) for title in columns],
                blocks=[lines],
                notes=[Note(f"Seed {named['seed']}, commit {named['commit']}.")],
            )
        )
    return tables


_TITLES = {"micro_f1": "micro-F1", "accuracy": "accuracy"}
#: Additional columns with all scores.
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
    "In percent; accuracy: the median over the seeds, and mean ± sample standard deviation. The episodes are the same "
    "for every row and seed"
)


def supervised_table(measured: Measured, *, all_scores: bool = False) -> Table:
    """Return the table of a supervised or few-shot preset under one protocol.

    Rows: the trivial one, frozen encoders, methods, variations of the sweep, then the published ones. The best printed
    value of each column is bold.

    Args:
        measured: The preset under the protocol, and its records.
        all_scores: Whether to add precision, recall, macro-F1 and accuracy (supervised only).
    """
    return _SupervisedTable(measured, all_scores=all_scores).build()


@dataclass(frozen=True)
class _Score:
    """A score of a table: its key in published scores, its title, and its place in records."""

    published: str
    title: str
    of: str
    field: str

    def values(self, summary: Summary, field: str = "") -> list[float]:
        """Return the score, or another field, of each seed."""
        return [float(record["scores"][self.of][field or self.field]) for record in summary.records]


class _SupervisedTable:
    """Builds :func:`supervised_table`."""

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
        needing = self.preset.rows_without_encoder()
        self.summaries = [
            summary for summary in measured.table() if summary.records or summary.row not in needing
        ]
        self.swept = [summary for summary in measured.swept() if summary.records]
        self.published = [
            row
            for row in self.preset.published
            if any(score.published in row.scores for score in self.scores)
        ]
        self.footnotes = Footnotes(
            [record for summary in (*self.summaries, *self.swept) for record in summary.records]
        )
        rows = {summary.row for summary in self.summaries}
        self.paired = {
            score.published
            for score in self.scores
            if any(score.published in row.scores and row.row in rows for row in self.published)
        }
        rivals = [
            summary
            for summary in (*self.summaries, *self.swept)
            if summary.kind != "trivial" and summary.records
        ]
        self.best = {
            score: max((rounded(self.value(summary, score).mean) for summary in rivals), default=None)
            for score in self.scores
        }

    def build(self) -> Table:
        blocks = [
            [self._measured_row(summary) for summary in self.summaries if summary.kind == kind]
            for kind in ("trivial", "frozen", "method")
        ]
        blocks += [
            [self._measured_row(summary) for summary in self.swept],
            [self._published_row(row) for row in self.published],
        ]
        described = protocol(self.preset.protocol).description
        notes = self.footnotes.notes()
        if self.published and self.preset.paper:
            notes.append(Note(f"Paper of the experiment: {self.preset.paper}"))
        if unknown_rows := self.measured.unknown_rows():
            notes.append(Note(f"Left out, because the preset has no such row: {', '.join(unknown_rows)}."))
        return Table(
            name=f"{self.preset.name}-{self.preset.protocol}",
            title=f"{self.preset.title}: {self.preset.protocol}",
            caption=" ".join(
                [
                    f"{described[0].upper()}{described[1:]}.",
                    _SUPERVISED if self.supervised else f"{_FEW_SHOT}{self._episodes_error()}.",
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
            columns += [Column(score.title), Column("mean")]
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
        ours = self.value(summary, score) if summary.records else None
        bold = ours is not None and summary.kind != "trivial" and rounded(ours.mean) == self.best[score]
        cells = [Cell(NOTHING if ours is None else percent(ours), bold=bold)]
        cells.append(Cell(NOTHING if ours is None else percent(mean_std(score.values(summary)))))
        if score.published in self.paired:
            published = [
                row.scores for row in self.published if row.row == summary.row and not summary.variation
            ]
            printed = next(
                (scores[score.published] for scores in published if score.published in scores), None
            )
            cells.append(Cell(_published_text(ours, printed)))
        return cells

    def value(self, summary: Summary, score: _Score) -> MeanStd:
        """Return the median over the seeds."""
        values = score.values(summary)
        return MeanStd(median(values), None, len(values))

    def _episodes_error(self) -> str:
        """Return the largest standard error of an accuracy over its episodes, as the end of a sentence."""
        errors = [
            error
            for summary in (*self.summaries, *self.swept)
            for score in self.scores
            for error in score.values(summary, "standard_error")
        ]
        return f"; the standard error over them is at most {100 * max(errors):.1f}" if errors else ""

    def _published_row(self, published: Published) -> list[Cell]:
        cells = [Cell(f"{published.row}, published", mark=self.footnotes.mark(published.source))]
        for score in self.scores:
            value = published.scores.get(score.published)
            cells.append(Cell(NOTHING if value is None else as_printed(value)))
            cells.append(Cell(""))
            cells += [Cell("")] if score.published in self.paired else []
        return [*cells, *(Cell("") for _ in self.more), *(Cell() for _ in RUN_COLUMNS[1:])]


def protocols_table(measured: Sequence[Measured]) -> Table:
    """Return one table of a supervised preset under several protocols, with a column for each (Peng et al., table 5).

    Rows: the trivial one, frozen encoders, methods, then the published ones. Cells are medians over the seeds; the best
    of each column is bold.

    Args:
        measured: The preset under each protocol, and its records; at least one.
    """
    tables = [_SupervisedTable(result, all_scores=False) for result in measured]
    preset = tables[0].preset
    summaries = [{summary.row: summary for summary in table.summaries} for table in tables]
    kinds = {summary.row: summary.kind for table in tables for summary in table.summaries if summary.records}
    footnotes = Footnotes([record for table in tables for row in table.summaries for record in row.records])

    def measured_row(name: str) -> list[Cell]:
        cells = []
        for table, by_name in zip(tables, summaries, strict=True):
            summary, (score,) = by_name.get(name), table.scores
            if summary is None or not summary.records:
                cells.append(Cell())
                continue
            ours = table.value(summary, score)
            bold = summary.kind != "trivial" and rounded(ours.mean) == table.best[score]
            cells.append(Cell(percent(ours), bold=bold))
        records = [record for by_name in summaries if name in by_name for record in by_name[name].records]
        seeds = {len(by_name[name].records) for by_name in summaries if name in by_name} - {0}
        encoders = distinct(encoder_text(record["encoder"]) for record in records if record["encoder"])
        n_seeds = NOTHING if kinds[name] == "trivial" else between(sorted(seeds))
        return [Cell(name), *cells, Cell(n_seeds), Cell(", ".join(encoders) or NOTHING)]

    def published_row(published: Published) -> list[Cell]:
        values = [published.scores.get(table.preset.protocol) for table in tables]
        cells = [Cell(NOTHING if value is None else as_printed(value)) for value in values]
        return [
            Cell(f"{published.row}, published", mark=footnotes.mark(published.source)),
            *cells,
            Cell(),
            Cell(),
        ]

    # in the order of the preset, whatever protocol a row was run under first
    order = {row.name: place for place, row in enumerate(preset.rows)}
    names = sorted(kinds, key=lambda name: order.get(name, -1))
    blocks = [
        [measured_row(name) for name in names if kinds[name] == kind]
        for kind in ("trivial", "frozen", "method")
    ]
    blocks.append([published_row(row) for row in preset.published])
    scores = " and ".join(distinct(_TITLES[protocol(table.preset.protocol).score] for table in tables))
    return Table(
        name=f"{preset.name}-protocols",
        title=f"{preset.title}: all protocols",
        caption=f"In percent: the median of {scores} over the seeds. A dash: not run, or not published.",
        columns=[
            Column("row", numeric=False),
            *(Column(table.preset.protocol) for table in tables),
            Column("seeds"),
            Column("encoder", numeric=False),
        ],
        blocks=[block for block in blocks if block],
        notes=footnotes.notes(),
    )
