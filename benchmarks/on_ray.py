"""``extract --ray`` against one process: time, memory, equal output, and what kills leave of it.

Sentences are those of the bundled corpus whose entities are replaced by those of other sentences, as often as are
needed. The run is one of k-means on the bundled corpus.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.records import write_result
from relscout import Mention, RelationInstance, discover
from relscout.io.writers.jsonl import write_instances
from relscout.text.corpus import bundled_corpus

CODE = "from relscout.cli import main; main()"
_LOOK = 0.5
#: Confidences differ by this much at most, because the rounding of the encoder depends on the batch.
_TOLERANCE = 1e-5
#: Between the start of a command and its end or the end of a worker, in seconds.
_KILLED_AFTER = (4.0, 25.0)
_EVERY = 2


def run(sizes: tuple[int, int], *, kills: int, seed: int) -> None:
    """Measure, and write the result.

    Args:
        sizes: Number of sentences of the comparison of workers, and of those during whose extraction is killed.
        kills: How often a command or one of its workers is killed.
        seed: Draws the entities and the times of the kills.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        discover(list(bundled_corpus()), method="kmeans", seed=0).save(folder / "run")
        rows = {}
        for size in sorted(set(sizes)):
            write_instances(substituted(size, seed), folder / f"{size}.jsonl")
        large, small = (folder / f"{size}.jsonl" for size in sizes)
        expected = folder / "expected.jsonl"
        rows["one process"] = _measured(_extract(folder, large, expected))
        print("one process", rows["one process"], flush=True)
        for workers in (1, 2):
            out = folder / f"{workers}.out.jsonl"
            command = [*_extract(folder, large, out), "--ray", "local", "--workers", str(workers)]
            rows[f"workers: {workers}"] = {**_measured(command), **_compared(out, expected)}
            print(workers, rows[f"workers: {workers}"], flush=True)
        killed = _killed(folder, small, kills, np.random.default_rng(seed)) if kills else {}
        print(killed, flush=True)
    one, two = (rows[f"workers: {workers}"]["seconds"] for workers in (1, 2))
    result = {"sentences": sizes[0], "speed_up": round(one / two, 2), "rows": rows, "killed": killed}
    print(f"written to {write_result('on-ray', result)}")


def _extract(folder: Path, source: Path, out: Path) -> list[str]:
    options = ["extract", str(folder / "run"), str(source), "--out", str(out), "--no-cache"]
    return [sys.executable, "-c", CODE, *options]


def substituted(size: int, seed: int) -> Iterator[RelationInstance]:
    """Yield sentences with entities of others, all different."""
    corpus = list(bundled_corpus())
    draw = np.random.default_rng(seed)
    for number in range(size):
        source = corpus[number % len(corpus)]
        yield _with_entities(source, corpus[int(draw.integers(len(corpus)))], number)


def _with_entities(source: RelationInstance, other: RelationInstance, number: int) -> RelationInstance:
    text, spans = source.text, {}
    ends = (("head", source.head, other.head), ("tail", source.tail, other.tail))
    shift = 0
    for role, mention, donor in sorted(ends, key=lambda end: end[1].start):
        surface = other.text[donor.start : donor.end]
        start = mention.start + shift
        text = text[:start] + surface + text[mention.end + shift :]
        spans[role] = Mention(start, start + len(surface), mention.type)
        shift += len(surface) - (mention.end - mention.start)
    return RelationInstance(
        text, spans["head"], spans["tail"], id=f"s{number}", document=f"d{number // 5}", document_start=None
    )


def _measured(command: list[str]) -> dict[str, Any]:
    """Return seconds of a command, and memory of it and its children, early, in the middle and late, in MiB."""
    memory: list[float] = []
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        memory.append(_memory(process.pid))
        time.sleep(_LOOK)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    at = [memory[len(memory) * tenth // 10] for tenth in (3, 6, 9)]
    return {"seconds": round(time.perf_counter() - started, 1), "memory_mib": [round(value) for value in at]}


def _memory(pid: int) -> float:
    total = 0
    with contextlib.suppress(psutil.Error):
        command = psutil.Process(pid)
        for process in (command, *command.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                # memory that processes share counts once in each
                total += process.memory_info().rss
    return total / 2**20


def _compared(out: Path, expected: Path) -> dict[str, Any]:
    """Return whether two files of triples are equal, and the largest difference of confidences."""
    ours, theirs = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (out, expected)
    )
    numbers = ("confidence", "related")
    apart = max(
        (abs(a[key] - b[key]) for a, b in zip(ours, theirs, strict=False) for key in numbers if a.get(key)),
        default=0.0,
    )
    bare = [[{k: v for k, v in row.items() if k not in numbers} for row in rows] for rows in (ours, theirs)]
    return {"triples": len(ours), "equal": bare[0] == bare[1], "largest_difference": float(f"{apart:.1e}")}


def _killed(folder: Path, source: Path, kills: int, draw: np.random.Generator) -> dict[str, Any]:
    """Kill the command, or one of its workers, until there were so many kills; compare what it ends with."""
    expected, out, work = folder / "expected-small.jsonl", folder / "killed.jsonl", folder / "work"
    _measured(_extract(folder, source, expected))
    command = [*_extract(folder, source, out), "--ray", "local", "--workers", "2", "--work", str(work)]
    command += ["--shard-size", "100"]
    done: dict[str, int] = {"command": 0, "worker": 0, "finished": 0}
    equal = True
    while done["command"] + done["worker"] < kills:
        kind = "worker" if (done["command"] + done["worker"]) % _EVERY else "command"
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        killing = _command if kind == "command" else _worker
        struck = threading.Event()
        wait = float(draw.uniform(*_KILLED_AFTER))
        timer = threading.Timer(wait, lambda p=process, k=killing, s=struck: k(p, s.set))
        timer.start()
        process.wait()
        timer.cancel()
        timer.join()
        done[kind] += struck.is_set()
        if process.returncode == 0:
            done["finished"] += 1
            equal = equal and bool(_compared(out, expected)["equal"])
            # from the beginning, so that there is something left to kill
            subprocess.run(["rm", "-rf", str(work)], check=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {**done, **_compared(out, expected), "equal": equal and _compared(out, expected)["equal"]}


def _command(process: subprocess.Popen[bytes], struck: Callable[[], None]) -> None:
    if process.poll() is None:
        struck()
        # Ray's own processes end when the command that started them is gone
        os.kill(process.pid, signal.SIGKILL)


def _worker(process: subprocess.Popen[bytes], struck: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if child.name().startswith("ray::")]
        if workers:
            struck()
            max(workers, key=lambda child: child.memory_info().rss).kill()
