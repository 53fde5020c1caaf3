from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, OutputError
from relscout.core.instances import Mention, Polarity, RelationInstance, canonical_order
from relscout.discovery import Assignments, Discovery, discover
from relscout.discovery.relation import links_between
from relscout.encoders import TransformerEncoder
from relscout.report import content as content_module
from relscout.report import content as facts_module
from relscout.report import write_page, write_report
from relscout.report.content import drawn, entity_graph, gather, projected
from relscout.text.entities import merge_mentions

EVIL = '<script>alert("1")</script>\x00\u202e\u200f"\'`&{{ 7 * 7 }}</script><img src=x onerror=alert(1)>'


class Reader(HTMLParser):
    """Collects the tags of a page, with their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text.append(data)


def data_of(path: Path) -> dict[str, Any]:
    """Return what the page's scripts read."""
    found = re.search(r'id="data">([^<]*)<', path.read_text(encoding="utf-8"))
    assert found is not None
    value: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return value


def evil_twin(found: Discovery, text: str) -> Discovery:
    """Return a discovery in which everything that a corpus decides is this text."""
    kind = text
    rows = [
        RelationInstance(
            f"A {text} B {number}",
            Mention(0, 1, kind),
            Mention(3 + len(text), 4 + len(text), kind),
            source=text,
            id=f"{number}{text}",
        )
        for number in range(len(found.assignments.instances))
    ]
    given = Assignments(rows, found.assignments.relation_ids, found.assignments.confidences)
    relations = tuple(
        replace(
            one,
            name=f"{text}{one.id}",
            pattern=f"HEAD {text} TAIL",
            types=(kind, kind),
            ngrams=((text, 0.5),),
            examples=tuple(rows[row].id for row in np.flatnonzero(given.relation_ids == one.id)[:3].tolist()),
        )
        for one in found.relations
    )
    run = {**found.run, "warnings": [text], "settings": {text: text}, "data": {"entity_types": {text: 2}}}
    return replace(found, relations=relations, assignments=given, run=run)


def test_a_hostile_corpus_is_shown_as_text(found: Discovery, page: Path, tmp_path: Path) -> None:
    twin = evil_twin(found, EVIL)
    gold = {one.id: EVIL + str(row % 3) for row, one in enumerate(twin.assignments.instances)}
    path = write_report(twin, tmp_path / "evil.html", title=EVIL, gold=gold)
    plain, evil = Reader(page.read_text(encoding="utf-8")), Reader(path.read_text(encoding="utf-8"))
    assert evil.tags["script"] == plain.tags["script"]
    assert evil.tags["img"] == 0
    assert not [name for name, _ in evil.attributes if name.startswith("on")]
    shown = "".join(evil.text)
    assert '<script>alert("1")</script>··' in shown
    assert "{{ 7 * 7 }}" in shown
    for character in "\x00\u202e\u200f":
        assert character not in path.read_text(encoding="utf-8")
        assert character not in json.dumps(data_of(path), ensure_ascii=False)


def test_a_very_long_sentence_is_cut_around_its_entities(found: Discovery, tmp_path: Path) -> None:
    path = write_report(evil_twin(found, "word " * 10_000), tmp_path / "long.html")
    assert path.stat().st_size < 4_000_000
    for pieces, *_ in data_of(path)["sentences"]:
        assert sum(map(len, pieces[::2])) < 700
        roles = dict(zip(pieces[1::2], pieces[::2], strict=True))
        assert roles["h"] == "A"
        assert roles["t"] == "B"


def test_the_page_is_one_file_that_asks_no_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    words = Reader(text)
    assert not [value for name, value in words.attributes if name in ("src", "srcset", "action")]
    assert all(value.startswith("#") for name, value in words.attributes if name == "href" and value)
    assert "default-src 'none'" in text
    assert len(text) < 4_000_000


def test_the_same_run_gives_the_same_bytes(
    found: Discovery, gold: dict[str, str], page: Path, tmp_path: Path
) -> None:
    again = write_report(found, tmp_path / "again.html", title="Five relations", gold=gold)
    assert again.read_bytes() == page.read_bytes()


def test_every_relation_and_its_examples_stand_there_without_scripts(page: Path, found: Discovery) -> None:
    shown = " ".join(" ".join(Reader(page.read_text(encoding="utf-8")).text).split())
    for one in found.relations:
        assert one.name in shown
        assert one.pattern in shown
    assert "90 instances in 90 sentences" in shown
    assert "90 pairs of entities, and 5 relations; their number was given" in shown
    assert "Method kmeans on the encoder minilm, in " in shown
    assert "entity-type pair" in shown


def test_offsets_are_those_of_people_not_of_machines(found: Discovery, tmp_path: Path) -> None:
    path = write_report(evil_twin(found, "🏳️‍🌈 𝔘𝔫𝔦 e\u0301"), tmp_path / "page.html")
    pieces = data_of(path)["sentences"][0][0]
    assert dict(zip(pieces[1::2], pieces[::2], strict=True))["t"] == "B"


def test_a_loaded_run_shows_the_same_as_the_one_that_was_fitted(
    found: Discovery, gold: dict[str, str], page: Path, tmp_path: Path
) -> None:
    found.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    loaded.model.encoder.cache = found.model.encoder.cache
    path = write_report(loaded, tmp_path / "loaded.html", title="Five relations", gold=gold)
    before, after = data_of(page), data_of(path)
    for key in ("fingerprint", "order", "relations", "sentences"):
        assert before[key] == after[key]
    np.testing.assert_allclose(
        np.array(before["likeness"], float), np.array(after["likeness"], float), atol=1e-3
    )


def test_of_a_large_run_sentences_are_drawn_and_counts_stay(
    found: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_module, "MOST_SENTENCES", 10)
    monkeypatch.setattr(content_module, "MOST_UNCERTAIN", 2)
    monkeypatch.setattr(content_module, "drawn", partial(drawn, most=10))
    path = write_report(found, tmp_path / "page.html")
    data = data_of(path)
    assert len(data["sentences"]) < 90
    assert sum(one["size"] for one in data["relations"].values()) == 90
    text = " ".join(Reader(path.read_text(encoding="utf-8")).text)
    assert "sampled from 90, are shown; counts refer to all" in " ".join(text.split())
    for one in found.relations:
        told = data["relations"][str(one.id)]
        # what is shown in a card can be opened, too
        assert len(told["members"]) >= min(len(one.examples), one.size)
        assert len(told["uncertain"]) == min(2, one.size)


def test_instances_without_a_relation_are_counted_and_not_on_the_map(
    found: Discovery, tmp_path: Path
) -> None:
    gone = found.relations[0]
    less = found.drop(gone.id)
    content = gather(less, title="x")
    assert len(content.map.rows) == 90 - gone.size
    path = write_report(less, tmp_path / "page.html")
    assert f"{gone.size} instances have no relation" in path.read_text(encoding="utf-8")


def test_gold_relations_of_other_instances_are_an_error(found: Discovery, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="none of the 90 instances of the run has a gold relation; is it the file"
    ):
        write_report(found, tmp_path / "page.html", gold={"another": "x"})


def test_confusions_are_those_that_cost_most(found: Discovery, gold: dict[str, str]) -> None:
    swapped = {
        id: "spouse" if name == "orbits" and place % 2 else name
        for place, (id, name) in enumerate(gold.items())
    }
    told = gather(found, title="x", gold=swapped).gold
    assert told is not None
    counts = [one.count for one in told.confusions]
    assert counts == sorted(counts, reverse=True)
    ids = found.assignments.relation_ids.tolist()
    by_hand = Counter((id, swapped[one.id]) for id, one in zip(ids, found.assignments.instances, strict=True))
    for one in told.confusions:
        assert one.count == by_hand[one.relation, one.gold]
        assert by_hand[one.relation, one.majority] >= one.count
        for row in one.examples:
            assert (ids[row], swapped[found.assignments.instances[row].id]) == (one.relation, one.gold)
    assert int(told.table.sum()) == 90


def test_the_report_of_a_run_on_disk_is_that_of_the_run_in_memory(
    found: Discovery, encoder: TransformerEncoder, tmp_path: Path
) -> None:
    found.save(tmp_path / "run", shard_above=0)
    loaded = Discovery.load(tmp_path / "run", encoder=encoder)
    on_disk, in_memory = gather(loaded, title="x"), gather(found, title="x")
    assert on_disk.relations == in_memory.relations
    assert on_disk.shown == in_memory.shown
    assert on_disk.graph == in_memory.graph
    assert on_disk.facts.rows == in_memory.facts.rows
    assert list(on_disk.facts.facts) == list(in_memory.facts.facts)
    assert list(on_disk.facts.entities) == list(in_memory.facts.entities)
    assert (on_disk.facts.total, on_disk.facts.total_entities) == (
        in_memory.facts.total,
        in_memory.facts.total_entities,
    )
    assert on_disk.facts.per_relation == in_memory.facts.per_relation


def test_suggestions_are_the_pairs_that_stand_out(found: Discovery) -> None:
    content = gather(found, title="x")
    values = content.likeness[np.triu_indices(5, k=1)]
    for left, right, value in content.suggestions:
        assert left.inverse != right.id
        assert value > values.mean() + 2 * values.std()
    for view in content.relations:
        likes = [value for _, value in view.near]
        assert likes == sorted(likes, reverse=True)
        assert view.relation.id not in [other.id for other, _ in view.near]


def test_no_hub_takes_the_places_of_the_others() -> None:
    pairs = [("US", f"a{number}") for number in range(100)] + [
        ("China", f"b{number}") for number in range(90)
    ]
    rows = [
        RelationInstance(
            f"{head} and {tail}", Mention(0, len(head)), Mention(len(head) + 5, len(head) + 5 + len(tail))
        )
        for head, tail in pairs
    ]
    merged = merge_mentions(rows)
    graph = entity_graph(links_between(merged, np.zeros(len(rows), dtype=np.int64)), merged.entities)
    assert [(one.name, one.links) for one in graph.entities[:2]] == [("US", 100), ("China", 90)]
    assert (len(graph.entities), graph.total) == (70, 192)
    places = [{link.tail for link in graph.links if link.head == hub} for hub in (0, 1)]
    assert min(map(len, places)) > 20


def test_the_order_of_the_input_changes_nothing_on_the_page(
    instances: list[RelationInstance], encoder: TransformerEncoder, found: Discovery, tmp_path: Path
) -> None:
    turned = discover(instances[::-1], n_relations=5, encoder=encoder)
    before, after = (
        data_of(write_report(one, tmp_path / f"{name}.html"))
        for one, name in ((found, "one"), (turned, "other"))
    )
    for key in ("order", "likeness", "graph"):
        assert before[key] == after[key]
    said = [[data["sentences"][row][0] for row in data["map"]["rows"]] for data in (before, after)]
    assert said[0] == said[1]
    assert (before["map"]["x"], before["map"]["y"]) == (after["map"]["x"], after["map"]["y"])
    for id, one in before["relations"].items():
        for key in ("members", "uncertain"):
            first, second = (
                [data["sentences"][row][0] for row in rows]
                for data, rows in ((before, one[key]), (after, after["relations"][id][key]))
            )
            assert first == second


def test_a_deep_tree_of_many_relations_is_shown(found: Discovery, tmp_path: Path) -> None:
    n = 400
    relations = tuple(
        replace(found.relations[0], id=id, name=f"r{id}", size=1, examples=(), inverse=None)
        for id in range(n)
    )
    rows = [
        RelationInstance(f"A and B{number}", Mention(0, 1), Mention(6, 7), id=str(number))
        for number in range(n)
    ]
    given = Assignments(rows, np.arange(n), np.ones(n, dtype=np.float32))
    # each is a little farther from all before it, so that the tree is a chain
    angles = np.cumsum(np.linspace(1e-4, 7e-3, n))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)[
        np.argsort(canonical_order(rows))
    ]
    model = SimpleNamespace(
        vectors_=vectors[np.argsort(np.argsort(canonical_order(rows)))], n_relations_=n, names_={}
    )
    path = write_report(
        replace(found, relations=relations, assignments=given, model=model), tmp_path / "deep.html"
    )
    text = path.read_text(encoding="utf-8")
    assert text.count('href="#relation-') >= n
    assert "of the 40 largest" in text
    assert len(data_of(path)["likeness"]) == 40


def test_all_points_of_a_large_map_have_their_sentences(
    found: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_module, "MOST_SENTENCES", 10)
    data = data_of(write_report(found, tmp_path / "page.html"))
    assert len(data["map"]["rows"]) == 90


def test_the_most_connected_entities_come_first(found: Discovery) -> None:
    graph = gather(found, title="x").graph
    links = [one.links for one in graph.entities]
    assert links == sorted(links, reverse=True)
    assert all(max(link.head, link.tail) < len(graph.entities) for link in graph.links)
    hub = graph.entities[0]
    neighbours = {
        other
        for one in found.assignments.instances
        for mine, other in ((one.head_text, one.tail_text), (one.tail_text, one.head_text))
        if mine.casefold() == hub.name.casefold()
    }
    assert hub.links == len({one.casefold() for one in neighbours})


def test_a_run_without_relations_has_nothing_to_show(found: Discovery, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no relations to show"):
        write_report(replace(found, relations=()), tmp_path / "page.html")


def test_a_page_that_cannot_be_written_is_told(found: Discovery, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_page(tmp_path / "missing" / "page.html", "comparison.html.j2", _comparison_fields(), {}, ())


def _comparison_fields() -> dict[str, Any]:
    comparison = type("Comparison", (), {"matches": [], "new": [], "moves": []})
    empty: dict[str, Any] = {"title": "x", "lead": [], "score_rows": [], "score_caption": ""}
    return {
        **empty,
        "comparison": comparison,
        "first": {},
        "second": {},
        "names": ["a", "b"],
        "same": 1,
        "pieces": None,
    }


@pytest.mark.parametrize("n", [0, 1, 2, 4, 5, 40])
def test_any_number_of_vectors_is_projected(n: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    for given in (vectors, np.ones_like(vectors), vectors[:, :1]):
        plane = projected(given)
        assert (plane.shape, plane.dtype) == ((n, 2), np.float32)
        assert np.isfinite(plane).all()
        assert np.abs(plane).max(initial=0) <= 1


def test_every_relation_is_on_a_map_that_cannot_show_all() -> None:
    ids = np.array([0] * 900 + [1] * 90 + [2] * 5 + [-1] * 5)
    rows = drawn(ids, most=100)
    assert len(rows) <= 100
    assert set(ids[rows].tolist()) == {0, 1, 2}
    np.testing.assert_array_equal(rows, drawn(ids, most=100))


def said_of(path: Path) -> str:
    return " ".join(" ".join(Reader(path.read_text(encoding="utf-8")).text).split())


def judged(found: Discovery) -> Discovery:
    """Return a discovery whose first sentence is denied, whose second is supposed, and which knows its documents."""
    given = found.assignments
    number = len(given.instances)
    polarities: list[Polarity] = ["negated", "hypothetical", *["asserted"] * (number - 2)]
    rows = [
        replace(one, document="notes.txt", document_start=1000 * row)
        for row, one in enumerate(given.instances)
    ]
    related = np.linspace(0.5, 1, number, dtype=np.float32)
    assignments = Assignments(rows, given.relation_ids, given.confidences, related, polarities)
    return replace(found, assignments=assignments)


def test_facts_stand_on_the_page_with_and_without_scripts(page: Path, found: Discovery) -> None:
    shown = said_of(page)
    facts, data = found.facts(), data_of(page)
    assert f"{len(facts)} facts about {len(found.entities())} entities." in shown
    for fact in facts[:5]:
        assert fact.head.name in shown
        assert fact.relation in shown
    told = [
        [
            data["entities"][head][1],
            data["factNames"][str(id)],
            data["entities"][tail][1],
            support,
            documents,
            sure,
        ]
        for head, id, tail, support, documents, sure, _, _ in data["facts"]
    ]
    assert told == [
        [one.head.name, one.relation, one.tail.name, one.support, one.documents, one.confidence]
        for one in facts
    ]


def test_the_phrase_of_a_fact_stands_next_to_its_relation(found: Discovery, tmp_path: Path) -> None:
    phrases = ["says so"] * len(found.assignments.instances)
    said = replace(found, assignments=replace(found.assignments, phrases=phrases))
    page = write_report(said, tmp_path / "page.html", title="Phrases")
    assert "“says so”" in page.read_text(encoding="utf-8")
    phrases = {fact[7] for fact in data_of(page)["facts"]}
    assert "says so" in phrases <= {"says so", ""}


def test_every_fact_has_its_sentences(page: Path, found: Discovery) -> None:
    data = data_of(page)
    texts = {one.id: one.text for one in found.assignments.instances}
    for told, fact in zip(data["facts"], found.facts(), strict=True):
        said = ["".join(data["sentences"][row][0][::2]) for row in told[6]]
        assert said == [texts[id] for id in fact.evidence[:4]]


def test_every_relation_says_how_many_facts_it_has(page: Path, found: Discovery) -> None:
    text = page.read_text(encoding="utf-8")
    counts = Counter(fact.relation_id for fact in found.facts())
    for id, count in re.findall(r'data-facts="(\d+)"><b>(\d+)</b> facts?<', text):
        assert counts[int(id)] == int(count)
    assert text.count("data-facts=") == sum(one.id in counts for one in found.relations)


def test_a_sentence_shows_whether_it_asserts_and_where_it_was_read(found: Discovery, tmp_path: Path) -> None:
    path = write_report(judged(found), tmp_path / "page.html")
    sentences = data_of(path)["sentences"]
    assert [one[6] for one in sentences if len(one) > 6] == ["negated", "hypothetical"]
    assert sentences[0][5] == 0.5
    assert "notes.txt" in sentences[2][3]
    assert sentences[2][3].endswith("character 2,000")
    assert len(data_of(path)["facts"]) == 88


def test_an_example_that_is_denied_is_tagged(found: Discovery, tmp_path: Path) -> None:
    denied = replace(
        found,
        assignments=replace(found.assignments, polarities=["negated"] * len(found.assignments.instances)),
    )
    path = write_report(denied, tmp_path / "page.html")
    assert path.read_text(encoding="utf-8").count('class="tag">negated<') == 15
    assert "No facts: no sentence asserts a relation" in said_of(path)


def test_a_page_holds_so_many_facts_and_entities_and_counts_all(
    found: Discovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "MOST_FACTS", 7)
    monkeypatch.setattr(facts_module, "MOST_ENTITIES", 3)
    path = write_report(found, tmp_path / "page.html")
    data, shown = data_of(path), said_of(path)
    assert (len(data["facts"]), data["listed"]) == (7, 3)
    # the others are there for the names in facts
    assert len(data["entities"]) <= 3 + 14
    assert f"The first 7 of {len(found.facts())} are shown" in shown
    assert f"The 3 with most facts, of {len(found.entities())} are shown" in shown


def test_what_the_page_cannot_show_exactly_cannot_be_decided(found: Discovery, tmp_path: Path) -> None:
    given = found.assignments
    rows = [replace(one, head=replace(one.head, entity_id="Q\x00" + one.id)) for one in given.instances]
    twin = replace(found, assignments=replace(given, instances=rows))
    ids = {one[0] for one in data_of(write_report(twin, tmp_path / "page.html"))["entities"]}
    assert None in ids
    assert not [id for id in ids if id is not None and id.startswith("Q")]
