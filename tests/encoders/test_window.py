from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relscout.encoders.marking import Sentence, Span, fit

IDS = range(100)


@st.composite
def spans(draw: st.DrawFn, length: int) -> Span:
    start = draw(st.integers(0, length - 1))
    return start, draw(st.integers(start + 1, length))


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    """Any sentence, its mentions apart, nested, crossing or equal; each token is its own place."""
    length = draw(st.integers(1, 60))
    return Sentence(range(length), draw(spans(length)), draw(spans(length)))


budgets = st.integers(2, 70)


def test_a_sentence_that_fits_stays_whole() -> None:
    sentence = Sentence(IDS, head=(3, 5), tail=(90, 95))
    assert fit(sentence, 100) == (sentence, "")


def test_the_window_has_as_much_context_before_as_behind() -> None:
    window, lost = fit(Sentence(IDS, head=(50, 52), tail=(54, 56)), 10)
    assert list(window.ids) == list(range(48, 58))
    assert (window.head, window.tail, lost) == ((2, 4), (6, 8), "context")


def test_the_window_stays_within_the_sentence_at_its_start() -> None:
    window, _ = fit(Sentence(IDS, head=(1, 2), tail=(3, 4)), 10)
    assert list(window.ids) == list(range(10))


def test_the_window_stays_within_the_sentence_at_its_end() -> None:
    window, _ = fit(Sentence(IDS, head=(98, 99), tail=(96, 97)), 10)
    assert list(window.ids) == list(range(90, 100))


def test_between_mentions_far_apart_the_middle_is_left_out() -> None:
    window, lost = fit(Sentence(IDS, head=(80, 82), tail=(20, 21)), 10)
    assert list(window.ids) == [18, 19, 20, 21, 22, 79, 80, 81, 82, 83]
    assert (window.head, window.tail, lost) == ((6, 8), (2, 3), "between")


def test_a_long_mention_takes_what_a_short_one_can_spare() -> None:
    window, lost = fit(Sentence(IDS, head=(0, 2), tail=(30, 37)), 10)
    assert list(window.ids) == [0, 1, 2, *range(30, 37)]
    assert lost == "between"


def test_of_a_mention_longer_than_the_budget_the_end_is_left_out() -> None:
    window, lost = fit(Sentence(IDS, head=(0, 2), tail=(30, 80)), 10)
    assert list(window.ids) == [0, 1, *range(30, 38)]
    assert (window.head, window.tail, lost) == ((0, 2), (2, 10), "mention")


def test_two_mentions_longer_than_the_budget_get_half_each() -> None:
    window, lost = fit(Sentence(IDS, head=(0, 30), tail=(30, 80)), 10)
    assert list(window.ids) == [*range(5), *range(30, 35)]
    assert (window.head, window.tail, lost) == ((0, 5), (5, 10), "mention")


def test_of_a_long_mention_around_the_other_its_start_and_the_inner_one_stay() -> None:
    window, lost = fit(Sentence(IDS, head=(10, 60), tail=(40, 42)), 10)
    assert list(window.ids) == [*range(10, 18), 40, 41]
    assert (window.head, window.tail, lost) == ((0, 10), (8, 10), "mention")


def test_a_long_mention_that_starts_with_the_other_fills_the_budget() -> None:
    window, lost = fit(Sentence(IDS, head=(10, 12), tail=(10, 60)), 10)
    assert list(window.ids) == list(range(10, 20))
    assert (window.head, window.tail, lost) == ((0, 2), (0, 10), "mention")


@given(sentences(), budgets)
def test_the_budget_is_used_up_and_never_exceeded(sentence: Sentence, budget: int) -> None:
    window, _ = fit(sentence, budget)
    assert len(window.ids) == min(len(sentence.ids), budget)


@given(sentences(), budgets)
def test_tokens_keep_their_order_and_none_comes_twice(sentence: Sentence, budget: int) -> None:
    window, _ = fit(sentence, budget)
    assert list(window.ids) == sorted(set(window.ids))


@given(sentences(), budgets)
def test_the_spans_hold_exactly_what_is_kept_of_each_mention(sentence: Sentence, budget: int) -> None:
    window, _ = fit(sentence, budget)
    for before, after in ((sentence.head, window.head), (sentence.tail, window.tail)):
        assert 0 <= after[0] < after[1] <= len(window.ids)
        assert list(window.ids[slice(*after)]) == [token for token in window.ids if token in range(*before)]


@given(sentences(), budgets)
def test_each_mention_keeps_its_first_token(sentence: Sentence, budget: int) -> None:
    window, _ = fit(sentence, budget)
    assert (window.ids[window.head[0]], window.ids[window.tail[0]]) == (sentence.head[0], sentence.tail[0])


@given(sentences(), budgets)
def test_what_is_lost_is_told(sentence: Sentence, budget: int) -> None:
    window, lost = fit(sentence, budget)
    missing = set(sentence.ids) - set(window.ids)
    low, high = min(sentence.head[0], sentence.tail[0]), max(sentence.head[1], sentence.tail[1])
    if missing & {*range(*sentence.head), *range(*sentence.tail)}:
        assert lost == "mention"
    elif missing & {*range(low, high)}:
        assert lost == "between"
    else:
        assert lost == ("context" if missing else "")


@given(sentences(), budgets)
def test_mentions_are_cut_only_where_both_cannot_stay(sentence: Sentence, budget: int) -> None:
    _, lost = fit(sentence, budget)
    together = {*range(*sentence.head), *range(*sentence.tail)}
    assert (lost == "mention") is (len(together) > budget)
