"""Packed files, archives, pipes, standard input, encodings and workbooks."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from relscout.core.errors import InputError, InputWarning, RecordError, SettingError
from relscout.io.readers import read, recognise
from relscout.io.readers.source import Source
from relscout.text.documents import is_plain_text, read_passages

from .annotations import RECORDS, TYPE_SYSTEM, WEBANNO, XMI

RECORD = {"text": "Zoë lives in Oslo.", "head": {"start": 0, "end": 3}, "tail": {"start": 13, "end": 17}}
LINE = json.dumps(RECORD, ensure_ascii=False).encode() + b"\n"
TABLE = "text;head;tail;relation\nZoë lives in Köln.;Zoë;Köln;residence\n"


def zstandard(content: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def archived(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


BRAT_TEXT = b"Ina Roth lives in Graz.\n"
BRAT = b"T1\tPER 0 8\tIna Roth\nT2\tLOC 18 22\tGraz\nR1\tlives_in Arg1:T1 Arg2:T2\n"


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, zstandard, lambda content: zipped(a_jsonl=content)],
    ids=["gz", "bz2", "xz", "zst", "zip"],
)
def test_packed_files_are_unpacked(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "packed"
    path.write_bytes(pack(LINE * 3))
    assert [instance.tail_text for instance in read(path)] == ["Oslo"] * 3


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard])
def test_a_packed_file_that_is_cut_off_is_an_error(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "packed"
    content = pack(os.urandom(200_000))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="packed"):
        list(read(path, format="jsonl"))


def test_an_archive_of_several_files_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "corpus.zip"
    path.write_bytes(zipped(a_jsonl=LINE, b_jsonl=LINE * 2))
    with pytest.raises(InputError, match=r"holds 2 files .a\.jsonl, b\.jsonl.; name the one to read"):
        list(read(path))
    assert len(list(read(path / "b.jsonl"))) == 2


TASK = json.dumps([RECORDS["label-studio"]]).encode()
EXPORTS = {
    "XMI": {"anna/input.xmi": XMI.encode(), "anna/TypeSystem.xml": TYPE_SYSTEM.encode()},
    "WebAnno TSV": {"annotation/a.txt/anna.tsv": WEBANNO.encode(), "exportedproject.json": b'{"name": "p"}'},
    "Label Studio": {"result.json": TASK, "notes.md": b"# Notes"},
    "doccano": {"all.jsonl": json.dumps(RECORDS["doccano"]).encode()},
    "brat": {
        "set/a.txt": BRAT_TEXT,
        "set/a.ann": BRAT,
        "__MACOSX/set/._a.ann": b"x",
        "set/.stats_cache": b"x",
    },
}


@pytest.mark.parametrize("tool", EXPORTS)
def test_the_archive_that_a_tool_exports_is_read(tmp_path: Path, tool: str) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(archived(EXPORTS[tool]))
    notes: list[str] = []
    (instance,) = read(path, on_warning=notes.append)
    assert (instance.head_text, instance.relation, instance.tail_text) == ("Ina Roth", "lives_in", "Graz")
    left_out = {"WebAnno TSV": "exportedproject.json", "Label Studio": "notes.md"}.get(tool)
    assert [left_out in note for note in notes if left_out] == [True] * (left_out is not None)
    assert bool(notes) == (left_out is not None)


def test_the_files_of_an_annotation_tool_are_read_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    line = json.dumps(RECORDS["doccano"]).encode()
    path.write_bytes(archived({"anna.jsonl": line, "bob.jsonl": line + b"\n{}\n"}))
    assert recognise(Source(path)) == "doccano"
    skipped: list[RecordError] = []
    instances = list(read(path, on_error="skip", on_skip=skipped.append))
    assert [instance.source.partition(",")[0] for instance in instances] == ["anna.jsonl", "bob.jsonl"]
    assert str(skipped[0]).startswith(f"{path}/bob.jsonl, line 2: ")


def test_an_archive_of_several_formats_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(archived({"a.json": TASK, "b.tsv": WEBANNO.encode()}))
    with pytest.raises(
        InputError, match=r"a\.json, b\.tsv\) of 2 formats; name the one to read, such as .*zip/a\.json"
    ):
        recognise(Source(path))


def test_a_member_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "corpus.zip"
    path.write_bytes(zipped(a_jsonl=LINE))
    with pytest.raises(InputError, match=r"no file 'c\.jsonl'; it holds a\.jsonl"):
        list(read(path / "c.jsonl"))


def test_a_pipe_is_read_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(LINE * 2,))
    writer.start()
    assert recognise(Source(path)) == "jsonl"
    assert len(list(read(path))) == 2
    writer.join()


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINE))))
    assert recognise(Source(Path("-"))) == "jsonl"
    assert [instance.head_text for instance in read("-")] == ["Zoë"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode(encoding))
    notes: list[str] = []
    (instance,) = read(path, on_warning=notes.append)
    assert (instance.head_text, instance.tail_text) == ("Zoë", "Köln")
    assert notes == [] if encoding == "utf-8-sig" else f"read as {encoding.upper()}" in notes[0]


def test_what_a_reader_decides_is_a_warning_where_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode("utf-16"))
    with pytest.warns(InputWarning, match="read as UTF-16"):
        list(read(path))


def test_an_encoding_is_given(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode("cp1252"))
    with pytest.raises(InputError, match="--encoding cp1252"):
        list(read(path, format="csv"))
    (instance,) = read(path, encoding="cp1252")
    assert instance.tail_text == "Köln"


def test_plain_text_has_an_encoding_too(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes("Zoë lives in Köln.".encode("cp1252"))
    assert is_plain_text(path, encoding="cp1252")
    (passage,) = read_passages([path], encoding="cp1252")
    assert passage.text == "Zoë lives in Köln."


def test_packed_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt.zst"
    path.write_bytes(zstandard("Zoë lives in Köln.".encode()))
    assert is_plain_text(path)
    (passage,) = read_passages([path])
    assert passage.text == "Zoë lives in Köln."


def test_an_unknown_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    with pytest.raises(SettingError, match="'utf-99', which is no encoding"):
        list(read(path, encoding="utf-99"))


def test_bytes_that_an_encoding_does_not_have_are_an_error_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode("utf-8"))
    with pytest.raises(InputError, match="line 2: byte 0xc3 is not ascii"):
        list(read(path, encoding="ascii"))


def test_text_without_the_byte_order_mark_of_its_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    with pytest.raises(InputError, match="does not start with BOM; name the encoding"):
        list(read(path, encoding="utf-16"))


def test_a_line_that_fills_the_memory_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relscout.io.readers.source.LONGEST_LINE", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(LINE + b" " * (1 << 22)))
    with pytest.raises(InputError, match="a line is longer than"):
        list(read(path, format="jsonl"))


def test_the_line_by_which_spreadsheets_name_the_delimiter_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("sep=;\n" + TABLE + "a;b;c\n", encoding="utf-8")
    assert recognise(Source(path)) == "csv"
    skipped: list[InputError] = []
    (instance,) = read(path, on_error="skip", on_skip=skipped.append)
    assert (instance.tail_text, instance.source) == ("Köln", "table.csv, line 3")
    assert "line 4" in str(skipped[0])


def test_the_first_sheet_of_a_workbook_is_a_table(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["text", "head", "tail_start", "tail_end", "id"],
        ["Zoë lives in Köln.", "Zoë", 13, 17, 7],
        [],
    ):
        sheet.append(row)
    sheet.append(["Zoë lives in Köln.", "Ann", 13, 17, 8])
    path = tmp_path / "table.xlsx"
    book.save(path)
    assert recognise(Source(path)) == "xlsx"
    skipped: list[InputError] = []
    (instance,) = read(path, on_error="skip", on_skip=skipped.append)
    assert (instance.head_text, instance.tail_text, instance.id) == ("Zoë", "Köln", "7")
    assert "row 4: the head 'Ann' does not occur" in str(skipped[0])


def test_the_time_for_an_archive_grows_with_its_files_only(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    annotations = "T1\tPER 0 3\tAda\nT2\tPER 8 11\tBob\nR1\tmet Arg1:T1 Arg2:T2\n"
    files = {f"{n}.txt": "Ada met Bob in Rome.\n" for n in range(400)}
    path.write_bytes(
        archived(
            {name: text.encode() for name, text in files.items()}
            | {f"{n}.ann": annotations.encode() for n in range(400)}
        )
    )
    started = time.process_time()
    assert len(list(read(path))) == 400
    assert time.process_time() - started < 4  # it took 30 s when each file read the list of files again


def test_an_archive_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    line = json.dumps(RECORDS["doccano"]).encode() + b"\n"
    for times in (1, 3):
        path.write_bytes(archived({"anna.jsonl": line * times, "bob.jsonl": line}))
        assert len(list(read(path))) == times + 1
