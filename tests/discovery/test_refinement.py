"""Words of the syntax over what vectors suggest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.discovery.refinement import (
    Refinement,
    connections_of,
    key_of,
    phrases_of,
    refine,
    without_narrow_names,
)
from relscout.discovery.relation import Assignments, Relation
from relscout.text import Passage
from relscout.text.pairs import mark
from relscout.text.spacy_pipeline import SpacyPipeline, with_syntax

BORN = ("Ida Kron was born in Paris.", "Omar Dia was born in Berlin.", "Ruth Bell was born in Madrid.")
DIED = ("Anna Frey died in London.", "Karl Voss died in Vienna.", "Maria Lopez died in Rome.")


def relation(id: int, name: str, size: int, **more: object) -> Relation:
    return Relation(
        id=id,
        name=name,
        pattern=f"HEAD {name} TAIL",
        size=size,
        confidence=0.5,
        types=("PERSON", "GPE"),
        type_share=1.0,
        head_first=1.0,
        ngrams=(),
        inverse=None,
        examples=(),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def pipeline() -> SpacyPipeline:
    return SpacyPipeline.load()


@pytest.fixture(scope="module")
def instances(pipeline: SpacyPipeline) -> list[RelationInstance]:
    found = list(mark([Passage(text) for text in (*BORN, *DIED)], annotator=pipeline))
    assert [one.type_pair for one in found] == [("PERSON", "GPE")] * 6
    return found


def assigned(instances: list[RelationInstance], ids: list[int]) -> Assignments:
    return Assignments(instances, np.array(ids), np.full(len(ids), 0.5, dtype=np.float32))


def said(instances: list[RelationInstance], ids: list[int]) -> list[str] | None:
    return phrases_of(connections_of(instances, np.array(ids)), np.array(ids))


def test_pairs_that_share_another_word_become_a_relation_of_their_own(
    instances: list[RelationInstance],
) -> None:
    relations, assignments, _ = refine(
        [relation(0, "born in", 6, share=0.5)], assigned(instances, [0] * 6), free=7
    )
    assert {one.id: (one.name, one.size) for one in relations} == {0: ("born in", 3), 7: ("died in", 3)}
    assert assignments.relation_ids.tolist() == [0, 0, 0, 7, 7, 7]


def test_a_pair_moves_to_the_relation_that_its_sentence_names(instances: list[RelationInstance]) -> None:
    given = [relation(0, "born in", 2, share=1.0), relation(1, "died in", 4, share=0.8)]
    _, assignments, _ = refine(given, assigned(instances, [0, 0, 1, 1, 1, 1]), free=2)
    assert assignments.relation_ids.tolist() == [0, 0, 0, 1, 1, 1]


def test_in_a_small_corpus_a_single_pair_is_a_relation_of_its_own(instances: list[RelationInstance]) -> None:
    relations, _, _ = refine([relation(0, "born in", 4, share=0.8)], assigned(instances[:4], [0] * 4), free=1)
    assert {one.name: one.size for one in relations} == {"born in": 3, "died in": 1}


def test_in_a_large_corpus_what_few_pairs_say_is_vague(instances: list[RelationInstance]) -> None:
    many = [replace(one, id=f"{number} {one.id}") for number in range(70) for one in instances[:3]]
    given = [*many, instances[3]]
    relations, assignments, refinement = refine(
        [relation(0, "born in", len(given), share=0.9)], assigned(given, [0] * len(given)), free=1
    )
    assert [(one.id, one.name, one.mixed) for one in relations] == [
        (0, "born in", False),
        (1, "associated with (PER – LOC)", True),
    ]
    assert assignments.relation_ids[-1] == 1
    again = Refinement.from_json(refinement.as_json())
    assert again.applied(instances, np.zeros(6, dtype=np.int64)).tolist() == [0, 0, 0, 1, 1, 1]


def test_new_text_that_contradicts_a_name_has_no_relation_where_none_is_vague(
    instances: list[RelationInstance],
) -> None:
    refinement = Refinement({}, strict=frozenset({0}))
    assert refinement.applied(instances[:1], np.zeros(1, dtype=np.int64)).tolist() == [-1]


def test_pairs_without_a_relation_stay_without(instances: list[RelationInstance]) -> None:
    ids = [-1, 0, 0, -1, 0, 0]
    _, assignments, _ = refine([relation(0, "born in", 4, share=0.5)], assigned(instances, ids), free=1)
    assert [id < 0 for id in assignments.relation_ids.tolist()] == [True, False, False, True, False, False]


def test_the_order_of_the_instances_changes_nothing(instances: list[RelationInstance]) -> None:
    forwards = refine([relation(0, "born in", 6, share=0.5)], assigned(instances, [0] * 6), free=7)
    backwards = refine([relation(0, "born in", 6, share=0.5)], assigned(instances[::-1], [0] * 6), free=7)
    assert forwards[0] == backwards[0]
    assert forwards[1].relation_ids.tolist() == backwards[1].relation_ids.tolist()[::-1]


def test_a_name_that_few_pairs_agree_with_gives_way_to_a_vague_one() -> None:
    relations = without_narrow_names([relation(0, "mayor of", 6, share=0.1)])
    assert [(one.name, one.mixed) for one in relations] == [("associated with (PERSON – GPE)", True)]


def test_the_rest_of_a_mixed_relation_takes_neither_of_its_names() -> None:
    name = "mixed: chief executive of / president of"
    (relation_,) = without_narrow_names([relation(0, name, 6, share=0.2, mixed=True)])
    assert (relation_.name, relation_.pattern, relation_.mixed) == (
        "associated with (PERSON – GPE)",
        "HEAD associated with TAIL",
        True,
    )
    vague = relation(0, "associated with", 6, share=0.2, mixed=True)
    assert without_narrow_names([vague]) == (vague,)


def test_new_text_follows_the_same_table(instances: list[RelationInstance]) -> None:
    _, assignments, refinement = refine(
        [relation(0, "born in", 6, share=0.5)], assigned(instances, [0] * 6), free=7
    )
    again = Refinement.from_json(refinement.as_json()).applied(instances, np.zeros(6, dtype=np.int64))
    assert again.tolist() == assignments.relation_ids.tolist()


def test_a_merged_relation_takes_its_words_along(instances: list[RelationInstance]) -> None:
    _, _, refinement = refine([relation(0, "born in", 6, share=0.5)], assigned(instances, [0] * 6), free=7)
    moved = refinement.moved({7: 0}).applied(instances, np.zeros(6, dtype=np.int64))
    assert moved.tolist() == [0] * 6


@pytest.mark.parametrize(("date", "expected"), [("1 May 1809", "born in"), ("2 June 1882", "died in")])
def test_dates_in_brackets_are_of_birth_and_death(pipeline: SpacyPipeline, date: str, expected: str) -> None:
    found = with_syntax(
        [dated(name, date) for name in ("Ida Kron", "Karl Voss", "Ruth Bell")], pipeline=pipeline
    )
    given = [replace(relation(0, "of", 3), types=("PERSON", "DATE"))]
    relations, assignments, _ = refine(given, assigned(found, [0] * 3), free=1)
    names = {one.id: one.name for one in relations}
    assert [names[id] for id in assignments.relation_ids.tolist()] == [expected] * 3


def dated(name: str, date: str) -> RelationInstance:
    text = f"{name} (1 May 1809 – 2 June 1882) was a painter."
    start = text.index(date)
    return RelationInstance(text, Mention(0, len(name), "PERSON"), Mention(start, start + len(date), "DATE"))


def test_a_mistaken_type_does_not_part_a_pair_from_its_relation(instances: list[RelationInstance]) -> None:
    mistaken = replace(instances[0], head=replace(instances[0].head, type="ORG"))
    both = [*instances[:3], mistaken]
    _, assignments, _ = refine(
        [relation(0, "associated with", 4, mixed=True), relation(1, "born in", 3)],
        assigned(both, [1, 1, 1, 0]),
        free=2,
    )
    assert assignments.relation_ids.tolist() == [1, 1, 1, 1]


def test_what_each_sentence_says_is_kept_as_its_phrase(instances: list[RelationInstance]) -> None:
    some = [instances[0], instances[3], instances[4]]
    assert said(some, [0, 0, -1]) == ["born in", "died in", ""]


def test_without_syntax_there_are_no_phrases(instances: list[RelationInstance]) -> None:
    assert said([replace(instances[0], parse=None)], [0]) is None


@pytest.mark.parametrize("text", ["Kenya's Rift Valley is deep.", "They crossed the Rift Valley in Kenya."])
def test_a_place_of_a_place_lies_in_it(pipeline: SpacyPipeline, text: str) -> None:
    start, place = text.index("Rift"), text.index("Kenya")
    instance = RelationInstance(text, Mention(start, start + 11, "LOC"), Mention(place, place + 5, "GPE"))
    assert said(with_syntax([instance], pipeline=pipeline), [0]) == ["located in"]


def pair(
    pipeline: SpacyPipeline, text: str, head: str, tail: str, kinds: str = "PERSON ORG"
) -> RelationInstance:
    spans = [
        Mention(text.index(name), text.index(name) + len(name), kind)
        for name, kind in zip((head, tail), kinds.split(), strict=True)
    ]
    return with_syntax([RelationInstance(text, *spans)], pipeline=pipeline)[0]


@pytest.mark.parametrize(
    ("texts", "kinds"),
    [
        (("Ida Kron was hired by Nordvik.", "Ida Kron was hired from Nordvik."), "PERSON ORG"),
        (("Ida Kron sued Nordvik.", "Ida Kron was sued by Nordvik."), "PERSON ORG"),
    ],
)
def test_opposite_prepositions_are_different_relations(
    pipeline: SpacyPipeline, texts: tuple[str, str], kinds: str
) -> None:
    pairs = [pair(pipeline, text, "Ida Kron", "Nordvik", kinds) for text in texts]
    _, assignments, _ = refine(
        [relation(0, "associated with", 2, mixed=True)], assigned(pairs, [0, 0]), free=1
    )
    assert len(set(assignments.relation_ids.tolist())) == 2


def test_places_of_birth_are_one_relation(pipeline: SpacyPipeline) -> None:
    texts = ("Ida Kron was born in Paris.", "Ida Kron was born near Paris.")
    pairs = [pair(pipeline, text, "Ida Kron", "Paris", "PERSON GPE") for text in texts]
    _, assignments, _ = refine(
        [relation(0, "associated with", 2, mixed=True)], assigned(pairs, [0, 0]), free=1
    )
    assert len(set(assignments.relation_ids.tolist())) == 1


@pytest.mark.parametrize("supporters", [1, 3])
def test_in_a_small_run_a_name_needs_support_before_others_get_it(
    instances: list[RelationInstance], pipeline: SpacyPipeline, supporters: int
) -> None:
    silent = pair(pipeline, "Here are Ida Kron, and also Paris.", "Ida Kron", "Paris", "PERSON GPE")
    given = [*instances[:supporters], silent]
    relations, assignments, refinement = refine(
        [relation(0, "born in", len(given), share=1.0)], assigned(given, [0] * len(given)), free=1
    )
    names = {each.id: each.name for each in relations}
    expected = "born in" if supporters == 3 else "associated with (PER – LOC)"
    assert names[int(assignments.relation_ids[-1])] == expected
    again = Refinement.from_json(refinement.as_json())
    assert (
        again.applied(given, np.zeros(len(given), dtype=np.int64)).tolist()
        == assignments.relation_ids.tolist()
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Ida Kron was hired by Nordvik.", "hire"),
        ("Ida Kron was hired from Nordvik.", "hire"),
        ("Ida Kron founded Nordvik.", "find"),
    ],
)
def test_runs_with_keys_of_one_word_relate_the_same_pairs_as_before(
    pipeline: SpacyPipeline, text: str, word: str
) -> None:
    stored = {"words": [[word, "PER", "ORG", 0]], "strict": [0, 1], "vague": []}
    pairs = [pair(pipeline, text, "Ida Kron", "Nordvik")]
    older = Refinement.from_json(stored)
    # after a decision, the run is saved anew
    for refinement in (older, Refinement.from_json(older.moved({5: 1}).as_json())):
        assert refinement.applied(pairs, np.array([1])).tolist() == [0]


def test_a_pair_without_syntax_stays_in_a_relation_that_few_say(pipeline: SpacyPipeline) -> None:
    parsed = pair(pipeline, "Here are Ida Kron, and also Paris.", "Ida Kron", "Paris", "PERSON GPE")
    refinement = Refinement({}, thin={0: "born in"})
    pairs = [parsed, replace(parsed, parse=None)]
    assert refinement.applied(pairs, np.array([0, 0])).tolist() == [-1, 0]


@pytest.mark.parametrize(("to", "expected"), [({5: 0}, 0), ({5: 6}, -1), ({5: -1}, -1)])
def test_what_a_person_merges_into_a_relation_that_few_say_stays_there(
    pipeline: SpacyPipeline, to: dict[int, int], expected: int
) -> None:
    silent = pair(pipeline, "Here are Ida Kron, and also Paris.", "Ida Kron", "Paris", "PERSON GPE")
    refinement = Refinement({}, thin={0: "born in"}).moved(to)
    assert refinement.applied([silent], np.array([0])).tolist() == [expected]


def test_new_text_with_one_other_type_gets_the_only_relation_of_its_words(pipeline: SpacyPipeline) -> None:
    born = pair(pipeline, "Ida Kron was born in Paris.", "Ida Kron", "Paris", "PERSON GPE")
    dated = pair(pipeline, "Ida Kron was born in May.", "Ida Kron", "May", "PERSON DATE")
    ids = np.array([0, 0])
    key = key_of(born, connections_of([born], ids[:1])[0].link)
    assert key is not None
    table = {(key[0], "PER", "ORG"): 3}
    assert Refinement(table).applied([born, dated], ids).tolist() == [3, 0]
    assert Refinement({**table, (key[0], "MISC", "LOC"): 4}).applied([born, dated], ids).tolist() == [0, 0]
