from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from relscout.core.errors import SettingError, UnknownNameError
from relscout.encoders.pooling import POOLINGS, Places, PoolingPart, parse_pooling, pool, pool_part

DIMENSIONS = 5
LENGTHS = (9, 4, 12)
STARTS = ((1, 5), (2, 0), (3, 4))
#: Apart, side by side with the tail first, nested.
SPANS = (((2, 4), (6, 8)), ((2, 3), (0, 2)), ((3, 9), (5, 6)))
MASKS = (7, 3, 11)
#: Head and tail of the same type, of different ones, of none; then their coarse types, of which all but none are one.
TYPES = ((5, 5, 7, 7), (5, 9, 7, 7), (0, 0, 0, 0))
#: Parts that read hidden states.
READING = sorted(set(POOLINGS) - {"types", "coarse-types"})


def hidden_states(*, padding: float = 0.0) -> list[torch.Tensor]:
    """Four hidden states (3, 12, 5) with ``padding`` wherever a sentence has ended."""
    states = torch.randn(4, 3, 12, DIMENSIONS, generator=torch.Generator().manual_seed(0))
    for row, length in enumerate(LENGTHS):
        states[:, row, length:] = padding
    return list(states)


def places() -> Places:
    return Places(*(torch.tensor(values) for values in (LENGTHS, STARTS, SPANS, MASKS, TYPES)))


def slow(name: str, states: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """One part of one sentence, token by token."""
    tokens = [states[row, token] for token in range(LENGTHS[row])]
    (head_start, head_end), (tail_start, tail_end) = SPANS[row]
    head, tail = tokens[head_start:head_end], tokens[tail_start:tail_end]
    between = tokens[min(head_end, tail_end) : max(head_start, tail_start)]
    match name:
        case "start":
            read = [tokens[STARTS[row][0]], tokens[STARTS[row][1]]]
        case "span-mean":
            read = [sum(side) / len(side) for side in (head, tail)]
        case "span-max":
            read = [[max(values) for values in zip(*side, strict=True)] for side in (head, tail)]
        case "between":
            chosen = between or tokens
            read = [sum(chosen) / len(chosen)]
        case "cls":
            read = [tokens[0]]
        case "sentence":
            read = [sum(tokens) / len(tokens)]
        case "mask":
            read = [tokens[MASKS[row]]]
    vector = np.concatenate([np.asarray(part, dtype=np.float32) for part in read])
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("layer", [0, 2, None])
@pytest.mark.parametrize("name", READING)
def test_each_part_is_what_reading_token_by_token_gives(name: str, layer: int | None) -> None:
    states = hidden_states()
    found = pool(states, places(), [PoolingPart(name, layer)]).numpy()
    expected = [slow(name, states[3 if layer is None else layer].numpy(), row) for row in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("padding", [1e30, float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", POOLINGS)
def test_nothing_leaks_in_from_the_padding(name: str, padding: float) -> None:
    clean = pool(hidden_states(), places(), [PoolingPart(name)])
    assert torch.equal(pool(hidden_states(padding=padding), places(), [PoolingPart(name)]), clean)


def test_parts_are_joined_in_the_order_in_which_they_are_written() -> None:
    first, second = PoolingPart("span-mean", 1), PoolingPart("cls", 2)
    joined = pool(hidden_states(), places(), [first, second])
    assert torch.equal(joined[:, :10], pool(hidden_states(), places(), [first]))
    assert torch.equal(joined[:, 10:], pool(hidden_states(), places(), [second]))


@pytest.mark.parametrize("name", READING)
def test_a_part_is_as_long_as_its_weight(name: str) -> None:
    vectors = pool(hidden_states(), places(), [PoolingPart(name, weight=0.25)])
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((3,), 0.25))


@pytest.mark.parametrize("name", POOLINGS)
def test_a_part_is_as_wide_as_it_says(name: str) -> None:
    part = PoolingPart(name)
    assert pool(hidden_states(), places(), [part]).shape == (3, part.width(DIMENSIONS))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_vectors_are_float32_whatever_the_hidden_states_are(dtype: torch.dtype) -> None:
    states = [state.to(dtype) for state in hidden_states()]
    assert pool(states, places(), parse_pooling("span-max+sentence")).dtype == torch.float32


def test_a_pooling_is_read_with_layers_and_weights() -> None:
    assert parse_pooling("span-mean@4*.5 + sentence*2+cls@0") == (
        PoolingPart("span-mean", 4, 0.5),
        PoolingPart("sentence", None, 2.0),
        PoolingPart("cls", 0, 1.0),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cls+",
        "cls@",
        "cls@x",
        "cls@-1",
        "cls*",
        "cls*-1",
        "cls*nan",
        "cls*1e3",
        "cls*2@3",
        "cls@99999",
        "CLS",
    ],
)
def test_a_pooling_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"is not PART, PART@LAYER, PART\*WEIGHT or PART@LAYER\*WEIGHT"):
        parse_pooling(text)


@pytest.mark.parametrize("weight", ["0", "0.0", ".000"])
def test_a_part_without_weight_is_refused(weight: str) -> None:
    with pytest.raises(SettingError, match="the weight of 'cls' must be above 0"):
        parse_pooling(f"sentence+cls*{weight}")


@pytest.mark.parametrize("name", ["types", "coarse-types"])
def test_types_take_no_layer_and_do_not_stand_alone(name: str) -> None:
    assert parse_pooling(f"cls+{name}*0.5")[1] == PoolingPart(name, 0, 0.5)
    with pytest.raises(SettingError, match=f"'{name}' reads no layer; leave '@3' out"):
        parse_pooling(f"cls+{name}@3")
    with pytest.raises(SettingError, match=f"pooling '{name}' reads no text; add a part that does"):
        parse_pooling(name)
    with pytest.raises(SettingError, match=r"pooling 'types\+coarse-types' reads no text"):
        parse_pooling("types+coarse-types")


def test_coarse_types_are_read_apart_from_types() -> None:
    states = [torch.zeros(3, 12, 64)]
    fine, coarse = (pool(states, places(), [PoolingPart(name, 0)]) for name in ("types", "coarse-types"))
    # 5 and 9 are of one coarse type
    assert not torch.equal(fine[0], fine[1])
    assert torch.equal(coarse[0], coarse[1])
    assert not coarse[2].any()
    both = pool(states, places(), [PoolingPart("types", 0), PoolingPart("coarse-types", 0)])
    assert torch.equal(both, torch.cat([fine, coarse], dim=1))


def test_types_have_the_same_direction_wherever_they_stand_and_none_is_zero() -> None:
    width = 64
    states = [torch.zeros(3, 12, width)]
    found = pool(states, places(), [PoolingPart("types", 0, 2.0)])
    head, tail = found[:, :width], found[:, width:]
    assert torch.equal(head[0], tail[0])
    assert torch.equal(head[1], head[0])
    assert not found[2].any()
    assert abs(float(torch.cosine_similarity(head[1], tail[1], dim=0))) < 0.5
    torch.testing.assert_close(found[:2].norm(dim=1), torch.full((2,), 2.0))
    torch.testing.assert_close(head[0].norm(), torch.tensor(2**0.5))


def test_an_unknown_part_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'sentence'"):
        parse_pooling("sentense@4")


@given(st.text(st.sampled_from("cls@*+.0129 -mean٣"), max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parts = parse_pooling(text)
    except SettingError:
        return
    assert all(part.name in POOLINGS and 0 < part.weight < float("inf") for part in parts)


def test_sampled_words_are_so_many_of_those_between_and_drawn_anew() -> None:
    # one-hot states, so that what was read can be told
    states = torch.eye(12).expand(3, 12, 12)
    allowed = [{4, 5}, set(range(4)), set(range(12))]
    seen: list[set[frozenset[int]]] = [set(), set(), set()]
    for _ in range(60):
        found = pool_part(states, places(), PoolingPart("between"), sampled=3)
        for row, vector in enumerate(found):
            chosen = frozenset(vector.nonzero().flatten().tolist())
            assert chosen <= allowed[row]
            assert len(chosen) == min(3, len(allowed[row]))
            seen[row].add(chosen)
    # of two all are read, of four and of twelve every time others
    assert [len(one) for one in seen[:2]] == [1, 4]
    assert len(seen[2]) > 20
    assert set().union(*seen[2]) == allowed[2]


def test_sampling_more_words_than_there_are_reads_all() -> None:
    states = hidden_states()[0]
    for part in (PoolingPart("between"), PoolingPart("span-mean")):
        torch.testing.assert_close(
            pool_part(states, places(), part, sampled=99), pool_part(states, places(), part)
        )
