"""What only a process of its own can show: signals, pipes, streams that are full or closed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": ""}
#: Signals reach it even where these tests run in the background of a shell or under nohup, whose jobs ignore some.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "signal.signal(signal.SIGHUP, signal.SIG_DFL); "
)
COMMAND = [sys.executable, "-c", START + "from relscout.cli import main; main()"]


def started(*arguments: object, **more: object) -> subprocess.Popen:
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **more}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], text=True, **more)


@pytest.fixture
def thousands(tmp_path: Path, good: Path) -> Path:
    """1,200 instances of 60 words: half a second of work for the smallest encoder."""
    records = [json.loads(line) for line in good.read_text().splitlines()]
    with (tmp_path / "thousands.jsonl").open("w") as file:
        for number in range(1200):
            record = records[number % len(records)]
            text = f"{record['text']} {number} " + "city of an old company " * 11
            file.write(json.dumps({**record, "text": text}) + "\n")
    return tmp_path / "thousands.jsonl"


def test_an_interruption_leaves_what_was_encoded_to_the_next_run(
    thousands: Path, fast: list[object], tmp_path: Path, relscout
) -> None:
    cache, waited = tmp_path / "vectors.sqlite", time.monotonic()
    process = started("discover", thousands, *fast, "--cache", cache, "--out", tmp_path / "run")
    log = cache.with_name("vectors.sqlite-wal")
    while not (log.exists() and log.stat().st_size > 50_000):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - waited < 60
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == "error: interrupted; finished steps are kept; run the same command again to resume\n"
    assert not (tmp_path / "run").exists()

    for name, options in (("resumed", ("--cache", cache)), ("fresh", ("--no-cache",))):
        assert relscout("discover", thousands, *fast, *options, "--out", tmp_path / name).code == 0
    for file in ("assignments.jsonl", "relations.jsonl", "triples.jsonl"):
        assert (tmp_path / "resumed" / file).read_bytes() == (tmp_path / "fresh" / file).read_bytes()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_stops_early_sees_no_traceback(good: Path, tmp_path: Path, unbuffered: str) -> None:
    record = json.loads(good.read_text().splitlines()[0])
    with (tmp_path / "long.jsonl").open("w") as file:  # more than any pipe holds
        for number in range(3000):
            file.write(json.dumps({**record, "relation": f"{'relation ' * 100}{number}"}) + "\n")
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered}
    with started("inspect", tmp_path / "long.jsonl", "--json", env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "{\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
def test_output_that_does_not_fit_is_an_error(good: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = started("inspect", good, stdout=full)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "error: No space left on device\n")


def test_a_closed_output_is_no_error(good: Path) -> None:
    closed = 'exec "$@" >&-'
    done = subprocess.run(
        ["/bin/sh", "-c", closed, "sh", *COMMAND, "inspect", str(good)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode_shows_question_marks(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        "text,head,tail,head_type\nĐorđe in Rome,Đorđe,Rome,PERSON\n", encoding="utf-8"
    )
    done = subprocess.run(
        [*COMMAND, "inspect", str(tmp_path / "table.csv")],
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "[h ?or?e] in [t Rome]" in done.stdout


def test_a_pipe_gets_results_only_and_a_terminal_bars_with_colours(good: Path, fast: list[object]) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with started("discover", good, *fast, "--no-cache", "--json", stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # what a terminal says that has nobody left at its other end
            while chunk := os.read(ours, 65536):
                shown += chunk
        os.close(ours)
        assert process.stdout is not None
        out = process.stdout.read()
    assert process.returncode == 0
    assert json.loads(out)["n_relations"] == 2
    assert b"encode" in shown
    assert b"\x1b[" in shown
