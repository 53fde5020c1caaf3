from __future__ import annotations

from itertools import zip_longest

import pytest

from relscout.core.errors import InputError
from relscout.core.instances import Mention, RelationInstance
from relscout.text.spacy_pipeline import with_types

spacy = pytest.importorskip("spacy")
TEXT = "Ida Kron of Acme Works met Ida Kron in Berlin ."


@pytest.fixture(scope="module")
def nlp():
    """Return a pipeline that knows three names."""
    found = spacy.blank("en")
    patterns = [
        {"label": "PERSON", "pattern": "Ida Kron"},
        {"label": "ORG", "pattern": "Acme Works"},
        {"label": "CITY", "pattern": "Berlin"},
    ]
    found.add_pipe("entity_ruler").add_patterns(patterns)
    return found


def marked(head: str, tail: str, *types: str) -> RelationInstance:
    mentions = [
        Mention(TEXT.index(surface), TEXT.index(surface) + len(surface), kind)
        for surface, kind in zip_longest((head, tail), types)
    ]
    return RelationInstance(TEXT, *mentions, id="mine", source="here, line 3")


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ("Ida Kron", "Berlin", ("PERSON", "CITY")),
        # a part, and more than the entity
        ("Kron", "in Berlin .", ("PERSON", "CITY")),
        # of two entities that of which it covers more
        ("Ida Kron of A", "Berlin", ("PERSON", "CITY")),
        ("met", "Acme", (None, "ORG")),
    ],
)
def test_mentions_get_the_type_of_the_entity_that_stands_there(head, tail, expected, nlp):
    (found,) = with_types([marked(head, tail)], nlp)
    assert found.type_pair == expected
    assert (found.id, found.source) == ("mine", "here, line 3")


def test_types_that_are_there_stay(nlp):
    known = marked("Ida Kron", "Berlin", "WRITER", "TOWN")
    half = marked("Ida Kron", "Berlin", "WRITER")
    found = list(with_types([known, half], nlp))
    assert found[0] is known
    assert found[1].type_pair == ("WRITER", "CITY")


def test_a_text_that_is_too_long_is_an_error_with_its_place(nlp):
    nlp.max_length, before = 10, nlp.max_length
    try:
        with pytest.raises(
            InputError, match="here, line 3: 47 characters, but the pipeline accepts at most 10"
        ):
            list(with_types([marked("Ida Kron", "Berlin")], nlp))
        typed = marked("Ida Kron", "Berlin", "A", "B")
        assert list(with_types([typed], nlp)) == [typed]
    finally:
        nlp.max_length = before
