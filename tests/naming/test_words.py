from __future__ import annotations

import pytest

from relscout.naming.words import group, join, pieces


def test_words_numbers_and_punctuation_are_cut_apart() -> None:
    assert pieces("born on 5 July 1901, in") == ["born", "on", "5", "July", "1901,", "in"]


def test_a_possessive_is_a_word_of_its_own() -> None:
    assert pieces("Ada's cousin") == ["Ada", "'s", "cousin"]


def test_contractions_and_hyphenated_words_stay_whole() -> None:
    assert pieces("didn't co-found l’université") == ["didn't", "co-found", "l’université"]


def test_combining_marks_belong_to_their_word() -> None:
    assert pieces("मुंबई में") == ["मुंबई", "में"]


def test_han_characters_are_cut_apart_and_joined_again() -> None:
    assert pieces("出生于") == ["出", "生", "于"]
    assert join(["出", "生", "于"]) == "出生于"


def test_other_words_are_joined_by_spaces() -> None:
    assert join(["né", "à"]) == "né à"


@pytest.mark.parametrize(
    "forms",
    [
        ("wrote", "written", "writes", "writing", "write"),
        ("is", "was", "were", "been"),
        ("born", "bear", "bore"),
        ("won", "wins", "winning"),
        ("led", "leads", "leading"),
        ("founded", "founds", "founding"),
        ("his", "her", "their"),
        ("invented", "inventor", "invention"),
        ("discovered", "discoverer", "discovery"),
        ("founder", "founders", "founded"),
        ("wrote", "writers"),
    ],
)
def test_forms_of_a_word_share_their_key(forms: tuple[str, ...]) -> None:
    assert len({group(form) for form in forms}) == 1


@pytest.mark.parametrize("word", ["member", "mother", "river", "letter", "author"])
def test_not_every_word_that_ends_like_one_who_acts_is_one(word: str) -> None:
    assert group(word) == word


def test_different_words_have_different_keys() -> None:
    assert len({group(word) for word in ("wrote", "won", "born", "is", "has", "his", "in")}) == 7
    assert group("founded") != group("found")
