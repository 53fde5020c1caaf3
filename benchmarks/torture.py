"""Kills every command that writes, at random moments, and looks at what is left and what the same command then gives.

Right after a kill, a final name holds the older content, the new one, or nothing. After the same command once more,
everything is the same to the byte as after an undisturbed run, and no temporary files are left.

Half of the kills come by the clock. The others come at a change of the file system, such as a renaming, all of which
Python reports to an audit hook. Moments are drawn from a seed. Commands run in forks of a process that has imported
everything, with a clock that stands still, since runs record how long they took.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import http.server
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

#: Audit events of what changes the file system, besides files that are opened to be written.
_CHANGES = frozenset(
    {
        *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link"),
        *("shutil.rmtree", "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp", "fcntl.flock"),
    }
)
_CACHE = ".cache"
_OLDER = b"older content\n"
_PAGE = "report.html"
#: Seconds after which a command counts as hanging.
_PATIENCE = 120.0


#: What commands import that fit, read or train something.
_RUNS = (
    *("relscout.cli.app", "relscout.cli.discover", "relscout.cli.extract", "relscout.cli.export"),
    *("relscout.cli.report", "relscout.cli.apply", "relscout.cli.pretrain", "relscout.cli.finetune"),
    *("relscout.discovery", "relscout.report", "relscout.methods.kmeans", "relscout.pretraining.adapter"),
    *("relscout.finetuning.trials", "relscout.finetuning.supervised", "relscout.text.documents"),
    *("transformers.models.bert", "sklearn.cluster", "umap", "jinja2", "pyarrow.parquet"),
)


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Args:
        name: Its name.
        run: Runs it in the current folder and returns its exit code.
        outputs: What it writes into that folder.
        copied: Files and folders that it finds there, by name.
        earlier: Writes an older result, as ``run`` writes the new one; without it, older files hold a line.
        imports: What it imports, so that a fork has it.
        prepare: Makes what it reads.
    """

    name: str
    run: Callable[[], int]
    outputs: Sequence[str]
    copied: Mapping[str, Path] = field(default_factory=dict)
    earlier: Callable[[], int] | None = None
    imports: Sequence[str] = _RUNS
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Ended:
    """How a fork ended: its exit code (negative for a signal), changes of the file system, seconds, and its output."""

    code: int
    changes: int
    seconds: float
    output: str


def relscout(*arguments: object) -> int:
    """Run the command line as a process of its own would, and return the exit code."""
    from relscout.cli import main

    sys.argv = ["relscout", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def forked(
    run: Callable[[], int],
    folder: Path,
    *,
    number: int = signal.SIGKILL,
    at_change: int | None = None,
    after: float | None = None,
) -> Ended:
    """Run something in a fork, in a folder, and kill it there.

    Args:
        run: What to run.
        folder: The current folder of the fork, whose caches are in it, too.
        number: The signal.
        at_change: Number of the change of the file system at which it is sent; ``None`` for none.
        after: Seconds after which it is sent; ``None`` for never.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as counted:
        began = time.monotonic()
        if (child := os.fork()) == 0:
            code = 70
            try:
                atexit._clear()  # what is registered there is the parent's
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                os.chdir(folder)
                os.environ["XDG_CACHE_HOME"] = str(folder / _CACHE)
                changes = _count_changes(number, at_change)
                code = run()
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
                atexit._run_exitfuncs()
                os.write(counted.fileno(), str(changes[0]).encode())
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        status = _waited(child, number, after, began)
        seconds = time.monotonic() - began
        texts = []
        for file in (output, counted):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Ended(os.waitstatus_to_exitcode(status), int(texts[1] or 0), seconds, texts[0])


def _count_changes(number: int, at_change: int | None) -> list[int]:
    changes, ours = [0], os.getpid()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)) if len(arguments) > 2 else False
        else:
            writes = event in _CHANGES
        if writes and os.getpid() == ours:
            changes[0] += 1
            if changes[0] == at_change:
                os.kill(ours, number)

    sys.addaudithook(hook)
    return changes


def _waited(child: int, number: int, after: float | None, began: float) -> int:
    if after is not None:
        time.sleep(after)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        os.kill(child, number)
    while time.monotonic() - began < _PATIENCE:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError(f"a command did not end within {_PATIENCE:g} seconds")


def content(place: Path) -> dict[str, bytes]:
    """Return the checksums of a file, or of everything in a folder, by names; nothing where there is none."""
    if place.is_file():
        return {"": hashlib.sha256(place.read_bytes()).digest()}
    return {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        if path.is_file()
        else b""
        for path in sorted(place.rglob("*"))
    }


class Torture:
    """One command, killed again and again.

    Args:
        command: The command.
        home: A folder for its trials.
    """

    def __init__(self, command: Command, home: Path) -> None:
        self.command, self.home = command, home
        for name in command.imports:
            importlib.import_module(name)
        command.prepare()
        self.older = self._older()
        self.usual = {older: self._undisturbed(older=older) for older in (False, True)}

    def _older(self) -> dict[str, Path]:
        """Write the older outputs, and return where they are."""
        folder = _made(self.home / "older")
        if self.command.earlier is not None:
            _must(self.command.earlier, folder)
        else:
            for name in self.command.outputs:
                # a folder, and what was published, are not replaced by a file
                if "." in name and "/" not in name:
                    (folder / name).write_bytes(_OLDER)
        return {name: folder / name for name in self.command.outputs if (folder / name).exists()}

    def _undisturbed(self, *, older: bool) -> tuple[Ended, dict[str, bytes]]:
        folder = self._prepared(older=older)
        ended = forked(self.command.run, folder)
        if ended.code != 0:
            raise SystemExit(f"{self.command.name} fails undisturbed, with {ended.code}:\n{ended.output}")
        state = content(folder)
        shutil.rmtree(folder)
        return ended, state

    def _prepared(self, *, older: bool) -> Path:
        folder = self.home / "trial"
        folder.mkdir()
        for name, source in {**self.command.copied, **(self.older if older else {})}.items():
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
        return folder

    def trial(self, chance: random.Random) -> tuple[bool, list[str]]:
        """Kill the command once; return whether the kill hit it while it ran, and what was wrong then."""
        older = chance.random() < 0.5
        number = chance.choice((signal.SIGKILL, signal.SIGTERM))
        undisturbed, expected = self.usual[older]
        at_change, after = None, None
        if chance.random() < 0.5:
            at_change = chance.randint(1, max(undisturbed.changes, 1))
        else:
            after = chance.uniform(0, undisturbed.seconds)
        folder = self._prepared(older=older)
        before = {name: content(folder / name) for name in self.command.outputs}
        killed = forked(self.command.run, folder, number=number, at_change=at_change, after=after)
        wrong = list(self._left(folder, before, expected))
        if "Traceback" in killed.output:
            wrong.append(f"a traceback: {killed.output[-2000:]}")
        # a signal that comes before the command line has started ends it at once
        if killed.code == 1 and (
            temporary := [name for name in content(folder) if name.endswith(".partial")]
        ):
            wrong.append(f"{signal.Signals(number).name} left {', '.join(temporary)}")
        again = forked(self.command.run, folder)
        if again.code != 0:
            wrong.append(f"the same command ended with {again.code}: {again.output[-2000:]}")
        state = content(folder)
        wrong += [
            f"{name} is {_state(name, state, expected)} after the same command"
            for name in sorted({*state, *expected})
            if state.get(name) != expected.get(name) and not _is_database(name)
        ]
        if wrong:
            when = f"at change {at_change}" if at_change else f"after {after:.4f} s"
            wrong.insert(
                0, f"{self.command.name}, {signal.Signals(number).name} {when}, older content: {older}"
            )
        shutil.rmtree(folder)
        return killed.code != 0, wrong

    def _left(
        self, folder: Path, before: Mapping[str, dict[str, bytes]], expected: Mapping[str, bytes]
    ) -> Iterator[str]:
        """Yield what is half-written under a final name."""
        for name in self.command.outputs:
            state = content(folder / name)
            new = {
                path.removeprefix(name).removeprefix("/"): checksum
                for path, checksum in expected.items()
                if path == name or path.startswith(f"{name}/")
            }
            whole = new if "" in new and len(new) == 1 else {key: new[key] for key in new if key}
            # the page of a run comes after the run, and temporary files of it are no final names
            pages = [{key: state[key] for key in state if not key.endswith(".partial")}]
            pages.append({key: value for key, value in pages[0].items() if key != _PAGE})
            bare = {key: value for key, value in whole.items() if key != _PAGE}
            if state and state != before[name] and pages[0] != whole and not (pages[1] == pages[0] == bare):
                neither = [key for key in state if state[key] not in (whole.get(key), before[name].get(key))]
                yield f"{name} is half-written: {', '.join(state)}; neither older nor new: {', '.join(neither)}"


def _state(name: str, state: Mapping[str, bytes], expected: Mapping[str, bytes]) -> str:
    return "missing" if name not in state else "left" if name not in expected else "different"


def _is_database(name: str) -> bool:
    # SQLite's files hold the same rows in any order
    return name.startswith(f"{_CACHE}/") and name.endswith(".sqlite")


class Inputs:
    """Small inputs, and runs on them, which are made when :meth:`make_runs` is called.

    Args:
        home: A folder for them.

    Attributes:
        marked: Marked pairs with gold relations.
        other: Others with the same relations.
        reads: Options of the encoder.
        fit: The command that discovers the relations of ``marked``.
        plain: Its run, without a page.
        older: Its run with another seed, with a page.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.marked, self.other = home / "marked.jsonl", home / "other.jsonl"
        for path, people in (
            (self.marked, "Ada Bob Carl Dora Emil Fred"),
            (self.other, "Gina Hugo Ida Jan Kurt Lea"),
        ):
            path.write_text("".join(records(people.split())), encoding="utf-8")
        config = home / "encoder.json"
        config.write_text('{"pooling": "sentence"}', encoding="utf-8")
        self.reads = ("--encoder", home / "encoder", "--encoder-config", config)
        self.fit = ("discover", self.marked, *self.reads, "--set", "n_init=1", "--relations", 2)
        self.plain, self.older = (home / name / "run" for name in ("plain", "older"))

    def make_encoder(self) -> None:
        """Make a random encoder."""
        from tests.conftest import UNUSED, save_bert

        if not (self._home / "encoder").exists():
            save_bert(_made(self._home / "encoder"), unused=UNUSED)

    def make_runs(self) -> None:
        """Make the runs."""
        self.make_encoder()
        for run, more in ((self.plain, ("--no-report",)), (self.older, ("--seed", 7))):
            if not run.exists():
                _must(partial(relscout, *self.fit, *more, "--out", "run"), _made(run.parent))


def commands(home: Path) -> list[Command]:
    """Return all commands that write, on small inputs that are made in a folder."""
    from relscout.io.datasets import DataFile, DataSet

    made = Inputs(home)
    marked, other, reads, fit = made.marked, made.other, made.reads, made.fit
    decisions = home / "decisions.json"
    steps = [{"rename": 0, "to": "a name"}, {"merge": [0, 1]}]
    header = {"format": "relscout-decisions", "version": 1}
    decisions.write_text(json.dumps({**header, "decisions": steps}), encoding="utf-8")
    lab = {
        "adapter": ("pretrain", "labels", marked, "--set", "rank=2,inverses=false"),
        "encoder": ("pretrain", "cp", marked, "--set", "batch=8,epochs=1"),
        "tuned": ("finetune", marked, "--test", other, "--set", "epochs=2"),
    }
    site = _made(home / "site")
    (site / "big.json").write_bytes(random.Random(0).randbytes(3_000_000))
    checksum = hashlib.sha256((site / "big.json").read_bytes()).hexdigest()
    file = DataFile("big.json", f"{_served(site)}/big.json", 3_000_000, checksum)
    published = DataSet("own", "a set", "free", "page", "paper", (file,), "relscout inspect {folder}")
    of_run = {"prepare": made.make_runs}
    light = {"imports": ("relscout.cli.app", "relscout.cli.convert", "relscout.text.documents")}
    return [
        Command(
            "convert", partial(relscout, "convert", marked, "--out", "o.jsonl.gz"), ["o.jsonl.gz"], **light
        ),
        Command(
            "convert to brat",
            partial(relscout, "convert", marked, "--to", "brat", "--out", "brat"),
            ["brat"],
            **light,
        ),
        Command(
            "datasets get",
            partial(_get, published),
            ["data/own/big.json"],
            imports=("relscout.io.datasets", "httpx"),
        ),
        Command(
            "discover",
            partial(relscout, *fit, "--out", "run", "--overwrite"),
            ["run"],
            earlier=partial(relscout, *fit, "--seed", 7, "--out", "run"),
            prepare=made.make_encoder,
        ),
        Command(
            "discover without overwriting",
            partial(relscout, *fit, "--out", "run"),
            ["run"],
            prepare=made.make_encoder,
        ),
        Command(
            "extract", partial(relscout, "extract", made.plain, other, "--out", "t.nt"), ["t.nt"], **of_run
        ),
        Command(
            "extract to Parquet",
            partial(relscout, "extract", made.plain, other, "--out", "t.parquet"),
            ["t.parquet"],
            **of_run,
        ),
        Command("export", partial(relscout, "export", made.plain, "--out", "f.ttl"), ["f.ttl"], **of_run),
        Command(
            "export to neo4j",
            partial(relscout, "export", made.plain, "--to", "neo4j", "--out", "graph"),
            ["graph"],
            **of_run,
        ),
        Command("report", partial(relscout, "report", "run"), ["run"], copied={"run": made.plain}, **of_run),
        Command(
            "apply",
            partial(relscout, "apply", decisions, made.plain, "--out", "run", "--overwrite"),
            ["run"],
            earlier=partial(relscout, *fit, "--seed", 7, "--out", "run"),
            **of_run,
        ),
        *(
            Command(
                f"lab {arguments[0]} {name}",
                partial(relscout, "lab", *arguments, *reads, "--out", name, "--overwrite"),
                [name],
                earlier=partial(relscout, "lab", *arguments, *reads, "--seed", 7, "--out", name),
                prepare=made.make_encoder,
            )
            for name, arguments in lab.items()
        ),
    ]


def records(people: Sequence[str]) -> Iterator[str]:
    """Yield marked pairs of two relations as lines of JSON."""
    for phrase, relation, places in (
        ("was born in", "birthplace", ("London", "Paris", "Rome")),
        ("works for", "employer", ("Acme", "Ford")),
    ):
        for person in people:
            for place in places:
                start = len(person) + len(phrase) + 2
                ends = {
                    "head": {"start": 0, "end": len(person)},
                    "tail": {"start": start, "end": start + len(place)},
                }
                yield (
                    json.dumps({"text": f"{person} {phrase} {place} .", **ends, "relation": relation}) + "\n"
                )


def _get(published: Any) -> int:
    from relscout.io.datasets import get

    get(published, Path("data"))
    return 0


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _must(run: Callable[[], int], folder: Path) -> None:
    if (ended := forked(run, folder)).code != 0:
        raise SystemExit(ended.output)
    shutil.rmtree(folder / _CACHE, ignore_errors=True)


def _served(folder: Path) -> str:
    """Serve a folder in another process until this one ends, and return the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    parent, server.timeout = os.getpid(), 1
    if (child := os.fork()) == 0:
        while os.getppid() == parent:
            server.handle_request()
        os._exit(0)
    atexit.register(os.kill, child, signal.SIGKILL)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Torture the commands, print what was wrong and how many kills each survived; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kills of each command (default: 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="beginnings of the names of commands")
    options = parser.parse_args(arguments)
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"}
    time.perf_counter = lambda: 0.0
    failures = 0
    with tempfile.TemporaryDirectory() as place:
        home = Path(place).resolve()
        chosen = [
            command
            for command in commands(home)
            if options.only is None or command.name.startswith(tuple(options.only))
        ]
        for command in chosen:
            torture = Torture(command, _made(home / "trials" / command.name))
            chance = random.Random(f"{options.seed} {command.name}")
            hits = wrong_trials = 0
            for _ in range(options.kills):
                hit, wrong = torture.trial(chance)
                hits += hit
                if wrong:
                    wrong_trials += 1
                    print("\n  ".join(wrong), file=sys.stderr, flush=True)
            failures += wrong_trials
            print(
                f"{command.name}: {options.kills} kills, {hits} of them before it was done, {wrong_trials} wrong",
                flush=True,
            )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
