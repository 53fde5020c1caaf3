from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from relscout.io.datasets import DATASETS

TACRED = ("train.json", "dev.json", "test.json")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds files named as TACRED's."""
    monkeypatch.delenv("RELSCOUT_DATA", raising=False)
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name in TACRED:
        (folder / name).write_text("[]", encoding="utf-8")
    return folder


@pytest.fixture
def address(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server that has what the mirror's folder has."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(mirror)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_set_is_listed_with_its_licence_and_size(relscout):
    done = relscout("datasets", "list", "--dir", "data")
    assert all(re.search(rf"^{name} ", done.out, re.MULTILINE) for name in DATASETS)
    assert re.search(r"^fewrel .* CC BY-SA 4.0 .* 4.6 MB +no ", done.out, re.MULTILINE)
    assert re.search(r"^tacred .* LDC User Agreement .* \? +no \(by hand\)", done.out, re.MULTILINE)
    assert done.err == "data folder: data\n"


def test_machines_are_reported_addresses_and_checksums(relscout):
    listed = {known["name"]: known for known in json.loads(relscout("datasets", "list", "--json").out)}
    assert listed.keys() == DATASETS.keys()
    (file,) = listed["fewrel_train"]["files"]
    assert file["address"].startswith("https://raw.githubusercontent.com/thunlp/FewRel/")
    assert (file["bytes"], len(file["sha256"])) == (14_298_985, 64)
    assert listed["trex"]["bytes"] is None
    assert not listed["trex"]["downloadable"]


def test_the_list_says_what_is_here(relscout, mirror):
    mirror.rename("tacred")
    listed = json.loads(relscout("datasets", "list", "--dir", ".", "--json").out)
    assert [known["name"] for known in listed if known["here"]] == ["tacred"]


def test_the_environment_names_the_folder(relscout, monkeypatch):
    monkeypatch.setenv("RELSCOUT_DATA", "/named")
    assert relscout("datasets", "list").err == "data folder: /named\n"


def test_a_set_is_taken_from_a_server(relscout, address):
    done = relscout("datasets", "get", "tacred", "--dir", "data", "--from", address)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"data/tacred/{name}" for name in TACRED]
    assert all(Path(path).read_text("utf-8") == "[]" for path in done.out.splitlines())


def test_a_set_is_taken_from_a_folder(relscout, mirror):
    done = relscout("datasets", "get", "tacred", "--dir", "data", "--from", mirror)
    assert done.out.splitlines() == [f"data/tacred/{name}" for name in TACRED]
    assert "tacred: 3 files, 6 bytes, licence: LDC User Agreement\n" in done.err
    assert "read it with: relscout inspect data/tacred/train.json\n" in done.err


def test_what_could_not_be_checked_is_said(relscout, mirror):
    done = relscout("datasets", "get", "tacred", "--dir", "data", "--from", mirror)
    assert done.err.endswith(
        "note: no published checksum for train.json, dev.json, test.json; not verified\n"
    )


@pytest.mark.parametrize("name", [name for name, known in DATASETS.items() if not known.downloadable])
def test_of_a_set_on_request_it_is_reported_how_to_obtain_and_read_it(relscout, name):
    done = relscout("datasets", "get", name, "--dir", "data")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        f"error: {name} cannot be downloaded; licence: {DATASETS[name].licence}. How to"
    )
    assert "  1. " in done.err
    assert f"data/{name}" in done.err
    assert re.search(rf"\nThen read it with: relscout (inspect|convert) data/{name}/", done.err)
    assert not Path("data").exists()


def test_a_set_on_request_that_is_there_is_in_order(relscout, mirror):
    mirror.rename("tacred")
    assert relscout("datasets", "get", "tacred", "--dir", ".").code == 0


def test_what_protocols_read_of_a_set_is_reported_before_and_after_it_is_there(relscout):
    before = relscout("datasets", "get", "trex", "--dir", "data").err
    Path("data/trex").mkdir(parents=True)
    Path("data/trex/re-nlg_0-10000.json").write_text("[]", encoding="utf-8")
    after = relscout("datasets", "get", "trex", "--dir", "data")
    assert after.code == 0
    for told in (before, after.err):
        assert "into data/trex-spo: mkdir -p data/trex-spo; for file in data/trex/*.json; do jq '[" in told
        assert "into data/trex-ds: " in told


def test_a_server_without_the_file_is_reported_in_one_line(relscout, address):
    done = relscout("datasets", "get", "fewrel", "--dir", "data", "--from", address)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: {address}/val_wiki.json does not exist (404); name another place with --from, or put the file at "
        "data/fewrel/val_wiki.json yourself\n"
    )


def test_another_file_than_the_published_one_is_reported(relscout, mirror):
    (mirror / "val_wiki.json").write_text("{}", encoding="utf-8")
    done = relscout("datasets", "get", "fewrel", "--dir", "data", "--from", mirror)
    assert done.code == 2
    assert "mirror/val_wiki.json is not the published file: expected 3,534,147 bytes, got 2\n" in done.err


def test_an_unknown_set_names_the_nearest(refused):
    assert "unknown data set 'fewrl': did you mean 'fewrel'?" in refused("datasets", "get", "fewrl")


def test_without_a_command_the_help_page_is_named(refused):
    assert refused("datasets") == "error: missing command; see 'relscout datasets --help'\n"
