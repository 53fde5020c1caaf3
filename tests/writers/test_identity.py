from __future__ import annotations

from collections.abc import Callable

import pytest

from relscout.core.instances import Triple
from relscout.io.writers.identity import entity_uri, relation_uri

MakeTriple = Callable[..., Triple]


def head_uri(triple: Triple) -> str:
    return entity_uri(triple.instance, triple.instance.head)


@pytest.mark.parametrize(
    ("entity_id", "expected"),
    [
        ("Q937", "http://www.wikidata.org/entity/Q937"),
        ("http://example.org/größe", "http://example.org/größe"),
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        ("http://example.org/a b", "urn:relscout:id:http%3A%2F%2Fexample.org%2Fa%20b"),
        ("http://example.org/>", "urn:relscout:id:http%3A%2F%2Fexample.org%2F%3E"),
        ("/m/0jcx", "urn:relscout:id:%2Fm%2F0jcx"),
        ("Q0937", "urn:relscout:id:Q0937"),
        ("Q9\n", "urn:relscout:id:Q9%0A"),
        ("", "urn:relscout:entity:Albert%20Einstein"),
        (None, "urn:relscout:entity:Albert%20Einstein"),
    ],
)
def test_the_id_of_an_entity_decides_its_uri(
    make_triple: MakeTriple, entity_id: str | None, expected: str
) -> None:
    assert head_uri(make_triple(ids=(entity_id, None))) == expected


def test_without_an_id_white_space_and_unicode_form_do_not_matter(make_triple: MakeTriple) -> None:
    assert head_uri(make_triple("Zoe\u0308 \n\t Smith")) == head_uri(make_triple("Zo\u00eb Smith"))


def test_without_an_id_case_matters(make_triple: MakeTriple) -> None:
    assert head_uri(make_triple("May")) != head_uri(make_triple("may"))


def test_two_texts_with_one_id_are_one_entity(make_triple: MakeTriple) -> None:
    first, second = make_triple("A. Einstein", ids=("x1", None)), make_triple("Einstein", ids=("x1", None))
    assert head_uri(first) == head_uri(second)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("was born in", "urn:relscout:relation:3-was-born-in"),
        ("Capital_of (city)", "urn:relscout:relation:3-capital-of-city"),
        ("größer", "urn:relscout:relation:3-gr%C3%B6%C3%9Fer"),
        ("", "urn:relscout:relation:3"),
        ("<>", "urn:relscout:relation:3"),
    ],
)
def test_a_relation_is_called_by_number_and_name(make_triple: MakeTriple, name: str, expected: str) -> None:
    assert relation_uri(make_triple(relation=name, relation_id=3)) == expected


def test_any_text_gives_a_uri_of_plain_characters(nasty_triple: Triple) -> None:
    for uri in (head_uri(nasty_triple), relation_uri(nasty_triple)):
        assert uri.isascii()
        assert not set(uri) & set('<>"{}|\\^` \n\r\t\0')
