from __future__ import annotations

from collections.abc import Callable

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder


def test_the_bundled_encoder_finds_like_sentences_alike(
    instance: Callable[..., RelationInstance], capfd: pytest.CaptureFixture[str]
) -> None:
    encoder = TransformerEncoder(EncoderSettings(pooling="sentence", device="cpu"))
    vectors = encoder.encode(
        [
            instance("<h>Marie Curie</h> was born in <t>Warsaw</t>."),
            instance("The birthplace of <h>Albert Einstein</h> is <t>Ulm</t>."),
            instance("<h>Sony</h> bought the film studio <t>Columbia</t> for three billion dollars."),
        ]
    )
    assert vectors.shape == (3, 384)
    alike, unlike = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert alike > unlike + 0.1
    assert capfd.readouterr() == ("", "")
