"""The page of results is what the records say: nobody edits a figure by hand."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"


@pytest.fixture
def results_page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator, which is no part of the package."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.results_page")


def test_the_committed_page_is_the_generated_one(results_page: ModuleType) -> None:
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


def test_a_page_is_written_where_it_is_asked_for(results_page: ModuleType, tmp_path: Path) -> None:
    assert results_page.write_page(tmp_path / "page.md").read_text("utf-8") == results_page.page()


def test_the_readme_quotes_no_other_figures() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## How well it works")[1].split("\n## ")[0]
    quoted = set(re.findall(r"\b\d+\.\d+\b", section))
    on_the_page = set(re.findall(r"\b\d+\.\d+\b", PAGE.read_text(encoding="utf-8")))
    assert len(quoted) > 30
    assert sorted(quoted - on_the_page) == []
