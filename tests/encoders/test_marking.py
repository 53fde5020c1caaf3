from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.encoders.marking import MARKINGS, Marked, Markers, Sentence, Span, keeps_context, mark, reveal

HEAD = Markers(before=(1,), after=(2,))
TAIL = Markers(before=(3,), after=(4,))
#: What stands in place of the head and of the tail.
INSTEAD = ((5, 6), (7,))
IDS = tuple(range(10, 20))


@st.composite
def spans(draw: st.DrawFn, length: int) -> Span:
    start = draw(st.integers(0, length - 1))
    return start, draw(st.integers(start + 1, length))


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    """Any sentence; each of its tokens is another one, and none is a marker."""
    length = draw(st.integers(1, 12))
    return Sentence(range(10, 10 + length), draw(spans(length)), draw(spans(length)))


def marked(sentence: Sentence) -> tuple[int, ...]:
    return mark(sentence, HEAD, TAIL).ids


def test_markers_stand_around_the_mentions() -> None:
    assert marked(Sentence(IDS[:6], head=(1, 3), tail=(4, 5))) == (10, 1, 11, 12, 2, 13, 3, 14, 4, 15)


def test_the_tail_may_come_first() -> None:
    assert marked(Sentence(IDS[:6], head=(4, 5), tail=(1, 3))) == (10, 3, 11, 12, 4, 13, 1, 14, 2, 15)


def test_a_mention_inside_the_other_is_marked_inside_it() -> None:
    assert marked(Sentence(IDS[:4], head=(0, 4), tail=(2, 3))) == (1, 10, 11, 3, 12, 4, 13, 2)


def test_of_two_mentions_with_the_same_start_the_longer_begins_first() -> None:
    assert marked(Sentence(IDS[:4], head=(1, 2), tail=(1, 4))) == (10, 3, 1, 11, 2, 12, 13, 4)


def test_of_two_mentions_with_the_same_end_the_shorter_ends_first() -> None:
    assert marked(Sentence(IDS[:4], head=(3, 4), tail=(1, 4))) == (10, 3, 11, 12, 1, 13, 2, 4)


def test_of_two_mentions_side_by_side_the_first_ends_before_the_second_begins() -> None:
    assert marked(Sentence(IDS[:4], head=(1, 2), tail=(2, 3))) == (10, 1, 11, 2, 3, 12, 4, 13)


def test_mentions_at_the_edges_are_marked_at_the_edges() -> None:
    assert marked(Sentence(IDS[:3], head=(2, 3), tail=(0, 1))) == (3, 10, 4, 11, 1, 12, 2)


def test_the_places_of_mentions_and_markers_are_told() -> None:
    assert mark(Sentence(IDS[:6], head=(4, 5), tail=(1, 3)), HEAD, TAIL) == Marked(
        ids=(10, 3, 11, 12, 4, 13, 1, 14, 2, 15), head_start=6, tail_start=1, head=(7, 8), tail=(2, 4)
    )


def test_without_markers_a_sentence_stays_as_it_is() -> None:
    assert mark(Sentence(IDS, head=(4, 5), tail=(1, 3)), Markers(), Markers()) == Marked(
        IDS, head_start=4, tail_start=1, head=(4, 5), tail=(1, 3)
    )


def test_replaced_mentions_leave_their_context() -> None:
    sentence = reveal(Sentence(IDS[:6], head=(1, 3), tail=(4, 5)), instead=INSTEAD)
    assert sentence == Sentence([10, 5, 6, 13, 7, 15], head=(1, 3), tail=(4, 5))


def test_replaced_mentions_keep_their_order() -> None:
    sentence = reveal(Sentence(IDS[:6], head=(4, 5), tail=(1, 3)), instead=INSTEAD)
    assert sentence == Sentence([10, 7, 13, 5, 6, 15], head=(3, 5), tail=(1, 2))


def test_a_mention_inside_a_replaced_one_follows_it() -> None:
    sentence = reveal(Sentence(IDS[:6], head=(2, 3), tail=(1, 5)), instead=INSTEAD)
    assert sentence == Sentence([10, 7, 5, 6, 15], head=(2, 4), tail=(1, 2))


def test_only_mentions_puts_the_head_before_the_tail() -> None:
    sentence = reveal(Sentence(IDS[:6], head=(4, 5), tail=(1, 3)), keep_context=False)
    assert sentence == Sentence([14, 11, 12], head=(0, 1), tail=(1, 3))


def test_only_mentions_shows_a_mention_inside_the_other_once_more() -> None:
    sentence = reveal(Sentence(IDS[:6], head=(1, 4), tail=(2, 3)), keep_context=False)
    assert sentence == Sentence([11, 12, 13, 12], head=(0, 3), tail=(3, 4))


def test_only_types_is_the_two_types() -> None:
    sentence = reveal(Sentence(IDS[:6], head=(4, 5), tail=(1, 3)), instead=INSTEAD, keep_context=False)
    assert sentence == Sentence([5, 6, 7], head=(0, 2), tail=(2, 3))


@pytest.mark.parametrize("marking", MARKINGS)
def test_only_two_schemes_leave_the_context_out(marking: str) -> None:
    assert keeps_context(marking) is (marking not in {"OnlyM", "OnlyT"})


@given(sentences(), st.booleans())
def test_nothing_of_a_replaced_mention_shows(sentence: Sentence, keep_context: bool) -> None:
    shown = reveal(sentence, instead=INSTEAD, keep_context=keep_context)
    hidden = {*sentence.ids[slice(*sentence.head)], *sentence.ids[slice(*sentence.tail)]}
    assert hidden.isdisjoint(shown.ids)


@given(sentences())
def test_replacing_mentions_leaves_the_context_whole(sentence: Sentence) -> None:
    shown = reveal(sentence, instead=INSTEAD)
    hidden = {*sentence.ids[slice(*sentence.head)], *sentence.ids[slice(*sentence.tail)]}
    assert [token for token in shown.ids if token >= 10] == [
        token for token in sentence.ids if token not in hidden
    ]


@given(sentences())
def test_without_context_only_the_mentions_show(sentence: Sentence) -> None:
    shown = reveal(sentence, keep_context=False)
    assert shown.ids == [*sentence.ids[slice(*sentence.head)], *sentence.ids[slice(*sentence.tail)]]


@given(sentences(), st.booleans())
def test_the_spans_point_at_what_replaced_the_mentions(sentence: Sentence, keep_context: bool) -> None:
    shown = reveal(sentence, instead=INSTEAD, keep_context=keep_context)
    assert tuple(shown.ids[slice(*shown.head)]) == INSTEAD[0]
    assert tuple(shown.ids[slice(*shown.tail)]) == INSTEAD[1]


@given(sentences())
def test_the_spans_point_at_the_mentions_and_at_markers_within_them(sentence: Sentence) -> None:
    found = mark(sentence, HEAD, TAIL)
    for before, after in ((sentence.head, found.head), (sentence.tail, found.tail)):
        within = [token for token in found.ids[slice(*after)] if token >= 10]
        assert within == list(sentence.ids[slice(*before)])


@given(sentences())
def test_each_marker_stands_right_beside_its_mention(sentence: Sentence) -> None:
    found = mark(sentence, HEAD, TAIL)
    assert found.ids[found.head_start : found.head[0]] == (1,)
    assert found.ids[found.tail_start : found.tail[0]] == (3,)
    assert (found.ids[found.head[1]], found.ids[found.tail[1]]) == (2, 4)


@given(sentences())
def test_marking_adds_the_markers_and_takes_nothing_away(sentence: Sentence) -> None:
    found = mark(sentence, HEAD, TAIL)
    assert [token for token in found.ids if token >= 10] == list(sentence.ids)
    assert sorted(token for token in found.ids if token < 10) == [1, 2, 3, 4]
