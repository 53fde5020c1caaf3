from __future__ import annotations

import numpy as np
import pytest

from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.text.pair_features import PATH_FEATURES, path_between, path_features
from relscout.text.spacy_pipeline import with_syntax

TEXT = "Anna founded Acme in Rome."


@pytest.fixture
def parse() -> Parse:
    return Parse(
        starts=(0, 5, 13, 18, 21, 25),
        ends=(4, 12, 17, 20, 25, 26),
        heads=(1, 1, 1, 1, 3, 1),
        labels=("nsubj", "ROOT", "dobj", "prep", "pobj", "punct"),
        tags=("PROPN", "VERB", "PROPN", "ADP", "PROPN", "PUNCT"),
        lemmas=("Anna", "found", "Acme", "in", "Rome", "."),
    )


ANNA, ACME, ROME = Mention(0, 4, "PERSON"), Mention(13, 17, "ORG"), Mention(21, 25, "GPE")


def feature(parse: Parse | None, name: str, first: Mention, second: Mention) -> float:
    return float(path_features(parse, first, second)[PATH_FEATURES.index(name)])


def test_subject_and_object_meet_in_their_verb(parse: Parse) -> None:
    path = path_between(parse, ANNA, ACME)
    assert path is not None
    assert (path.first, path.second, path.join) == ((0,), (2,), 1)


def test_the_join_is_described_by_its_part_of_speech(parse: Parse) -> None:
    assert feature(parse, "join VERB", ANNA, ACME) == 1
    assert feature(parse, "join NOUN", ANNA, ACME) == 0


def test_each_side_has_its_own_labels(parse: Parse) -> None:
    assert feature(parse, "first nsubj", ANNA, ROME) == 1
    assert feature(parse, "second nsubj", ANNA, ROME) == 0
    assert feature(parse, "second pobj", ANNA, ROME) == 1
    assert feature(parse, "top second prep", ANNA, ROME) == 1


def test_a_preposition_on_the_path_is_named(parse: Parse) -> None:
    assert feature(parse, "in second", ACME, ROME) == 1
    assert feature(parse, "in second", ANNA, ACME) == 0


def test_a_mention_that_governs_the_other_is_the_join() -> None:
    parse = Parse((0, 6), (5, 10), (1, 1), ("compound", "ROOT"), ("PROPN", "PROPN"), ("Texas", "Anna"))
    path = path_between(parse, Mention(0, 5), Mention(6, 10))
    assert path is not None
    assert (path.second, path.join) == ((), 1)
    assert feature(parse, "governs second", Mention(0, 5), Mention(6, 10)) == 1


def test_mentions_in_different_trees_do_not_meet() -> None:
    parse = Parse((0, 5), (4, 9), (0, 1), ("ROOT", "ROOT"), ("PROPN", "PROPN"), ("Anna", "Rome"))
    path = path_between(parse, Mention(0, 4), Mention(5, 9))
    assert path is not None
    assert path.join is None
    assert feature(parse, "joined", Mention(0, 4), Mention(5, 9)) == 0
    assert feature(parse, "known", Mention(0, 4), Mention(5, 9)) == 1


def test_without_a_parse_all_is_zero() -> None:
    assert not path_features(None, ANNA, ACME).any()


def test_a_mention_outside_all_tokens_has_no_path(parse: Parse) -> None:
    assert path_between(parse, ANNA, Mention(60, 64)) is None


def test_a_tree_that_runs_in_a_ring_ends() -> None:
    ring = Parse((0, 5), (4, 9), (1, 0), ("dep", "dep"), ("PROPN", "PROPN"), ("Anna", "Rome"))
    assert np.isfinite(path_features(ring, Mention(0, 4), Mention(5, 9))).all()


def test_no_number_is_beyond_one(parse: Parse) -> None:
    found = path_features(parse, ANNA, ROME)
    assert found.shape == (len(PATH_FEATURES),)
    assert found.min() >= 0
    assert found.max() <= 1


def test_each_text_is_parsed_once_and_what_has_a_parse_keeps_it(parse: Parse) -> None:
    spacy = pytest.importorskip("spacy")
    from relscout.text.spacy_pipeline import SpacyPipeline

    counted: list[str] = []
    nlp = spacy.blank("en")

    @spacy.Language.component("flat-tree")
    def flat_tree(doc: object) -> object:
        counted.append(doc.text)  # type: ignore[attr-defined]
        for token in doc:  # type: ignore[attr-defined]
            token.head, token.dep_ = doc[0], "dep" if token.i else "ROOT"  # type: ignore[index]
        return doc

    nlp.add_pipe("flat-tree")
    one, other = RelationInstance(TEXT, ANNA, ACME), RelationInstance(TEXT, ANNA, ROME)
    kept = RelationInstance(TEXT, ACME, ROME, parse=parse)
    found = with_syntax([one, other, kept], pipeline=SpacyPipeline(nlp))
    assert counted == [TEXT]
    assert found[0].parse is not None
    assert found[0].parse == found[1].parse
    assert found[2].parse is parse
