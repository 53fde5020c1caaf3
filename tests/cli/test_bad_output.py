from __future__ import annotations

import contextlib
import resource
import shutil

import pytest


@contextlib.contextmanager
def full_disk():
    """No file can grow beyond 4 KiB, as on a disk that is full; held briefly, for pytest's own log is a file too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def discovery(refused, good, fast):
    """Return what 'discover' says of a folder that it cannot write."""
    return lambda out: refused("discover", good, *fast, "--no-cache", "--out", out)


def test_a_run_is_not_overwritten_unasked(refused, finished, tmp_path, good, fast):
    shutil.copytree(finished, tmp_path / "run")
    said = refused("discover", good, *fast, "--seed", 1, "--no-cache", "--out", tmp_path / "run")
    assert "run already holds a run of another command, with other seed; choose another folder" in said


def test_a_run_is_overwritten_when_asked(noted, finished, tmp_path, good, fast):
    shutil.copytree(finished, tmp_path / "run")
    noted("discover", good, *fast, "--relations", 3, "--out", tmp_path / "run", "--overwrite")
    assert len((tmp_path / "run/relations.jsonl").read_text().splitlines()) == 3


def test_a_folder_with_something_else_in_it_is_not_overwritten(refused, good, fast, tmp_path):
    (tmp_path / "thesis.tex").touch()
    said = refused("discover", good, *fast, "--no-cache", "--out", tmp_path, "--overwrite")
    assert "the folder holds 'thesis.tex'" in said


def test_a_file_where_a_folder_belongs(discovery, tmp_path):
    (tmp_path / "run").touch()
    assert "it is a file, but a folder is expected" in discovery(tmp_path / "run")


def test_a_folder_below_a_file(discovery, tmp_path):
    (tmp_path / "file").touch()
    assert "file is a file, not a folder" in discovery(tmp_path / "file" / "run")


def test_a_full_disk_leaves_no_half_run(discovery, tmp_path):
    with full_disk():
        said = discovery(tmp_path / "run")
    assert f"cannot write {tmp_path / 'run'}" in said
    assert "nothing was written" in said


@pytest.mark.parametrize("name", ["triples.nt", "triples.parquet", "triples.jsonl"])
def test_a_full_disk_leaves_no_half_triples(refused, finished, good, tmp_path, name):
    with full_disk():
        said = refused("extract", finished, good, "--no-cache", "--out", tmp_path / name)
    assert "nothing was written" in said


def test_a_full_disk_leaves_an_older_file_as_it_was(refused, good, tmp_path):
    (tmp_path / "old.jsonl").write_text("precious")
    with full_disk():
        said = refused("convert", good, "--out", tmp_path / "old.jsonl")
    assert "cannot write" in said


def test_a_file_below_a_folder_that_is_missing(refused, finished, good, tmp_path):
    said = refused("extract", finished, good, "--out", tmp_path / "new" / "triples.nt")
    assert f"there is no directory {tmp_path / 'new'}; create it first" in said
    assert "there is no directory" in refused("convert", good, "--out", tmp_path / "new" / "x.jsonl")


def test_a_folder_where_a_file_belongs(refused, finished, good, tmp_path):
    (tmp_path / "x.nt").mkdir()
    assert "it is a directory; add a file name" in refused(
        "extract", finished, good, "--out", tmp_path / "x.nt"
    )


def test_a_file_name_that_says_no_format(refused, finished, good, tmp_path):
    assert "unknown file extension" in refused("extract", finished, good, "--out", tmp_path / "x.foo")


def test_an_unknown_output_format(refused, finished, good):
    assert "did you mean 'neo4j'?" in refused("extract", finished, good, "--to", "neo4")


def test_a_binary_format_does_not_go_to_the_screen(refused, finished, good):
    assert "--to parquet needs --out" in refused("extract", finished, good, "--to", "parquet")


def test_the_exchange_format_has_a_name_of_its_own(refused, good, tmp_path):
    assert "in .jsonl or .jsonl.gz" in refused("convert", good, "--out", tmp_path / "x.csv")


def test_the_demo_overwrites_no_other_folder(refused, tmp_path):
    (tmp_path / "thesis.tex").touch()
    assert "the folder holds 'thesis.tex'" in refused("demo", "--out", tmp_path)


def test_a_failed_discovery_leaves_no_folder_behind(refused, good, fast, tmp_path):
    said = refused(
        "discover", good, *fast, "--relations", 31, "--no-cache", "--out", tmp_path / "new" / "run"
    )
    assert "at most 30 relations" in said


def test_a_run_makes_the_folders_above_it(noted, good, fast, tmp_path):
    noted("discover", good, *fast, "--out", tmp_path / "new" / "run")
    assert (tmp_path / "new" / "run" / "run.json").is_file()
