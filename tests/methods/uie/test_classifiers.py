from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.core.progress import silent
from relscout.methods.uie.classifiers import (
    FrozenVectors,
    LinearHead,
    SparseClassifier,
    SparseFeatures,
    VectorClassifier,
    sparse_features,
    sparse_shares,
)

BORN = RelationInstance("Ada was born in Paris", Mention(0, 3, "PERSON"), Mention(16, 21, "CITY"))
TURNED = RelationInstance("Ada was born in Paris", Mention(16, 21, "CITY"), Mention(0, 3, "PERSON"))
OWNED = RelationInstance("Acme owns Bolt", Mention(0, 4, "ORG"), Mention(10, 14, "ORG"))


def test_features_are_names_types_and_the_words_between() -> None:
    assert sparse_features(BORN) == {
        "head:ada",
        "tail:paris",
        "head type:PERSON",
        "tail type:CITY",
        "types:PERSON-CITY",
        "sequence:was born in",
        "word:was",
        "word:born",
        "word:in",
    }


def test_words_between_are_others_where_the_tail_comes_first() -> None:
    assert "tail first word:born" in sparse_features(TURNED)
    assert not {name for name in sparse_features(TURNED) if name.startswith("word:")}


def test_a_parse_adds_the_dependency_path_and_parts_of_speech() -> None:
    parse = Parse(
        starts=(0, 4, 8, 13, 16),
        ends=(3, 7, 12, 15, 21),
        heads=(2, 2, 2, 2, 3),
        labels=("nsubjpass", "auxpass", "ROOT", "prep", "pobj"),
        tags=("PROPN", "AUX", "VERB", "ADP", "PROPN"),
        lemmas=("Ada", "be", "bear", "in", "Paris"),
    )
    parsed = RelationInstance(BORN.text, BORN.head, BORN.tail, parse=parse)
    added = sparse_features(parsed) - sparse_features(BORN)
    assert {name.split(":")[0] for name in added} == {"path", "trigger", "tags", "roles"}
    assert {"trigger:bear", "tags:AUX VERB ADP", "roles:nsubjpass-pobj"} < added


def test_rare_features_have_no_number() -> None:
    features = SparseFeatures.of([BORN, OWNED, TURNED], least=2)
    # the sentence of Ada is read twice, but from another side
    assert features.names == ()
    assert "head:ada" in SparseFeatures.of([BORN, OWNED, TURNED], least=1).names


def test_features_do_not_depend_on_the_order_of_the_instances() -> None:
    forward, backward = (SparseFeatures.of(order, least=1) for order in ([BORN, OWNED], [OWNED, BORN]))
    assert forward == backward


def test_scores_of_the_log_linear_classifier_are_sums_of_weights() -> None:
    features = SparseFeatures.of([BORN, OWNED], least=1)
    classifier = SparseClassifier(
        [BORN, OWNED, BORN], features, 3, annotates=False, learning_rate=0.1, seed=0
    )
    assert len(classifier.lengths) == 2
    assert classifier.row_of[0] == classifier.row_of[2]
    logits = classifier.logits(classifier.row_of[:2]).detach().numpy()
    number = {name: place for place, name in enumerate(features.names)}
    weight = classifier.weight
    expected = [
        sum(weight[number[name]] for name in sparse_features(instance)) + weight[-1]
        for instance in (BORN, OWNED)
    ]
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    shares = sparse_shares(features, weight, [BORN, OWNED])
    np.testing.assert_allclose(shares, softmax(expected, axis=1), rtol=1e-5)


def test_an_instance_without_known_features_has_the_bias() -> None:
    features = SparseFeatures(("head:ada",))
    weight = np.array([[5.0, 0.0], [0.0, np.log(3.0)]], dtype=np.float32)
    np.testing.assert_allclose(sparse_shares(features, weight, [OWNED]), [[0.25, 0.75]], rtol=1e-6)


@pytest.fixture
def vectors() -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal((2, 6)).astype(np.float32) + 3
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def classifier_of(
    vectors: np.ndarray, head: LinearHead | None = None, *, dropout: float = 0.0
) -> VectorClassifier:
    frozen = FrozenVectors([BORN, OWNED], vectors)
    return VectorClassifier(
        frozen,
        frozen,
        3,
        head=head,
        dropout=dropout,
        learning_rate=1e-3,
        encoder_learning_rate=1e-3,
        seed=0,
        progress=silent,
    )


def test_the_layer_on_centred_vectors_is_the_head_on_vectors_of_unit_length(vectors: np.ndarray) -> None:
    classifier = classifier_of(vectors)
    logits = classifier.logits(classifier.row_of).detach().numpy()
    np.testing.assert_allclose(classifier.head.shares(vectors), softmax(logits, axis=1), rtol=1e-4)


def test_a_given_head_is_the_first_one(vectors: np.ndarray) -> None:
    head = LinearHead(np.arange(18, dtype=np.float32).reshape(3, 6), np.array([1, 0, -1], dtype=np.float32))
    given = classifier_of(vectors, head).head
    np.testing.assert_allclose(given.weight, head.weight, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(given.bias, head.bias, atol=1e-3)


def test_only_some_outputs_of_a_head_can_be_kept(vectors: np.ndarray) -> None:
    head = classifier_of(vectors).head
    shares = head.shares(vectors)[:, [2, 0]]
    np.testing.assert_allclose(
        head.only(np.array([2, 0])).shares(vectors), shares / shares.sum(axis=1, keepdims=True), rtol=1e-4
    )


def test_dropout_is_drawn_in_training(vectors: np.ndarray) -> None:
    classifier = classifier_of(vectors, dropout=0.5)
    first, second = (classifier.logits(classifier.row_of) for _ in range(2))
    assert not torch.equal(first, second)


def test_equal_vectors_have_equal_finite_scores() -> None:
    same = np.full((2, 4), 0.5, dtype=np.float32)
    classifier = classifier_of(same)
    first, second = classifier.logits(np.array([0, 1]))
    assert torch.equal(first, second)
    assert bool(first.isfinite().all())
