"""Downloads of single files: resumed, retried and verified."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relscout.core.errors import DownloadError, OutputError
from relscout.core.progress import Progress, silent
from relscout.io.datasets.catalogue import DataFile

if TYPE_CHECKING:
    import httpx


def difference(path: Path, file: DataFile) -> str | None:
    """Return how a file differs from the published one, or ``None`` if no difference was detected.

    Args:
        path: The file on disk.
        file: What was published: its size and its checksum are compared, where they are known.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"expected {file.size:,} bytes, got {size:,}"
    if file.size is None and not size:
        return "expected some bytes, got none"
    if file.sha256 is None:
        return None
    with path.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if got == file.sha256 else f"expected the sha256 checksum {file.sha256}, got {got}"


class Part:
    """The part of a file on disk.

    Next to it, ``NAME.part.etag`` holds the strong ETag of that version of the file, so that a later run does not join
    the halves of two versions.

    Args:
        target: The final name of the file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._etag = target.with_name(f"{target.name}.part.etag")

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def etag(self) -> str | None:
        """The server's name of the state that the part belongs to, where it gave one."""
        return self._etag.read_text("latin-1") if self._etag.is_file() else None

    def can_grow_into(self, file: DataFile) -> bool:
        """Whether the rest may be asked for: a mix of two states would be noticed, and the part is not too long."""
        noticed = file.sha256 is not None or self.etag is not None
        return noticed and self.size > 0 and (file.size is None or self.size <= file.size)

    def begin(self, etag: str | None) -> None:
        """Start anew, with the first byte of the state that the server calls ``etag``."""
        self.discard()
        if etag is not None:
            self._etag.write_text(etag, encoding="latin-1")
        self.path.touch()

    def discard(self) -> None:
        """Remove the part and what is known of it."""
        self.path.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its final name."""
        with self.path.open("rb") as written:
            os.fsync(written.fileno())
        self.path.replace(self.target)
        self._etag.unlink(missing_ok=True)


#: Answers that may be another one soon: the server is busy or has a fault.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_REFUSED = {
    401: "asks for a password",
    403: "is refused",
    404: "does not exist",
    410: "does not exist any more",
}
_KEPT = "the partial download is kept; run the same command again to resume"


@dataclass(frozen=True)
class ClientSettings:
    """How patient a download is."""

    attempts: int = 4
    """Attempts in a row that may bring nothing new before the download is given up; at least 1."""

    wait: float = 0.5
    """Seconds before the second attempt; doubled before each further one."""

    timeout: float = 30.0
    """Seconds without any answer or any new byte after which an attempt has failed."""


USUAL = ClientSettings()


class _PassingError(Exception):
    """An attempt failed in a way that another one may not."""


class _StaleError(Exception):
    """The part on disk does not belong to what the server has now."""


class _RefusalError(Exception):
    """The server's answer rules out that another attempt helps."""


def download(
    file: DataFile,
    address: str,
    target: Path,
    *,
    settings: ClientSettings = USUAL,
    progress: Progress = silent,
) -> None:
    """Download a file; if an earlier attempt left a ``NAME.part`` next to the target, the download resumes from it.

    Args:
        file: What was published: name, size and checksum.
        address: Where to get it.
        target: Its final name, in a folder that exists. It appears when it is whole and verified.
        settings: How patient to be.
        progress: Called with the bytes so far and in total under the name of the file.

    Raises:
        DownloadError: It cannot be reached, is not there, or is not what was published.
        OutputError: It cannot be written.
    """
    part = Part(target)
    try:
        _fetch(file, address, part, settings, progress)
        if wrong := difference(part.path, file):
            part.discard()
            raise DownloadError(
                f"{address} is not the published file, so it was removed: {wrong}; {_instead(target)}"
            )
        part.finish()
    except OSError as error:
        raise OutputError(f"cannot write {part.path}: {error.strerror or error}; {_KEPT}") from error


def _fetch(file: DataFile, address: str, part: Part, settings: ClientSettings, progress: Progress) -> None:
    """Attempt until the part is whole."""
    import httpx

    headers = {"User-Agent": "relscout", "Accept-Encoding": "identity"}
    failed, furthest = 0, part.size
    with httpx.Client(follow_redirects=True, timeout=settings.timeout, headers=headers) as client:
        while True:
            try:
                _attempt(client, file, address, part, progress)
                return
            except _StaleError:
                part.discard()
                continue
            except (_PassingError, httpx.TransportError) as error:
                failed = 1 if part.size > furthest else failed + 1
                furthest = max(furthest, part.size)
                if failed >= settings.attempts:
                    details = f"{str(error) or type(error).__name__}; {f'{_KEPT}; or ' if part.size else ''}"
                    raise DownloadError(
                        f"cannot download {address}: {details}{_instead(part.target)}"
                    ) from error
            except _RefusalError as refusal:
                raise DownloadError(f"{address} {refusal}; {_instead(part.target)}") from refusal
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise DownloadError(f"cannot download {address}: {error}; {_instead(part.target)}") from error
            time.sleep(settings.wait * 2 ** (failed - 1))


def _instead(target: Path) -> str:
    return f"name another place with --from, or put the file at {target} yourself"


def _attempt(client: httpx.Client, file: DataFile, address: str, part: Part, progress: Progress) -> None:
    """Bring the part to its full length, if the connection holds; what cannot be resumed is asked for anew."""
    done = part.size if part.can_grow_into(file) else 0
    if done and done == file.size:
        return
    asked = {"Range": f"bytes={done}-"} if done else {}
    if done and part.etag is not None:
        asked["If-Range"] = part.etag
    with client.stream("GET", address, headers=asked) as response:
        done, total = _agreed(response, file, done)
        if not done:
            part.begin(_strong(response.headers.get("ETag")))
        with part.path.open("ab") as stream:
            # in the pieces that arrive: gathered into larger ones, the last would be lost with the connection
            for piece in response.iter_raw():
                done += len(piece)
                if total is not None and done > total:
                    raise _RefusalError(f"sends more than the {total:,} bytes of the file")
                stream.write(piece)
                progress(file.name, done, total)
    if total is not None and done < total:
        raise _PassingError(f"the connection ended after {done:,} of {total:,} bytes")


def _agreed(response: httpx.Response, file: DataFile, done: int) -> tuple[int, int | None]:
    """Return from which byte the answer goes on, and the bytes of the whole file, where they are known."""
    status = response.status_code
    if done and status == 416:
        raise _StaleError
    if status in _PASSING:
        raise _PassingError(f"the server answers {status} {response.reason_phrase}".rstrip())
    if status not in (200, 206):
        raise _RefusalError(f"{_REFUSED.get(status, 'is not to be had')} ({status})")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _RefusalError("is sent compressed, though it was asked for as it is")
    start, announced = 0, response.headers.get("Content-Length", "")
    if status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != done or not done:
            raise _StaleError if done else _RefusalError("is sent in parts, though all of it was asked for")
        start, announced = done, span[2]
    total = int(announced) if announced.isdecimal() else None
    if total is not None and file.size is not None and total != file.size:
        raise _RefusalError(f"has {total:,} bytes, and {file.size:,} were published: it is another file")
    return start, file.size if total is None else total


def _strong(etag: str | None) -> str | None:
    return None if etag is None or etag.startswith("W/") else etag
