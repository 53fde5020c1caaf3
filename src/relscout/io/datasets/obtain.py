"""Downloads data sets, or copies them from a folder, and locates them on disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from relscout.core.errors import DownloadError, InputError, OutputError, SettingError
from relscout.core.files import user_cache, whole_file
from relscout.core.progress import Progress, silent
from relscout.io.datasets.catalogue import DataFile, DataSet, dataset
from relscout.io.datasets.download import USUAL, ClientSettings, difference, download


def data_folder(given: Path | None = None) -> Path:
    """Return the folder that holds one folder for each data set.

    Args:
        given: The folder that the user named. By default, it is that of the environment variable ``RELSCOUT_DATA``,
            else ``relscout/datasets`` in the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``).

    Raises:
        SettingError: None of these is known: there is no home directory.
    """
    if given is not None:
        return given
    if named := os.environ.get("RELSCOUT_DATA"):
        return Path(os.path.expanduser(named))  # noqa: PTH111 - no error for a user who has no home directory
    if (cache := user_cache()) is None:
        raise SettingError(
            "there is no home directory for data sets; name a directory with --dir, or set RELSCOUT_DATA"
        )
    return cache / "datasets"


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


def available(name: str | DataSet, folder: Path) -> bool:
    """Return whether all files of a data set are in its folder, with the published sizes; checksums are not computed.

    Args:
        name: A name in :data:`DATASETS`, or the description of a set of your own.
        folder: The data folder; the files are looked for in ``folder/name``.

    Raises:
        UnknownNameError: There is no data set of that name.
    """
    chosen = dataset(name) if isinstance(name, str) else name
    return not missing(chosen, folder / chosen.name)


def get(
    name: str | DataSet,
    folder: Path,
    *,
    source: str | Path | None = None,
    settings: ClientSettings = USUAL,
    progress: Progress = silent,
) -> list[Path]:
    """Download or copy the files of a data set to the data folder and verify them; existing files are only verified.

    Args:
        name: A name in :data:`DATASETS`, or the description of a set of your own.
        folder: The data folder, see :func:`data_folder`; the files are saved in ``folder/name``.
        source: Where to get the files instead of where they are published: an address (``http://`` or ``https://``), or
            a folder that holds them, or holds them in a folder of the set's name. They are verified all the same.
        settings: Attempts and waiting times of downloads.
        progress: Called with the bytes so far and in total under the name of each file.

    Returns:
        The files, in the order of the registry.

    Raises:
        UnknownNameError: There is no data set of that name.
        DownloadError: A file cannot be downloaded: there is no network or no such file, it differs from the published
            one, or its licence requires that you obtain it yourself.
        InputError: A file in ``source``, or one that is already in the data folder, differs from the published one.
        OutputError: A file cannot be written.
    """
    chosen = dataset(name) if isinstance(name, str) else name
    place = folder / chosen.name
    if source is None and not chosen.downloadable and missing(chosen, place):
        raise DownloadError(
            f"{chosen.name} cannot be downloaded ({chosen.licence}); 'relscout datasets get {chosen.name}' "
            f"explains how to obtain it; put its files into {place}"
        )
    with _alone(place, progress):
        return [
            path for file in chosen.files for path in _file(file, chosen, place, source, settings, progress)
        ]


def _file(
    file: DataFile,
    chosen: DataSet,
    place: Path,
    source: str | Path | None,
    settings: ClientSettings,
    progress: Progress,
) -> list[Path]:
    if there := present(file, place):
        for path in there:
            if wrong := difference(path, file):
                raise InputError(
                    f"{path} is not the published file: {wrong}; move it away to get the published one"
                )
    elif source is None or str(source).startswith(("http://", "https://")):
        download(
            file, _address(file, chosen, source), place / file.name, settings=settings, progress=progress
        )
    else:
        _copy(file, chosen, Path(source), place)
    return present(file, place)


def _address(file: DataFile, chosen: DataSet, source: str | Path | None) -> str:
    if source is None and file.address is not None:
        return file.address
    if "*" in file.name:
        raise DownloadError(
            f"{chosen.name} has files of any name, so --from must be a folder that holds them"
        )
    return f"{str(source).rstrip('/')}/{quote(file.name)}"


def _copy(file: DataFile, chosen: DataSet, source: Path, place: Path) -> None:
    """Copy the files that match a file of the data set from another folder, if they are the published ones."""
    copies = present(file, source) or present(file, source / chosen.name)
    if not copies:
        raise InputError(
            f"{source}: there is no {file.name}, nor {chosen.name}/{file.name}; name the folder that holds the files"
        )
    for path in copies:
        if wrong := difference(path, file):
            raise InputError(f"{path} is not the published file: {wrong}")
        with whole_file(place / path.name) as copied:
            shutil.copyfile(path, copied)


@contextlib.contextmanager
def _alone(place: Path, progress: Progress) -> Iterator[None]:
    """Create the folder and lock it against other processes; without locks, checksums detect their interference."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {place}: {error.strerror or error}") from error
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(place, os.O_RDONLY)
    try:
        # some network file systems have no locks
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress("waiting for another download", 0, None)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
