"""Instances that a knowledge graph relates, and those that are lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.alignment import AlignmentSettings, AlignmentStatistics, Exclusions, KnowledgeGraph, align
from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance

LONE = AlignmentSettings(min_sentences=1)
TRIPLES = [
    ("Q1", "P19", "Q2"),  # Ada was born in Paris, France
    ("Q1", "P20", "Q2"),  # and died there
    ("Q3", "P19", "Q2"),  # Bob was born there
    ("Q5", "P26", "Q6"),  # Eve and Finn are spouses of each other
    ("Q6", "P26", "Q5"),
    ("Q7", "P17", "Q8"),  # Paris, Texas, is in the United States
]
ALIASES = [
    ("Q1", "Ada"),
    ("Q1", "Mrs Lovelace"),
    ("Q2", "Paris"),
    ("Q3", "Bob"),
    ("Q5", "Eve"),
    ("Q6", "Finn"),
    ("Q7", "Paris"),
    ("Q8", "the States"),
]


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph(TRIPLES, ALIASES)


def one(
    text: str, head: str, tail: str, *, ids: tuple[str | None, str | None] = (None, None)
) -> RelationInstance:
    """Return an instance with the mentions where the text first has them."""
    spans = [(text.index(name), text.index(name) + len(name)) for name in (head, tail)]
    mentions = [Mention(*span, None, entity) for span, entity in zip(spans, ids, strict=True)]
    return RelationInstance(text, mentions[0], mentions[1], relation="gold", source="a.txt, line 1")


def aligned(
    instances: Sequence[RelationInstance],
    graph: KnowledgeGraph,
    rules: AlignmentSettings = LONE,
    *,
    exclude: Exclusions | None = None,
) -> tuple[list[tuple[str, str | None, str]], AlignmentStatistics]:
    statistics = AlignmentStatistics()
    try:
        found = list(align(instances, graph, rules, exclude=exclude, statistics=statistics))
    except InputError:
        found = []
    return [(each.head_text, each.relation, each.tail_text) for each in found], statistics


def test_a_related_pair_becomes_an_instance_of_the_graphs_relation(graph: KnowledgeGraph) -> None:
    given_instance = one("Bob left Paris.", "Bob", "Paris")
    (found,) = align([given_instance], graph, LONE)
    head, tail = given_instance.head, given_instance.tail
    assert found == replace(
        given_instance,
        relation="P19",
        head=replace(head, entity_id="Q3"),
        tail=replace(tail, entity_id="Q2"),
    )


def test_every_relation_of_a_pair_gives_an_instance_with_an_id_of_its_own(graph: KnowledgeGraph) -> None:
    instance = one("Ada left Paris.", "Ada", "Paris")
    found = list(align([instance], graph, LONE))
    assert [each.relation for each in found] == ["P19", "P20"]
    assert [each.id for each in found] == [f"{instance.id}:P19", f"{instance.id}:P20"]


def test_mentions_are_exchanged_where_the_graph_has_the_other_direction(graph: KnowledgeGraph) -> None:
    backward = [one("In Paris Bob was born.", "Paris", "Bob")]
    found, statistics = aligned(backward, graph)
    assert found == [("Bob", "P19", "Paris")]
    assert statistics.exchanged == 1
    found, statistics = aligned(backward, graph, replace(LONE, both_ways=False))
    assert (found, statistics.unrelated) == ([], 1)


def test_a_symmetric_relation_is_read_as_it_is_marked_and_once_in_a_sentence(graph: KnowledgeGraph) -> None:
    backward = one("Eve married Finn.", "Finn", "Eve")
    assert aligned([backward], graph)[0] == [("Finn", "P26", "Eve")]
    both = [backward, one("Eve married Finn.", "Eve", "Finn")]
    found, statistics = aligned(both, graph)
    assert (found, statistics.repeated) == ([("Eve", "P26", "Finn")], 1)


def test_of_several_mentions_in_a_sentence_the_nearest_are_kept(graph: KnowledgeGraph) -> None:
    text = "Bob saw Rome, and Bob saw Paris."
    far = one(text, "Bob", "Paris")
    near = replace(far, head=Mention(18, 21), id="")
    for order in ([far, near], [near, far]):
        (found,) = align(order, graph, LONE)
        assert found.head.start == 18


def test_a_name_of_several_entities_is_the_one_that_the_graph_relates(graph: KnowledgeGraph) -> None:
    instances = [
        one("Paris lies in the States.", "Paris", "the States"),
        one("Bob left Paris.", "Bob", "Paris"),
    ]
    found, statistics = aligned(instances, graph)
    assert found == [("Paris", "P17", "the States"), ("Bob", "P19", "Paris")]
    assert statistics.mentions_by_several == 2
    found, statistics = aligned(instances, graph, replace(LONE, ambiguous="drop"))
    assert (found, statistics.ambiguous) == ([], 2)


def test_names_that_stay_ambiguous_are_left_out() -> None:
    graph = KnowledgeGraph(
        [("Q1", "r", "Q2"), ("Q3", "r", "Q2")], [("Q1", "Ada"), ("Q3", "Ada"), ("Q2", "Rome")]
    )
    found, statistics = aligned([one("Ada left Rome.", "Ada", "Rome")], graph)
    assert (found, statistics.ambiguous) == ([], 1)


def test_what_finds_an_entity_can_be_chosen(graph: KnowledgeGraph) -> None:
    foreign = [one("Bob left Paris.", "Bob", "Paris", ids=("/m/1", None))]
    found, statistics = aligned(foreign, graph)
    assert (found, statistics.mentions_of_unknown_id, statistics.unlinked) == ([], 1, 1)
    assert aligned(foreign, graph, replace(LONE, link="name"))[0] == [("Bob", "P19", "Paris")]
    found, statistics = aligned(foreign, graph, replace(LONE, link="id"))
    assert (found, statistics.mentions_without_id) == ([], 1)
    known = [one("He left that town.", "He", "that town", ids=("Q3", "http://w/Q2"))]
    assert aligned(known, graph)[0] == [("He", "P19", "that town")]


def test_relations_with_too_few_different_sentences_are_left_out(graph: KnowledgeGraph) -> None:
    twice = [one("Bob left Paris.", "Bob", "Paris"), one("Ada left Paris.", "Ada", "Paris")]
    copies = [one("Eve met Finn.", "Eve", "Finn")] * 3
    found, statistics = aligned([*copies, *twice], graph, AlignmentSettings())
    assert found == [("Bob", "P19", "Paris"), ("Ada", "P19", "Paris")]
    assert (statistics.rare, statistics.rare_relations, statistics.repeated) == (2, 2, 2)
    assert statistics.kept == {"P19": 2}


def test_two_pairs_of_one_sentence_are_one_sentence(graph: KnowledgeGraph) -> None:
    text = "Ada and Bob left Paris."
    found, statistics = aligned(
        [one(text, name, "Paris") for name in ("Ada", "Bob")], graph, AlignmentSettings()
    )
    assert (found, statistics.rare_relations) == ([], 2)


@pytest.mark.parametrize(
    "test_instance",
    [
        one("Paris saw BOB.", "Paris", "BOB"),
        one("She saw it.", "She", "it", ids=("Q2", "Q3")),
        one("Bob saw it.", "Bob", "it", ids=(None, "http://w/Q2")),
    ],
)
def test_pairs_of_a_test_set_are_excluded_in_either_direction(
    graph: KnowledgeGraph, test_instance: RelationInstance
) -> None:
    corpus = [one("Bob left Paris.", "Bob", "Paris"), one("Eve met Finn.", "Eve", "Finn")]
    found, statistics = aligned(corpus, graph, exclude=Exclusions(graph, [test_instance]))
    assert (found, statistics.excluded) == ([("Eve", "P26", "Finn")], 1)


def test_a_pair_is_excluded_under_its_other_names(graph: KnowledgeGraph) -> None:
    exclude = Exclusions(graph, [one("Ada left Paris.", "Ada", "Paris")])
    found, statistics = aligned(
        [one("Mrs Lovelace left Paris.", "Mrs Lovelace", "Paris")], graph, exclude=exclude
    )
    assert (found, statistics.excluded) == ([], 1)


def test_ids_that_the_graph_has_not_exclude_too(graph: KnowledgeGraph) -> None:
    ids = ("/m/1", "/m/2")
    exclude = Exclusions(graph, [one("She left it.", "She", "it", ids=ids)])
    corpus = [one("Bob left Paris.", "Bob", "Paris", ids=ids)]
    assert aligned(corpus, graph, replace(LONE, link="name"), exclude=exclude)[1].excluded == 1


@pytest.mark.parametrize(
    ("instances", "rules", "exclude", "complaints"),
    [
        ([], LONE, [], ["the corpus holds no instance"]),
        (
            [one("Zoe met Yan.", "Zoe", "Yan"), one("Zoe met Yan .", "Zoe", "Yan", ids=("Q98", "Q99"))],
            LONE,
            [],
            [
                "2 instances read, 0 of 4 mentions linked: none of the ids such as 'Q98' and none of the names such as "
                "'Zoe' is in the graph"
            ],
        ),
        (
            [one("Zoe met Bob.", "Zoe", "Bob")],
            LONE,
            [],
            [
                "1 of 2 mentions linked: names such as 'Zoe' are not in the graph",
                "1 instance with a mention not linked",
            ],
        ),
        (
            [one("Ada met Bob.", "Ada", "Bob")],
            LONE,
            [],
            ["1 whose pair the graph does not relate, such as 'Ada' and 'Bob'"],
        ),
        ([one("Bob left Paris.", "Bob", "Paris")], LONE, ["itself"], ["1 whose pair is excluded"]),
        (
            [one("Ada left Paris.", "Ada", "Paris")],
            AlignmentSettings(),
            [],
            ["2 of 2 relations with fewer than 2 sentences", "use a larger corpus"],
        ),
        (
            [one("Bob left Paris.", "Bob", "Paris")],
            AlignmentSettings(link="id"),
            [],
            ["2 mentions without an id"],
        ),
    ],
)
def test_when_nothing_is_left_it_is_told_where_all_was_lost(
    graph: KnowledgeGraph,
    instances: list[RelationInstance],
    rules: AlignmentSettings,
    exclude: list[str],
    complaints: list[str],
) -> None:
    excluded = Exclusions(graph, instances if exclude else [])
    with pytest.raises(InputError) as caught:
        list(align(instances, graph, rules, exclude=excluded))
    assert [empty_message for empty_message in complaints if empty_message not in str(caught.value)] == []


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(SettingError, match="min_sentences is 0"):
        AlignmentSettings(min_sentences=0)
    with pytest.raises(UnknownNameError, match="did you mean 'name'"):
        AlignmentSettings(link="names")  # type: ignore[arg-type]


NAMES = "ABCDE"
#: Two entities are called A, so that names are ambiguous at times.
ENTITIES = {"Q0": "A", "Q1": "A", "Q2": "B", "Q3": "C", "Q4": "D"}
sentences = st.builds(
    lambda verb, names: one(f"{names[0]} {verb} {names[1]} .", *(names if verb != "x" else names[::-1])),
    st.sampled_from(["x", "y", "z"]),
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
)
graphs = st.sets(
    st.tuples(st.sampled_from(sorted(ENTITIES)), st.sampled_from("rs"), st.sampled_from(sorted(ENTITIES))),
    min_size=1,
    max_size=6,
)


@given(
    known=graphs,
    corpus=st.lists(sentences, max_size=8),
    excluded=st.lists(sentences, max_size=2),
    both_ways=st.booleans(),
    min_sentences=st.integers(1, 2),
    data=st.data(),
)
def test_what_is_kept_is_what_a_plain_reading_of_the_graph_keeps(
    known: set[tuple[str, str, str]],
    corpus: list[RelationInstance],
    excluded: list[RelationInstance],
    both_ways: bool,
    min_sentences: int,
    data: st.DataObject,
) -> None:
    graph = KnowledgeGraph(sorted(known), ENTITIES.items())
    rules = AlignmentSettings(both_ways=both_ways, min_sentences=min_sentences)
    statistics, found = AlignmentStatistics(), list[RelationInstance]()
    try:
        found = list(align(corpus, graph, rules, exclude=Exclusions(graph, excluded), statistics=statistics))
    except InputError:
        assert statistics.n_kept == 0
    for each in found:
        assert (each.head.entity_id, each.relation, each.tail.entity_id) in known
        assert ENTITIES[str(each.head.entity_id)] == each.head_text
        assert frozenset((each.head_text, each.tail_text)) not in {
            frozenset((other.head_text, other.tail_text)) for other in excluded
        }
    keys = [(each.text, frozenset((each.head_text, each.tail_text)), each.relation) for each in found]
    assert set(keys) == plainly(known, corpus, excluded, both_ways, min_sentences)
    assert len(keys) == len(set(keys))
    assert statistics.instances == len(corpus)
    lost = statistics.unlinked + statistics.ambiguous + statistics.unrelated + statistics.excluded
    assert lost <= statistics.instances
    assert statistics.aligned == statistics.repeated + statistics.rare + statistics.n_kept
    assert statistics.n_kept == len(found)
    if found:
        again = align(data.draw(st.permutations(corpus)), graph, rules, exclude=Exclusions(graph, excluded))
        assert {(each.id, each.relation) for each in again} == {(each.id, each.relation) for each in found}


def plainly(
    known: set[tuple[str, str, str]],
    corpus: list[RelationInstance],
    excluded: list[RelationInstance],
    both_ways: bool,
    min_sentences: int,
) -> set[tuple[str, frozenset[str], str]]:
    """Return sentence, names and relation of what is to be kept, by trying everything."""
    forbidden = {frozenset((other.head_text, other.tail_text)) for other in excluded}
    kept: set[tuple[str, frozenset[str], str]] = set()
    for instance in corpus:
        pairs = {
            (head, tail)
            for head, head_name in ENTITIES.items()
            for tail, tail_name in ENTITIES.items()
            if (head_name, tail_name) == (instance.head_text, instance.tail_text)
            if any((head, r, tail) in known or (both_ways and (tail, r, head) in known) for r in "rs")
        }
        names = frozenset((instance.head_text, instance.tail_text))
        if len(pairs) != 1 or names in forbidden:
            continue
        ((head, tail),) = pairs
        kept |= {
            (instance.text, names, r)
            for r in "rs"
            if (head, r, tail) in known or (both_ways and (tail, r, head) in known)
        }
    often = {r for r in "rs" if len({text for text, _, relation in kept if relation == r}) >= min_sentences}
    return {key for key in kept if key[2] in often}
