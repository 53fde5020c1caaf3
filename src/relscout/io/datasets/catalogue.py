"""The public data sets of ``catalogue.yaml``: addresses, sizes, licences, and how to obtain them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relscout.core.config_files import read_config
from relscout.core.errors import UnknownNameError


@dataclass(frozen=True)
class DataFile:
    """One file of a data set."""

    name: str
    """Name in the folder of the set. For files that you copy there by hand, it may be a pattern such as ``*.json``."""

    address: str | None = None
    """Address of the download; ``None`` if the file cannot be downloaded without registration."""

    size: int | None = None
    """Size in bytes, if known."""

    sha256: str | None = None
    """Checksum in hexadecimal digits, if known."""


@dataclass(frozen=True)
class DataSet:
    """A public data set."""

    name: str
    """Name in commands and presets, and of its folder in the data folder."""

    title: str
    """A short description."""

    licence: str
    """The terms under which the data may be used, as far as its publishers state them."""

    page: str
    """Address of its web page."""

    citation: str
    """The paper that describes it."""

    files: tuple[DataFile, ...]
    """Its files."""

    reads: str
    """The relscout command that reads it; ``{folder}`` stands for the folder of the set."""

    steps: tuple[str, ...] = ()
    """How to obtain and convert it, where it cannot be downloaded; ``{folder}`` as above."""

    parts: tuple[str, ...] = ()
    """Steps that split the files for protocols that read a part of them; ``{folder}`` as above."""

    @property
    def downloadable(self) -> bool:
        """Whether all files have an address."""
        return all(file.address is not None for file in self.files)

    @property
    def size(self) -> int | None:
        """Total size in bytes; ``None`` if the size of a file is unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


def _catalogue() -> dict[str, DataSet]:
    sets = read_config(Path(__file__).with_suffix(".yaml"))
    for about in sets.values():
        about["files"] = tuple(DataFile(**file) for file in about["files"])
        about.update({name: tuple(about.get(name, ())) for name in ("steps", "parts")})
    return {name: DataSet(name, **about) for name, about in sets.items()}


#: Name → data set.
DATASETS: dict[str, DataSet] = _catalogue()


def dataset(name: str) -> DataSet:
    """Return the description of a data set.

    Raises:
        UnknownNameError: There is no data set of that name.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]
