"""Tables as text: CSV and TSV with a header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.core.surfaces import cuts_word
from relscout.io.formulas import restored
from relscout.io.readers.source import Source, attempt, shorten
from relscout.io.readers.table import columns_of, is_table_of_ours, row_instance, warn_of_unread

DESCRIPTION = (
    "Table: CSV or TSV with the columns text, head and tail, or with head_start … tail_end (end exclusive)"
)

#: Python refuses cells of over 131,072 characters by default.
_LONGEST_CELL = 2**31 - 1
_DELIMITERS = ",;\t|"
#: Columns of our tables of triples only, in which text that looks like a formula begins with an apostrophe.
_OF_TRIPLES = frozenset({"relation_id", "confidence", "polarity", "document_start"})
_SEPARATOR = re.compile(r"\Asep=[,;\t|]\r?\n")
#: Length of a sample, which may end in the middle of a line.
_LONGEST_SAMPLE = 16_000


def sniff(source: Source) -> bool:
    """Return whether the first line names the required columns."""
    header = _sample_lines(source)[0]
    return is_table_of_ours(_cells(header, _delimiter(header)), source.columns)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per row; the place of a row is the line that it begins on. Rows of empty cells are skipped."""
    quoting = _quoting(source)
    if quoting == csv.QUOTE_NONE:
        source.warn("quotation marks are read as text, because more rows, or more whole words, fit so")
    rows = _rows(source, quoting)
    for _, header in rows:
        if isinstance(header, RecordError):
            raise header
        break
    else:
        raise InputError(f"{source.path}: the table has no header")
    names = [name.strip() for name in header]
    positions = {field: names.index(column) for field, column in columns_of(source, names).items()}

    warn_of_unread(source, names, positions)
    of_triples = set(names) >= _OF_TRIPLES

    def instance(row: list[str], provenance: str) -> RelationInstance:
        if len(row) != len(names):
            raise InputError(
                f"the row has {len(row)} cells, the header has {len(names)}: {shorten(row)}; "
                "is a cell with the delimiter in it missing its quotation marks?"
            )
        cells = [restored(cell) for cell in row] if of_triples else row
        return row_instance(
            {field: cells[position] for field, position in positions.items()},
            provenance,
            offsets=source.offsets,
        )

    for place, row in rows:
        yield attempt(source, place, row, instance)


def _sample_lines(source: Source) -> list[str]:
    """Return the first lines, without the line ``sep=;`` by which spreadsheets name the delimiter."""
    text = source.sample_text.lstrip("\r\n")
    return _SEPARATOR.sub(
        "", text.replace("\r", "\n") if _ends_lines_with_cr(source) else text, count=1
    ).split("\n")


def _ends_lines_with_cr(source: Source) -> bool:
    """Return whether lines end with a carriage return alone, as Excel's "CSV (Macintosh)" has it."""
    return "\n" not in source.sample_text and "\r" in source.sample_text


def _lines(source: Source) -> Iterator[str]:
    """Yield the lines; a byte that is not UTF-8 must cost one row only, so it is half a surrogate pair in them."""
    with_cr = _ends_lines_with_cr(source)
    for _, raw in source.raw_lines():
        line = raw.decode("utf-8", "surrogateescape")
        if with_cr:
            yield from (f"{part}\n" for part in line.split("\r"))
        else:
            yield line


def _quoting(source: Source) -> int:
    """Return how quotation marks are to be read: as those of cells or, in tables with tabs only, as text.

    Programs write tables with tabs either way. The first rows are read both ways; the one with more instances of whole
    words is right, or cells if both have as many.
    """
    lines = _sample_lines(source)
    if _delimiter(lines[0]) != "\t" or '"' not in source.sample_text or '"' in lines[0]:
        return csv.QUOTE_MINIMAL
    if len(source.sample_text) > _LONGEST_SAMPLE:
        del lines[-1]  # it may be truncated
    names = [name.strip() for name in lines[0].split("\t")]
    positions = {field: names.index(column) for field, column in columns_of(source, names).items()}

    def whole(quoting: int) -> tuple[int, int]:
        instances = inside = 0
        parser = csv.reader((f"{line}\n" for line in lines[1:]), delimiter="\t", strict=True, quoting=quoting)  # type: ignore[arg-type]
        while True:
            try:
                row = next(parser)
                if len(row) != len(names):
                    continue
                instance = row_instance(
                    {field: row[place] for field, place in positions.items()}, "", offsets=source.offsets
                )
            except StopIteration:
                return instances, -inside
            except (csv.Error, InputError):
                continue
            instances += 1
            inside += sum(
                cuts_word(instance.text, mention.start, mention.end)
                for mention in (instance.head, instance.tail)
            )

    return csv.QUOTE_NONE if whole(csv.QUOTE_NONE) > whole(csv.QUOTE_MINIMAL) else csv.QUOTE_MINIMAL


def _rows(source: Source, quoting: int) -> Iterator[tuple[str, list[str] | RecordError]]:
    header = _sample_lines(source)[0]
    # a first line "sep=;" goes as a blank one, so that the others keep their numbers
    lines = (
        "\n" if number == 1 and _SEPARATOR.match(line) else line
        for number, line in enumerate(_lines(source), 1)
    )
    csv.field_size_limit(_LONGEST_CELL)
    parser = csv.reader(lines, delimiter=_delimiter(header), strict=True, quoting=quoting)  # type: ignore[arg-type]
    while True:
        place = f"line {parser.line_num + 1}"
        try:
            row = next(parser)
        except StopIteration:
            return
        except csv.Error as error:
            yield place, source.error(place, _reason(error))
            continue
        if foreign := re.search("[\udc80-\udcff]", "".join(row)):
            byte = ord(foreign[0]) - 0xDC00
            yield (
                place,
                source.error(
                    place, f"byte 0x{byte:02x} is not UTF-8; name its encoding, such as --encoding cp1252"
                ),
            )
        elif any(cell.strip() for cell in row):
            yield place, row


def _reason(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return (
            "a quotation mark that opens here is never closed, so the rest cannot be read; close it, or double "
            "quotation marks inside a cell"
        )
    return (
        f"not a row of a table ({error}); a cell that begins with a quotation mark must end with one, and "
        "quotation marks inside it are doubled"
    )


def _delimiter(header: str) -> str:
    """Return the delimiter that splits the header into the most columns."""
    return max(_DELIMITERS, key=lambda delimiter: len(_cells(header, delimiter)))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.rstrip("\r")], delimiter=delimiter), [])]
    except csv.Error:
        return []
