from __future__ import annotations

import contextlib
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import DownloadError, OutputError
from relscout.io.datasets.catalogue import DataFile
from relscout.io.datasets.download import ClientSettings, download

#: The site of the fixture, which lives in conftest.py.
Site = Any


@pytest.fixture
def fetch(published: DataFile, target: Path, hasty: ClientSettings) -> Callable[..., None]:
    """Download the published file; what is known of it may be replaced."""

    def fetch_it(**known: Any) -> None:
        file = replace(published, **known)
        download(file, file.address or "", target, settings=hasty)

    return fetch_it


@pytest.fixture
def half(target: Path, content: bytes) -> Path:
    """The part that an earlier command left."""
    part = target.with_name("big.json.part")
    part.write_bytes(content[:100_000])
    return part


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Let no file grow beyond 50,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def ranges(site: Site) -> list[str | None]:
    return [asked for _, asked in site.requests]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_nothing_is_left_beside_it(site, fetch, target, content):
    fetch()
    assert target.read_bytes() == content
    assert names(target.parent) == ["big.json"]


def test_the_progress_ends_at_the_size_of_the_file(published, target, hasty, content):
    told = []
    download(published, published.address, target, settings=hasty, progress=lambda *step: told.append(step))
    assert told[-1] == ("big.json", len(content), len(content))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_file_is_asked_for_as_it_is(site, fetch):
    fetch()
    assert site.encodings == ["identity"]


def test_a_file_that_is_sent_compressed_is_refused(site, fetch):
    site.headers["Content-Encoding"] = "gzip"
    with pytest.raises(DownloadError, match="sent compressed"):
        fetch()


def test_a_cut_connection_is_taken_up_where_it_ended(site, fetch, target, content):
    site.faults = [("cut", 70_000), ("cut", 70_000)]
    fetch()
    assert target.read_bytes() == content
    assert ranges(site) == [None, "bytes=70000-", "bytes=140000-"]


def test_every_new_byte_renews_the_patience(site, fetch, target, content):
    site.faults = [("cut", 20_000)] * 8
    fetch()
    assert target.read_bytes() == content


def test_an_earlier_part_is_gone_on_with(site, fetch, half, target, content):
    fetch()
    assert target.read_bytes() == content
    assert ranges(site) == ["bytes=100000-"]
    assert names(target.parent) == ["big.json"]


def test_an_interruption_keeps_the_part_for_the_next_command(site, published, fetch, hasty, target, content):
    def interrupt(stage: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(published, published.address, target, settings=hasty, progress=interrupt)
    assert names(target.parent) == ["big.json.part"]
    fetch()
    assert target.read_bytes() == content
    assert ranges(site)[1] not in (None, "bytes=0-")


def test_a_part_that_is_complete_needs_no_request(site, fetch, half, target, content):
    half.write_bytes(content)
    fetch()
    assert target.read_bytes() == content
    assert site.requests == []


def test_a_server_without_ranges_sends_everything_anew(site, fetch, half, target, content):
    site.knows_ranges = False
    fetch()
    assert target.read_bytes() == content


def test_a_part_that_is_longer_than_the_file_is_thrown_away(site, fetch, half, target, content):
    half.write_bytes(content + b"more")
    fetch()
    assert target.read_bytes() == content
    assert ranges(site) == [None]


def test_a_part_that_the_server_finds_too_long_is_thrown_away(site, fetch, half, target, content):
    half.write_bytes(content + b"more")
    fetch(size=None)
    assert target.read_bytes() == content
    assert ranges(site) == ["bytes=204804-", None]


def test_without_a_checksum_nothing_is_resumed(site, fetch, target, content):
    site.faults = [("cut", 70_000)]
    fetch(sha256=None)
    assert target.read_bytes() == content
    assert ranges(site) == [None, None]


def test_a_part_of_an_older_version_is_removed_with_the_whole(site, fetch, half, target, content):
    half.write_bytes(bytes(100_000))
    with pytest.raises(DownloadError, match="is not the published file, so it was removed"):
        fetch()
    assert names(target.parent) == []
    fetch()
    assert target.read_bytes() == content


def test_a_part_that_was_not_asked_for_is_refused(site, fetch):
    site.headers["Content-Range"] = "bytes 5-10/11"
    site.faults = [("status", 206)]
    with pytest.raises(DownloadError, match="sent in parts"):
        fetch()


def test_a_part_from_the_wrong_byte_on_is_not_used(site, fetch, half, target, content):
    site.headers["Content-Range"] = "bytes 5-204799/204800"
    site.faults = [("status", 206)]
    fetch()
    assert target.read_bytes() == content
    assert ranges(site) == ["bytes=100000-", None]


def test_a_wrong_checksum_removes_the_file_and_tells_both(fetch, target, content):
    with pytest.raises(DownloadError, match=rf"expected the sha256 checksum {'0' * 64}, got \w{{64}}; "):
        fetch(sha256="0" * 64)
    assert names(target.parent) == []


def test_another_size_is_noticed_before_the_download(site, fetch, target):
    with pytest.raises(DownloadError, match="has 204,800 bytes, and 5 were published"):
        fetch(size=5)
    assert names(target.parent) == []


def test_a_server_that_tells_no_length_is_read_to_its_end(site, fetch, target, content):
    site.tells_length = False
    fetch()
    assert target.read_bytes() == content


def test_a_body_that_is_too_short_is_noticed_where_no_length_was_told(site, fetch, target):
    site.tells_length, site.knows_ranges = False, False
    site.faults = [("cut", 70_000)] * 9
    with pytest.raises(
        DownloadError, match="ended after 70,000 of 204,800 bytes; the partial download is kept"
    ):
        fetch()


def test_a_body_that_is_too_long_is_stopped(site, fetch, content):
    site.tells_length = False
    site.files["big.json"] = content * 2
    with pytest.raises(DownloadError, match="sends more than the 204,800 bytes"):
        fetch()


def test_a_body_that_is_always_cut_at_the_same_place_is_given_up(site, fetch):
    site.knows_ranges = False
    site.faults = [("cut", 70_000)] * 9
    with pytest.raises(DownloadError, match="cannot download"):
        fetch()
    assert len(site.requests) == 3


def test_a_fault_of_the_server_that_passes_is_waited_for(site, fetch, target, content):
    site.faults = [("status", 500), ("status", 429)]
    fetch()
    assert target.read_bytes() == content


def test_a_fault_of_the_server_that_stays_is_told(site, fetch, target):
    site.faults = [("status", 503)] * 3
    with pytest.raises(
        DownloadError, match=r"the server answers 503 Service Unavailable; name another place"
    ):
        fetch()
    assert len(site.requests) == 3


def test_the_pauses_grow(site, fetch, published, target):
    site.faults = [("status", 500)] * 3
    times: list[float] = []
    site.before = lambda: times.append(time.monotonic())
    with pytest.raises(DownloadError):
        download(
            published,
            published.address,
            target,
            settings=ClientSettings(attempts=3, wait=0.02),
        )
    assert times[1] - times[0] >= 0.02
    assert times[2] - times[1] >= 0.04


@pytest.mark.parametrize(
    ("status", "what"), [(404, "does not exist"), (403, "is refused"), (418, "cannot be downloaded")]
)
def test_a_refusal_is_final_and_tells_what_to_do(site, fetch, target, status, what):
    site.faults = [("status", status)]
    with pytest.raises(DownloadError) as caught:
        fetch()
    assert str(caught.value) == (
        f"{site.address}/big.json {what} ({status}); name another place with --from, or put the file at {target} "
        "yourself"
    )
    assert len(site.requests) == 1


def test_a_redirection_is_followed(site, fetch, target, content):
    site.moved["old.json"] = f"{site.address}/big.json"
    fetch(address=f"{site.address}/old.json")
    assert target.read_bytes() == content


def test_a_redirection_in_a_ring_is_told(site, fetch):
    site.moved["old.json"] = f"{site.address}/old.json"
    with pytest.raises(DownloadError, match="redirects"):
        fetch(address=f"{site.address}/old.json")


def test_a_server_that_is_not_there_is_told(fetch, target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DownloadError, match=rf"cannot download http://127.0.0.1:{port}/x: .*refused; name"):
        fetch(address=f"http://127.0.0.1:{port}/x")


def test_a_server_that_stays_silent_is_given_up(site, published, target):
    awake = threading.Event()
    site.before = awake.wait
    try:
        with pytest.raises(DownloadError, match="timed out"):
            download(published, published.address, target, settings=ClientSettings(attempts=1, timeout=0.1))
    finally:
        awake.set()


def dripping(beginning: bytes, drop: bytes) -> socket.socket:
    """Return a server that sends the beginning, and then a drop every few milliseconds, for as long as anyone reads."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(10_000)
            connection.sendall(beginning)
            while True:
                connection.sendall(drop)
                time.sleep(0.02)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 204800\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
    ],
    ids=["body", "body without length", "header"],
)
@pytest.mark.parametrize("known", [{}, {"size": None, "sha256": None}], ids=["published", "unknown"])
def test_a_server_that_drips_is_given_up(published, target, beginning, known):
    patience = ClientSettings(attempts=2, wait=0, timeout=5, window=0.1, least=1000)
    with dripping(beginning, b"x") as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/big.json"
        with pytest.raises(DownloadError, match=r"fewer than 1,000 bytes arrived in 0\.1 seconds"):
            download(replace(published, **known), address, target, settings=patience)
    assert not target.exists()


def test_a_header_that_is_not_ascii_is_no_problem(site, fetch, target, content):
    site.headers = {"ETag": '"größe-é"', "X-Server": "naïve"}
    fetch()
    assert target.read_bytes() == content


def test_an_address_that_is_none_is_told(fetch):
    with pytest.raises(DownloadError, match="cannot download http://a b:x"):
        fetch(address="http://a b:x")


def test_a_full_disk_keeps_the_part(fetch, target, small_disk):
    with pytest.raises(
        OutputError, match=r"cannot write .*big.json.part: File too large; the partial download is"
    ):
        fetch()
    assert target.with_name("big.json.part").stat().st_size == 50_000


def test_a_target_in_no_folder_is_told(published, tmp_path, hasty):
    with pytest.raises(OutputError, match="No such file or directory"):
        download(published, published.address, tmp_path / "no" / "x.json", settings=hasty)
