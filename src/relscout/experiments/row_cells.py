"""The cells of a measured row: its scores, the best of them bold, and what the row cost and was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relscout.experiments.footnotes import Footnotes
from relscout.experiments.layout import NOTHING, Cell, Column
from relscout.experiments.quantities import between, duration, memory, parameters, percent, rounded
from relscout.experiments.summaries import Summary, distinct
from relscout.metrics.baselines import SINGLETONS

#: Score → its title, in the order of the columns.
TITLES = {
    "b3_f1": "B³ F1",
    "b3_precision": "B³ P",
    "b3_recall": "B³ R",
    "v_measure": "V",
    "homogeneity": "hom.",
    "completeness": "compl.",
    "ari": "ARI",
}
#: The scores that weigh both sides; of the others, one cluster or singletons have the best there is.
BALANCED = ("b3_f1", "v_measure", "ari")
#: What a row cost and was made of; texts among them are aligned to the left.
RUN_COLUMNS = tuple(
    Column(title, numeric=title not in ("encoder", "machine"))
    for title in ("K", "seeds", "encoder", "labelled", "machine", "time", "memory")
)


def best_of(summaries: Sequence[Summary], scoring: str, scores: Sequence[str]) -> dict[str, float]:
    """Return the best mean of every score, rounded as it is printed, among the rows that compete in it."""
    best = {}
    for score in scores:
        rivals = [one for one in summaries if competes(one, score, scoring)]
        values = [value.mean for one in rivals if (value := one.score(score, scoring))]
        if values:
            best[score] = rounded(max(values))
    return best


def competes(summary: Summary, score: str, scoring: str) -> bool:
    """Tell whether a row can be the best in earnest: a trivial one cannot where its score is perfect in any case."""
    if summary.kind != "trivial":
        return True
    return score in BALANCED and not (scoring == "majority-mapped" and summary.row == SINGLETONS)


def score_cell(summary: Summary, score: str, scoring: str, best: Mapping[str, float]) -> Cell:
    """Return the cell of a score, bold where it is the best."""
    value = summary.score(score, scoring)
    if value is None:
        return Cell()
    bold = competes(summary, score, scoring) and rounded(value.mean) == best[score]
    return Cell(percent(value), bold=bold)


def run_cells(summary: Summary, footnotes: Footnotes) -> list[Cell]:
    """Return what a row cost and what it was made of: K, seeds, encoder, labelled, machine, time, memory."""
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
    """Return the number of seeds, and of how many where some are missing."""
    if summary.kind == "trivial":
        return NOTHING
    done, missing = len(summary.records), len(summary.missing)
    return f"{done} of {done + missing}" if missing else f"{done}"


def encoder_text(encoder: Mapping[str, object]) -> str:
    """Return name and size of an encoder: ``minilm (22.6 M)``."""
    name = str(encoder.get("model", NOTHING)).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    size = encoder.get("parameters")
    return f"{name} ({parameters(size)})" if isinstance(size, int) else name
