from __future__ import annotations

from typing import Any

from relscout.lab.records import Record
from relscout.lab.schema import Preset, Published, Row
from relscout.lab.summaries import Measured
from relscout.lab.tables import protocols_table, supervised_table

ROWS = (
    Row("C+M", "classifier"),
    Row("frozen", "fewshot", kind="frozen"),
    Row("own", "cnn", encoder={"model": "given"}),
)
PUBLISHED = (
    Published("C+M", "", "Table 5", {"semeval-1": 36.7, "semeval-10": 77.2, "5-way-1-shot": 91.1}),
    Published("CP, C+M", "", "Table 5, CP", {"semeval-1": 48.2, "10-way-5-shot": 94.7}, reference=True),
)


def record(
    row: str, seed: int | None, told: dict[str, Any], protocol: str = "semeval-1", **more: Any
) -> Record:
    return {
        "key": f"{row} {seed} {protocol}",
        "setup": row,
        "preset": "small",
        "row": row,
        "kind": {"C+M": "method", "own": "method", "frozen": "frozen"}.get(row, "trivial"),
        "method": None,
        "settings": {},
        "variation": {},
        "seed": seed,
        "protocol": protocol,
        "scores": told,
        "n_relations": 19,
        "sizes": [],
        "names": [],
        "warnings": [],
        "report": {},
        "instances": 73,
        "scored": 2717,
        "labeled": 73,
        "encoder": {"model": "minilm", "parameters": 22_565_376},
        "seconds": {"total": 30.0},
        "peak_mib": 512.0,
        "points": None,
        "commit": "aaaaaaa",
        "machine": {"processor": "Xeon", "cores": 2, "system": "Linux"},
        "versions": {},
        "date": "2026-01-01",
        **more,  # type: ignore[typeddict-item]
    }


def scores(f1: float) -> dict[str, Any]:
    names = ("micro_f1", "micro_precision", "micro_recall", "macro_f1", "accuracy")
    return {"test": {name: f1 + place / 10 for place, name in enumerate(names)}}


def episodes(accuracy: float, error: float = 0.003) -> dict[str, Any]:
    kinds = ("5-way-1-shot", "5-way-5-shot", "10-way-1-shot", "10-way-5-shot")
    return {kind: {"accuracy": accuracy, "standard_error": error, "episodes": 2000} for kind in kinds}


def table(
    records: list[Record], protocol: str = "semeval-1", **options: Any
) -> tuple[list[str], dict[str, list[str]]]:
    """Titles of the columns, and the texts of each row by its name."""
    made = Preset(
        "small", "A task", protocol, ROWS, published=PUBLISHED, seeds=(0, 1, 2), paper="Peng et al."
    )
    built = supervised_table(Measured(made, records), **options)
    assert all(len(row) == len(built.columns) for row in built.rows)
    return [one.title for one in built.columns], {
        row[0].text: [one.text for one in row] for row in built.rows
    }


def test_a_score_is_the_median_with_mean_and_deviation_beside_and_the_published_one():
    records = [record("C+M", seed, scores(f1)) for seed, f1 in enumerate((0.30, 0.40, 0.44))]
    titles, rows = table(records)
    assert titles == [
        "row", "micro-F1", "mean", "published (Δ)", "seeds", "encoder", "labelled", "machine", "time", "memory"
    ]  # fmt: skip
    assert rows["C+M"][1:7] == ["40.0", "38.0 ± 7.2", "36.7 (+3.3)", "3", "minilm (22.6 M)", "73"]
    assert rows["CP, C+M, published"][1:4] == ["48.2", "", ""]


def test_each_protocol_has_its_own_figures():
    records = [record("C+M", 0, scores(0.3)), record("C+M", 0, scores(0.7), "semeval-10")]
    assert table(records)[1]["C+M"][1:4] == ["30.0", "30.0", "36.7 (−6.7)"]
    _, rows = table(records, "semeval-10")
    assert rows["C+M"][1:5] == ["70.0", "70.0", "77.2 (−7.2)", "1 of 3"]
    assert "CP, C+M, published" not in rows


def test_protocols_are_the_columns_of_one_table():
    records = [record("C+M", seed, scores(f1)) for seed, f1 in enumerate((0.30, 0.40, 0.44))]
    own = {"encoder": {"model": "models/cp", "parameters": 1000}}
    records += [record("C+M", 0, scores(0.7), "semeval-10"), record("own", 0, scores(0.5), **own)]
    records.append(record("most frequent relation", None, scores(0.9), "semeval-10"))
    made = Preset(
        "small", "A task", "semeval-1", ROWS, protocols=("semeval-1", "semeval-10"), published=PUBLISHED
    )
    built = protocols_table([Measured(one, records) for one in made.each()])
    assert [one.title for one in built.columns] == ["row", "semeval-1", "semeval-10", "seeds", "encoder"]
    assert [[cell.text for cell in row] for row in built.rows] == [
        ["most frequent relation", "–", "90.0", "–", "minilm (22.6 M)"],
        ["C+M", "40.0", "70.0", "1–3", "minilm (22.6 M)"],
        ["own", "50.0", "–", "1", "cp (1 k)"],
        ["C+M, published", "36.7", "77.2", "–", "–"],
        ["CP, C+M, published", "48.2", "–", "–", "–"],
    ]
    assert [cell.text for row in built.rows for cell in row if cell.bold] == ["70.0", "50.0"]


def test_rows_that_wait_for_an_encoder_are_shown_when_they_were_run():
    assert "own" not in table([record("C+M", 0, scores(0.3))])[1]
    own = record("own", 0, scores(0.9), encoder={"model": "models/cp", "parameters": 1000})
    assert table([own])[1]["own"][5] == "cp (1 k)"


def test_the_best_but_the_trivial_row_is_bold():
    records = [record("most frequent relation", None, scores(0.9)), record("C+M", 0, scores(0.4))]
    built = supervised_table(Measured(Preset("small", "A task", "semeval-1", ROWS), records))
    assert built.rows[0][0].text == "most frequent relation"
    assert [cell.text for row in built.rows for cell in row if cell.bold] == ["40.0"]


def test_more_scores_are_there_when_asked_for():
    titles, rows = table([record("C+M", 0, scores(0.1))], all_scores=True)
    assert titles[4:8] == ["micro-P", "micro-R", "macro-F1", "accuracy"]
    assert rows["C+M"][4:8] == ["20.0", "30.0", "40.0", "50.0"]


def test_episodes_have_the_median_and_the_mean_of_each_kind():
    records = [record("frozen", seed, episodes(a), "fewshot") for seed, a in enumerate((0.90, 0.92, 0.97))]
    records += [
        record("C+M", 0, episodes(0.8), "fewshot"),
        record("chance", None, episodes(0.2, 0), "fewshot"),
    ]
    titles, rows = table(records, "fewshot")
    kinds = ["5-way 1-shot", "mean", "published (Δ)", "5-way 5-shot", "mean", "10-way 1-shot", "mean"]
    assert titles[:10] == ["row", *kinds, "10-way 5-shot", "mean"]
    assert rows["frozen"][1:6] == ["92.0", "93.0 ± 3.6", "", "92.0", "93.0 ± 3.6"]
    assert rows["C+M"][1:4] == ["80.0", "80.0", "91.1 (−11.1)"]
    assert rows["chance"][1] == "20.0"
    assert list(rows) == ["chance", "frozen", "C+M", "C+M, published", "CP, C+M, published"]


def test_the_caption_has_the_largest_standard_error_over_the_episodes():
    records = [
        record("frozen", 0, episodes(0.9), "fewshot"),
        record("C+M", 0, episodes(0.8, 0.004), "fewshot"),
    ]
    built = supervised_table(Measured(Preset("small", "A task", "fewshot", ROWS), records))
    assert "the standard error over them is at most 0.4." in built.caption
    bare = supervised_table(Measured(Preset("small", "A task", "fewshot", ROWS), []))
    assert bare.caption.endswith("the same for every row and seed.")
