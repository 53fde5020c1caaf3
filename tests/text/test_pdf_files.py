"""PDF files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from relscout.core.errors import InputError
from relscout.text.documents import read_passages
from relscout.text.markup import page_lines
from relscout.text.paragraphs import paragraphs

pypdf = pytest.importorskip("pypdf")


def write_pdf(path: Path, pages: Sequence[Sequence[str]], *, password: str = "") -> Path:
    """Write a PDF file with lines of text on its pages."""
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for lines in pages:
        page = writer.add_blank_page(width=600, height=800)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        content = DecodedStreamObject()
        shown = "\n".join(f"({line}) Tj 0 -14 Td" for line in lines)
        content.set_data(f"BT /F1 11 Tf 40 760 Td\n{shown}\nET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    with path.open("wb") as file:
        writer.write(file)
    return path


PAGES = [
    [
        "Annals of Glue, volume 3",
        "Ida Kron was born in the town of Orle and founded a company that makes",
        "glue. The company grew fast, and in the spring of the next year its own-",
        "er moved to the capital, where she",
        "1",
    ],
    [
        "Annals of Glue, volume 3",
        "bought a mill at the river. It was the largest of the whole country then.",
        "It burnt down.",
        "The second mill was built by her daughter, who also led the company from",
        "the year of the fire.",
        "2",
    ],
    [
        "Annals of Glue, volume 3",
        "It still stands today, and the company is one of the largest of the land.",
        "3",
    ],
]


def test_paragraphs_go_over_pages_and_running_heads_and_page_numbers_are_left_out(tmp_path: Path) -> None:
    found = list(read_passages([write_pdf(tmp_path / "a.pdf", PAGES)]))
    assert [passage.text for passage in found] == [
        "Ida Kron was born in the town of Orle and founded a company that makes glue. The company grew fast, and in "
        "the spring of the next year its owner moved to the capital, where she bought a mill at the river. It was the "
        "largest of the whole country then. It burnt down.",
        "The second mill was built by her daughter, who also led the company from the year of the fire.",
        "It still stands today, and the company is one of the largest of the land.",
    ]
    assert [passage.source for passage in found] == ["a.pdf, page 1", "a.pdf, page 2", "a.pdf, page 3"]
    assert found[0].source_at(found[0].text.index("bought")) == "a.pdf, page 2"


def test_places_are_those_in_the_text_of_the_pages() -> None:
    pages = ["\n".join(page) for page in PAGES]
    whole = "\n".join(pages)
    for passage in paragraphs(page_lines(pages), document="a", place="a, page"):
        for offset, character in enumerate(passage.text):
            assert character == whole[passage.position(offset)] or character == " "


def test_what_stands_on_few_pages_is_no_running_head() -> None:
    pages = ["Ida\nrain", "Ida\nsun"]
    assert [line.text.strip() for line in page_lines(pages)] == ["Ida", "rain", "Ida", "sun"]


@pytest.mark.parametrize("pages", [[[]], [[], []]])
def test_scanned_pages_are_an_error_that_says_what_to_do(tmp_path: Path, pages: list[list[str]]) -> None:
    with pytest.raises(InputError, match=rf"no text in its {len(pages)} pages; if they are scanned"):
        list(read_passages([write_pdf(tmp_path / "a.pdf", pages)]))


def test_a_locked_file_is_an_error(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Ida"]], password="secret")  # noqa: S106
    with pytest.raises(InputError, match="locked by a password"):
        list(read_passages([path]))


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing more")
    with pytest.raises(InputError, match=r"a\.pdf: the PDF file is damaged or cannot be read"):
        list(read_passages([path]))
