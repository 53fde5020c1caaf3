"""A knowledge graph: from files, and what it answers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.alignment import KnowledgeGraph
from relscout.core.errors import InputError, RecordError, UnknownNameError
from relscout.core.instances import normalized

TABLE = "Q1\tborn in\tQ2\nQ3\tborn in\tQ2\nQ1\tborn in\tQ2\n"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
ALIAS = "http://www.w3.org/2004/02/skos/core#altLabel"
NTRIPLES = f"""# places of birth
<http://e/Q1> <http://p/born> <http://e/Q2> .
<http://e/Q1> <{LABEL}> "Marie Curie"@en .
<http://e/Q1> <{ALIAS}> "Madame Curie"@en-GB .
<http://e/Q1> <{LABEL}> "Maria Skłodowska"@pl .
<http://e/Q1> <http://p/age> "66" .
<http://e/Q9> <{LABEL}> "in no triple" .
_:b <http://p/born> <http://e/Q2> .
"""


def write(path: Path, content: str) -> Path:
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


def triples(graph: KnowledgeGraph) -> set[tuple[str, str, str]]:
    return {
        (head, graph.relations[relation], tail)
        for one, head in enumerate(graph.entities)
        for other, tail in enumerate(graph.entities)
        for relation in graph.relations_of(one, other)
    }


def called(graph: KnowledgeGraph, name: str) -> list[str]:
    return [graph.entities[number] for number in graph.named(name)]


@pytest.mark.parametrize("name", ["graph.tsv", "graph.tsv.gz"])
def test_triples_come_from_a_table(tmp_path: Path, name: str) -> None:
    graph = KnowledgeGraph.read([write(tmp_path / name, TABLE)])
    assert triples(graph) == {("Q1", "born in", "Q2"), ("Q3", "born in", "Q2")}
    assert graph.n_triples == 2


@pytest.mark.parametrize("name", ["graph.nt", "graph.nt.gz", "graph.txt"])
def test_triples_and_names_come_from_ntriples(tmp_path: Path, name: str) -> None:
    graph = KnowledgeGraph.read([write(tmp_path / name, NTRIPLES)])
    assert triples(graph) == {("Q1", "born", "Q2")}
    assert [called(graph, name) for name in ("marie  CURIE", "Maria Skłodowska", "in no triple")] == [
        ["Q1"],
        ["Q1"],
        [],
    ]
    reading = graph.reading
    assert (reading.literals, reading.blank_nodes, reading.names_left_out) == (1, 1, 1)


def test_labels_are_taken_in_the_languages_that_are_asked_for(tmp_path: Path) -> None:
    graph = KnowledgeGraph.read([write(tmp_path / "graph.nt", NTRIPLES)], languages=["EN"])
    assert graph.n_names == 2
    assert called(graph, "Madame Curie") == ["Q1"]
    assert called(graph, "Maria Skłodowska") == []


def test_iris_may_be_kept_whole(tmp_path: Path) -> None:
    graph = KnowledgeGraph.read([write(tmp_path / "graph.nt", NTRIPLES)], iris="whole")
    assert triples(graph) == {("http://e/Q1", "http://p/born", "http://e/Q2")}
    assert called(graph, "Marie Curie") == ["http://e/Q1"]


def test_an_iri_finds_the_entity_that_its_last_part_stands_for(tmp_path: Path) -> None:
    graph = KnowledgeGraph.read([write(tmp_path / "graph.nt", NTRIPLES)])
    assert graph.entity("http://www.wikidata.org/entity/Q2") == graph.entity("Q2") is not None


def test_iris_that_end_alike_are_counted(tmp_path: Path) -> None:
    content = "<http://e/AC/DC> <p:r> <http://e/DC> .\n<http://f#DC> <p:r> <http://e/NY> .\n"
    graph = KnowledgeGraph.read([write(tmp_path / "graph.nt", content)])
    assert graph.alike == (1, ("http://e/AC/DC", "http://e/DC"))
    assert KnowledgeGraph.read([tmp_path / "graph.nt"], iris="whole").alike == (0, None)


def test_several_files_are_one_graph(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.tsv", TABLE), write(tmp_path / "b.nt", NTRIPLES)]
    graph = KnowledgeGraph.read(paths, aliases=[write(tmp_path / "names.tsv", "Q2\tWarsaw\tWarszawa\n")])
    assert triples(graph) == {("Q1", "born in", "Q2"), ("Q3", "born in", "Q2"), ("Q1", "born", "Q2")}
    assert called(graph, "WARSZAWA") == ["Q2"]
    assert graph.alike == (0, None)


def test_comments_of_a_table_have_no_tab(tmp_path: Path) -> None:
    graph = KnowledgeGraph.read([write(tmp_path / "a.tsv", "# tags\n#MeToo\tcoined by\tBurke\n")])
    assert triples(graph) == {("#MeToo", "coined by", "Burke")}


@pytest.mark.parametrize(
    ("name", "line", "what"),
    [
        ("a.tsv", "Q1\tborn in", "got 2 fields in 'Q1"),
        ("a.tsv", "Q1 born in Q2", "got 1 fields"),
        ("a.tsv", "Q1\t \tQ2", "got an empty field"),
        ("a.nt", "<http://e/Q1> <http://p/born>", "not N-Triples"),
        ("a.tsv", "Q1\tborn in\tZo\udceb", "is not UTF-8"),
    ],
)
def test_a_wrong_line_is_told_with_its_place_or_skipped(
    tmp_path: Path, name: str, line: str, what: str
) -> None:
    good = TABLE if name == "a.tsv" else NTRIPLES
    path = tmp_path / name
    path.write_bytes((good + line + "\n").encode("utf-8", "surrogateescape"))
    with pytest.raises(RecordError) as caught:
        KnowledgeGraph.read([path])
    assert f"{name}, line {good.count(chr(10)) + 1}: " in str(caught.value)
    assert what in str(caught.value)
    skipped: list[RecordError] = []
    graph = KnowledgeGraph.read([path], on_error="skip", on_skip=skipped.append)
    assert [str(error) for error in skipped] == [str(caught.value)]
    assert graph.reading.wrong_lines == 1
    assert triples(graph) == triples(KnowledgeGraph.read([write(tmp_path / f"good-{name}", good)]))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("Q1 Marie Curie\n", "line 1: got no name"),
        ("\tMarie Curie\n", "line 1: got no entity"),
        ("# nothing\n", "line 1: got no name"),
        ("", "lists no name"),
        ("Q8\tAda\nQ9\tBob\n", "none of its entities, such as 'Q8', is in the graph"),
    ],
)
def test_names_that_cannot_be_used(tmp_path: Path, content: str, what: str) -> None:
    graph, names = write(tmp_path / "a.tsv", TABLE), write(tmp_path / "names.tsv", content)
    with pytest.raises(InputError, match=what):
        KnowledgeGraph.read([graph], aliases=[names])


def test_a_file_without_triples_and_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no triple"):
        KnowledgeGraph.read([write(tmp_path / "a.nt", '<s:1> <p:1> "literal" .\n')])
    with pytest.raises(InputError, match="No such file"):
        KnowledgeGraph.read([tmp_path / "b.nt"])


def test_an_unknown_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="iris 'wide'"):
        KnowledgeGraph.read([write(tmp_path / "a.tsv", TABLE)], iris="wide")  # type: ignore[arg-type]


def test_identifiers_that_spell_a_name_are_names() -> None:
    graph = KnowledgeGraph([("Marie_Curie", "born in", "Q270"), ("Zo%C3%AB", "born in", "http://e/Oslo")])
    assert called(graph, "marie curie") == ["Marie_Curie"]
    assert called(graph, "Zoë") == ["Zo%C3%AB"]
    assert [called(graph, name) for name in ("Q270", "http://e/Oslo")] == [[], []]


def test_a_name_may_stand_for_several_entities() -> None:
    graph = KnowledgeGraph(
        [("Q1", "r", "Q2"), ("Q3", "r", "Q2")], [("Q3", "Ada"), ("Q1", "ADA"), ("Q3", "ada")]
    )
    assert called(graph, "Ada") == ["Q3", "Q1"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "Straße"),
        ("Ｒｏｍｅ", "rome"),
        ("Zoe\u0308  K.", "zoë\u00a0k."),
        ("İzmir", "i̇zmir"),
        ("Ⅳ", "IV"),
    ],
)
def test_case_white_space_and_unicode_form_do_not_count(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


@given(st.text("aI iİıßﬁⅣÅé\u0301\u0345ΐσςＲ\u00a0", max_size=6))
def test_a_normalised_name_stays_as_it_is(name: str) -> None:
    assert normalized(normalized(name)) == normalized(name)


@given(st.sets(st.tuples(st.integers(0, 5), st.sampled_from("rs"), st.integers(0, 5)), min_size=1), st.data())
def test_related_pairs_are_those_of_the_triples(
    known: set[tuple[int, str, int]], data: st.DataObject
) -> None:
    graph = KnowledgeGraph((f"E{head}", relation, f"E{tail}") for head, relation, tail in sorted(known))
    assert triples(graph) == {(f"E{head}", relation, f"E{tail}") for head, relation, tail in known}
    some = st.lists(st.sampled_from(range(len(graph.entities))), max_size=4, unique=True)
    heads, tails = data.draw(some), data.draw(some)
    expected = {
        (one, other) for one in heads for other in tails if one != other and graph.relations_of(one, other)
    }
    assert set(graph.related(heads, tails)) == expected
