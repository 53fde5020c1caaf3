"""Downloads of single files: resumed, retried and verified. pooch verifies and retries, but never resumes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from relscout.core.errors import DownloadError, OutputError
from relscout.core.progress import Progress, silent
from relscout.io.datasets.catalogue import DataFile

if TYPE_CHECKING:
    import httpx


def difference(path: Path, file: DataFile) -> str | None:
    """Return how a file differs from the published one, or ``None`` if no difference was detected.

    Args:
        path: The file on disk.
        file: The published file: its size and checksum are compared, if known.
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


#: Status codes of temporary failures: the server is busy or has an error.
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
    """When a download waits, tries again and gives up."""

    attempts: int = 4
    """Successive attempts without a new byte after which the download fails; at least 1."""

    wait: float = 0.5
    """Seconds before the second attempt; doubled before each further one."""

    timeout: float = 30.0
    """Seconds without an answer or a new byte after which an attempt fails."""

    window: float = 60.0
    """Seconds in which ``least`` bytes must arrive, or else the attempt has failed."""

    least: int = 60_000
    """Bytes that must arrive in each ``window``."""


USUAL = ClientSettings()


class _PassingError(Exception):
    """An attempt failed; another may succeed."""


class _SlowError(_PassingError):
    """The server sends almost nothing, but keeps the connection open."""


class _RefusalError(Exception):
    """The server refuses the file; another attempt would fail too."""


def download(
    file: DataFile,
    address: str,
    target: Path,
    *,
    settings: ClientSettings = USUAL,
    progress: Progress = silent,
) -> None:
    """Download a file, resuming from the ``NAME.part`` of an earlier attempt if the checksum can verify the whole.

    Args:
        file: The published file: its name, size and checksum.
        address: Where to get it.
        target: Final path, in an existing folder. The file appears there once it is complete and verified.
        settings: Attempts and waiting times.
        progress: Called with the bytes so far and in total under the name of the file.

    Raises:
        DownloadError: The file cannot be reached, does not exist, or differs from the published one.
        OutputError: The file cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        _fetch(file, address, part, settings, progress)
        if wrong := difference(part, file):
            part.unlink()
            raise DownloadError(
                f"{address} is not the published file, so it was removed: {wrong}; {_instead(part)}"
            )
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {part}: {error.strerror or error}; {_KEPT}") from error


def _fetch(file: DataFile, address: str, part: Path, settings: ClientSettings, progress: Progress) -> None:
    """Attempt until the part is whole."""
    import httpx

    headers = {"User-Agent": "relscout", "Accept-Encoding": "identity"}
    failed, furthest = 0, _size(part)
    # a new connection for each request, so that each is monitored
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(
        follow_redirects=True, timeout=settings.timeout, headers=headers, limits=limits
    ) as client:
        while True:
            try:
                with _Watch(settings) as watch:
                    _attempt(client, file, address, part, progress, watch)
                return
            except (_PassingError, httpx.TransportError) as error:
                size = _size(part)
                failed = 1 if size > furthest and not isinstance(error, _SlowError) else failed + 1
                furthest = max(furthest, size)
                if failed >= settings.attempts:
                    reason = f"{str(error) or type(error).__name__}; {f'{_KEPT}; or ' if size else ''}"
                    raise DownloadError(f"cannot download {address}: {reason}{_instead(part)}") from error
            except _RefusalError as refusal:
                raise DownloadError(f"{address} {refusal}; {_instead(part)}") from refusal
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise DownloadError(f"cannot download {address}: {error}; {_instead(part)}") from error
            time.sleep(settings.wait * 2 ** (failed - 1))


class _Watch:
    """Ends a connection over which too few bytes arrive.

    A timeout of single reads would not end a connection over which bytes arrive one by one.

    Raises:
        _SlowError: Instead of the error of the closed connection.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.received = 0
        self._settings = settings
        self._socket: socket.socket | None = None
        self._done, self._slow = threading.Event(), False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def trace(self, event: str, values: Mapping[str, Any]) -> None:
        """Remember the connection; httpx calls this with each event of a request."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = values["return_value"].get_extra_info("socket")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import httpx

        self._done.set()
        self._thread.join()
        # without a length, a closed connection looks complete
        if self._slow and (error is None or isinstance(error, _PassingError | httpx.TransportError)):
            least, window = self._settings.least, self._settings.window
            raise _SlowError(f"fewer than {least:,} bytes arrived in {window:g} seconds") from error

    def _watch(self) -> None:
        before = 0
        while not self._done.wait(self._settings.window):
            if self.received - before < self._settings.least and self._socket is not None:
                self._slow = True
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                return
            before = self.received


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _instead(part: Path) -> str:
    return f"name another place with --from, or put the file at {part.with_suffix('')} yourself"


def _attempt(
    client: httpx.Client, file: DataFile, address: str, part: Path, progress: Progress, watch: _Watch
) -> None:
    """Download the rest of the part, or all of it if it cannot be resumed."""
    # without a checksum, joined halves of two versions would go unnoticed
    done = _size(part) if file.sha256 is not None else 0
    if file.size is not None and done >= file.size:
        if done == file.size:
            return
        done = 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with client.stream("GET", address, headers=headers, extensions={"trace": watch.trace}) as response:
        if agreed := _agreed(response, file, done):
            done, total = agreed
            with part.open("ab" if done else "wb") as stream:
                # pieces are written as they arrive: a larger last piece would be lost with the connection
                for piece in response.iter_raw():
                    done += len(piece)
                    if total is not None and done > total:
                        raise _RefusalError(f"sends more than the {total:,} bytes of the file")
                    stream.write(piece)
                    watch.received += len(piece)
                    progress(file.name, done, total)
            if total is not None and done < total:
                raise _PassingError(f"the connection ended after {done:,} of {total:,} bytes")
            return
    part.unlink()
    _attempt(client, file, address, part, progress, watch)


def _agreed(response: httpx.Response, file: DataFile, done: int) -> tuple[int, int | None] | None:
    """Return the first byte of the answer and the size of the file, if known; ``None`` if it does not fit the part."""
    status = response.status_code
    if done and status == 416:
        return None
    if status in _PASSING:
        raise _PassingError(f"the server answers {status} {response.reason_phrase}".rstrip())
    if status not in (200, 206):
        raise _RefusalError(f"{_REFUSED.get(status, 'cannot be downloaded')} ({status})")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _RefusalError("is sent compressed, though it was asked for as it is")
    start, announced = 0, response.headers.get("Content-Length", "")
    if status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != done or not done:
            if done:
                return None
            raise _RefusalError("is sent in parts, though all of it was asked for")
        start, announced = done, span[2]
    total = int(announced) if announced.isdecimal() else None
    if total is not None and file.size is not None and total != file.size:
        raise _RefusalError(f"has {total:,} bytes, and {file.size:,} were published: it is another file")
    return start, file.size if total is None else total
