"""The encoder that a command's options describe, and its caches."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from relscout.errors import SettingError

if TYPE_CHECKING:
    from relscout.encoders import EncoderSettings, VectorCache


def encoder_settings(
    name: str,
    *,
    default: EncoderSettings | None = None,
    marking: str | None = None,
    pooling: str | None = None,
    max_length: int | None = None,
    dtype: str | None = None,
    device: str = "auto",
    seed: int = 0,
) -> EncoderSettings:
    """Return the settings that the options describe.

    What is not given is what a saved encoder's folder says, and else stays as in ``default``.

    Raises:
        SettingError: A setting has a value that cannot work.
        ArtifactError: What the encoder's folder says is damaged.
    """
    from relscout.encoders.description import settings_for

    return settings_for(
        name,
        default=default,
        marking=marking,
        pooling=pooling,
        max_length=max_length,
        dtype=dtype,
        device=device,
        seed=seed,
    )


@contextlib.contextmanager
def open_cache(path: Path | None, *, no_cache: bool) -> Iterator[VectorCache | None]:
    """Open the vector cache at ``path``, or at its usual place, and close it again; ``None`` where none is wanted.

    Raises:
        OutputError: The file cannot be opened.
    """
    from relscout.encoders import VectorCache

    if no_cache:
        yield None
        return
    with contextlib.closing(VectorCache(path or _home() / "vectors.sqlite")) as cache:
        yield cache


def checkpoints_folder(path: Path | None, *, no_cache: bool) -> Path | None:
    """Return the folder for checkpoints, next to the vector cache; ``None`` without a cache."""
    if no_cache:
        return None
    return (_home() if path is None else path.parent) / "checkpoints"


def annotations_file(path: Path | None, *, no_cache: bool) -> Path | None:
    """Return the file that keeps the entities of plain text, next to the vector cache; ``None`` without a cache."""
    if no_cache:
        return None
    return (_home() if path is None else path.parent) / "annotations.sqlite"


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relscout"


def check_cache(path: Path | None, *, no_cache: bool) -> None:
    """Refuse a place for a cache that is not wanted.

    Raises:
        SettingError: Both options are given.
    """
    if no_cache and path is not None:
        raise SettingError("--cache and --no-cache contradict each other; use one of them")
