"""Pre-annotations for annotation tools: what was written is read as it was."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import OutputError
from relscout.core.instances import Mention, RelationInstance, Triple
from relscout.io.readers import read, recognise
from relscout.io.readers.source import Source
from relscout.io.writers import write, writer_names
from relscout.io.writers.tools import TOOLS

MakeTriple = Callable[..., Triple]

#: Characters that formats treat in their own ways: beyond U+FFFF, blanks of several kinds, quotation marks, escapes.
LETTERS = st.sampled_from("aB é😀北\t \"\\|[]{}<>&'\u00a0\u2028_*;:#")


@st.composite
def instances(draw: st.DrawFn) -> RelationInstance:
    parts = [draw(st.text(LETTERS, max_size=6)) for _ in range(3)]
    names = [draw(st.text(LETTERS, max_size=5)) + draw(st.sampled_from("xyzÜ")) for _ in range(2)]
    if draw(st.booleans()):
        names.reverse()
    text = parts[0] + names[0] + parts[1] + names[1] + parts[2]
    first = Mention(len(parts[0]), len(parts[0]) + len(names[0]), draw(st.sampled_from([None, "PER", "B"])))
    start = first.end + len(parts[1])
    second = Mention(start, start + len(names[1]), draw(st.sampled_from([None, "LOC"])))
    head, tail = draw(st.permutations([first, second]))
    return RelationInstance(text, head, tail, draw(st.sampled_from([None, "lives_in", "P19", "per:title"])))


def content(path: Path) -> list[tuple[Any, ...]]:
    read_again = read(path, on_warning=lambda _: None)  # mentions may cut words
    return [(one.text, one.head, one.tail, one.relation, one.id) for one in read_again]


@pytest.mark.parametrize("name", TOOLS)
@given(some=st.lists(instances(), min_size=1, max_size=5))
def test_what_was_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, name: str, some: list[RelationInstance]
) -> None:
    folder = tmp_path_factory.mktemp("tool")
    assert TOOLS[name].write_instances(some, folder / "first") == len(some)
    assert recognise(Source(folder / "first")) == name
    imported = list(read(folder / "first", on_warning=lambda _: None))
    assert content(folder / "first") == [(one.text, one.head, one.tail, one.relation, one.id) for one in some]
    TOOLS[name].write_instances(imported, folder / "second")
    assert content(folder / "second") == content(folder / "first")


@pytest.mark.parametrize("name", TOOLS)
def test_relations_of_one_text_share_a_record_and_their_entities(tmp_path: Path, name: str) -> None:
    text = "Ann of Rome met Bea"
    ann, rome, bea = Mention(0, 3, "PER"), Mention(7, 11, "LOC"), Mention(16, 19, "PER")
    some = [RelationInstance(text, ann, rome, "in"), RelationInstance(text, ann, bea, "met")]
    TOOLS[name].write_instances(some, tmp_path / "out")
    assert [one[1:4] for one in content(tmp_path / "out")] == [(ann, rome, "in"), (ann, bea, "met")]
    if name == "doccano":
        (record,) = map(json.loads, (tmp_path / "out").read_text().splitlines())
        assert [one["id"] for one in record["entities"]] == [0, 1, 2]


@pytest.mark.parametrize("name", TOOLS)
def test_the_least_certain_come_first(tmp_path: Path, name: str, make_triple: MakeTriple) -> None:
    triples = [
        make_triple(f"Person {number}", confidence=certain) for number, certain in enumerate((0.9, 0.2, 0.5))
    ]
    assert write(triples, tmp_path / "out", format=name) == 3
    assert [one.head_text for one in read(tmp_path / "out")] == ["Person 1", "Person 2", "Person 0"]


def test_label_studio_has_the_confidence_as_a_score(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple("Ann", confidence=0.25)], tmp_path / "out", format="label-studio")
    (task,) = json.loads((tmp_path / "out").read_text(encoding="utf-8"))
    assert task["predictions"][0]["score"] == 0.25


def test_tools_are_output_formats(tmp_path: Path) -> None:
    assert set(TOOLS) <= set(writer_names())


def test_brat_replaces_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="choose a new or an empty folder"):
        TOOLS["brat"].write_instances([], tmp_path)


NAMES = ["born in", "born-in", "born_in", "出生在", "住在", "né à", "a | b", "per:title"]


def test_brat_stores_plain_names_and_gives_back_those_that_were_written(tmp_path: Path) -> None:
    some = [
        RelationInstance(f"Ann of Rome {number}", Mention(0, 3, "a person"), Mention(7, 11, name), name)
        for number, name in enumerate(NAMES)
    ]
    TOOLS["brat"].write_instances(some, tmp_path / "out")
    assert [(one.head.type, one.tail.type, one.relation) for one in read(tmp_path / "out")] == [
        ("a person", name, name) for name in NAMES
    ]
    lines = "".join(path.read_text() for path in (tmp_path / "out").glob("*.ann")).splitlines()
    assert all(re.fullmatch(r"[TR]\d\t[a-zA-Z0-9_-]+ .+", line) for line in lines)


def test_brat_has_a_configuration_with_all_labels_and_confidences_as_notes(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    write([make_triple(confidence=0.256)], tmp_path / "out", format="brat", model_version="m 1")
    assert (tmp_path / "out/annotation.conf").read_text() == (
        "[entities]\nPERSON\nCITY\n\n[relations]\nwas_born_in\tArg1:<ENTITY>, Arg2:<ENTITY>\n"
        "no_relation\tArg1:<ENTITY>, Arg2:<ENTITY>\n<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>\n\n"
        "[events]\n\n[attributes]\n"
    )
    assert "\nwas_born_in | was born in\n" in (tmp_path / "out/visual.conf").read_text()
    lines = (tmp_path / "out/000001.ann").read_text().splitlines()
    assert lines[2:] == ["R1\twas_born_in Arg1:T1 Arg2:T2", "#1\tAnnotatorNotes R1\tconfidence 0.26, m 1"]


def test_names_in_a_configuration_of_brat_that_is_not_ours_do_not_count(tmp_path: Path) -> None:
    TOOLS["brat"].write_instances(
        [RelationInstance("Ann of Rome", Mention(0, 3, "P"), Mention(7, 11), "in")], tmp_path / "out"
    )
    (tmp_path / "out/visual.conf").write_text("[labels]\nin | lives in | in\nP | Person\n")
    (instance,) = read(tmp_path / "out")
    assert (instance.head.type, instance.relation) == ("P", "in")


def test_label_studio_gets_a_configuration_with_the_names_and_labels_of_the_tasks(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    triples = [make_triple(relation='a "<b>"'), make_triple("Bea", types=("CAT", None))]
    write(triples, tmp_path / "tasks.json", format="label-studio", model_version="m 1")
    view = ElementTree.parse(tmp_path / "tasks.labels.xml").getroot()  # noqa: S314 - our own file
    assert [one.get("value") for one in view.findall("./Relations/Relation")] == [
        'a "<b>"',
        "was born in",
        "no_relation",
    ]
    labels, text = view.findall("./Labels")[0], view.findall("./Text")[0]
    assert [one.get("value") for one in labels] == ["PERSON", "CITY", "CAT", "relscout-untyped"]
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    for task in tasks:
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "m 1"
        assert task["data"][str(text.get("value")).removeprefix("$")]
        regions = [one for one in prediction["result"] if one["type"] == "labels"]
        assert {(one["from_name"], one["to_name"]) for one in regions} == {
            (labels.get("name"), labels.get("toName"))
        }
        ids = {one["id"] for one in regions}
        (relation,) = [one for one in prediction["result"] if one["type"] == "relation"]
        assert {relation["from_id"], relation["to_id"]} == ids


def test_doccano_gets_the_lists_of_labels(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(confidence=0.5)], tmp_path / "a.jsonl.gz", format="doccano", model_version="m 1")
    names = {
        kind: [one["text"] for one in json.loads((tmp_path / f"a.{kind}-labels.json").read_text())]
        for kind in ("span", "relation")
    }
    assert names == {"span": ["PERSON", "CITY"], "relation": ["was born in", "no_relation"]}
    record = json.loads(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()))
    assert (record["score"], record["model_version"]) == (0.5, "m 1")


def test_a_label_that_rejects_is_not_added_where_there_is_one(tmp_path: Path) -> None:
    some = [RelationInstance("Ann of Rome", Mention(0, 3), Mention(7, 11), "NA")]
    TOOLS["doccano"].write_instances(some, tmp_path / "a.jsonl")
    names = [one["text"] for one in json.loads((tmp_path / "a.relation-labels.json").read_text())]
    assert names == ["NA"]


def test_brat_is_written_again_with_the_same_content_only(tmp_path: Path) -> None:
    one = RelationInstance("Ann was born in Rome.", Mention(0, 3), Mention(16, 20), "born in")
    for _ in range(2):
        TOOLS["brat"].write_instances([one], tmp_path / "out")
    annotated = tmp_path / "out" / "000001.ann"
    annotated.write_text(annotated.read_text("utf-8") + "#1\tAnnotatorNotes T1\tsure\n", encoding="utf-8")
    with pytest.raises(OutputError, match="which is not part of this output"):
        TOOLS["brat"].write_instances([one], tmp_path / "out")
    assert "sure" in annotated.read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("text", ["One.\nAnn met Bea.\r\nTwo.\n", "\ufeffOne. Ann met Bea."])
def test_brat_keeps_a_text_of_several_lines_or_with_a_byte_order_mark(tmp_path: Path, text: str) -> None:
    ann, bea = (Mention(text.index(name), text.index(name) + 3, "PER") for name in ("Ann", "Bea"))
    TOOLS["brat"].write_instances([RelationInstance(text, ann, bea, "met")], tmp_path / "out")
    assert [one[:4] for one in content(tmp_path / "out")] == [(text, ann, bea, "met")]
