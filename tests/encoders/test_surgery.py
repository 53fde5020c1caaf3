from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AlbertConfig, AlbertModel, RobertaPreLayerNormConfig, RobertaPreLayerNormModel

from relscout.core.errors import ArtifactError, SettingError
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.layers import add_embeddings, check_length, drop_layers_above, overlay
from relscout.encoders.transformer import load_weights

IDS = torch.tensor([[12, 40, 7, 33, 21]])
SHAPE = {"vocab_size": 60, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}


def states(model: Any) -> tuple[torch.Tensor, ...]:
    with torch.inference_mode():
        found: tuple[torch.Tensor, ...] = model(
            input_ids=IDS, attention_mask=torch.ones_like(IDS), output_hidden_states=True
        ).hidden_states
    return found


@pytest.fixture
def bert(tiny_bert: Path) -> Any:
    return load_weights(str(tiny_bert))


@pytest.mark.parametrize(("wanted", "left"), [(3, 3), (2, 2), (1, 1), (0, 1)])
def test_layers_that_nobody_reads_are_dropped(bert: Any, wanted: int, left: int) -> None:
    full = states(bert)
    drop_layers_above(bert, wanted, n_layers=3)
    assert len(bert.encoder.layer) == left
    torch.testing.assert_close(states(bert)[: wanted + 1], full[: wanted + 1], atol=1e-5, rtol=0)


def test_a_model_that_normalises_at_its_end_keeps_one_layer_more() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RobertaPreLayerNormModel(RobertaPreLayerNormConfig(num_hidden_layers=4, **SHAPE)).eval()
        torch.nn.init.normal_(model.LayerNorm.weight)
    full = states(model)
    drop_layers_above(model, 2, n_layers=4)
    assert len(model.encoder.layer) == 3
    torch.testing.assert_close(states(model)[:3], full[:3], atol=1e-5, rtol=0)


def test_a_model_whose_layers_share_their_weights_stays_whole() -> None:
    model = AlbertModel(AlbertConfig(num_hidden_layers=3, embedding_size=16, **SHAPE)).eval()
    full = states(model)
    drop_layers_above(model, 1, n_layers=3)
    torch.testing.assert_close(states(model), full)


def test_embeddings_are_added_behind_the_known_ones(bert: Any) -> None:
    known = bert.get_input_embeddings().weight.clone()
    add_embeddings(bert, [()] * 5, seed=0)
    weight = bert.get_input_embeddings().weight
    assert torch.equal(weight[:-5], known)
    assert len(weight) == len(known) + 5


def test_added_embeddings_depend_on_the_seed_alone(tiny_bert: Path) -> None:
    added = []
    for seed in (1, 1, 2):
        model = load_weights(str(tiny_bert))
        torch.rand(1)
        add_embeddings(model, [()] * 5, seed=seed)
        added.append(model.get_input_embeddings().weight[-5:])
    assert torch.equal(added[0], added[1])
    assert not torch.isclose(added[0], added[2]).any()


def test_added_embeddings_are_as_far_out_as_the_known_ones(bert: Any) -> None:
    known = bert.get_input_embeddings().weight.clone()
    add_embeddings(bert, [()] * 500, seed=0)
    added = bert.get_input_embeddings().weight[-500:]
    torch.testing.assert_close(added.mean(dim=0), known.mean(dim=0), atol=0.1, rtol=0)
    torch.testing.assert_close(added.std(dim=0), known.std(dim=0), atol=0, rtol=0.2)


def test_added_embeddings_take_no_gradient(bert: Any) -> None:
    add_embeddings(bert, [()] * 5, seed=0)
    assert not bert.get_input_embeddings().weight.requires_grad


def test_adding_embeddings_prints_nothing(bert: Any, capfd: pytest.CaptureFixture[str]) -> None:
    add_embeddings(bert, [()] * 5, seed=0)
    assert capfd.readouterr() == ("", "")


def test_inputs_may_be_as_long_as_the_model_has_positions(bert: Any) -> None:
    check_length(bert, 512)
    with pytest.raises(SettingError, match="max_length is 513, but the model reads at most 512 tokens"):
        check_length(bert, 513)


def test_positions_that_a_model_keeps_for_padding_do_not_count(tiny_roberta: Path) -> None:
    model = load_weights(str(tiny_roberta))
    assert model.embeddings.position_embeddings.num_embeddings == 130
    check_length(model, 128)
    with pytest.raises(SettingError, match="max_length is 129, but the model reads at most 128 tokens"):
        check_length(model, 129)


QUERY = "encoder.layer.2.attention.self.query.weight"


def test_weights_are_replaced_by_name(bert: Any) -> None:
    before = {name: parameter.clone() for name, parameter in bert.named_parameters()}
    overlay(bert, {QUERY: np.full((32, 32), 0.5, dtype=np.float32)})
    after = dict(bert.named_parameters())
    assert [name for name in before if not torch.equal(before[name], after[name])] == [QUERY]
    assert after[QUERY].unique().tolist() == [0.5]
    assert not after[QUERY].requires_grad


def test_replaced_weights_take_the_precision_of_the_model(tiny_bert: Path) -> None:
    model = load_weights(str(tiny_bert)).bfloat16()
    overlay(model, {QUERY: np.full((32, 32), 0.1, dtype=np.float32)})
    assert dict(model.named_parameters())[QUERY].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "shape", "complaint"),
    [
        (
            "encoder.layer.9.weight",
            (32, 32),
            r"no weight named 'encoder\.layer\.9\.weight', expected one of shape",
        ),
        (QUERY, (16, 32), r"a weight of shape \(32, 32\) named .*, expected one of shape \(16, 32\)"),
        (QUERY, (1024,), r"a weight of shape \(32, 32\) named"),
    ],
)
def test_weights_of_another_model_are_refused(
    name: str, shape: tuple[int, ...], complaint: str, bert: Any
) -> None:
    with pytest.raises(ArtifactError, match=f"{complaint}.*; these weights were trained from another model"):
        overlay(bert, {name: np.zeros(shape, dtype=np.float32)})


def test_an_encoder_takes_no_weights_of_another_model(tiny_bert: Path) -> None:
    weights = {"no.such.weight": np.zeros(3, dtype=np.float32)}
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="cls"), weights=weights)
    with pytest.raises(ArtifactError, match=r"the model has no weight named 'no\.such\.weight'"):
        _ = encoder.fingerprint
