"""Millions of instances in bounded memory: cluster memory-mapped vectors, score, name and write them as Parquet shards.

Every size runs in a process of its own, whose peak memory the operating system reports. Vectors and sentences are
those of :mod:`benchmarks.million`; 5,000,000 vectors are a file of 15 GB, which is memory-mapped. The instances are
written to shards first, and later read from there one row group at a time. What stays in memory is a label, a
confidence and a gold relation for each instance, the centroids, and samples.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.million import CLUSTERS, DIMENSIONS, instance, written_vectors
from benchmarks.records import write_result
from relscout import RelationInstance, score
from relscout.clustering.kmeans import CHUNK, Clusters, kmeans, soft_assignment, spread
from relscout.io.shards import ASSIGNMENTS, INSTANCES, Record, ShardedRows, write_shards
from relscout.naming import RelationName, name_relations

#: Vectors from which the variance within clusters is estimated.
_SAMPLE = 5_000


def run(sizes: Sequence[int], *, folder: Path | None = None) -> None:
    """Measure every size and write the result.

    Args:
        sizes: Numbers of instances.
        folder: Where vectors and shards are written for the time being, about 3.4 KB for each instance; by default the
            system's folder for temporary files.
    """
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            words = [sys.executable, "-m", "benchmarks.streamed", str(size), place]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    path = write_result("streamed", {"dimensions": DIMENSIONS, "clusters": CLUSTERS, "rows": rows})
    print(f"written to {path}")


def measure(size: int, folder: Path) -> dict[str, Any]:
    """Return seconds of each step, the peak memory of this process in MiB, and the size of the shards in MB."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds[step] = round(time.perf_counter() - started, 2)
        print(f"{size:,}: {step} {seconds[step]:,} s, peak {peak():,} MiB", file=sys.stderr, flush=True)

    with timed("vectors"):
        vectors, gold = written_vectors(size, folder)
    with timed("instances"):
        written = (instance(number, label) for number, label in enumerate(gold.tolist()))
        count = write_shards(folder / "instances", written, INSTANCES)
        instances = ShardedRows(folder / "instances", INSTANCES, count=count)
    with timed("k-means"):
        found = kmeans(vectors, CLUSTERS, seed=0, n_init=1)
    with timed("metrics"):
        scores = score(found.labels, gold)
    with timed("names"):
        names = name_relations(instances, found.labels)
    with timed("write"):
        assigned = _assignments(instances, found, vectors, names)
        n_shards = write_shards(folder / "assignments", assigned, ASSIGNMENTS)
    with timed("read"):
        rows = ShardedRows(folder / "assignments", ASSIGNMENTS, count=n_shards)
        confidence = sum(row["confidence"] for row in rows) / len(rows)
    return {
        "instances": size,
        "seconds": seconds,
        "peak_mib": peak(),
        "shards_mb": round(
            sum(
                path.stat().st_size
                for name in ("instances", "assignments")
                for path in (folder / name).iterdir()
            )
            / 1e6,
            1,
        ),
        "b3_f1": round(scores.b3_f1, 4),
        "confidence": round(confidence, 4),
        "names": len(names),
    }


def peak() -> int:
    """Return the peak memory of this process in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _assignments(
    instances: Sequence[RelationInstance],
    found: Clusters,
    vectors: np.memmap[Any, np.dtype[np.float32]],
    names: Mapping[int, RelationName],
) -> Iterator[Record]:
    variance = spread(np.asarray(vectors[:_SAMPLE]), found.inertia / len(vectors))

    def confidences() -> Iterator[float]:
        for start in range(0, len(vectors), CHUNK):
            chunk = np.fromfile(
                vectors.filename,
                dtype=np.float32,
                count=min(CHUNK, len(vectors) - start) * DIMENSIONS,
                offset=4 * start * DIMENSIONS,
            )
            yield from (
                soft_assignment(chunk.reshape(-1, DIMENSIONS), found.centroids, variance).max(axis=1).tolist()
            )

    for row, label, confidence in zip(instances, found.labels.tolist(), confidences(), strict=True):
        yield {
            "id": row.id,
            "relation_id": label,
            "relation": names[label].name,
            "confidence": confidence,
            "related": None,
            "polarity": "asserted",
            "phrase": "",
        }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), Path(sys.argv[2]))))
