"""How long ``relscout demo`` takes and how much memory, from the start of its process to the end."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.records import write_result

_COMMAND = [sys.executable, "-c", "from relscout.cli import main; main()", "demo"]
#: ``getrusage`` counts memory in KiB on Linux, in bytes on macOS.
_UNIT = 1 if sys.platform == "darwin" else 1024


def run(runs: int) -> None:
    """Run the demo ``runs`` times, one after the other, and write the figures of each.

    Raises:
        subprocess.CalledProcessError: The demo failed.
    """
    measured = [_once() for _ in range(runs)]
    seconds = [wall for wall, _ in measured]
    peaks = [peak for _, peak in measured]
    path = write_result(
        "demo",
        {
            "runs": [
                {"wall_seconds": round(wall, 2), "peak_rss_gib": round(peak, 3)} for wall, peak in measured
            ],
            "median_wall_seconds": round(statistics.median(seconds), 2),
            "max_wall_seconds": round(max(seconds), 2),
            "max_peak_rss_gib": round(max(peaks), 3),
        },
    )
    print(f"demo: median {statistics.median(seconds):.1f} s, peak {max(peaks):.2f} GiB; written to {path}")


def _once() -> tuple[float, float]:
    """Return the wall-clock seconds and the peak resident memory in GiB of one demo."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen([*_COMMAND, "--out", str(Path(folder) / "run")], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "relscout demo")
    return wall, usage.ru_maxrss * _UNIT / 2**30
