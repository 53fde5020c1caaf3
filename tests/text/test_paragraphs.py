"""Lines joined to paragraphs, with true places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.text import Passage
from relscout.text.paragraphs import LONGEST_PASSAGE, lines_of, paragraphs, selected

WRAPPED = """\
Marie Curie was born in Warsaw, a city which then was a part of the Rus-
sian empire. She later moved to Paris with her sister Bronia, and stud-
ied physics.

She was the first woman to win a Nobel Prize, which was given to her by
the academy in Stockholm.
"""


def found(text: str) -> list[Passage]:
    return list(paragraphs(lines_of(text), document="d", place="d.txt, line"))


def texts(text: str) -> list[str]:
    return [passage.text for passage in found(text)]


def check_places(text: str, passages: list[Passage]) -> None:
    for passage in passages:
        for offset, character in enumerate(passage.text):
            there = text[passage.position(offset)]
            assert character == there or (character == " " and there.isspace())


def test_wrapped_lines_are_one_paragraph_and_a_blank_line_ends_it() -> None:
    assert texts(WRAPPED) == [
        "Marie Curie was born in Warsaw, a city which then was a part of the Russian empire. "
        "She later moved to Paris with her sister Bronia, and studied physics.",
        "She was the first woman to win a Nobel Prize, which was given to her by the academy in Stockholm.",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_character_keeps_its_place_in_the_file(end: str) -> None:
    text = WRAPPED.replace("\n", end)
    passages = found(text)
    assert len(passages) == 2
    check_places(text, passages)


def test_a_place_in_a_paragraph_knows_its_line() -> None:
    first, second = found(WRAPPED)
    assert [first.source_at(first.text.index(word)) for word in ("Marie", "empire", "physics")] == [
        "d.txt, line 1",
        "d.txt, line 2",
        "d.txt, line 3",
    ]
    assert second.source_at(second.text.index("academy")) == "d.txt, line 6"


def test_a_hyphen_stays_where_the_next_line_goes_on_with_a_capital_letter() -> None:
    text = WRAPPED.replace("Rus-\nsian", "Austro-\nHungarian")
    assert "Austro- Hungarian empire" in texts(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        # sentences, one on each line
        "Ida Kron runs Acme, which makes glue and tar.\nBolt is a company in the north of Norway.\nIt rained.\n",
        # long paragraphs, one on each line
        "Ida Kron runs Acme " * 12
        + "\n"
        + "Bolt is a company " * 12
        + "\nIt rained all day in Oslo "
        + "x " * 90,
        # names
        "Acme\nBolt\nIda Kron\nOslo",
    ],
)
def test_lines_that_are_no_wrapped_text_are_passages_of_their_own(text: str) -> None:
    assert texts(text) == [line.strip() for line in text.splitlines()]


LONG = "The mill at the river was built by the company of Ida Kron in the spring,\n"


def test_a_heading_and_the_end_of_a_paragraph_are_known_without_blank_lines() -> None:
    second = "The second mill was larger and stood on the other bank of it,"
    text = f"The early years\n{LONG}and it burnt down.\n{second}\n{LONG}"
    assert [passage.split()[0] + " " + passage.split()[-1] for passage in texts(text)] == [
        "The years",
        "The down.",
        "The spring,",
    ]


def test_an_indented_line_after_a_sentence_begins_a_paragraph() -> None:
    text = LONG + "which was not long after the war had ended in all of the north country.\n  Then " + LONG
    assert len(texts(text)) == 2


def test_items_of_lists_are_passages_of_their_own_without_their_marks() -> None:
    text = f"{LONG}and these are its owners:\n- Ida Kron, who had it built\n- Acme, which has it now and\n  keeps it\n"
    assert texts(text)[1:] == ["Ida Kron, who had it built", "Acme, which has it now and keeps it"]
    assert texts("1. Ida Kron.\n2. Acme\n(3) Bolt\n") == ["Ida Kron.", "Acme", "Bolt"]
    check_places(text, found(text))


def test_a_number_in_the_middle_of_a_sentence_begins_no_item() -> None:
    text = (
        LONG + "as is said in a letter to the mayor, which was sent to him on the day of May\n3. It was long."
    )
    assert len(texts(text)) == 1


def test_lines_of_signs_end_a_paragraph_and_are_no_text() -> None:
    assert texts("The mill\n========\nIt burnt.\n* * *\nIt rained.") == [
        "The mill",
        "It burnt.",
        "It rained.",
    ]


def test_a_long_line_is_cut_at_the_end_of_sentences() -> None:
    text = "Ida Kron runs Acme, and it rains. " * 2000
    passages = found(text)
    assert max(len(passage.text) for passage in passages) <= LONGEST_PASSAGE
    assert all(passage.text.startswith("Ida") and passage.text.endswith("rains.") for passage in passages)
    assert " ".join(passage.text for passage in passages) == text.strip()
    assert [text[passage.start :][: len(passage.text)] for passage in passages] == [
        one.text for one in passages
    ]
    assert {passage.source for passage in passages} == {"d.txt, line 1"}


@pytest.mark.parametrize("text", ["ab " * 9000, "x" * 25_000, "上海很大。" * 5000])
def test_a_long_line_without_sentences_is_cut_all_the_same(text: str) -> None:
    passages = found(text)
    assert max(len(passage.text) for passage in passages) <= LONGEST_PASSAGE
    assert "".join("".join(one.text.split()) for one in passages) == "".join(text.split())


def test_a_wrapped_paragraph_without_an_end_is_cut_at_a_line() -> None:
    passages = found(LONG * 1000)
    assert max(len(passage.text) for passage in passages) < 2 * LONGEST_PASSAGE
    assert all(passage.text.endswith("spring,") for passage in passages)


def test_control_characters_become_blanks() -> None:
    assert texts("Ida\tKron\x0bruns\x00Acme") == ["Ida Kron runs Acme"]


@given(st.text(alphabet="ab-A. \n\r\t1*", max_size=80))
def test_any_text_keeps_its_places_and_its_letters(text: str) -> None:
    passages = found(text)
    check_places(text, passages)
    assert [c for passage in passages for c in passage.text if c in "abA"] == [c for c in text if c in "abA"]


@given(st.data())
def test_parts_of_a_passage_keep_their_places_and_lines(data: st.DataObject) -> None:
    (whole,) = found(WRAPPED.split("\n\n")[0])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole.text)), min_size=2, max_size=8)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    part = selected(whole, spans)
    offsets = [offset for start, end in spans for offset in range(start, end)]
    assert part.text == "".join(whole.text[offset] for offset in offsets)
    for new, old in enumerate(offsets):
        assert part.position(new) == whole.position(old)
        assert part.source_at(new) == whole.source_at(old)


def test_a_line_break_between_characters_of_han_stands_for_nothing() -> None:
    lines = [
        "　　玛丽居里出生在华沙，她后来和姐姐一起搬到了巴",
        "黎，并在那里学习物理和数学，她是第一位获得诺贝",
        "尔奖的女性。",
    ]
    text = "\n".join([*lines, "　　弗里达卡罗住在科约阿坎，和迭戈里维拉在一起，她画了许多自画像。"])
    passages = found(text)
    assert [passage.text for passage in passages] == [
        "玛丽居里出生在华沙，她后来和姐姐一起搬到了巴黎，并在那里学习物理和数学，她是第一位获得诺贝尔奖的女性。",
        "弗里达卡罗住在科约阿坎，和迭戈里维拉在一起，她画了许多自画像。",
    ]
    check_places(text, passages)
