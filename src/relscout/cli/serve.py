"""``relscout serve``: answer requests over HTTP with a run."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relscout.cli import options
from relscout.cli.options import PlainText
from relscout.cli.reading import Reading
from relscout.cli.screen import say
from relscout.core.errors import SettingError

if TYPE_CHECKING:
    from relscout.encoders import VectorCache
    from relscout.serve.review.work import Worker

#: Environment variable with the API key. It is no option, because other users of a machine see those.
KEY = "RELSCOUT_API_KEY"


@options.grouped
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'discover' or 'lab finetune'.")],
    host: Annotated[str, typer.Option(metavar="NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 for a free one.")] = 8000,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Longest time until an answer.")] = 30.0,
    queue: Annotated[int, typer.Option(metavar="N", min=1, help="Most requests that wait.")] = 128,
    max_wait: Annotated[float, typer.Option(metavar="SECONDS", help="Refuse longer waits (429).")] = 5.0,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Most requests encoded together.")] = 16,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Threads of the model.")] = 1,
    max_characters: Annotated[
        int, typer.Option(metavar="N", min=1, help="Longest text of a request.")
    ] = 100_000,
    max_pairs: Annotated[int, typer.Option(metavar="N", min=1, help="Most marked pairs of a request.")] = 256,
    max_bytes: Annotated[
        int, typer.Option(metavar="N", min=1, help="Largest body of a request.")
    ] = 1_000_000,
    review: Annotated[bool, typer.Option("--review", help="Also serve the review page.")] = False,
    review_log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for the decisions.", show_default="RUN.review.sqlite"),
    ] = None,
    allow_unknown_tokens: options.AllowUnknownTokens = False,
    *,
    text: PlainText,
    arithmetic: options.Arithmetic,
    caching: options.Caching,
) -> None:
    """Answer requests over HTTP with a run (extra 'serve').

    POST /extract returns what 'relscout extract' writes; /docs describes it, /health and /metrics are for
    supervisors. Requests that wait are encoded together. The server ends at Ctrl-C or SIGTERM, after the requests
    that have arrived are answered. With --review, you can judge and correct the relations, sentences and
    facts of the run at /review. Every decision is kept in a file next to the run; 'relscout apply' replays exported
    decisions.
    """
    from relscout.serve import Limits, check_installed

    check_installed()
    from relscout.discovery.extraction import load_extractor
    from relscout.encoders.settings import use_threads
    from relscout.serve.api import Service
    from relscout.serve.extraction import BatchExtractor
    from relscout.serve.guard import is_loopback
    from relscout.serve.server import listening, url_of
    from relscout.serve.server import run as run_server

    limits = Limits(
        body=max_bytes,
        characters=max_characters,
        records=max_pairs,
        queue=queue,
        wait=max_wait,
        batch=batch,
        timeout=timeout,
    )
    key = os.environ.get(KEY) or None
    if key is None and not is_loopback(host):
        raise SettingError(
            f"--host {host} lets other machines in, which needs an API key; set the environment variable {KEY} to a "
            "long random text"
        )
    if review_log is not None and not review:
        raise SettingError("--review-log needs --review; add --review, or leave --review-log out")
    reading = Reading(text=text)
    use_threads(threads)
    extractor = load_extractor(run)
    arithmetic.apply(extractor)
    annotators = {english: reading.annotator(english=english) for english in (True, False)}
    answering = BatchExtractor(
        extractor,
        annotators.__getitem__,
        reading.pairing,
        english=text.spacy is not None,
        allow_unknown_tokens=allow_unknown_tokens,
    )
    # a run that cannot answer is an error now, rather than for every request
    answering.prepare()
    with contextlib.ExitStack() as stack:
        worker = None
        if review:
            vectors, _ = stack.enter_context(caching.opened())
            worker = _worker(run, review_log, vectors)
        listener = stack.enter_context(listening(host, port))
        service = Service(answering, limits, host, key, worker)
        at = (
            "the review page is at /review, the interface at /docs" if review else "its interface is at /docs"
        )
        say(f"serving {run} at {url_of(listener)}; {at}; end with Ctrl-C")
        run_server(service, listener)
    say("all requests answered; server ended")


def _worker(run: Path, log: Path | None, vectors: VectorCache | None) -> Worker:
    """Open the review of a run, with a model of its own, and start to compute vectors."""
    from relscout.discovery import Discovery
    from relscout.discovery.storage import RUN
    from relscout.encoders import use_cache
    from relscout.serve.review.state import Review
    from relscout.serve.review.work import Worker

    folder = run.resolve()
    if not (folder / RUN).is_file():
        raise SettingError(f"--review is for a run of 'relscout discover'; {run} holds something else")
    discovery = Discovery.load(folder)
    use_cache(discovery.model.encoder, vectors)
    worker = Worker(Review(discovery, log or folder.with_name(f"{folder.name}.review.sqlite")), folder)
    worker.start("vectors")
    return worker
