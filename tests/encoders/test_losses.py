"""What an encoder cannot read is said, with its share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.encoders import (
    MOST_UNKNOWN,
    EncoderSettings,
    TransformerEncoder,
    check_share,
    known_share,
    loss_warnings,
    unknown_share,
    unknown_token_warning,
)


@pytest.fixture
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(EncoderSettings(model=str(tiny_bert)))


def test_the_share_of_known_tokens_is_that_of_the_vocabulary(encoder: TransformerEncoder) -> None:
    assert known_share(encoder, ["the ☃ ☃ city"]) == pytest.approx(0.5)
    assert known_share(encoder, ["☃ ☃"]) == 0


def test_a_sentence_that_is_one_token_counts_by_its_characters(encoder: TransformerEncoder) -> None:
    text = "the city สมชายทำงานให้ธนาคารกรุงเก่า was born"
    assert known_share(encoder, [text]) == pytest.approx(1 - 28 / 42, abs=0.02)


def test_an_encoder_of_ones_own_may_know_its_share() -> None:
    class Shouting:
        def unknown_share(self, texts: list[str]) -> float:
            return sum(text.isupper() for text in texts) / len(texts)

    assert unknown_share(Shouting(), ["A", "b"]) == 0.5


def test_texts_that_cannot_be_read_are_refused_unless_allowed() -> None:
    warning = unknown_token_warning(0.51, "minilm")
    with pytest.raises(InputError, match=r"^51% of the tokens .*--allow-unknown-tokens"):
        check_share(0.51, warning, allow_unknown_tokens=False)
    check_share(0.51, warning, allow_unknown_tokens=True)
    check_share(0.5, warning, allow_unknown_tokens=False)


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
