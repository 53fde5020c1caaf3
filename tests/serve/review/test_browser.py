"""The review application in a browser, as a person uses it."""

from __future__ import annotations

import contextlib
import csv
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions
from relscout.discovery.extraction import RunExtractor, load_extractor
from relscout.report.content import ranked_entities
from relscout.serve.api import Service
from relscout.serve.extraction import BatchExtractor
from relscout.serve.review.state import Review
from relscout.serve.review.work import Worker
from relscout.text.gazetteer import Gazetteer
from tests.cli.conftest import call
from tests.serve.review.conftest import HOSTILE, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@contextlib.contextmanager
def tab(browser: Any, address: str, **more: Any) -> Iterator[Any]:
    """Open the page; whatever it complains about, or asks another server for, is a failure."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 900}, **more)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    origin = address.removesuffix("/review")
    page.on(
        "request",
        lambda each: (
            complaints.append(each.url) if not each.url.startswith((origin, "data:", "blob:")) else None
        ),
    )
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    yield page
    context.close()
    # the browser itself logs refused decisions, and requests without a network
    expected = ("409 (Conflict)", "ERR_INTERNET_DISCONNECTED")
    assert [text for text in complaints if not any(words in text for words in expected)] == []


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Any]:
    with tab(browser, address) as page:
        yield page


def until(holds: Callable[[], bool]) -> None:
    """Wait for something; the policy of the page forbids Playwright's own waiting for expressions."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.03)


def saved(page: Any, text: str) -> None:
    until(lambda: text in page.inner_text("#news"))


def test_relations_are_found_opened_judged_and_undone_by_keyboard(
    opened: Any, base: Discovery, worker: Worker
) -> None:
    assert opened.locator("#relation-list li").count() == 6
    opened.keyboard.press("/")
    opened.keyboard.type("no such relation")
    assert opened.inner_text("#count") == "0 of 5"
    opened.fill("#search", "")
    opened.keyboard.press("Escape")
    opened.keyboard.press("]")
    opened.wait_for_selector("#relation .judge li.is-here")
    size = opened.locator("#relation .judge li").count()
    opened.keyboard.press("y")
    saved(opened, "confirmed as")
    opened.wait_for_selector("#relation .judge li.is-confirmed")
    opened.keyboard.press("n")
    saved(opened, "rejected as")
    until(lambda: opened.locator("#relation .judge li").count() == size - 1)
    assert len(worker.review.state.run.run["corrections"]["judged"]) == 2
    opened.keyboard.press("u")
    saved(opened, "decision 2 undone")
    opened.keyboard.press("u")
    saved(opened, "decision 1 undone")
    until(lambda: opened.locator("#relation .judge li").count() == size)
    assert worker.review.state.run.relations == base.relations


def test_relations_are_renamed_merged_split_and_dropped(opened: Any, base: Discovery, worker: Worker) -> None:
    ranked = sorted(base.relations, key=lambda relation: (-relation.size, relation.id))
    opened.keyboard.press("]")
    opened.wait_for_selector("#relation .judge li")
    opened.keyboard.press("r")
    opened.fill("#new-name", ranked[1].name)
    opened.keyboard.press("Enter")
    assert "merge them, or choose another name" in opened.inner_text("#dialog-wrong")
    opened.fill("#new-name", "made <b>by</b>")
    opened.keyboard.press("Enter")
    saved(opened, "renamed to “made <b>by</b>”")
    until(lambda: opened.inner_text("#relation h2") == "made <b>by</b>")
    opened.keyboard.press("g")
    opened.select_option("#merge-with", str(ranked[1].id))
    opened.locator("#dialog-yes").click()
    saved(opened, "merged")
    until(lambda: f"{ranked[0].size + ranked[1].size} sentences" in opened.inner_text("#relation"))
    opened.keyboard.press("s")
    until(lambda: opened.locator("#split-parts input").count() == 2)
    opened.locator("#split-parts input").nth(1).fill("the other part")
    opened.locator("#dialog-yes").click()
    saved(opened, "split from")
    until(lambda: "the other part" in opened.inner_text("#relation-list"))
    opened.locator("#relation-list button", has_text=ranked[2].name).first.click()
    until(lambda: opened.inner_text("#relation h2") == ranked[2].name)
    opened.keyboard.press("d")
    saved(opened, "dropped")
    until(lambda: opened.locator("#relation h2").count() == 0)
    kinds = [next(iter(step)) for step in worker.review.export().steps]
    assert kinds == ["rename", "merge", "split", "drop"]


def test_thirty_questions_would_do_and_answers_reach_the_new_run(
    opened: Any, worker: Worker, base: Discovery, tmp_path: Path
) -> None:
    opened.keyboard.press("2")
    opened.wait_for_selector("article.question")
    asked: list[str] = []

    def press(key: str) -> None:
        id = opened.locator("article.question").get_attribute("data-id")
        asked.append(id)
        opened.keyboard.press(key)

    for key in "ynkyn":
        press(key)
        until(lambda: opened.locator("article.question").get_attribute("data-id") not in asked)
    press("m")
    opened.fill("#other-name", "plays for")
    opened.keyboard.press("Enter")
    saved(opened, "a new relation")
    assert len(set(asked)) == 6
    judged = worker.review.state.run.run["corrections"]["judged"]
    assert set(judged) == {*asked} - {asked[2]}
    assert judged[asked[5]] == base.next_number
    assert [judged[asked[place]] for place in (1, 4)] == [-1, -1]
    assert "5 answers in this tab" in opened.inner_text("#ask-count")
    opened.keyboard.press("5")
    opened.keyboard.press("c")
    opened.wait_for_selector("#result .warning")
    assert "does not estimate which pairs are related" in opened.inner_text("#result .warning")
    opened.keyboard.press("t")
    opened.wait_for_selector("#moves")
    assert "by 5 judgements" in opened.inner_text("#moves")
    opened.locator("#accept").click()
    saved(opened, "transferred to similar sentences")
    opened.keyboard.press("w")
    opened.wait_for_selector("#saved")
    assert "Saved as run-reviewed" in opened.inner_text("#saved")
    opened.keyboard.press("3")
    opened.wait_for_selector("#fact-list li")
    with opened.expect_download() as download:
        opened.locator("#facts-export").click()
    download.value.save_as(tmp_path / "facts.jsonl")
    run = Discovery.load(tmp_path / "run-reviewed")
    exported = [json.loads(line)["relation"] for line in (tmp_path / "facts.jsonl").read_text().splitlines()]
    assert exported == [fact.relation for fact in run.facts()]


def test_from_a_text_file_to_exported_facts(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: Path, tiny_bert: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = [("Ada", "Rome"), ("Bob", "Oslo"), ("Carl", "Paris"), ("Zoe", "Rome"), ("Ada", "Oslo")]
    texts = [f"{one} {verb} {place} .\n" for verb in ("was born in", "works for") for one, place in pairs]
    Path("notes.txt").write_text("".join(texts), encoding="utf-8")
    Path("encoder.json").write_text('{"pooling": "sentence"}', encoding="utf-8")
    encoder = ("--encoder", tiny_bert, "--encoder-config", "encoder.json", "--no-cache")
    options = ("--gazetteer", names, "--relations", 2, "--no-report")
    discovered = call("discover", "notes.txt", *encoder, *options, "--out", "run")
    assert discovered.code == 0, discovered.err
    review = Review(Discovery.load(Path("run")), Path("review.sqlite"))
    extractor = load_extractor(Path("run"))
    assert isinstance(extractor, RunExtractor)
    reviewing = Worker(review, tmp_path / "run")
    service = Service(BatchExtractor(extractor, lambda _: Gazetteer.load(names)), worker=reviewing)
    with serving(service) as address, tab(browser, address) as page:
        page.keyboard.press("]")
        page.wait_for_selector("#relation .judge li")
        page.keyboard.press("r")
        page.fill("#new-name", "comes from")
        page.keyboard.press("Enter")
        saved(page, "renamed to “comes from”")
        page.keyboard.press("n")
        saved(page, "rejected as")
        page.keyboard.press("5")
        page.keyboard.press("w")
        page.wait_for_selector("#saved")
    reviewing.close()
    review.close()
    before, after = (Discovery.load(Path(name)).facts() for name in ("run", "run-reviewed"))
    assert len(after) == len(before) - 1
    exported = call("export", "run-reviewed", "--out", "facts.csv")
    assert exported.code == 0, exported.err
    with Path("facts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["relation"] for row in rows] == [fact.relation for fact in after]
    assert "comes from" in {row["relation"] for row in rows}


def test_answers_that_overtake_the_next_questions_do_not_end_the_questions(opened: Any) -> None:
    held: list[tuple[Any, Any]] = []

    def hold(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    opened.keyboard.press("2")
    opened.wait_for_selector("article.question")
    opened.route("**/questions?*", hold)
    answered: list[str] = []
    for key in "yyyyy":
        answered.append(opened.locator("article.question").get_attribute("data-id"))
        opened.keyboard.press(key)
        # the third answer leaves two questions, which is when the page asks for more
        until(lambda: opened.inner_text("#ask-count") and (len(answered) < 3 or bool(held)))
    assert "are being chosen" in opened.inner_text("#question")
    route, response = held[0]
    stale = response.json()
    stale["questions"] = [each for each in stale["questions"] if each["sentence"]["id"] in answered]
    assert stale["questions"]
    route.fulfill(response=response, json=stale)
    opened.wait_for_selector("article.question")
    assert opened.locator("article.question").get_attribute("data-id") not in answered


def test_a_question_that_is_being_read_is_not_exchanged(opened: Any, worker: Worker) -> None:
    held: list[tuple[Any, Any]] = []

    def hold(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    def shown() -> str:
        return str(opened.locator("article.question").get_attribute("data-id"))

    opened.keyboard.press("2")
    opened.wait_for_selector("article.question")
    opened.route("**/questions?*", hold)
    for count in range(1, 4):
        opened.keyboard.press("y")
        until(lambda count=count: f"{count} answer" in opened.inner_text("#ask-count"))
    until(lambda: bool(opened.inner_text("#ask-count")) and bool(held))
    reading = shown()
    route, response = held[0]
    others = response.json()
    others["questions"] = [each for each in others["questions"] if each["sentence"]["id"] != reading][::-1]
    assert others["questions"]
    with opened.expect_response("**/questions?*"):
        route.fulfill(response=response, json=others)
    opened.keyboard.press("n")
    until(lambda: worker.review.state.run.run["corrections"]["judged"].get(reading) == -1)
    until(lambda: shown() != reading)


def test_facts_are_searched_confirmed_and_rejected(opened: Any, worker: Worker, base: Discovery) -> None:
    opened.keyboard.press("3")
    opened.wait_for_selector("#fact-list li")
    total = len(base.facts())
    assert opened.inner_text("#fact-count") == f"{total} of {total} facts"
    opened.keyboard.press("y")
    saved(opened, "confirmed as")
    opened.keyboard.press("n")
    saved(opened, "rejected as")
    yes, no = worker.review.export().steps
    # a wrong fact may only have the wrong relation
    assert (yes.get("of"), no["of"]) == ("fact" if base.facts()[0].support > 1 else None, "fact")
    until(lambda: len(worker.review.state.run.facts()) < total)
    until(lambda: f"of {len(worker.review.state.run.facts())} facts" in opened.inner_text("#fact-count"))
    opened.fill("#fact-search", "nothing like this")
    until(lambda: opened.inner_text("#fact-count") == "0 of 0 facts")


def test_that_a_pair_has_no_relation_is_confirmed(opened: Any, worker: Worker, base: Discovery) -> None:
    opened.keyboard.press("]")
    opened.wait_for_selector("#relation .judge li")
    opened.keyboard.press("n")
    saved(opened, "rejected as")
    opened.locator("#relation-list button", has_text="no relation").click()
    until(lambda: opened.inner_text("#relation h2") == "no relation")
    opened.keyboard.press("n")
    saved(opened, "confirmed to have no relation")
    steps = worker.review.export().steps
    assert [step["relation"] for step in steps][1] == -1
    assert steps[0]["reject"] == steps[1]["reject"]


def test_decisions_are_listed_undone_and_exported(
    opened: Any, base: Discovery, worker: Worker, tmp_path: Path
) -> None:
    opened.keyboard.press("]")
    opened.wait_for_selector("#relation .judge li")
    opened.keyboard.press("y")
    opened.keyboard.press("y")
    until(lambda: worker.review.state.number == 2)
    opened.keyboard.press("4")
    until(lambda: opened.locator("#decision-list li").count() == 2)
    opened.locator("#decision-list li").nth(1).locator("button").click()
    until(lambda: opened.locator("#decision-list li.is-undone").count() == 1)
    with opened.expect_download() as download:
        opened.locator("#export").click()
    download.value.save_as(tmp_path / "decisions.json")
    exported = Decisions.read(tmp_path / "decisions.json")
    assert exported.steps == worker.review.export().steps
    assert len(base.apply(exported).run["corrections"]["judged"]) == 1


def test_two_tabs_see_each_other_and_conflicts_are_refused(
    browser: Any, address: str, base: Discovery, worker: Worker
) -> None:
    largest = min(base.relations, key=lambda relation: (-relation.size, relation.id))
    with tab(browser, address) as first, tab(browser, address) as second:
        for page in (first, second):
            page.keyboard.press("]")
            page.wait_for_selector("#relation .judge li")
        # the second tab does not look at the server while it is offline
        second.context.set_offline(True)
        second.keyboard.press("r")
        second.fill("#new-name", "second name")
        second.keyboard.press("Enter")
        until(lambda: second.locator("#unsaved").is_visible())
        assert "1 decision not saved yet" in second.inner_text("#unsaved")
        first.keyboard.press("r")
        first.fill("#new-name", "first name")
        first.keyboard.press("Enter")
        saved(first, "renamed to “first name”")
        second.context.set_offline(False)
        until(lambda: "first name" in second.inner_text("#problem"))
        assert "another tab decided meanwhile" in second.inner_text("#problem")
        until(lambda: second.inner_text("#relation h2") == "first name")
        assert worker.review.state.run.relation(largest.id).name == "first name"
        second.keyboard.press("]")
        until(lambda: second.inner_text("#relation h2") != "first name")
        second.keyboard.press("y")
        until(lambda: "Another tab:" in first.inner_text("#news"))


VIEWS = {
    "1": "#relation .judge li",
    "2": "article.question",
    "3": "#fact-list li",
    "4": "#decision-list li",
    "5": "#result h3",
    "6": "#map-plot path",
    "7": "#entity-list li",
}


def judge_first(page: Any) -> None:
    """Confirm the first sentence of the first relation."""
    page.keyboard.press("]")
    page.wait_for_selector("#relation .judge li")
    page.keyboard.press("y")
    saved(page, "confirmed as")


@pytest.fixture
def mapped(worker: Worker) -> None:
    """Wait until the places of the sentences are known."""
    worker.start("vectors")
    until(lambda: worker.status.state == "done")


def test_a_map_that_cannot_be_computed_says_why_and_questions_too(
    browser: Any, without_vectors: Service
) -> None:
    with serving(without_vectors) as address, tab(browser, address) as page:
        page.keyboard.press("6")
        until(lambda: "could not be computed: vectors of 31 sentences are" in page.inner_text("#map-state"))
        page.keyboard.press("2")
        until(lambda: "could not be computed (vectors of 31 sentences" in page.inner_text("#ask-count"))


@pytest.mark.usefixtures("mapped")
def test_sentences_are_picked_on_the_map_and_judged(opened: Any, worker: Worker, base: Discovery) -> None:
    opened.keyboard.press("6")
    opened.wait_for_selector("#map-plot path")
    assert opened.locator("#map-plot path").count() == len(base.assignments.instances)
    opened.keyboard.press("]")
    largest = opened.locator("#map-list button[aria-pressed=true]")
    assert largest.count() == 1
    relation = int(largest.get_attribute("data-relation"))
    faded = opened.locator("#map-plot path.is-faded").count()
    assert faded == len(base.assignments.instances) - base.relation(relation).size
    opened.keyboard.press("j")
    opened.wait_for_selector("#map-sentence .question")
    first = opened.locator("#map-sentence .question").get_attribute("data-id")
    opened.keyboard.press("n")
    saved(opened, "rejected as")
    until(lambda: opened.inner_text("#map-sentence h3") == "no relation")
    assert worker.review.state.run.run["corrections"]["judged"] == {first: -1}
    until(lambda: opened.locator("#map-list button", has_text="no relation").count() == 1)
    opened.keyboard.press("j")
    until(lambda: opened.locator("#map-sentence .question").get_attribute("data-id") != first)
    opened.locator("#map-plot").click(position={"x": 30, "y": 30})
    until(lambda: opened.locator("#map-plot .ring").count() == 1)


@pytest.mark.usefixtures("mapped")
def test_a_key_judges_no_sentence_while_the_next_is_on_its_way(opened: Any, worker: Worker) -> None:
    opened.keyboard.press("6")
    opened.wait_for_selector("#map-plot path")
    opened.keyboard.press("j")
    opened.wait_for_selector("#map-sentence .question")
    held: list[Any] = []
    opened.route("**/api/sentence?*", lambda route: held.append(route))
    opened.keyboard.press("j")
    until(lambda: opened.locator("#map-plot .ring").count() == len(held) == 1)
    opened.keyboard.press("n")
    shown = opened.locator("#map-sentence .question")
    first = shown.get_attribute("data-id")
    held[0].continue_()
    until(lambda: shown.get_attribute("data-id") != first)
    opened.keyboard.press("n")
    saved(opened, "rejected as")
    assert [*worker.review.state.run.run["corrections"]["judged"]] == [shown.get_attribute("data-id")]
    opened.unroute("**/api/sentence?*")
    for route in held[1:]:
        route.continue_()


@pytest.mark.parametrize(("key", "what", "field"), [("3", "facts", "fact"), ("7", "entities", "entity")])
def test_the_answer_to_an_earlier_search_that_arrives_last_is_not_shown(
    opened: Any, key: str, what: str, field: str
) -> None:
    held: list[Any] = []
    opened.route(f"**/api/{what}?search=Rome&*", lambda route: held.append(route))
    opened.keyboard.press(key)
    until(lambda: f" {what}" in opened.inner_text(f"#{field}-count"))
    whole = opened.inner_text(f"#{field}-count")
    opened.fill(f"#{field}-search", "Rome")
    until(lambda: opened.inner_text(f"#{field}-count") == whole and len(held) == 1)
    with opened.expect_response(f"**/api/{what}?search=&*"):
        opened.fill(f"#{field}-search", "")
    with opened.expect_response(f"**/api/{what}?search=Rome&*"):
        held[0].continue_()
    opened.wait_for_timeout(100)
    assert opened.inner_text(f"#{field}-count") == whole


def test_entities_are_searched_merged_split_and_lead_to_facts(
    opened: Any, worker: Worker, base: Discovery
) -> None:
    opened.keyboard.press("7")
    opened.wait_for_selector("#entity-list li")
    opened.wait_for_selector("#graph-plot circle.node")
    total = len(base.entities())
    first, second = ranked_entities(base.found_facts)[:2]
    assert f"of {total} entities" in opened.inner_text("#entity-count")
    opened.keyboard.press("g")
    opened.fill("#merge-search", second.name)
    until(lambda: opened.locator("#merge-entity").input_value() == second.id)
    opened.locator("#dialog-yes").click()
    saved(opened, "2 entities merged")
    until(lambda: f"of {total - 1} entities" in opened.inner_text("#entity-count"))
    opened.keyboard.press("/")
    opened.keyboard.type(second.name)
    until(lambda: "1 of 1 entities" in opened.inner_text("#entity-count"))
    assert first.name in opened.inner_text("#entity-list")
    opened.locator("#entity-list li").click()
    opened.keyboard.press("s")
    opened.locator("#dialog-body .choice", has_text=second.name).click()
    opened.locator("#dialog-yes").click()
    saved(opened, "split from an entity")
    until(lambda: "also" not in opened.inner_text("#entity-list"))
    assert len(worker.review.state.run.entities()) == total
    opened.keyboard.press("f")
    opened.wait_for_selector("#fact-list li")
    assert opened.input_value("#fact-search") == second.name
    kinds = [next(iter(step)) for step in worker.review.export().steps]
    assert kinds == ["merge_entities", "split_entity"]


@pytest.mark.usefixtures("mapped")
def test_every_view_is_accessible_in_both_themes(browser: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def problems(page: Any, **options: Any) -> list[Any]:
        violations = axe.run(page, **options).response["violations"]
        return [(each["id"], [node["html"] for node in each["nodes"]][:2]) for each in violations]

    # axe is a script of the test, which the policy of the page would not allow
    with tab(browser, address, color_scheme="dark", bypass_csp=True) as page:
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        judge_first(page)
        for key, selector in VIEWS.items():
            page.keyboard.press(key)
            page.wait_for_selector(selector)
            assert problems(page) == []
            page.locator("#theme").click()
            assert problems(page, options={"runOnly": ["color-contrast"]}) == []
            page.locator("#theme").click()
        page.keyboard.press("?")
        assert problems(page) == []


@pytest.mark.usefixtures("mapped")
def test_every_view_fits_on_a_phone(browser: Any, address: str) -> None:
    with tab(browser, address) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        judge_first(page)
        assert page.locator("#relation-list").is_hidden()
        for key, selector in VIEWS.items():
            page.keyboard.press(key)
            page.wait_for_selector(selector)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.keyboard.press("1")
        page.locator("#relation .back").click()
        assert page.locator("#relation-list").is_visible()


def test_single_keys_can_be_switched_off(opened: Any, worker: Worker) -> None:
    opened.keyboard.press("?")
    opened.locator("#keys-on").uncheck()
    opened.locator("#dialog-yes").click()
    opened.keyboard.press("2")
    opened.keyboard.press("]")
    assert opened.locator("#view-relations").is_visible()
    assert opened.locator("#relation .judge").count() == 0
    opened.locator("#views a").nth(1).click()
    opened.wait_for_selector("article.question")
    opened.locator("article.question button").first.click()
    until(lambda: worker.review.state.number == 1)


def test_markup_in_texts_is_shown_as_text(opened: Any) -> None:
    opened.keyboard.press("3")
    opened.fill("#fact-search", "onerror")
    until(lambda: opened.locator("#fact-list li b").count() > 0)
    until(lambda: HOSTILE in opened.inner_text("#fact-list"))
    assert opened.locator("#fact-list img").count() == 0
