"""The gallery: pages are made from the record, and the programs on them make texts from what they download."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.analyses import ANALYSES
from benchmarks.gallery import PAGES, Analysis, Step, page, run, run_step
from benchmarks.records import RESULTS
from relscout.core.errors import SettingError

RECORD = json.loads((RESULTS / "gallery.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda analysis: analysis.name)
def test_a_page_is_made_from_the_record(analysis: Analysis) -> None:
    text = (PAGES / f"{analysis.name}.md").read_text(encoding="utf-8")
    assert text == page(analysis, RECORD["outputs"], RECORD.get("processor_seconds", {}))


def test_every_analysis_is_in_the_list_of_the_gallery() -> None:
    listed = (PAGES / "index.md").read_text(encoding="utf-8")
    assert [analysis.name for analysis in ANALYSES if f"({analysis.name}.md)" not in listed] == []


def test_a_file_and_a_program_of_a_page_share_a_folder(tmp_path: Path) -> None:
    assert run_step(Step("Write names:", "Ahab\tPERSON", file="names.tsv"), tmp_path, os.environ) == []
    program = Step("Count:", "print(len(open('names.tsv').readlines()), 'name')", is_program=True)
    assert run_step(program, tmp_path, os.environ) == ["1 name"]


def test_an_unknown_analysis_is_refused_before_anything_runs() -> None:
    with pytest.raises(SettingError, match="no analysis 'birds'; the gallery has people-and-works, places"):
        run(ANALYSES, ["birds"])
