from __future__ import annotations

from relscout.core.instances import Mention, RelationInstance
from relscout.naming.phrases import GAP, LINK, MENTION, NO_GAP, Names, context


def runs(between: str, *, head_first: bool = True) -> list[tuple[int, list[str]]]:
    text = f"Ada {between} Oslo"
    first, second = Mention(0, 3), Mention(len(text) - 4, len(text))
    one = context(RelationInstance(text, *((first, second) if head_first else (second, first))))
    return [(place, list(words)) for place, words in Names([one]).runs(one)]


def linked(between: str) -> list[list[str]]:
    return [words for _, words in runs(between) if words[-1] != MENTION]


def test_a_run_that_touches_the_second_mention_is_closed() -> None:
    assert (0, ["saw", MENTION]) in runs("saw the")


def test_where_the_tail_comes_first_the_place_is_odd() -> None:
    assert (1, ["saw", MENTION]) in runs("saw the", head_first=False)


def test_the_preposition_before_the_second_mention_is_joined_with_the_words_before_it() -> None:
    assert linked("studied physics at the") == [
        [LINK, "at"],
        ["physics", NO_GAP, "at"],
        ["studied", GAP, "at"],
    ]


def test_a_title_may_follow_the_preposition() -> None:
    assert ["invented", NO_GAP, "by"] in linked("invented by the old engineer")


def test_a_clause_that_ends_is_not_joined_with_a_later_preposition() -> None:
    assert linked("saw ships and sailed to") == [[LINK, "to"], ["sailed", NO_GAP, "to"]]


def test_without_a_preposition_before_the_second_mention_nothing_is_joined() -> None:
    assert not any({LINK, GAP, NO_GAP} & set(words) for _, words in runs("went out , but saw"))
