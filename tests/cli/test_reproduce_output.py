from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

PRESET = """
title: A small experiment
protocol: bundled
n_relations: 2
rows:
  - {name: plain, method: kmeans, kind: frozen}
  - {name: better, method: kmeans}
sweep: {setting: n_init, values: [1, 2], rows: [better]}
figures: [{kind: sweep}]
seeds: [0]
published:
  - {row: better, scoring: raw, source: "Table 1", b3_f1: 41.4}
  - {row: better, scoring: majority-mapped, source: "Table 2", b3_f1: 49.1}
"""
SCORES = ("b3_f1", "b3_precision", "b3_recall", "v_measure", "homogeneity", "completeness", "ari")


def record(row: str, b3: float = 0.4, **more: Any) -> dict[str, Any]:
    return {
        "key": row,
        "preset": "small",
        "row": row,
        "kind": "frozen" if row == "plain" else "method",
        "variation": {},
        "seed": 0,
        "protocol": "bundled",
        "scores": {"raw": dict.fromkeys(SCORES, b3), "majority_mapped": dict.fromkeys(SCORES, b3 + 0.1)},
        "n_relations": 2,
        "sizes": [3, 1],
        "names": [{"name": "capital|of", "size": 3, "gold": "capital", "share": 1.0}],
        "warnings": [],
        "report": {"loops": [{"changed": 0.5}, {"changed": 0.1}]},
        "instances": 4,
        "scored": 4,
        "labeled": 0,
        "encoder": {"model": "minilm", "parameters": 22_565_376},
        "seconds": {"total": 1.5},
        "peak_mib": 300.0,
        "points": None,
        "commit": "aaaaaaa",
        "machine": {"processor": "Xeon", "cores": 2, "system": "Linux"},
        "versions": {},
        "date": "2026-01-01",
        **more,
    }


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    """A preset of the user's own."""
    path = tmp_path / "small.yaml"
    path.write_text(PRESET, encoding="utf-8")
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of it, in the file that is looked for when none is named."""
    swept = [record("better", 0.3 + value / 10, variation={"n_init": value}) for value in (1, 2)]
    lines = [json.dumps(one) for one in (record("plain"), record("better", 0.5), *swept)]
    path = tmp_path / "relscout-results.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def shown(relscout, preset, results):
    """Return what ``relscout lab reproduce table`` prints."""

    def show(*arguments: object) -> str:
        done = relscout("lab", "reproduce", "table", preset, *arguments)
        assert (done.code, done.err) == (0, "")
        return done.out

    return show


def columns(text: str) -> list[str]:
    """Titles of the first table's columns."""
    return [title.strip() for title in text.splitlines()[2].strip("|").split("|")]


def test_a_table_sets_ours_beside_what_was_published(shown):
    text = shown()
    assert "| 41.4 (+8.6) |" in " ".join(text.split()).replace("  ", " ")
    assert "A small experiment: raw clusters." in text
    assert "A small experiment: majority-mapped clusters." in text


def test_one_scoring_can_be_asked_for(shown):
    text = shown("--scoring", "majority-mapped")
    assert "majority-mapped clusters." in text
    assert "49.1" in text
    assert "41.4" not in text


def test_what_gold_relations_have_chosen_has_a_table_only_where_there_is_something(shown):
    assert "that gold relations chose" not in shown()
    assert "raw clusters of the epoch that gold relations chose." in shown("--scoring", "gold-selected")


def test_a_sweep_has_a_table_of_its_own(shown):
    assert "n\\_init" in shown("--scoring", "raw")


def test_all_scores_are_shown_when_asked_for(shown):
    assert "B³ P" not in columns(shown())
    assert {"B³ P", "B³ R", "hom.", "compl."} <= set(columns(shown("--all-scores")))


def test_latex_is_written_when_asked_for(shown):
    text = shown("--format", "latex")
    assert text.count("\\begin{table*}") == text.count("\\end{table*}") == 4
    assert "| " not in text


def test_relations_of_the_rows_that_a_preset_names_are_listed_below_the_scores(shown, preset):
    assert "relations found by" not in shown()
    preset.write_text(PRESET + "names: [better]\n", encoding="utf-8")
    text = shown()
    assert "raw clusters." in text
    assert "relations found by better" in text
    assert "relations found by plain" not in text
    assert "relations found by" not in shown("--scoring", "raw")


def test_relations_are_listed_by_name_when_asked_for(shown):
    text = shown("--names")
    assert "capital\\|of" in text
    assert "B³" not in text


def test_gold_relations_of_the_list_are_named_by_a_file(shown, refused, preset, tmp_path):
    known = tmp_path / "names.json"
    known.write_text('{"capital": ["seat of government", "its city"]}', encoding="utf-8")
    assert "seat of government (capital)" in shown("--names", "--gold-names", known)
    preset.write_text(PRESET + "names: [better]\n", encoding="utf-8")
    assert "seat of government (capital)" in shown("--gold-names", known)
    known.write_text("[]", encoding="utf-8")
    error = refused("lab", "reproduce", "table", preset, "--gold-names", known)
    assert "names.json: got a JSON list; expected a JSON object {identifier: name}" in error


def test_tables_go_to_a_file(relscout, preset, results, shown, tmp_path):
    printed = shown()
    done = relscout("lab", "reproduce", "table", preset, "--out", tmp_path / "table.md")
    assert (done.code, done.out) == (0, "")
    assert "written to" in done.err
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == printed


def test_results_of_another_file_are_shown_when_it_is_named(relscout, preset, tmp_path):
    (tmp_path / "other.jsonl").write_text(json.dumps(record("plain", 0.123)) + "\n", encoding="utf-8")
    done = relscout("lab", "reproduce", "table", preset, "--results", tmp_path / "other.jsonl")
    assert "12.3" in done.out


@pytest.mark.parametrize("command", ["table", "figure"])
def test_without_results_the_error_names_the_command_that_gets_them(refused, preset, command):
    error = refused("lab", "reproduce", command, preset)
    assert "no results of preset 'small' in relscout-results.jsonl" in error
    assert f"'relscout lab reproduce run {preset}'" in error
    assert "--results other.jsonl'" in refused(
        "lab", "reproduce", command, preset, "--results", "other.jsonl"
    )


@pytest.mark.parametrize("command", ["table", "figure"])
def test_an_unknown_preset_is_an_error_that_names_the_nearest(refused, command):
    assert "did you mean 'kmeans-fewrel'" in refused("lab", "reproduce", command, "kmeans-fewrl")


def test_a_file_that_cannot_be_written_is_an_error(refused, preset, results):
    assert "no directory" in refused(
        "lab", "reproduce", "table", preset, "--out", Path("missing") / "table.md"
    )


def test_without_names_there_is_nothing_to_list(refused, preset, results):
    results.write_text(json.dumps(record("plain", names=[])) + "\n", encoding="utf-8")
    assert "has discovered relations" in refused("lab", "reproduce", "table", preset, "--names")


def test_the_figures_of_a_preset_are_drawn_and_named(noted, preset, results, tmp_path):
    told = noted("lab", "reproduce", "figure", preset, "--out", tmp_path / "figures")
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert written == [
        "small-sweep-b3-f1-majority-mapped.png",
        "small-sweep-b3-f1-majority-mapped.svg",
        "small-sweep-b3-f1-raw.png",
        "small-sweep-b3-f1-raw.svg",
    ]
    assert all(name in told for name in written)


def test_a_figure_that_the_preset_does_not_declare_is_drawn_when_asked_for(noted, preset, results, tmp_path):
    noted("lab", "reproduce", "figure", preset, "--kind", "losses")
    assert (tmp_path / "small-losses.png").is_file()


def test_what_is_lacking_for_a_figure_is_reported(noted, preset, results):
    kept = [line for line in results.read_text().splitlines() if '"n_init": 2' not in line]
    results.write_text("\n".join(kept) + "\n", encoding="utf-8")
    assert "note: sweep: no record of 'better' with n_init 2" in noted("lab", "reproduce", "figure", preset)


def test_a_figure_without_its_records_is_an_error(refused, preset, results):
    error = refused("lab", "reproduce", "figure", preset, "--kind", "tsne", "--out", "figures")
    assert "nothing to draw (tsne: no points of 'plain'" in error
    assert "relscout lab reproduce run" in error


def test_a_preset_without_figures_says_so(refused, preset, results):
    preset.write_text(PRESET.replace("figures: [{kind: sweep}]\n", ""), encoding="utf-8")
    assert "'small' has no figures" in refused("lab", "reproduce", "figure", preset)


def test_without_matplotlib_the_error_names_the_extra(refused, preset, results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'relscout[figures]'" in refused("lab", "reproduce", "figure", preset)
