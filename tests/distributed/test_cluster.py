from __future__ import annotations

import errno
import os
import platform
import socket
from pathlib import Path

import pytest

from relscout.cli.app import run as run_command
from relscout.core.errors import InputError, OutputError, RecordError, RelscoutError, SettingError
from relscout.distributed.cluster import Cluster, Failure, caught, compare, errors_of

VERSIONS = {"relscout": "1.0", "python": "3.12.1", "ray": "2.60.0", "folder": True}


@pytest.mark.parametrize("address", ["", "somewhere", "host:", "host:0", "host:65536", "ray://host:10001"])
def test_an_address_is_a_host_and_a_port(address):
    with pytest.raises(SettingError, match="expected local, auto, or HOST:PORT"):
        Cluster(address)


@pytest.mark.parametrize("given", [{"workers": 0}, {"timeout": 0.0}, {"timeout": float("nan")}])
def test_numbers_are_above_0(given):
    with pytest.raises(SettingError, match="expected"):
        Cluster(**given)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


def test_an_address_that_does_not_answer_is_an_error_at_once(closed_port):
    pytest.importorskip("ray")
    with (
        pytest.raises(InputError, match=r"does not answer .* within 2 s"),
        Cluster(f"127.0.0.1:{closed_port}", timeout=2).connected(),
    ):
        pass


def test_a_command_ends_when_the_address_does_not_answer(closed_port, tmp_path, capsys):
    pytest.importorskip("ray")
    arguments = ["extract", "run", "pairs.jsonl", "--ray", f"127.0.0.1:{closed_port}", "--ray-timeout", "1"]
    assert run_command([*arguments, "--no-cache", "--out", str(tmp_path / "triples.jsonl")]) == 2
    assert "error: Ray does not answer" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["relscout", "python", "ray"])
def test_a_node_with_another_version_is_refused(what):
    with pytest.raises(SettingError, match=f"the node far has {what} 0.1, this machine "):
        compare("far", VERSIONS, {**VERSIONS, what: "0.1"}, Path("work"))


def test_a_node_must_see_the_working_folder():
    with pytest.raises(SettingError, match=r"the node far cannot see work; .* --work"):
        compare("far", VERSIONS, {**VERSIONS, "folder": False}, Path("work"))
    compare("far", VERSIONS, VERSIONS, Path("work"))


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (RecordError("f", "line 2", "odd"), InputError, "f, line 2: odd"),
        (SettingError("no model"), SettingError, "no model"),
        (OutputError("cannot write x: full"), OutputError, "cannot write x: full"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/work/x"),
            OutputError,
            "/work/x: No space left on device",
        ),
    ],
)
def test_an_error_of_a_worker_names_its_node(raised, kind, message):
    def fail() -> None:
        raise raised

    failure = caught(fail)
    assert isinstance(failure, Failure)
    with pytest.raises(kind) as caught_error:
        raise failure.error()
    assert str(caught_error.value) == f"on node {platform.node()}: {message}"


def test_a_mistake_in_the_code_is_not_caught():
    with pytest.raises(ZeroDivisionError):
        caught(lambda: 1 // 0)


@pytest.mark.parametrize(
    "option",
    [
        ("--workers", "2"),
        ("--work", "x"),
        ("--shard-size", "5"),
        ("--broken-shards", "skip"),
        ("--ray-timeout", "1"),
    ],
)
def test_options_about_shards_need_ray(option, capsys):
    assert run_command(["extract", "run", "pairs.jsonl", *option]) == 2
    assert f"{option[0]} has no effect without --ray" in capsys.readouterr().err


def test_ray_needs_a_working_directory(capsys):
    assert run_command(["extract", "run", "pairs.jsonl", "--ray", "local"]) == 2
    assert "add --out or --work" in capsys.readouterr().err


def test_an_error_of_ray_names_stage_and_node_without_a_traceback():
    ray = pytest.importorskip("ray")
    traceback = "ray::_facts() (pid=7, ip=10.0.0.3)\n  File …\nKeyError: 'x'"
    failed = ray.exceptions.RayTaskError("_facts", traceback, KeyError("x"), ip="10.0.0.3", pid=7)
    for error in (failed, failed.as_instanceof_cause()):
        with pytest.raises(RelscoutError) as raised, errors_of(ray, "facts"):
            raise error
        assert str(raised.value) == "'facts' failed on node 10.0.0.3: KeyError: 'x'"
    with (
        pytest.raises(RelscoutError, match="'facts' failed: OutOfMemoryError: full"),
        errors_of(ray, "facts"),
    ):
        raise ray.exceptions.OutOfMemoryError("full")
