from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.clustering.adaptive import (
    AdaptiveSettings,
    Mapping,
    Pretrained,
    fully_connected,
    is_plateau,
    pretrain,
)
from relscout.core.errors import InputError, SettingError
from relscout.core.seeding import generator

Layer = tuple[torch.Tensor, torch.Tensor]

SMALL = AdaptiveSettings(layers="24-4", autoencoder_steps=0, autoencoder_epochs=3, autoencoder_batch=16)


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """120 vectors of 16 dimensions that fill only three of them."""
    random = np.random.default_rng(0)
    return (random.normal(size=(120, 3)) @ random.normal(size=(3, 16))).astype(np.float32)


def slow_codes(vectors: NDArray[Any], mapping: Mapping) -> NDArray[np.float64]:
    """z = g(W h + b) (eq. 4), a number at a time."""
    found = []
    for h in vectors.astype(float) * mapping.scale:
        states = list(h)
        for number, layer in enumerate(mapping.network[::2]):
            if number:
                states = [max(0.0, state) for state in states]
            rows, offsets = (parameter.numpy().astype(float) for parameter in layer.parameters())
            states = [
                sum(w * x for w, x in zip(row, states, strict=True)) + b
                for row, b in zip(rows, offsets, strict=True)
            ]
        found.append(states)
    return np.array(found)


def test_codes_are_those_of_the_definition(vectors: NDArray[np.float32]) -> None:
    mapping = pretrain(vectors, settings=replace(SMALL, layers="9-5-4"), seed=0).mapping
    np.testing.assert_allclose(mapping(vectors[:7]), slow_codes(vectors[:7], mapping), rtol=1e-4, atol=1e-5)


def test_worked_codes() -> None:
    layers = [
        (torch.tensor([[1.0, -1.0], [2.0, 0.0]]), torch.tensor([0.0, -1.0])),
        (torch.tensor([[1.0, 3.0]]), torch.tensor([0.5])),
    ]
    # scaled to (2, 4): W₁h + b₁ = (−2, 3), of which ReLU leaves (0, 3); 0 + 9 + ½
    found = Mapping(fully_connected(layers), scale=2.0)(np.array([[1, 2]], dtype=np.float32))
    assert (found.tolist(), found.dtype) == ([[9.5]], np.float32)


def test_no_vectors_have_no_codes() -> None:
    mapping = Mapping(fully_connected([(torch.ones(3, 2), torch.zeros(3))]), scale=1.0)
    assert mapping(np.empty((0, 2), dtype=np.float32)).shape == (0, 3)


def test_it_learns_to_give_vectors_back(vectors: NDArray[np.float32]) -> None:
    settings = replace(SMALL, noise=0.0, autoencoder_epochs=60)
    losses = pretrain(vectors, settings=settings, seed=0).losses
    assert len(losses) == 60
    assert losses[0] > 0.5
    assert losses[-1] < 0.1


def test_noise_makes_it_harder(vectors: NDArray[np.float32]) -> None:
    settings = replace(SMALL, autoencoder_epochs=40)
    clean, noisy = (pretrain(vectors, settings=replace(settings, noise=rate), seed=0) for rate in (0.0, 0.5))
    assert noisy.losses[-1] > 2 * clean.losses[-1]


def test_the_loss_of_one_that_gives_nothing_back_is_one(vectors: NDArray[np.float32]) -> None:
    # N(0, 0.01²) through four layers: all but nothing comes out, and the mean square of what goes in is 1
    settings = replace(SMALL, initial="normal", autoencoder_epochs=1, autoencoder_learning_rate=1e-9)
    assert pretrain(vectors, settings=settings, seed=0).losses[0] == pytest.approx(1, abs=1e-3)


def test_the_loss_is_that_of_equations_3_to_6_and_the_decoder_mirrors_the_encoder(
    vectors: NDArray[np.float32],
) -> None:
    # one batch, no noise and hardly a step: both halves can be rebuilt from the same stream
    settings = replace(
        SMALL,
        noise=0.0,
        initial="xavier",
        autoencoder_epochs=1,
        autoencoder_batch=len(vectors),
        autoencoder_learning_rate=1e-12,
    )
    found = pretrain(vectors, settings=settings, seed=0)
    down, given = found.mapping, vectors * np.float32(found.mapping.scale)
    up = drawn_decoder(settings, dimension=16, seed=0)
    back = slow_codes(
        slow_codes(vectors, down), Mapping(fully_connected(up).requires_grad_(False), scale=1.0)
    )
    assert found.losses[0] == pytest.approx(np.mean((back - given) ** 2), rel=1e-4)


def drawn_decoder(settings: AdaptiveSettings, *, dimension: int, seed: int) -> list[Layer]:
    """The decoder's first weights: the encoder's widths backwards, drawn behind the encoder's."""
    stream = torch.Generator().manual_seed(int(generator(seed, "autoencoder").integers(2**62)))
    widths = (dimension, *settings.widths)
    drawn = [
        ((2 / (n_in + n_out)) ** 0.5 * torch.randn((n_out, n_in), generator=stream), torch.zeros(n_out))
        for n_in, n_out in (*pairwise(widths), *pairwise(widths[::-1]))
    ]
    return drawn[len(settings.widths) :]


def test_the_code_is_the_last_width(vectors: NDArray[np.float32]) -> None:
    mapping = pretrain(vectors, settings=replace(SMALL, layers="12-7-5"), seed=0).mapping
    assert [tuple(layer.weight.shape) for layer in mapping.network[::2]] == [(12, 16), (7, 12), (5, 7)]
    assert mapping(vectors).shape == (120, 5)


@pytest.mark.parametrize(("initial", "std"), [("normal", 0.01), ("xavier", (2 / 616) ** 0.5)])
def test_first_weights_are_as_wide_as_told(initial: str, std: float, vectors: NDArray[np.float32]) -> None:
    settings = replace(SMALL, initial=initial, layers="600-4", autoencoder_epochs=0)
    weight, bias = pretrain(vectors, settings=settings, seed=0).mapping.network[0].parameters()
    assert float(weight.std()) == pytest.approx(std, rel=0.03)
    assert float(weight.mean()) == pytest.approx(0, abs=0.05 * std)
    assert not bias.any()


def test_the_same_seed_gives_the_same_bytes(vectors: NDArray[np.float32]) -> None:
    first, again, other = (pretrain(vectors, settings=SMALL, seed=seed) for seed in (3, 3, 4))
    assert _bytes(first) == _bytes(again)
    assert first.losses == again.losses
    assert _bytes(first) != _bytes(other)


def test_the_random_numbers_of_the_program_are_left_alone(vectors: NDArray[np.float32]) -> None:
    state, legacy = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002 - it is what must not change
    first = pretrain(vectors, settings=SMALL, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002
    torch.rand(3)
    assert _bytes(pretrain(vectors, settings=SMALL, seed=0)) == _bytes(first)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e4])
def test_vectors_of_any_length_are_brought_to_a_mean_square_of_one(
    factor: float, vectors: NDArray[np.float32]
) -> None:
    given = (factor * vectors).astype(np.float32)
    found = pretrain(given, settings=SMALL, seed=0)
    assert float(np.square(given * found.mapping.scale).mean()) == pytest.approx(1, rel=1e-5)
    assert found.losses == pytest.approx(pretrain(vectors, settings=SMALL, seed=0).losses, rel=0.01)


def test_vectors_of_nothing_but_zeros_are_given_back() -> None:
    found = pretrain(np.zeros((20, 4), dtype=np.float32), settings=SMALL, seed=0)
    assert found.mapping.scale == 1
    assert found.losses == (0, 0, 0)


@pytest.mark.parametrize(
    ("steps", "epochs", "expected"),
    # 120 vectors in batches of 16 are 8 steps an epoch
    [(0, 3, 3), (24, 3, 3), (25, 3, 4), (81, 3, 11), (0, 0, 0)],
)
def test_small_corpora_get_as_many_steps_as_are_the_least(
    steps: int, epochs: int, expected: int, vectors: NDArray[np.float32]
) -> None:
    settings = replace(SMALL, autoencoder_steps=steps, autoencoder_epochs=epochs, autoencoder_plateau=0)
    assert len(pretrain(vectors, settings=settings, seed=0).losses) == expected


def test_additional_epochs_end_on_a_plateau(vectors: NDArray[np.float32]) -> None:
    settings = replace(SMALL, autoencoder_steps=800, autoencoder_plateau=0.5)
    stopped = pretrain(vectors, settings=settings, seed=0)
    assert 3 < len(stopped.losses) < 100
    assert is_plateau(stopped.losses, 0.5)
    assert not is_plateau(stopped.losses[:-1], 0.5)
    # the epochs that were asked for are not cut
    longer = pretrain(vectors, settings=replace(settings, autoencoder_epochs=30), seed=0)
    assert len(longer.losses) == 30
    assert longer.losses[: len(stopped.losses)] == stopped.losses


@pytest.mark.parametrize(
    ("losses", "share", "expected"),
    [
        ([6, 5, 4, 4, 4, 4], 0.1, False),  # from 5 to 4
        ([6, 5, 4, 4, 4, 4], 0.3, True),
        ([4, 4, 4, 4, 4, 4], 0.01, True),
        ([4, 4, 4, 4, 4, 4], 0, False),
        ([4, 4, 4, 4, 4], 0.5, False),  # too few
        ([9, 9, 9, 6, 5, 4, 4, 4, 4], 0.3, True),  # the last six
    ],
)
def test_a_plateau_is_where_the_loss_hardly_falls(losses: list[float], share: float, expected: bool) -> None:
    assert is_plateau(losses, share) is expected


def test_progress_counts_the_epochs(vectors: NDArray[np.float32]) -> None:
    told: list[tuple[str, int, int | None]] = []
    pretrain(vectors, settings=SMALL, seed=0, progress=lambda *step: told.append(step))
    assert told == [("autoencoder", done, 3) for done in range(4)]


def test_arrays_give_the_same_mapping_back(vectors: NDArray[np.float32]) -> None:
    mapping = pretrain(vectors, settings=SMALL, seed=0).mapping
    again = Mapping.from_arrays(mapping.arrays())
    assert again(vectors).tobytes() == mapping(vectors).tobytes()
    assert again.scale == mapping.scale


def test_saved_arrays_are_numbered_by_layer(vectors: NDArray[np.float32]) -> None:
    mapping = pretrain(vectors, settings=SMALL, seed=0).mapping
    assert {name: array.shape for name, array in mapping.arrays().items()} == {
        "scale": (1,),
        "weight.0": (24, 16),
        "bias.0": (24,),
        "weight.1": (4, 24),
        "bias.1": (4,),
    }


def test_a_mapping_of_many_layers_comes_back_in_order(vectors: NDArray[np.float32]) -> None:
    settings = replace(SMALL, layers="-".join(["6"] * 11), autoencoder_epochs=1)
    mapping = pretrain(vectors, settings=settings, seed=0).mapping
    assert Mapping.from_arrays(mapping.arrays())(vectors).tobytes() == mapping(vectors).tobytes()


def test_a_copy_is_a_mapping_of_its_own(vectors: NDArray[np.float32]) -> None:
    mapping = pretrain(vectors, settings=SMALL, seed=0).mapping
    before = mapping(vectors)
    copied = mapping.copy()
    for parameter in copied.network.parameters():
        parameter.zero_()
    assert mapping(vectors).tobytes() == before.tobytes()
    assert not copied(vectors).any()


def test_what_was_trained_trains_no_more(vectors: NDArray[np.float32]) -> None:
    mapping = pretrain(vectors, settings=SMALL, seed=0).mapping
    assert not any(parameter.requires_grad for parameter in mapping.network.parameters())


def test_vectors_are_left_as_they_are(vectors: NDArray[np.float32]) -> None:
    before = vectors.tobytes()
    pretrain(vectors, settings=SMALL, seed=0)
    assert vectors.tobytes() == before


def test_a_memory_map_gives_the_same_bytes_as_an_array(vectors: NDArray[np.float32], tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found = pretrain(mapped, settings=SMALL, seed=0)
    assert _bytes(found) == _bytes(pretrain(vectors, settings=SMALL, seed=0))
    assert found.mapping(mapped).tobytes() == found.mapping(vectors).tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_no_numbers_are_refused(value: float, vectors: NDArray[np.float32]) -> None:
    broken = vectors.copy()
    broken[7, 3] = value
    with pytest.raises(InputError, match="the vectors hold NaN or infinite values"):
        pretrain(broken, settings=SMALL, seed=0)


def test_no_vectors_are_refused() -> None:
    with pytest.raises(InputError, match="there are no vectors"):
        pretrain(np.empty((0, 4), dtype=np.float32), settings=SMALL, seed=0)


def test_one_vector_is_enough() -> None:
    found = pretrain(np.ones((1, 4), dtype=np.float32), settings=SMALL, seed=0)
    assert found.mapping(np.ones((1, 4), dtype=np.float32)).shape == (1, 4)


def test_a_loss_that_is_no_number_names_the_setting(vectors: NDArray[np.float32]) -> None:
    settings = replace(SMALL, autoencoder_learning_rate=1e15)
    with pytest.raises(SettingError, match=r"the autoencoder diverged: .*; lower autoencoder_learning_rate"):
        pretrain(vectors, settings=settings, seed=0)


def _bytes(found: Pretrained) -> list[bytes]:
    return [array.tobytes() for array in found.mapping.arrays().values()]
