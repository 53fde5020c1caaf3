from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError, RecordError
from relscout.discovery.matching import combined
from relscout.naming.vocabulary import Vocabulary, VocabularyEntry, read_vocabulary

QUERIES = ("window", "phrase", "heads", "tails")
ONTOLOGY = """
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix ex: <http://example.org/> .
ex:Person a owl:Class ; rdfs:label "person"@en .
ex:employs a owl:ObjectProperty ; rdfs:label "beschäftigt"@de, "employs"@en ; skos:altLabel "has employee"@en ;
    rdfs:comment "The head pays the tail for work." ; rdfs:domain ex:Company ; rdfs:range ex:Person .
ex:foundingYear a owl:DatatypeProperty ; skos:definition "Year of the foundation." .
ex:near a rdf:Property ; rdfs:label "near" .
ex:note a owl:AnnotationProperty ; rdfs:label "note" .
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(name: str, content: object) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def test_wikidata_properties_are_read_with_their_uris(written) -> None:
    path = written(
        "pid2name.json", {"P6": ["head of government", "head of the executive"], "P19": ["born in", ""]}
    )
    assert read_vocabulary(path).entries == (
        VocabularyEntry(
            "P6", "head of government", "head of the executive", "http://www.wikidata.org/prop/direct/P6"
        ),
        VocabularyEntry("P19", "born in", "", "http://www.wikidata.org/prop/direct/P19"),
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("v.txt", "born in\n\n  works for \n"),
        ("v.json", ["born in", "works for"]),
        ("v.json", [{"label": "born in"}, {"name": "works  for", "unknown": 3}]),
        ("v.json", {"born in": "born in", "works for": {"name": "works for"}}),
        ("v.jsonl", '"born in"\n{"name": "works for"}\n'),
        ("v.csv", "born in\r\nworks for\r\n"),
        ("v.csv", "\ufeffName\r\nborn in\r\nworks for\r\n"),
        ("v.tsv", "name\tcount\nborn in\t3\nworks for\t4\n"),
        ("v.csv", "relations\nborn in\nworks for\n"),
        ("v.csv", "Names\nborn in\nworks for\n"),
        ("v.csv", '"Name";"count"\n"born in";3\n"works for";4\n'),
        ("v.csv", "count\tname\n3\tborn in\n4\tworks for\n"),
        ("v.csv", "\nname | count\nborn in | 3\nworks for | 4\n"),
        ("v.tsv", "name,count\nborn in,3\nworks for,4\n"),
        # the first name of a field that has a value counts, wherever it stands
        ("v.csv", "label,name\nborn,born in\nworks for,\n"),
        ("v.json", [{"label": "born", "name": "born in"}, {"label": "works for", "name": ""}]),
    ],
)
def test_names_alone_are_a_vocabulary(written, name: str, content: object) -> None:
    entries = read_vocabulary(written(name, content)).entries
    assert [(entry.id, entry.name, entry.uri) for entry in entries] == [
        ("born in", "born in", ""),
        ("works for", "works for", ""),
    ]


def test_a_few_ids_of_another_kind_do_not_cost_the_others_their_uris(written) -> None:
    properties = {f"P{number}": [f"name {number}", ""] for number in range(10)}
    entries = {entry.id: entry.uri for entry in read_vocabulary(written("v.json", properties)).entries}
    assert entries.pop("P0") == ""
    assert entries == {id: f"http://www.wikidata.org/prop/direct/{id}" for id in entries}
    assert len(entries) == 9


def test_ids_that_are_only_in_part_like_those_of_wikidata_get_no_uris(written) -> None:
    entries = read_vocabulary(written("v.json", {"P1": "a", "P2": "b", "X": "c"})).entries
    assert [entry.uri for entry in entries] == ["", "", ""]


@pytest.mark.parametrize("name", ["v.json", "v.csv"])
def test_results_of_the_wikidata_query_service_give_ids_and_names(written, name: str) -> None:
    record = {"property": "http://www.wikidata.org/entity/P19", "propertyLabel": "place of birth"}
    table = "\n".join([",".join(record), ",".join(record.values())])
    assert read_vocabulary(written(name, [record] if name == "v.json" else table)).entries == (
        VocabularyEntry("P19", "place of birth", "", "http://www.wikidata.org/prop/direct/P19"),
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_table_in_utf_16_is_read_by_its_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "v.tsv"
    path.write_bytes("\ufeffid\tname\nP1\tgehört zu\n".encode(encoding))
    assert [entry.name for entry in read_vocabulary(path).entries] == ["gehört zu"]


def test_control_characters_are_taken_out_of_descriptions(written) -> None:
    (entry,) = read_vocabulary(written("v.json", [{"name": "a", "description": "b\x1b\n c"}])).entries
    assert entry.description == "b c"


def test_a_table_has_all_fields_of_an_entry(written) -> None:
    path = written(
        "v.csv",
        "id,label,description,aliases,domain,range\n"
        'http://x.org/a,employs,"pays,\nfor work",hires|has staff,company,person|robot\n',
    )
    assert read_vocabulary(path).entries == (
        VocabularyEntry(
            "http://x.org/a",
            "employs",
            "pays, for work",
            "http://x.org/a",
            ("hires", "has staff"),
            ("company",),
            ("person", "robot"),
        ),
    )


def test_an_ontology_gives_its_properties(written) -> None:
    entries = read_vocabulary(written("v.ttl", ONTOLOGY)).entries
    assert entries == (
        VocabularyEntry(
            "http://example.org/employs",
            "employs",
            "The head pays the tail for work.",
            "http://example.org/employs",
            ("has employee",),
            ("company",),
            ("person",),
        ),
        VocabularyEntry(
            "http://example.org/foundingYear",
            "founding year",
            "Year of the foundation.",
            "http://example.org/foundingYear",
        ),
        VocabularyEntry("http://example.org/near", "near", "", "http://example.org/near"),
    )


def test_the_xml_of_an_ontology_gives_the_same(written, tmp_path: Path) -> None:
    import rdflib

    xml = rdflib.Graph().parse(data=ONTOLOGY, format="turtle").serialize(format="xml")
    turtle = read_vocabulary(written("v.ttl", ONTOLOGY))
    assert read_vocabulary(written("v.owl", xml)).entries == turtle.entries


def test_an_owl_file_in_turtle_is_read_as_turtle(written) -> None:
    turtle = read_vocabulary(written("v.ttl", ONTOLOGY))
    assert read_vocabulary(written("v.owl", ONTOLOGY)).entries == turtle.entries


@pytest.mark.parametrize("kind", ["Functional", "InverseFunctional", "Symmetric", "Transitive"])
def test_a_property_may_have_one_of_the_kinds_of_owl_alone(written, kind: str) -> None:
    turtle = f"<http://x.org/isNear> a <http://www.w3.org/2002/07/owl#{kind}Property> ."
    assert [entry.name for entry in read_vocabulary(written("v.ttl", turtle)).entries] == ["is near"]


def test_what_is_no_rdf_is_an_error_in_a_single_line(written) -> None:
    for name, complaint in (
        ("v.ttl", r"turtle \(.*Bad syntax.*\)$"),
        ("v.owl", r"xml \(.*\) or turtle \(.*\)$"),
    ):
        with pytest.raises(InputError, match=f"not RDF in the format {complaint}") as caught:
            read_vocabulary(written(name, "a b\nc"))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("v.json", {"P6": ["a", "b", "c"]}, r"v\.json, 'P6': .* expected \[name, description\]"),
        ("v.json", {"P6": 7}, r"v\.json, 'P6': 7; expected a name"),
        ("v.json", [{"id": "P6"}], r"v\.json, entry 1: the name is None"),
        ("v.json", [{"name": "a", "id": ["x"]}], r"v\.json, entry 1: id is \['x'\]; expected a text"),
        (
            "v.json",
            [{"name": "a", "uri": "x y"}],
            r"v\.json, entry 1: uri is 'x y'; expected an absolute URI",
        ),
        ("v.json", 7, r"v\.json: 7; expected a list of names"),
        ("v.json", '{"P6": ["a"], "P6": ["b"]}', "given twice"),
        ("v.jsonl", '"a"\n{"name"\n', r"v\.jsonl, line 2: not JSON"),
        ("v.csv", "id,what\nP6,a\n", r"v\.csv, line 1: the columns are 'id', 'what'; expected a header with"),
        ("v.csv", "name\na,b\n", r"v\.csv, line 2: 2 cells"),
        ("v.csv", 'name\n"a\n', r"v\.csv, line 2: unexpected end of data"),
        ("v.csv", "id,name\nP6,a\nP6,b\n", r"v\.csv, entry 2: the id 'P6' occurs twice"),
        ("v.csv", "id;what\nP6;a\n", r"v\.csv, line 1: the columns are 'id', 'what'; expected a header with"),
        ("v.csv", "name\na\nb\x1b[2J\n", r"v\.csv, line 3: the name 'b\\x1b\[2J' has control characters"),
        ("v.json", '["a\\ud800"]', r"v\.json, entry 1: the name 'a\\ud800' has control characters"),
        (
            "v.txt",
            "a\nP6\tb\n",
            r"v\.txt, line 2: expected one name per line; save a table as \.tsv with a header",
        ),
        ("v.txt", "\n", r"v\.txt has no relations"),
        ("v.ttl", "a b", r"v\.ttl: not RDF in the format turtle"),
        ("v.nt", "", r"v\.nt: there are no properties"),
        ("names", "a", r"names: the file name has no extension; known are \.json"),
        ("v.docx", "", r"'\.docx' is no format of vocabularies; known are \.json"),
    ],
)
def test_what_is_no_vocabulary_is_an_error_with_its_place(written, name, content, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        read_vocabulary(written(name, content))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: No such file"):
        read_vocabulary(tmp_path / "none.csv")


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r" is a folder; expected a file$"):
        read_vocabulary(tmp_path)


def test_a_vocabulary_of_two_entries_is_no_surer_than_one_of_ten() -> None:
    table = np.full((1, 10), 0.01, dtype=np.float32)
    table[0, :2] = 0.3, 0.1
    best = {}
    for count in (1, 2, 10, 20):
        padded = np.pad(table, ((0, 0), (0, 10)), constant_values=0.01)[:, :count]
        values = {f"{what} {how}": padded for what in QUERIES for how in ("name", "text")}
        values["generality"] = np.zeros_like(padded)
        best[count] = float(combined(values).probabilities[0, 0])
    assert best[2] == best[10]
    assert best[1] <= best[10]
    # from there on, more entries make the same similarities less sure
    assert best[20] < best[10]


def test_the_fingerprint_depends_on_the_entries_and_not_on_their_order() -> None:
    first, second = Vocabulary.of(["a", "b"]), Vocabulary.of(["b", "a"])
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != Vocabulary.of(["a", ("b", "with a description")]).fingerprint


def test_a_name_that_is_empty_is_refused() -> None:
    with pytest.raises(RecordError, match="entry 2: the name is empty"):
        Vocabulary.of(["a", " "])
