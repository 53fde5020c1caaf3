"""Files of text in, passages out."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from relscout.core.errors import InputError, MissingExtraError, RecordError, UnknownNameError
from relscout.text import Passage
from relscout.text.documents import is_plain_text, read_passages
from relscout.text.paragraphs import LONGEST_PASSAGE

TEXT = "Ida Kron runs Acme.\n\nIt rains in Oslo.\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def texts(*paths: Path, **settings: dict[str, str]) -> list[str]:
    return [passage.text for passage in read_passages(paths, **settings)]  # type: ignore[arg-type]


def places(passages: Sequence[Passage]) -> list[tuple[str, int, str]]:
    return [(passage.document, passage.start, passage.source) for passage in passages]


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(read_passages([path]))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["notes.txt", "notes", "notes.log", "NOTES.TXT"])
def test_passages_know_document_place_and_line(tmp_path: Path, name: str) -> None:
    found = list(read_passages([write(tmp_path / name, TEXT)]))
    assert [passage.text for passage in found] == ["Ida Kron runs Acme.", "It rains in Oslo."]
    assert places(found) == [(name, 0, f"{name}, line 1"), (name, 21, f"{name}, line 3")]


def test_markdown_is_read_without_its_marks(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "a.md", "# Head\n\n*Ida*\n")) == ["Head", "Ida"]


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_packed_files_are_seen_through(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / f"a.md{ending}", pack(b"*Ida*"))
    assert texts(path) == ["Ida"]
    cut = write(tmp_path / f"cut.txt{ending}", pack(os.urandom(3000).hex().encode())[:-40])
    assert "damaged or cut off" in error_of(cut)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    (found,) = read_passages([write(tmp_path / "a.txt", "Coyoacán 😀 上海".encode(encoding))])
    assert (found.text, found.start) == ("Coyoacán 😀 上海", 0)


def test_another_encoding_is_an_error_with_line_and_remedy(tmp_path: Path) -> None:
    reason = error_of(write(tmp_path / "a.txt", b"fine\n\ncaf\xe9\n"))
    assert (
        "a.txt, line 3: byte 0xe9 is not UTF-8 (it would be 'é' in Windows-1252); name its encoding" in reason
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (bytes(range(256)) * 20, "the file is binary"),
        (b"ok\n" * 5000 + b"a\x00b\n", "line 5001: a zero byte"),
        ("Ida runs".encode("utf-16-le"), "UTF-16 without a byte-order mark"),
        (b"PK\x03\x04" + bytes(30), "the packed file is damaged"),
        (b"\x28\xb5\x2f\xfd" + bytes(30), "the packed file is damaged"),
        ("a\n".encode("utf-16") + b"\x00\xdc", "line 2: half a surrogate pair"),
        ("a\n".encode("utf-16") + b"\x00", "damaged or cut off"),
    ],
)
def test_what_is_no_text_is_an_error_that_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in error_of(write(tmp_path / "a.txt", content))


def test_a_missing_file_and_a_file_given_twice_are_errors(tmp_path: Path) -> None:
    assert "no such file or folder" in error_of(tmp_path / "none.txt")
    path = write(tmp_path / "a.txt", TEXT)
    with pytest.raises(InputError, match="given 2 times"):
        list(read_passages([path, path]))


def test_a_folder_is_read_in_the_order_of_names_with_names_relative_to_it(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c.txt", ".hidden/d.txt", ".e.txt", "image.png", "empty.txt"):
        write(tmp_path / "notes" / name, "" if "empty" in name else f"In {name}.")
    write(tmp_path / "notes" / "names.csv", "name,town\nIda,Oslo\n")
    write(tmp_path / "notes" / "rows.csv", "text,town\nIda runs.,Oslo\n")
    found = list(read_passages([tmp_path / "notes"]))
    assert [passage.document for passage in found] == ["a.md", "b.txt", "rows.csv, line 2", "sub/c.txt"]


def test_a_folder_without_text_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "image.png", b"\x89PNG\x00")
    assert "the folder holds no text; expected files that end in .txt" in error_of(tmp_path)


def test_documents_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder / "a.txt", "Ida.") for folder in ("x", "y")]
    assert [passage.document for passage in read_passages(paths)] == [path.as_posix() for path in paths]


def test_a_file_may_be_given_another_name(tmp_path: Path) -> None:
    path = write(tmp_path / "tmp123", "Ida.")
    assert places(list(read_passages([path], names={path: "letters"}))) == [("letters", 0, "letters, line 1")]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    found = list(read_passages([Path("-")]))
    assert places(found)[1] == ("standard input", 21, "standard input, line 3")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_though_it_can_be_read_once_only(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(TEXT.encode()),))
    writer.start()
    assert texts(pipe) == ["Ida Kron runs Acme.", "It rains in Oslo."]
    writer.join()


def test_a_line_of_five_megabytes_is_cut_into_passages_with_true_places(tmp_path: Path) -> None:
    line = "Ida Kron runs Acme, and it rains. " * 150_000
    path = write(tmp_path / "a.txt", line + "\nEnd.")
    start = 0
    *found, last = read_passages([path])
    for passage in found:
        assert len(passage.text) <= LONGEST_PASSAGE
        assert passage.start == start
        start += len(passage.text) + 1
    assert start == len(line)
    assert (last.text, last.start, last.source) == ("End.", len(line) + 1, "a.txt, line 2")


def test_a_file_is_read_as_its_passages_are_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"Ida Kron runs the mill.\n" * 100_000 + b"caf\xe9")
    stream = read_passages([path])
    assert next(stream).text == "Ida Kron runs the mill."


@pytest.mark.parametrize("place", [65_534, 65_535, 65_536, 65_537])
def test_a_line_end_of_two_characters_counts_once_wherever_reading_stops(tmp_path: Path, place: int) -> None:
    path = write(tmp_path / "a.txt", "x" * place + "\r\nIda.\rKron.")
    *_, ida, kron = read_passages([path])
    assert (ida.text, ida.start, ida.source) == ("Ida.", place + 2, "a.txt, line 2")
    assert (kron.text, kron.source) == ("Kron.", "a.txt, line 3")


ROWS = [
    {"id": "D1", "text": "Ida runs Acme.\n\nIt rains."},
    {"id": 7, "text": "Bolt."},
    {"id": "D1", "text": "Sun."},
    {"id": None, "text": "Fog."},
    {"id": "D9", "text": None},
]
ROW_PLACES = [("D1", 0), ("D1", 16), ("rows, id 7", 0), ("D1", 27), ("rows, PLACE 4", 0)]


def test_json_lines_are_documents_by_their_identifier(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    found = list(read_passages([path], names={path: "rows"}))
    expected = [(name.replace("PLACE", "line"), start) for name, start in ROW_PLACES]
    assert [(passage.document, passage.start) for passage in found] == expected
    assert found[1].source == "rows, line 1"


def test_rows_of_parquet_are_documents_by_their_identifier(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [{**row, "id": None if row["id"] is None else str(row["id"])} for row in ROWS]
    parquet.write_table(pa.Table.from_pylist(rows), path)
    found = list(read_passages([path], names={path: "rows"}))
    expected = [(name.replace("PLACE", "row"), start) for name, start in ROW_PLACES]
    assert [(passage.document, passage.start) for passage in found] == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_of_tables_are_read(tmp_path: Path, delimiter: str) -> None:
    rows = [["title", "Body"], ["One", f'"Ida{delimiter} ""Kron"" runs\nAcme."'], ["Two", "Sun."]]
    path = write(tmp_path / "a.csv", "\n".join(delimiter.join(row) for row in rows))
    found = list(read_passages([path]))
    assert places(found)[-1] == ("Two", 0, "a.csv, line 4")
    assert found[0].text.startswith(f'Ida{delimiter.strip() or " "} "Kron" runs')


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,summary,key\nno,Ida.,K1\n")
    (found,) = read_passages([path], columns={"text": "summary", "document": "key"})
    assert (found.text, found.document) == ("Ida.", "K1")
    with pytest.raises(UnknownNameError, match="did you mean 'text'"):
        list(read_passages([path], columns={"texts": "summary"}))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "town,size\nOslo,3\n", "line 2: no column of text; there are 'town', 'size'; say which"),
        ("a.csv", "text,size\nOslo,3,4\n", "line 2: the row has 3 cells, the header has 2"),
        ("a.csv", b"text,size\nOslo,3\ncaf\xe9,4\n", "line 3: byte 0xe9 in the field 'text' is not UTF-8"),
        ("a.csv", 'text,size\n"Oslo,3\n', "line 2: not a row of a table"),
        ("a.csv", "text,size\n,3\n", "no row with a text"),
        ("a.jsonl", '{"text": 3}\n', "line 1: the field 'text' is of the type int; expected a string"),
        (
            "a.jsonl",
            '{"text": "a"}\n{"text": "\\ud83d"}\n',
            "line 2: the field 'text' has half a surrogate pair",
        ),
        ("a.jsonl", '{"id": "\\ud83d", "text": "a"}\n', "line 1: the field 'id' has half a surrogate pair"),
        ("a.jsonl", '{"text": "a"}\n{"text"\n', "line 2: not JSON"),
        ("a.jsonl", '{"text": "a"}\n[1]\n', "line 2: expected an object with a text"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xe9"}\n', "line 2: byte 10 (0xe9) is not UTF-8"),
        ("a.parquet", b"PAR1 and more", "the Parquet file is damaged or cut off"),
    ],
)
def test_a_wrong_record_is_an_error_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    assert reason in error_of(write(tmp_path / name, content))


def test_wrong_records_can_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "Ida."}\n{"text": 3}\n{"text": "Sun."}\n')
    skipped: list[RecordError] = []
    found = [passage.text for passage in read_passages([path], on_skip=skipped.append)]
    assert found == ["Ida.", "Sun."]
    assert [error.place for error in skipped] == ["line 2"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", TEXT, True),
        ("a", TEXT, True),
        ("a.log", TEXT, True),
        ("a.md", TEXT, True),
        ("a.html", "<p>Ida", True),
        ("a", "<!doctype html><p>Ida", True),
        ("a.pdf", b"%PDF-1.7\n\x00", True),
        ("a.txt", b"caf\xe9", True),
        ("a.jsonl", '{"text": "Ida."}\n', True),
        ("a", '{"text": "Ida."}\n', True),
        ("a.csv", "id,Sentence\n1,Ida.\n", True),
        ("a", "id\tsentence\n1\tIda.\n", True),
        # marked pairs that are broken, and what else is no running text
        ("a.jsonl", '{"text": "Ida.", "head": {}}\n', False),
        ("a.jsonl", '{"town": "Oslo"}\n', False),
        ("a.jsonl", '{"text": "' + "x" * 70_000 + '", "a": 1}\n', True),
        ("a.json", '[{"text": "Ida."}]', False),
        ("a.json", '{"a": {\n"tokens": []}}', False),
        ("a.csv", "text,head\nIda.,Ida\n", False),
        ("a.txt", "sentence\thead\ttail\nIda.\tIda\n", False),
        ("a.txt", '1\t"The <e1>Ida</e1> and <e2>Bolt</e2>."\nOther\n', False),
        ("a.csv", "town,size\nOslo,3\n", False),
        ("a.bin", bytes(range(256)), False),
        ("a.txt", b"", False),
        ("a.txt", b" \n\n", False),
        ("a.txt", "Ida runs.".encode("utf-16"), True),
        ("a", '{"text": "Ida.", "head": {}}\n'.encode("utf-16"), False),
        ("a.xlsx", b"PK\x03\x04" + bytes(40), False),
        ("a.parquet", b"PAR1 and more", False),
    ],
)
def test_what_counts_as_plain_text(tmp_path: Path, name: str, content: str | bytes, expected: bool) -> None:
    assert is_plain_text(write(tmp_path / name, content)) is expected


def test_parquet_counts_as_plain_text_where_no_column_marks_entities(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"text": ["Ida."], "town": ["Oslo"]}), path)
    assert is_plain_text(path)
    assert is_plain_text(path, columns={"text": "town"})
    parquet.write_table(pa.table({"text": ["Ida."], "head": ["Ida"]}), path)
    assert not is_plain_text(path)


def test_a_folder_counts_as_plain_text_where_it_holds_some(tmp_path: Path) -> None:
    assert not is_plain_text(tmp_path)
    write(tmp_path / "sub" / "a.txt", TEXT)
    assert is_plain_text(tmp_path)


PAGE = """<!DOCTYPE html>
<html><head><title>T</title><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav>
<h1>The <i>mill</i></h1>
<p>Ida <b>Kron</b><sup>[1]</sup> runs
 the mill.<br>It rains.<p>Sun
<ul><li>one<li>two</ul><pre><code>x = 1</code></pre>
<table><tr><td>Born<td>1867</table>
<div hidden>no</div><div style="display: none">no</div><script>no()</script>tail &amp; end
</body></html>"""


def test_blocks_of_a_web_page_are_passages(tmp_path: Path) -> None:
    pytest.importorskip("lxml")
    found = list(read_passages([write(tmp_path / "a.html", PAGE)]))
    assert [passage.text for passage in found] == [
        "The mill",
        "Ida Kron runs the mill. It rains.",
        "Sun",
        "one",
        "two",
        "Born",
        "1867",
        "tail & end",
    ]
    assert found[1].source == "a.html, line 5"
    whole = "\n\n".join(passage.text for passage in found)
    assert all(whole[passage.start :].startswith(passage.text) for passage in found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "shift_jis"])
def test_a_web_page_is_read_in_the_encoding_that_it_states(tmp_path: Path, encoding: str) -> None:
    pytest.importorskip("lxml")
    text = "東京" if encoding == "shift_jis" else "café"
    stated = "" if encoding == "utf-16" else f'<meta charset="{encoding}">'
    path = write(tmp_path / "a.html", f"<html><head>{stated}</head><body><p>{text}".encode(encoding))
    assert texts(path) == [text]


def test_a_web_page_in_another_encoding_is_an_error_with_its_line(tmp_path: Path) -> None:
    pytest.importorskip("lxml")
    assert "line 2: byte 0xe9 is not utf-8" in error_of(write(tmp_path / "a.html", b"<p>\ncaf\xe9"))
    unknown = write(tmp_path / "b.html", '<meta charset="klingon"><p>a')
    assert "states the encoding 'klingon', which is not known" in error_of(unknown)


def test_a_web_page_without_text_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("lxml")
    assert "no text" in error_of(write(tmp_path / "a.html", "<html><script>x</script></html>"))


def test_a_web_page_that_is_nested_very_deep_is_read(tmp_path: Path) -> None:
    pytest.importorskip("lxml")
    path = write(tmp_path / "a.html", "<div>" * 200 + "Ida" + "<b>" * 20_000)
    assert texts(path) == ["Ida"]


@pytest.mark.parametrize(("library", "name"), [("lxml", "a.html"), ("pypdf", "a.pdf")])
def test_a_missing_library_is_an_error_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    content = b"%PDF-1.7" if name == "a.pdf" else b"<p>Ida"
    with pytest.raises(MissingExtraError, match=rf"relscout\[{name[2:]}\]"):
        list(read_passages([write(tmp_path / name, content)]))


def test_results_in_a_folder_of_text_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ada met Bob.", encoding="utf-8")
    for name in ("run.json", "assignments.jsonl", "report.html", "model/README.md"):
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).write_text("<html><p>Eve met Mallory.</p></html>", encoding="utf-8")
    assert [passage.text for passage in read_passages([tmp_path])] == ["Ada met Bob."]
