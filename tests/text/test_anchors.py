"""Links of Wikipedia as entities."""

from __future__ import annotations

import bz2
import json
from pathlib import Path

import pytest

from relscout.alignment import AlignmentSettings, KnowledgeGraph, align
from relscout.core.errors import InputError, RecordError
from relscout.text import MarkedSentence
from relscout.text.anchors import (
    Article,
    anchored_instances,
    anchored_sentences,
    read_articles,
    read_identifiers,
    titled,
)

CURIE = (
    'Marie Curie was born in <a href="Warsaw">Warsaw</a>, then in <a href="Congress%20Poland">Poland</a>.\n'
    'She moved to <a href="Paris">Paris</a>. There, Marie Curie met <a href="pierre_Curie#Life">Pierre</a> &amp; '
    '<a href="https://example.org">others</a>. Pierre left Paris for <a href="File:a.png">a picture</a>.'
)


def article(text: str = CURIE, title: str = "Marie Curie") -> Article:
    return Article(title, tuple(text.splitlines()), "dump, line 1")


def shown(sentence: MarkedSentence) -> list[tuple[str, str | None]]:
    return [(mention.surface(sentence.text), mention.entity_id) for mention in sentence.mentions]


def test_links_and_names_that_occur_again_are_the_entities() -> None:
    sentences = list(anchored_sentences(article()))
    assert [sentence.text for sentence in sentences] == [
        "Marie Curie was born in Warsaw, then in Poland.",
        "She moved to Paris.",
        "There, Marie Curie met Pierre & others.",
        "Pierre left Paris for a picture.",
    ]
    assert list(map(shown, sentences)) == [
        [("Marie Curie", "Marie_Curie"), ("Warsaw", "Warsaw"), ("Poland", "Congress_Poland")],
        [("Paris", "Paris")],
        [("Marie Curie", "Marie_Curie"), ("Pierre", "Pierre_Curie")],
        [("Pierre", "Pierre_Curie"), ("Paris", "Paris")],
    ]
    assert {sentence.document for sentence in sentences} == {"Marie Curie"}


def test_without_repeats_only_links_are_entities() -> None:
    sentences = anchored_sentences(article(), repeats=False)
    assert [len(sentence.mentions) for sentence in sentences] == [2, 1, 1, 0]


def test_a_name_inside_a_link_or_a_word_is_not_marked_again() -> None:
    text = '<a href="Ada">Ada</a> wrote <a href="Letters to Ada">letters to Ada</a> in Adana.'
    (sentence,) = anchored_sentences(article(text, "X"))
    assert [name for name, _ in shown(sentence)] == ["Ada", "letters to Ada"]


def test_no_sentence_ends_inside_a_link() -> None:
    (sentence,) = anchored_sentences(article('He read <a href="Who?">Who? What</a> Once.', "X"))
    assert shown(sentence) == [("Who? What", "Who?")]


def test_identifiers_of_a_graph_replace_titles(tmp_path: Path) -> None:
    table = tmp_path / "ids.tsv"
    table.write_text("Marie Curie\tQ7186\nwarsaw\tQ270\nWarsaw\tQ1\n", encoding="utf-8")
    (first, *_) = anchored_sentences(article(), identifiers=read_identifiers(table))
    assert shown(first) == [("Marie Curie", "Q7186"), ("Warsaw", "Q270"), ("Poland", None)]
    table.write_text("Marie Curie Q7186\n", encoding="utf-8")
    with pytest.raises(
        RecordError, match=r"ids.tsv, line 1: 'Marie Curie Q7186' is no pair of title and identifier"
    ):
        read_identifiers(table)


@pytest.mark.parametrize(
    ("link", "title"), [("marie_Curie#Life", "Marie Curie"), ("#Life", ""), (" iPod ", "IPod"), ("", "")]
)
def test_a_link_leads_to_a_title(link: str, title: str) -> None:
    assert titled(link) == title


def test_every_form_of_the_extractor_gives_the_same(tmp_path: Path) -> None:
    escaped = CURIE.replace("<", "&lt;").replace(">", "&gt;")
    doc = f'<doc id="1" url="u" title="Marie Curie">\n{CURIE}\n</doc>\n'
    contents = {
        "plain.json": json.dumps({"id": "1", "title": "Marie Curie", "text": CURIE}),
        "escaped.json": json.dumps({"id": "1", "title": "Marie Curie", "text": escaped}),
        "wiki_00": doc,
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "wiki_00.bz2").write_bytes(bz2.compress(doc.encode()))
    forms = [
        [(one.text, one.head, one.tail) for one in anchored_instances([tmp_path / name])]
        for name in (*contents, "wiki_00.bz2")
    ]
    assert len(forms[0]) == 5
    assert all(form == forms[0] for form in forms)


def test_distant_supervision_from_anchored_text(tmp_path: Path) -> None:
    """Peng et al. 2020, section 3.1: sentences get the relation that the graph has for their entities."""
    (tmp_path / "wiki_00").write_text(
        f'<doc id="1" title="Marie Curie">\n{CURIE}\n</doc>\n', encoding="utf-8"
    )
    (tmp_path / "graph.tsv").write_text(
        "Marie_Curie\tplace of birth\tWarsaw\nPierre_Curie\tspouse\tMarie_Curie\n", encoding="utf-8"
    )
    graph = KnowledgeGraph.read([tmp_path / "graph.tsv"])
    aligned = align(anchored_instances([tmp_path / "wiki_00"]), graph, AlignmentSettings(min_sentences=1))
    assert {(one.head_text, one.relation, one.tail_text) for one in aligned} == {
        ("Marie Curie", "place of birth", "Warsaw"),
        ("Pierre", "spouse", "Marie Curie"),
    }


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (
            '{"title": "A"}\n',
            RecordError,
            "line 1: .* begins no article; expected JSON with the fields 'title'",
        ),
        ('<doc id="1" title="A">\ntext\n</doc>\nlost\n', RecordError, "line 4: 'lost' begins no article"),
        ('<doc id="1" title="A">\ntext\n', InputError, "line 1: the article 'A' has no end"),
    ],
)
def test_what_is_no_article_is_an_error_with_its_line(
    content: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    (tmp_path / "wiki_00").write_text(content, encoding="utf-8")
    with pytest.raises(error, match=said):
        list(read_articles(tmp_path / "wiki_00"))
