from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.cli.screen import excerpt
from relscout.core.instances import Mention, RelationInstance

TEXT = (
    "The well known mathematician Ada Lovelace, who had spent many years of her life elsewhere, "
    "at last moved to London with all her books."
)


def shown(head: str, tail: str, width: int, text: str = TEXT) -> str:
    head_start, tail_start = text.index(head), text.index(tail)
    mentions = Mention(head_start, head_start + len(head)), Mention(tail_start, tail_start + len(tail))
    return excerpt(RelationInstance(text, *mentions), width).plain


def test_a_short_sentence_is_shown_whole():
    assert shown("Ada", "Rome", 40, "Ada in Rome") == "[h Ada] in [t Rome]"


def test_both_ends_are_left_out_around_the_entities():
    assert shown("spent", "years", 40) == "…had [h spent] many [t years] of…"


def test_the_middle_is_left_out_where_entities_stand_far_apart():
    assert shown("Ada Lovelace", "London", 60) == "…[h Ada Lovelace], who … moved to [t London] with all…"


def test_the_order_of_the_sentence_is_kept():
    assert shown("London", "Ada Lovelace", 50).index("[t Ada") < shown("London", "Ada Lovelace", 50).index(
        "[h Lon"
    )


def test_an_entity_that_is_too_long_is_cut():
    long = "x" * 100
    assert re.fullmatch(r"\[h x+…\] … in \[t Rome\]", shown(long, "Rome", 50, f"{long} in Rome"))


def test_an_entity_inside_the_other_is_marked_inside():
    assert (
        shown("University of Paris", "Paris", 60, "The University of Paris")
        == "The [h University of [t Paris]]"
    )


def test_control_characters_are_made_visible():
    assert shown("Ada", "Rome", 40, "Ada \x1b[31m in\nRome") == "[h Ada] ·[31m in [t Rome]"


def test_a_head_that_is_cut_is_closed_once_where_the_tail_follows_at_once():
    instance = RelationInstance("a" * 21, Mention(0, 13), Mention(13, 21))
    assert excerpt(instance, 30).plain == "[h aaaaaaaaaa…] … a[t aaaaaaaa]"


@pytest.mark.parametrize("width", [30, 45, 60, 90, 200])
@given(data=st.data())
def test_both_entities_are_always_in_sight_and_the_width_is_kept(width, data):
    text = data.draw(
        st.text(alphabet="ab c", min_size=2, max_size=150).filter(lambda text: text.strip() == text)
    )
    starts = [place for place, character in enumerate(text) if not character.isspace()]
    first, second = data.draw(st.lists(st.sampled_from(starts), min_size=2, max_size=2, unique=True))
    ends = [data.draw(st.integers(start + 1, len(text))) for start in (first, second)]
    head, tail = Mention(first, ends[0]), Mention(second, ends[1])
    if head.crosses(tail):
        return
    plain = excerpt(RelationInstance(text, head, tail), width).plain
    assert "[h " in plain
    assert "[t " in plain
    assert plain.count("[") == plain.count("]") == 2
    assert len(plain) <= max(width, 35)
