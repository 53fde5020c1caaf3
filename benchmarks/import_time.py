"""How long ``import relscout`` takes in a fresh interpreter, without the start of the interpreter itself.

Run as ``python benchmarks/import_time.py --runs 15 --out import_time.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

LEAST_RUNS = 7
TIMED = "from time import perf_counter as now; start = now(); import relscout; print(now() - start)"


def seconds_of_import() -> float:
    """Return the wall-clock seconds of one import in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", TIMED], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(runs: int) -> dict[str, Any]:
    """Import once to warm the disk cache, then measure."""
    seconds_of_import()
    seconds = [seconds_of_import() for _ in range(runs)]
    return {
        "runs": runs,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "median_seconds": statistics.median(seconds),
        "min_seconds": min(seconds),
        "max_seconds": max(seconds),
    }


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help=f"interpreters to start, at least {LEAST_RUNS}")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    if options.runs < LEAST_RUNS:
        parser.error(f"--runs is {options.runs}; a median needs at least {LEAST_RUNS}")
    report = measure(options.runs)
    print(
        f"import relscout: median {report['median_seconds']:.3f} s of {options.runs} runs "
        f"({report['min_seconds']:.3f} to {report['max_seconds']:.3f} s)"
    )
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
