from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, Precomputed, TransformerEncoder, VectorCache, underlying
from relscout.methods.hac import HAC
from relscout.methods.kmeans import KMeans
from relscout.training.stored import trainable


@pytest.fixture(scope="session")
def encoder(tiny_bert: Path) -> TransformerEncoder:
    name = "encoder.layer.0.output.dense.weight"
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence", device="cpu")
    weights = {name: 2 * TransformerEncoder(settings).model.state_dict()[name].numpy()}
    return TransformerEncoder(settings, weights=weights)


def test_known_instances_get_the_given_vectors_and_others_are_encoded(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    known = np.ones((10, 96), dtype=np.float32)
    vectors = Precomputed(encoder, few[:10], known).encode([few[20], *few[:10][::-1], few[0].swapped()])
    assert np.array_equal(vectors[1:-1], known)
    np.testing.assert_allclose(vectors[[0, -1]], encoder.encode([few[20], few[0].swapped()]), atol=1e-5)


def test_given_vectors_stay_as_they_are_whatever_is_done_with_what_is_returned(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    known = np.ones((10, 96), dtype=np.float32)
    precomputed = Precomputed(encoder, few[:10], known)
    vectors = precomputed.encode(few[:10])
    vectors *= 2
    assert np.array_equal(precomputed.encode(few[:10]), known)


def test_what_did_not_fit_is_reported_again(encoder: TransformerEncoder, few: list[RelationInstance]) -> None:
    lost: list[tuple[str, str]] = []
    precomputed = Precomputed(encoder, few[:2], np.ones((2, 96), dtype=np.float32), lost=["", "between"])
    precomputed.encode(few[:2], on_loss=lambda instance, what: lost.append((instance.id, what)))
    assert lost == [(few[1].id, "between")]


def test_as_many_vectors_as_instances_are_expected(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    with pytest.raises(InputError, match="9 vectors were given for 10 instances, expected one for each"):
        Precomputed(encoder, few[:10], np.ones((9, 96), dtype=np.float32))


def test_it_stands_for_the_encoder_that_it_wraps(
    encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    wrapped = TransformerEncoder(encoder.settings)
    precomputed = Precomputed(wrapped, few[:1], np.ones((1, 96), dtype=np.float32))
    precomputed.cache = cache = VectorCache()
    assert wrapped.cache is precomputed.cache is cache
    assert (precomputed.settings, precomputed.fingerprint) == (wrapped.settings, wrapped.fingerprint)
    assert trainable("selfore", precomputed) is underlying(precomputed) is wrapped


@pytest.mark.parametrize("method", [KMeans, HAC])
def test_a_method_that_was_fitted_with_it_is_saved_and_loaded_with_the_encoder(
    method: type[KMeans] | type[HAC], encoder: TransformerEncoder, few: list[RelationInstance], tmp_path: Path
) -> None:
    precomputed = Precomputed(encoder, few, encoder.encode(few))
    fitted = method(precomputed, n_relations=3).fit(few)
    fitted.save(tmp_path / "model")
    loaded = method.load(tmp_path / "model")
    assert isinstance(loaded.encoder, TransformerEncoder)
    assert np.array_equal(fitted.labels_, method(encoder, n_relations=3).fit(few).labels_)
    assert np.array_equal(loaded.predict(few), fitted.labels_)
