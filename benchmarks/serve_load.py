"""``relscout serve`` under load: latencies, throughput, errors, and the memory of its process."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.records import write_result
from relscout.text import sentence_spans
from relscout.text.corpus import bundled_corpus

_CODE = "from relscout.cli import main; main()"
#: Seconds in which the server must be ready, and between two looks at its memory.
_START, _LOOK = 300, 1.0


def run(folder: Path | None, *, clients: int, seconds: float) -> None:
    """Send single sentences from some clients, each waiting for its answer, and write what was measured.

    The clients share the processors with the server, so latencies include their work.

    Args:
        folder: The run; by default that of ``relscout demo`` is made first.
        clients: Number of clients.
        seconds: How long they send.

    Raises:
        subprocess.CalledProcessError: No run could be made.
        RuntimeError: The server did not start.
    """
    with tempfile.TemporaryDirectory() as place:
        if folder is None:
            folder = Path(place) / "run"
            demo = [sys.executable, "-c", _CODE, "demo", "--out", str(folder)]
            subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        served = [sys.executable, "-c", _CODE, "serve", str(folder), "--port", str(port)]
        process = subprocess.Popen(served)
        try:
            measured = asyncio.run(_load(f"http://127.0.0.1:{port}", process, clients, seconds))
        finally:
            process.send_signal(signal.SIGTERM)
            measured_end = time.perf_counter()
            code = process.wait(60)
        measured["shutdown"] = {"code": code, "seconds": round(time.perf_counter() - measured_end, 2)}
    path = write_result("serve-load", measured)
    print(
        f"{measured['requests_per_second']} requests/s, p50 {measured['p50_ms']} ms, p95 {measured['p95_ms']} ms, "
        f"statuses {measured['statuses']}, memory {measured['memory_mib']} MiB; written to {path}"
    )


async def _load(
    url: str, process: subprocess.Popen[bytes], clients: int, seconds: float
) -> dict[str, object]:
    sentences = list(
        dict.fromkeys(
            instance.text[start:end]
            for instance in bundled_corpus()
            for start, end in sentence_spans(instance.text)
        )
    )
    took: list[float] = []
    statuses: Counter[str] = Counter()
    memory: list[float] = []
    texts = itertools.cycle(sentences)
    limits = httpx.Limits(max_connections=clients + 1)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False) as http:
        await _ready(http, process)
        end = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                started = time.perf_counter()
                try:
                    response = await http.post("/extract", json={"text": next(texts)})
                except httpx.HTTPError as error:
                    statuses[type(error).__name__] += 1
                    continue
                statuses[str(response.status_code)] += 1
                if response.status_code == 200:
                    took.append(time.perf_counter() - started)
                elif response.status_code == 429:
                    await asyncio.sleep(float(response.headers["retry-after"]))

        async def watch() -> None:
            server = psutil.Process(process.pid)
            while time.perf_counter() < end:
                memory.append(server.memory_info().rss / 2**20)
                await asyncio.sleep(_LOOK)

        await asyncio.gather(watch(), *(client() for _ in range(clients)))
        counted = (await http.get("/metrics")).text
    sizes = {
        name: float(value)
        for name, value in (
            line.split(" ") for line in counted.splitlines() if line.startswith("relscout_batch")
        )
    }
    batches = sizes["relscout_batch_requests_count"]
    return {
        "clients": clients,
        "seconds": seconds,
        "processors": os.cpu_count(),
        "load_before": os.getloadavg()[2],
        "requests_per_second": round(len(took) / seconds, 1),
        "p50_ms": round(float(np.percentile(took, 50)) * 1e3) if took else None,
        "p95_ms": round(float(np.percentile(took, 95)) * 1e3) if took else None,
        "statuses": dict(statuses),
        "requests_per_batch": round(sizes["relscout_batch_requests_sum"] / max(batches, 1), 1),
        "memory_mib": [round(value) for value in (memory[0], memory[len(memory) // 2], memory[-1])],
    }


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
