"""Markdown without its mark-up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.text import Passage
from relscout.text.markup import markdown_paragraphs
from relscout.text.paragraphs import lines_of


def found(text: str) -> list[Passage]:
    return list(markdown_paragraphs(lines_of(text), document="d", place="d.md, line"))


def texts(text: str) -> list[str]:
    return [passage.text for passage in found(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*Ida* **Kron** runs _Acme_, ***now***.", "Ida Kron runs Acme, now."),
        ("[Ida Kron](http://a.org/x_(y) 'title') runs [Acme][1].", "Ida Kron runs Acme."),
        ("Ida ![a mill](mill.png) runs Acme[^2].", "Ida  runs Acme."),
        ("`Ida` runs ``Acme``<br/>now <!-- not -->.", "Ida runs Acmenow ."),
        (r"Ida \*Kron\* runs A\_B.", "Ida *Kron* runs A_B."),
        ("snake_case_name and 2 * 3 stay", "snake_case_name and 2 * 3 stay"),
        ("~~Ida~~ runs Acme &amp; Bolt", "Ida runs Acme & Bolt"),
        ("see <https://a.org> for [1] of Ida", "see  for [1] of Ida"),
    ],
)
def test_marks_inside_a_paragraph_are_left_out(text: str, expected: str) -> None:
    assert texts(text) == [expected]


def test_blocks_are_passages_of_their_own() -> None:
    text = (
        "# The *mill* #\nIt burnt.\n\n> Ida ran it\n\n- one\n- [x] two\n\n"
        "| Name | Town |\n|---|---|\n| Ida | Oslo |\n\nEnd\n---\n"
    )
    assert texts(text) == [
        "The mill",
        "It burnt.",
        "Ida ran it",
        "one",
        "two",
        "Name   Town",
        "Ida   Oslo",
        "End",
    ]


def test_code_front_matter_and_definitions_of_links_are_left_out() -> None:
    text = "---\ntitle: T\n---\nIda\n\n```python\nx = 1\n\n~~~\n```\n\n    indented code\n\n[1]: http://a.org\nKron"
    assert texts(text) == ["Ida", "Kron"]


def test_lines_of_a_paragraph_are_joined() -> None:
    text = "Ida Kron runs the mill at the river and is known as *the\nowner* of Acme.\n"
    (passage,) = found(text)
    assert passage.text == "Ida Kron runs the mill at the river and is known as the owner of Acme."
    assert passage.source_at(passage.text.index("owner")) == "d.md, line 2"


@given(st.text(alphabet="ab *_`[]()#>-!\\\n|", max_size=60))
def test_any_markdown_keeps_the_places_of_its_characters(text: str) -> None:
    for passage in found(text):
        assert passage.text.strip() == passage.text or passage.text.strip()
        for offset, character in enumerate(passage.text):
            there = text[passage.position(offset)]
            assert character == there or (character == " " and (there.isspace() or there == "|"))
