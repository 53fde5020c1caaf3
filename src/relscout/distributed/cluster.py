"""Reaching a Ray cluster, checking its nodes, and giving shards to workers that may die.

Shards are tasks of Ray, and no data set of Ray Data: a finished shard is a file whose name is a hash of all that
determines it, so that a command that was killed continues with the others.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from relscout.core.errors import (
    ArtifactError,
    InputError,
    MissingExtraError,
    OutputError,
    RelscoutError,
    SettingError,
)
from relscout.discovery.tasks import Here

if TYPE_CHECKING:
    from types import ModuleType

#: How often a shard is started again after its worker died.
_RETRIES = 3
#: Names that stand for no host: a cluster in this process's machine, the cluster that runs on it already, and none.
LOCAL, AUTO, HERE = "local", "auto", "here"

Item = TypeVar("Item")
#: The connected Ray, or what takes its place in this process.
Ray: TypeAlias = "ModuleType | Here"


@dataclass(frozen=True)
class Cluster:
    """Where Ray runs, and how much of it to use.

    Raises:
        SettingError: A value is out of range.
    """

    address: str = LOCAL
    """``local`` starts Ray on this machine, ``auto`` uses the cluster that this machine belongs to, ``HOST:PORT`` is
    the address of the head node of a cluster. ``here`` needs no Ray: this process takes one shard after the other."""
    workers: int | None = None
    """Number of worker processes, from 1; ``None``: one for each GPU, or without any for each CPU."""
    timeout: float = 60.0
    """Seconds to wait for the address, and for an answer of each node."""

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SettingError(f"workers is {self.workers}; expected a whole number from 1")
        if not 0 < self.timeout < inf:
            raise SettingError(f"timeout is {self.timeout}; expected a number of seconds above 0")
        if self.address not in (LOCAL, AUTO, HERE):
            _host_and_port(self.address)

    @contextlib.contextmanager
    def connected(self) -> Iterator[Ray]:
        """Connect to Ray, and disconnect at the end; a connection that this process has already is used and kept.

        Raises:
            InputError: Nothing answers at the address in time.
            MissingExtraError: Ray is not installed.
            SettingError: The cluster has another version of Ray or Python, or asks for a token.
        """
        if self.address == HERE:
            yield Here()
            return
        ray = _ray()
        if self.address not in (LOCAL, AUTO):
            self._check_listening()
        if ray.is_initialized():
            yield ray
            return
        self._connect(ray)
        try:
            yield ray
        finally:
            ray.shutdown()

    def _connect(self, ray: ModuleType) -> None:
        # nothing is reported to anybody, unless the user has allowed it
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet: dict[str, Any] = {"logging_level": "ERROR", "configure_logging": False, "log_to_driver": False}
        where: dict[str, Any] = {"num_cpus": self.workers, "include_dashboard": False}
        if self.address == LOCAL:
            where["address"] = "local"
        else:
            where = {"address": self.address}
        try:
            ray.init(**where, **quiet)
        except (ConnectionError, TimeoutError, ValueError) as error:
            start = "; start a cluster with 'ray start --head', or use --ray local" * (self.address != LOCAL)
            raise InputError(f"Ray does not answer at {self.address!r}: {_line(error)}{start}") from error
        except (RuntimeError, ray.exceptions.RayError) as error:
            # among the latter is an AuthenticationError, which says which token is missing
            raise SettingError(
                f"this process cannot join the Ray cluster {self.address!r}: {_line(error)}; use the same versions of "
                "Ray and Python, and the same token if the cluster asks for one, on all machines"
            ) from error

    def _check_listening(self) -> None:
        # Ray itself would wait for minutes, and then end the process
        host, port = _host_and_port(self.address)
        try:
            socket.create_connection((host, port), timeout=self.timeout).close()
        except OSError as error:
            raise InputError(
                f"Ray does not answer at {self.address!r} within {self.timeout:g} s ({error.strerror or error}); check "
                "host and port, which 'ray start --head' prints, or use --ray local"
            ) from error


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 2**16 or "//" in host:
        raise SettingError(
            f"the address of Ray is {address!r}; expected local, auto, or HOST:PORT such as 10.0.0.1:6379"
        )
    return host.strip("[]"), int(port)


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("work on several processes or machines", "ray") from error
    return ray


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


@dataclass(frozen=True)
class Failure:
    """An error that a worker has caught; exceptions themselves do not all survive the way back.

    Args:
        node: Name of the machine.
        message: Text of the error.
        kind: ``input`` if the content of the shard is wrong, ``output`` if the machine could not write or read,
            ``setting`` if every shard will fail.
    """

    node: str
    message: str
    kind: Literal["input", "output", "setting"]

    def error(self) -> RelscoutError:
        """Return the error for the user."""
        kind = {"input": InputError, "output": OutputError, "setting": SettingError}[self.kind]
        return kind(f"on node {self.node}: {self.message}")


def caught(work: Callable[[], Any]) -> Any:
    """Return what a function returns, or its error as a :class:`Failure` if it is one that relscout raises."""
    node = platform.node()
    try:
        return work()
    except OutputError as error:
        return Failure(node, str(error), "output")
    except (InputError, ArtifactError) as error:
        return Failure(node, str(error), "input")
    except RelscoutError as error:
        return Failure(node, str(error), "setting")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Failure(node, f"{where}{error.strerror or error}", "output")


@contextlib.contextmanager
def errors_of(ray: Ray, stage: str) -> Iterator[None]:
    """Raise an error of Ray as ours.

    Args:
        ray: The connected Ray.
        stage: What Ray does in the block.

    Raises:
        RelscoutError: A task raised an error, its worker died, or Ray failed.
    """
    if isinstance(ray, Here):
        yield
        return
    try:
        yield
    except ray.exceptions.RayError as error:
        raise RelscoutError(f"'{stage}' failed{_why(error)}") from error


def _why(error: Exception) -> str:
    """Return on which node a task failed, if it is known, and why, without the traceback."""
    cause = getattr(error, "cause", None)
    if cause is None:
        return f": {type(error).__name__}: {_line(error)}"
    # Ray names the node in the text of the error only
    node = re.search(r"\bip=([^,)\s]+)", str(error))
    return f"{f' on node {node[1]}' if node else ''}: {type(cause).__name__}: {_line(cause)}"


def check_nodes(ray: Ray, folder: Path, *, timeout: float) -> None:
    """Create the working folder, and check that every node sees it and has this version of relscout.

    Args:
        ray: The connected Ray.
        folder: The working folder.
        timeout: Seconds to wait for the answers.

    Raises:
        InputError: A node does not answer in time.
        OutputError: The folder cannot be created.
        SettingError: A node has another version, or cannot see the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    if isinstance(ray, Here):
        return
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    mine = _described(folder)
    remote = ray.remote(num_cpus=0, max_retries=0)(_described)
    deadline = time.monotonic() + timeout
    alive = [node for node in ray.nodes() if node["Alive"]]
    strategies = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in alive]
    answers = [remote.options(scheduling_strategy=strategy).remote(folder) for strategy in strategies]
    # several nodes may have the same name
    for name, answer in zip((node["NodeManagerHostname"] for node in alive), answers, strict=True):
        try:
            theirs = ray.get(answer, timeout=max(deadline - time.monotonic(), 0.1))
        except ray.exceptions.GetTimeoutError as error:
            raise InputError(
                f"the node {name} does not answer within {timeout:g} s; is it overloaded?"
            ) from error
        except ray.exceptions.RayError as error:
            raise SettingError(
                f"the node {name} cannot run relscout {mine['relscout']}: {_line(error)}; install it on every node"
            ) from error
        compare(name, mine, theirs, folder)


def compare(name: str, mine: Mapping[str, Any], theirs: Mapping[str, Any], folder: Path) -> None:
    """Compare a node with this machine.

    Args:
        name: Name of the node.
        mine: Versions of this machine.
        theirs: Versions of the node, and whether it sees the folder.
        folder: The working folder.

    Raises:
        SettingError: The node has another version, or cannot see the folder.
    """
    for what in ("relscout", "python", "ray"):
        if theirs[what] != mine[what]:
            raise SettingError(
                f"the node {name} has {what} {theirs[what]}, this machine {mine[what]}; install the same version on "
                "every node"
            )
    if not theirs["folder"]:
        raise SettingError(
            f"the node {name} cannot see {folder}; name a folder on storage that all nodes share, with --work"
        )


def _described(folder: Path) -> dict[str, Any]:
    return {
        "relscout": version("relscout"),
        "python": platform.python_version(),
        "ray": version("ray"),
        "folder": folder.is_dir(),
    }


def worked(
    ray: Ray,
    function: Callable[..., Any],
    items: Iterable[Item],
    *shared: Any,
    stage: str,
    workers: int | None = None,
) -> Iterator[tuple[Item, Any]]:
    """Yield each item with what a function returns for it on a worker, in the order in which they are done.

    A worker has one item at a time, so that a slow worker delays nothing but its own item, and nothing more is held in
    memory. If it dies, the item is done again, up to three times. Ray keeps the processes, so that a function may keep
    what it has loaded.

    Args:
        ray: The connected Ray.
        function: Called with an item and what is shared.
        items: The items.
        shared: Further arguments, or references to them.
        stage: What the work is called in errors.
        workers: Number of items in work; by default as many as there are GPUs or, without any, CPUs.

    Yields:
        The item, and the result or a :class:`Failure` if the workers of the item died again and again.

    Raises:
        RelscoutError: The function raised an error, or Ray failed.
    """
    if isinstance(ray, Here):
        for item in items:
            yield item, function(item, *shared)
        return
    with errors_of(ray, stage):
        yield from _worked(ray, function, items, shared, workers)


def _worked(
    ray: ModuleType,
    function: Callable[..., Any],
    items: Iterable[Item],
    shared: Sequence[Any],
    workers: int | None,
) -> Iterator[tuple[Item, Any]]:
    resources = ray.cluster_resources()
    gpus, cpus = int(resources.get("GPU", 0)), max(int(resources.get("CPU", 1)), 1)
    number = workers or gpus or cpus
    share = {"num_gpus": min(1.0, gpus / number)} if gpus else {"num_cpus": min(1.0, cpus / number)}
    # without max_calls, Ray ends a process with a GPU after every call
    remote = ray.remote(**share, max_retries=_RETRIES, max_calls=0)(function)
    running: dict[Any, Item] = {}
    stream = iter(items)
    while True:
        for item in islice(stream, number - len(running)):
            running[remote.remote(item, *shared)] = item
        if not running:
            return
        (done,), _ = ray.wait(list(running), num_returns=1)
        item = running.pop(done)
        try:
            result = ray.get(done)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            times = _RETRIES + 1
            result = Failure(
                "unknown",
                f"the worker died {times} times ({_line(error)}); is there too little memory?",
                "input",
            )
        yield item, result
