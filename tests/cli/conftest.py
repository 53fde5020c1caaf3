"""The command line in this process, and small things to give it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relscout.cli.app import run

PEOPLE = ("Ada", "Bob", "Carl", "Dora", "Emil", "Fred")


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Done:
    """Run a command in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Done(code, *(stream.buffer.getvalue().decode("utf-8") for stream in (out, err)))


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's vector cache or the folder that the tests are started in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def relscout() -> Callable[..., Done]:
    """Run a command in this process: ``relscout("inspect", path)``."""
    return call


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Run a command that must end in one line on standard error and exit code 2, writing nothing; return the line."""

    def run_refused(*arguments: object) -> str:
        before = snapshot(tmp_path)
        done = call(*arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1
        assert snapshot(tmp_path) == before
        return done.err

    return run_refused


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return all files and folders with their content; the user's cache is not among what a command writes."""
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if ".cache" not in path.parts
    }


@pytest.fixture
def noted(relscout: Callable[..., Done]) -> Callable[..., str]:
    """Run a command that must work, and return what it tells beside its result."""

    def run_noted(*arguments: object) -> str:
        done = relscout(*arguments)
        assert done.code == 0, done.err
        return done.err

    return run_noted


def record(
    text: str = "Ada was born in London .",
    head: tuple[int, int] = (0, 3),
    tail: tuple[int, int] = (16, 22),
    **more: Any,
) -> dict[str, Any]:
    return {
        "text": text,
        "head": {"start": head[0], "end": head[1]},
        "tail": {"start": tail[0], "end": tail[1]},
        **more,
    }


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


def sentences(people: Sequence[str] = PEOPLE) -> Iterator[dict[str, Any]]:
    for phrase, relation, places in (
        ("was born in", "birthplace", ("London", "Paris", "Rome")),
        ("works for", "employer", ("Acme", "Ford")),
    ):
        for person in people:
            for place in places:
                start = len(person) + len(phrase) + 2
                yield record(
                    f"{person} {phrase} {place} .",
                    (0, len(person)),
                    (start, start + len(place)),
                    relation=relation,
                )


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 instances of two relations, in the exchange format."""
    path = tmp_path_factory.mktemp("good") / "good.jsonl"
    path.write_text(lines(*sentences()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def of_others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 instances of the same relations about other people."""
    path = tmp_path_factory.mktemp("others") / "others.jsonl"
    path.write_text(lines(*sentences(("Gina", "Hugo", "Ida", "Jan", "Kurt", "Lea"))), encoding="utf-8")
    return path


@pytest.fixture
def with_one_more(tmp_path: Path, good: Path) -> Callable[..., Path]:
    """Write the good instances and one more; it is given as the fields of a record or as the line itself."""

    def write(line: str | bytes | None = None, /, **fields: Any) -> Path:
        last = lines(record(**fields)) if line is None else line
        path = tmp_path / "more.jsonl"
        path.write_bytes(good.read_bytes() + (last.encode() if isinstance(last, str) else last))
        return path

    return write


@pytest.fixture(scope="session")
def encoder_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the settings of an encoder to a file: ``encoder_config(pooling="sentence")``."""
    folder = tmp_path_factory.mktemp("encoders")

    def write(**fields: object) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.json"
        path.write_text(json.dumps(fields), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def fast(tiny_bert: Path, encoder_config: Callable[..., Path]) -> Sequence[object]:
    """Options of a discovery that takes no time worth mentioning."""
    return (
        "--encoder",
        tiny_bert,
        "--encoder-config",
        encoder_config(pooling="sentence"),
        "--method",
        "kmeans",
        "--set",
        "start=k-means++,n_init=1",
        "--no-report",
        "--relations",
        2,
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, good: Path, fast: Sequence[object]) -> Path:
    """Folder of a finished run on the good instances; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    done = call("discover", good, *fast, "--no-cache", "--out", folder)
    assert done.code == 0, done.err
    return folder
