"""Names are compared in Unicode NFC, and offsets stay those of the text."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout import RelationInstance, read
from relscout.core.errors import InputError
from relscout.core.instances import Mention
from relscout.core.surfaces import (
    composed,
    composed_with_offsets,
    cuts_word,
    end_of,
    occurrences,
    same_name,
    splits_word,
)


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def test_a_decomposed_text_holds_a_composed_name() -> None:
    text = _decomposed("Lê Thị Huệ sinh ở Huế.")
    spans = occurrences("Huế", text)
    assert [unicodedata.normalize("NFC", text[start:end]) for start, end in spans] == ["Huế"]
    assert text[slice(*spans[0])] == _decomposed("Huế")


def test_a_composed_text_holds_a_decomposed_name() -> None:
    text = "Göteborg ligger nära Mölndal."
    assert occurrences(_decomposed("Mölndal"), text) == [(21, 28)]


def test_syllables_of_conjoining_letters_are_the_same_name() -> None:
    text = _decomposed("서울은 부산보다 크다")
    ((start, end),) = occurrences("부산", text)
    assert text[start:end] == _decomposed("부산")


def test_a_letter_is_not_found_inside_an_accented_one() -> None:
    assert occurrences("e", _decomposed("é")) == []


def test_occurrences_may_overlap_and_can_be_limited() -> None:
    assert occurrences("aa", "aaaa") == [(0, 2), (1, 3), (2, 4)]
    assert occurrences("aa", "aaaa", most=2) == [(0, 2), (1, 3)]


def test_names_are_the_same_whatever_their_form_case_and_blanks() -> None:
    assert same_name("Malmö  FF", _decomposed("malmö ff"))
    assert same_name("\u212bngström", "ÅNGSTRÖM")
    assert not same_name("Malmo", "Malmö")


def test_the_end_of_a_name_is_that_in_the_text() -> None:
    text = _decomposed("Þórdís á Selfossi")
    assert text[: end_of("Þórdís", text, 0)] == _decomposed("Þórdís")
    assert end_of("Reykjavík", text, 0) == len("Reykjavík")


@given(st.text(alphabet="aeouÅ é\u0301\u0327\u0323한ㅎ各", max_size=12))
def test_offsets_of_the_composed_text_lead_back(text: str) -> None:
    whole, offsets = composed_with_offsets(text)
    assert len(offsets) == len(whole) + 1
    assert (offsets[0], offsets[-1]) == (0, len(text))
    assert list(offsets) == sorted(offsets)


@pytest.mark.parametrize(
    ("text", "position", "inside"),
    [
        ("Rome is", 2, True),
        ("Rome is", 4, False),
        ("a_b", 1, True),
        ("x-ray", 1, False),
        (_decomposed("é"), 1, True),
        ("ที่เชียงใหม่", 3, False),
        ("東京は", 2, False),
        ("Ωmega", 1, True),
        ("Rome", 0, False),
        ("Rome", 4, False),
    ],
)
def test_where_a_word_is_split(text: str, position: int, inside: bool) -> None:
    assert splits_word(text, position) is inside


def test_a_span_cuts_a_word_or_has_a_blank_at_its_edge() -> None:
    text = "Old Rome fell"
    assert [cuts_word(text, *span) for span in ((4, 8), (4, 7), (3, 8), (4, 9), (5, 8))] == [
        False, True, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_marked_strings_are_compared_in_nfc(form: str) -> None:
    text = _decomposed("Zoë leeft in Curaçao.")
    strings = (unicodedata.normalize(form, name) for name in ("Zoë", "Curaçao"))
    instance = RelationInstance.from_strings(text, *strings)
    assert (instance.head_text, instance.tail_text) == (_decomposed("Zoë"), _decomposed("Curaçao"))


def test_the_same_place_under_two_forms_is_one_mention() -> None:
    with pytest.raises(InputError, match="are the same place of"):
        RelationInstance.from_strings("Zoë leeft.", "Zoë", _decomposed("Zoë"))


def test_relations_and_types_are_kept_in_nfc() -> None:
    head, tail = Mention(0, 1, _decomposed("Società")), Mention(2, 3)
    instance = RelationInstance("a b", head, tail, relation=_decomposed("è città di"))
    assert (instance.relation, instance.head.type) == ("è città di", "Società")
    assert composed("plain") == "plain"


_TEXT = _decomposed("Søren Ågård grundlagde Ærø Færger.")


@pytest.mark.parametrize(
    "record",
    [
        {"text": _TEXT, "head": {"start": 0, "end": 13, "text": "Søren Ågård"}, "tail": {"start": 25, "end": 35}},
        {"text": _TEXT, "head": "Søren Ågård", "tail": "Ærø Færger"},
        {"text": _TEXT, "head": "Søren Ågård", "head_start": 0, "tail": "Ærø Færger", "tail_start": 25},
        {"text": _TEXT, "triple_list": [["Søren Ågård", "founded", "Ærø Færger"]]},
    ],
    ids=["spans", "strings", "starts", "triples"],
)  # fmt: skip
def test_readers_compare_names_in_nfc(tmp_path: Path, record: object) -> None:
    file = tmp_path / "dk.jsonl"
    file.write_text(json.dumps(record) + "\n")
    (instance,) = read(file)
    assert same_name(instance.head_text, "Søren Ågård")
    assert same_name(instance.tail_text, "Ærø Færger")
    assert instance.text == _TEXT
