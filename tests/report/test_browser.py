"""The page in a browser, as a person uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions
from relscout.report import write_report
from relscout.report.comparison import write_comparison

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    """The page, opened; whatever it complains of, or asks the network for, is a failure."""
    yield from open_page(browser, page)


def open_page(browser: Any, path: Path, **context: Any) -> Any:
    told: list[str] = []
    made = browser.new_context(viewport={"width": 1200, "height": 900}, **context)
    found = made.new_page()
    found.on(
        "console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None
    )
    found.on("pageerror", lambda error: told.append(str(error)))
    found.on("request", lambda request: told.append(request.url) if request.url.startswith("http") else None)
    found.goto(path.as_uri())
    found.wait_for_selector("body[data-ready=pictures]")
    yield found
    made.close()
    assert told == []


def drawn(page: Any, id: str) -> None:
    page.locator(f"#{id}").scroll_into_view_if_needed()
    page.wait_for_selector(f"#{id}[data-drawn=yes]")


def until(holds: Callable[[], bool]) -> None:
    """Wait for something; the page lets no text be run as a script, as Playwright's own waiting would."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def shown(page: Any) -> list[str]:
    return [card.get_attribute("data-name") for card in page.locator("article.relation:visible").all()]


def test_relations_are_searched_filtered_and_sorted(opened: Any, found: Discovery) -> None:
    assert len(shown(opened)) == 5
    assert opened.inner_text("#count") == "5 of 5 relations"
    sentence = found.examples(found.relations[2].id)[0]
    opened.fill("#search", sentence.head_text.upper())
    assert found.relations[2].name in shown(opened)
    assert len(shown(opened)) < 5
    opened.fill("#search", "no such words anywhere")
    assert shown(opened) == []
    assert opened.locator("#nothing").is_visible()
    opened.fill("#search", "")
    opened.select_option("#sort", "name")
    assert shown(opened) == sorted(shown(opened), key=str.casefold)
    kinds = opened.locator("#types option").all_inner_texts()[1:]
    opened.select_option("#types", kinds[0])
    assert 0 < len(shown(opened)) < 5


def test_a_relation_opens_by_keyboard_with_all_its_instances(opened: Any, found: Discovery) -> None:
    first = found.relations[0]
    opened.locator(f"#relation-{first.id} [data-do=open]").focus()
    opened.keyboard.press("Enter")
    dialog = opened.locator("#details")
    assert dialog.is_visible()
    assert opened.inner_text("#details-title") == first.name
    said = opened.inner_text("#details-body")
    assert f"All instances ({first.size})" in said
    assert found.examples(first.id)[0].text in said
    # to a relation that is like it
    opened.locator("#details-body .chips button").first.click()
    assert opened.inner_text("#details-title") != first.name
    opened.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_the_map_hovers_toggles_and_lists_what_is_drawn_around(opened: Any) -> None:
    drawn(opened, "map-plot")
    points = opened.locator("#map-plot .scatterlayer .point")
    assert points.count() == 90
    at = points.first.bounding_box()
    opened.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    opened.wait_for_selector("#map-plot .hovertext")
    opened.locator("#map-plot .legendtoggle").first.click()
    until(lambda: points.count() < 90)
    box = opened.locator("#map-plot .nsewdrag").first.bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    opened.mouse.move(*places[0])
    opened.mouse.down()
    for place in places[1:]:
        opened.mouse.move(*place, steps=8)
    opened.mouse.up()
    opened.wait_for_selector("#picked li")
    assert opened.locator("#picked li mark.h").count() > 0


def test_every_picture_is_drawn_in_both_themes(opened: Any) -> None:
    for id in ("map-plot", "likeness-plot", "graph-plot", "gold-plot"):
        drawn(opened, id)
    before = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.locator("#theme").click()
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != before
    card = opened.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--card').trim()")
    until(lambda: opened.evaluate("document.querySelector('#map-plot').layout.paper_bgcolor") == card)


def test_decisions_are_exported_and_carried_out(opened: Any, found: Discovery, tmp_path: Path) -> None:
    first, second, third = (one.id for one in found.relations[:3])
    opened.locator(f"#relation-{first} [data-do=rename]").click()
    opened.fill("#ask-name", found.relations[1].name)
    opened.locator("#ask-yes").click()
    assert "merge them, or choose another name" in opened.inner_text("#ask-wrong")
    opened.fill("#ask-name", "made <b>by</b>")
    opened.keyboard.press("Enter")
    opened.locator(f"#relation-{second} [data-do=merge]").click()
    opened.select_option("#ask-with", str(first))
    opened.locator("#ask-yes").click()
    opened.locator(f"#relation-{third} [data-do=drop]").click()
    opened.locator(f"#relation-{found.relations[3].id} [data-do=drop]").click()
    opened.locator("#undo").click()
    assert opened.locator("#steps li").count() == 3
    assert opened.locator(f"#relation-{third} [data-do=rename]").is_disabled()
    with opened.expect_download() as download:
        opened.locator("#export").click()
    download.value.save_as(tmp_path / "decisions.json")
    steps = json.loads((tmp_path / "decisions.json").read_text())["decisions"]
    assert steps == [{"rename": first, "to": "made <b>by</b>"}, {"merge": [second, first]}, {"drop": third}]
    changed = found.apply(Decisions.read(tmp_path / "decisions.json"))
    kept = max(found.relations[:2], key=lambda one: (one.size, -one.id))
    assert {one.id for one in changed.relations} == {kept.id, *(one.id for one in found.relations[3:])}
    # what the page says of the larger one is what the discovery has
    told = opened.inner_text(f"#relation-{first} .state")
    assert ("made <b>by</b>" in told) == (kept.id == first)
    assert changed.relation(kept.id).size == found.relations[0].size + found.relations[1].size


def test_facts_are_searched_filtered_and_opened(opened: Any, found: Discovery) -> None:
    total = len(found.facts())
    rows = opened.locator("#fact-list tr")
    assert opened.inner_text("#fact-count") == f"{total} of {total} facts"
    assert rows.count() == 12
    opened.locator("#fact-more").click()
    assert rows.count() == 62
    fact = found.facts()[20]
    opened.fill("#fact-search", fact.head.name.upper())
    assert 0 < rows.count() < 12
    rows.filter(has_text=fact.tail.name).locator("button").first.click()
    assert opened.inner_text("#details-title") == f"{fact.head.name} · {fact.relation} · {fact.tail.name}"
    sentence = next(one for one in found.assignments.instances if one.id == fact.evidence[0])
    assert sentence.text in opened.inner_text("#details-body")
    assert opened.locator("#details-body mark.h").count() == 1
    opened.keyboard.press("Escape")
    opened.fill("#fact-search", "")
    opened.locator(f"[data-facts='{found.relations[1].id}']").click()
    count = sum(one.relation_id == found.relations[1].id for one in found.facts())
    assert opened.inner_text("#fact-count") == f"{count} of {total} facts"


def test_an_entity_leads_to_its_facts(opened: Any, found: Discovery) -> None:
    first = opened.locator("#entity-list tr").first
    name, count = first.locator("td").nth(0).inner_text(), first.locator("td").nth(4).inner_text()
    assert (
        opened.inner_text("#entity-count") == f"{len(found.entities())} of {len(found.entities())} entities"
    )
    first.locator("td").nth(4).locator("button").click()
    assert opened.inner_text("#fact-count").startswith(f"{count} of ")
    assert opened.input_value("#fact-search") == name
    opened.fill("#entity-search", "no such entity")
    assert opened.locator("#entity-list tr").count() == 0


def test_entities_are_merged_and_split_on_the_page(browser: Any, found: Discovery, tmp_path: Path) -> None:
    first, second, third = (one.id for one in found.entities()[:3])
    start = found.merge_entities([first, second])
    both = next(one for one in start.entities() if one.id in (first, second))
    opened = open_page(browser, write_report(start, tmp_path / "page.html"))
    page = next(opened)
    row = page.locator(f"[data-entity='{both.id}']")
    page.fill("#entity-search", both.aliases[1])
    row.get_by_text("Split").click()
    page.locator("#ask-yes").click()
    assert "Choose some of the names, not all" in page.inner_text("#ask-wrong")
    page.select_option("#ask-with", both.aliases[1])
    page.locator("#ask-yes").click()
    assert row.get_by_text("Split").is_disabled()
    other = next(one.id for one in start.entities() if one.id not in (both.id, third))
    page.fill("#entity-search", next(one.name for one in start.entities() if one.id == third))
    page.locator(f"[data-entity='{third}']").get_by_text("Merge").click()
    page.select_option("#ask-with", other)
    page.locator("#ask-yes").click()
    assert page.locator("#steps li").count() == 2
    with page.expect_download() as download:
        page.locator("#export").click()
    download.value.save_as(tmp_path / "decisions.json")
    decisions = Decisions.read(tmp_path / "decisions.json")
    assert decisions.steps == [
        {"split_entity": both.id, "names": [both.aliases[1]]},
        {"merge_entities": [third, other]},
    ]
    assert len(start.apply(decisions).entities()) == len(start.entities())
    for _ in opened:
        pass


def test_nothing_serious_is_wrong_for_those_who_cannot_see_it_or_use_no_mouse(opened: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for id in ("map-plot", "likeness-plot", "graph-plot", "gold-plot"):
        drawn(opened, id)
    for _ in range(2):
        found = [
            (one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in axe.run(opened).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert found == []
        opened.locator("#theme").click()


def test_a_phone_shows_it_without_scrolling_sideways(browser: Any, page: Path) -> None:
    opened = open_page(browser, page)
    phone = next(opened)
    phone.set_viewport_size({"width": 375, "height": 700})
    drawn(phone, "map-plot")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    for _ in opened:
        pass


def test_it_prints_with_its_pictures(opened: Any) -> None:
    opened.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened.wait_for_selector("#gold-plot[data-drawn=yes]")
    opened.emulate_media(media="print")
    assert not opened.locator("nav").is_visible()
    assert not opened.locator("article .actions").first.is_visible()
    assert opened.locator("article.relation").first.is_visible()


def test_two_runs_side_by_side(browser: Any, found: Discovery, gold: dict[str, str], tmp_path: Path) -> None:
    other = found.merge([one.id for one in found.relations[:2]]).drop(found.relations[3].id)
    path = write_comparison(found, other, tmp_path / "two.html", names=("before", "after"), gold=gold)
    opened = open_page(browser, path)
    two = next(opened)
    drawn(two, "table-plot")
    assert "before has 5 relations, after 3 relations" in two.inner_text("header")
    for _ in opened:
        pass
