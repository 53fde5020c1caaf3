from __future__ import annotations

import re
from pathlib import Path

import pytest

from relscout.core.errors import UnknownNameError
from relscout.io.datasets import DATASETS, DataSet, data_folder, dataset
from relscout.lab.protocols import PROTOCOLS, dataset_of

SETS = pytest.mark.parametrize("known", DATASETS.values(), ids=DATASETS)


@SETS
def test_a_set_is_found_by_its_name(known: DataSet) -> None:
    assert dataset(known.name) is known


@SETS
def test_a_set_is_described(known: DataSet) -> None:
    assert known.title
    assert known.licence
    assert known.citation
    assert known.page.startswith("https://")


@SETS
def test_its_files_lie_in_one_folder(known: DataSet) -> None:
    names = [file.name for file in known.files]
    assert len(set(names)) == len(names) > 0
    assert not re.search(r"[/\\\s]", "".join([known.name, *names]))


@SETS
def test_what_can_be_downloaded_can_be_verified_and_what_cannot_is_explained(known: DataSet) -> None:
    if known.downloadable:
        assert all((file.address or "").startswith("https://") for file in known.files)
        assert all(file.size and re.fullmatch(r"[0-9a-f]{64}", file.sha256 or "") for file in known.files)
        assert known.size == sum(file.size or 0 for file in known.files)
    else:
        assert any("{folder}" in step for step in known.steps)
        assert known.size is None


@SETS
def test_the_command_that_reads_it_names_its_files(known: DataSet) -> None:
    assert re.match(r"relscout (inspect|convert) \{folder\}/", known.reads)
    read = set(re.findall(r"\{folder\}/(\S+)", known.reads))
    assert read <= {file.name for file in known.files}


@pytest.mark.parametrize(
    ("protocol", "folder"),
    [
        (name, file.rstrip("/"))
        for name, known in PROTOCOLS.items()
        for file in known.files
        if file.endswith("/")
    ],
)
def test_a_folder_that_a_protocol_reads_is_named_where_its_set_is_explained(
    protocol: str, folder: str
) -> None:
    known = dataset(dataset_of(folder))
    told = [part.format(folder=f"DATA/{known.name}") for part in known.parts]
    (mine,) = [part for part in told if f"protocol {protocol}," in part]
    assert f"into DATA/{folder}: mkdir -p DATA/{folder};" in mine


def test_no_two_files_have_one_address_or_one_checksum() -> None:
    files = [file for known in DATASETS.values() for file in known.files if file.address]
    assert len({file.address for file in files}) == len(files)
    assert len({file.sha256 for file in files}) == len(files)


def test_an_unknown_set_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'wiki8': did you mean 'wiki80'"):
        dataset("wiki8")


def test_a_folder_that_is_given_is_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELSCOUT_DATA", "/named")
    assert data_folder(Path("given")) == Path("given")


def test_else_the_environment_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("RELSCOUT_DATA", "~/named")
    assert data_folder() == Path("/home/ada/named")


def test_else_it_is_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELSCOUT_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder() == Path("/cache/relscout/datasets")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert data_folder() == Path("/home/ada/.cache/relscout/datasets")
