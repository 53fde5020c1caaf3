"""Sentences by rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.text import sentence_spans


def sentences(text: str, *kept_whole: tuple[int, int]) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, kept_whole)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One day. Two days! Three?  Four…", ["One day.", "Two days!", "Three?", "Four…"]),
        ('She said "Go." He went. (Both did.) End', ['She said "Go."', "He went.", "(Both did.)", "End"]),
        ("Dr. Okoye and J. R. Li met. They left.", ["Dr. Okoye and J. R. Li met.", "They left."]),
        ("The U.S. Senate met e.g. Tim vs. Acme Inc. Lawyers came.", 1),
        ("Version 2.5 is out.Really. Ja.", ["Version 2.5 is out.Really.", "Ja."]),
        ("It cost 3 pts. per kilo.", 1),
        ("東京に行く。京都にも行く！終わり", ["東京に行く。", "京都にも行く！", "終わり"]),
        ("Élan. Übung. Ñandú", ["Élan.", "Übung.", "Ñandú"]),
        ("  no end  ", ["no end"]),
        ("", []),
        (" \n ", []),
        ("... And then", ["...", "And then"]),
    ],
)
def test_sentences_end_where_the_rules_say(text: str, expected: list[str] | int) -> None:
    found = sentences(text)
    assert (len(found) if isinstance(expected, int) else found) == expected


def test_no_sentence_ends_inside_a_span_that_is_kept_whole() -> None:
    text = "We saw Wham! Live yesterday. Good."
    start = text.index("Wham")
    assert sentences(text) == ["We saw Wham!", "Live yesterday.", "Good."]
    assert sentences(text, (start, start + len("Wham! Live"))) == ["We saw Wham! Live yesterday.", "Good."]


def test_a_sentence_may_end_where_a_kept_span_ends() -> None:
    assert sentences("We saw Wham! It rained.", (7, 12)) == ["We saw Wham!", "It rained."]


@given(st.text(alphabet='Ab. !?…。\n\t")1é', max_size=40))
def test_only_white_space_is_left_out(text: str) -> None:
    spans = list(sentence_spans(text))
    kept = "".join(text[start:end] for start, end in spans)
    assert "".join(kept.split()) == "".join(text.split())
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
