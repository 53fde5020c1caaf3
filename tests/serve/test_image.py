"""The image for containers, as far as it can be tested without building it: its files, command and health check."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import typer.main
import yaml

from relscout.cli.app import app
from tests.cli.conftest import sentences

ROOT = Path(__file__).parents[2]
KEY = "k" * 32
#: Instructions of Dockerfiles that we use or may use.
KNOWN = {
    *(
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "RUN",
        "STOPSIGNAL",
    ),
    *("USER", "VOLUME", "WORKDIR"),
}


class Instruction(NamedTuple):
    name: str
    text: str
    stage: int

    @property
    def words(self) -> list[str]:
        """The words of the form with brackets."""
        return [str(word) for word in json.loads(self.text[self.text.index("[") :])]


def instructions() -> Iterator[Instruction]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    stage = -1
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, rest = line.split(maxsplit=1)
            stage += name == "FROM"
            yield Instruction(name, rest.strip(), stage)


FILE = list(instructions())
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICE = COMPOSE["services"]["relscout"]


def last(name: str) -> Instruction:
    """Return the last instruction of a name in the last stage, which is the image."""
    return [each for each in FILE if each.name == name and each.stage == FILE[-1].stage][-1]


def accepted(words: list[str]) -> dict[str, Any]:
    """Return the values that the command line reads from a command; an option that does not exist is an error."""
    group: Any = typer.main.get_command(app)
    command = group.commands[words[0]]
    return dict(command.make_context(words[0], list(words[1:])).params)


def ignored(path: str) -> bool:
    """Return whether .dockerignore leaves a path out: the last pattern that matches decides."""
    left_out = False
    for pattern in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if pattern and not pattern.startswith("#"):
            bare = pattern.removeprefix("!").removeprefix("**/")
            parts = path.split("/")
            names = parts if "**/" in pattern else parts[:1]
            if any(fnmatch.fnmatch(name, bare) for name in names):
                left_out = not pattern.startswith("!")
    return left_out


def test_every_instruction_is_one_of_docker() -> None:
    assert {each.name for each in FILE} <= KNOWN
    assert FILE[0].name == "FROM"
    for each in FILE:
        if each.name in ("CMD", "ENTRYPOINT") or each.text.startswith("["):
            assert each.words


def test_what_is_copied_exists_and_is_sent_to_the_build() -> None:
    copied = [each.text.split()[:-1] for each in FILE if each.name == "COPY" and "--from" not in each.text]
    names = [name for words in copied for name in words]
    assert "src" in names
    assert [name for name in names if not (ROOT / name).exists() or ignored(name)] == []
    readme = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {readme["readme"], *readme["license-files"], "constraints.txt", "pyproject.toml"} <= set(names)


@pytest.mark.parametrize(
    "path",
    [".git/config", ".venv/bin/python", "tests/conftest.py", "docs/index.md", "demo-run/run.json", "key.txt"],
)
def test_nothing_else_is_sent_to_the_build(path: str) -> None:
    assert ignored(path)
    assert ignored("src/relscout/__pycache__/x.pyc")
    assert not ignored("src/relscout/__init__.py")


def test_the_extras_exist_and_are_what_the_server_needs() -> None:
    (install,) = [each.text for each in FILE if each.name == "RUN" and "'.[" in each.text]
    extras = set(re.findall(r"'\.\[([\w,]+)\]'", install)[0].split(","))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"serve"} <= extras <= project["optional-dependencies"].keys()
    assert "-c constraints.txt" in install


def test_the_command_is_one_of_the_command_line() -> None:
    assert last("ENTRYPOINT").words == ["relscout"]
    values = accepted(last("CMD").words)
    assert (values["host"], values["port"]) == ("0.0.0.0", int(last("EXPOSE").text))  # noqa: S104
    made = [each.words for each in FILE if each.name == "RUN" and each.text.startswith('["relscout"')]
    (demo,) = made
    assert accepted(demo[1:])["out"] == values["run"]
    assert f"--from=build {values['run']} {values['run']}" in [
        each.text for each in FILE if each.name == "COPY"
    ]


def test_the_process_is_not_root() -> None:
    user = last("USER").text
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (made,) = [each for each in FILE if each.name == "RUN" and "useradd" in each.text]
    assert made.words[made.words.index("--uid") + 1] == user.split(":")[0]
    places = {each.name: place for place, each in enumerate(FILE)}
    assert places["USER"] < places["ENTRYPOINT"]
    assert not [each for each in FILE[places["USER"] :] if each.name in ("RUN", "COPY")]


def test_compose_starts_the_same_server_with_fewer_rights() -> None:
    command = [re.sub(r"\$\{\w+:-([\w-]+)\}", r"\1", word) for word in SERVICE["command"]]
    values = accepted(command)
    published, _, port = SERVICE["ports"][0].rpartition(":")
    assert (published, int(port)) == ("127.0.0.1:8000", values["port"])
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    (writable,) = (place.split(":")[0] for place in SERVICE["tmpfs"])
    mounts = dict(volume.split(":")[:2] for volume in SERVICE["volumes"])
    assert values["run"].is_relative_to(mounts["./runs"])
    homes = dict(re.findall(r"(\w+)=(\S+)", last("ENV").text))
    names = (
        "HOME",
        "XDG_CACHE_HOME",
        "HF_HOME",
        "NUMBA_CACHE_DIR",
        "MPLCONFIGDIR",
        "TORCHINDUCTOR_CACHE_DIR",
    )
    assert [name for name in names if not Path(homes[name]).is_relative_to(writable)] == []


def test_compose_has_no_key_of_its_own() -> None:
    assert SERVICE["environment"]["RELSCOUT_API_KEY"].startswith("${RELSCOUT_API_KEY:?")


# reports what is opened for writing, outside of where a container may write
WATCHED = """
import os, sys
from pathlib import Path
allowed = (sys.argv.pop(1), "/dev/", "/proc/")
def watch(event, values):
    if event == "open" and isinstance(values[0], str):
        path, mode, flags = values
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    elif event in ("os.mkdir", "os.rename", "os.remove", "sqlite3.connect"):
        path, writes = str(values[0]), True
    else:
        return
    if writes and path != ":memory:" and not os.path.abspath(path).startswith(allowed):
        sys.stderr.write(f"WRITES {event} {path}\\n")
sys.addaudithook(watch)
from relscout.cli import main
main()
"""


def test_the_server_writes_nowhere_but_below_tmp_and_its_health_is_seen(run: Path, tmp_path: Path) -> None:
    homes = dict(re.findall(r"(\w+)=(\S+)", last("ENV").text.replace("/tmp", str(tmp_path))))  # noqa: S108
    port = httpx.URL(free_address()).port
    words = [str(run) if word == "/opt/demo-run" else word for word in last("CMD").words]
    words[words.index("--port") + 1] = str(port)
    environment = {
        **os.environ,
        **homes,
        "PATH": os.environ["PATH"],
        "TMPDIR": str(tmp_path),
        "RELSCOUT_API_KEY": KEY,
    }
    check = [sys.executable, *last("HEALTHCHECK").words[1:]]
    check = [word.replace(":8000/", f":{port}/") for word in check]
    assert subprocess.run(check, capture_output=True).returncode != 0
    with subprocess.Popen(
        [sys.executable, "-c", WATCHED, str(tmp_path), *words],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            lines = []
            while "serving" not in (line := server.stderr.readline()):
                assert line, lines
                lines.append(line)
            # until the model is loaded, the server is not ready
            while subprocess.run(check, capture_output=True).returncode:
                assert server.poll() is None
                time.sleep(0.2)
            pairs = [{**record, "relation": None} for record in sentences(("Zoe",))]
            pairs = [{name: value for name, value in pair.items() if name != "relation"} for pair in pairs]
            answer = httpx.post(
                f"http://127.0.0.1:{port}/extract",
                json={"pairs": pairs},
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=60,
            )
            assert len(answer.json()["triples"]) == 5
            server.send_signal(getattr(signal, last("STOPSIGNAL").text))
            lines += server.communicate(timeout=60)[1].splitlines()
        finally:
            # what fails must not leave a server that is waited for
            server.kill()
    assert server.returncode == 0
    assert [line for line in lines if "WRITES" in line] == []


def free_address() -> str:
    from relscout.serve.server import listening, url_of

    with listening("127.0.0.1", 0) as listener:
        return url_of(listener)


def test_the_commands_of_the_page_are_accepted() -> None:
    page = (ROOT / "docs" / "how-to" / "container.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if re.match(r"\$ docker run .* relscout\b", line)]
    after = [shlex.split(line.partition(" relscout ")[2]) for line in lines]
    assert [words[0] for words in after if words] == ["serve", "discover"]
    assert all(accepted(words) for words in after if words)
