from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from relscout.core.errors import OutputError
from relscout.core.instances import Triple
from relscout.io.writers import write
from relscout.io.writers.neo4j import relationship_type

MakeTriple = Callable[..., Triple]
EINSTEIN, ULM = "urn:relscout:entity:Albert%20Einstein", "urn:relscout:entity:Ulm"


def export(triples: list[Triple], folder: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    write(triples, folder, format="neo4j")
    tables = []
    for name in ("entities.csv", "relations.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as lines:
            tables.append(list(csv.DictReader(lines, strict=True)))
    return tables[0], tables[1]


def test_entities_have_an_id_a_name_and_labels(tmp_path: Path, make_triple: MakeTriple) -> None:
    entities, _ = export([make_triple()], tmp_path / "graph")
    assert entities == [
        {"entity:ID": EINSTEIN, "name": "Albert Einstein", ":LABEL": "Entity;PERSON"},
        {"entity:ID": ULM, "name": "Ulm", ":LABEL": "Entity;CITY"},
    ]


def test_relations_lead_from_head_to_tail_and_carry_the_sentence(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    _, relations = export([make_triple(instance_id="7", source="a.txt, line 1")], tmp_path / "graph")
    assert relations == [
        {
            ":START_ID": EINSTEIN,
            ":END_ID": ULM,
            ":TYPE": "WAS_BORN_IN_0",
            "name": "was born in",
            "relation_id:long": "0",
            "confidence:double": "0.75",
            "related:double": "",
            "polarity": "asserted",
            "sentence": "Albert Einstein was born in Ulm.",
            "head_start:int": "0",
            "head_end:int": "15",
            "tail_start:int": "28",
            "tail_end:int": "31",
            "instance_id": "7",
            "source": "a.txt, line 1",
            "document": "",
            "document_start:long": "",
        }
    ]


def test_every_end_of_a_relation_is_one_entity(tmp_path: Path, make_triple: MakeTriple) -> None:
    triples = [make_triple(), make_triple("Zoë"), make_triple("Ulm", "Germany", verb="is in")]
    entities, relations = export(triples, tmp_path / "graph")
    ids = Counter(entity["entity:ID"] for entity in entities)
    assert len(relations) == 3
    assert set(ids.values()) == {1}
    assert {relation[end] for relation in relations for end in (":START_ID", ":END_ID")} == set(ids)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("was born in", "WAS_BORN_IN_4"),
        ("is  the `capital`-of; (x)", "IS_THE_CAPITAL_OF_X_4"),
        ("", "RELATION_4"),
        ("?!", "RELATION_4"),
        ("3rd in", "RELATION_3RD_IN_4"),
        ("größer als", "GRÖSSER_ALS_4"),
        ("की राजधानी", "की_राजधानी_4"),
        ("a" * 10_000, "A" * 80 + "_4"),
    ],
)
def test_relationship_types_are_upper_snake_case(make_triple: MakeTriple, name: str, expected: str) -> None:
    assert relationship_type(make_triple(relation=name, relation_id=4)) == expected


def test_relations_of_the_same_name_have_two_types(make_triple: MakeTriple) -> None:
    first, second = make_triple(relation_id=0), make_triple(relation_id=1)
    assert relationship_type(first) != relationship_type(second)


def test_a_number_at_the_end_of_a_name_cannot_be_taken_for_that_of_another(make_triple: MakeTriple) -> None:
    first, second = make_triple(relation="a 1", relation_id=0), make_triple(relation="a", relation_id=1)
    assert relationship_type(first) != relationship_type(second)


def test_labels_are_never_parted_by_their_own_characters(tmp_path: Path, make_triple: MakeTriple) -> None:
    entities, _ = export([make_triple(types=("GPE;City, large", ";"))], tmp_path / "graph")
    assert [entity[":LABEL"] for entity in entities] == ["Entity;GPE_City_large", "Entity"]


def test_texts_come_back_with_the_offsets_true(tmp_path: Path, nasty: str, nasty_triple: Triple) -> None:
    _, (relation,) = export([nasty_triple], tmp_path / "graph")
    spaces = str.maketrans(dict.fromkeys("\n\r\x85\u2028\u2029", " "))
    replaced = str.maketrans(dict.fromkeys("\x00\x07\x1b\ud800\udfff\ufffe\uffff", "\ufffd"))
    assert relation["sentence"] == nasty_triple.instance.text.translate(spaces).translate(replaced)
    assert relation["name"] == relation["source"] == nasty.translate(spaces).translate(replaced)
    assert relation["sentence"][int(relation["tail_start:int"]) : int(relation["tail_end:int"])] == "Ulm"


def test_no_field_spans_lines(tmp_path: Path, nasty_triple: Triple) -> None:
    export([nasty_triple], tmp_path / "graph")
    for name, lines in (("entities.csv", 3), ("relations.csv", 2)):
        text = (tmp_path / "graph" / name).read_text(encoding="utf-8")
        assert len(text.splitlines()) == lines


def test_texts_are_quoted_so_that_the_importer_does_not_trim_them(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    export([make_triple(" Zoë")], tmp_path / "graph")
    assert '," Zoë was born in Ulm.",' in (tmp_path / "graph" / "relations.csv").read_text(encoding="utf-8")


def test_no_triples_give_two_tables_without_rows(tmp_path: Path) -> None:
    assert export([], tmp_path / "graph") == ([], [])


def test_an_older_export_is_replaced(tmp_path: Path, make_triple: MakeTriple) -> None:
    export([make_triple(), make_triple("Zoë")], tmp_path / "graph")
    entities, relations = export([make_triple("Mo")], tmp_path / "graph")
    assert (len(entities), len(relations)) == (2, 1)


def test_a_folder_with_other_files_is_refused_before_anything_is_read(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    unread = iter([make_triple()])
    with pytest.raises(OutputError, match=r"thesis\.txt.*choose a new or an empty folder"):
        write(unread, tmp_path, format="neo4j")
    assert len(list(unread)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path, make_triple: MakeTriple) -> None:
    (tmp_path / "graph").write_text("not a folder")
    with pytest.raises(OutputError, match="it is a file"):
        write([make_triple()], tmp_path / "graph", format="neo4j")
    assert (tmp_path / "graph").read_text() == "not a folder"
