"""Where data sets lie on disk, and which of their files are there."""

from __future__ import annotations

import os
from pathlib import Path

from relscout.datasets.description import DataFile, DataSet


def data_folder(given: Path | None = None) -> Path:
    """Return the folder that holds one folder for each data set.

    Args:
        given: What the user asked for; without it, the environment variable ``RELSCOUT_DATA`` counts, and without that
            ``relscout/datasets`` in the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``).
    """
    if given is not None:
        return given
    if named := os.environ.get("RELSCOUT_DATA"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relscout" / "datasets"


def present(file: DataFile, place: Path) -> list[Path]:
    """Return the files in a folder that are, or match, a file of a data set, sorted by name."""
    if "*" in file.name:
        return sorted(path for path in place.glob(file.name) if path.is_file())
    return [place / file.name] if (place / file.name).is_file() else []


def missing(dataset: DataSet, place: Path) -> list[DataFile]:
    """Return the files of a data set that are not in its folder, or not with the published size."""
    return [file for file in dataset.files if not _sound(file, present(file, place))]


def _sound(file: DataFile, paths: list[Path]) -> bool:
    sizes = [path.stat().st_size for path in paths]
    return bool(sizes) and all(size == file.size if file.size is not None else size > 0 for size in sizes)
