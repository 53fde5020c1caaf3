"""Where results go: one JSON file each, with what is needed to read them later."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from relscout.discovery import versions
from relscout.lab import records

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, result: dict[str, Any]) -> Path:
    """Write ``benchmarks/results/NAME.json`` with machine, commit and command, and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {**records.machine(), **versions(), "date": records.date()}
    details = {
        "benchmark": name,
        "machine": machine,
        "commit": records.commit(),
        "command": command(),
        **result,
    }
    path.write_text(json.dumps(details, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def earlier(name: str) -> dict[str, Any] | None:
    """Return the record of an earlier run, whose rows a benchmark may keep if each says its commit; or ``None``."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def command() -> str:
    """Return the command line as a reader can type it; where files lie on this machine stays out of it."""
    words = ["python", "-m", "benchmarks", *sys.argv[1:]]
    return " ".join("DIR" if os.sep in word else word for word in words)
