"""A direction for each entity type: what one-hot vectors do for types that are known beforehand, for any."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, shake_256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.text.types import coarse_type

if TYPE_CHECKING:
    from torch import Tensor

#: Code of a mention without a type.
NO_TYPE = 0


def type_code(name: str | None) -> int:
    """Return a number, from 1 to below 2⁶³, that stands for an entity type; ``NO_TYPE`` where there is none."""
    if name is None:
        return NO_TYPE
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % (2**63 - 1) + 1


def type_codes(head: str | None, tail: str | None) -> tuple[int, int, int, int]:
    """Return the codes of the types of head and tail, then those of their coarse types.

    An entity without a type has no coarse type either; see :func:`relscout.text.types.coarse_type`.
    """
    coarse = [None if tag is None else f"coarse {coarse_type(tag)}" for tag in (head, tail)]
    return type_code(head), type_code(tail), type_code(coarse[0]), type_code(coarse[1])


def codes_read(part: str, codes: Tensor) -> Tensor:
    """Return the codes (B, 2) that a part of a pooling reads of those (B, 4) of :func:`type_codes`."""
    return codes[:, 2:] if part == "coarse-types" else codes[:, :2]


def directions_of(codes: Tensor, width: int) -> Tensor:
    """Return the directions of head's and tail's types side by side (B, 2 · width), float32, each of length √½.

    Directions of different types are nearly at right angles, and the same on every machine; that of no type is zero.

    Args:
        codes: As :func:`type_code` gives them (B, 2), int64.
        width: Dimensions of a direction.
    """
    import torch

    known, places = np.unique(codes.cpu().numpy().ravel(), return_inverse=True)
    table = np.stack([_direction(int(code), width) for code in known])
    return torch.from_numpy(table[places].reshape(-1, 2 * width)).to(codes.device) * 2**-0.5


@lru_cache(maxsize=1024)
def _direction(code: int, width: int) -> NDArray[np.float32]:
    if code == NO_TYPE:
        return np.zeros(width, dtype=np.float32)
    # bits of a hash rather than of a random generator, whose streams change with its versions
    content = shake_256(code.to_bytes(8, "little")).digest(-(-width // 8))
    signs = np.unpackbits(np.frombuffer(content, dtype=np.uint8))[:width].astype(np.float32) * 2 - 1
    return np.asarray(signs * np.float32(width**-0.5), dtype=np.float32)
