"""The interface of the review application, below ``/review``, and the files of its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from relscout.core.errors import InputError
from relscout.discovery.decisions import FORMAT, VERSION
from relscout.io.writers.jsonl import fact_record
from relscout.report import asset
from relscout.serve.guard import HTTPError
from relscout.serve.review.questions import questions
from relscout.serve.review.schemas import (
    DecideRequest,
    DecideResponse,
    EntitiesPage,
    Events,
    FactsPage,
    Graph,
    MapView,
    Overview,
    Proposal,
    Question,
    Questions,
    Sentence,
    Sentences,
    SplitRequest,
    Work,
    WorkRequest,
)
from relscout.serve.review.state import BusyError, ConflictError, Review
from relscout.serve.review.views import Order, View
from relscout.serve.review.work import Worker

#: The page, and what it loads; they hold nothing of the run, so that they need no key.
PAGE = "/review"
_SCRIPTS = ("theme.js", "review.js", "pictures.js")
ASSETS = frozenset({PAGE, *(f"{PAGE}/{name}" for name in ("style.css", *_SCRIPTS))})
#: Nothing inline, and nothing from elsewhere. Colours of relations are set by the script as properties.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_MOST = 200
#: Seconds to wait for the parts of a relation.
_SECONDS = 60

Relation = Annotated[int, Path(ge=-1, le=2**53)]
Offset = Annotated[int, Query(ge=0, le=10**9)]
Limit = Annotated[int, Query(ge=1, le=_MOST)]
Since = Annotated[int, Query(ge=0, le=2**53)]


class _ConflictRefusalError(HTTPError):
    """The refusal of a decision, with the decision that it conflicts with."""

    def __init__(self, error: ConflictError, view: View) -> None:
        text = view.sentence_about(error.entry)
        super().__init__(409, "conflict", f"not saved, because another tab decided meanwhile: {text}")
        self.number = error.entry.number

    def content(self) -> dict[str, Any]:
        """Return the body as JSON values."""
        return {**super().content(), "decision": self.number}


def router_of(review: Review, worker: Worker) -> APIRouter:
    """Return the routes of a review; the worker does what takes time."""
    router = APIRouter(prefix=PAGE, tags=["review"])

    latest: list[View] = []

    def view() -> View:
        state = review.state
        if not latest or latest[0].state is not state:
            latest[:] = [View(state, review.base)]
        return latest[0]

    @router.get("", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(_file("review.html"), headers={"content-security-policy": _POLICY})

    @router.get("/style.css", include_in_schema=False)
    def style() -> Response:
        return Response(f"{asset('style.css')}\n{_file('review.css')}", media_type="text/css; charset=utf-8")

    @router.get("/{name}.js", include_in_schema=False)
    def script(name: Annotated[str, Path(pattern="^[a-z]+$")]) -> Response:
        if f"{name}.js" not in _SCRIPTS:
            raise HTTPError(404, "not_found", "there is no such script")
        return Response(_file(f"{name}.js"), media_type="text/javascript; charset=utf-8")

    @router.get("/api/overview", summary="Return all relations and decisions")
    def overview() -> Overview:
        return view().overview(review.fingerprint)

    @router.get("/api/events", summary="Return the entries of the log after a number")
    def events(after: Since = 0) -> Events:
        now = view()
        return Events(state=now.state.number, entries=now.entries(after=after))

    @router.get("/api/relations/{relation}/sentences", summary="Return sentences of a relation; -1 for none")
    def sentences(
        relation: Relation, order: Order = "doubtful", offset: Offset = 0, limit: Limit = 50
    ) -> Sentences:
        now = view()
        if relation >= 0:
            _checked(now, relation)
        return now.sentences(relation, order=order, offset=offset, limit=limit)

    @router.get("/api/sentence", summary="Return a sentence by its id")
    def sentence(id: Annotated[str, Query(max_length=10_000)]) -> Sentence:
        now = view()
        if id not in now.rows_by_id:
            raise HTTPError(404, "not_found", "there is no such sentence")
        return now.sentence(now.rows_by_id[id])

    @router.get("/api/map", summary="Return sentences in the plane, similar ones near each other")
    def sentence_map() -> MapView:
        return view().map(worker.pool.instances, worker.places, worker.places_error)

    @router.get("/api/entities", summary="Return entities, those with most facts first")
    def entities(
        search: Annotated[str, Query(max_length=1_000)] = "", offset: Offset = 0, limit: Limit = 50
    ) -> EntitiesPage:
        return view().entities(search=search, offset=offset, limit=limit)

    @router.get("/api/graph", summary="Return the most connected entities")
    def graph() -> Graph:
        return view().graph

    @router.get("/api/facts", summary="Return facts with their sentences")
    def facts(
        relation: Annotated[int | None, Query(ge=0, le=2**53)] = None,
        search: Annotated[str, Query(max_length=1_000)] = "",
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> FactsPage:
        return view().facts(relation=relation, search=search, offset=offset, limit=limit)

    @router.post("/api/decisions", summary="Add a decision; the answer comes when it is on disk")
    def decide(request: DecideRequest) -> DecideResponse:
        try:
            entry = review.decide(
                request.step.model_dump(exclude_none=True),
                author=request.author,
                state=request.state,
                key=request.key,
            )
        except ConflictError as error:
            raise _ConflictRefusalError(error, view()) from error
        except InputError as error:
            raise HTTPError(422, "invalid", str(error)) from error
        except BusyError as error:
            raise _busy(error) from error
        now = view()
        (made,) = [made for made in now.entries(after=entry.number - 1) if made.number == entry.number]
        return DecideResponse(entry=made, state=now.state.number)

    @router.get("/api/decisions.json", summary="Return the decisions in the form that 'relscout apply' reads")
    def export() -> Response:
        decisions = review.export()
        record = {
            "format": FORMAT,
            "version": VERSION,
            "run": decisions.run,
            "decisions": [dict(step) for step in decisions.steps],
        }
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        return Response(text, media_type="application/json", headers=_download("decisions.json"))

    @router.get("/api/facts.jsonl", summary="Return all facts as JSON Lines")
    def all_facts() -> StreamingResponse:
        listed = review.state.run.facts()

        def lines() -> Iterator[str]:
            for fact in listed:
                yield json.dumps(fact_record(fact), ensure_ascii=False) + "\n"

        return StreamingResponse(
            lines(), media_type="application/jsonl; charset=utf-8", headers=_download("facts.jsonl")
        )

    @router.get("/api/questions", summary="Return the sentences whose answers would say most about others")
    def ask(
        skip: Annotated[list[str] | None, Query(max_length=1_000)] = None,
        limit: Annotated[int, Query(ge=1, le=20)] = 5,
    ) -> Questions:
        now, pool = view(), worker.pool
        return Questions(
            state=now.state.number,
            ready=pool.vectors is not None,
            error=worker.places_error,
            questions=[
                Question(
                    sentence=now.sentence(asked.row),
                    alternatives=list(asked.alternatives),
                    informs=asked.informs,
                )
                for asked in questions(now.run, pool, skipped=frozenset(skip or ()), limit=limit)
            ],
        )

    @router.post("/api/splits", summary="Propose parts of a relation; nothing is changed")
    def propose(request: SplitRequest) -> Proposal:
        _checked(view(), request.relation)
        try:
            return worker.propose_split(request.relation, request.into).result(_SECONDS)
        except InputError as error:
            raise HTTPError(422, "invalid", str(error)) from error
        except TimeoutError:
            raise _busy(BusyError("the model is in use")) from None

    @router.get("/api/work", summary="Return the status of the task in the background")
    def work() -> Work:
        return worker.status

    @router.post(
        "/api/work", summary="Preview a transfer or recalibration by the judgements, or save the new run"
    )
    def start(request: WorkRequest) -> Work:
        try:
            return worker.start(request.task)
        except BusyError as error:
            raise _busy(error) from error

    return router


def _busy(error: BusyError) -> HTTPError:
    return HTTPError(503, "busy", f"{error}; try again later", retry_after="2")


def _checked(view: View, relation: int) -> None:
    try:
        view.run.relation(relation)
    except InputError:
        raise HTTPError(404, "not_found", f"there is no relation {relation} now") from None


def _download(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


@cache
def _file(name: str) -> str:
    return files("relscout.serve.review").joinpath("templates", name).read_text(encoding="utf-8")
