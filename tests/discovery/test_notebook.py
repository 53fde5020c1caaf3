"""What a notebook shows of a discovery."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import Assignments, Discovery
from relscout.discovery.notebook import MOST_FACTS, MOST_RELATIONS

EVIL = '<script>alert("1")</script>\x00\u202e" onload=x <img src=x onerror=y> </style> &amp;'


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def twin(found: Discovery, text: str, *, relations: int = 5) -> Discovery:
    """A discovery in which everything that a corpus decides is this text."""
    rows = [
        RelationInstance(
            f"A{number} {text} B{number}",
            Mention(0, len(f"A{number}"), text),
            Mention(len(f"A{number} {text} "), len(f"A{number} {text} B{number}"), text),
            source="/home/user/secret.txt",
            id=f"{number}{text}",
        )
        for number in range(len(found.assignments.instances))
    ]
    given = Assignments(rows, found.assignments.relation_ids, found.assignments.confidences)
    first = found.relations[0]
    named = [
        replace(first, id=id, name=f"{text}{id}", types=(text, text), examples=(rows[id].id,))
        for id in range(relations)
    ]
    return replace(found, relations=tuple(named), assignments=given, run={**found.run, "warnings": [text]})


@pytest.fixture(scope="module")
def shown(found: Discovery) -> Reader:
    return Reader(found._repr_html_())


def test_a_notebook_shows_every_relation_with_size_confidence_and_examples(
    shown: Reader, found: Discovery
) -> None:
    for relation in found.relations:
        assert relation.name in shown.text
        assert f"{relation.size}{relation.confidence:.0%}" in shown.text
        assert found.examples(relation.id, 1)[0].text in shown.text
    assert "5 relations of 90 instances, 0 of them without a relation." in shown.text


def test_a_notebook_shows_the_most_supported_facts(shown: Reader, found: Discovery) -> None:
    fact = found.facts()[0]
    assert f"{fact.head.name}{fact.relation}{fact.tail.name}{fact.support}" in shown.text
    assert f"{MOST_FACTS} most supported facts of {len(found.facts())}" in shown.text


def test_text_of_the_corpus_is_escaped(found: Discovery, shown: Reader) -> None:
    html = twin(found, EVIL)._repr_html_()
    evil = Reader(html)
    assert evil.tags.keys() <= shown.tags.keys()
    assert "script" not in evil.tags
    assert evil.attributes == shown.attributes == {"class"}
    assert evil.tags["style"] == 1
    assert '<script>alert("1")</script>' in evil.text
    assert "\x00" not in html
    assert "\u202e" not in html


def test_nothing_of_the_machine_is_shown_and_nothing_is_loaded(found: Discovery) -> None:
    html = twin(found, "word")._repr_html_()
    assert "secret" not in html
    assert "url(" not in html
    assert "http" not in html


def test_there_are_colours_for_light_and_dark(found: Discovery) -> None:
    html = found._repr_html_()
    assert "prefers-color-scheme:dark" in html
    assert 'data-jp-theme-light="false"' in html


def test_long_names_and_many_relations_are_cut(found: Discovery) -> None:
    html = twin(found, "word " * 2_000, relations=60)._repr_html_()
    assert len(html) < 100_000
    assert f"{MOST_RELATIONS} largest relations of 60" in Reader(html).text


def test_facts_of_a_large_corpus_are_shown_if_they_are_known(found: Discovery) -> None:
    rows = found.assignments.instances[:1] * 20_001
    many = Assignments(rows, np.full(len(rows), -1), np.ones(len(rows), np.float32))
    large = replace(
        found, assignments=many, relations=tuple(replace(each, examples=()) for each in found.relations)
    )
    assert "facts" not in Reader(large._repr_html_()).text
    assert "20,001 instances, 20,001 of them without a relation" in Reader(large._repr_html_()).text


def test_a_prompt_shows_a_line(found: Discovery) -> None:
    assert repr(found) == "<Discovery of 5 relations in 90 instances>"
