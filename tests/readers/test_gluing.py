"""Tokens glued back to running text."""

from __future__ import annotations

import pytest

from relscout.io.readers.tokens import TokenText, blanks_before


def glued(tokens: str) -> str:
    words = tokens.split(" ")
    return TokenText(words, blanks_before(words)).text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Ada left , and Tim stayed .", "Ada left, and Tim stayed."),
        ("Ada ( born 1911 ) left", "Ada (born 1911) left"),
        ("the mill 's wheel does n't turn", "the mill's wheel doesn't turn"),
        ("the region ’s mills", "the region’s mills"),
        ('her " Blue Mill " and " Red Mill " .', 'her "Blue Mill" and "Red Mill".'),
        ("the bakers ' guild", "the bakers' guild"),
        ("called ' the mill ' here", "called 'the mill' here"),
        ("“ Blue Mill ” stands", "“Blue Mill” stands"),
        ("the south - west coast", "the south-west coast"),
        ("Ada , co - founder", "Ada, co-founder"),
        ("from 1911 – 1923 there", "from 1911–1923 there"),
        ("( 11 May 1911 – 5 March 1971 )", "(11 May 1911 – 5 March 1971)"),
        ("the mill — now closed — stands", "the mill—now closed—stands"),
        ("paid $ 5 for 40 %", "paid $5 for 40%"),
        ("Finch & Sons and / or heirs", "Finch & Sons and/or heirs"),
        ('it ended . "', 'it ended."'),
        ("- five", "- five"),
    ],
)
def test_marks_join_the_words_that_they_belong_to(tokens: str, text: str) -> None:
    assert glued(tokens) == text


def test_blank_tokens_are_one_blank() -> None:
    tokens = ["", "16", "", "km", ""]
    assert TokenText(tokens, blanks_before(tokens)).text == "16 km"


def test_spans_follow_the_glued_text() -> None:
    tokens = ["(", "Ada", "'s", ")", "mill"]
    text = TokenText(tokens, blanks_before(tokens))
    assert [text.mention("head", at, at + 1).surface(text.text) for at in range(5)] == tokens
