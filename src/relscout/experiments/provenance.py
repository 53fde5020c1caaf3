"""Where a measurement comes from: machine, commit, versions, date; and what a block of work cost."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]
_PROCESS = Path("/proc/self")


@dataclass
class Cost:
    """What a block of work took; filled in when the block has succeeded."""

    seconds: float = 0.0
    """Wall-clock time."""
    peak_mib: float | None = None
    """Largest resident memory of the process in MiB: during the block on Linux, since its start elsewhere; ``None``
    if the system does not report it."""


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """Measure the time and the peak memory of a block."""
    cost = Cost()
    gc.collect()  # what an earlier block left behind is not this one's
    _reset_peak()
    started = time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - started
    cost.peak_mib = _peak_mib()


def machine() -> dict[str, Any]:
    """Return what of the machine matters for a measurement."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def date() -> str:
    """Return today's date (UTC) as ``2026-01-31``."""
    return datetime.now(UTC).date().isoformat()


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of installed packages; ``unknown`` for one that is not installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def commit() -> str:
    """Return the short hash of relscout's commit, with a plus where its source was changed since.

    It is ``unknown`` where relscout does not run from a checkout of its own repository.
    """
    top = _git("rev-parse", "--show-toplevel")
    # a package installed below somebody's project stands in that project's repository, not in ours
    if top is None or Path(top).resolve() / "src" / "relscout" != _PACKAGE:
        return "unknown"
    changed = _git("status", "--porcelain", ".")
    return f"{_git('rev-parse', '--short', 'HEAD') or 'unknown'}{'+' if changed else ''}"


def _git(*words: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run(  # noqa: S603 - fixed words only
        [git, "-C", str(_PACKAGE), *words], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _reset_peak() -> None:
    # Linux sets the peak back to the present size for a 5; where it is not allowed, the peak since the start is told
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def _peak_mib() -> float | None:
    with contextlib.suppress(OSError, StopIteration):
        lines = (_PROCESS / "status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    with contextlib.suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024
    return None
