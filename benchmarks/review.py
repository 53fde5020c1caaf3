"""Ten minutes of review, played in a browser: what thirty answers of *Ask me* do to the run of the bundled text.

The reader is played from the gold relations of the bundled corpus. A question about a pair that has none is skipped.
The answer is "yes" if the gold relation of the pair is the most frequent one of the relation that the page names, "no
relation" if the pair is unrelated, and otherwise another relation: one whose most frequent gold relation it is, or a
new one with its name. Then the judgements are transferred and the new run is saved, all in the page. After that,
relatedness is recalibrated by the same answers, and a second run is saved.

B³ F1 is that of ``relscout demo``: of the pairs with a gold relation that the run kept. A fact is right if the gold
relation of its sentences is the most frequent one of its relation, and not "no relation". ``others`` are both without
the pairs that were judged, on the same pairs before and after. ``every_pair`` are both of every pair with a gold
relation that the run kept and nobody judged, with and without the recalibration, which lets pairs in or leaves them
out. The reader skips pairs that nobody marked, most of which are unrelated, so nearly all answers say "related": what
the recalibration makes of them is an upper bound of the pairs that it lets in.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.records import write_result
from relscout.core.instances import NAMES_OF_NONE, RelationInstance
from relscout.discovery import Discovery
from relscout.metrics import score
from relscout.text.corpus import bundled_corpus

_CODE = "from relscout.cli import main; main()"
#: Seconds in which the server must be ready and know the vectors.
_START = 600


def run(folder: Path | None, *, answers: int) -> None:
    """Play a review and write what it changed.

    Args:
        folder: The run of ``relscout demo``; it is made first by default.
        answers: Number of judgements.

    Raises:
        subprocess.CalledProcessError: No run could be made.
        TimeoutError: The server or the page did not answer.
    """
    with tempfile.TemporaryDirectory() as place:
        # the new run appears next to the old one
        copy = Path(place) / "run"
        if folder is None:
            demo = [sys.executable, "-c", _CODE, "demo", "--out", str(copy)]
            subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
        else:
            Discovery.load(folder).save(copy)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        served = [sys.executable, "-c", _CODE, "serve", str(copy), "--review", "--port", str(port)]
        process = subprocess.Popen(served)
        before = Discovery.load(copy)
        gold = _gold(before)
        try:
            played = _play(f"http://127.0.0.1:{port}/review", before, gold, answers)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        after = Discovery.load(Path(place) / "run-reviewed")
        recalibrated = Discovery.load(Path(place) / "run-reviewed-2")
        judged = set(after.run["corrections"]["judged"])
    kept = {
        instance.id
        for instance, id in zip(before.assignments.instances, before.assignments.relation_ids, strict=True)
        if id >= 0 and instance.id in gold
    }
    measured = {
        **played,
        "pairs_with_gold": len(kept),
        "before": _scores(before, gold, kept),
        "after": _scores(after, gold, kept),
        "others_before": _scores(before, gold, kept - judged),
        "others_after": _scores(after, gold, kept - judged),
        "every_pair_after": _kept(after) | _scores(after, gold, gold.keys() - judged),
        "every_pair_recalibrated": _kept(recalibrated) | _scores(recalibrated, gold, gold.keys() - judged),
        "slope_and_shift": [round(value, 3) for value in recalibrated.run["corrections"]["recalibration"]],
    }
    path = write_result("review", measured)
    for name in (
        "before",
        "after",
        "others_before",
        "others_after",
        "every_pair_after",
        "every_pair_recalibrated",
    ):
        print(name, measured[name])
    print(f"written to {path}")


def _gold(run: Discovery) -> dict[str, str]:
    """Return the gold relation of each pair that people marked, by its id."""
    marked = {_place(instance): str(instance.relation) for instance in bundled_corpus()}
    return {
        instance.id: marked[_place(instance)]
        for instance in run.assignments.instances
        if _place(instance) in marked
    }


def _place(instance: RelationInstance) -> tuple[str, frozenset[tuple[int, int]]]:
    return instance.text, frozenset(
        (mention.start, mention.end) for mention in (instance.head, instance.tail)
    )


def _majorities(run: Discovery, gold: dict[str, str], among: Collection[str]) -> dict[int, str]:
    """Return the most frequent gold relation of each relation."""
    counts: dict[int, Counter[str]] = {}
    for instance, id in zip(run.assignments.instances, run.assignments.relation_ids.tolist(), strict=True):
        if id >= 0 and instance.id in among:
            counts.setdefault(id, Counter())[gold[instance.id]] += 1
    return {id: min(of, key=lambda name: (-of[name], name)) for id, of in counts.items()}


def _kept(run: Discovery) -> dict[str, int]:
    """Return the number of all pairs that have a relation, with a gold relation or without, and of all facts."""
    return {"all_pairs": int((run.assignments.relation_ids >= 0).sum()), "all_facts": len(run.facts())}


def _scores(run: Discovery, gold: dict[str, str], among: Collection[str]) -> dict[str, float]:
    ids = run.assignments.relation_ids.tolist()
    by_id = {instance.id: id for instance, id in zip(run.assignments.instances, ids, strict=True)}
    # pairs that the review left out have no relation any more
    left = [id for id in sorted(among) if by_id[id] >= 0]
    clusters = score([by_id[id] for id in left], [gold[id] for id in left])
    majorities = _majorities(run, gold, among)
    right = []
    for fact in run.facts():
        names = {gold[id] for id in fact.evidence if id in among}
        if names:
            wanted = majorities.get(fact.relation_id)
            right.append(wanted in names and str(wanted).casefold() not in NAMES_OF_NONE)
    return {
        "pairs": len(left),
        "b3_f1": round(clusters.b3_f1, 4),
        "facts": len(right),
        "fact_precision": round(float(np.mean(right)), 4),
    }


def _play(address: str, run: Discovery, gold: dict[str, str], answers: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    majorities = _majorities(run, gold, gold.keys())
    given: Counter[str] = Counter()
    _until(lambda: _vectors_known(address), _START)
    with sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=_chromium(), args=["--no-sandbox", "--no-proxy-server"]
        )
        page = chromium.new_page()
        page.goto(f"{address}#ask")
        page.wait_for_selector("body[data-ready=yes]")
        began = time.perf_counter()
        while given.total() - given["skipped"] < answers:
            card = page.wait_for_selector("article.question", timeout=60_000)
            id, relation = card.get_attribute("data-id"), int(card.get_attribute("data-relation"))
            given[_answer(page, id, relation, gold, majorities)] += 1
            _until(
                lambda last=id: (
                    page.locator("article.question").get_attribute("data-id", timeout=60_000) != last
                )
            )
        seconds = time.perf_counter() - began
        _until(lambda: page.locator("#unsaved").is_hidden())
        page.keyboard.press("5")
        page.keyboard.press("t")
        page.wait_for_selector("#moves", timeout=300_000)
        moves = page.inner_text("#moves")
        page.locator("#accept").click()
        _until(lambda: "transferred" in page.inner_text("#news"), 300)
        page.keyboard.press("w")
        page.wait_for_selector("#saved", timeout=300_000)
        page.keyboard.press("c")
        page.wait_for_selector("#calibration", timeout=300_000)
        calibration = f"{page.inner_text('#calibration')} {page.inner_text('#moves')}"
        page.locator("#accept").click()
        _until(lambda: "recalibrated" in page.inner_text("#news"), 300)
        page.keyboard.press("w")
        _until(lambda: "run-reviewed-2" in page.locator("#result").inner_text(), 300)
        chromium.close()
    return {
        "answers": dict(given),
        "answering_seconds": round(seconds, 1),
        "moves": moves,
        "calibration": calibration,
    }


def _answer(page: Any, id: str, relation: int, gold: dict[str, str], majorities: dict[int, str]) -> str:
    """Answer a question, and return how."""
    if id not in gold:
        page.keyboard.press("k")
        return "skipped"
    wanted = gold[id]
    if wanted.casefold() in NAMES_OF_NONE:
        page.keyboard.press("n")
        return "no relation"
    if majorities.get(relation) == wanted:
        page.keyboard.press("y")
        return "yes"
    page.keyboard.press("m")
    known = {int(option.get_attribute("value")) for option in page.locator("#other-relation option").all()}
    fitting = [number for number in majorities if majorities[number] == wanted and number in known]
    if fitting:
        page.select_option("#other-relation", str(fitting[0]))
    else:
        # a name that an earlier answer gave is that relation
        page.fill("#other-name", wanted)
    page.locator("#dialog-yes").click()
    return "another relation" if fitting else "new relation"


def _vectors_known(address: str) -> bool:
    try:
        work = httpx.get(f"{address}/api/work", timeout=10).json()
    except httpx.TransportError:
        return False
    return bool(work["task"] == "vectors" and work["state"] == "done")


def _chromium() -> str | None:
    import shutil

    return shutil.which("chromium") or shutil.which("chromium-browser")


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the page did not answer in time")
        time.sleep(0.05)
