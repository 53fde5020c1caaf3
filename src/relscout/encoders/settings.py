"""Settings and device of an encoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relscout.core.errors import SettingError, UnknownNameError
from relscout.encoders.marking import MARKINGS
from relscout.encoders.pooling import parse_pooling

if TYPE_CHECKING:
    import torch


#: What the layers that train may be asked to compute in.
ARITHMETICS = ("auto", "float32", "bfloat16")


def choose_device(asked: str) -> torch.device:
    """Return the device that was asked for; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        SettingError: There is no such device.
    """
    import torch

    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if asked == "auto":
        return torch.device("cuda" if n_cuda else "mps" if has_mps else "cpu")
    device = torch.device(asked)
    if device.type == "cuda" and (device.index or 0) >= n_cuda:
        raise SettingError(
            f"device {asked!r} was asked for, but torch sees {n_cuda} CUDA devices; 'auto' chooses an available device"
        )
    if device.type == "mps" and not has_mps:
        raise SettingError(
            "device 'mps' was asked for, but torch sees none; 'auto' chooses an available device"
        )
    return device


def trains_in_bfloat16(asked: str, device: torch.device) -> bool:
    """Return whether the layers that train compute in bfloat16, their weights staying float32.

    Args:
        asked: ``float32``, ``bfloat16``, or ``auto``: where the device has instructions for it.
        device: Where the transformer runs.
    """
    import torch

    if asked != "auto":
        return asked == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # there is no public function for this; if the private one is missing, use float32, which always works
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "mps")
#: Holds two entities and the longest markers (two types of four tokens each) and the tokenizer's special tokens.
SHORTEST_INPUT = 32


@dataclass(frozen=True)
class EncoderSettings:
    """Settings that decide how a relation instance becomes a vector."""

    model: str = "minilm"
    """``minilm`` (the bundled all-MiniLM-L6-v2), or any Hugging Face encoder by name or path."""
    marking: str = "none"
    """Entity marking scheme; a name of ``MARKINGS``."""
    pooling: str = "span-mean@3+span-mean@5+sentence@4+between"
    """Pooling of the hidden states: ``PART[@LAYER][*WEIGHT]``, joined by ``+``; parts are names of ``POOLINGS``."""
    max_length: int = 128
    """Maximum input length in tokens, with special tokens, at least 32; longer ones are cut around the entities."""
    dtype: str = "float32"
    """Data type of the transformer; the vectors are always float32."""
    device: str = "auto"
    """``cpu``, ``mps``, ``cuda`` or ``cuda:N``; ``auto`` takes CUDA, then MPS, then the CPU."""
    batch_tokens: int = 2048
    """Tokens in a batch, padding included: sets memory and speed, not results (beyond rounding)."""
    seed: int = 0
    """Random seed for the embeddings of marker tokens that the model does not know."""

    def __post_init__(self) -> None:
        if self.marking not in MARKINGS:
            raise UnknownNameError("marking", self.marking, MARKINGS)
        if self.dtype not in DTYPES:
            raise UnknownNameError("dtype", self.dtype, DTYPES)
        if self.device not in DEVICES and not re.fullmatch("cuda:[0-9]{1,3}", self.device):
            raise UnknownNameError("device", self.device, (*DEVICES, "cuda:N"))
        if self.max_length < SHORTEST_INPUT:
            raise SettingError(
                f"max_length is {self.max_length}, but two entities and their markers need {SHORTEST_INPUT} tokens"
            )
        if self.batch_tokens < self.max_length:
            raise SettingError(
                f"batch_tokens is {self.batch_tokens}, less than one input of max_length {self.max_length}"
            )
        parts = parse_pooling(self.pooling)
        if any(part.name == "mask" for part in parts) and self.marking != "prompt":
            raise SettingError(
                f"pooling 'mask' reads the [MASK] of marking 'prompt', but marking is {self.marking!r}"
            )
