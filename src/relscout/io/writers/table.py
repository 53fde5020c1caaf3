"""Tables of triples and facts for spreadsheets: CSV, and Excel workbooks.

A row of triples has the columns that the reader of tables expects (``text``, ``head``, ``head_start``, …), so that
reading the table returns the same instances. A row of facts has an example: the sentence of its surest triple, and
where it stands. :func:`relscout.io.readers.facts.read_facts` reads the facts again.

Spreadsheets do not compute text that looks like a formula: in CSV it begins with an apostrophe
(:mod:`relscout.io.formulas`), in Excel its cell is marked as text. Several aliases, ids or pieces of evidence are a
list in JSON. NUL and lone surrogates become U+FFFD; in Excel also other characters that XML 1.0 cannot hold, and a
carriage return becomes a line feed.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from relscout.core.errors import InputError, MissingExtraError
from relscout.core.files import whole_file
from relscout.core.instances import Entity, Fact, RelationInstance, Triple
from relscout.io.formulas import neutral
from relscout.io.writers.textfile import literal, text_file, xml

_Cell: TypeAlias = str | int | float | None

#: Columns of a table of triples.
TRIPLE_COLUMNS: Final = (  # noqa: SIM905
    "head relation tail head_type tail_type confidence related polarity phrase text source document document_start id "
    "relation_id head_start head_end head_id tail_start tail_end tail_id"
).split()
#: Columns of a table of facts.
FACT_COLUMNS: Final = (  # noqa: SIM905
    "head relation tail head_type tail_type support documents confidence phrase sentence source evidence relation_id "
    "head_id head_aliases head_entity_ids head_mentions head_documents "
    "tail_id tail_aliases tail_entity_ids tail_mentions tail_documents"
).split()

#: Columns of a table of relations; those of the match are of the best entry of a vocabulary, ``matches`` has all.
RELATION_COLUMNS: Final = (  # noqa: SIM905
    "relation_id relation pattern size confidence head_type tail_type inverse_of examples "
    "match_id match match_score match_inverse match_uri matches"
).split()

#: Maximum characters of a cell and maximum rows of a sheet in Excel.
_LONGEST_CELL, _MOST_ROWS = 32_767, 1_048_576
#: Text that Excel would read as an escaped character.
_LIKE_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def _triple_row(triple: Triple) -> list[_Cell]:
    instance = triple.instance
    head, tail = instance.head, instance.tail
    return [
        instance.head_text,
        triple.relation,
        instance.tail_text,
        head.type,
        tail.type,
        float(triple.confidence),
        None if triple.related is None else float(triple.related),
        triple.polarity,
        triple.phrase,
        instance.text,
        instance.source,
        instance.document,
        instance.document_start,
        instance.id,
        int(triple.relation_id),
        head.start,
        head.end,
        head.entity_id,
        tail.start,
        tail.end,
        tail.entity_id,
    ]


def _fact_row(fact: Fact, example: RelationInstance | None) -> list[_Cell]:
    return [
        fact.head.name,
        fact.relation,
        fact.tail.name,
        fact.head.type,
        fact.tail.type,
        fact.support,
        fact.documents,
        float(fact.confidence),
        fact.phrase,
        example.text if example else None,
        example.source if example else None,
        _listed(fact.evidence),
        int(fact.relation_id),
        *_entity_cells(fact.head),
        *_entity_cells(fact.tail),
    ]


def relation_row(relation: Mapping[str, Any]) -> list[_Cell]:
    """Return the cells of a relation, given the fields of ``Relation.as_dict()``."""
    head_type, tail_type = relation["types"] or (None, None)
    matches = relation["matches"]
    best = matches[0] if matches else {}
    return [
        relation["relation_id"],
        relation["name"],
        relation["pattern"],
        relation["size"],
        relation["confidence"],
        head_type,
        tail_type,
        relation["inverse"],
        _listed(relation["examples"]),
        *(best.get(field) for field in ("id", "name", "score")),
        str(best["inverse"]).lower() if best else None,
        best.get("uri"),
        None if matches is None else json.dumps(list(matches), ensure_ascii=False),
    ]


def _entity_cells(entity: Entity) -> list[_Cell]:
    listed = _listed(entity.aliases), _listed(entity.entity_ids)
    return [entity.id, *listed, entity.mentions, entity.documents]


def _listed(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _fact_rows(facts: Iterable[Fact], triples: Iterable[Triple]) -> Iterator[list[_Cell]]:
    given = list(facts)
    shown = {fact.evidence[0] for fact in given if fact.evidence}
    examples: Mapping[str, RelationInstance] = {
        triple.instance.id: triple.instance for triple in triples if triple.instance.id in shown
    }
    for fact in given:
        yield _fact_row(fact, examples.get(fact.evidence[0]) if fact.evidence else None)


@dataclass(frozen=True, slots=True)
class _Csv:
    DESCRIPTION: str
    mark: str = ""
    """The beginning of the file."""

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write one row per triple.

        Raises:
            OutputError: The file cannot be written.
        """
        self.write_rows(TRIPLE_COLUMNS, map(_triple_row, triples), path)

    def write_facts(self, facts: Iterable[Fact], path: Path, *, triples: Iterable[Triple] = ()) -> None:
        """Write one row per fact.

        Args:
            facts: The facts.
            path: The file.
            triples: The triples that are their evidence, for the examples; without them, there are no examples.

        Raises:
            OutputError: The file cannot be written.
        """
        self.write_rows(FACT_COLUMNS, _fact_rows(facts, triples), path)

    def write_rows(self, columns: Sequence[str], rows: Iterable[Sequence[_Cell]], path: Path) -> None:
        """Write a table with a header.

        Raises:
            OutputError: The file cannot be written.
        """
        with text_file(path) as stream:
            stream.write(self.mark)
            # both characters of the line end are quoted inside a cell
            table = csv.writer(stream, lineterminator="\r\n")
            table.writerow(columns)
            for row in rows:
                table.writerow([neutral(literal(cell)) if isinstance(cell, str) else cell for cell in row])


CSV: Final = _Csv("CSV, one row per triple with its sentence, or per fact with an example")
CSV_EXCEL: Final = _Csv("CSV with a byte-order mark, by which Excel recognises UTF-8", mark="\ufeff")


class _Excel:
    DESCRIPTION = "Excel workbook: the rows of the CSV table in one sheet"

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write one row per triple.

        Raises:
            InputError: A text is too long for a cell, or there are too many rows.
            MissingExtraError: openpyxl is not installed.
            OutputError: The file cannot be written.
        """
        self.write_rows(TRIPLE_COLUMNS, map(_triple_row, triples), path, title="triples")

    def write_facts(self, facts: Iterable[Fact], path: Path, *, triples: Iterable[Triple] = ()) -> None:
        """Write one row per fact; the arguments are those of CSV.

        Raises:
            InputError: A text is too long for a cell, or there are too many rows.
            MissingExtraError: openpyxl is not installed.
            OutputError: The file cannot be written.
        """
        self.write_rows(FACT_COLUMNS, _fact_rows(facts, triples), path, title="facts")

    def write_rows(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[_Cell]],
        path: Path,
        *,
        title: str = "relations",
    ) -> None:
        """Write a sheet with a header.

        Raises:
            InputError: A text is too long for a cell, or there are too many rows.
            MissingExtraError: openpyxl is not installed.
            OutputError: The file cannot be written.
        """
        try:
            from openpyxl import Workbook
            from openpyxl.cell import WriteOnlyCell
        except ImportError as error:
            raise MissingExtraError("writing Excel workbooks", "xlsx") from error
        book = Workbook(write_only=True)
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"

        def cell(value: _Cell, column: str, number: int) -> Any:
            if not isinstance(value, str):
                return value
            text = _LIKE_ESCAPE.sub("_x005F_", xml(value).replace("\r", "\n"))
            if len(text) > _LONGEST_CELL:
                raise InputError(
                    f"row {number}: {column!r} has {len(text):,} characters, and a cell of Excel holds at most "
                    f"{_LONGEST_CELL:,}; write CSV instead"
                )
            written = WriteOnlyCell(sheet, text)
            written.data_type = "s"  # text, even where it looks like a formula or an error
            return written

        try:
            sheet.append(columns)
            for number, row in enumerate(rows, 2):
                if number > _MOST_ROWS:
                    raise InputError(f"a sheet of Excel holds at most {_MOST_ROWS:,} rows; write CSV instead")
                sheet.append([cell(*given, number) for given in zip(row, columns, strict=True)])
        finally:
            sheet.close()
        with whole_file(path) as partial:
            book.save(partial)


EXCEL: Final = _Excel()
