"""The HTTP interface: ``POST /extract``, ``/health``, ``/metrics``, and the page that describes it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from relscout.core.errors import UnknownNameError
from relscout.io.writers.jsonl import record
from relscout.serve import Limits
from relscout.serve.batching import Batcher, ClosedError, QueueFullError
from relscout.serve.extraction import Answer, BatchExtractor, Job, RefusedError
from relscout.serve.guard import App, Guard, HTTPError, internal, is_loopback
from relscout.serve.review.api import ASSETS, router_of
from relscout.serve.review.work import Worker
from relscout.serve.schemas import ErrorResponse, ExtractRequest, ExtractResponse, Health

_PATHS = ("/", "/docs", "/extract", "/health", "/metrics", "/openapi.json")
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS"})
#: Edges of the histogram of latencies, in seconds.
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_ERRORS = {
    400: "Not JSON.",
    401: "No API key, or a wrong one.",
    403: "From a page of another origin, or for another host.",
    413: "Too large: the body, a text, or the number of pairs.",
    422: "A field is unknown, missing or wrong.",
    429: "Too many requests wait, or for too long; `Retry-After` says when to come back.",
    503: "The server is shutting down.",
    504: "No answer in time.",
}
#: What a text costs next to its characters, in characters.
_WORK_OF_TEXT = 50
_KNOWN_FIELDS = tuple(ExtractRequest.model_fields)


class Metrics:
    """Counts, latencies and the length of the queue, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "relscout_requests",
            "Requests answered",
            ("method", "path", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "relscout_extract_seconds",
            "Time from an extract request to its answer",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batches = Histogram(
            "relscout_batch_requests",
            "Requests encoded together",
            buckets=_BATCHES,
            registry=self.registry,
        )
        self.triples = Counter("relscout_triples", "Triples returned", registry=self.registry)
        self.waiting = Gauge("relscout_queue_length", "Requests that wait", registry=self.registry)

    def note_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request; what clients make up gets one label, so that the number of series is bounded."""
        known = path if path in _PATHS else "other"
        self.requests.labels(method if method in _METHODS else "other", known, str(status)).inc()
        if known == "/extract" and status == 200:
            self.seconds.observe(seconds)


@dataclass
class Service:
    """A run that answers requests: its queue, its metrics and its ASGI application.

    Args:
        extractor: Answers the requests.
        limits: Sizes and times.
        host: The host to bind to; it decides which requests are refused.
        key: The API key that requests must have; ``None`` for none.
        worker: Does the work of the review of the run, if people may change it.
    """

    extractor: BatchExtractor
    limits: Limits = field(default_factory=Limits)
    host: str = "127.0.0.1"
    key: str | None = None
    worker: Worker | None = None

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.batcher: Batcher[ExtractRequest, Job, Answer] = Batcher(
            self.extractor.read,
            self.extractor.answer,
            capacity=self.limits.queue,
            most=self.limits.batch,
            size=_work,
            longest_wait=self.limits.wait,
            prepare=self.extractor.prepare,
            on_batch=self.metrics.batches.observe,
        )
        self.metrics.waiting.set_function(lambda: self.batcher.waiting)
        self.app: App = Guard(
            _application(self),
            self.limits,
            self.key,
            is_loopback(self.host),
            self.metrics.note_request,
            ASSETS if self.worker is not None else frozenset(),
        )

    @property
    def version(self) -> str:
        """What the triples are attributed to."""
        return self.extractor.extractor.version

    def close(self) -> None:
        """Accept no more requests, answer those that wait, and release the threads of the models."""
        self.batcher.close()
        if self.worker is not None:
            self.worker.close()
            self.worker.review.close()

    async def answer(self, request: ExtractRequest) -> Answer:
        """Return the answer of a request.

        Raises:
            HTTPError: It is too large or wrong, the queue is full, the server closes, or the time is up.
        """
        self._check_size(request)
        try:
            future = self.batcher.submit(request)
        except QueueFullError as error:
            raise HTTPError(
                429,
                "queue_full",
                f"{error}; try again later",
                retry_after=str(max(1, math.ceil(error.seconds))),
            ) from None
        except ClosedError:
            raise HTTPError(503, "shutting_down", "the server is shutting down") from None
        return await self._result(future)

    async def _result(self, future: Future[Answer]) -> Answer:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.limits.timeout)
        except TimeoutError:
            raise HTTPError(
                504,
                "timeout",
                f"no answer within {self.limits.timeout:g} s; send less text, or try again later",
            ) from None
        except RefusedError as error:
            raise HTTPError(422, "invalid", str(error)) from None
        except asyncio.CancelledError:
            raise
        except Exception:
            # the batch has logged it; the message may name files
            raise internal() from None

    def _check_size(self, request: ExtractRequest) -> None:
        given = request.pairs or ()
        if len(given) > self.limits.records:
            raise HTTPError(
                413,
                "too_many_pairs",
                f"{len(given)} pairs in one request; at most {self.limits.records} are allowed",
            )
        length = len(request.text or "") + sum(len(pair.text) for pair in given)
        if length > self.limits.characters:
            raise HTTPError(
                413,
                "text_too_long",
                f"{length:,} characters in one request; at most {self.limits.characters:,} are allowed",
            )


def _work(request: ExtractRequest) -> int:
    """Return what the time of a request is roughly proportional to: characters, and some for each text."""
    texts = [request.text or "", *(pair.text for pair in request.pairs or ())]
    return sum(len(text) + _WORK_OF_TEXT for text in texts)


def _application(service: Service) -> FastAPI:
    app = FastAPI(
        title="relscout",
        version=service.version,
        description="Relations of a run, applied to new text.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses={status: {"model": ErrorResponse, "description": text} for status, text in _ERRORS.items()},
    )
    metrics = service.metrics

    @app.post(
        "/extract",
        summary="Return the triples of a text, or of marked pairs",
        response_model=ExtractResponse,
    )
    async def extract(request: ExtractRequest) -> JSONResponse:
        answer = await service.answer(request)
        metrics.triples.inc(len(answer.triples))
        # a response, so that what is known to fit the model is not validated again
        return JSONResponse(
            {
                "run": service.version,
                "triples": list(map(record, answer.triples)),
                "warnings": list(answer.warnings),
            }
        )

    @app.get("/health", summary="Whether requests are answered", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        ready = service.batcher.is_ready
        response.status_code = 200 if ready else 503
        return Health(status="ready" if ready else "not ready", run=service.version)

    @app.get("/metrics", summary="Metrics in the text format of Prometheus", response_class=Response)
    async def metrics_page() -> Response:
        # the version of the text format that every Prometheus reads
        return Response(
            generate_latest(metrics.registry), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    if service.worker is not None:
        app.include_router(router_of(service.worker.review, service.worker))

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_page(app.openapi(), service.limits))

    @app.exception_handler(HTTPError)
    async def refused(_: Request, error: HTTPError) -> JSONResponse:
        return JSONResponse(error.content(), error.status, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        problem = _problem(error.errors(), extract=request.url.path == "/extract")
        return JSONResponse(problem.content(), problem.status)

    for status, text in (
        (400, "the body is not JSON"),
        (404, "there is no such path; see /docs"),
        (405, "this path does not allow this method; see /docs"),
    ):
        app.exception_handler(status)(_answering(HTTPError(status, _CODES[status], text)))
    return app


_CODES = {400: "not_json", 404: "not_found", 405: "not_allowed"}


def _answering(error: HTTPError) -> Any:
    async def answer(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse(error.content(), error.status)

    return answer


def _problem(errors: Sequence[Any], *, extract: bool) -> HTTPError:
    """Return the error for what a request has wrong, the first few of it; ``extract``: it was to ``/extract``."""
    if any(error["type"] == "json_invalid" for error in errors):
        return HTTPError(400, "not_json", "the body is not JSON; expected an object such as {'text': '…'}")
    texts = []
    for error in errors[:3]:
        place = ".".join(str(part) for part in error["loc"] if part != "body") or "the body"
        if error["type"] == "extra_forbidden":
            name = str(error["loc"][-1])[:80]
            if extract and len(error["loc"]) == 2:
                texts.append(str(UnknownNameError("field", name, _KNOWN_FIELDS)))
            else:
                texts.append(f"unknown field {name!r} in {place.rpartition('.')[0] or 'the body'}")
        else:
            texts.append(f"{place[:80]}: {error['msg'].removeprefix('Value error, ')}")
    return HTTPError(422, "invalid", "; ".join(texts))


def _page(schema: dict[str, Any], limits: Limits) -> str:
    """Return the page that describes an OpenAPI schema; it has no script, and loads nothing from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("relscout.serve"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("docs.html.j2").render(
        schema=schema, limits=limits, models=schema["components"]["schemas"], errors=_ERRORS
    )
