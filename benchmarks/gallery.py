"""The gallery: analyses of text that we may publish, each a page with its commands, what they print, and a reading.

The texts are the sentences of the bundled corpus, or texts in the public domain that the first command of a page
downloads, so that anybody can repeat them with an installed relscout. `benchmarks/analyses.py` has the analyses.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.examples import printed
from benchmarks.records import RESULTS, write_result
from relscout.core.errors import SettingError

PAGES = Path(__file__).parents[1] / "docs" / "gallery"
_COLUMNS = "110"


@dataclass(frozen=True)
class Step:
    """A command of relscout or pip, a Python program or a file, and the text above it."""

    text: str
    run: str
    """The command as people type it, the program, or what the file holds; the last two have several lines."""
    lines: int = 12
    """Most lines of the output that the page shows; of pip it shows none."""
    is_program: bool = False
    file: str = ""
    """Name of the file, if it is one."""
    notes: bool = False
    """Whether the page also shows what goes to standard error."""


@dataclass(frozen=True)
class Analysis:
    """A page."""

    name: str
    title: str
    question: str
    steps: tuple[Step, ...]
    reading: str


def run(analyses: Sequence[Analysis], names: Sequence[str] = ()) -> None:
    """Run analyses, record what they print and their processor time, and write their pages.

    Args:
        analyses: All analyses.
        names: Those to run (default: all); the outputs of others are kept.

    Raises:
        subprocess.CalledProcessError: A step failed.
        SettingError: No analysis has one of the names.
    """
    if unknown := set(names) - {analysis.name for analysis in analyses}:
        known = ", ".join(analysis.name for analysis in analyses)
        raise SettingError(f"there is no analysis {min(unknown)!r}; the gallery has {known}")
    recorded = RESULTS / "gallery.json"
    earlier = json.loads(recorded.read_text(encoding="utf-8")) if recorded.exists() else {}
    outputs: dict[str, list[str]] = earlier.get("outputs", {})
    seconds: dict[str, int] = earlier.get("processor_seconds", {})
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLUMNS": _COLUMNS, "XDG_CACHE_HOME": folder}
        for analysis in (each for each in analyses if not names or each.name in names):
            place = Path(folder) / analysis.name
            place.mkdir()
            before = _processor_seconds()
            for number, step in enumerate(analysis.steps, 1):
                name = f"{analysis.name}-{number}"
                outputs[name] = [line.rstrip() for line in run_step(step, place, environment)]
                print(f"{name}: {len(outputs[name])} lines", flush=True)
            seconds[analysis.name] = round(_processor_seconds() - before)
            figures = {"columns": int(_COLUMNS), "processor_seconds": seconds, "outputs": outputs}
            write_result("gallery", figures)
            write_page(analysis, outputs, seconds)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_step(step: Step, place: Path, environment: Mapping[str, str]) -> list[str]:
    """Run a step in a folder and return the lines that it prints; none for a file or pip.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    if step.file:
        (place / step.file).write_text(step.run + "\n", encoding="utf-8")
        return []
    if step.is_program:
        return printed(step.run, place, environment)
    program, *words = shlex.split(step.run)
    if program == "pip":
        command = [sys.executable, "-m", "pip", "--quiet", *words]
        subprocess.run(command, cwd=place, env=environment, check=True)
        return []
    return printed(words, place, environment, notes=step.notes)


def write_page(analysis: Analysis, outputs: Mapping[str, list[str]], seconds: Mapping[str, int]) -> None:
    """Write the page of an analysis with its recorded outputs."""
    (PAGES / f"{analysis.name}.md").write_text(page(analysis, outputs, seconds), encoding="utf-8")


def page(analysis: Analysis, outputs: Mapping[str, list[str]], seconds: Mapping[str, int]) -> str:
    """Return the page of an analysis with its recorded outputs."""
    parts = [f"# {analysis.title}", analysis.question]
    for number, step in enumerate(analysis.steps, 1):
        name = f"{analysis.name}-{number}"
        parts += [step.text, _shown(step), *_output(name, outputs[name], step.lines)]
    parts += ["## What it shows", analysis.reading]
    if analysis.name in seconds:
        parts.append(
            f"All commands together took {seconds[analysis.name]} seconds of one processor core. The times in the "
            "outputs also depend on what else the machine did."
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def _shown(step: Step) -> str:
    if step.file:
        return f'```text title="{step.file}"\n{step.run}\n```'
    if step.is_program:
        return f"<!-- not run: python -m benchmarks gallery runs it -->\n```python\n{step.run}\n```"
    return f"```console\n$ {step.run}\n```"


def _output(name: str, lines: list[str], most: int) -> list[str]:
    kept = [line for line in lines if line.strip()]
    if not kept:
        return []
    rest = ["…"] if len(kept) > most else []
    return [f"<!-- recorded: {name} -->\n```text\n" + "\n".join([*kept[:most], *rest]) + "\n```"]
