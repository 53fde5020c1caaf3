"""Files and folders written as a whole or not at all, fitted models in them, and text files read line by line."""

from __future__ import annotations

import contextlib
import filecmp
import gzip
import json
import os
import re
import secrets
import shutil
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relscout.core.errors import ArtifactError, InputError, OutputError, RecordError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GZIP_MAGIC = b"\x1f\x8b"


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield ``(line number from 1, line without its line end)``, skipping blank lines; gzip files are decompressed.

    Raises:
        RecordError: A line is not UTF-8.
        InputError: The file does not exist or cannot be read to its end.
    """
    for number, line in lines_or_errors(path):
        if isinstance(line, RecordError):
            raise line
        yield number, line


def lines_or_errors(path: Path) -> Iterator[tuple[int, str | RecordError]]:
    """Yield lines as :func:`lines` does; a line that is not UTF-8 comes as its error.

    Raises:
        InputError: The file does not exist or cannot be read to its end.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
        with gzip.open(path) if packed else path.open("rb") as stream:
            for number, raw_line in enumerate(stream, 1):
                line = _decoded(path, number, raw_line)
                if isinstance(line, RecordError) or line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the gzip file is damaged or cut off ({error}); fetch or pack it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _decoded(path: Path, number: int, raw_line: bytes) -> str | RecordError:
    try:
        return raw_line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} (0x{raw_line[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        return RecordError(path, f"line {number}", reason)


def parsed_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def resolved(path: Path) -> Path:
    """Return an absolute path without links; a link that leads to itself stays, where ``Path.resolve`` fails."""
    return Path(os.path.realpath(path))


#: The file that marks the working folder of a distributed run.
WORKING = "relscout-work.json"


def _is_ours(folder: Path) -> bool:
    """Return whether a folder holds the results of a discovery, or is a working folder."""
    if (folder / WORKING).is_file():
        return True
    of_run = ("assignments.jsonl", "assignments/part-00000.parquet")
    return (folder / "run.json").is_file() and any((folder / part).is_file() for part in of_run)


def files_in(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders in a fixed order, without hidden files and results of relscout."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not _is_ours(here / name)
        )
        yield from (here / name for name in sorted(files) if not name.startswith("."))


def user_cache() -> Path | None:
    """Return relscout's folder in the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``).

    ``None`` if neither that variable nor a home directory is known.
    """
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "relscout"
    try:
        return Path.home() / ".cache" / "relscout"
    except RuntimeError:
        return None


#: Name of an older folder while a new one replaces it.
_ASIDE = "old"
#: Name of a temporary file or folder: the final name, random characters as of :mod:`tempfile`, and our suffix.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}\.partial", re.DOTALL)


def remove_stale(path: Path) -> None:
    """Remove the temporary files that killed processes left next to a file or folder; those in use stay.

    If a process was killed after it had moved an older folder aside, the older folder is moved back.
    """
    place = resolved(path)
    with contextlib.suppress(OSError), os.scandir(place.parent) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(".partial")]
        for name in names:
            match = _TEMPORARY.fullmatch(name)
            if match is None or match["name"] != place.name:
                continue
            leftover = place.parent / name
            if (handle := _locked(leftover, wait=False)) is None:
                continue
            try:
                _discard(leftover, place)
            finally:
                os.close(handle)


@contextlib.contextmanager
def _temporary(place: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a new temporary file or folder, locked so that other processes know that it is in use.

    Args:
        place: The final name.
        make: Creates the file or folder.
    """
    handle = None
    partial = place.parent / f".{place.name}.{secrets.token_hex(4)}.partial"
    try:
        make(partial)
        # another process may remove it before it is locked
        while (handle := _locked(partial, wait=True)) is None and not partial.exists():
            make(partial)
        yield partial
    finally:
        try:
            _discard(partial, place)
        except BaseException:  # it was interrupted
            _discard(partial, place)
            raise
        finally:
            if handle is not None:
                os.close(handle)


def _discard(partial: Path, place: Path) -> None:
    """Remove a temporary file or folder; an older folder that waits in it goes back to its place."""
    if (partial / _ASIDE).exists() and not place.exists():
        (partial / _ASIDE).rename(place)
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _locked(path: Path, *, wait: bool) -> int | None:
    """Return a handle that locks a file or folder until it is closed, at the latest when the process ends.

    ``None`` if another process has the lock, the path is gone, or the file system has no locks.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(handle), path.lstat()):
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file next to ``path`` to write to, and move it into place once the block has succeeded.

    When the block raises (a full disk, an interruption), nothing appears under the final name, an older file
    there stays as it was, and the temporary file is removed. One that a killed process left is removed by the next
    call.

    Raises:
        OutputError: The folder is missing or not writable, or the disk is full.
    """
    path = resolved(path) if path.is_symlink() else path  # the target of the link is replaced, not the link
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: it exists and is not an ordinary file; choose another name")
    remove_stale(path)

    try:
        with _temporary(path, lambda partial: partial.touch(0o600, exist_ok=False)) as partial:
            yield partial
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.chmod(0o666 & ~_umask())
            partial.replace(path)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; nothing was written") from error


@contextlib.contextmanager
def whole_folder(path: Path, *, contents: Collection[str], same_content: bool = False) -> Iterator[Path]:
    """Yield a temporary folder next to ``path`` to write to, and move it into place once the block has succeeded.

    When the block raises, nothing appears under the final name and an older folder there stays as it was. An older
    folder is replaced by two renamings; if the process is killed between them, the older folder is left next to its
    place, in a hidden folder whose name ends in ``.partial``, and the next process moves it back.

    Args:
        path: The final name of the folder.
        contents: File names that an older folder may hold; with any other in it, it is not replaced.
        same_content: Whether an older folder that holds the same files as the new one stays, whatever their names.

    Raises:
        OutputError: ``path`` cannot be replaced (see :func:`check_replaceable`) or cannot be written.
    """
    place = resolved(path)
    remove_stale(path)

    try:
        if not same_content:
            check_replaceable(path, contents=contents)
        with _temporary(place, lambda holder: holder.mkdir(0o700)) as holder:
            fresh = holder / "new"
            fresh.mkdir()
            try:
                yield fresh
            except OutputError as error:
                # the user knows the folder by its final name
                raise OutputError(str(error).replace(str(fresh), str(path))) from error
            if same_content and _are_same(fresh, place):
                return
            check_replaceable(path, contents=contents)
            if place.exists():
                place.rename(holder / _ASIDE)
            fresh.rename(place)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; nothing was written") from error


def _are_same(first: Path, second: Path) -> bool:
    """Return whether two folders hold the same files."""
    names = sorted(entry.name for entry in first.iterdir())
    if not second.is_dir() or names != sorted(entry.name for entry in second.iterdir()):
        return False
    return not any(filecmp.cmpfiles(first, second, names, shallow=False)[1:])


def check_replaceable(path: Path, *, contents: Collection[str]) -> None:
    """Check that a folder may be replaced; a missing or empty folder may.

    Temporary files that killed processes left in it are removed.

    Args:
        path: The folder.
        contents: File names that it may hold.

    Raises:
        OutputError: ``path`` is a file, a folder with something else in it, a mount point, or the current folder.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"cannot write {path}: it is a file, but a folder is expected; choose another name")
    for name in {match["name"] for entry in path.iterdir() if (match := _TEMPORARY.fullmatch(entry.name))}:
        if name in contents:
            remove_stale(path / name)
    if foreign := sorted(entry.name for entry in path.iterdir() if entry.name not in contents):
        raise OutputError(
            f"cannot write {path}: the folder holds {foreign[0]!r}, which is not part of this output; "
            "choose a new or an empty folder"
        )
    place = resolved(path)
    if place.is_mount() or place in (Path.cwd(), *Path.cwd().parents):
        what = "a mount point" if place.is_mount() else "where you are"
        raise OutputError(
            f"cannot write {path}: the folder is {what} and cannot be replaced; name a folder inside it"
        )


def check_makeable(folder: Path) -> None:
    """Check that a folder can be written, before long work begins; its parent folders may be missing.

    Raises:
        OutputError: Something above it is a file, or there is no permission to write.
    """
    try:
        if resolved(folder).is_symlink():
            raise OutputError(
                f"cannot write {folder}: it is a link that leads to itself; choose another name"
            )
        # missing parent folders are made when the folder is saved, so that failed work leaves no trace
        there = next(place for place in resolved(folder).parents if place.exists())
        if not there.is_dir():
            raise OutputError(f"cannot write {folder}: {there} is a file, not a folder; choose another name")
        if not os.access(there, os.W_OK) or (folder.exists() and not os.access(folder, os.W_OK)):
            raise OutputError(f"cannot write {folder}: no permission to write in {there}")
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def make_above(folder: Path) -> None:
    """Create the missing parent folders of a folder.

    Raises:
        OutputError: They cannot be created.
    """
    try:
        resolved(folder).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


_FORMAT = 1
#: The file that describes an artifact.
DESCRIPTION = "artifact.json"
_TENSORS = "tensors.safetensors"
#: Largest absolute value of a tensor: the squares of larger ones do not fit into 32 bits.
_LARGEST = 1.8e19
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
    import numpy as np
    from safetensors.numpy import save

    with whole_folder(folder, contents=CONTENTS) as fresh:
        tensors = fresh / _TENSORS
        with whole_file(tensors) as partial:
            partial.write_bytes(
                save({name: np.asarray(array, order="C") for name, array in artifact.tensors.items()})
            )
        described = {
            "format": _FORMAT,
            "kind": artifact.kind,
            "tensors_sha256": sha256(tensors),
            "shapes": {name: list(array.shape) for name, array in sorted(artifact.tensors.items())},
            "settings": artifact.settings,
        }
        with whole_file(fresh / DESCRIPTION) as partial:
            text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def load_artifact(folder: Path) -> Artifact:
    """Read an artifact.

    Raises:
        ArtifactError: The folder is missing, incomplete, damaged, holds values that are NaN or far too large, or was
            written by a newer relscout.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        described = parsed_json((folder / DESCRIPTION).read_text(encoding="utf-8"))
        version, kind, settings = described["format"], described["kind"], dict(described["settings"])
        if not isinstance(kind, str):
            raise TypeError(f"the kind is {kind!r}, expected a text")
    except OSError as error:
        there = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        state = f"it holds {', '.join(there[:8])}" if there else "there is no such folder, or it is empty"
        raise ArtifactError(f"{folder} is not a saved model: no {DESCRIPTION} in it ({state})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder / DESCRIPTION} is damaged ({error}); save the model again") from error
    if version != _FORMAT:
        raise ArtifactError(
            f"{folder} has format {version}, this relscout reads format {_FORMAT}; update relscout"
        )
    try:
        if sha256(folder / _TENSORS) != described["tensors_sha256"]:
            raise ArtifactError(f"{folder / _TENSORS} was changed after it was saved; save the model again")
        tensors = load_file(folder / _TENSORS)
        shapes = {name: list(tensor.shape) for name, tensor in sorted(tensors.items())}
        if shapes != described["shapes"]:
            raise ArtifactError(
                f"{folder / _TENSORS} has arrays of the shapes {shapes}, and {described['shapes']} were saved; "
                "save the model again"
            )
    except (OSError, KeyError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder / _TENSORS} is missing or damaged ({error}); save the model again"
        ) from error
    for name, tensor in tensors.items():
        if tensor.dtype.kind != "f":
            continue
        # the trees of a relatedness model may have infinite thresholds
        valid = np.isinf(tensor) if name.rpartition(".")[2].startswith("threshold") else False
        largest = min(_LARGEST, float(np.finfo(tensor.dtype).max))
        if not ((np.abs(tensor) <= largest) | valid).all():
            raise ArtifactError(
                f"{folder / _TENSORS}: {name!r} has a value that is NaN or above {_LARGEST:.0e}, with which "
                "nothing can be computed; fit and save the model again"
            )
    return Artifact(kind, settings, tensors)


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file in hexadecimal digits.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
