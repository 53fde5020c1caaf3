"""Settings of an encoder: one frozen dataclass, the source of help texts and saved files."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.encoders.marking import MARKINGS
from relscout.encoders.pooling import parse_pooling
from relscout.errors import SettingError, UnknownNameError

DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class EncoderSettings:
    """What turns a relation instance into a vector."""

    model: str = "minilm"
    """``minilm`` (the bundled all-MiniLM-L6-v2), or any Hugging Face encoder by name or path."""
    marking: str = "none"
    """How the entities are shown to the encoder; a name of ``MARKINGS``."""
    pooling: str = "span-mean@3+span-mean@5+sentence@4+between"
    """What is read off the hidden states: parts joined by ``+``, each ``PART``, ``PART@LAYER`` or ``PART@LAYER*WEIGHT``."""
    max_length: int = 128
    """Longest input in tokens, the tokenizer's special tokens included. Longer sentences are cut around the entities."""
    dtype: str = "float32"
    """Arithmetic of the transformer; the vectors are float32 in any case."""
    device: str = "auto"
    """``auto`` takes CUDA, then MPS, then the CPU."""
    batch_tokens: int = 2048
    """Tokens in a batch, padding included: sets memory and speed, not results (beyond rounding)."""
    seed: int = 0
    """Draws the embeddings of marker tokens that the model does not know."""

    def __post_init__(self) -> None:
        if self.marking not in MARKINGS:
            raise UnknownNameError("marking", self.marking, MARKINGS)
        for value, known, kind in ((self.dtype, DTYPES, "dtype"), (self.device, DEVICES, "device")):
            if value not in known and not (kind == "device" and value.startswith("cuda:")):
                raise UnknownNameError(kind, value, known)
        if self.max_length < 16:
            raise SettingError(
                f"max_length is {self.max_length}; at least 16 tokens are needed to hold two entities"
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
