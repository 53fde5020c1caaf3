"""What an encoder cannot read is said, with its share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from relscout.encoders import (
    MOST_UNKNOWN,
    EncoderSettings,
    TransformerEncoder,
    known_share,
    loss_warnings,
    unknown_token_warning,
)


@pytest.fixture
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(EncoderSettings(model=str(tiny_bert)))


def test_the_share_of_known_tokens_is_that_of_the_vocabulary(encoder: TransformerEncoder) -> None:
    assert known_share(encoder, ["the ☃ ☃ city"]) == pytest.approx(0.5)
    assert known_share(encoder, ["☃ ☃"]) == 0


def test_a_few_unknown_tokens_count_as_none(encoder: TransformerEncoder) -> None:
    assert known_share(encoder, ["the ☃" + " city" * 40]) == 1
    assert known_share(encoder, []) == 1


def test_an_encoder_that_does_not_say_knows_everything() -> None:
    assert known_share(np.zeros(3), ["☃"]) == 1


def test_many_unknown_tokens_are_a_warning_with_share_and_remedy() -> None:
    said = unknown_token_warning(0.615, "minilm")
    assert said is not None
    assert said.startswith("62% of the tokens of these texts are unknown to the encoder 'minilm'")
    assert "multilingual" in said
    assert said.endswith("(--encoder)")


@pytest.mark.parametrize("share", [0.0, 0.01, MOST_UNKNOWN])
def test_few_unknown_tokens_are_none(share: float) -> None:
    assert unknown_token_warning(share, "minilm") is None


def test_losses_are_counted() -> None:
    assert loss_warnings(Counter({"mention": 1, "between": 3})) == [
        "in 3 instances, words between the entities were left out: the entities are too far apart for the maximum "
        "length",
        "in 1 instance, an entity was cut: it exceeds the maximum length",
    ]
