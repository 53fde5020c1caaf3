"""How k-means, metrics and names grow from ten thousand to a million instances, and in how much memory.

Every size runs in a process of its own, whose peak memory the operating system tells. Vectors are synthetic: 768
dimensions, 100 clusters, written to a file first and memory-mapped, as a corpus would be that does not fit into memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import write_result
from relscout import Mention, RelationInstance, score
from relscout.clustering.kmeans import kmeans
from relscout.naming import name_relations

DIMENSIONS, CLUSTERS, _CHUNK = 768, 100, 10_000
_VERBS = (
    "founded",
    "joined",
    "left",
    "painted",
    "visited",
    "bought",
    "sold",
    "designed",
    "directed",
    "married",
)
_PLACES = (
    "early",
    "twice",
    "in secret",
    "by letter",
    "again",
    "for a year",
    "with care",
    "abroad",
    "at night",
    "late",
)


def run(sizes: Sequence[int]) -> None:
    """Measure every size and write the result."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "benchmarks.million", str(size), folder]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    path = write_result("million", {"dimensions": DIMENSIONS, "clusters": CLUSTERS, "rows": rows})
    print(f"written to {path}")


def measure(size: int, folder: Path) -> dict[str, Any]:
    """Return seconds of each step and the peak memory of this process in MiB."""
    vectors, gold = written_vectors(size, folder)
    seconds = {}
    started = time.perf_counter()
    found = kmeans(vectors, CLUSTERS, seed=0, n_init=1)
    seconds["k-means"] = time.perf_counter() - started
    started = time.perf_counter()
    scores = score(found.labels, gold)
    seconds["metrics"] = time.perf_counter() - started
    instances = [instance(number, int(label)) for number, label in enumerate(gold)]
    started = time.perf_counter()
    names = name_relations(instances, found.labels)
    seconds["names"] = time.perf_counter() - started
    return {
        "instances": size,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "total_seconds": round(sum(seconds.values()), 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "b3_f1": round(scores.b3_f1, 4),
        "names": len(names),
    }


def written_vectors(
    size: int, folder: Path
) -> tuple[np.memmap[Any, np.dtype[np.float32]], np.ndarray[Any, Any]]:
    """Write vectors (N, D), float32, to a file, and return them memory-mapped, with the cluster of each (N,), int64."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLUSTERS, DIMENSIONS)).astype(np.float32)
    gold = random.integers(CLUSTERS, size=size)
    with (folder / "vectors.f32").open("wb") as file:
        for start in range(0, size, _CHUNK):
            of_chunk = gold[start : start + _CHUNK]
            noise = random.standard_normal((len(of_chunk), DIMENSIONS), dtype=np.float32)
            (centres[of_chunk] + 2 * noise).tofile(file)
    return np.memmap(folder / "vectors.f32", dtype=np.float32, mode="r", shape=(size, DIMENSIONS)), gold


def instance(number: int, label: int) -> RelationInstance:
    """Return an instance of a cluster, whose sentence has a phrase of its own."""
    verb, place = _VERBS[label // 10], _PLACES[label % 10]
    head, tail = f"Person{number}", f"Thing{number % 9973}"
    text = f"{head} {verb} {place} {tail} ."
    return RelationInstance(text, Mention(0, len(head)), Mention(len(text) - 2 - len(tail), len(text) - 2))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), Path(sys.argv[2]))))
