"""Tables of triples and facts: what was written is read as it was, and no spreadsheet computes it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Entity, Fact, Mention, RelationInstance, Triple
from relscout.io.formulas import neutral, restored
from relscout.io.readers import read, recognise
from relscout.io.readers.facts import read_facts
from relscout.io.readers.source import Source
from relscout.io.writers import write, write_facts
from relscout.io.writers.table import FACT_COLUMNS, TRIPLE_COLUMNS

MakeFact = Callable[..., Fact]
MakeTriple = Callable[..., Triple]

#: Where formulas begin, apostrophes, what tables part cells by, escapes of Excel and JSON, and letters.
LETTERS = st.sampled_from('=+-@＝\t\r\n\'"",;_x005F_ aé😀北[]\\\u2028#N/A')
TEXTS = st.text(LETTERS, max_size=8)
WORDS = st.builds(lambda text, last: text + last, TEXTS, st.sampled_from("abé"))

ENTITIES = st.builds(
    Entity,
    id=WORDS,
    name=WORDS,
    type=st.none() | WORDS,
    aliases=st.lists(WORDS, max_size=3).map(tuple),
    mentions=st.integers(1, 9),
    documents=st.integers(1, 9),
    entity_ids=st.lists(WORDS, max_size=2).map(tuple),
)
FACTS = st.builds(
    Fact,
    head=ENTITIES,
    relation_id=st.integers(0, 9),
    relation=WORDS,
    tail=ENTITIES,
    support=st.integers(1, 9),
    documents=st.integers(1, 9),
    confidence=st.integers(0, 10_000).map(lambda share: share / 10_000),
    evidence=st.lists(WORDS, max_size=3).map(tuple),
    phrase=TEXTS,
)


@st.composite
def triples(draw: st.DrawFn) -> Triple:
    parts = [draw(TEXTS) for _ in range(3)]
    head, tail = draw(WORDS), draw(WORDS)
    start = len(parts[0]) + len(head) + len(parts[1])
    instance = RelationInstance(
        parts[0] + head + parts[1] + tail + parts[2],
        Mention(len(parts[0]), len(parts[0]) + len(head), draw(st.none() | WORDS), draw(st.none() | WORDS)),
        Mention(start, start + len(tail), draw(st.none() | WORDS)),
        id=draw(WORDS),
    )
    return Triple(instance, draw(st.integers(0, 9)), draw(WORDS), draw(st.floats(0, 1)))


def in_excel(text: str) -> str:
    return text.replace("\r", "\n")


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines, strict=True))


@given(st.text(st.sampled_from("=+-@'\t\r\na"), max_size=6))
def test_every_text_can_be_restored_and_none_is_computed(text: str) -> None:
    assert restored(neutral(text)) == text
    assert not re.match("[=+\\-@\t\r\n]", neutral(text))


def test_only_what_looks_like_a_formula_is_changed() -> None:
    assert [neutral(text) for text in ("=1+1", "'-a", "'a", "", "a=1", "＝1")] == [
        "'=1+1",
        "''-a",
        "'a",
        "",
        "a=1",
        "'＝1",
    ]


@pytest.mark.parametrize("format_name", ["csv", "csv-excel"])
@given(facts=st.lists(FACTS, max_size=4))
def test_facts_in_csv_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, format_name: str, facts: list[Fact]
) -> None:
    path = tmp_path_factory.mktemp("table") / "facts.csv"
    assert write_facts(facts, path, format=format_name) == len(facts)
    assert read_facts(path) == facts
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") == (format_name == "csv-excel")
    assert not any(re.match("[=+\\-@＝\t\r\n]", cell) for row in cells(path) for cell in row)


@given(facts=st.lists(FACTS, max_size=3))
def test_facts_in_a_workbook_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, facts: list[Fact]
) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path_factory.mktemp("table") / "facts.xlsx"
    write_facts(facts, path)

    def kept(entity: Entity) -> Entity:
        kind = None if entity.type is None else in_excel(entity.type)
        return replace(entity, id=in_excel(entity.id), name=in_excel(entity.name), type=kind)

    assert read_facts(path) == [
        replace(
            fact,
            head=kept(fact.head),
            tail=kept(fact.tail),
            relation=in_excel(fact.relation),
            phrase=in_excel(fact.phrase),
        )
        for fact in facts
    ]


@pytest.mark.parametrize("format_name", ["csv", "csv-excel", "xlsx"])
@given(some=st.lists(triples(), min_size=1, max_size=3))
def test_triples_are_read_as_their_instances(
    tmp_path_factory: pytest.TempPathFactory, format_name: str, some: list[Triple]
) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path_factory.mktemp("table") / "triples"
    kept = in_excel if format_name == "xlsx" else str
    write(some, path, format=format_name)
    assert recognise(Source(path)) == ("xlsx" if format_name == "xlsx" else "csv")
    found = read(path, on_warning=lambda _: None)  # mentions may cut words
    assert [(one.id, one.text, one.head_text, one.head.start, one.tail, one.relation) for one in found] == [
        (
            kept(one.instance.id),
            kept(one.instance.text),
            kept(one.instance.head_text),
            one.instance.head.start,
            replace(one.instance.tail, type=one.instance.tail.type and kept(one.instance.tail.type)),
            kept(one.relation),
        )
        for one in some
    ]


def test_a_fact_has_the_sentence_of_its_surest_triple(
    tmp_path: Path, make_fact: MakeFact, make_triple: MakeTriple
) -> None:
    shown = make_triple(instance_id="a1", source="b.txt, line 7")
    others = [make_triple("Ada", instance_id="a2"), make_triple("Bea", instance_id="a3")]
    write_facts([make_fact()], tmp_path / "facts.csv", triples=[others[0], shown, others[1]])
    header, row = cells(tmp_path / "facts.csv")
    assert header == FACT_COLUMNS
    assert row[:12] == [
        *("Albert Einstein", "born in", "Ulm", "PERSON", "CITY", "2", "1", "0.75", ""),
        *("Albert Einstein was born in Ulm.", "b.txt, line 7", '["a1", "a2"]'),
    ]


def test_formulas_are_text_in_a_workbook(tmp_path: Path, make_fact: MakeFact) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    write_facts([make_fact("=HYPERLINK(1)", "#N/A")], tmp_path / "facts.xlsx")
    _, (head, _, tail, *_) = openpyxl.load_workbook(tmp_path / "facts.xlsx").active.iter_rows()
    assert [(cell.value, cell.data_type) for cell in (head, tail)] == [("=HYPERLINK(1)", "s"), ("#N/A", "s")]


def test_what_does_not_fit_a_cell_of_excel_is_an_error(tmp_path: Path, make_triple: MakeTriple) -> None:
    pytest.importorskip("openpyxl")
    with pytest.raises(InputError, match=r"row 2: 'text' has 32,8\d\d characters.*write CSV instead"):
        write([make_triple(verb="x" * 32_800)], tmp_path / "triples.xlsx")
    assert not (tmp_path / "triples.xlsx").exists()


def test_the_columns_of_triples_are_those_of_a_table_that_is_read(
    tmp_path: Path, nasty_triple: Triple, make_triple: MakeTriple
) -> None:
    assert write([nasty_triple, make_triple()], tmp_path / "triples.csv") == 2
    assert cells(tmp_path / "triples.csv")[0] == TRIPLE_COLUMNS
    assert len(list(read(tmp_path / "triples.csv"))) == 2


def test_a_table_that_a_spreadsheet_saved_is_read_too(tmp_path: Path, make_fact: MakeFact) -> None:
    write_facts([make_fact()], tmp_path / "facts.csv")
    rows = [["note", *FACT_COLUMNS], *(["mine", *row] for row in cells(tmp_path / "facts.csv")[1:])]
    with (tmp_path / "saved.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)
    assert read_facts(tmp_path / "saved.csv") == [make_fact()]


def test_a_wrong_row_is_an_error_with_its_place(tmp_path: Path, make_fact: MakeFact) -> None:
    path = tmp_path / "facts.csv"
    write_facts([make_fact()], path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(",0.75,", ",much,"), encoding="utf-8", newline="")
    with pytest.raises(RecordError, match=r"facts\.csv, line 2: .*'confidence' is 'much'; expected a number"):
        read_facts(path)
    path.write_text(text.replace("head_id", "key"), encoding="utf-8", newline="")
    with pytest.raises(InputError, match="no column 'head_id'"):
        read_facts(path)
