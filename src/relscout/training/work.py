"""Work in progress of a fit, kept on disk so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from relscout.artifacts import Artifact, load_artifact, save_artifact
from relscout.encoders.cache import instance_key
from relscout.errors import OutputError
from relscout.instances import RelationInstance

_KIND = "work in progress"
#: Raised whenever work that an older relscout has begun cannot be gone on with.
_SCHEME = 2


class Work:
    """Where one fit keeps what it has done.

    Args:
        folder: A folder of its own; ``None`` keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def of(
        cls,
        folder: Path | None,
        *,
        settings: Mapping[str, Any],
        fingerprint: str,
        instances: Sequence[RelationInstance],
    ) -> Work:
        """Return the place, below a folder for many, of the fit that these settings, encoder and instances decide.

        Raises:
            OutputError: The folder for many cannot be made.
        """
        if folder is None:
            return cls(None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot keep work in progress in {folder}: {error.strerror or error}"
            ) from error
        told = json.dumps([_SCHEME, fingerprint, settings], sort_keys=True)
        digest = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12)
        for instance in instances:
            digest.update(instance_key(instance))
        return cls(folder / digest.hexdigest())

    def load(self) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]] | None:
        """Return what was kept last, or ``None``.

        Raises:
            ArtifactError: It is damaged.
        """
        if self._folder is None or not self._folder.is_dir():
            return None
        kept = load_artifact(self._folder)
        return dict(kept.settings), kept.tensors

    def keep(self, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace what was kept; it is safe when this returns.

        Raises:
            OutputError: The folder cannot be written.
        """
        if self._folder is not None:
            save_artifact(self._folder, Artifact(_KIND, state, arrays))

    def clear(self) -> None:
        """Remove what was kept: the fit is done."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
