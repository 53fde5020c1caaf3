"""The page of results is what the records say: nobody edits a figure by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import results_page

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"


def test_the_committed_page_is_the_generated_one() -> None:
    stale = "docs/results.md is not what the records give; run: python -m benchmarks results-page"
    assert results_page.page() == PAGE.read_text(encoding="utf-8"), stale


def test_every_record_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    records = sorted(path.name for path in (ROOT / "benchmarks" / "results").iterdir())
    assert [name for name in records if f"`benchmarks/results/{name}`" not in page] == []


def test_every_preset_that_was_run_is_on_the_page() -> None:
    from relscout.lab.preset import preset

    page = PAGE.read_text(encoding="utf-8").replace("\\", "")
    lines = (ROOT / "benchmarks" / "results" / "reproduced.jsonl").read_text(encoding="utf-8").splitlines()
    titles = {preset(name).title for name in {json.loads(line)["preset"] for line in lines}}
    assert sorted(title for title in titles if title not in page) == []


def test_names_of_discovered_relations_stand_next_to_those_of_gold_relations() -> None:
    """SelfORE's table 2."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("| crosses ") and "| crosses (P177) " in line for line in lines)


def test_a_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    assert results_page.write_page(tmp_path / "page.md").read_text("utf-8") == results_page.page()


def test_the_figures_of_other_pages_are_generated() -> None:
    marked: list[str] = []
    for path in results_page.PAGES_WITH_FIGURES:
        text = path.read_text(encoding="utf-8")
        marked += re.findall(r"^<!-- figures: ([\w-]+) -->$", text, re.MULTILINE)
        stale = f"{path} has other figures than the records; run: python -m benchmarks results-page"
        assert results_page.with_figures(text) == text, stale
    assert set(marked) == set(results_page.FIGURES)


def test_a_wrong_figure_is_replaced() -> None:
    page = "Before.\n\n<!-- figures: facts-read -->\nAll are correct.\n<!-- end of figures -->\n\nAfter: 1.000.\n"
    corrected = results_page.with_figures(page)
    assert "All are correct" not in corrected
    assert "82 are correct" in corrected
    assert corrected.startswith("Before.\n\n<!-- figures: facts-read -->\n")
    assert corrected.endswith("<!-- end of figures -->\n\nAfter: 1.000.\n")


#: Scores that are none of ours: what they are, and where they stand.
NOT_MEASURED = {
    "docs/concepts.md": {".999"},  # the highest confidence of a fact
    "docs/experiments.md": {"1.000"},  # of singletons, by definition
    # Peng et al. 2020, table 1
    "docs/how-to/analyze.md": {
        *(".547", ".591", ".441", ".434", ".295"),
        *(".683", ".686", ".570", ".466", ".277"),
        *(".691", ".696", ".581", ".433", ".304"),
    },
    "docs/how-to/scripting.md": {".999"},
    "docs/methods/rocore.md": {"0.005"},  # a setting
}
SCORE = re.compile(r"(?<![\d.,])[01]?\.\d{3}\b|\b\d+\.\d / \d+\.\d|\d ± \d")
GENERATED = re.compile(
    r"^<!-- figures: [\w-]+ -->$.*?^<!-- end of figures -->$|^( *)```.*?^\1```|`[^`\n]+`|\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", [path for path in PAGES if path != PAGE], ids=lambda path: path.name)
def test_scores_outside_the_results_are_generated(path: Path) -> None:
    prose = GENERATED.sub("", path.read_text(encoding="utf-8"))
    allowed = NOT_MEASURED.get(path.relative_to(ROOT).as_posix(), set())
    assert sorted(set(SCORE.findall(prose)) - allowed) == []


def test_a_score_is_recognised() -> None:
    assert SCORE.findall("it reaches .741, 0.852, 37.0 / 38.1 and 61 ± 2, not 1.2.345 or 0.05") == [
        ".741",
        "0.852",
        "37.0 / 38.1",
        "1 ± 2",
    ]


def test_every_picture_is_on_the_page_and_there() -> None:
    shown = re.findall(r"!\[[^]]+\]\((images/results/[^)]+)\)", PAGE.read_text(encoding="utf-8"))
    there = sorted(
        path.relative_to(PAGE.parent).as_posix() for path in (PAGE.parent / "images/results").iterdir()
    )
    assert sorted(shown) == there
    assert there


def test_pictures_are_drawn_from_the_records(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (drawn,) = results_page.draw_pictures(tmp_path, names=["selfore-nytfb-minilm"])
    committed = PAGE.parent / "images" / "results" / drawn.name
    title = "SelfORE"
    assert title in drawn.read_text(encoding="utf-8")
    assert title in committed.read_text(encoding="utf-8")
    assert [path.suffix for path in tmp_path.iterdir()] == [".svg"]
