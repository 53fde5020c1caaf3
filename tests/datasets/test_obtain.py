from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from relscout.core.errors import DownloadError, InputError, OutputError, UnknownNameError
from relscout.io.datasets import DataFile, available, get


@pytest.fixture
def elsewhere(tmp_path: Path, content: bytes) -> Path:
    """A folder of the user's that holds the published file."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "big.json").write_bytes(content)
    return folder


@pytest.fixture
def on_request() -> DataFile:
    """A file that nobody may download."""
    return DataFile("big.json")


def test_a_set_is_downloaded_into_its_folder(site, described, published, tmp_path, hasty, content):
    site.files["small.json"] = b"{}"
    small = DataFile("small.json", f"{site.address}/small.json", 2)
    paths = get(described(published, small), tmp_path / "data", settings=hasty)
    assert paths == [tmp_path / "data" / "own" / "big.json", tmp_path / "data" / "own" / "small.json"]
    assert [path.read_bytes() for path in paths] == [content, b"{}"]


def test_what_is_there_is_not_downloaded_again(site, described, published, tmp_path, hasty):
    first = get(described(published), tmp_path, settings=hasty)
    assert get(described(published), tmp_path, settings=hasty) == first
    assert len(site.requests) == 1


def test_what_is_there_is_verified(site, described, published, tmp_path, hasty, content):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "big.json").write_bytes(bytes(len(content)))
    with pytest.raises(
        InputError, match=r"own/big.json is not the published file: expected the sha256.*move it"
    ):
        get(described(published), tmp_path, settings=hasty)
    assert site.requests == []


def test_files_that_have_come_stay_when_a_later_one_fails(site, described, published, tmp_path, hasty):
    lost = DataFile("lost.json", f"{site.address}/lost.json")
    with pytest.raises(DownloadError, match=r"lost.json does not exist"):
        get(described(published, lost), tmp_path, settings=hasty)
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["big.json"]


def test_two_at_a_time_download_once(site, described, published, tmp_path, hasty, content):
    second_waits = threading.Event()
    site.before = lambda: second_waits.wait(5)

    def note(stage: str, done: int, total: int | None) -> None:
        if stage == "waiting for another download":
            second_waits.set()

    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(get, described(published), tmp_path, settings=hasty, progress=note) for _ in range(2)
        ]
        assert [call.result() for call in calls] == [[tmp_path / "own" / "big.json"]] * 2
    assert (tmp_path / "own" / "big.json").read_bytes() == content
    assert len(site.requests) == 1


def test_a_mirror_stands_in(site, described, published, tmp_path, hasty, content):
    site.files["mirror/big.json"] = content
    moved = replace(published, address="http://127.0.0.1:9/nowhere/big.json")
    (path,) = get(described(moved), tmp_path, source=f"{site.address}/mirror/", settings=hasty)
    assert path.read_bytes() == content


def test_a_mirror_is_verified(site, described, published, tmp_path, hasty, content):
    site.files["mirror/big.json"] = bytes(len(content))
    with pytest.raises(DownloadError, match="is not the published file, so it was removed"):
        get(described(published), tmp_path, source=f"{site.address}/mirror", settings=hasty)
    assert list((tmp_path / "own").iterdir()) == []


def test_a_folder_stands_in(site, described, published, tmp_path, elsewhere, content):
    (path,) = get(described(published), tmp_path, source=elsewhere)
    assert path == tmp_path / "own" / "big.json"
    assert path.read_bytes() == content
    assert site.requests == []


def test_a_folder_of_the_folders_of_sets_stands_in(described, published, tmp_path, elsewhere):
    elsewhere.rename(tmp_path / "own")
    (path,) = get(described(published), tmp_path / "data", source=str(tmp_path))
    assert path == tmp_path / "data" / "own" / "big.json"


def test_a_folder_is_verified(described, published, tmp_path, elsewhere):
    (elsewhere / "big.json").write_bytes(b"short")
    with pytest.raises(InputError, match=r"elsewhere/big.json is not .*: expected 204,800 bytes, got 5"):
        get(described(published), tmp_path, source=elsewhere)
    assert list((tmp_path / "own").iterdir()) == []


def test_a_folder_without_the_file_is_told(described, published, tmp_path):
    with pytest.raises(InputError, match=r"there is no big.json, nor own/big.json; name the folder"):
        get(described(published), tmp_path, source=tmp_path)


def test_a_set_on_request_tells_where_its_files_belong(described, on_request, tmp_path):
    with pytest.raises(DownloadError, match=rf"own cannot be downloaded \(free\).*into {tmp_path}/own"):
        get(described(on_request), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_set_on_request_is_found_where_it_was_put(described, on_request, tmp_path, elsewhere):
    elsewhere.rename(tmp_path / "own")
    assert get(described(on_request), tmp_path) == [tmp_path / "own" / "big.json"]


def test_a_set_on_request_is_taken_from_a_folder(described, on_request, tmp_path, elsewhere):
    (path,) = get(described(on_request), tmp_path, source=elsewhere)
    assert path.is_file()


def test_an_empty_file_is_no_data(described, on_request, tmp_path, elsewhere):
    (elsewhere / "big.json").write_bytes(b"")
    with pytest.raises(InputError, match="expected some bytes, got none"):
        get(described(on_request), tmp_path, source=elsewhere)


def test_files_of_any_name_are_all_taken(described, tmp_path, elsewhere):
    (elsewhere / "another.json").write_text("[]", encoding="utf-8")
    paths = get(described(DataFile("*.json")), tmp_path, source=elsewhere)
    assert [path.name for path in paths] == ["another.json", "big.json"]


def test_files_of_any_name_cannot_be_asked_of_a_server(site, described, tmp_path):
    with pytest.raises(DownloadError, match="files of any name, so --from must be a folder"):
        get(described(DataFile("*.json")), tmp_path, source=site.address)


def test_a_file_in_place_of_the_folder_is_told(described, published, tmp_path):
    (tmp_path / "own").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"cannot make the folder .*own: File exists"):
        get(described(published), tmp_path)


def test_a_set_is_available_when_all_its_files_are_there(
    described, published, on_request, tmp_path, elsewhere
):
    assert not available(described(published), tmp_path)
    elsewhere.rename(tmp_path / "own")
    assert available(described(published), tmp_path)
    assert available(described(on_request), tmp_path)
    assert not available(described(published, DataFile("more.json")), tmp_path)


def test_a_file_of_another_size_is_not_available(described, published, tmp_path, elsewhere):
    (elsewhere / "big.json").write_bytes(b"short")
    elsewhere.rename(tmp_path / "own")
    assert not available(described(published), tmp_path)


def test_an_unknown_set_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'fewrel'"):
        get("fewrell", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'tacred'"):
        available("tacret", tmp_path)
