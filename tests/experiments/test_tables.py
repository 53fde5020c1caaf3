from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from relscout.lab.records import Record
from relscout.lab.schema import Figure, Preset, Published, Row, Sweep
from relscout.lab.summaries import Measured
from relscout.lab.table_formats import Table
from relscout.lab.tables import names_tables, scores_table, sweep_table

SELFORE = Row("SelfORE", "selfore")
FROZEN = Row("frozen", "kmeans", kind="frozen")


def preset(**more: Any) -> Preset:
    given = {"rows": (SELFORE, FROZEN), "seeds": (0, 1, 2), **more}
    return Preset("small", "A small experiment", "bundled", n_relations=10, paper="Hu et al. 2020", **given)


def record(row: str = "SelfORE", seed: int | None = 0, b3: float = 0.5, **more: Any) -> Record:
    """A record whose majority-mapped scores are ten points above the raw ones."""
    kind = {"SelfORE": "method", "frozen": "frozen"}.get(row, "trivial")
    scores = {
        "b3_f1": b3,
        "b3_precision": b3,
        "b3_recall": b3,
        "v_measure": b3,
        "homogeneity": b3,
        "completeness": b3,
        "ari": b3,
    }
    return {
        "key": f"{row} {seed}",
        "setup": row,
        "preset": "small",
        "row": row,
        "kind": kind,
        "method": None,
        "settings": {},
        "variation": {},
        "seed": seed,
        "protocol": "bundled",
        "scores": {"raw": scores, "majority_mapped": {name: value + 0.1 for name, value in scores.items()}},
        "n_relations": 10,
        "sizes": [],
        "names": [],
        "warnings": [],
        "report": {},
        "instances": 100,
        "scored": 100,
        "labeled": 0,
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


def table(records: Sequence[Record], scoring: str = "raw", *, all_scores: bool = False, **more: Any) -> Table:
    return scores_table(Measured(preset(**more), records), scoring, all_scores=all_scores)


def cells(table: Table, row: str) -> dict[str, str]:
    """Texts of the first row of a name, by the titles of the columns; a published figure by ``of …``."""
    titles: list[str] = []
    for column in table.columns:
        titles.append(f"of {titles[-1]}" if column.title == "published (Δ)" else column.title)
    found = next(one for one in table.rows if one[0].text == row)
    return {title: cell.text for title, cell in zip(titles, found, strict=True)}


def bold(table: Table) -> list[tuple[str, str]]:
    """Row and column of what is bold."""
    return [
        (row[0].text, column.title)
        for row in table.rows
        for column, cell in zip(table.columns, row, strict=True)
        if cell.bold
    ]


def notes(table: Table, row: str) -> list[str]:
    """The notes that a row leads to."""
    marks = next(one[0].mark for one in table.rows if one[0].text == row).split(",")
    return [note.text for note in table.notes if note.mark and note.mark in marks]


def published(row: str = "SelfORE", scoring: str = "raw", **scores: float) -> Published:
    return Published(row, scoring, "Table 1, page 3677", scores)


def test_rows_are_trivial_then_frozen_then_methods_then_published_ones():
    records = [record("SelfORE"), record("frozen"), record("one cluster", None)]
    found = table(records, published=(published(b3_f1=41.4),))
    assert [[row[0].text for row in block] for block in found.blocks] == [
        ["one cluster"],
        ["frozen"],
        ["SelfORE"],
        ["SelfORE, published"],
    ]


def test_a_score_is_the_mean_and_the_sample_deviation_in_percent():
    found = table([record(seed=0, b3=0.48), record(seed=1, b3=0.5), record(seed=2, b3=0.52)])
    assert cells(found, "SelfORE")["B³ F1"] == "50.0 ± 2.0"


def test_one_seed_has_no_deviation():
    assert cells(table([record(b3=0.5)]), "SelfORE")["B³ F1"] == "50.0"


def test_precision_and_recall_are_there_when_asked_for():
    shown, more = (
        [column.title for column in table([record()], all_scores=asked).columns] for asked in (False, True)
    )
    assert shown[:4] == ["row", "B³ F1", "V", "ARI"]
    assert more[:8] == ["row", "B³ F1", "B³ P", "B³ R", "V", "hom.", "compl.", "ARI"]


def test_each_scoring_has_figures_and_a_caption_of_its_own():
    raw, mapped = (table([record(b3=0.5)], scoring) for scoring in ("raw", "majority-mapped"))
    assert (cells(raw, "SelfORE")["B³ F1"], cells(mapped, "SelfORE")["B³ F1"]) == ("50.0", "60.0")
    assert "scored as they are" in raw.caption
    assert "not comparable" in mapped.caption
    assert raw.name != mapped.name


def test_published_figures_stand_beside_ours_with_the_signed_difference():
    found = table([record(b3=0.5)], published=(published(b3_f1=49.1, ari=51.25),))
    assert cells(found, "SelfORE")["of B³ F1"] == "49.1 (+0.9)"
    assert cells(found, "SelfORE")["of ARI"] == "51.25 (−1.2)"
    assert "of V" not in cells(found, "SelfORE")


def test_of_several_published_rows_the_first_that_has_the_score_stands_beside_ours():
    several = (published(ari=30.0), published(b3_f1=49.1), published(b3_f1=41.4))
    shown = cells(table([record(b3=0.5)], published=several), "SelfORE")
    assert (shown["of B³ F1"], shown["of ARI"]) == ("49.1 (+0.9)", "30.0 (+20.0)")


def test_equal_figures_differ_by_nothing():
    found = table([record(b3=0.49999)], published=(published(b3_f1=50.0),))
    assert cells(found, "SelfORE")["of B³ F1"] == "50.0 (0.0)"


def test_published_figures_of_another_scoring_do_not_appear():
    found = table([record()], "raw", published=(published(scoring="majority-mapped", b3_f1=49.1),))
    assert [row[0].text for row in found.rows] == ["frozen", "SelfORE"]
    assert "of B³ F1" not in cells(found, "SelfORE")
    assert "49.1" not in str(found)


def test_a_published_row_shows_its_figures_as_printed_and_its_source():
    found = table([record()], published=(published(b3_f1=41.0, ari=35.25),))
    shown = cells(found, "SelfORE, published")
    assert (shown["B³ F1"], shown["V"], shown["ARI"], shown["encoder"]) == ("41.0", "–", "35.25", "–")
    assert notes(found, "SelfORE, published") == ["Table 1, page 3677"]


def test_the_best_mean_of_a_column_is_bold():
    found = table([record("frozen", b3=0.4), record("SelfORE", b3=0.5)])
    assert bold(found) == [("SelfORE", "B³ F1"), ("SelfORE", "V"), ("SelfORE", "ARI")]


def test_means_that_print_alike_are_both_bold():
    found = table([record("frozen", b3=0.50001), record("SelfORE", b3=0.5)])
    assert {row for row, _ in bold(found)} == {"frozen", "SelfORE"}


def test_published_figures_are_never_bold():
    found = table([record(b3=0.3)], published=(published(b3_f1=99.0),))
    assert {row for row, _ in bold(found)} == {"SelfORE"}


def test_a_trivial_row_is_bold_where_it_wins_in_earnest():
    found = table([record("entity-type pair", None, b3=0.6), record(b3=0.5)], all_scores=True)
    assert {title for row, title in bold(found) if row == "entity-type pair"} == {"B³ F1", "V", "ARI"}
    assert {title for row, title in bold(found) if row == "SelfORE"} == {"B³ P", "B³ R", "hom.", "compl."}


def test_singletons_are_not_bold_where_the_mapping_makes_them_perfect():
    rows = [record("singletons", None, b3=0.9), record(b3=0.5)]
    assert {row for row, _ in bold(table(rows, "majority-mapped"))} == {"SelfORE"}
    assert {row for row, _ in bold(table(rows, "raw"))} == {"singletons"}


def test_a_row_with_missing_seeds_says_so():
    found = table([record(seed=0), record(seed=1)])
    assert cells(found, "SelfORE")["seeds"] == "2 of 3"
    assert cells(found, "frozen")["seeds"] == "0 of 3"
    assert cells(found, "frozen")["B³ F1"] == "–"


def test_more_seeds_than_the_preset_has_are_counted():
    found = table([record(seed=seed) for seed in range(5)])
    assert cells(found, "SelfORE")["seeds"] == "5"


def test_a_row_tells_what_it_was_made_of_and_what_it_cost():
    records = [
        record(seed=0, n_relations=9, seconds={"total": 40.0}, peak_mib=900.0),
        record(seed=1, n_relations=12, seconds={"total": 60.0}, peak_mib=1900.0, labeled=0),
    ]
    shown = cells(table(records), "SelfORE")
    assert (shown["K"], shown["labelled"]) == ("9–12", "0")
    assert shown["encoder"] == "minilm (22.6 M)"
    assert (shown["time"], shown["memory"]) == ("50 s", "1.9 GiB")


def test_machines_are_letters_that_the_notes_explain():
    other = {"processor": "M3", "cores": 8, "system": "Darwin"}
    found = table([record("frozen"), record(machine=other)])
    assert (cells(found, "frozen")["machine"], cells(found, "SelfORE")["machine"]) == ("A", "B")
    told = [note.text for note in found.notes]
    assert "Machine A: Xeon, 2 cores, Linux." in told
    assert "Machine B: M3, 8 cores, Darwin." in told


def test_records_of_other_commits_are_marked():
    old = record("frozen", commit="bbbbbbb", date="2025-12-31")
    found = table([old, record()])
    assert notes(found, "frozen") == ["measured at commit bbbbbbb"]
    assert notes(found, "SelfORE") == []
    assert found.notes[0].text == "Measured at commit aaaaaaa, except where marked."


def test_one_commit_is_told_once():
    found = table([record("frozen"), record()])
    assert found.notes[0].text == "Measured at commit aaaaaaa."
    assert not any(row[0].mark for row in found.rows)


def test_a_row_that_was_measured_with_other_settings_than_the_preset_has_is_marked():
    rows = (Row("SelfORE", "selfore", settings={"loops": 5, "learning_rate": "1e-5"}), FROZEN)
    old, new = (record(settings={"loops": loops, "learning_rate": 1e-5}) for loops in (4, 5))
    assert notes(table([old], rows=rows), "SelfORE") == [
        "measured with other values of loops than the preset states now"
    ]
    assert notes(table([new], rows=rows), "SelfORE") == []


def test_a_row_that_was_measured_with_another_encoder_is_marked():
    found = table([record()], encoder={"model": "bert-base-cased"})
    assert notes(found, "SelfORE") == ["measured with other values of model than the preset states now"]


def test_rows_that_the_preset_no_longer_has_are_told_and_left_out():
    found = table([record(), record("older name", kind="method")])
    assert "older name" not in [row[0].text for row in found.rows]
    assert found.notes[-1].text == "Left out, because the preset has no such row: older name."


def test_records_of_other_presets_and_protocols_are_left_out():
    found = table([record(b3=0.1, preset="other"), record(b3=0.2, protocol="dev-A"), record(b3=0.5)])
    assert cells(found, "SelfORE")["B³ F1"] == "50.0"


def test_variations_of_a_sweep_do_not_mix_with_the_row():
    found = table([record(b3=0.5), record(b3=0.9, variation={"n_clusters": 50})])
    assert cells(found, "SelfORE")["B³ F1"] == "50.0"


def test_a_sweep_has_a_table_of_value_and_score():
    swept = Sweep("n_clusters", (10, 50), ("SelfORE",))
    records = [
        record(seed=seed, b3=0.4 + 0.1 * (value == 10), variation={"n_clusters": value})
        for value in (50, 10)
        for seed in (0, 1)
    ]
    found = sweep_table(Measured(preset(sweep=swept), records), "raw")
    assert found is not None
    assert [column.title for column in found.columns] == [
        "row",
        "n_clusters",
        "B³ F1",
        "V",
        "ARI",
        "K",
        "seeds",
        "time",
    ]
    assert [[cell.text for cell in row[1:3]] for row in found.rows] == [
        ["10", "50.0 ± 0.0"],
        ["50", "40.0 ± 0.0"],
    ]
    assert [row[6].text for row in found.rows] == ["2 of 3", "2 of 3"]
    assert bold(found) == [("SelfORE", title) for title in ("B³ F1", "V", "ARI")]


def test_without_a_sweep_or_a_record_of_it_there_is_no_such_table():
    swept = Sweep("n_clusters", (10, 50), ("SelfORE",))
    assert sweep_table(Measured(preset(), [record()]), "raw") is None
    assert sweep_table(Measured(preset(sweep=swept), [record()]), "raw") is None


def test_found_relations_are_listed_by_size_with_their_gold_relation():
    names = [
        {"name": "near", "size": 40, "gold": None, "share": 0.0},
        {"name": "capital of", "size": 1200, "gold": "capital", "share": 0.913},
    ]
    first, second = record(seed=1), record(seed=0, names=names)
    (found,) = names_tables(Measured(preset(), [first, second, record("frozen")]))
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["capital of", "1,200", "capital", "91%"],
        ["near", "40", "–", "–"],
    ]
    assert "SelfORE" in found.title
    assert found.notes[0].text == "Seed 0, commit aaaaaaa."
    assert names_tables(Measured(preset(), [second]), ["frozen"]) == []


def test_gold_relations_are_listed_by_their_names_where_these_are_known():
    names = [{"name": gold, "size": 1, "gold": gold, "share": 1.0} for gold in ("P26", "P25", "sport", "P1")]
    measured = Measured(
        preset(gold_names={"P26": "spouse", "P25": "parent", "sport": "sport"}), [record(names=names)]
    )
    (listed,) = names_tables(measured, gold_names={"P25": "mother"})
    assert [row[2].text for row in listed.rows] == ["spouse (P26)", "mother (P25)", "sport", "P1"]


def test_the_most_frequent_ngram_stands_next_to_our_name_where_it_was_recorded() -> None:
    names = [
        {"name": "near", "size": 2, "gold": None, "share": 0.0, "ngram": None},
        {"name": "capital of", "size": 3, "gold": "capital", "share": 1.0, "ngram": "of"},
    ]
    (listed,) = names_tables(Measured(preset(), [record(names=names)]))
    assert [[cell.text for cell in row][:3] for row in listed.rows] == [
        ["capital of", "of", "3"],
        ["near", "–", "2"],
    ]


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [
        (0.04, "< 0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.6, "2.0 min"),
        (7196, "119.9 min"),
        (7200, "2.0 h"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds, spelled):
    assert cells(table([record(seconds={"total": seconds})]), "SelfORE")["time"] == spelled


def test_three_choices_of_the_epoch_are_columns_of_those_rows_that_have_them() -> None:
    measured = record(b3=0.5)
    raw = measured["scores"]["raw"]
    measured["scores"] |= {"gold_selected": {**raw, "b3_f1": 0.8}, "last_epoch": {**raw, "b3_f1": 0.4}}
    selected = published(scoring="gold-selected", b3_f1=79.6)
    shown = table([measured, record("frozen")], "gold-selected", published=(selected,))
    assert [row[0].text for row in shown.rows] == ["SelfORE", "SelfORE, published"]
    assert [column.title for column in shown.columns][1:5] == [
        "B³ F1, last epoch",
        "B³ F1, label-free",
        "B³ F1, gold-selected",
        "published (Δ)",
    ]
    assert [cell.text for cell in shown.rows[0]][1:5] == ["40.0", "50.0", "80.0", "79.6 (+0.4)"]
    assert [cell.text for cell in shown.rows[1]][1:5] == ["", "", "79.6", ""]
    assert all(len(row) == len(shown.columns) for row in shown.rows)


def test_the_open_world_has_a_table_of_its_own_for_rows_that_were_scored_in_it() -> None:
    from relscout.lab.schema import OPEN_WORLD_SCORES

    of_both = dict.fromkeys(OPEN_WORLD_SCORES, 0.25) | {"novelty_auroc": None}
    mixed = record(scores={**record()["scores"], "open_world": of_both})
    made = table([record("one cluster", None), mixed], "open-world")
    assert [row[0].text for row in made.rows] == ["SelfORE"]
    shown = cells(made, "SelfORE")
    assert (shown["known micro-F1"], shown["novel B³ F1"], shown["novelty AUROC"]) == ("25.0", "25.0", "–")
    assert "known acc." not in shown
    assert cells(table([mixed], "open-world", all_scores=True), "SelfORE")["known acc."] == "25.0"


def test_a_supervised_row_stands_last_and_is_never_the_best() -> None:
    rows = (Row("all labels", "classifier", kind="supervised"), SELFORE)
    above = record("all labels", b3=0.9) | {"kind": "supervised"}
    made = table([above, record(b3=0.5)], rows=rows)
    assert [row[0].text for row in made.rows] == ["SelfORE", "all labels"]
    assert {row for row, _ in bold(made)} == {"SelfORE"}


def test_a_sweep_of_an_open_world_shows_the_score_that_is_drawn() -> None:
    from relscout.lab.schema import OPEN_WORLD_SCORES

    swept = Sweep("labeled.share", (0.5,), ("SelfORE",))
    scores = {**record()["scores"], "open_world": dict.fromkeys(OPEN_WORLD_SCORES, 0.25)}
    half = record(scores=scores, variation={"labeled.share": 0.5})
    made = sweep_table(
        Measured(preset(sweep=swept, figures=(Figure("sweep", score="accuracy"),)), [half]), "open-world"
    )
    assert made is not None
    assert cells(made, "SelfORE")["acc."] == "25.0"
    other = sweep_table(Measured(preset(sweep=swept), [half]), "open-world")
    assert other is not None
    assert "acc." not in cells(other, "SelfORE")
