"""Methods that train, on many sentences: seconds and peak memory of ``discover``, fitted on all or on a sample.

Sentences are those of :mod:`benchmarks.on_ray`. Each discovery runs in a process of its own with one thread, without a
cache and without a report, and is not compared with k-means.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.on_ray import CODE, substituted
from benchmarks.records import earlier, write_result
from relscout.io.writers.jsonl import write_instances
from relscout.lab.records import commit

#: What two rows of one measurement have in common.
_SAME = ("method", "sentences", "fitted_on", "seed", "settings")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def run(
    methods: Sequence[str],
    sizes: Sequence[int],
    *,
    fit_on: int | None,
    relations: str,
    seed: int,
    settings: str,
) -> None:
    """Measure each method with each number of sentences, and write the result.

    Args:
        methods: Names of methods that need no labelled data.
        sizes: Numbers of sentences.
        fit_on: Instances that a method is fitted on; ``None`` for all.
        relations: Number of relations, or ``auto``.
        seed: Random seed, also of the sentences.
        settings: Settings of the methods, as of ``--set``; may be empty.
    """
    record = earlier("trained")
    rows = [] if record is None else [{"commit": record["commit"], **row} for row in record["rows"]]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for size in sizes:
            source = folder / f"{size}.jsonl"
            write_instances(substituted(size, seed), source)
            for method in methods:
                out = folder / f"{method}-{size}"
                options = [
                    "discover",
                    str(source),
                    "--method",
                    method,
                    "--relations",
                    relations,
                    "--out",
                    str(out),
                ]
                options += ["--seed", str(seed), "--no-cache", "--no-report", "--trust-training"]
                options += [] if fit_on is None else ["--fit-on", str(fit_on)]
                options += ["--set", settings] if settings else []
                row = {"method": method, "sentences": size, **_measured(options)}
                discovery = json.loads((out / "run.json").read_text(encoding="utf-8"))
                row |= {"fitted_on": discovery.get("fitted_on", size), "steps": discovery["seconds"]}
                row |= {"seed": seed, "settings": settings, "commit": commit()}
                print(row, flush=True)
                # after each row, which may take an hour; one measured again replaces the earlier
                rows = [other for other in rows if any(other.get(key) != row[key] for key in _SAME)] + [row]
                path = write_result("trained", {"rows": rows})
                print(f"written to {path}", flush=True)


def _measured(options: Sequence[str]) -> dict[str, Any]:
    """Return seconds, processor seconds and peak memory, in MiB, of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *options],
        stdout=subprocess.DEVNULL,
        env={**os.environ, **dict.fromkeys(_THREADS, "1")},
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, options)
    peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(peak),
    }
