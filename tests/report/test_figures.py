from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relscout.core.errors import OutputError
from relscout.discovery import Discovery
from relscout.report import write_report

pytest.importorskip("matplotlib")

CURVE = {
    "criterion": "c",
    "k": 5,
    "candidates": [2, 3, 4, 5],
    "modularity": [0.1] * 4,
    "smoothed": [0.1] * 4,
    "threshold": 0.1,
}


def test_pictures_are_png_and_svg_and_the_same_every_time(found: Discovery, tmp_path: Path) -> None:
    curved = replace(found, run={**found.run, "k_curve": CURVE})
    for folder in ("a", "b"):
        write_report(curved, tmp_path / f"{folder}.html", figures=tmp_path / folder)
    names = {
        f"{name}.{kind}"
        for name in ("map", "sizes", "likeness", "number-of-relations")
        for kind in ("png", "svg")
    }
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert found.relations[0].name in (tmp_path / "a" / "sizes.svg").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_told(found: Discovery, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(found, tmp_path / "page.html", figures=tmp_path / "file" / "figures")
