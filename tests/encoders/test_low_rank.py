from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from relscout.core.errors import MissingExtraError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.saved import save_adapter
from relscout.encoders.settings import settings_for
from relscout.encoders.tunable import TunableEncoder

Few = list[RelationInstance]


@pytest.fixture
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), pooling="span-mean@2+sentence", device="cpu")
    )


def trained(encoder: TransformerEncoder, few: Few, **settings: int) -> TunableEncoder:
    """An encoder after two steps that make its vectors longer in one direction."""
    tunable = TunableEncoder(encoder, rank=2, **{"trained_layers": 2, **settings})
    prepared = tunable.prepare(few)
    optimizer = torch.optim.SGD(tunable.parameters(), lr=1.0)
    for _ in range(2):
        loss = -tunable(prepared, np.arange(len(prepared.lengths)))[:, :40].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tunable


def test_what_trains_is_small_and_starts_where_the_encoder_is(
    encoder: TransformerEncoder, corpus: Few
) -> None:
    tunable = TunableEncoder(encoder, trained_layers=2, rank=2)
    names = list(tunable.weights())
    # six linear maps in each of two layers
    assert len(names) == 2 * 6 * 2
    assert all(name.startswith(("encoder.layer.1.", "encoder.layer.2.")) for name in names)
    assert {name.rsplit(".", 2)[1] for name in names} == {"lora_A", "lora_B"}
    assert np.allclose(tunable.encode(tunable.prepare(corpus[:9])), encoder.encode(corpus[:9]), atol=1e-6)


def test_an_adapter_that_was_trained_gives_the_same_vectors(
    encoder: TransformerEncoder, corpus: Few, tmp_path: Path
) -> None:
    tunable = trained(encoder, corpus[:9])
    vectors = tunable.encode(tunable.prepare(corpus[:9]))
    assert not np.allclose(vectors, encoder.encode(corpus[:9]), atol=1e-3)
    save_adapter(tmp_path / "a", encoder, tunable.weights(), rank=tunable.rank, alpha=tunable.alpha, made={})
    loaded = TransformerEncoder(settings_for(str(tmp_path / "a"), pooling=encoder.settings.pooling))
    assert np.allclose(loaded.encode(corpus[:9]), vectors, atol=1e-5)


def test_the_weights_below_stay_and_all_layers_can_train(encoder: TransformerEncoder, corpus: Few) -> None:
    tunable = trained(encoder, corpus[:9], trained_layers=-1)
    assert {name.split(".")[2] for name in tunable.weights()} == {"0", "1", "2"}
    again = TunableEncoder(encoder, trained_layers=-1, rank=2)
    again.load(tunable.weights())
    prepared = again.prepare(corpus[:9])
    assert np.array_equal(again.encode(prepared), tunable.encode(tunable.prepare(corpus[:9])))


def test_the_seed_draws_the_factors(encoder: TransformerEncoder) -> None:
    state = torch.get_rng_state()
    first, same, other = (
        TunableEncoder(encoder, trained_layers=1, rank=2, seed=seed).weights() for seed in (1, 1, 2)
    )
    name = next(name for name in first if "lora_A" in name)
    assert np.array_equal(first[name], same[name])
    assert not np.array_equal(first[name], other[name])
    assert torch.equal(torch.get_rng_state(), state)


def test_without_peft_the_extra_is_named(
    encoder: TransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"relscout\[pretrain\]"):
        TunableEncoder(encoder, trained_layers=1, rank=2)
