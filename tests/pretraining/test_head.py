from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.pretraining.network import language_head


def with_head(folder: Path, place: Path) -> tuple[Path, Any]:
    """The folder of a model with its own head, and the model."""
    shutil.copytree(folder, place)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(folder)).eval()
    model.save_pretrained(place)
    return place, model


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_roberta"])
def test_the_checkpoints_own_head_gives_its_own_scores(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder, whole = with_head(request.getfixturevalue(name), tmp_path / "model")
    encoder = TransformerEncoder(EncoderSettings(str(folder), "none", "sentence", 64)).model
    head, is_own = language_head(str(folder), encoder, seed=0)
    assert is_own
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.inference_mode():
        states = encoder(input_ids=ids).last_hidden_state
        expected = whole(input_ids=ids).logits
        found = head(states[:, 3])
    torch.testing.assert_close(found, expected[:, 3])
    tied = encoder.get_input_embeddings().weight
    assert any(parameter is tied for parameter in head.parameters())


def test_new_marker_tokens_get_scores_too(tiny_bert_without_unused: Path, tmp_path: Path) -> None:
    folder, whole = with_head(tiny_bert_without_unused, tmp_path / "model")
    encoder = TransformerEncoder(EncoderSettings(str(folder), "C+M", "start", 64)).model
    head, _ = language_head(str(folder), encoder, seed=0)
    assert head(torch.zeros((3, 32))).shape == (3, whole.config.vocab_size + 5)


def test_without_one_a_fresh_head_is_drawn_from_the_seed(tiny_bert: Path) -> None:
    encoder = TransformerEncoder(EncoderSettings(str(tiny_bert), "none", "sentence", 64)).model
    (one, is_own), (same, _), (other, _) = (language_head(str(tiny_bert), encoder, seed=n) for n in (0, 0, 1))
    assert not is_own
    states = torch.ones((2, 32))
    assert one(states).shape == (2, encoder.config.vocab_size)
    assert torch.equal(one(states), same(states))
    assert not torch.equal(one(states), other(states))
