"""The interface of the review application: what it shows, accepts and refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions
from relscout.report.content import projected
from relscout.serve.api import Service
from relscout.serve.review.questions import Pool, questions
from relscout.serve.review.state import Review
from relscout.serve.review.views import View
from relscout.serve.review.work import Worker
from tests.serve.conftest import ask
from tests.serve.review.conftest import HOSTILE

Making = Callable[..., Service]


def get(service: Service, path: str) -> Any:
    response = ask(service, "GET", f"/review/api/{path}")
    assert response.status_code == 200, response.text
    return response.json()


def post(service: Service, step: Any, *, key: str, author: str = "a", state: int = 0) -> Any:
    body = {"step": step, "author": author, "state": state, "key": key}
    return ask(service, path="/review/api/decisions", json=body)


def finished(service: Service, task: str) -> Any:
    started = ask(service, path="/review/api/work", json={"task": task})
    assert started.status_code == 200, started.text
    return ended(service)


def ended(service: Service) -> Any:
    """Return the state of the work in the background when it has ended."""
    end = time.monotonic() + 20
    while (work := get(service, "work"))["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    return work


def test_relations_sentences_and_facts_are_shown(reviewed: Making, base: Discovery) -> None:
    service = reviewed()
    overview = get(service, "overview")
    assert {each["id"]: (each["name"], each["size"]) for each in overview["relations"]} == {
        relation.id: (relation.name, relation.size) for relation in base.relations
    }
    assert overview["facts"] == len(base.facts())
    relation = base.relations[0]
    whole = get(service, f"relations/{relation.id}/sentences")
    assert whole["total"] == len(whole["sentences"]) == relation.size
    confidences = [each["confidence"] for each in whole["sentences"]]
    assert confidences == sorted(confidences)
    part = get(service, f"relations/{relation.id}/sentences?order=certain&offset=1&limit=2")
    assert [each["confidence"] for each in part["sentences"]] == sorted(confidences)[::-1][1:3]
    facts = get(service, "facts?search=ROME&limit=200")
    assert 0 < facts["total"] == len(facts["facts"]) < len(base.facts())
    assert all("Rome" in (fact["head"], fact["tail"]) for fact in facts["facts"])
    assert {each["id"] for fact in facts["facts"] for each in fact["sentences"]} <= {
        id for fact in facts["facts"] for group in fact["evidence"] for id in group["instances"]
    }
    missing = ask(service, "GET", "/review/api/relations/99/sentences")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


def test_decisions_are_made_undone_exported_and_seen_by_other_tabs(
    reviewed: Making, base: Discovery, tmp_path: Path
) -> None:
    service, (first, second, *_) = reviewed(), base.relations
    made = post(service, {"rename": first.id, "to": "made by"}, key="1").json()
    assert (made["entry"]["number"], made["state"]) == (1, 1)
    assert made["entry"]["text"] == f"“{first.name}” renamed to “made by”"
    post(service, {"drop": second.id}, key="2")
    post(service, {"undo": 2}, key="3", state=2)
    events = get(service, "events?after=1")
    assert (events["state"], [entry["number"] for entry in events["entries"]]) == (3, [2, 3])
    assert [entry["undone"] for entry in events["entries"]] == [True, False]
    conflict = post(service, {"drop": first.id}, key="4", author="b", state=0)
    assert conflict.status_code == 409
    assert conflict.json()["error"]["code"] == "conflict"
    assert "made by" in conflict.json()["error"]["message"]
    assert conflict.json()["decision"] == 1
    exported = ask(service, "GET", "/review/api/decisions.json")
    assert exported.headers["content-disposition"] == 'attachment; filename="decisions.json"'
    (tmp_path / "decisions.json").write_text(exported.text)
    decisions = Decisions.read(tmp_path / "decisions.json")
    assert decisions.steps == [{"rename": first.id, "to": "made by"}]
    assert base.apply(decisions).relation(first.id).name == "made by"
    facts = ask(service, "GET", "/review/api/facts.jsonl").text.splitlines()
    assert len(facts) == len(base.facts())
    assert "made by" in {json.loads(line)["relation"] for line in facts}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({}, "expected an object with one of rename, merge"),
        ("drop", "expected an object with one of"),
        ({"drop": "1"}, "step.drop.drop"),
        ({"drop": 1, "rename": 2}, "step.rename.to"),
        ({"drop": 99}, "there is no relation 99"),
        ({"undo": 7}, "there is no decision 7"),
        ({"rename": 0, "to": "\ud800"}, "surrogate"),
        ({"rename": 0, "to": "x" * 1_001}, "at most 1000 items"),
        ({"confirm": ["nothing"], "relation": 0}, "there is no instance 'nothing'"),
        ({"confirm": [], "relation": 0}, "step.confirm.confirm"),
        ({"merge": [0, 0]}, "at least two different relations"),
        ({"transfer": 0.5}, "no sentence has been judged yet"),
        ({"transfer": 9}, "step.transfer.transfer"),
        ({"recalibrate": "relatedness"}, "this run does not estimate which pairs are related"),
        ({"recalibrate": "all"}, "step.recalibrate.recalibrate"),
        ({"reject": ["a"], "relation": 0, "of": "all"}, "step.reject.of"),
        ({"__proto__": 1, "drop": 1}, "unknown field"),
    ],
)
def test_invalid_decisions_are_refused_clearly(reviewed: Making, step: Any, message: str) -> None:
    body = json.dumps({"step": step, "author": "a", "state": 0, "key": "k"})
    service = reviewed()
    response = ask(
        service, path="/review/api/decisions", content=body, headers={"content-type": "application/json"}
    )
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid")
    assert message in response.json()["error"]["message"]
    assert get(service, "overview")["state"] == 0


def test_other_origins_and_forms_decide_nothing(reviewed: Making) -> None:
    service = reviewed()
    body = {"step": {"drop": 0}, "author": "a", "state": 0, "key": "k"}
    for path in ("/review/api/decisions", "/review/api/work", "/review/api/splits"):
        foreign = ask(service, path=path, json=body, headers={"origin": "https://example.org"})
        assert foreign.json()["error"]["code"] == "foreign_origin"
        form = ask(service, path=path, data={"step": "x"})
        assert form.json()["error"]["code"] == "not_json"
    assert get(service, "overview")["state"] == 0


def test_the_page_needs_no_key_and_its_data_do(reviewed: Making) -> None:
    service = reviewed(host="0.0.0.0", key="secret")  # noqa: S104 - nothing listens
    for path in ("", "/style.css", "/review.js", "/pictures.js", "/theme.js"):
        assert ask(service, "GET", f"/review{path}").status_code == 200
    for path in ("overview", "facts", "decisions.json", "questions", "events", "map", "entities", "graph"):
        assert ask(service, "GET", f"/review/api/{path}").status_code == 401
    assert ask(service, path="/review/api/decisions", json={}).status_code == 401
    allowed = ask(service, "GET", "/review/api/overview", headers={"authorization": "Bearer secret"})
    assert allowed.status_code == 200


def test_the_page_allows_no_inline_script_and_nothing_from_elsewhere(reviewed: Making, five: Path) -> None:
    service = reviewed()
    page = ask(service, "GET", "/review")
    policy = page.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert page.text.count("<script src=") == page.text.count("<script") == 3
    for path in ("../api.py", "..%2f..%2fapi.py", "templates/review.html", "review.css", "other.js"):
        assert ask(service, "GET", f"/review/{path}").status_code == 404
    everything = "".join(
        ask(service, "GET", f"/review/api/{path}").text for path in ("overview", "facts", "work", "questions")
    )
    assert str(five.parent) not in everything
    assert HOSTILE in everything


def test_questions_are_about_what_most_sentences_resemble(reviewed: Making, worker: Worker) -> None:
    service = reviewed()
    assert not get(service, "questions")["ready"]
    worker.start("vectors")
    assert ended(service)["state"] == "done"
    asked = get(service, "questions?limit=20")
    assert asked["ready"]
    ids = [question["sentence"]["id"] for question in asked["questions"]]
    assert len(set(ids)) == 20
    first = asked["questions"][0]
    assert first["sentence"]["relation"] not in first["alternatives"]
    # judged and skipped sentences are not asked about
    step = {"reject": ids[:1], "relation": first["sentence"]["relation"]}
    assert post(service, step, key="1").status_code == 200
    left = get(service, f"questions?limit=20&skip={ids[1]}")["questions"]
    assert not {*ids[:2]} & {question["sentence"]["id"] for question in left}


def test_the_first_question_has_the_highest_gain(base: Discovery) -> None:
    pool = Pool.of(base)
    vectors = base.model.transform(list(pool.instances))
    pool = pool.with_vectors(vectors)
    (asked,) = questions(base, pool, skipped=(), limit=1)
    rows = [[each.id for each in base.assignments.instances].index(each.id) for each in pool.instances]
    doubts = 1 - base.assignments.confidences[rows]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gains = [
        sum(doubt * max(float(one @ other), 0) ** 4 for other, doubt in zip(unit, doubts, strict=True))
        for one in unit
    ]
    assert gains[rows.index(asked.row)] == pytest.approx(max(gains), rel=1e-4)


def test_the_map_has_places_when_vectors_are_known_and_relations_after_decisions(
    reviewed: Making, base: Discovery, worker: Worker
) -> None:
    service = reviewed()
    unknown = get(service, "map")
    assert (unknown["ready"], unknown["error"], unknown["ids"]) == (False, "", [])
    worker.start("vectors")
    assert ended(service)["state"] == "done"
    before = get(service, "map")
    instances = Pool.of(base).instances
    assert before["ids"] == [instance.id for instance in instances]
    expected = projected(base.model.transform(list(instances)))
    np.testing.assert_allclose(np.column_stack([before["x"], before["y"]]), expected, atol=1e-3)
    first = base.relations[0].id
    post(service, {"drop": first}, key="1")
    after = get(service, "map")
    assert (after["x"], after["y"]) == (before["x"], before["y"])
    assert after["relations"] == [-1 if id == first else id for id in before["relations"]]
    id = before["ids"][0]
    assert get(service, f"sentence?id={id}")["id"] == id
    assert ask(service, "GET", "/review/api/sentence?id=none").status_code == 404


def test_the_map_says_why_it_has_no_places_whatever_is_done_afterwards(without_vectors: Service) -> None:
    assert ended(without_vectors)["state"] == "failed"
    assert "there are no decisions yet" in finished(without_vectors, "save")["message"]
    for view in ("map", "questions"):
        answer = get(without_vectors, view)
        assert (answer["ready"], answer["error"]) == (False, "vectors of 31 sentences are refused")


def test_the_map_of_a_run_without_relations_is_ready_and_empty(base: Discovery, tmp_path: Path) -> None:
    run = base
    ids = base.assignments.relation_ids.tolist()
    for instance, relation in zip(base.assignments.instances, ids, strict=True):
        run = run.reject([instance.id], relation)
    review = Review(run, tmp_path / "log")
    worker = Worker(review, tmp_path / "run")
    worker.start("vectors")
    end = time.monotonic() + 20
    while worker.status.state == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    empty = View(review.state, run).map(worker.pool.instances, worker.places)
    worker.close()
    review.close()
    assert (empty.ready, empty.ids, empty.x) == (True, [], [])


def test_entities_are_searched_merged_and_drawn(reviewed: Making, base: Discovery) -> None:
    service = reviewed()
    whole = get(service, "entities?limit=200")
    assert whole["total"] == len(whole["entities"]) == len(base.entities())
    counts = [each["facts"] for each in whole["entities"]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 2 * len(base.facts())
    rome = get(service, "entities?search=ROME")["entities"]
    assert [each["name"] for each in rome] == ["Rome"]
    first, second = whole["entities"][:2]
    unmerged = get(service, "graph")
    assert post(service, {"merge_entities": [first["id"], second["id"]]}, key="1").status_code == 200
    merged = get(service, "entities?limit=200")
    assert merged["total"] == whole["total"] - 1
    joined = next(each for each in merged["entities"] if first["name"] in each["aliases"])
    assert second["name"] in joined["aliases"]
    # the graph has the names and links of the merged entities, and after an undo those from before
    graph = get(service, "graph")
    assert 0 < len(graph["entities"]) <= 70
    drawn = {each["name"]: each["links"] for each in graph["entities"]}
    assert drawn.keys() <= {each["name"] for each in merged["entities"]}
    apart = {first["name"], second["name"]}
    assert apart <= {each["name"] for each in unmerged["entities"]}
    assert apart & drawn.keys() == {joined["name"]}
    assert post(service, {"undo": 1}, key="2", state=1).status_code == 200
    assert get(service, "graph") == {**unmerged, "state": 2}
    assert all(0 <= head < len(graph["entities"]) for head, _, _ in graph["links"])
    assert {id for *_, id in graph["links"]} <= {relation.id for relation in base.relations}


def test_what_takes_time_is_computed_once_for_a_state(
    reviewed: Making, base: Discovery, worker: Worker
) -> None:
    service = reviewed()
    assert get(service, "graph") == get(service, "graph")
    state = worker.review.state
    view = View(state, base)
    assert view.graph is view.graph
    assert view.rows_by_id is view.rows_by_id
    post(service, {"rename": base.relations[0].id, "to": "made by"}, key="1")
    assert get(service, "graph")["state"] == 1


def test_a_relation_is_split_as_proposed(reviewed: Making, base: Discovery) -> None:
    service, whole = reviewed(), base.relations[0]
    response = ask(service, path="/review/api/splits", json={"relation": whole.id, "into": 2})
    parts = response.json()["parts"]
    assert [part["id"] for part in parts] == [whole.id, base.next_number]
    assert sum(part["size"] for part in parts) == whole.size
    assert parts[0]["size"] >= parts[1]["size"] > 0
    assert len({part["name"] for part in parts}) == 2
    leaving = {name: parts[1][name] for name in ("id", "name", "instances")}
    assert post(service, {"split": whole.id, "parts": [leaving]}, key="1").status_code == 200
    sizes = {each["id"]: each["size"] for each in get(service, "overview")["relations"]}
    assert (sizes[whole.id], sizes[base.next_number]) == (parts[0]["size"], parts[1]["size"])
    again = ask(service, path="/review/api/splits", json={"relation": base.next_number, "into": 8})
    if parts[1]["size"] < 8:
        assert "too few for 8 parts" in again.json()["error"]["message"]
    assert ask(service, path="/review/api/splits", json={"relation": 99}).status_code == 404


def test_a_transfer_is_previewed_accepted_and_saved_as_a_run(
    reviewed: Making, base: Discovery, tmp_path: Path
) -> None:
    service = reviewed()
    assert "no sentence has been judged yet" in finished(service, "transfer")["message"]
    assert "there are no decisions yet" in finished(service, "save")["message"]
    first, second = base.relations[:2]
    mine = get(service, f"relations/{first.id}/sentences")["sentences"][0]["id"]
    post(service, {"confirm": [mine], "relation": second.id}, key="1")
    preview = finished(service, "transfer")["preview"]
    assert preview["state"] == 1
    assert preview["moved"] == sum(movement["count"] for movement in preview["movements"]) > 0
    before = {each["id"]: each["size"] for each in get(service, "overview")["relations"]}
    assert post(service, preview["step"], key="2", state=1).status_code == 200
    after = {each["id"]: each["size"] for each in get(service, "overview")["relations"]}
    moved_in = sum(each["count"] for each in preview["movements"] if each["target"] == second.name)
    assert after[second.id] == before[second.id] + moved_in
    saved = finished(service, "save")["saved"]
    assert (saved["name"], saved["decisions"]) == ("run-reviewed", 2)
    run = Discovery.load(tmp_path / "run-reviewed")
    assert {relation.id: relation.size for relation in run.relations} == after
    assert finished(service, "save")["saved"]["name"] == "run-reviewed-2"


def test_a_recalibration_is_previewed_and_accepted(plain: Discovery, tmp_path: Path) -> None:
    review = Review(plain, tmp_path / "log")
    worker = Worker(review, tmp_path / "run")
    instances, ids = plain.assignments.instances, plain.assignments.relation_ids
    related = plain.assignments.related
    assert related is not None
    strongest = sorted(np.flatnonzero(ids >= 0).tolist(), key=lambda row: -float(related[row]))
    for number, row in enumerate(strongest[1:6]):
        step = {"reject": [instances[row].id], "relation": int(ids[row])}
        review.decide(step, author="a", state=number, key=str(number))
    worker.start("recalibrate")
    end = time.monotonic() + 60
    while worker.status.state == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    preview = worker.status.preview
    assert preview is not None, worker.status
    assert (preview.calibration.related, preview.calibration.unrelated) == (0, 5)  # type: ignore[union-attr]
    assert preview.calibration.changes[-1][0] > preview.calibration.changes[-1][1]  # type: ignore[union-attr]
    before = review.state.run.assignments.relation_ids
    review.decide(preview.step, author="a", state=preview.state, key="accept")
    after = review.state.run
    assert preview.moved == int((before != after.assignments.relation_ids).sum()) > 0
    assert {movement.target for movement in preview.movements} == {"no relation"}
    assert preview.facts_after == len(after.facts())
    entry = review.state.entries[-1]
    assert View(review.state, plain).sentence_about(entry) == "relatedness recalibrated by the judgements"
    review.decide({"undo": entry.number}, author="a", state=entry.number, key="undo")
    np.testing.assert_array_equal(review.state.run.assignments.relation_ids, before)
    worker.close()
    review.close()


def test_work_waits_for_other_work(reviewed: Making, worker: Worker) -> None:
    service = reviewed()
    with worker.review.model:
        assert ask(service, path="/review/api/work", json={"task": "transfer"}).status_code == 200
        busy = ask(service, path="/review/api/work", json={"task": "save"})
    assert (busy.status_code, busy.json()["error"]["code"]) == (503, "busy")


def test_a_server_without_review_has_no_page(serving: Making) -> None:
    assert ask(serving(), "GET", "/review").status_code == 404
