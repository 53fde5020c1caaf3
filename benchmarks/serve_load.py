"""``relscout serve`` under load: latencies, throughput, refusals, and the memory of its process."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.records import write_result
from relscout.discovery import Discovery
from relscout.discovery.extraction import RunExtractor
from relscout.text import sentence_spans
from relscout.text.corpus import bundled_corpus

_CODE = "from relscout.cli import main; main()"
#: Seconds in which the server must be ready, for which a request may take, and between two looks at its memory.
_START, _PATIENCE, _LOOK = 300, 60, 1.0
#: Seconds between two bytes of a slow client.
_PAUSE = 2.0


@dataclass(frozen=True)
class Load:
    """What is sent to the server.

    Args:
        clients: Number of clients.
        seconds: How long they send.
        rate: Requests per second. They arrive evenly, whatever the answers take; a latency begins when a request is
            due, and there are more connections than clients if answers take long. ``None`` means that each client
            sends its next request when it has the answer to the last, or after the pause that a refusal asks for.
        slow: Number of clients that send nothing, or one byte now and then, and come back when they are cut off.
        options: Options of ``relscout serve``.
    """

    clients: int
    seconds: float
    rate: float | None = None
    slow: int = 0
    options: tuple[str, ...] = ()


def run(folder: Path | None, loads: Sequence[Load]) -> None:
    """Start a server for each load, send single sentences, and write what was measured.

    The clients share the processors with the server, so latencies include their work.

    Args:
        folder: The run; by default that of ``relscout demo`` is made first.
        loads: What to send.

    Raises:
        subprocess.CalledProcessError: No run could be made.
        RuntimeError: The server did not start.
    """
    with tempfile.TemporaryDirectory() as place:
        if folder is None:
            folder = Path(place) / "run"
            demo = [sys.executable, "-c", _CODE, "demo", "--out", str(folder)]
            subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
        rows = [_served(folder, load) for load in loads]
        rounding = _rounding(folder)
    path = write_result(
        "serve-load",
        {
            "processors": os.cpu_count(),
            "load_before": round(os.getloadavg()[2], 1),
            "bfloat16": rounding,
            "rows": rows,
        },
    )
    print(f"written to {path}")


def _rounding(folder: Path) -> dict[str, object]:
    """Return how the relations of a run's own pairs change if they are predicted in bfloat16."""
    run = Discovery.load(folder)
    pairs = run.assignments.instances
    exact = run.predict(pairs)
    RunExtractor(run).compute_with(dtype="bfloat16")
    rounded = run.predict(pairs)
    same = exact.relation_ids == rounded.relation_ids
    differences = np.abs(exact.confidences - rounded.confidences)[same & (exact.relation_ids >= 0)]
    return {
        "pairs": len(pairs),
        "with_relation": int((exact.relation_ids >= 0).sum()),
        "changed": int((~same).sum()),
        "largest_difference_of_confidence": round(float(differences.max()), 4),
    }


def _served(folder: Path, load: Load) -> dict[str, object]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", _CODE, "serve", str(folder), "--port", str(port), *load.options]
    process = subprocess.Popen(command)
    try:
        row = asyncio.run(_measured(port, process, load))
    finally:
        process.send_signal(signal.SIGTERM)
        ended = time.perf_counter()
        code = process.wait(60)
    row["shutdown"] = {"code": code, "seconds": round(time.perf_counter() - ended, 2)}
    print(
        f"{row['requests_per_second']} requests/s, p50 {row['p50_ms']} ms, p95 {row['p95_ms']} ms, "
        f"statuses {row['statuses']}, {row['requests_per_batch']} requests a batch, "
        f"{row['cpu_ms_per_request']} ms CPU each, memory {row['memory_mib']} MiB",
        flush=True,
    )
    return row


@dataclass
class _Results:
    """What happened to the requests."""

    statuses: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    def note(self, status: str, seconds: float) -> None:
        self.statuses[status] += 1
        if status == "200":
            self.took.append(seconds)


async def _measured(port: int, process: subprocess.Popen[bytes], load: Load) -> dict[str, object]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE, trust_env=False
    ) as http:
        await _ready(http, process)
        results = _Results()
        memory: list[float] = []
        server = psutil.Process(process.pid)

        async def watch() -> None:
            while True:
                memory.append(server.memory_info().rss / 2**20)
                await asyncio.sleep(_LOOK)

        others = [asyncio.create_task(watch())]
        others += [asyncio.create_task(_slow_client(port, number)) for number in range(load.slow)]
        await asyncio.sleep(_PAUSE if load.slow else 0)
        before = sum(server.cpu_times()[:2])
        await (_closed_loop if load.rate is None else _open_loop)(port, load, _sentences(), results)
        cpu_seconds = sum(server.cpu_times()[:2]) - before
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        batches = dict(
            line.split(" ")
            for line in (await http.get("/metrics")).text.splitlines()
            if line.startswith("relscout_batch_requests_")
        )
    sizes = [float(batches[f"relscout_batch_requests_{what}"]) for what in ("sum", "count")]
    answered = len(results.took)
    return {
        "clients": load.clients,
        "seconds": load.seconds,
        "rate": load.rate,
        "slow_clients": load.slow,
        "options": " ".join(load.options),
        "requests_per_second": round(answered / load.seconds, 1),
        **{
            f"p{share}_ms": round(float(np.percentile(results.took, share)) * 1e3) if answered else None
            for share in (50, 95, 99)
        },
        "statuses": dict(sorted(results.statuses.items())),
        "requests_per_batch": round(sizes[0] / max(sizes[1], 1), 1),
        "cpu_ms_per_request": round(cpu_seconds * 1e3 / max(answered, 1), 1),
        "memory_mib": [round(value) for value in (memory[0], memory[len(memory) // 2], memory[-1])],
    }


async def _closed_loop(port: int, load: Load, bodies: Iterator[bytes], results: _Results) -> None:
    end = time.perf_counter() + load.seconds

    async def client() -> None:
        connection = _Connection(port)
        while (started := time.perf_counter()) < end:
            status, pause = await connection.post(next(bodies))
            results.note(status, time.perf_counter() - started)
            if status == "429":
                await asyncio.sleep(pause)
        connection.close()

    await asyncio.gather(*(client() for _ in range(load.clients)))


async def _open_loop(port: int, load: Load, bodies: Iterator[bytes], results: _Results) -> None:
    if load.rate is None:
        raise ValueError("an open loop needs a rate")
    idle = [_Connection(port) for _ in range(load.clients)]
    for connection in idle:
        await connection.open()

    async def send(due: float) -> None:
        connection = idle.pop() if idle else _Connection(port)
        status, _ = await connection.post(next(bodies))
        results.note(status, time.perf_counter() - due)
        idle.append(connection)

    began = time.perf_counter()
    tasks = []
    for number in range(int(load.rate * load.seconds)):
        due = began + number / load.rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        tasks.append(asyncio.create_task(send(due)))
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()


class _Connection:
    """A connection that costs next to nothing, because clients and server share the processors."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # it was idle for so long that the server closed it
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def post(self, body: bytes) -> tuple[str, float]:
        """Return the status, or the name of an error, and the seconds of ``Retry-After``."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._post(body)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            return type(error).__name__, 0.0

    async def _post(self, body: bytes) -> tuple[str, float]:
        reader, writer = await self.open()
        writer.write(
            b"POST /extract HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        return first.split(" ")[1], float(headers.get("retry-after", 0))


async def _slow_client(port: int, number: int) -> None:
    """Hold a connection: every other client sends nothing, the others a byte of a head now and then."""
    head = itertools.cycle(b"POST /extract HTTP/1.1\r\nX-Slow: " + b"x" * 1000)
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_PAUSE)
            continue
        try:
            while not reader.at_eof():
                if number % 2:
                    writer.write(bytes([next(head)]))
                try:
                    async with asyncio.timeout(_PAUSE):
                        await reader.read(1)
                except TimeoutError:
                    pass
        except OSError:
            pass
        finally:
            writer.close()


def _sentences() -> Iterator[bytes]:
    """Yield the bodies of requests with the sentences of the bundled text, again and again."""
    sentences = dict.fromkeys(
        instance.text[start:end]
        for instance in bundled_corpus()
        for start, end in sentence_spans(instance.text)
    )
    return itertools.cycle([json.dumps({"text": sentence}).encode() for sentence in sentences])


async def _ready(http: httpx.AsyncClient, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_START):
        if process.poll() is not None:
            break
        try:
            if (await http.get("/health")).status_code == 200:
                return
        except httpx.ConnectError:
            pass
        await asyncio.sleep(1)
    raise RuntimeError("the server did not become ready")
