"""The page of a run of 10,000 instances: how long it takes to build, how large it is, how soon a browser shows it.

Building is timed without the projection, whose time is separate. In the browser: the first paint, when the page
answers, when its library is there, and how long it takes to answer a search, to draw the map, and to hide a relation.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.records import write_result
from relscout import TransformerEncoder, VectorCache, discover
from relscout.lab.protocols import load
from relscout.report import content, write_report
from relscout.report.content import projected


def run(data: Path, cache: VectorCache, *, instances: int, runs: int) -> None:
    """Measure and write the result."""
    corpus = list(load("fewrel-unsupervised", data).fitted)[:instances]
    found = discover(
        corpus,
        n_relations=16,
        encoder=TransformerEncoder(cache=cache),
        settings={"start": "k-means++", "n_init": 1},
    )
    gold = {one.id: str(one.relation) for one in corpus if one.relation is not None}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        for _ in range(runs):
            took = 0.0

            def timed(*given: Any, **named: Any) -> Any:
                nonlocal took
                began = time.perf_counter()
                plane = projected(*given, **named)
                took += time.perf_counter() - began
                return plane

            began = time.perf_counter()
            with patch.object(content, "projected", timed):
                write_report(found, path, gold=gold or None)
            whole = time.perf_counter() - began
            rows.append(
                {
                    "seconds": round(whole - took, 2),
                    "projection_seconds": round(took, 2),
                    "mb": round(path.stat().st_size / 1e6, 2),
                    **in_browser(path),
                }
            )
            print(rows[-1], flush=True)
    details = {"note": " ".join(str(__doc__).split()), "instances": len(corpus), "rows": rows}
    print(f"written to {write_result('report-speed', details)}")


def in_browser(path: Path) -> dict[str, float]:
    """Return milliseconds in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--no-proxy-server"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        began = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        answers = time.perf_counter() - began
        page.wait_for_selector("body[data-ready=pictures]")
        library = time.perf_counter() - began
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        search = page.evaluate(
            """() => { const box = document.getElementById('search'); const begun = performance.now();
            box.value = 'river'; box.dispatchEvent(new Event('input')); document.body.offsetHeight;
            return performance.now() - begun; }"""
        )
        page.fill("#search", "")
        began = time.perf_counter()
        page.locator("#map-plot").scroll_into_view_if_needed()
        page.wait_for_selector("#map-plot[data-drawn=yes]")
        drawn = time.perf_counter() - began
        hidden = page.evaluate(
            """async () => { const begun = performance.now();
            await Plotly.restyle('map-plot', { visible: 'legendonly' }, [0]); return performance.now() - begun; }"""
        )
        browser.close()
    return {
        "first_paint_ms": round(paint),
        "answers_ms": round(answers * 1000),
        "library_ms": round(library * 1000),
        "search_ms": round(search, 1),
        "map_ms": round(drawn * 1000),
        "hide_ms": round(hidden),
    }
