from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import ArtifactError
from relscout.core.files import load_artifact
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.finetuning.classifier import passes
from relscout.finetuning.supervised import RelationClassifier, SupervisedSettings

Instances = list[RelationInstance]


@pytest.fixture(scope="module")
def fitted(tiny_encoder: TransformerEncoder, known: Instances) -> RelationClassifier:
    settings: dict[str, Any] = {"trained_layers": -1, "training_dtype": "float32"}
    return RelationClassifier(tiny_encoder, epochs=1, least_steps=0, **settings).fit(known)


def test_it_begins_at_the_markers_of_the_whole_sentence_unless_told_otherwise() -> None:
    assert RelationClassifier().encoder.settings == RelationClassifier.ENCODER
    usual = RelationClassifier.ENCODER
    read = (usual.model, usual.marking, usual.pooling, usual.max_length)
    assert read == ("minilm", "C+M", "start", 100)


def test_probabilities_are_the_softmax_of_a_linear_layer_on_the_trained_representation(
    fitted: RelationClassifier, held: Instances, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    saved = load_artifact(tmp_path / "model")
    weight, bias = (saved.tensors[f"head.{name}"].astype(float) for name in ("weight", "bias"))
    columns = [saved.settings["classes"].index(name) for name in fitted.relations_]
    vectors = fitted.trained_encoder.encode(held).astype(float)
    shares = np.exp(vectors @ weight.T + bias)
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(held), shares[:, columns], rtol=1e-4)


def test_the_encoder_that_it_starts_from_stays_as_it_is(
    fitted: RelationClassifier, encoder_settings: EncoderSettings, held: Instances
) -> None:
    untouched = TransformerEncoder(encoder_settings)
    assert fitted.encoder.fingerprint == untouched.fingerprint
    assert fitted.trained_encoder.fingerprint != untouched.fingerprint
    assert np.array_equal(fitted.encoder.encode(held), untouched.encode(held))


def test_another_encoder_than_it_was_trained_from_is_refused(
    fitted: RelationClassifier, encoder_settings: EncoderSettings, held: Instances, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = RelationClassifier.load(tmp_path / "model")
    other = TransformerEncoder(replace(encoder_settings, marking="OnlyC"))
    loaded.encoder = other
    with pytest.raises(
        ArtifactError, match=f"fingerprint {other.fingerprint}, expected {fitted.encoder.fingerprint}"
    ):
        loaded.predict(held)


def test_what_starts_from_a_trained_encoder_is_saved_with_its_weights(
    fitted: RelationClassifier, known: Instances, held: Instances, tmp_path: Path
) -> None:
    quick: dict[str, Any] = {"epochs": 1, "least_steps": 0, "trained_layers": 1, "training_dtype": "float32"}
    on_top = RelationClassifier(fitted.trained_encoder, **quick).fit(known)
    on_top.save(tmp_path / "model")
    loaded = RelationClassifier.load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(held), on_top.predict_proba(held))


@pytest.mark.parametrize(("n_instances", "expected"), [(73, 9), (660, 2), (6507, 1), (1, 17)])
def test_few_instances_are_passed_over_several_times_in_an_epoch(n_instances: int, expected: int) -> None:
    # 100 steps in 6 epochs: of 2, 11, 102 and 1 steps
    assert passes(SupervisedSettings(epochs=6, least_steps=100, batch=64), n_instances) == expected
