"""Pre-annotations for annotation tools: what was written is read as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
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
    return [(one.text, one.head, one.tail, one.relation, one.id) for one in read(path)]


@pytest.mark.parametrize("name", TOOLS)
@settings(deadline=None, max_examples=40)
@given(some=st.lists(instances(), min_size=1, max_size=5))
def test_what_was_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, name: str, some: list[RelationInstance]
) -> None:
    folder = tmp_path_factory.mktemp("tool")
    assert TOOLS[name].write_instances(some, folder / "first") == len(some)
    assert recognise(Source(folder / "first")) == name
    imported = list(read(folder / "first"))
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


def test_brat_is_written_again_with_the_same_content_only(tmp_path: Path) -> None:
    one = RelationInstance("Ann was born in Rome.", Mention(0, 3), Mention(16, 20), "born in")
    for _ in range(2):
        TOOLS["brat"].write_instances([one], tmp_path / "out")
    annotated = tmp_path / "out" / "000001.ann"
    annotated.write_text(annotated.read_text("utf-8") + "#1\tAnnotatorNotes T1\tsure\n", encoding="utf-8")
    with pytest.raises(OutputError, match="which is not written here"):
        TOOLS["brat"].write_instances([one], tmp_path / "out")
    assert "sure" in annotated.read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_blanks_in_names_become_underscores_in_brat(tmp_path: Path) -> None:
    one = RelationInstance("Ann of Rome", Mention(0, 3, "a person"), Mention(7, 11), "born in")
    TOOLS["brat"].write_instances([one], tmp_path / "out")
    (found,) = read(tmp_path / "out")
    assert (found.head.type, found.relation) == ("a_person", "born_in")
