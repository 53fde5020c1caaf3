from __future__ import annotations

from dataclasses import replace

import pytest

from relscout.core.errors import InputError
from relscout.core.instances import Entity, Mention, RelationInstance
from relscout.core.seeding import generator
from relscout.text.entities import MergedEntities, merge_mentions


def pair(
    head: str,
    tail: str,
    *,
    types: tuple[str | None, str | None] = ("PERSON", "ORG"),
    ids: tuple[str | None, str | None] = (None, None),
    document: str = "a.txt",
    joint: str = " met ",
    after: str = ".",
) -> RelationInstance:
    """An instance whose sentence is ``head met tail.``"""
    text = f"{head}{joint}{tail}{after}"
    start = len(head) + len(joint)
    return RelationInstance(
        text,
        Mention(0, len(head), types[0], ids[0]),
        Mention(start, start + len(tail), types[1], ids[1]),
        document=document,
    )


def heads(*instances: RelationInstance) -> list[str]:
    """Return the names of the entities that are the heads."""
    merged = merge_mentions(instances)
    names = {one.id: one.name for one in merged.entities}
    return [names[id] for id in merged.heads]


def number_of_heads(*instances: RelationInstance) -> int:
    return len(set(merge_mentions(instances).heads))


def entity(merged: MergedEntities, name: str) -> Entity:
    (found,) = [one for one in merged.entities if one.name == name]
    return found


@pytest.mark.parametrize(
    "other",
    [
        "ALBERT EINSTEIN",
        "Albert \n Einstein",
        "Albert Einstein's",
        "Albert Einstein’s",
        "Dr. Albert Einstein",
        "President Sir Albert Einstein",
        "“Albert Einstein”",
        "Einstein",
        "Mr Einstein's",
    ],
)
def test_a_person_is_one_entity_however_the_name_is_written(other: str) -> None:
    assert heads(pair("Albert Einstein", "IBM"), pair(other, "IBM")) == ["Albert Einstein"] * 2


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert number_of_heads(pair("Zoë Baird", "IBM"), pair("Zoe\u0308 Baird", "IBM")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("J. R. R. Tolkien", "J.R.R. Tolkien"), ("J R R Tolkien", "J.R.R. Tolkien"), ("James'", "James")],
)
def test_initials_and_a_bare_apostrophe_make_no_difference(one: str, other: str) -> None:
    assert number_of_heads(pair(one, "IBM"), pair(other, "IBM")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("the University of Paris", "University of Paris"), ("U.N.", "UN"), ("The Senate", "Senate")],
)
def test_articles_and_dots_make_no_difference(one: str, other: str) -> None:
    assert number_of_heads(*(pair(name, "Bob", types=("ORG", "PERSON")) for name in (one, other))) == 1


def test_a_title_belongs_to_the_name_of_an_organisation() -> None:
    assert heads(pair("General Motors", "Bob", types=("ORG", "PERSON"))) == ["General Motors"]


def test_a_royal_title_stays_with_a_single_name() -> None:
    assert heads(pair("Queen Victoria", "IBM"), pair("King Charles Stuart", "IBM")) == [
        "Queen Victoria",
        "Charles Stuart",
    ]


def test_a_last_name_may_have_several_words_and_the_full_name_a_suffix() -> None:
    names = ["Vincent van Gogh", "van Gogh", "Gogh", "Martin Luther King Jr.", "King"]
    found = heads(*(pair(name, "IBM") for name in names))
    assert found == ["Vincent van Gogh"] * 3 + ["Martin Luther King Jr."] * 2


def test_a_last_name_of_two_persons_is_neither() -> None:
    assert (
        number_of_heads(pair("Bill Clinton", "IBM"), pair("Hillary Clinton", "IBM"), pair("Clinton", "IBM"))
        == 3
    )


def test_a_last_name_is_no_full_name_of_another_document() -> None:
    assert number_of_heads(pair("Bill Clinton", "IBM"), pair("Clinton", "IBM", document="b.txt")) == 2


def test_only_persons_have_last_names() -> None:
    kinds = ("ORG", "PERSON")
    assert number_of_heads(pair("Deutsche Bank", "Bob", types=kinds), pair("Bank", "Bob", types=kinds)) == 2


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("World Health Organization", "WHO"),
        ("National Aeronautics and Space Administration", "NASA"),
        ("United Nations", "U.N."),
        ("International Business Machines Corp.", "IBM"),
    ],
)
def test_an_acronym_is_the_long_name_of_its_document(long: str, short: str) -> None:
    kinds = ("ORG", "PERSON")
    assert heads(pair(long, "Bob", types=kinds), pair(short, "Bob", types=kinds)) == [long] * 2


def test_an_acronym_of_two_long_names_is_neither() -> None:
    kinds = ("ORG", "PERSON")
    names = ["American Bar Association", "American Bankers Association", "ABA"]
    assert number_of_heads(*(pair(name, "Bob", types=kinds) for name in names)) == 3


def test_what_stands_in_brackets_decides_what_an_acronym_means() -> None:
    kinds = ("ORG", "ORG")
    bracketed = pair("Bundesnachrichtendienst", "BND", types=kinds, joint=" (", after=").")
    merged = merge_mentions([bracketed, pair("BND", "Bob", types=("ORG", "PERSON"))])
    assert merged.heads[0] == merged.tails[0] == merged.heads[1]
    other = pair("Siemens", "BND", types=kinds, joint=" (", after=").")
    merged = merge_mentions([other])
    assert merged.heads != merged.tails


def test_an_acronym_means_in_other_documents_what_it_means_in_one() -> None:
    kinds = ("ORG", "PERSON")
    long, short = pair("World Health Organization", "Bob", types=kinds), pair("WHO", "Bob", types=kinds)
    elsewhere = replace(short, document="b.txt")
    assert number_of_heads(long, short, elsewhere) == 1
    # without a document that spells it out, nobody knows
    assert number_of_heads(long, elsewhere) == 2
    other = [pair("Wild Horse Order", "Bob", types=kinds, document="c.txt"), replace(short, document="c.txt")]
    assert number_of_heads(long, short, elsewhere, *other) == 3


def test_documents_share_entities_of_one_name_and_coarse_type() -> None:
    kinds = ("GPE", "PERSON")
    paris = pair("Paris", "Bob", types=kinds)
    place = replace(paris, document="b.txt", head=replace(paris.head, type="CITY"))
    person = replace(paris, document="c.txt", head=replace(paris.head, type="PERSON"))
    merged = merge_mentions([paris, place, person])
    assert merged.heads[0] == merged.heads[1] != merged.heads[2]
    town = next(one for one in merged.entities if one.id == merged.heads[0])
    assert (town.name, town.mentions, town.documents) == ("Paris", 2, 2)


def test_texts_of_no_document_are_documents() -> None:
    merged = merge_mentions(
        [pair("Bill Clinton", "IBM", document=""), pair("Clinton", "IBM", document="", joint=" left ")]
    )
    assert merged.heads[0] != merged.heads[1]
    assert entity(merged, "IBM").documents == 2


def test_identifiers_of_a_knowledge_base_decide() -> None:
    merged = merge_mentions(
        [
            pair("Georgia", "Bob", ids=("Q230", None)),
            pair("Sakartvelo", "Bob", ids=("Q230", None), document="b.txt"),
            pair("Georgia", "Bob", ids=("Q1428", None), joint=" saw "),
        ]
    )
    assert merged.heads == ("Q230", "Q230", "Q1428")
    assert next(one for one in merged.entities if one.id == "Q230").entity_ids == ("Q230",)


def test_a_name_without_an_identifier_takes_the_only_one_of_its_name() -> None:
    known, bare = pair("Ulm", "Bob", ids=("Q3012", None)), pair("Ulm", "Bob", document="b.txt")
    assert merge_mentions([known, bare]).heads == ("Q3012", "Q3012")
    other = pair("Ulm", "Bob", ids=("Q9", None), document="c.txt")
    assert len(set(merge_mentions([known, bare, other]).heads)) == 3


def test_the_name_is_the_longest_frequent_full_form() -> None:
    merged = merge_mentions(
        [
            *(pair("Einstein", f"Firm {number}") for number in "ABCDEFGH"),
            pair("Albert Einstein", "IBM"),
        ]
    )
    assert entity(merged, "Albert Einstein").aliases == ("Einstein", "Albert Einstein")


def test_a_place_that_several_pairs_mention_counts_once() -> None:
    text = "Ann met Bob and Cid."
    ann, bob, cid = (Mention(start, start + 3, "PERSON") for start in (0, 8, 16))
    instances = [
        RelationInstance(text, *ends, document="a.txt") for ends in ((ann, bob), (ann, cid), (bob, cid))
    ]
    assert {one.name: one.mentions for one in merge_mentions(instances).entities} == {
        "Ann": 1,
        "Bob": 1,
        "Cid": 1,
    }


def test_the_order_of_the_instances_changes_nothing() -> None:
    names = [
        "Bill Clinton",
        "Clinton",
        "IBM",
        "ibm",
        "International Business Machines",
        "Mr Clinton's",
        "Hillary Clinton",
    ]
    instances = [
        pair(head, tail, document=document, types=("PERSON" if "Clinton" in head else "ORG", "ORG"))
        for document in ("a", "b", "")
        for head in names
        for tail in ("Apple", "IBM Deutschland")
    ]
    expected = merge_mentions(instances)
    by_id = {(one.id, one.document): head for one, head in zip(instances, expected.heads, strict=True)}
    for seed in range(3):
        shuffled = [instances[place] for place in generator(seed, "test").permutation(len(instances))]
        merged = merge_mentions(shuffled)
        assert merged.entities == expected.entities
        assert [by_id[one.id, one.document] for one in shuffled] == list(merged.heads)


def test_ids_do_not_depend_on_other_entities() -> None:
    (alone,) = {merge_mentions([pair("Ann Lee", "IBM")]).heads[0]}
    assert alone.startswith("per-ann-lee-")
    assert merge_mentions([pair("Bob", "Apple"), pair("Ann Lee", "Apple")]).heads[1] == alone


@pytest.mark.parametrize("name", ["'s", "...", "—", "\u0301", "The", "Mr", "()"])
def test_a_name_of_no_letters_is_an_entity_too(name: str) -> None:
    merged = merge_mentions([pair(name, "IBM"), pair(name, "Apple")])
    assert merged.heads[0] == merged.heads[1]
    assert all(one.name and one.id for one in merged.entities)


def test_no_instances_have_no_entities() -> None:
    assert merge_mentions([]) == MergedEntities((), (), ())


def test_a_person_may_merge_entities() -> None:
    instances = [pair("Ann", "IBM"), pair("Ann", "IBM", joint=" left "), pair("Anna", "IBM")]
    ids = merge_mentions(instances).heads
    merged = merge_mentions(instances, decisions=[{"merge_entities": [ids[2], ids[0]]}])
    assert merged.heads == (ids[0],) * 3
    assert entity(merged, "Anna").aliases == ("Ann", "Anna")


def test_a_person_may_split_an_entity() -> None:
    instances = [pair("Bill Clinton", "IBM"), pair("Clinton", "IBM"), pair("Clinton", "Apple")]
    whole = merge_mentions(instances).heads[0]
    split = {"split_entity": whole, "names": ["Clinton"]}
    merged = merge_mentions(instances, decisions=[split])
    assert merged.heads[0] == whole != merged.heads[1] == merged.heads[2]
    assert entity(merged, "Clinton").mentions == 2
    back = merge_mentions(instances, decisions=[split, {"merge_entities": [whole, merged.heads[1]]}])
    assert len(set(back.heads)) == 1


def test_what_was_split_from_an_identifier_has_none() -> None:
    instances = [pair("Georgia", "Bob", ids=("Q230", None)), pair("Sakartvelo", "Bob", ids=("Q230", None))]
    merged = merge_mentions(instances, decisions=[{"split_entity": "Q230", "names": ["Sakartvelo"]}])
    assert entity(merged, "Sakartvelo").entity_ids == ()
    assert entity(merged, "Georgia").entity_ids == ("Q230",)


@pytest.mark.parametrize("names", [[], ["Ann"]])
def test_splitting_leaves_something_on_both_sides(names: list[str]) -> None:
    instances = [pair("Ann", "IBM")]
    (id,) = merge_mentions(instances).heads
    with pytest.raises(InputError, match="needs some of its aliases, not all or none"):
        merge_mentions(instances, decisions=[{"split_entity": id, "names": names}])
    with pytest.raises(InputError, match="has no alias 'Bob'; its aliases are Ann"):
        merge_mentions(instances, decisions=[{"split_entity": id, "names": ["Bob"]}])
