from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest
from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import RDF, RDFS, SKOS, XSD

from relscout.core.errors import InputError, OutputError, SettingError, UnknownNameError
from relscout.core.instances import Fact, Triple
from relscout.io.writers import FACT_FORMATS, WRITERS, write, write_facts

MakeFact = Callable[..., Fact]
MakeTriple = Callable[..., Triple]
VOCABULARY = Namespace("urn:relscout:vocabulary:")
EINSTEIN = URIRef("urn:relscout:entity:made-Albert%20Einstein")
ULM = URIRef("urn:relscout:entity:made-Ulm")
BORN = URIRef("urn:relscout:relation:0-born-in")
CLASS = "urn:relscout:type:"


@pytest.fixture(params=["facts.nt", "facts.ttl"])
def rdf(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def graph_of(facts: list[Fact], path: Path) -> Graph:
    write_facts(facts, path)
    return Graph().parse(path)


def tables(facts: list[Fact], folder: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    write_facts(facts, folder, format="neo4j")
    found = []
    for name in ("entities.csv", "relations.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as lines:
            found.append(list(csv.DictReader(lines, strict=True)))
    return found[0], found[1]


def test_json_lines_hold_one_fact_each(tmp_path: Path, make_fact: MakeFact) -> None:
    assert write_facts([make_fact(entity_ids=("Q937", None))], tmp_path / "facts.jsonl") == 1
    assert json.loads((tmp_path / "facts.jsonl").read_text(encoding="utf-8")) == {
        "head": {"id": "Q937", "name": "Albert Einstein", "type": "PERSON"},
        "relation_id": 0,
        "relation": "born in",
        "tail": {"id": "made-Ulm", "name": "Ulm", "type": "CITY"},
        "support": 2,
        "documents": 1,
        "confidence": 0.75,
        "phrase": "",
        "evidence": ["a1", "a2"],
    }


def test_in_rdf_a_fact_is_stated_and_its_support_told(rdf: Path, make_fact: MakeFact) -> None:
    graph = graph_of([make_fact()], rdf)
    assert list(graph.triples((None, BORN, None))) == [(EINSTEIN, BORN, ULM)]
    (statement,) = graph.subjects(RDF.type, RDF.Statement)
    assert set(graph.predicate_objects(statement)) == {
        (RDF.type, RDF.Statement),
        (RDF.subject, EINSTEIN),
        (RDF.predicate, BORN),
        (RDF.object, ULM),
        (VOCABULARY.support, Literal(2)),
        (VOCABULARY.documents, Literal(1)),
        (VOCABULARY.confidence, Literal("0.75", datatype=XSD.double)),
        (VOCABULARY.evidence, Literal("a1")),
        (VOCABULARY.evidence, Literal("a2")),
    }


def test_in_rdf_entities_have_labels_and_a_class(rdf: Path, make_fact: MakeFact) -> None:
    graph = graph_of([make_fact(aliases=("Einstein", "A. Einstein"))], rdf)
    assert graph.value(EINSTEIN, RDFS.label) == Literal("Albert Einstein")
    assert set(graph.objects(EINSTEIN, SKOS.altLabel)) == {Literal("Einstein"), Literal("A. Einstein")}
    person = URIRef(CLASS + "PERSON")
    assert graph.value(EINSTEIN, RDF.type) == person
    assert set(graph.predicate_objects(person)) == {(RDF.type, RDFS.Class), (RDFS.label, Literal("PERSON"))}


def test_in_rdf_a_relation_has_the_types_of_most_of_its_facts(rdf: Path, make_fact: MakeFact) -> None:
    facts = [
        make_fact(),
        make_fact("Mercedes", types=("ORG", "CITY")),
        make_fact("Ada", "Kent", types=("PERSON", None)),
    ]
    graph = graph_of(facts, rdf)
    assert list(graph.objects(BORN, RDFS.domain)) == [URIRef(CLASS + "PERSON")]
    assert list(graph.objects(BORN, RDFS.range)) == [URIRef(CLASS + "CITY")]


def test_in_rdf_a_relation_of_all_kinds_has_no_domain(rdf: Path, make_fact: MakeFact) -> None:
    graph = graph_of([make_fact(name, types=(name, None)) for name in ("A", "B", "C")], rdf)
    assert list(graph.objects(BORN, RDFS.domain)) == []
    assert list(graph.objects(BORN, RDFS.range)) == []


def test_an_identifier_of_a_knowledge_base_is_the_address(rdf: Path, make_fact: MakeFact) -> None:
    graph = graph_of([make_fact(entity_ids=("Q937", "/m/0jcx"))], rdf)
    ends = (URIRef("http://www.wikidata.org/entity/Q937"), URIRef("urn:relscout:id:%2Fm%2F0jcx"))
    assert list(graph.subject_objects(BORN)) == [ends]


def test_both_forms_of_rdf_say_the_same(tmp_path: Path, nasty_fact: Fact, make_fact: MakeFact) -> None:
    facts = [nasty_fact, make_fact(), make_fact("Ulm", "Albert Einstein", relation="home of", relation_id=1)]
    graphs = [graph_of(facts, tmp_path / name) for name in ("facts.nt", "facts.ttl")]
    assert isomorphic(*graphs)


def test_graphml_has_an_edge_per_fact(tmp_path: Path, make_fact: MakeFact) -> None:
    write_facts(
        [make_fact(aliases=("Einstein",)), make_fact(relation="left", relation_id=1)], tmp_path / "f.graphml"
    )
    graph = nx.read_graphml(tmp_path / "f.graphml", force_multigraph=True)
    assert graph.number_of_nodes() == 2
    assert graph.nodes[str(EINSTEIN)] == {
        "label": "Albert Einstein",
        "type": "PERSON",
        "aliases": "Albert Einstein\nEinstein",
        "mentions": 3,
        "documents": 2,
    }
    contents = [content for *_, content in graph.edges(data=True)]
    assert [content["label"] for content in contents] == ["born in", "left"]
    assert contents[0] == {
        "label": "born in",
        "relation_id": 0,
        "support": 2,
        "documents": 1,
        "confidence": 0.75,
        "evidence": "a1\na2",
    }


def test_graphml_holds_any_text(tmp_path: Path, nasty: str, nasty_fact: Fact) -> None:
    write_facts([nasty_fact], tmp_path / "f.graphml")
    graph = nx.read_graphml(tmp_path / "f.graphml", force_multigraph=True)
    ((_, _, content),) = graph.edges(data=True)
    assert content["label"] == re.sub(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", nasty
    )


def test_neo4j_has_a_relationship_per_fact(tmp_path: Path, make_fact: MakeFact) -> None:
    entities, relations = tables([make_fact(aliases=("Einstein; A.",))], tmp_path / "graph")
    assert entities[0] == {
        "entity:ID": str(EINSTEIN),
        "name": "Albert Einstein",
        "aliases:string[]": "Albert Einstein;Einstein, A.",
        "mentions:long": "3",
        "documents:long": "2",
        ":LABEL": "Entity;PERSON",
    }
    assert relations == [
        {
            ":START_ID": str(EINSTEIN),
            ":END_ID": str(ULM),
            ":TYPE": "BORN_IN_0",
            "name": "born in",
            "relation_id:long": "0",
            "support:long": "2",
            "documents:long": "1",
            "confidence:double": "0.75",
            "phrase": "",
            "evidence:string[]": "a1;a2",
        }
    ]


def test_facts_and_triples_replace_each_other_in_a_neo4j_folder(
    tmp_path: Path, make_fact: MakeFact, make_triple: MakeTriple
) -> None:
    write([make_triple()], tmp_path / "graph", format="neo4j")
    tables([make_fact()], tmp_path / "graph")
    assert sorted(path.name for path in (tmp_path / "graph").iterdir()) == ["entities.csv", "relations.csv"]


@pytest.mark.parametrize("name", ["facts.jsonl.gz", "facts.nt.gz", "facts.ttl.gz", "facts.graphml.gz"])
def test_packed_files_hold_facts(tmp_path: Path, name: str, make_fact: MakeFact) -> None:
    write_facts([make_fact()], tmp_path / name)
    with gzip.open(tmp_path / name, "rt", encoding="utf-8") as lines:
        assert "Albert" in lines.read()


def test_a_format_without_facts_is_refused_with_those_that_have_them(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match="parquet holds triples and no facts; formats of facts are jsonl, nt"
    ):
        write_facts([], tmp_path / "facts.parquet")
    assert set(FACT_FORMATS) == set(WRITERS) - {"parquet"}
    with pytest.raises(UnknownNameError, match="did you mean 'turtle'"):
        write_facts([], tmp_path / "facts.ttl", format="turtel")
    with pytest.raises(OutputError, match="it is a folder, and jsonl is a file"):
        write_facts([], tmp_path, format="jsonl")


def judged(make_triple: MakeTriple) -> Triple:
    return make_triple(related=0.25, polarity="negated", document="a.txt", document_start=12)


def test_triples_say_how_related_they_are_and_where_they_stand(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    import pyarrow.parquet as pq

    given = judged(make_triple)
    expected = {"related": 0.25, "polarity": "negated", "document": "a.txt", "document_start": 12}
    for name in ("t.jsonl", "t.parquet", "t.graphml"):
        write([given], tmp_path / name)
    write([given], tmp_path / "neo4j", format="neo4j")
    assert json.loads((tmp_path / "t.jsonl").read_text(encoding="utf-8")).items() >= expected.items()
    assert pq.read_table(tmp_path / "t.parquet").to_pylist()[0].items() >= expected.items()
    ((_, _, content),) = nx.read_graphml(tmp_path / "t.graphml", force_multigraph=True).edges(data=True)
    assert content.items() >= expected.items()
    with (tmp_path / "neo4j" / "relations.csv").open(encoding="utf-8", newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert (row["related:double"], row["polarity"], row["document"], row["document_start:long"]) == (
        "0.25",
        "negated",
        "a.txt",
        "12",
    )


def test_what_is_denied_is_described_in_rdf_and_not_stated(rdf: Path, make_triple: MakeTriple) -> None:
    write([judged(make_triple)], rdf)
    graph = Graph().parse(rdf)
    (statement,) = graph.subjects(RDF.type, RDF.Statement)
    told = {
        name: graph.value(statement, VOCABULARY[name]) for name in ("polarity", "document", "documentStart")
    }
    assert told == {
        "polarity": Literal("negated"),
        "document": Literal("a.txt"),
        "documentStart": Literal(12),
    }
    assert graph.value(statement, VOCABULARY.related) == Literal("0.25", datatype=XSD.double)
    relation = graph.value(statement, RDF.predicate)
    assert list(graph.subject_objects(relation)) == []


@pytest.mark.parametrize("related", [-0.1, 1.5, float("nan")])
def test_a_related_value_that_is_no_share_is_refused(
    tmp_path: Path, make_triple: MakeTriple, related: float
) -> None:
    with pytest.raises(InputError, match="the 'related' of relation 'was born in' is"):
        write([make_triple(related=related)], tmp_path / "t.jsonl")


def test_every_format_of_properties_has_the_phrase_of_a_fact(tmp_path: Path, make_fact: MakeFact) -> None:
    fact = replace(make_fact(), phrase="native of")
    formats = {"facts.jsonl": None, "facts.graphml": None, "facts.ttl": None, "facts": "neo4j"}
    for name, to in formats.items():
        write_facts([fact], tmp_path / name, format=to)
    written = [
        tmp_path / name for name in ("facts.jsonl", "facts.graphml", "facts.ttl", "facts/relations.csv")
    ]
    assert all("native of" in path.read_text(encoding="utf-8") for path in written)
