"""A small web site of our own that can misbehave, and a data set that lies on it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from relscout.io.datasets import ClientSettings, DataFile, DataSet

CONTENT = bytes(range(256)) * 800  # 204,800 bytes: several pieces


@dataclass
class Site:
    """What the site has and how it behaves."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    #: For the next requests, one each: an error status, or after how many bytes the connection ends.
    faults: list[tuple[str, int]] = field(default_factory=list)
    knows_ranges: bool = True
    tells_length: bool = True
    #: Called before a request is answered.
    before: Callable[[], object] = lambda: None
    #: Of every request the path and the header Range.
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    #: Of every request the header Accept-Encoding.
    encodings: list[str | None] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that have gone away."""


class Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        site, name = self.site, self.path.lstrip("/")
        site.requests.append((name, self.headers["Range"]))
        site.encodings.append(self.headers["Accept-Encoding"])
        site.before()
        kind, number = (site.faults and site.faults.pop(0)) or ("", 0)
        if kind == "status":
            self.answer(number)
        elif name in site.moved:
            self.answer(302, Location=site.moved[name])
        elif name not in site.files:
            self.answer(404)
        else:
            self.send(name, number if kind == "cut" else None)

    def send(self, name: str, cut: int | None) -> None:
        content = self.site.files[name]
        wanted = self.headers["Range"] if self.site.knows_ranges else None
        if wanted:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.answer(416, **{"Content-Range": f"bytes */{len(content)}"})
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.answer(206, content[start:], cut, **{"Content-Range": span})
        return self.answer(200, content, cut)

    def answer(self, status: int, body: bytes = b"", cut: int | None = None, **headers: str) -> None:
        self.send_response(status)
        if self.site.tells_length:
            headers["Content-Length"] = str(len(body))
        for name, value in {**headers, **self.site.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A web site on this machine that has nothing yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Site()
    server = Server(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": served}))
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hasty() -> ClientSettings:
    """Three attempts without a pause."""
    return ClientSettings(attempts=3, wait=0, timeout=5)


@pytest.fixture
def content() -> bytes:
    """The content of the published file."""
    return CONTENT


@pytest.fixture
def published(site: Site) -> DataFile:
    """A file that the site has, with its size and checksum."""
    site.files["big.json"] = CONTENT
    checksum = hashlib.sha256(CONTENT).hexdigest()
    return DataFile("big.json", f"{site.address}/big.json", len(CONTENT), checksum)


@pytest.fixture
def described() -> Callable[..., DataSet]:
    """Describe a data set that has the files."""

    def describe(*files: DataFile) -> DataSet:
        return DataSet("own", "a set", "free", "page", "paper", files, "relscout inspect {folder}", ("Ask.",))

    return describe


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a file is to appear."""
    return tmp_path / "big.json"
