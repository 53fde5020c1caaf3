from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import OWL, RDF, RDFS, SKOS, XSD

from relscout.core.instances import Match, Triple
from relscout.io.writers import write

MakeTriple = Callable[..., Triple]
VOCABULARY = Namespace("urn:relscout:vocabulary:")
EINSTEIN = URIRef("urn:relscout:entity:Albert%20Einstein")
ULM = URIRef("urn:relscout:entity:Ulm")
BORN = URIRef("urn:relscout:relation:0-was-born-in")


@pytest.fixture(params=["facts.nt", "facts.ttl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def read_back(path: Path) -> Graph:
    return Graph().parse(path)


def value(graph: Graph, name: str) -> Literal:
    (found,) = graph.objects(None, VOCABULARY[name])
    assert isinstance(found, Literal)
    return found


def test_the_head_is_the_subject_and_the_tail_the_object(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple()], path)
    assert list(read_back(path).triples((None, BORN, None))) == [(EINSTEIN, BORN, ULM)]


def test_entities_and_relations_have_labels_and_types(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple("Albert \n Einstein")], path)
    graph = read_back(path)
    assert graph.value(EINSTEIN, RDFS.label) == Literal("Albert Einstein")
    assert graph.value(EINSTEIN, VOCABULARY.entityType) == Literal("PERSON")
    assert graph.value(BORN, RDFS.label) == Literal("was born in")
    assert graph.value(BORN, VOCABULARY.relationId) == Literal(0)


def test_a_statement_tells_where_the_triple_was_read(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(instance_id="7", source="a.txt, line 1")], path)
    graph = read_back(path)
    (statement,) = graph.subjects(RDF.type, RDF.Statement)
    assert dict(graph.predicate_objects(statement)) == {
        RDF.type: RDF.Statement,
        RDF.subject: EINSTEIN,
        RDF.predicate: BORN,
        RDF.object: ULM,
        VOCABULARY.sentence: Literal("Albert Einstein was born in Ulm."),
        VOCABULARY.headStart: Literal(0),
        VOCABULARY.headEnd: Literal(15),
        VOCABULARY.tailStart: Literal(28),
        VOCABULARY.tailEnd: Literal(31),
        VOCABULARY.confidence: Literal("0.75", datatype=XSD.double),
        VOCABULARY.polarity: Literal("asserted"),
        VOCABULARY.instanceId: Literal("7"),
        VOCABULARY.source: Literal("a.txt, line 1"),
    }


def test_a_statement_has_the_phrase_of_its_sentence(path: Path, make_triple: MakeTriple) -> None:
    write([replace(make_triple(), phrase="native of")], path)
    graph = read_back(path)
    assert list(graph.objects(None, VOCABULARY.phrase)) == [Literal("native of")]


def test_every_triple_has_its_own_statement_even_with_equal_ids(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(instance_id="7"), make_triple("Zoë", instance_id="7")], path)
    assert len(list(read_back(path).subjects(RDF.type, RDF.Statement))) == 2


def test_labels_are_written_once(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(), make_triple(verb="hails from")], path)
    written = path.read_text(encoding="utf-8")
    assert [written.count(f'"{label}"') for label in ("Albert Einstein", "Ulm", "was born in")] == [1, 1, 1]


def test_another_type_of_a_known_entity_is_added(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(types=(None, None)), make_triple(), make_triple(types=("SCIENTIST", None))], path)
    types = set(read_back(path).objects(EINSTEIN, VOCABULARY.entityType))
    assert types == {Literal("PERSON"), Literal("SCIENTIST")}


def test_relations_of_the_same_name_stay_apart(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(), make_triple(relation_id=1)], path)
    graph = read_back(path)
    relations = set(graph.subjects(RDFS.label, Literal("was born in")))
    assert relations == {BORN, URIRef("urn:relscout:relation:1-was-born-in")}


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1e-7, 0.1 + 0.2])
def test_the_confidence_comes_back_to_the_last_digit(
    path: Path, make_triple: MakeTriple, confidence: float
) -> None:
    write([make_triple(confidence=confidence)], path)
    assert value(read_back(path), "confidence").toPython() == confidence


def test_only_nul_and_lone_surrogates_are_replaced(path: Path, nasty: str, nasty_triple: Triple) -> None:
    write([nasty_triple], path)
    graph = read_back(path)
    replaced = str.maketrans(dict.fromkeys("\x00\ud800\udfff", "\ufffd"))
    assert str(value(graph, "sentence")) == nasty_triple.instance.text.translate(replaced)
    assert str(value(graph, "instanceId")) == nasty.translate(replaced)
    (relation,) = graph.objects(None, RDF.predicate)
    assert graph.value(relation, RDFS.label) == Literal(nasty.translate(replaced))
    tail = slice(value(graph, "tailStart").toPython(), value(graph, "tailEnd").toPython())
    assert str(value(graph, "sentence"))[tail] == "Ulm"


def test_no_triples_give_an_empty_graph(path: Path) -> None:
    write([], path)
    assert len(read_back(path)) == 0


def test_both_formats_say_the_same(tmp_path: Path, nasty_triple: Triple, make_triple: MakeTriple) -> None:
    triples = [
        nasty_triple,
        make_triple(ids=("Q937", "http://example.org/ulm?a=(b)&c=d.")),
        make_triple("Zoë-"),
    ]
    triples += [make_triple(head) for head in ("J. R. R.", "~", "-", "_x", "a:b")]
    for name in ("facts.nt", "facts.ttl"):
        write(triples, tmp_path / name)
    assert isomorphic(read_back(tmp_path / "facts.nt"), read_back(tmp_path / "facts.ttl"))


def test_n_triples_stay_one_statement_per_line(tmp_path: Path, nasty_triple: Triple) -> None:
    write([nasty_triple], tmp_path / "facts.nt")
    lines = (tmp_path / "facts.nt").read_text(encoding="utf-8").splitlines()
    assert all(line.endswith(" .") for line in lines)


def test_turtle_reads_like_a_sentence(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(ids=("Q937", None))], tmp_path / "facts.ttl")
    text = (tmp_path / "facts.ttl").read_text(encoding="utf-8")
    assert "\nwd:Q937 relation:0-was-born-in entity:Ulm .\n" in text


P19, P20 = (Match(id, id, 0.9, uri=f"http://www.wikidata.org/prop/direct/{id}") for id in ("P19", "P20"))


@pytest.mark.parametrize(
    ("matches", "predicate", "linked"),
    [
        ((P19, P20), OWL.equivalentProperty, [P19.uri]),
        ((P19, P20), SKOS.closeMatch, [P20.uri]),
        ((replace(P19, score=0.79),), SKOS.closeMatch, [P19.uri]),
        ((replace(P19, score=0.79),), OWL.equivalentProperty, []),
        ((replace(P19, inverse=True), P20), OWL.inverseOf, [P19.uri]),
        ((replace(P19, inverse=True, score=0.5),), SKOS.relatedMatch, [P19.uri]),
        ((Match("born", "born", 0.9),), SKOS.altLabel, ["born"]),
        ((Match("born", "born", 0.7),), SKOS.altLabel, []),
    ],
)
def test_a_relation_is_linked_to_the_entries_that_fit_it(
    path: Path, make_triple: MakeTriple, matches: tuple[Match, ...], predicate: URIRef, linked: list[str]
) -> None:
    write([replace(make_triple(), matches=matches)], path)
    assert [str(target) for target in read_back(path).objects(BORN, predicate)] == linked
