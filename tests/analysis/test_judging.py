"""Sheets of mistakes that people judge (Peng et al. 2020, table 3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.lab.analysis.judging import COLUMNS, read_sheet, sheet, write_sheet
from relscout.lab.analysis.table_one import TableOne


def instances(count: int) -> list[RelationInstance]:
    return [
        RelationInstance(
            f"Ada\tsaw Rome {place}", Mention(0, 3), Mention(8, 12), relation="saw", id=f"i{place}"
        )
        for place in range(count)
    ]


def table(n_right_with_names: int, n_wrong_without: int, count: int) -> TableOne:
    """Return a table in which the first instances are right with names, and the first wrong without."""
    with_names = ["saw"] * n_right_with_names + ["left"] * (count - n_right_with_names)
    without = ["met"] * n_wrong_without + ["saw"] * (count - n_wrong_without)
    predicted = {"tiny": {"C+M": [with_names], "OnlyC": [without]}}
    return TableOne(["saw"] * count, predicted, (0,), 3)


def test_a_sheet_has_the_mistakes_that_only_the_context_makes() -> None:
    rows = sheet(table(4, 6, 8), instances(8), "tiny")
    assert sorted(row["id"] for row in rows) == ["i0", "i1", "i2", "i3"]  # i4, i5 are wrong with names, too
    assert {(row["gold"], row["with_names"], row["without_names"]) for row in rows} == {("saw", "saw", "met")}
    assert rows[0]["context"].startswith("[SUBJ]\tsaw [OBJ]")
    assert sheet(table(4, 6, 8), instances(8), "tiny") == rows
    with pytest.raises(InputError, match="tiny makes no mistake on the context alone that it does not make"):
        sheet(table(0, 8, 8), instances(8), "tiny")


@pytest.mark.parametrize(("count", "drawn"), [(40, 40), (300, 50), (1200, 120)])
def test_a_tenth_is_drawn_but_not_few(count: int, drawn: int) -> None:
    rows = sheet(table(count, count, count), instances(count), "tiny")
    assert len({row["id"] for row in rows}) == drawn
    other = sheet(table(count, count, count), instances(count), "tiny", seed=1)
    assert [row["id"] for row in other] != [row["id"] for row in rows]


def test_shares_leave_out_what_is_mislabelled_or_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "sheet.tsv"
    write_sheet(path, sheet(table(7, 7, 7), instances(7), "tiny"))
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    assert head.split("\t") == list(COLUMNS)
    assert all(len(row.split("\t")) == len(COLUMNS) for row in rows)
    judgements = ["wrong", "Wrong ", "no  pattern", "confusing", "mislabelled", "", "wrong"]
    filled = [word + row for word, row in zip(judgements, rows, strict=True)]
    path.write_text("\n".join([head, *filled]), encoding="utf-8")
    judged = read_sheet(path)
    assert judged.counts == {"wrong": 3, "no pattern": 1, "confusing": 1, "mislabelled": 1}
    assert judged.unjudged == 1
    assert judged.shares == {"wrong": 0.6, "no pattern": 0.2, "confusing": 0.2}


def test_an_empty_sheet_has_no_shares(tmp_path: Path) -> None:
    path = tmp_path / "sheet.tsv"
    write_sheet(path, sheet(table(3, 3, 3), instances(3), "tiny"))
    assert read_sheet(path).shares == {}
    assert read_sheet(path).as_dict()["unjudged"] == 3


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (
            "judgement\tid\nunclear\ti1\n",
            RecordError,
            r"line 2: the judgement is 'unclear'; expected one of: wrong, no",
        ),
        ("id\ttext\n", InputError, "the first line has no column 'judgement'"),
        ("", InputError, "the first line has no column 'judgement'"),
    ],
)
def test_what_is_no_sheet_is_an_error(text: str, error: type[Exception], said: str, tmp_path: Path) -> None:
    (tmp_path / "sheet.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=said):
        read_sheet(tmp_path / "sheet.tsv")
