"""Fitted models on disk: a folder of safetensors and JSON that reloads exactly and runs no code on loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError
from relscout.core.files import whole_file, whole_folder

_FORMAT = 1
#: The file that describes an artifact.
DESCRIPTION = "artifact.json"
_TENSORS = "tensors.safetensors"
#: Every file name an artifact folder may hold.
CONTENTS = frozenset({DESCRIPTION, _TENSORS})


@dataclass(frozen=True)
class Artifact:
    """The saved state of a fitted method.

    Args:
        kind: Name of the saved kind of object, such as ``"kmeans"``.
        settings: Everything that is not an array, JSON values only.
        tensors: The arrays by name.
    """

    kind: str
    settings: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]


def save_artifact(folder: Path, artifact: Artifact) -> None:
    """Write an artifact; the folder appears whole or not at all, and an older artifact in it is replaced.

    Raises:
        OutputError: The folder holds other files or cannot be written.
    """
    from safetensors.numpy import save

    with whole_folder(folder, contents=CONTENTS) as fresh:
        tensors = fresh / _TENSORS
        with whole_file(tensors) as partial:
            partial.write_bytes(
                save({name: np.ascontiguousarray(array) for name, array in artifact.tensors.items()})
            )
        described = {
            "format": _FORMAT,
            "kind": artifact.kind,
            "tensors_sha256": _sha256(tensors),
            "settings": artifact.settings,
        }
        with whole_file(fresh / DESCRIPTION) as partial:
            text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def load_artifact(folder: Path) -> Artifact:
    """Read an artifact.

    Raises:
        ArtifactError: The folder is missing, incomplete, damaged, or was written by a newer relscout.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        version, kind, settings = described["format"], described["kind"], dict(described["settings"])
    except OSError as error:
        there = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        found = f"it holds {', '.join(there[:8])}" if there else "there is no such folder, or it is empty"
        raise ArtifactError(f"{folder} is not a saved model: no {DESCRIPTION} in it ({found})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder / DESCRIPTION} is damaged ({error}); save the model again") from error
    if version != _FORMAT:
        raise ArtifactError(
            f"{folder} has format {version}, this relscout reads format {_FORMAT}; update relscout"
        )
    try:
        if _sha256(folder / _TENSORS) != described["tensors_sha256"]:
            raise ArtifactError(f"{folder / _TENSORS} was changed after it was saved; save the model again")
        tensors = load_file(folder / _TENSORS)
    except (OSError, KeyError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder / _TENSORS} is missing or damaged ({error}); save the model again"
        ) from error
    return Artifact(kind, settings, tensors)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
