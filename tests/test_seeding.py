from __future__ import annotations

import numpy as np
import pytest

from relscout.core.errors import SettingError
from relscout.core.seeding import generator


def drawn(seed: int, purpose: str) -> list[int]:
    return [int(number) for number in generator(seed, purpose).integers(1_000_000, size=4)]


def test_one_seed_and_purpose_always_give_the_same_numbers() -> None:
    assert drawn(0, "k-means") == drawn(0, "k-means")
    assert drawn(7, "k-means") == drawn(np.int64(7), "k-means")  # type: ignore[arg-type]


def test_seeds_and_purposes_give_different_numbers() -> None:
    streams = [drawn(seed, purpose) for seed in (0, 1, 2**70) for purpose in ("k-means", "spread", "")]
    assert len({tuple(stream) for stream in streams}) == len(streams)


def test_drawing_for_one_purpose_leaves_the_others_alone() -> None:
    before = drawn(0, "spread")
    generator(0, "k-means").normal(size=100)
    assert drawn(0, "spread") == before


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None, True])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    with pytest.raises(SettingError, match="expected an integer from 0"):
        generator(seed, "k-means")  # type: ignore[arg-type]
