from __future__ import annotations

import pytest
import torch
from transformers import (
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    MegatronBertConfig,
    RobertaConfig,
    RobertaPreLayerNormConfig,
)
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.distilbert.modeling_distilbert import TransformerBlock
from transformers.models.electra.modeling_electra import ElectraLayer
from transformers.models.megatron_bert.modeling_megatron_bert import MegatronBertLayer
from transformers.models.roberta.modeling_roberta import RobertaLayer
from transformers.models.roberta_prelayernorm.modeling_roberta_prelayernorm import RobertaPreLayerNormLayer

from relscout.encoders.layers import narrow, reads_few, tokens_read
from relscout.encoders.pooling import Places, parse_pooling

_SMALL = {
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
_READ = torch.tensor([[True, False, True, False, False], [False, False, False, True, True]])


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    ("kind", "config"),
    [(BertLayer, BertConfig), (RobertaLayer, RobertaConfig), (ElectraLayer, ElectraConfig)],
)
def test_what_is_read_and_its_gradients_stay_the_same(
    kind: type, config: type, padded: bool, implementation: str
) -> None:
    torch.manual_seed(0)
    settings = config(**_SMALL)
    settings._attn_implementation = implementation
    layer = kind(settings).train()  # without dropout, whose rates are 0
    asked: list[int] = []
    layer.attention.self.query.register_forward_hook(lambda *given: asked.append(given[2].shape[1]))
    mask = torch.zeros(2, 1, 5, 5).masked_fill(torch.arange(5) == 4, -1e9) if padded else None
    states = torch.randn(2, 5, 8)
    found = []
    for narrowed in (False, True):
        if narrowed:
            assert narrow(layer, {"tokens": _READ})
        layer.zero_grad()
        given = states.clone().requires_grad_(True)
        output = layer(given, mask)
        output = output[0] if isinstance(output, tuple) else output
        output[_READ].square().sum().backward()
        gradients = [p.grad.clone() for p in layer.parameters()]
        found.append((output.detach(), given.grad, gradients))
    (whole, whole_given, whole_gradients), (few, few_given, few_gradients) = found
    torch.testing.assert_close(few[_READ], whole[_READ])
    torch.testing.assert_close(few_given, whole_given)
    for one, other in zip(few_gradients, whole_gradients, strict=True):
        torch.testing.assert_close(one, other)
    assert (few[~_READ] == 0).all()
    assert asked == [5, 2], "a narrowed layer asks for the tokens that are read only"


def test_attention_that_normalises_elsewhere_is_left_whole() -> None:
    torch.manual_seed(0)
    settings = RobertaPreLayerNormConfig(**_SMALL)
    settings._attn_implementation = "sdpa"
    layer = RobertaPreLayerNormLayer(settings).train()
    states = torch.randn(2, 5, 8)
    whole = layer(states)
    assert narrow(layer, {"tokens": _READ})
    torch.testing.assert_close(layer(states)[_READ], whole[_READ])


def test_a_layer_whose_attention_keeps_no_configuration_is_narrowed_in_its_other_half() -> None:
    layer = MegatronBertLayer(MegatronBertConfig(**_SMALL)).train()
    states = torch.randn(2, 5, 8)
    whole = layer(states)
    assert narrow(layer, {"tokens": _READ})
    found = layer(states)
    whole, found = (one[0] if isinstance(one, tuple) else one for one in (whole, found))
    torch.testing.assert_close(found[_READ], whole[_READ])


def test_a_layer_of_another_build_stays_as_it_is() -> None:
    layer = TransformerBlock(DistilBertConfig(dim=8, n_heads=2, hidden_dim=16))
    assert not narrow(layer, {})


def test_the_tokens_that_are_read_are_those_of_the_mentions_and_where_they_start() -> None:
    places = Places(
        length=torch.tensor([6]),
        starts=torch.tensor([[0, 4]]),
        spans=torch.tensor([[[1, 3], [4, 5]]]),
        mask=torch.tensor([-1]),
        types=torch.tensor([[0, 0]]),
    )
    assert tokens_read(places, 6).tolist() == [[True, True, True, False, True, False]]


@pytest.mark.parametrize(
    ("pooling", "depth", "few"),
    [
        ("span-max@4", 4, True),
        ("start", 6, True),
        ("span-mean@3+start@4", 4, True),
        ("sentence@3+span-mean@4", 4, True),
        ("span-mean@4+sentence@4", 4, False),
        ("between", 6, False),
        ("span-mean@3+cls", 6, False),
    ],
)
def test_only_mentions_are_few_tokens(pooling: str, depth: int, few: bool) -> None:
    assert reads_few(parse_pooling(pooling), depth, 6) is few
