from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.encoders.transformer import load_tokenizer, load_weights


@pytest.fixture(scope="session")
def settings(tiny_bert: Path) -> EncoderSettings:
    # batches of a few sentences each
    return EncoderSettings(
        model=str(tiny_bert), pooling="span-mean@1+sentence", batch_tokens=300, device="cpu"
    )


@pytest.fixture(scope="session")
def plain(settings: EncoderSettings, few: list[RelationInstance]) -> NDArray[np.float32]:
    """What the encoder gives without a cache."""
    return TransformerEncoder(settings).encode(few)


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "vectors.sqlite" if request.param == "disk" else None)


class Stop:
    """Progress that interrupts the work, as Ctrl+C would, once some instances are done."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if done >= self.after:
            raise KeyboardInterrupt


class Steps:
    """Progress that counts the batches."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self.done.append(done)


def test_the_cache_changes_no_bit(
    settings: EncoderSettings, cache: VectorCache, few: list[RelationInstance], plain: NDArray[np.float32]
) -> None:
    cached = TransformerEncoder(settings, cache=cache)
    assert np.array_equal(cached.encode(few), plain)
    assert np.array_equal(cached.encode(few), plain)


@pytest.mark.parametrize("after", [1, 10, 39])
def test_interrupted_work_goes_on_and_changes_no_bit(
    after: int,
    settings: EncoderSettings,
    cache: VectorCache,
    few: list[RelationInstance],
    plain: NDArray[np.float32],
) -> None:
    with pytest.raises(KeyboardInterrupt):
        TransformerEncoder(settings, cache=cache).encode(few, progress=Stop(after))
    steps = Steps()
    assert np.array_equal(TransformerEncoder(settings, cache=cache).encode(few, progress=steps), plain)
    assert steps.done[:2] == [0, steps.done[1]]
    assert steps.done[1] >= after


def test_nothing_is_encoded_twice(
    settings: EncoderSettings, cache: VectorCache, few: list[RelationInstance]
) -> None:
    TransformerEncoder(settings, cache=cache).encode(few)
    steps = Steps()
    TransformerEncoder(settings, cache=cache).encode(few[::-1], progress=steps)
    assert steps.done == [0, 40]


def test_once_kept_a_vector_stays_bit_for_bit_whatever_else_is_encoded(
    settings: EncoderSettings, cache: VectorCache, few: list[RelationInstance]
) -> None:
    encoder = TransformerEncoder(settings, cache=cache)
    some = encoder.encode(few[::3])
    assert np.array_equal(encoder.encode(few)[::3], some)
    assert np.array_equal(encoder.encode(few[::3]), some)


@pytest.mark.parametrize(
    "change",
    [
        {"pooling": "sentence+span-mean@1"},
        {"marking": "markers"},
        {"marking": "C+T"},
        {"max_length": 40},
        {"dtype": "bfloat16"},
        {"model": "tiny_bert_without_unused"},
    ],
    ids=str,
)
def test_encoders_that_share_a_cache_never_get_each_others_vectors(
    change: dict[str, Any],
    settings: EncoderSettings,
    tmp_path: Path,
    few: list[RelationInstance],
    plain: NDArray[np.float32],
    request: pytest.FixtureRequest,
) -> None:
    if "model" in change:
        change = {"model": str(request.getfixturevalue(change["model"]))}
    other = replace(settings, **change)
    plain_other = TransformerEncoder(other).encode(few)
    assert not np.array_equal(plain, plain_other)
    cache = VectorCache(tmp_path / "vectors.sqlite")
    assert np.array_equal(TransformerEncoder(settings, cache=cache).encode(few), plain)
    assert np.array_equal(TransformerEncoder(other, cache=cache).encode(few), plain_other)
    assert np.array_equal(TransformerEncoder(settings, cache=cache).encode(few), plain)


def test_arithmetic_of_another_precision_never_gets_the_vectors_of_the_full_one(
    settings: EncoderSettings, tmp_path: Path, tiny_bert: Path, few: list[RelationInstance]
) -> None:
    # a checkpoint of low precision gives the same weights to both
    model = tmp_path / "model"
    load_weights(str(tiny_bert)).bfloat16().save_pretrained(model)
    load_tokenizer(str(tiny_bert)).save_pretrained(model)
    full, low = (replace(settings, model=str(model), dtype=dtype) for dtype in ("float32", "bfloat16"))
    cache = VectorCache(tmp_path / "vectors.sqlite")
    vectors = TransformerEncoder(full, cache=cache).encode(few)
    assert not np.array_equal(TransformerEncoder(low, cache=cache).encode(few), vectors)


def test_what_did_not_fit_is_told_again_from_the_cache(
    settings: EncoderSettings, cache: VectorCache, few: list[RelationInstance]
) -> None:
    told: list[list[tuple[str, str]]] = [[], []]
    for times in told:
        encoder = TransformerEncoder(replace(settings, max_length=40), cache=cache)
        encoder.encode(few, on_loss=lambda instance, lost, times=times: times.append((instance.id, lost)))  # type: ignore[misc]
    assert told[0]
    assert sorted(told[0]) == sorted(told[1])


def test_an_encoder_without_instances_leaves_the_cache_alone(
    settings: EncoderSettings, cache: VectorCache
) -> None:
    assert TransformerEncoder(settings, cache=cache).encode([]).shape == (0, 96)


def test_a_damaged_cache_is_told(
    settings: EncoderSettings, tmp_path: Path, few: list[RelationInstance]
) -> None:
    path = tmp_path / "vectors.sqlite"
    cache = VectorCache(path)
    TransformerEncoder(settings, cache=cache).encode(few)
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * len(content[4096:])
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"the vector cache .*vectors\.sqlite is damaged: .*; remove it"):
        TransformerEncoder(settings, cache=VectorCache(path)).encode(few)
