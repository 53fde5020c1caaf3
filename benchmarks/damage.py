"""Damages the folder of a run in random ways, and looks at what commands make of it: a clear error or the right result.

Bytes change, files are cut off, deleted, renamed, or replaced by those of another run, lines are lost or doubled, and
JSON values get another type. A command must end with one line that says what is wrong, or write what it writes for
the sound run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

#: What a JSON value is replaced by.
_VALUES = (None, True, 0, -1, 2**70, 1e308, "", "1", [], [[]], {}, {"a": []}, "\ud800")


def files_of(run: Path) -> list[Path]:
    """Return the files of a run in a fixed order."""
    return sorted(path for path in run.rglob("*") if path.is_file())


def changed_byte(run: Path, chance: random.Random) -> str:
    """Change one byte of a file."""
    file = chance.choice(files_of(run))
    data = bytearray(file.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    file.write_bytes(data)
    return f"byte {place} of {file.name} changed"


def cut_off(run: Path, chance: random.Random) -> str:
    """Cut a file off."""
    file = chance.choice(files_of(run))
    size = chance.choice((0, chance.randrange(file.stat().st_size)))
    os.truncate(file, size)
    return f"{file.name} cut off after {size} bytes"


def deleted(run: Path, chance: random.Random) -> str:
    """Delete a file, or the folder of the model."""
    file = chance.choice([*files_of(run), run / "model"])
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    return f"{file.name} deleted"


def renamed(run: Path, chance: random.Random) -> str:
    """Give a file the name of another one."""
    first, second = chance.sample(files_of(run), 2)
    first.replace(second)
    return f"{first.name} renamed to {second.name}"


def doubled(run: Path, chance: random.Random) -> str:
    """Copy a file over another one."""
    first, second = chance.sample(files_of(run), 2)
    shutil.copyfile(first, second)
    return f"{first.name} copied over {second.name}"


def exchanged(other: Path, run: Path, chance: random.Random) -> str:
    """Replace a file, or the model, by that of another run."""
    name = chance.choice(["model", *(path.relative_to(run).as_posix() for path in files_of(run))])
    if (run / name).is_dir():
        shutil.rmtree(run / name)
        shutil.copytree(other / name, run / name)
    else:
        shutil.copyfile(other / name, run / name)
    return f"{name} of another run"


def other_lines(run: Path, chance: random.Random) -> str:
    """Lose, double or move a line of a file of lines."""
    file = chance.choice(sorted(run.glob("*.jsonl")))
    lines = file.read_bytes().splitlines(keepends=True)
    place = chance.randrange(len(lines))
    line = lines.pop(place)
    kind = chance.choice(("lost", "doubled", "moved"))
    if kind == "doubled":
        lines[place:place] = [line, line]
    elif kind == "moved":
        lines.insert(chance.randrange(len(lines) + 1), line)
    file.write_bytes(b"".join(lines))
    return f"line {place + 1} of {file.name} {kind}"


def other_type(run: Path, chance: random.Random) -> str:
    """Replace a value in a JSON file, however deep it is, or lose it."""
    file = chance.choice([*sorted(run.glob("*.jsonl")), run / "run.json", run / "model" / "artifact.json"])
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True) if file.suffix == ".jsonl" else [text]
    place = chance.randrange(len(lines))
    record = json.loads(lines[place])
    holder, key = chance.choice(list(_values(record)))
    if chance.random() < 0.2:
        del holder[key]
        what = "lost"
    else:
        holder[key] = chance.choice(_VALUES)
        what = f"is {holder[key]!r}"
    lines[place] = json.dumps(record) + "\n"
    file.write_text("".join(lines), encoding="utf-8")
    return f"{key!r} in line {place + 1} of {file.name} {what}"


def _values(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a JSON value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _values(value[key])


def extended(run: Path, chance: random.Random) -> str:
    """Add bytes to a file."""
    file = chance.choice(files_of(run))
    with file.open("ab") as stream:
        stream.write(chance.choice((b"\n", b"\x00", b"{}\n", chance.randbytes(20), b"[" * 100_000)))
    return f"{file.name} extended"


Damage = Callable[[Path, random.Random], str]
DAMAGES: tuple[Damage, ...] = (
    *(changed_byte, cut_off, deleted, renamed, doubled, other_lines, other_type, extended),
)


def call(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code and what it printed."""
    from relscout.cli.app import run

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return code, *(stream.buffer.getvalue().decode("utf-8") for stream in (out, err))  # type: ignore[return-value]


class Damaging:
    """A run that is damaged again and again.

    Args:
        run: The sound run.
        other: Another run, of which files are taken.
        corpus: The marked pairs of the run, with gold relations.
        home: A folder for copies.
    """

    def __init__(self, run: Path, other: Path, corpus: Path, home: Path) -> None:
        self.sound, self.home = run, home
        self.damages: tuple[Damage, ...] = (*DAMAGES, partial(exchanged, other))
        self.copy = home / "run"
        decisions = home / "decisions.json"
        header = {"format": "relscout-decisions", "version": 1}
        decisions.write_text(json.dumps({**header, "decisions": [{"rename": 0, "to": "a name"}]}), "utf-8")
        out, page = home / "out.jsonl", home / "page.html"
        #: Each command with what it writes, if it is no standard output.
        self.commands: tuple[tuple[Sequence[object], Path | None], ...] = (
            (("extract", self.copy, corpus, "--no-cache", "--out", out), out),
            (("export", self.copy, "--out", out), out),
            (("evaluate", self.copy, "--gold", corpus, "--json"), None),
            (
                ("apply", decisions, self.copy, "--out", home / "applied"),
                home / "applied" / "relations.jsonl",
            ),
            (("report", self.copy, "--no-cache", "--out", page), page),
        )
        shutil.copytree(run, self.copy)
        self.right = [self._result(place) for place in range(len(self.commands))]
        if bad := [right for right in self.right if right[0] != 0]:
            raise SystemExit(f"a command fails on the sound run: {bad[0]}")

    def _result(self, place: int) -> tuple[int, str | bytes, str]:
        arguments, written = self.commands[place]
        for name in ("out.jsonl", "page.html"):
            (self.home / name).unlink(missing_ok=True)
        shutil.rmtree(self.home / "applied", ignore_errors=True)
        code, out, err = call(*arguments)
        result = written.read_bytes() if written is not None and code == 0 else out
        return code, result, err

    def trial(self, chance: random.Random) -> tuple[str, str | None]:
        """Damage a copy and run a command on it.

        Returns:
            ``"error"`` or ``"right"``, and what was wrong with that, if anything was.
        """
        shutil.rmtree(self.copy)
        shutil.copytree(self.sound, self.copy)
        damage = chance.choice(self.damages)
        place = chance.choices(range(len(self.commands)), weights=(4, 4, 4, 4, 1))[0]
        what = damage(self.copy, chance)
        about = f"{self.commands[place][0][0]} of a run with {what}: "
        try:
            code, result, err = self._result(place)
        except Exception:  # all of them, since none should come through
            return "exception", about + traceback.format_exc()
        if code == 0:
            return "right", None if result == self.right[place][
                1
            ] else f"{about}a wrong result without a word"
        clear = code == 2 and err.startswith("error: ") and err.count("\n") == 1
        return "error", None if clear else f"{about}ended with {code}: {err}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Damage a run, print what was wrong and what commands made of it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.damage", description=__doc__)
    parser.add_argument("--damages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    from benchmarks.torture import Inputs

    with tempfile.TemporaryDirectory() as place:
        home = Path(place).resolve()
        made = Inputs(home)
        made.make_runs()
        (home / "copies").mkdir()
        damaging = Damaging(made.plain, made.older, made.marked, home / "copies")
        chance = random.Random(options.seed)
        counts: Counter[str] = Counter()
        for _ in range(options.damages):
            outcome, wrong = damaging.trial(chance)
            counts[outcome] += 1
            if wrong is not None:
                counts["wrong"] += 1
                print(wrong, file=sys.stderr, flush=True)
    print(
        f"{options.damages} damages: {counts['error']} errors, {counts['right']} right results, {counts['wrong']} wrong"
    )
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
