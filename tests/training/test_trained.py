from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.saved import save_encoder
from relscout.encoders.settings import settings_for
from relscout.training.stored import Trained, portable

LOWER, UPPER = "encoder.layer.0.output.dense.weight", "encoder.layer.2.output.dense.weight"


def test_what_is_trained_on_trained_weights_keeps_them(
    tiny_bert: Path, tmp_path: Path, corpus: list[RelationInstance]
) -> None:
    settings = EncoderSettings(model=str(tiny_bert), pooling="sentence", device="cpu")
    plain = TransformerEncoder(settings)
    known = {name: plain.model.state_dict()[name].numpy() for name in (LOWER, UPPER)}
    base = TransformerEncoder(settings, weights={LOWER: 2 * known[LOWER], UPPER: 3 * known[UPPER]})
    save_encoder(tmp_path / "base", base, made={})
    saved = TransformerEncoder(settings_for(str(tmp_path / "base"), device="cpu"))
    assert saved.fingerprint == base.fingerprint
    on_top = Trained(base.fingerprint, {UPPER: 4 * known[UPPER]})
    found = on_top.on(base).encode(corpus[:8])
    again = Trained(saved.fingerprint, on_top.weights).on(saved).encode(corpus[:8])
    assert np.array_equal(found, again)
    for name in known:
        without = TransformerEncoder(settings, weights={**base.weights, **on_top.weights, name: known[name]})
        assert not np.allclose(without.encode(corpus[:8]), found, atol=1e-3)


def test_the_bundled_encoder_stays_portable_beside_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("relation", "mine"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert portable(TransformerEncoder(EncoderSettings(model="relation")))["model"] == "relation"
    assert portable(TransformerEncoder(EncoderSettings(model="mine")))["model"] == str(
        (tmp_path / "mine").resolve()
    )
