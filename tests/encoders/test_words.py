from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.convolution import FORMATS, UNKNOWN, WordVocabulary, shown
from relscout.encoders.marking import MARKINGS
from relscout.text.word_tags import WordTags, word_tags

TEXT = "In 1867, Marie Curie was born in Warsaw."
CURIE = RelationInstance(TEXT, Mention(9, 20, "PERSON"), Mention(33, 39, "CITY"))


@pytest.mark.parametrize(
    ("marking", "words", "from_head", "from_tail", "types"),
    [
        (
            "C+M",
            ["in", "1867", ",", "marie", "curie", "was", "born", "in", "warsaw", "."],
            [-3, -2, -1, 0, 0, 1, 2, 3, 4, 5],
            [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1],
            [None, None, None, "PERSON", "PERSON", None, None, None, "CITY", None],
        ),
        (
            "C+T",
            ["in", "1867", ",", "type PERSON", "was", "born", "in", "type CITY", "."],
            [-3, -2, -1, 0, 1, 2, 3, 4, 5],
            [-7, -6, -5, -4, -3, -2, -1, 0, 1],
            [None, None, None, "PERSON", None, None, None, "CITY", None],
        ),
        (
            "OnlyC",
            ["in", "1867", ",", "the head", "was", "born", "in", "the tail", "."],
            [-3, -2, -1, 0, 1, 2, 3, 4, 5],
            [-7, -6, -5, -4, -3, -2, -1, 0, 1],
            [None] * 9,
        ),
        ("OnlyM", ["marie", "curie", "warsaw"], [0, 0, 1], [-2, -1, 0], [None] * 3),
        ("OnlyT", ["type PERSON", "type CITY"], [0, 1], [-1, 0], ["PERSON", "CITY"]),
    ],
)
def test_the_five_formats_show_what_the_paper_says(marking, words, from_head, from_tail, types) -> None:
    found = shown(CURIE, marking, 100)
    assert found.words == words
    assert found.from_head.tolist() == from_head
    assert found.from_tail.tolist() == from_tail
    assert found.types == types
    assert found.lost == ""


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text("ab. -", max_size=8),
    st.text("xy", min_size=1, max_size=4),
    st.text("ab. -", max_size=8),
    st.text("xy", min_size=1, max_size=4),
    st.text("ab. -", max_size=8),
    st.sampled_from(["OnlyC", "C+T", "OnlyT"]),
    st.integers(2, 12),
)
def test_nothing_of_a_mention_shows_where_it_is_replaced(
    before, head, between, tail, after, marking, max_length
) -> None:
    start = len(before + head + between)
    instance = RelationInstance(
        before + head + between + tail + after,
        Mention(len(before), len(before + head), "PERSON"),
        Mention(start, start + len(tail), "CITY"),
    )
    found = shown(instance, marking, max_length)
    assert not set("xy") & set("".join(word for word in found.words if " " not in word))
    assert len(found.words) <= max_length
    assert 0 in found.from_head
    assert 0 in found.from_tail


def test_what_is_too_long_is_cut_around_the_mentions_and_told() -> None:
    found = shown(CURIE, "C+M", 6)
    assert found.words == ["marie", "curie", "was", "born", "in", "warsaw"]
    assert found.lost == "context"


def test_an_unknown_word_and_an_unknown_type_have_their_numbers() -> None:
    vocabulary = WordVocabulary.of([CURIE], marking="C+M", max_length=100, least=1)
    other = RelationInstance("Zoé was born in Rome", Mention(0, 3, "DEITY"), Mention(16, 20, "CITY"))
    sentences, _ = vocabulary.sentences([other])
    number = {word: place for place, word in enumerate(vocabulary.words)}
    assert sentences.ids[0].tolist() == [UNKNOWN, number["was"], number["born"], number["in"], UNKNOWN]
    assert sentences.ids[3].tolist() == [0, 0, 0, 0, 1 + vocabulary.types.index("CITY")]


def test_numbers_do_not_depend_on_the_order_and_repeated_content_is_read_once() -> None:
    other = RelationInstance("Rome met Paris", Mention(0, 4), Mention(9, 14))
    first, second = (
        WordVocabulary.of(order, marking="C+M", max_length=100, least=1)
        for order in ([CURIE, other], [other, CURIE])
    )
    assert first == second
    sentences, _ = first.sentences([CURIE, other, CURIE])
    assert len(sentences.lengths) == 2
    assert sentences.row_of[0] == sentences.row_of[2]
    padded = sentences.padded(sentences.row_of[:2])
    assert padded.shape == (4, 2, 10)
    assert not padded[:, 1, 3:].any()


def test_the_formats_are_among_the_markings_of_encoders() -> None:
    assert set(FORMATS) < set(MARKINGS)


#: Tags of :data:`TEXT` by hand: "In 1867, Marie Curie was born in Warsaw."
TAGS = WordTags(
    starts=(0, 3, 7, 9, 15, 21, 25, 30, 33, 39),
    ends=(2, 7, 8, 14, 20, 24, 29, 32, 39, 40),
    parts=("ADP", "NUM", "PUNCT", "PROPN", "PROPN", "AUX", "VERB", "ADP", "PROPN", "PUNCT"),
    entities=(None, "DATE", None, "PERSON", "PERSON", None, None, None, "GPE", None),
)


@pytest.mark.parametrize(
    ("marking", "parts", "entities"),
    [
        ("C+M", list(TAGS.parts), list(TAGS.entities)),
        (
            "OnlyC",
            ["ADP", "NUM", "PUNCT", None, "AUX", "VERB", "ADP", None, "PUNCT"],
            [None, "DATE", *[None] * 7],
        ),
        ("OnlyM", ["PROPN"] * 3, [None] * 3),
        ("OnlyT", [None] * 2, [None] * 2),
    ],
)
def test_tags_are_those_of_the_words_that_are_shown(marking, parts, entities) -> None:
    found = shown(CURIE, marking, 100, TAGS)
    assert found.parts == parts
    assert found.entities == entities


def test_tags_stay_with_their_words_where_a_long_text_is_cut() -> None:
    before = "word " * 300
    tags = WordTags(
        starts=tuple(len(before) + start for start in TAGS.starts),
        ends=tuple(len(before) + end for end in TAGS.ends),
        parts=TAGS.parts,
        entities=TAGS.entities,
    )
    head, tail = Mention(len(before) + 9, len(before) + 20), Mention(len(before) + 33, len(before) + 39)
    found = shown(RelationInstance(before + TEXT, head, tail), "C+M", 12, tags)
    assert dict(zip(found.words, found.entities, strict=True))["warsaw"] == "GPE"
    assert dict(zip(found.words, found.parts, strict=True))["born"] == "VERB"
    assert found.lost == "context"


def test_a_tagger_gives_parts_of_speech_and_entities() -> None:
    tags = word_tags([TEXT])[TEXT]
    assert tags.at(25, 29) == ("VERB", None)
    assert tags.at(33, 39)[1] == "GPE"
    assert tags.at(100, 105) == (None, None)
    assert word_tags([TEXT])[TEXT] is tags
