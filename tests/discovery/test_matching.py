from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relscout.core.instances import Match, Mention, RelationInstance, Triple
from relscout.discovery import Discovery
from relscout.discovery.matching import (
    BACKGROUND,
    LEAST,
    MOST,
    EntryScores,
    RelationTexts,
    calibration_features,
    combined,
    mean_vectors,
    similarities,
    weighted,
)
from relscout.discovery.relation import find_facts
from relscout.naming.vocabulary import Vocabulary, VocabularyEntry

NAMES = (
    ("place of birth", "location where a person was born"),
    ("spouse", "the person to whom a person is married"),
    ("capital", "seat of government of a country or region"),
    ("mouth of the watercourse", "body of water into which a river flows"),
    ("parent astronomical body", "the body around which a satellite orbits"),
)


@pytest.fixture(scope="module")
def matched(found: Discovery) -> Discovery:
    return found.match(Vocabulary.of(NAMES, source="names.csv"))


def test_relations_are_matched_to_the_entries_that_mean_the_same(matched: Discovery) -> None:
    best = {relation.matches[0].name for relation in matched.relations if relation.matches}
    # five clusters of five relations, of which a small vocabulary finds most
    assert len(best) >= 4
    assert matched.run["vocabulary"] == {
        "source": "names.csv",
        "entries": 5,
        "fingerprint": Vocabulary.of(NAMES).fingerprint,
        "matched": sum(bool(relation.matches) for relation in matched.relations),
    }


def test_matches_are_reloaded_exactly(matched: Discovery, tmp_path: Path) -> None:
    matched.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.relations == matched.relations
    assert loaded.run["vocabulary"] == matched.run["vocabulary"]


def test_the_order_of_the_vocabulary_changes_nothing(found: Discovery, matched: Discovery) -> None:
    assert found.match(Vocabulary.of(NAMES[::-1])).relations == matched.relations


def test_triples_and_facts_have_the_matches_of_their_relation(matched: Discovery) -> None:
    matches = {relation.name: relation.matches for relation in matched.relations}
    assert all(triple.matches == matches[triple.relation] for triple in matched.triples())
    # facts of a name that reads from tail to head are turned, and so are their matches
    as_named = [fact for fact in matched.facts() if fact.relation in matches]
    assert len(as_named) > 20
    assert all(fact.matches == matches[fact.relation] for fact in as_named)


def test_a_run_that_was_not_matched_has_no_matches_and_none_is_new(found: Discovery) -> None:
    assert [relation.matches for relation in found.relations] == [None] * 5
    assert found.relations[0].as_dict()["matches"] is None


def test_a_merged_relation_keeps_the_matches_of_the_largest(matched: Discovery) -> None:
    first, second = matched.relations[:2]
    merged = matched.merge([first.id, second.id])
    assert merged.relation(first.id).matches == first.matches


def test_a_turned_fact_has_inverse_matches() -> None:
    instance = RelationInstance("Ada saw Bob", Mention(0, 3), Mention(8, 11))
    match = Match("P1", "saw", 0.9)
    triple = Triple(instance, 4, "seen by (inverse)", 0.5, matches=(match,))
    (fact,) = find_facts([triple]).facts
    assert (fact.head.name, fact.relation, fact.matches) == (
        "Bob",
        "seen by",
        (replace(match, inverse=True),),
    )


def test_probabilities_follow_the_weighted_similarities() -> None:
    table = np.float32([[0.6, 0.2, 0.1], [0.1, 0.1, 0.0]])
    values = {
        f"{what} {how}": table for what in ("window", "phrase", "heads", "tails") for how in ("name", "text")
    }
    scored = combined(values | {"generality": np.zeros_like(table)})
    # names and texts of windows and phrases, and twice those of tails
    np.testing.assert_allclose(scored.ranks, table * 8, rtol=1e-5)
    assert ((scored.probabilities >= 0) & (scored.probabilities <= 1)).all()
    order = np.argsort(-scored.probabilities, axis=1, kind="stable")
    assert order.tolist() == [[0, 1, 2], [0, 1, 2]]
    # an entry that stands out is surer than two that are equal
    assert scored.probabilities[0, 0] > scored.probabilities[1, 0]
    assert not scored.inverse.any()


def test_an_entry_that_describes_the_head_fits_from_tail_to_head() -> None:
    nothing = np.zeros((1, 2), dtype=np.float32)
    values = {
        f"{what} {how}": nothing
        for what in ("window", "phrase", "heads", "tails")
        for how in ("name", "text")
    }
    values["heads name"] = np.float32([[0.5, 0.0]])
    values["generality"] = nothing
    assert combined(values).inverse.tolist() == [[True, False]]


def test_of_entries_that_are_as_similar_the_more_general_one_is_first() -> None:
    texts = ("window", "phrase", "heads", "tails")
    values = {f"{what} {how}": np.float32([[0.2, 0.2]]) for what in texts for how in ("name", "text")}
    scored = combined(values | {"generality": np.float32([[-0.05, 0.05]])})
    assert scored.ranks.argmax(axis=1).tolist() == [1]
    without = weighted(values | {"generality": np.float32([[-0.05, 0.05]])}, generality=0)[0]
    assert without[0, 0] == without[0, 1]


def test_a_general_name_is_similar_to_many_others_whatever_their_order() -> None:
    names = ("Roman cognomen", "Roman praenomen", "country", "country of origin", "country of citizenship")
    instance = RelationInstance.from_strings("Cato of Tusculum", "Cato", "Tusculum")
    relation = RelationTexts([instance], ["of"])
    of_name = {}
    for order in (names, names[::-1]):
        values = similarities([relation] * 8, Vocabulary.of(order))["generality"]
        assert values.shape == (8, 5)
        np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-6)
        of_name = dict(zip(order, values[0].tolist(), strict=True))
        assert max(of_name, key=of_name.__getitem__).startswith("country")


def test_what_other_relations_have_in_common_is_subtracted() -> None:
    vocabulary = Vocabulary.of(("capital", "spouse"))
    instance = RelationInstance.from_strings("Cato of Tusculum", "Cato", "Tusculum")
    relation = RelationTexts([instance], ["of"])
    own = mean_vectors([relation, relation])
    for what, table in similarities([relation], vocabulary, background=own).items():
        if what != "generality":
            np.testing.assert_allclose(table, 0, atol=1e-6)
    nothing = similarities([relation], vocabulary, background=np.zeros_like(own))["window name"]
    usual = similarities([relation], vocabulary)["window name"]
    assert np.load(BACKGROUND).shape == own.shape
    # a single relation is one of nine: with no background, eight ninths of its similarity remain
    doubled = similarities([relation], vocabulary, background=2 * own)["window name"]
    np.testing.assert_allclose(doubled, -nothing, atol=1e-6)
    assert not np.allclose(usual, nothing, atol=1e-3)


def test_the_calibration_sees_the_distance_to_the_best_other_entry() -> None:
    features = calibration_features(np.float32([[0.5, 0.2, 0.4]]))
    np.testing.assert_allclose(features[0, :, 1], [0.1, -0.3, -0.1], atol=1e-6)
    np.testing.assert_allclose(features[0, :, 2], np.log(3))
    assert calibration_features(np.float32([[0.5]]))[0, 0].tolist() == [0.5, 0.0, 0.0]


def test_only_the_best_entries_above_the_least_probability_are_matches() -> None:
    count = MOST + 2
    probabilities = np.full((1, count), 0.9, dtype=np.float32)
    probabilities[0, 0] = LEAST / 2
    entries = tuple(VocabularyEntry(f"P{place}", f"name {place}") for place in range(count))
    scores = EntryScores(probabilities, probabilities, np.zeros((1, count), dtype=bool))
    matches = scores.matches(0, Vocabulary(entries))
    assert [match.id for match in matches] == [f"P{place}" for place in range(1, MOST + 1)]


def test_the_texts_of_a_relation_are_its_surroundings_entities_and_phrases() -> None:
    text = "In the cold spring of 1905 Ada Lund married Bo Ek in a small church near Turku."
    instance = RelationInstance.from_strings(text, "Ada Lund", "Bo Ek")
    texts = RelationTexts([instance, instance.swapped()], ["married", "wed"])
    assert texts.windows == ["cold spring of 1905 Ada Lund married Bo Ek in a small church"] * 2
    assert (texts.heads, texts.tails) == ("Ada Lund, Bo Ek", "Bo Ek, Ada Lund")
    assert texts.listed_phrases == "married, wed"
