"""``discover`` where every pair of entities of a text is an instance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.encoders import TransformerEncoder
from tests.conftest import PEOPLE, TOWNS


@pytest.fixture(scope="module")
def pairs(text_pairs: list[RelationInstance]) -> list[RelationInstance]:
    return text_pairs


@pytest.fixture(scope="module")
def encoder(text_encoder: TransformerEncoder) -> TransformerEncoder:
    return text_encoder


@pytest.fixture(scope="module")
def found(plain: Discovery) -> Discovery:
    return plain


def test_every_pair_has_a_probability_whether_it_has_a_relation_or_not(
    found: Discovery, pairs: list[RelationInstance]
) -> None:
    related, ids = found.assignments.related, found.assignments.relation_ids
    assert related is not None
    assert related.shape == ids.shape == (len(pairs),)
    assert ((related > 0) & (related < 1)).all()
    assert (ids >= 0).any()
    assert (ids == -1).any()
    assert related[ids >= 0].mean() > related[ids == -1].mean()


def test_what_a_sentence_says_is_likelier_related_than_what_it_does_not(found: Discovery) -> None:
    assert found.assignments.related is not None
    by_pair = {
        (one.head_text, one.tail_text): value
        for one, value in zip(found.assignments.instances, found.assignments.related.tolist(), strict=True)
    }
    for person, town in zip(PEOPLE, TOWNS, strict=True):
        assert by_pair[person, town] > by_pair[person, "Madrid"]


def test_it_is_clustered_by_the_method_for_text(found: Discovery) -> None:
    assert found.run["method"] == "hac"
    assert {"linkage": "average", "distance": "cosine", "precision": 0.7}.items() <= found.run[
        "settings"
    ].items()
    assert found.run["settings"]["encoder"]["pooling"].endswith("+coarse-types*1.5")
    assert found.run["no_relation"] == int((found.assignments.relation_ids == -1).sum())


def test_settings_that_are_given_go_before_those_for_text(
    pairs: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    one = discover(pairs, precision=0.7, encoder=encoder, settings={"apart": 1.9})
    assert one.run["settings"]["apart"] == 1.9
    assert one.run["n_relations"] == 1


def test_the_order_of_the_pairs_changes_nothing(
    found: Discovery, pairs: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    again = discover(pairs[::-1], precision=0.7, encoder=encoder)
    assert again.relations == found.relations
    np.testing.assert_array_equal(again.assignments.relation_ids[::-1], found.assignments.relation_ids)
    assert again.assignments.related is not None
    np.testing.assert_array_equal(again.assignments.related[::-1], found.assignments.related)  # type: ignore[arg-type]


def test_saved_and_loaded_it_predicts_what_it_found(
    found: Discovery, pairs: list[RelationInstance], encoder: TransformerEncoder, tmp_path: Path
) -> None:
    found.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.assignments.related, found.assignments.related)  # type: ignore[arg-type]
    assert loaded.assignments.polarity_values() == found.assignments.polarity_values()
    assert loaded.facts() == found.facts()
    loaded.model.encoder.cache = encoder.cache
    # parses are not saved; without them, texts are parsed again
    bare = [replace(one, parse=None) for one in pairs]
    predicted = loaded.predict(bare)
    np.testing.assert_array_equal(predicted.relation_ids, found.assignments.relation_ids)
    np.testing.assert_allclose(predicted.related, found.assignments.related, atol=1e-5)  # type: ignore[arg-type]
    np.testing.assert_allclose(predicted.confidences, found.assignments.confidences, atol=1e-4)
    assert predicted.polarity_values() == found.assignments.polarity_values()


def test_a_precision_replaces_the_thresholds_of_a_run_on_text(
    found: Discovery, pairs: list[RelationInstance]
) -> None:
    loose, usual, strict = (found.predict(pairs, precision=precision) for precision in (0.3, None, 0.99))
    kept = [int((assigned.relation_ids >= 0).sum()) for assigned in (loose, usual, strict)]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > kept[1] > kept[2]
    assert loose.related is not None
    np.testing.assert_array_equal(loose.related, usual.related)


def test_the_corpus_gets_its_relations_again_after_the_relation_of_a_cluster_was_dropped(
    pairs: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    whole = discover(pairs, precision=0.7, encoder=encoder, settings={"apart": 1.9})
    assert whole.model.n_relations_ == 1
    assert len(whole.relations) > 1, "words name relations within the cluster"
    left = whole.drop(0)
    again, kept = left.predict(pairs), left.assignments.relation_ids >= 0
    np.testing.assert_array_equal(again.relation_ids, left.assignments.relation_ids)
    np.testing.assert_allclose(again.confidences[kept], left.assignments.confidences[kept], atol=1e-5)


def test_a_run_on_marked_pairs_leaves_pairs_of_text_out_by_a_precision(
    pairs: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    run = discover(pairs, n_relations=2, encoder=encoder, method="kmeans")
    assert run.assignments.related is None
    everything, some = run.predict(pairs), run.predict(pairs, precision=0.7)
    assert everything.related is None
    assert (everything.relation_ids >= 0).all()
    assert some.related is not None
    kept = some.relation_ids >= 0
    assert 0 < kept.sum() < len(pairs)
    assert some.related[kept].min() > some.related[~kept].max()
    np.testing.assert_array_equal(some.relation_ids[kept], everything.relation_ids[kept])


def test_a_precision_after_earlier_runs_is_refused(found: Discovery, pairs: list[RelationInstance]) -> None:
    with pytest.raises(SettingError, match="none or precision and earlier runs cannot be combined"):
        discover(pairs, precision=0.8, after=[found], method="transfer")


def test_where_nothing_is_kept_it_says_what_to_change(
    pairs: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    with pytest.raises(InputError, match=r"none is sure enough .* of 100%; .* give a lower --precision"):
        discover(pairs, precision=1.0, encoder=encoder)


def test_a_share_by_the_relatedness_model_is_the_same_for_the_corpus_and_for_new_pairs(
    pairs: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    bare = [replace(one, parse=None) for one in pairs]
    given = discover(bare, none=0.5, n_relations=2, method="hac", encoder=encoder)
    assert given.run["relatedness"]["precision"] is None
    again = given.predict(bare)
    assert again.related is not None
    assert given.assignments.related is not None
    np.testing.assert_allclose(again.related, given.assignments.related, atol=1e-5)
    assert again.relation_ids.tolist() == given.assignments.relation_ids.tolist()
