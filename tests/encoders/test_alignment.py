from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.marking import Sentence, align, excerpt

UNKNOWN = 1
#: "Marie Curie-Sklodowska left" in tokens: Marie | Curie | - | Sk | lodowska | left
OFFSETS = [(0, 5), (6, 11), (11, 12), (12, 14), (14, 22), (23, 27)]
IDS = [10, 11, 12, 13, 14, 15]


def spans(head: Mention, tail: Mention) -> tuple[tuple[int, int], tuple[int, int]]:
    sentence = align(IDS, OFFSETS, head, tail, unknown_id=UNKNOWN)
    assert sentence.ids == IDS
    return sentence.head, sentence.tail


def test_a_mention_has_the_tokens_that_it_covers() -> None:
    assert spans(Mention(0, 11), Mention(12, 22)) == ((0, 2), (3, 5))


def test_a_mention_that_ends_within_a_token_has_all_of_it() -> None:
    assert spans(Mention(0, 8), Mention(16, 18)) == ((0, 2), (4, 5))


def test_space_beside_a_mention_brings_no_token_in() -> None:
    assert spans(Mention(5, 12), Mention(22, 27)) == ((1, 3), (5, 6))


def test_two_mentions_within_one_token_share_it() -> None:
    assert spans(Mention(14, 17), Mention(17, 22)) == ((4, 5), (4, 5))


def test_a_mention_without_tokens_gets_an_unknown_one() -> None:
    sentence = align(IDS, OFFSETS, Mention(22, 23), Mention(0, 5), unknown_id=UNKNOWN)
    assert sentence == Sentence([10, 11, 12, 13, 14, UNKNOWN, 15], head=(5, 6), tail=(0, 1))


def test_a_mention_behind_one_without_tokens_moves() -> None:
    sentence = align(IDS, OFFSETS, Mention(5, 6), Mention(6, 11), unknown_id=UNKNOWN)
    assert sentence == Sentence([10, UNKNOWN, 11, 12, 13, 14, 15], head=(1, 2), tail=(2, 3))


def test_a_mention_around_one_without_tokens_grows() -> None:
    sentence = align(IDS, OFFSETS, Mention(0, 11), Mention(5, 6), unknown_id=UNKNOWN)
    assert sentence == Sentence([10, UNKNOWN, 11, 12, 13, 14, 15], head=(0, 3), tail=(1, 2))


def test_two_mentions_without_tokens_keep_their_order() -> None:
    first, second = Mention(0, 1), Mention(2, 3)
    assert align([], [], first, second, unknown_id=UNKNOWN) == Sentence([1, 1], head=(0, 1), tail=(1, 2))
    assert align([], [], second, first, unknown_id=UNKNOWN) == Sentence([1, 1], head=(1, 2), tail=(0, 1))


@st.composite
def offsets(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Offsets as tokenizers give them: starts and ends never decrease, several tokens may share a character."""
    starts = sorted(draw(st.lists(st.integers(0, 20), max_size=12)))
    ends = sorted(draw(st.lists(st.integers(0, 20), min_size=len(starts), max_size=len(starts))))
    return [(start, max(start, end)) for start, end in zip(starts, ends, strict=True)]


@given(offsets(), st.integers(0, 19), st.integers(1, 20))
def test_a_mention_has_every_token_that_shares_a_character_with_it(
    offsets: list[tuple[int, int]], start: int, length: int
) -> None:
    end = start + length
    ids = list(range(10, 10 + len(offsets)))
    sentence = align(ids, offsets, Mention(start, end), Mention(start, end), unknown_id=UNKNOWN)
    expected = {
        token for token, (low, high) in zip(ids, offsets, strict=True) if max(low, start) < min(high, end)
    }
    found = set(sentence.ids[slice(*sentence.head)])
    assert found >= expected
    assert found <= expected | {UNKNOWN} | {
        token for token, (low, high) in zip(ids, offsets, strict=True) if low == high
    }


def test_an_excerpt_of_a_short_text_is_the_text(instance: Callable[..., RelationInstance]) -> None:
    short = instance("<h>Ann</h> met <t>Bob</t>.")
    assert excerpt(short, 100) == (short.text, short.head, short.tail)


def test_an_excerpt_reaches_as_far_on_both_sides(instance: Callable[..., RelationInstance]) -> None:
    text, head, tail = excerpt(instance("x" * 50 + "<t>Ann</t> met <h>Bob</h>" + "y" * 50), 3)
    assert text == "xxxAnn met Bobyyy"
    assert (head.surface(text), tail.surface(text)) == ("Bob", "Ann")
