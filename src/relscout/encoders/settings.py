"""Settings of an encoder: one frozen dataclass, the source of help texts and saved files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from relscout.encoders.marking import MARKINGS
from relscout.encoders.pooling import parse_pooling
from relscout.errors import SettingError, UnknownNameError

DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "mps")
#: Holds two entities beside the longest markers (two types of four tokens each) and the tokenizer's special tokens.
SHORTEST_INPUT = 32


@dataclass(frozen=True)
class EncoderSettings:
    """What turns a relation instance into a vector."""

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
