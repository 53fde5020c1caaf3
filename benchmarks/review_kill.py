"""Kills the server of a review at random moments while two clients decide, and looks for decisions that got lost.

Each round starts the server on the log of the round before, in a process of its own, and ends it with SIGKILL. Like
the page, a client repeats a decision that was not acknowledged under the same key. Every acknowledged decision must be
in the log of the next round, and no decision may be there twice.
"""

from __future__ import annotations

import multiprocessing
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from benchmarks.records import write_result
from relscout.discovery import Discovery
from relscout.discovery.extraction import RunExtractor
from relscout.discovery.relation import fingerprint
from relscout.serve.api import Service
from relscout.serve.extraction import BatchExtractor
from relscout.serve.review.log import DecisionLog
from relscout.serve.review.state import Review
from relscout.serve.review.work import Worker
from relscout.serve.server import server_of
from relscout.text.gazetteer import Gazetteer

_CODE = "from relscout.cli import main; main()"
#: Longest time between the first answer of a server and its end, in seconds.
_LONGEST = 0.8
_CLIENTS = 2


def run(folder: Path | None, *, kills: int, seed: int) -> None:
    """Kill servers, and write how many decisions were acknowledged and lost.

    Args:
        folder: The run; by default that of ``relscout demo`` is made first.
        kills: Number of rounds.
        seed: Random seed of the moments.

    Raises:
        subprocess.CalledProcessError: No run could be made.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        if folder is None:
            folder = Path(place) / "run"
            demo = [sys.executable, "-c", _CODE, "demo", "--out", str(folder)]
            subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
        discovery, log = Discovery.load(folder), Path(place) / "log.sqlite"
        (Path(place) / "names.tsv").write_text("Nobody\tPERSON\n")
        gazetteer = Gazetteer.load(Path(place) / "names.tsv")
        clients = [_Client(f"client {number}", discovery) for number in range(_CLIENTS)]
        lost: set[str] = set()
        repeated = 0
        for number in range(kills):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                process = multiprocessing.get_context("fork").Process(
                    target=_serve, args=(discovery, folder, log, gazetteer, listener)
                )
                process.start()
                address = f"http://127.0.0.1:{listener.getsockname()[1]}"
                threads = [threading.Thread(target=client.decide, args=(address,)) for client in clients]
                acknowledged = sum(len(client.acknowledged) for client in clients)
                for thread in threads:
                    thread.start()
                while sum(len(client.acknowledged) for client in clients) == acknowledged:
                    time.sleep(0.002)
                time.sleep(draw.uniform(0, _LONGEST))
                process.kill()
                process.join()
            for thread in threads:
                thread.join()
            reader = DecisionLog(log, fingerprint(discovery.relations))
            keys = Counter(entry.key for entry in reader.entries())
            reader.close()
            lost |= {key for client in clients for key in client.acknowledged if key not in keys}
            repeated = sum(count - 1 for count in keys.values())
            print(
                f"kill {number + 1}: {sum(keys.values())} decisions in the log, {len(lost)} lost", flush=True
            )
        acknowledged = sum(len(client.acknowledged) for client in clients)
    result = {"kills": kills, "acknowledged": acknowledged, "lost": len(lost), "repeated": repeated}
    print(result)
    print(f"written to {write_result('review-kill', {'seed': seed, **result})}")


class _Client:
    """Renames relations, each under a new key, until the server is gone."""

    def __init__(self, name: str, discovery: Discovery) -> None:
        self.name, self.acknowledged = name, []
        self._relations = [relation.id for relation in discovery.relations]
        self._pending: str | None = None

    def decide(self, address: str) -> None:
        """Send decisions one after the other; the one that was not acknowledged is sent first next time."""
        with httpx.Client(base_url=address, timeout=30) as http:
            while True:
                number = len(self.acknowledged)
                self._pending = self._pending or f"{self.name}, {number}"
                relation = self._relations[number % len(self._relations)]
                body = {
                    "step": {"rename": relation, "to": self._pending},
                    "author": "the same",
                    "state": 0,
                    "key": self._pending,
                }
                try:
                    answer = http.post("/review/api/decisions", json=body)
                except httpx.TransportError:
                    return
                answer.raise_for_status()
                self.acknowledged.append(self._pending)
                self._pending = None


def _serve(
    discovery: Discovery, folder: Path, log: Path, gazetteer: Gazetteer, listener: socket.socket
) -> None:
    worker = Worker(Review(discovery, log), folder)
    service = Service(BatchExtractor(RunExtractor(discovery), lambda _: gazetteer), worker=worker)
    server_of(service).run(sockets=[listener])
