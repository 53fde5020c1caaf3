"""One seed, many independent streams of random numbers."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from relscout.core.errors import SettingError


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the random stream of one purpose.

    Streams of different purposes are independent, so that a step that draws more numbers does not shift the
    numbers of another.

    Args:
        seed: The user's seed, any integer >= 0.
        purpose: Purpose of the numbers, such as ``"k-means"``.

    Raises:
        SettingError: The seed is negative or not an integer.
    """
    word = int.from_bytes(blake2b(purpose.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng([checked_seed(seed), word])


def checked_seed(seed: int) -> int:
    """Return a seed as a plain ``int``.

    Raises:
        SettingError: It is negative or not an integer.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise SettingError(f"seed is {seed!r}, expected an integer from 0")
    return int(seed)
