"""The encoder that a command's options describe, and where it keeps its vectors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relscout.errors import SettingError

if TYPE_CHECKING:
    from relscout.encoders import EncoderSettings, VectorCache


def encoder_settings(
    name: str,
    *,
    marking: str | None = None,
    pooling: str | None = None,
    max_length: int | None = None,
    dtype: str | None = None,
    device: str = "auto",
    seed: int = 0,
) -> EncoderSettings:
    """Return the settings that the options describe; what is not given keeps its default.

    Raises:
        SettingError: A setting has a value that cannot work.
    """
    from relscout.encoders import EncoderSettings

    given: dict[str, Any] = {
        "marking": marking,
        "pooling": pooling,
        "max_length": max_length,
        "dtype": dtype,
    }
    given = {key: value for key, value in given.items() if value is not None}
    return EncoderSettings(model=name, device=device, seed=seed, **given)


def open_cache(path: Path | None, *, no_cache: bool) -> VectorCache | None:
    """Open the vector cache at ``path``, or at its usual place; ``None`` where none is wanted.

    Raises:
        SettingError: A place is given, and none wanted.
        OutputError: The file cannot be opened.
    """
    from relscout.encoders import VectorCache

    if no_cache:
        if path is not None:
            raise SettingError("--cache and --no-cache contradict each other; give one of them")
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return VectorCache(path or home / "relscout" / "vectors.sqlite")
