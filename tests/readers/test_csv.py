"""CSV and TSV tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from relscout.core.errors import InputError, InputWarning, RecordError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.io.readers import csv, read
from relscout.io.readers.source import Source


def results(
    tmp_path: Path, content: str | bytes, columns: Mapping[str, str] | None = None
) -> list[RelationInstance | RecordError]:
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(csv.read(Source(path, columns=columns or {})))


def instance(tmp_path: Path, content: str) -> RelationInstance:
    (found,) = results(tmp_path, content)
    assert isinstance(found, RelationInstance)
    return found


def reason(tmp_path: Path, content: str) -> str:
    (found,) = results(tmp_path, content)
    assert isinstance(found, RecordError)
    return found.reason


def test_surface_strings_are_found_in_the_text(tmp_path: Path) -> None:
    found = instance(tmp_path, 'text,head,tail\n"Oslo, where Edvard was born.",Edvard,Oslo\n')
    assert (found.head, found.tail_text) == (type(found.head)(12, 18), "Oslo")


def test_offsets_have_an_exclusive_end(tmp_path: Path) -> None:
    header = "text,head_start,head_end,tail_start,tail_end"
    found = instance(tmp_path, f"{header}\nOslo was where Edvard lived.,15,21,0,4\n")
    assert (found.head_text, found.tail_text) == ("Edvard", "Oslo")


def test_one_mention_may_have_offsets_and_the_other_a_surface(tmp_path: Path) -> None:
    found = instance(tmp_path, "text,head_start,head_end,tail\nAnn met Ann in Rome,8,11,Rome\n")
    assert (found.head.start, found.tail_text) == (8, "Rome")


def test_a_surface_beside_offsets_is_checked(tmp_path: Path) -> None:
    header = "text,head,head_start,head_end,tail"
    assert instance(tmp_path, f"{header}\nAnn met Ann in Rome,Ann,8,11,Rome\n").head_text == "Ann"
    assert "off by one" in reason(tmp_path, f"{header}\nAnn met Ann in Rome,Ann,8,12,Rome\n")


def test_all_optional_columns_are_kept(tmp_path: Path) -> None:
    header = "id,relation,text,head,tail,head_type,tail_type,head_id,tail_id"
    found = instance(tmp_path, f"{header}\n7,born in,Ann of Rome,Ann,Rome,PERSON,CITY,Q1,Q220\n")
    assert (found.id, found.relation, found.type_pair) == ("7", "born in", ("PERSON", "CITY"))
    assert (found.head.entity_id, found.tail.entity_id) == ("Q1", "Q220")


def test_empty_cells_are_not_known(tmp_path: Path) -> None:
    found = instance(tmp_path, "text,head,tail,relation,head_type,id\nAnn of Rome,Ann,Rome,,,\n")
    assert (found.relation, found.head.type) == (None, None)
    assert found.id != ""


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    rows = [["text", "head", "tail"], ["Ann of Rome", "Ann", "Rome"]]
    found = instance(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows))
    assert found.tail_text == "Rome"


def test_the_place_of_a_row_is_the_line_it_begins_on(tmp_path: Path) -> None:
    found = results(tmp_path, 'text,head,tail\n"Ann\nof\nRome",Ann,Rome\n\nAnn of Rome,Ann,Oslo\n')
    assert isinstance(found[0], RelationInstance)
    assert (found[0].source, found[0].text) == ("table.csv, line 2", "Ann\nof\nRome")
    assert isinstance(found[1], RecordError)
    assert found[1].place == "line 6"


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    assert instance(tmp_path, "\ufefftext,head,tail\r\nAnn of Rome,Ann,Rome\r\n").text == "Ann of Rome"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Ann met Ann in Rome,Ann,Rome", "the head 'Ann' occurs more than once"),
        ("aaa in Rome,aa,Rome", "the head 'aa' occurs more than once"),
        ("Ann of Rome,Bob,Rome", "the head 'Bob' does not occur in the text"),
        ("Ann of Rome,Ann,", "the column 'tail' is empty"),
        ("Ann of Rome,Ann,Ann", "the same span"),
        ("Ann, of Rome,Ann,Rome", "the row has 4 cells, the header has 3"),
        ("Ann of Rome", "the row has 1 cells, the header has 3"),
        ('"Ann" of Rome,Ann,Rome', "not a row of a table"),
        ('"Ann of Rome,Ann,Rome', "never closed"),
        (",Ann,Rome", "the head 'Ann' does not occur in the text ''"),
    ],
)
def test_a_wrong_row_is_told_plainly(tmp_path: Path, row: str, expected: str) -> None:
    assert expected in reason(tmp_path, f"text,head,tail\n{row}\n")


def test_an_unclear_surface_is_answered_with_the_columns_to_give(tmp_path: Path) -> None:
    found = reason(tmp_path, "text,head,tail\nAnn met Ann in Rome,Ann,Rome\n")
    assert "head_start and head_end" in found


@pytest.mark.parametrize("number", ["", "x", "-1", "1.5", "٣", "1e1", "+1"])
def test_an_offset_that_is_no_whole_number_is_an_error(tmp_path: Path, number: str) -> None:
    found = reason(tmp_path, f"text,head_start,head_end,tail\nAnn of Rome,{number},3,Rome\n")
    assert "the column 'head_start' has" in found


def test_an_offset_outside_the_text_is_an_error(tmp_path: Path) -> None:
    assert "head span [0, 30)" in reason(tmp_path, "text,head_start,head_end,tail\nAnn of Rome,0,30,Rome\n")


def test_columns_are_mapped(tmp_path: Path) -> None:
    columns = {"text": "sentence", "head": "subj", "tail": "obj"}
    (found,) = results(tmp_path, "sentence,subj,obj,text\nAnn of Rome,Ann,Rome,note\n", columns)
    assert isinstance(found, RelationInstance)
    assert found.text == "Ann of Rome"


def test_missing_columns_are_named_with_the_present_ones_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        results(tmp_path, "sentence,head,obj\nAnn of Rome,Ann,Rome\n")
    message = str(caught.value)
    assert "no column for 'text' and 'tail' (or 'tail_start' and 'tail_end')" in message
    assert "the columns are 'sentence', 'head', 'obj'" in message
    assert "--columns text=sentence,head=subj" in message


def test_a_mapped_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the column 'sentence' for 'text' is not there"):
        results(tmp_path, "text,head,tail\nAnn of Rome,Ann,Rome\n", {"text": "sentence"})


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'head' for 'head' stands there more than once"):
        results(tmp_path, "text,head,tail,head\nAnn of Rome,Ann,Rome,Ann\n")


def test_an_unknown_field_in_the_mapping_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'head_start'"):
        results(tmp_path, "text,head,tail\nAnn of Rome,Ann,Rome\n", {"head_begin_start": "from"})


def test_a_byte_that_is_not_utf_8_spoils_only_its_row(tmp_path: Path) -> None:
    found = results(tmp_path, "text,head,tail\nAnn of Köln,Ann,of\nAnn of Rome,Ann,Rome\n".encode("latin-1"))
    assert [type(each) for each in found] == [RecordError, RelationInstance]
    assert "line 2: byte 0xf6 is not UTF-8" in str(found[0])


def test_what_follows_a_wrong_row_is_read(tmp_path: Path) -> None:
    found = results(tmp_path, 'text,head,tail\n"Ann" of Rome,Ann,Rome\nAnn of Rome,Ann,Rome\n')
    assert [type(each) for each in found] == [RecordError, RelationInstance]


def test_what_an_open_quotation_mark_swallows_is_told(tmp_path):
    path = tmp_path / "open.csv"
    path.write_text(
        'text,head,tail\nAnn met Bo .,Ann,Bo\n"Cy met Di .,Cy,Di\nEd met Flo .,Ed,Flo\n', encoding="utf-8"
    )
    skipped = []
    found = list(read(path, format="csv", on_error="skip", on_skip=skipped.append))
    assert len(found) == 1
    assert "the rest cannot be read" in str(skipped[0])


def test_a_cell_may_be_longer_than_python_expects(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"text,head,tail\nAnn met Bo {'x' * 200_000},Ann,Bo\n", encoding="utf-8")
    assert [one.head_text for one in read(path, format="csv")] == ["Ann"]


def test_a_start_and_the_surface_are_enough(tmp_path: Path) -> None:
    found = instance(
        tmp_path, "text,head,head_start,tail,tail_start\nRome and Rome Town,Rome Town,9,Rome,0.0\n"
    )
    assert (found.head.start, found.head.end, found.tail.start, found.tail.end) == (9, 18, 0, 4)


def test_the_columns_of_deepke_need_no_mapping(tmp_path: Path) -> None:
    table = "sentence,relation,head,head_offset,tail,tail_offset\nRome and Rome Town,in,Rome Town,9,Rome,0\n"
    found = instance(tmp_path, table)
    assert (found.head_text, found.relation, found.tail.start) == ("Rome Town", "in", 0)


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ('"Hi," said Ann in Rome.\tAnn\tRome\n', ['"Hi," said Ann in Rome.']),
        (
            '5" from Ann to Rome\tAnn\tRome\n"Ann in Rome\tAnn\tRome\n',
            ['5" from Ann to Rome', '"Ann in Rome'],
        ),
        ('"Ann in\tRome"\tAnn\tRome\n', ["Ann in\tRome"]),
        ('"Ann ""the"" of Rome"\tAnn\tRome\n', ['Ann "the" of Rome']),
    ],
)
def test_quotation_marks_in_a_table_with_tabs_are_text_unless_they_hold_cells(
    tmp_path: Path, rows: str, texts: list[str]
) -> None:
    (tmp_path / "input.tsv").write_text(f"text\thead\ttail\n{rows}", encoding="utf-8")
    notes: list[str] = []
    instances = read(tmp_path / "input.tsv", on_error="skip", on_warning=notes.append)
    assert [instance.text for instance in instances] == texts
    as_text = ["quotation marks are read as text" in note for note in notes]
    assert as_text == [True] * ('"' in texts[0] and '""' not in rows)


def test_quotation_marks_are_text_where_offsets_count_them(tmp_path: Path) -> None:
    table = 'text\thead_start\thead_end\ttail_start\ttail_end\n"Ann of Rome"\t1\t4\t8\t12\n'
    with pytest.warns(InputWarning, match="quotation marks are read as text"):
        found = instance(tmp_path, table)
    assert (found.head_text, found.tail_text) == ("Ann", "Rome")


def test_rows_of_empty_cells_are_skipped(tmp_path: Path) -> None:
    assert instance(tmp_path, "text,head,tail\n,,\nAnn of Rome,Ann,Rome\n, ,\n").source == "table.csv, line 3"


@pytest.mark.parametrize("mark", ["", "\ufeff", "sep=,\r"])
def test_lines_may_end_with_a_carriage_return_alone(tmp_path: Path, mark: str) -> None:
    rows = "text,head,tail\rAnn of Rome,Ann,Rome\rBo of Oslo,Bo,Oslo\r"
    found = results(tmp_path, mark + rows)
    assert [one.text for one in found if isinstance(one, RelationInstance)] == ["Ann of Rome", "Bo of Oslo"]


@pytest.mark.parametrize("missing", ["nan", "NaN", "<NA>", ""])
def test_what_pandas_writes_for_a_missing_value_is_not_known(tmp_path: Path, missing: str) -> None:
    header = "text,head,tail,head_start,head_end,relation,head_type,id"
    found = instance(tmp_path, f"{header}\nAnn of Rome,Ann,Rome{f',{missing}' * 5}\n")
    assert (found.head_text, found.relation, found.head.type) == ("Ann", None, None)
    assert found.id == instance(tmp_path, "text,head,tail\nAnn of Rome,Ann,Rome\n").id


def test_a_name_may_be_what_pandas_writes_for_a_missing_value(tmp_path: Path) -> None:
    assert instance(tmp_path, "text,head,tail\nMeet nan in Rome,nan,Rome\n").head_text == "nan"


@pytest.mark.parametrize("name", ["Relation", "label", "predicate"])
def test_a_column_that_seems_to_have_the_relation_is_announced(tmp_path: Path, name: str) -> None:
    with pytest.warns(InputWarning, match=f"'{name}' is not read; if it is the relation, .* relation={name}"):
        found = instance(tmp_path, f"text,head,tail,{name}\nAnn of Rome,Ann,Rome,from\n")
    assert found.relation is None


def test_columns_in_capitals_are_answered_with_the_mapping(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("Text,Head,Tail\nAnn of Rome,Ann,Rome\n", encoding="utf-8")
    with pytest.raises(InputError, match="--columns text=Text,head=Head,tail=Tail"):
        list(read(path))


def workbook(tmp_path: Path, **sheets: list[list[object]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "table.xlsx")
    return tmp_path / "table.xlsx"


def test_numbers_of_excel_are_names_relations_and_ids(tmp_path: Path) -> None:
    header = ["text", "head", "tail", "relation", "id"]
    (found,) = read(workbook(tmp_path, one=[header, ["1984 is by Orwell", 1984, "Orwell", 3, 7.0]]))
    assert (found.head_text, found.relation, found.id) == ("1984", "3", "7")


def test_sheets_that_are_not_read_are_announced(tmp_path: Path) -> None:
    table: list[list[object]] = [["text", "head", "tail"], ["Ann of Rome", "Ann", "Rome"]]
    path = workbook(tmp_path, notes=[["made by Bo"]], train=table, test=table, empty=[])
    with pytest.warns(InputWarning, match="only the sheet 'train' is read, and not 'notes', 'test';"):
        (found,) = read(path)
    assert found.head_text == "Ann"
