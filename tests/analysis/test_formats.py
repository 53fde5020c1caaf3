"""What each input format shows, and that what it hides is nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.lab.analysis.formats import BLANKS, FORMATS, repeats_a_name, rewritten

HEAD, TAIL = Mention(0, 11, "PERSON", "Q7186"), Mention(24, 30, "birth_city", "Q270")
CURIE = RelationInstance(
    "Marie Curie was born in Warsaw.", HEAD, TAIL, relation="born in", id="1", source="here"
)


@pytest.mark.parametrize(
    ("format", "text", "head", "tail", "types"),
    [
        ("C+M", CURIE.text, "Marie Curie", "Warsaw", ("PERSON", "birth_city")),
        ("C+T", "person was born in birth city.", "person", "birth city", ("PERSON", "birth_city")),
        ("OnlyC", "X was born in Y.", "X", "Y", (None, None)),
        ("OnlyM", "Marie Curie Warsaw", "Marie Curie", "Warsaw", (None, None)),
        ("OnlyT", "person birth city", "person", "birth city", ("PERSON", "birth_city")),
    ],
)
def test_a_format_shows_what_it_says(format, text, head, tail, types):
    found = rewritten(CURIE, format)
    assert (found.text, found.head_text, found.tail_text, found.type_pair) == (text, head, tail, types)
    assert (found.relation, found.id, found.source) == ("born in", "1", "here")
    if format != "C+M":
        assert found.head.entity_id is found.tail.entity_id is None


def test_without_context_the_head_comes_first():
    assert rewritten(replace(CURIE, head=TAIL, tail=HEAD), "OnlyM").text == "Warsaw Marie Curie"


def test_of_nested_mentions_one_follows_the_other():
    nested = RelationInstance(
        "At the University of Paris today", Mention(7, 26, "ORG"), Mention(21, 26, "CITY")
    )
    assert rewritten(nested, "C+T").text == "At the org city today"
    found = rewritten(replace(nested, head=nested.tail, tail=nested.head), "OnlyC")
    assert (found.text, found.head_text, found.tail_text) == ("At the Y X today", "X", "Y")
    assert rewritten(nested, "OnlyM").text == "University of Paris Paris"


def test_a_mention_inside_a_word_leaves_words_of_their_own():
    parts = RelationInstance("anti-ParisBerlinian mood", Mention(5, 10), Mention(10, 16))
    assert rewritten(parts, "OnlyC").text == "anti-X Y ian mood"


def test_a_type_that_is_unknown_or_no_word_is_an_entity():
    bare = replace(CURIE, head=Mention(0, 11), tail=Mention(24, 30, "__"))
    assert rewritten(bare, "C+T").text == "entity was born in entity."


def test_names_that_are_repeated_elsewhere_stay_and_are_told():
    text = "Warsaw: Marie Curie was born in Warsaw, not in Warsawa."
    again = RelationInstance(text, Mention(8, 19), Mention(32, 38))
    assert rewritten(again, "OnlyC").text == "Warsaw: X was born in Y, not in Warsawa."
    assert repeats_a_name(again)
    assert not repeats_a_name(replace(again, text=text.replace("Warsaw:", "Poland:")))


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'OnlyC'"):
        rewritten(CURIE, "onlyC")


#: No deadline, which a busy machine would miss.
words = st.text("abcé中 .-'", min_size=1, max_size=6)
names = words.filter(str.strip)
types = st.none() | st.sampled_from(["PERSON", "birth_city", "-"])


@st.composite
def placed(draw):
    """Draw a context and two places in it, apart, touching or nested, into which any names can be put."""
    before, between, after = (draw(st.just("") | words) for _ in range(3))
    return before, between, after, draw(st.sampled_from(["apart", "swapped", "nested", "nested swapped"]))


def filled(place, first: str, second: str, kinds) -> RelationInstance:
    before, between, after, how = place
    start = len(before)
    if how.startswith("nested"):
        # the inner mention ends the outer one, which has the space between them, too
        whole = f"{first} {second}"
        text = f"{before}{whole}{after}"
        spans = (start, start + len(whole)), (start + len(first) + 1, start + len(whole))
    else:
        text = f"{before}{first}{between}{second}{after}"
        there = start + len(first) + len(between)
        spans = (start, start + len(first)), (there, there + len(second))
    mentions = [Mention(*span, kind, f"Q{kind}") for span, kind in zip(spans, kinds, strict=True)]
    if how.endswith("swapped"):
        mentions.reverse()
    return RelationInstance(text, *mentions, id="same")


@given(placed(), names, names, names, names, types, types, types, types)
def test_only_context_is_the_same_whatever_the_entities_are_called(place, a, b, c, d, t, u, v, w):
    one, other = filled(place, a, b, (t, u)), filled(place, c, d, (v, w))
    for blanks in BLANKS:
        assert rewritten(one, "OnlyC", blanks=blanks) == rewritten(other, "OnlyC", blanks=blanks)
        assert (
            rewritten(one, "OnlyC", blanks=blanks).head_text,
            rewritten(one, "OnlyC", blanks=blanks).tail_text,
        ) == blanks


@given(placed(), names, names, names, names, types, types)
def test_types_instead_of_names_tell_no_names(place, a, b, c, d, t, u):
    one, other = filled(place, a, b, (t, u)), filled(place, c, d, (t, u))
    assert rewritten(one, "C+T") == rewritten(other, "C+T")
    assert rewritten(one, "OnlyT") == rewritten(other, "OnlyT")


@given(placed(), placed(), names, names, types, types)
def test_without_context_two_sentences_are_the_same(place, elsewhere, a, b, t, u):
    elsewhere = (*elsewhere[:3], place[3])
    one, other = filled(place, a, b, (t, u)), filled(elsewhere, a, b, (t, u))
    assert rewritten(one, "OnlyM") == rewritten(other, "OnlyM")
    assert rewritten(one, "OnlyT") == rewritten(other, "OnlyT")


@given(placed(), names, names, types, types)
def test_what_is_shown_can_be_shown_again(place, a, b, t, u):
    for format in FORMATS:
        found = rewritten(filled(place, a, b, (t, u)), format)
        assert found.head_text.strip()
        assert found.tail_text.strip()
        assert rewritten(found, format) == found
        for other in FORMATS:
            again = rewritten(found, other)
            assert again.head_text.strip()
            assert again.tail_text.strip()
