"""The page about the formats shows what the readers read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relscout.io.readers import FORMATS, read, recognise
from relscout.io.readers.source import Source

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## `([\w-]+)`.*?^```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_stands_in_the_table(name: str) -> None:
    assert re.search(rf"^\| \[?`{name}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "surfaces"),
    [
        ("jsonl", [("Marie Curie", "Warsaw")] * 2),
        ("opennre", [("Elbe", "Dresden")] * 2),
        ("fewrel", [("Golden Gate Bridge", "bay")]),
        ("tacred", [("Maria Keller", "Nordic Steel")]),
        ("semeval", [("baker", "dough"), ("spoon", "drawer")]),
        ("csv", [("Edvard", "Oslo")]),
        ("spert", [("Lina Roth", "Graz")]),
        ("docred", [("Lina Roth", "Graz")]),
        *(
            (name, [("Lina Roth", "Graz")])
            for name in ("label-studio", "doccano", "prodigy", "pubannotation")
        ),
        *((name, [("Lina Roth", "Graz")]) for name in ("scierc", "glirel", "casrel", "duie")),
    ],
)
def test_the_example_of_a_format_is_recognised_and_read(
    tmp_path: Path, name: str, surfaces: list[tuple[str, str]]
) -> None:
    path = tmp_path / "example"
    path.write_text(EXAMPLES[name], encoding="utf-8")
    assert recognise(Source(path)) == name
    assert [(found.head_text, found.tail_text) for found in read(path)] == surfaces
