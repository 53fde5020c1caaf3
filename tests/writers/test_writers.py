from __future__ import annotations

import contextlib
import gc
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError, OutputError, SettingError, UnknownNameError
from relscout.core.instances import Triple
from relscout.io.writers import SUFFIXES, WRITERS, recognise, write, writer

NAMES = [
    "facts.jsonl",
    "facts.jsonl.gz",
    "facts.parquet",
    "facts.nt",
    "facts.ttl",
    "facts.graphml",
    "facts.csv",
    "facts",
]
MakeTriple = Callable[..., Triple]


def format_of(name: str) -> str | None:
    return None if "." in name else "neo4j"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """While open, the operating system refuses to let any file grow beyond ``limit`` bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def content(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("format_name", WRITERS)
def test_every_writer_describes_itself_in_one_line(format_name: str) -> None:
    assert writer(format_name).DESCRIPTION
    assert "\n" not in writer(format_name).DESCRIPTION


def test_every_suffix_stands_for_a_writer() -> None:
    assert set(SUFFIXES.values()) == set(WRITERS) - {"neo4j", "csv-excel"}


@pytest.mark.parametrize(
    ("file", "expected"), [("a.jsonl.gz", "jsonl"), ("A.TTL", "turtle"), ("dir.nt/a.graphml", "graphml")]
)
def test_format_follows_from_the_end_of_the_file_name(file: str, expected: str) -> None:
    assert recognise(file) == expected


def test_an_unknown_suffix_tells_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"facts\.xml: .*\.parquet.*\.graphml.*neo4j"):
        write([], "facts.xml")


def test_an_unknown_format_name_tells_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'turtle'"):
        write([], "facts.ttl", format="turtel")


def test_a_given_format_beats_the_suffix(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple()], tmp_path / "facts.txt", format="jsonl")
    assert (tmp_path / "facts.txt").read_bytes().startswith(b'{"head"')


def test_the_number_of_triples_is_returned(tmp_path: Path, name: str, make_triple: MakeTriple) -> None:
    triples = (make_triple(f"Person {number}") for number in range(7))
    assert write(triples, tmp_path / name, format=format_of(name)) == 7


def test_no_triples_give_a_file_and_zero(tmp_path: Path, name: str) -> None:
    assert write([], tmp_path / name, format=format_of(name)) == 0
    assert (tmp_path / name).exists()


def test_the_same_triples_give_the_same_bytes(tmp_path: Path, name: str, make_triple: MakeTriple) -> None:
    triples = [make_triple(), make_triple("Zoë", types=(None, None))]
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        write(triples, tmp_path / folder / name, format=format_of(name))
    assert content(tmp_path / "first") == content(tmp_path / "second")


@pytest.mark.parametrize("file", ["facts.nt.gz", "facts.ttl.gz", "facts.graphml.gz"])
def test_gzip_holds_what_the_plain_file_holds(tmp_path: Path, file: str, make_triple: MakeTriple) -> None:
    write([make_triple()], tmp_path / file)
    write([make_triple()], tmp_path / file.removesuffix(".gz"))
    assert (
        gzip.decompress((tmp_path / file).read_bytes()) == (tmp_path / file.removesuffix(".gz")).read_bytes()
    )


def test_when_the_triples_fail_half_way_the_old_file_stays_and_no_other(
    tmp_path: Path, name: str, make_triple: MakeTriple
) -> None:
    def failing() -> Iterator[Triple]:
        yield make_triple()
        yield make_triple("Someone Else")
        raise RuntimeError("the reader broke")

    write([make_triple()], tmp_path / name, format=format_of(name))
    before = content(tmp_path)
    with pytest.raises(RuntimeError, match="the reader broke"):
        write(failing(), tmp_path / name, format=format_of(name))
    assert content(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_when_the_triples_fail_and_there_was_no_file_there_is_none(
    tmp_path: Path, name: str, make_triple: MakeTriple
) -> None:
    def failing() -> Iterator[Triple]:
        yield make_triple()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(failing(), tmp_path / name, format=format_of(name))
    assert list(tmp_path.iterdir()) == []


def test_when_the_disk_is_full_the_old_file_stays_and_no_other(
    tmp_path: Path, name: str, make_triple: MakeTriple
) -> None:
    noise = np.random.default_rng(0)
    verbs = (noise.bytes(500).hex() for _ in range(200))
    triples = [make_triple(f"Person {number}", verb=verb) for number, verb in enumerate(verbs)]
    write([make_triple()], tmp_path / name, format=format_of(name))
    before = content(tmp_path)
    with small_disk(30_000), pytest.raises(OutputError, match=r"cannot write .*; nothing was written"):
        write(triples, tmp_path / name, format=format_of(name))
    assert content(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_missing_folder_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        write([], tmp_path / "missing" / name, format=format_of(name))


@pytest.mark.parametrize("file", [name for name in NAMES if "." in name])
def test_a_folder_in_the_place_of_the_file_is_told_before_anything_is_read(tmp_path: Path, file: str) -> None:
    (tmp_path / file).mkdir()
    unread = iter([None])
    with pytest.raises(OutputError, match="it is a folder"):
        write(unread, tmp_path / file)  # type: ignore[arg-type]
    assert list(unread) == [None]


@pytest.mark.parametrize("confidence", [float("nan"), -0.1, 1.5])
def test_a_confidence_outside_zero_to_one_is_refused(
    tmp_path: Path, name: str, make_triple: MakeTriple, confidence: float
) -> None:
    with pytest.raises(InputError, match=r"instance 'seven'.*expected a number from 0 to 1"):
        write(
            [make_triple(confidence=confidence, instance_id="seven")], tmp_path / name, format=format_of(name)
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", [name for name in NAMES if name != "facts.parquet"])
def test_triples_are_not_held(tmp_path: Path, file: str, make_triple: MakeTriple) -> None:
    def stream() -> Iterator[Triple]:
        for number in range(50):
            yield make_triple(f"Person {number}")
        alive.append(sum(type(thing) is Triple for thing in gc.get_objects()))

    alive: list[int] = []
    write(stream(), tmp_path / file, format=format_of(file))
    assert alive[0] <= 3
