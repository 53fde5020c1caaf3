"""Mutates valid records of every reader and checks what reading, recognising, inspecting and exporting them gives.

``python -m tests.readers.fuzzing --records 1000000`` (or ``make fuzz``) does so in a process of its own, so that a hang
or a crash in a library is a fault like any other; the tests do the same with few records in theirs.
"""

from __future__ import annotations

import argparse
import bz2
import contextlib
import copy
import gzip
import io
import json
import lzma
import multiprocessing
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from pyarrow import parquet as pq

from relscout.core.errors import RecordError, RelscoutError
from relscout.core.instances import RelationInstance
from relscout.io.readers import ONLY_FOR, read, recognise
from relscout.io.readers.source import Source
from relscout.io.writers.jsonl import write_instances
from relscout.io.writers.tools import TOOLS
from relscout.text.documents import is_plain_text

from . import annotations as seeds

#: Seconds that a file of some dozen records may take, and bytes by which it may raise the peak of the memory.
SLOWEST, LARGEST = 5, 400 << 20
_RECORDS_PER_FILE = 40

_WORDS = re.compile(r"(?<![\w\\])(?:Ina|Roth|lives|in|Graz)(?![\w\\])")
_LETTERS = "aZéßİﬁ北京東ไทยשלוםمرحبا09한"
#: Inside a word: combining marks, joiners, marks of direction, signs that formats give a meaning.
_INNER = "\u0301\u0300\u200d\u202e\ufeff'’-_.%&;,:!?$#@*+~^`"
_SIGNS = '"\\/{}()=\x00\x01\x7f\x85\u2028\u00a0'
_ASTRAL = "😀👩🏽🇫🇮𝒜𠀀\U0010ffff"

_TEXTS = [
    *(
        "",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\x00",
        "\ud83d",
        "\ude00",
        "a\ud83db",
        "😀",
        "👩‍👩‍👧",
        "e\u0301",
        "\u0301",
        "\u202e",
        "שלום",
    ),
    *(
        "\x85",
        "\u2028",
        "\ufeff",
        "\x1b[31m",
        "Ina",
        "Graz",
        "O",
        "_",
        "*",
        "B-PER",
        "I-PER",
        "NaN",
        "1e5",
        "-1",
        "0.0",
    ),
    *(
        "nil",
        "(",
        ")",
        "[[ x ]]",
        "<e1>",
        "</e1>",
        "<< ",
        "1-1",
        "2[1]",
        "\\",
        "\\u",
        '"',
        "'",
        "|",
        "=",
        "a" * 300,
        "right",
        "bi",
    ),
]
_NUMBERS = [
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    22,
    23,
    24,
    -1,
    -8,
    2**31,
    2**53,
    2**63,
    2**64,
    -(2**63),
    10**30,
    0.0,
    4.0,
    0.5,
    -0.0,
]
_NUMBERS += [1e308, float("inf"), float("-inf"), float("nan"), True, False]
_VALUES: list[Any] = [
    *_TEXTS,
    *_NUMBERS,
    None,
    [],
    {},
    [[]],
    [None],
    [0],
    [0, 1],
    ["a"],
    {"": 0},
    {"start": 0},
    [{}],
    [[0]],
]
#: Of these, JSON itself is the trouble; they stand in for what :func:`_spelled` writes.
_HUGE, _DEEP = "@huge@", "@deep@"


@dataclass
class Case:
    """A file of mutated records.

    Args:
        format: The format that it is read as.
        kind: What was mutated.
        files: Its files, the first the one that is read; with one named ``folder/…``, that folder is.
        records: How many records were mutated.
        whole: Head and tail, without blanks, of the records that were not, where each of them must be read.
        valid: Whether nothing was mutated.
    """

    format: str
    kind: str
    files: dict[str, bytes]
    records: int
    whole: Counter[tuple[str, str]] = field(default_factory=Counter)
    valid: bool = False

    def save(self, folder: Path) -> Path:
        """Write the files into an empty folder, and return what is to be read."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        first = folder / next(iter(self.files))
        return first if first.parent == folder else first.parent


def _words(random: Random, alphabet: str, inner: str) -> dict[str, str]:
    """Return a strange word of the same length for each word of the records, so that their offsets stay right."""

    def strange(length: int) -> str:
        middle = (random.choice(inner if random.random() < 0.3 else alphabet) for _ in range(length - 2))
        return random.choice(alphabet) + "".join(middle) + (random.choice(alphabet) if length > 1 else "")

    return {word: strange(len(word)) for word in ("Ina", "Roth", "lives", "in", "Graz")}


def _dressed(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _WORDS.sub(lambda match: words[match[0]], value)
    if isinstance(value, list):
        return [_dressed(item, words) for item in value]
    return {key: _dressed(item, words) for key, item in value.items()} if isinstance(value, dict) else value


def _surfaces(words: dict[str, str]) -> tuple[str, str]:
    return bare(words["Ina"] + words["Roth"]), bare(words["Graz"])


def bare(text: str) -> str:
    """Return a text without blanks and case: readers that look for a surface, or glue tokens, may differ in these."""
    return "".join(text.casefold().split())


# --- mutations of structure ---------------------------------------------------------------------------------------


def _places(value: Any) -> list[tuple[Any, Any]]:
    places, waiting = [], [value]
    while waiting:
        holder = waiting.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return places


def restructure(record: Any, random: Random) -> Any:
    """Return a copy of nested dictionaries and lists with one to four of its parts changed, removed, added or moved."""
    top = [copy.deepcopy(record)]
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = _places(top)
        holder, key = random.choice(places)
        value = holder[key]
        match random.randrange(10):
            case 0 | 1:
                holder[key] = copy.deepcopy(random.choice(_VALUES))
            case 2 if holder is not top:
                del holder[key]
            case 3:
                holder[key] = random.choice(
                    ([value], {"x": value}, [value, copy.deepcopy(value)], {"text": value})
                )
            case 4 if isinstance(holder, dict):
                name = random.choice(
                    ["id", "text", "label", "start", "relations", "\ud83d", "", "type", random.choice(_TEXTS)]
                )
                holder[name] = copy.deepcopy(random.choice(_VALUES))
            case 5 if isinstance(holder, dict):
                holder[random.choice(_TEXTS)] = holder.pop(key)
            case 6 if isinstance(holder, list) and holder is not top:
                holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(value))
            case 7:
                other, place = random.choice(places)
                holder[key] = copy.deepcopy(other[place])
            case _:
                holder[key] = copy.deepcopy(_tweaked(value, random))
    return top[0]


def _tweaked(value: Any, random: Random) -> Any:
    if isinstance(value, str):
        place = random.randrange(len(value) + 1)
        return value[:place] + random.choice(_TEXTS) + value[place + random.randrange(3) :]
    if isinstance(value, bytes):
        return damage(value, random)
    if isinstance(value, int | float):
        return random.choice((value + 1, value - 1, -value, value * 2, float(value), str(value), value + 0.5))
    if isinstance(value, list) and value:
        return random.choice((value[1:], value[:-1], value[::-1], [*value, *copy.deepcopy(value)], value[0]))
    return random.choice(_VALUES)


def _spelled(record: Any, random: Random, **options: Any) -> str:
    text = json.dumps(record, ensure_ascii=random.random() < 0.5, **options)
    return text.replace(f'"{_HUGE}"', "9" * 5000).replace(f'"{_DEEP}"', "[" * 100_000 + "]" * 100_000)


# --- mutations of lines and bytes ---------------------------------------------------------------------------------


def rearrange(text: str, random: Random) -> str:
    """Return lines, and the cells in them, with some changed, lost, doubled or exchanged."""
    lines = text.split("\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(lines))
        line = lines[place]
        separator = next((sign for sign in ("\t", ",", " ") if sign in line), " ")
        cells = line.split(separator)
        cell = random.randrange(len(cells))
        match random.randrange(9):
            case 0 if len(lines) > 1:
                del lines[place]
            case 1:
                lines.insert(place, random.choice((line, "", *_TEXTS)))
            case 2:
                lines[place] = line[: random.randrange(len(line) + 1)]
            case 3:
                other = random.randrange(len(lines))
                lines[place], lines[other] = lines[other], line
            case 4:
                del cells[cell]
                lines[place] = separator.join(cells)
            case 5:
                cells.insert(cell, random.choice(_TEXTS))
                lines[place] = separator.join(cells)
            case 6:
                cells[cell] = _tweaked(cells[cell], random)
                lines[place] = separator.join(cells)
            case 7:
                cells[cell] = str(random.choice((*_NUMBERS, *_TEXTS)))
                lines[place] = separator.join(cells)
            case _:
                lines[place] = _tweaked(line, random)
    return "\n".join(lines)


_BYTES = [
    b"\x00",
    b"\xff",
    b"\xed\xa0\xbd",
    b"\xf0\x9f\x98",
    b"\r",
    b"\n",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"<",
    b"\xef\xbb\xbf",
]
_BYTES += [
    b"&",
    b"9" * 30,
    b"\xc3",
    b"\x80",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"&a;",
    b"\t",
    b",",
    b"\xff\xfe",
]


def damage(content: bytes, random: Random, times: int = 0) -> bytes:
    """Return bytes of which some are flipped, lost, doubled or replaced."""
    damaged = bytearray(content)
    for _ in range(times or random.choice((1, 1, 2, 8))):
        place = random.randrange(len(damaged) + 1)
        match random.randrange(6):
            case 0 | 1 if place < len(damaged):
                damaged[place] ^= 1 << random.randrange(8)
            case 2:
                damaged[place:place] = random.choice(_BYTES)
            case 3:
                del damaged[place : place + random.choice((1, 1, 4, 32))]
            case 4:
                damaged[place : place + 4] = random.randbytes(4)
            case 5 if random.random() < 0.2:
                del damaged[place:]
            case _:
                damaged[place:place] = damaged[place : place + random.randrange(64)]
    return bytes(damaged)


# --- records of every format --------------------------------------------------------------------------------------

_JSON: dict[str, Any] = {
    **seeds.RECORDS,
    "fewrel": {"tokens": seeds.TOKENS, "h": ["ina roth", "Q1", [[0, 1]]], "t": ["graz", "Q2", [[4]]]},
    "chemprot": {"text": "<< Ina Roth >> lives in [[ Graz ]].", "label": "lives_in"},
    "nyt-fb": "<e1:PER> Ina Roth </e1:PER> lives in <e2:LOC> Graz </e2:LOC> .",
}
_JSON["fewrel"]["h"][0], _JSON["fewrel"]["t"][0] = "Ina Roth", "Graz"
_MARKED = ("chemprot", "nyt-fb")


def _json_case(name: str, random: Random) -> Case:
    valid = random.random() < 0.1
    records, whole = [], Counter[tuple[str, str]]()
    alphabet = _LETTERS + _ASTRAL
    inner = _INNER + ("" if name in _MARKED else _SIGNS) + alphabet
    for _ in range(_RECORDS_PER_FILE):
        words = _words(random, alphabet, inner)
        record = _dressed(_JSON[name], words)
        if valid or random.random() < 0.2:
            whole[_surfaces(words)] += 1
        else:
            record = restructure(record, random)
        records.append(record)
    mutated = _RECORDS_PER_FILE - whole.total()
    containers = ["list"] if name == "nyt-fb" else ["list", "lines", "pretty list", "pretty"]
    container = random.choice(containers)
    if name == "fewrel" and container == "list":
        text = _spelled({"lives_in": records}, random)
    elif container in ("lines", "pretty"):
        if container == "lines" and not valid and random.random() < 0.05:
            records.append(random.choice((_HUGE, _DEEP, {"text": _HUGE}, {"text": [_DEEP]})))
        text = "\n".join(
            _spelled(record, random, indent=1 if container == "pretty" else None) for record in records
        )
    else:
        text = _spelled(records, random, indent=1 if container == "pretty list" else None)
    # a first line that is no object makes a text another one
    objects = all(isinstance(record, dict) and record for record in records[:5])
    files = {"input": text.encode("utf-8", "surrogatepass")}
    if (
        "\ud800" <= max(text) <= "\udfff"
        or re.search("[\ud800-\udfff]", text)
        or not (valid or objects or name == "nyt-fb")
    ):
        whole = Counter()
    if name == "nyt-fb" and random.random() < 0.3:
        labels = [random.randrange(5) for _ in records]
        if not valid and random.random() < 0.5:
            labels, whole = restructure(labels, random), Counter()
        side = _spelled(labels, random).encode("utf-8", "surrogatepass")
        files = {"input_sentence.json": files["input"], "input_label_id.json": side}
        return Case(name, "structure", files, mutated, whole, valid)
    if random.random() < 0.15 and not valid:
        files["input"] = damage(files["input"], random, times=_RECORDS_PER_FILE // 2)
        return Case(name, "bytes", files, _RECORDS_PER_FILE)
    if not valid and random.random() < 0.1:
        files["input"] = rearrange(text, random).encode("utf-8", "surrogatepass")
        return Case(name, "lines", files, _RECORDS_PER_FILE)
    return Case(name, "structure", files, mutated, whole, valid)


def _numbered_webanno(text: str, number: int) -> str:
    return re.sub(r"\b1-(?=\d\t|\d\[)", f"{number}-", text.partition("#Text=")[2])


_SEMEVAL = '{number}\t"<e1>Ina Roth</e1> lives in <e2>Graz</e2>."\nlives_in(e1,e2)\nComment: x\n\n'
_BIOC_DOCUMENT = re.compile("<document>.*</document>", re.DOTALL)

#: Format → start of the file, one record, end of the file.
_TEXT_FORMATS: dict[str, tuple[str, str, str]] = {
    "webanno-tsv": (seeds.WEBANNO.partition("#Text=")[0], seeds.WEBANNO, ""),
    "conll04": ("", seeds.CONLL04.partition("\n\n6\t")[0] + "\n\n", ""),
    "conll04 of multi-head models": ("", seeds.MULTI_HEAD.partition("#doc 2")[0], ""),
    "conllu": ("", seeds.CONLLU, ""),
    "semeval": ("", _SEMEVAL, ""),
    "csv": (
        "text,head,tail,head_start,relation\n",
        '"Ina Roth lives in Graz.",Ina Roth,Graz,0,lives_in\n',
        "",
    ),
    "csv with tabs": (
        "text\thead_start\thead_end\ttail_start\ttail_end\n",
        "Ina Roth lives in Graz.\t0\t8\t18\t22\n",
        "",
    ),
    "bioc": (
        seeds.BIOC_XML.partition("<document>")[0],
        _BIOC_DOCUMENT.search(seeds.BIOC_XML)[0],  # type: ignore[index]
        "</collection>",
    ),
}


def _text_case(name: str, random: Random) -> Case:
    start, record, end = _TEXT_FORMATS[name]
    format = name.partition(" ")[0]
    alphabet = _LETTERS if format == "webanno-tsv" else _LETTERS + _ASTRAL
    # words of XML, and of tables without quotation marks, have no signs
    inner = alphabet + (
        "\u0301\u0300\u200d'-_."
        if format in ("bioc", "csv", "conll04", "webanno-tsv")
        else _INNER.replace("|", "")
    )
    count = 8 if format == "bioc" else _RECORDS_PER_FILE
    mode = random.choice(("valid", "lines", "lines", "lines", "lines", "bytes"))
    parts, whole = [], Counter[tuple[str, str]]()
    for number in range(1, count + 1):
        words = _words(random, alphabet, inner)
        part = record
        if format == "webanno-tsv":
            part = "#Text=" + _numbered_webanno(record, number) + "\n"
        part = _dressed(part.replace("{number}", str(number)), words)
        if mode == "valid":
            whole[_surfaces(words)] += 1
        elif mode == "lines":
            part = rearrange(part, random)
        parts.append(part)
    if mode == "lines" and random.random() < 0.3:
        start = rearrange(start, random)
    content = (start + "".join(parts) + end).encode("utf-8", "surrogatepass")
    if mode == "bytes":
        content = damage(content, random, times=count)
    elif random.random() < 0.1:
        try:
            content = content.decode().encode("utf-16")
        except UnicodeDecodeError:
            return Case(format, mode, {"input": content}, count)
    return Case(format, mode, {"input": content}, 0 if mode == "valid" else count, whole, mode == "valid")


def _brat_case(random: Random) -> Case:
    texts, annotations, whole = [], [], Counter[tuple[str, str]]()
    mode = random.choice(("valid", "lines", "lines", "lines", "bytes"))
    start = 0
    end = random.choice(("\n", "\r\n"))
    for number in range(_RECORDS_PER_FILE):
        words = _words(random, _LETTERS + _ASTRAL, _LETTERS + _INNER)
        text = _dressed(seeds.TEXT, words)
        head, tail = 2 * number, 2 * number + 1
        lines = [
            f"T{head}\tPER {start} {start + 8}\t{text[:8]}",
            f"T{tail}\tLOC {start + 18} {start + 22}\t{text[18:22]}",
            f"R{number}\tlives_in Arg1:T{head} Arg2:T{tail}",
            f"*\tEquiv T{head} T{tail}",
        ]
        part = "\n".join(lines[: random.choice((3, 4))]) + "\n"
        annotations.append(rearrange(part, random) if mode == "lines" else part)
        texts.append(text + end)
        start += len(text) + len(end)
        if mode == "valid":
            whole[_surfaces(words)] += 1
    # CRLF may be counted as one character
    standoff, text = "".join(annotations).encode("utf-8", "surrogatepass"), "".join(texts)
    if mode == "bytes":
        standoff = damage(standoff, random, times=_RECORDS_PER_FILE)
    elif mode == "lines" and random.random() < 0.2:
        text = rearrange(text, random)
    files = {"folder/a.ann": standoff, "folder/a.txt": text.encode("utf-8", "surrogatepass")}
    return Case("brat", mode, files, 0 if mode == "valid" else _RECORDS_PER_FILE, whole, mode == "valid")


def _xmi_case(random: Random) -> Case:
    count, mode = 10, random.choice(("valid", "lines", "lines", "bytes"))
    spans, texts, whole = [], [], Counter[tuple[str, str]]()
    for number in range(count):
        words = _words(random, _LETTERS, _LETTERS + "\u0301-_.")
        texts.append(_dressed(seeds.TEXT, words))
        start, identifier = 24 * number, 10 + 3 * number
        part = (
            f'<custom:Span xmi:id="{identifier}" sofa="1" begin="{start}" end="{start + 8}" label="PER"/>\n'
            f'<custom:Span xmi:id="{identifier + 1}" sofa="1" begin="{start + 18}" end="{start + 22}" label="LOC"/>\n'
            f'<custom:Relation xmi:id="{identifier + 2}" sofa="1" begin="{start}" end="{start + 8}" label="lives_in" '
            f'Governor="{identifier}" Dependent="{identifier + 1}"/>\n'
        )
        spans.append(rearrange(part, random) if mode == "lines" else part)
        if mode == "valid":
            whole[_surfaces(words)] += 1
    members = " ".join(map(str, range(10, 10 + 3 * count)))
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" '
        'xmlns:cas="http:///uima/cas.ecore" xmlns:custom="http:///custom.ecore" xmi:version="2.0">\n'
        '<cas:NULL xmi:id="0"/>\n'
        + "".join(spans)
        + '<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text/plain" '
        + f'sofaString="{"&#10;".join(texts)}"/>'
        f'<cas:View sofa="1" members="{members}"/></xmi:XMI>'
    ).encode("utf-8", "surrogatepass")
    types = seeds.TYPE_SYSTEM.encode()
    if mode == "bytes":
        content = damage(content, random)
    elif mode == "lines" and random.random() < 0.2:
        types = damage(types, random, times=1)
    files = {"input.xmi": content, "TypeSystem.xml": types}
    return Case("xmi", mode, files, {"valid": 0, "bytes": 1}.get(mode, count), whole, mode == "valid")


_ROW: dict[str, Any] = {
    "text": seeds.TEXT,
    "head": "Ina Roth",
    "tail": "Graz",
    "head_start": 0,
    "head_end": 8,
    "id": 7,
}
_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.int8(),
    pa.uint64(),
    pa.float32(),
    pa.float64(),
    pa.bool_(),
]
_TYPES += [
    pa.date32(),
    pa.date64(),
    pa.timestamp("ns"),
    pa.timestamp("s", tz="UTC"),
    pa.time64("ns"),
    pa.duration("ns"),
]
_TYPES += [
    pa.decimal128(38, 3),
    pa.list_(pa.int64()),
    pa.struct([("start", pa.int64())]),
    pa.null(),
    pa.month_day_nano_interval(),
]
_TYPES += [
    pa.dictionary(pa.int8(), pa.string()),
    pa.map_(pa.string(), pa.int8()),
    pa.string_view(),
    pa.float16(),
]


def _column(random: Random, kind: pa.DataType) -> pa.Array:
    """Return a column of any type, of random bits where nothing else is known to be one."""
    bits = random.randbytes(_RECORDS_PER_FILE * 16)
    if kind.num_fields == 0 and not pa.types.is_dictionary(kind):
        with contextlib.suppress(pa.ArrowException, ValueError, TypeError):
            if kind.bit_width % 8 == 0:
                return pa.Array.from_buffers(kind, _RECORDS_PER_FILE, [None, pa.py_buffer(bits)])
    return pa.nulls(_RECORDS_PER_FILE, kind)


def _parquet_case(random: Random) -> Case:
    mode = random.choice(("valid", "structure", "structure", "structure", "bytes", "rows"))
    rows, whole = [], Counter[tuple[str, str]]()
    for _ in range(_RECORDS_PER_FILE):
        words = _words(random, _LETTERS + _ASTRAL, _LETTERS + _INNER + _SIGNS)
        rows.append(_dressed(_ROW, words))
        if mode == "valid":
            whole[_surfaces(words)] += 1
    if mode == "rows":
        # records of any JSON format with columns whose values are of one kind each
        name = random.choice([name for name in seeds.RECORDS if name not in seeds.MIXED])
        record = restructure(seeds.RECORDS[name], random)
        rows = [record if isinstance(record, dict) else {"text": record}] * _RECORDS_PER_FILE
    else:
        name = "parquet"
    try:
        table = pa.Table.from_pylist(rows)
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError):
        return _parquet_case(random)
    if mode == "structure":
        for _ in range(random.choice((1, 1, 2))):
            place = random.randrange(table.num_columns)
            match random.randrange(4):
                case 0 if table.num_columns > 1:
                    table = table.remove_column(place)
                case 1:
                    table = table.append_column(table.column_names[place], table.column(place))
                case _:
                    table = table.set_column(
                        place, table.column_names[place], _column(random, random.choice(_TYPES))
                    )
    sink = io.BytesIO()
    streamed = random.random() < 0.5
    try:
        if streamed:
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
        else:
            pq.write_table(table, sink)
    except (pa.ArrowException, ValueError):
        return _parquet_case(random)
    content = sink.getvalue()
    if mode == "bytes":
        content = damage(content, random)
    count = {"valid": 0, "bytes": 1}.get(mode, _RECORDS_PER_FILE)
    files = {"input": content}
    if streamed and random.random() < 0.3:
        # as datasets save it
        state: Any = {"_data_files": [{"filename": "data.arrow"}]}
        if mode == "structure" and random.random() < 0.5:
            state = restructure(state, random)
        saved = _spelled(state, random).encode("utf-8", "surrogatepass")
        files = {"folder/state.json": saved, "folder/data.arrow": content}
    return Case(name, mode, files, count, whole, mode == "valid")


def _xlsx_case(random: Random) -> Case:
    from openpyxl import Workbook

    mode = random.choice(("valid", "structure", "structure", "structure", "bytes"))
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    header, whole = ["text", "head", "tail", "head_start"], Counter[tuple[str, str]]()
    sheet.append(header)
    for _ in range(_RECORDS_PER_FILE):
        words = _words(random, _LETTERS + _ASTRAL, _LETTERS + "\u0301-_.")
        row = _dressed([seeds.TEXT, "Ina Roth", "Graz", 0], words)
        if mode == "valid":
            whole[_surfaces(words)] += 1
        else:
            row = restructure(row, random)
        # openpyxl refuses what is no cell
        cells = (
            [cell if isinstance(cell, str | int | float | None) else str(cell) for cell in row]
            if isinstance(row, list)
            else []
        )
        cells = [
            re.sub("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", "", cell)
            if isinstance(cell, str)
            else cell
            for cell in cells
        ]
        sheet.append([None if isinstance(cell, float) and abs(cell) > 1e300 else cell for cell in cells])
    sink = io.BytesIO()
    book.save(sink)
    content = sink.getvalue()
    if mode == "bytes":
        content = damage(content, random)
    count = {"valid": 0, "bytes": 1}.get(mode, _RECORDS_PER_FILE)
    return Case("xlsx", mode, {"input": content}, count, whole, mode == "valid")


def _docbin_tree() -> dict[str, Any]:
    import spacy
    import srsly
    from spacy.tokens import DocBin, Span

    doc = spacy.blank("xx")(seeds.TEXT)
    doc.ents = (Span(doc, 0, 2, "PER"), Span(doc, 4, 5, "LOC"))
    doc.user_data[("._.", "rel", None, None)] = {(0, 4): {"lives_in": 1.0, "x": 0.0}}
    tree: dict[str, Any] = srsly.msgpack_loads(
        zlib.decompress(DocBin(docs=[doc], store_user_data=True).to_bytes())
    )
    return tree


def _docbin_case(random: Random, trees: list[dict[str, Any]] = []) -> Case:  # noqa: B006 (made once)
    import srsly

    if not trees:
        trees.append(_docbin_tree())
    tree = trees[0]
    mode = random.choice(("valid", "structure", "structure", "packed", "bytes"))
    if mode == "structure":
        tree = restructure(tree, random)
        if isinstance(tree, dict) and random.random() < 0.7:
            data = srsly.msgpack_loads(trees[0]["user_data"][0], use_list=False)
            changed = restructure([[list(entry) for entry in data]], random)
            with contextlib.suppress(Exception):
                tree["user_data"] = [
                    srsly.msgpack_dumps(changed[0] if isinstance(changed, list) else changed)
                ]
    try:
        packed = srsly.msgpack_dumps(tree)
    except Exception:  # what MessagePack has no form for
        return _docbin_case(random)
    content = zlib.compress(damage(packed, random) if mode == "packed" else packed)
    if mode == "bytes":
        content = damage(content, random)
    whole = Counter({("inaroth", "graz"): 1} if mode == "valid" else {})
    return Case("docbin", mode, {"input.spacy": content}, int(mode != "valid"), whole, mode == "valid")


def _zstandard(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def _zip(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("input", content)
    return sink.getvalue()


def _packed_case(random: Random) -> Case:
    name = random.choice([*_JSON, *_TEXT_FORMATS])
    case = _json_case(name, random) if name in _JSON else _text_case(name, random)
    if list(case.files) != ["input"]:
        return case
    pack = random.choice((gzip.compress, bz2.compress, lzma.compress, _zstandard, _zip))
    content = pack(case.files["input"])
    if random.random() < 0.6:
        case.files["input"], case.kind = content, f"packed {case.kind}"
        return case
    damaged = damage(content, random) if random.random() < 0.7 else content[: random.randrange(len(content))]
    return Case(case.format, "packed", {"input": damaged}, 1)


#: What makes cases: name → how, and how often. Those that libraries take long to read are fewer.
MAKERS: dict[str, tuple[Callable[[Random], Case], int]] = {
    **{name: (lambda random, name=name: _json_case(name, random), 10) for name in _JSON},
    **{
        f"{name} as text": (lambda random, name=name: _text_case(name, random), 10)
        for name in _TEXT_FORMATS
        if name != "bioc"
    },
    "bioc as text": (lambda random: _text_case("bioc", random), 4),
    "brat": (_brat_case, 10),
    "packed": (_packed_case, 20),
    "parquet": (_parquet_case, 10),
    "xlsx": (_xlsx_case, 3),
    "docbin": (_docbin_case, 4),
    "xmi": (_xmi_case, 4),
}


# --- checks -------------------------------------------------------------------------------------------------------


class Hang(BaseException):
    """A file takes too long."""


@contextlib.contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Raise :class:`Hang` after some seconds of computing."""

    def stop(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, stop)
    # of the process's own time: other work on the machine is no hang
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def faults_of(case: Case, folder: Path, random: Random) -> list[str]:
    """Return what is wrong with how a case is read, recognised, inspected and exported."""
    path = case.save(folder / "read")
    faults: list[str] = []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with watched(SLOWEST), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            faults += _checked(case, path, folder, random)
    except Hang:
        faults.append(f"hang: over {SLOWEST} s")
    except Exception as error:
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "relscout" in frame.filename]
        place = f"{Path(ours[-1].filename).name}, {ours[-1].name}" if ours else "outside"
        faults.append(f"exception: {type(error).__name__} in {place}: {str(error)[:150]}")
    if (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10 > LARGEST:
        faults.append(f"memory: over {LARGEST >> 20} MB")
    return faults


def _checked(case: Case, path: Path, folder: Path, random: Random) -> Iterator[str]:
    instances: list[RelationInstance] = []
    skipped: list[RecordError] = []
    options: dict[str, Any] = {"on_error": "skip"}
    if case.format in ONLY_FOR["pairs"] and random.random() < 0.3:
        options["pairs"] = "all"
    try:
        instances += read(path, format=case.format, on_skip=skipped.append, **options)
    except RelscoutError as error:
        yield from _about_error(error)
        if case.valid:
            yield f"refused: {error}"
    for error in skipped:
        yield from _about_error(error)
    for instance in instances:
        yield from _about_instance(instance)
    there = Counter((bare(instance.head_text), bare(instance.tail_text)) for instance in instances)
    if missing := case.whole - there:
        number = f"{missing.total()} of {case.whole.total()} whole records"
        yield f"surface: {number} are not read, such as {min(missing)}; {[str(error) for error in skipped[:1]]}"
    yield from _recognised(case, path, instances, options)
    if random.random() < 0.05:
        yield from _inspected(path)
    yield from _exported(instances, folder, random)


def _about_error(error: RelscoutError) -> Iterator[str]:
    try:
        lines = str(error).encode().splitlines()
    except UnicodeEncodeError:
        yield "message: an error has half a surrogate pair"
        return
    if len(lines) != 1:
        yield f"message: an error has {len(lines)} lines: {str(error)[:200]!r}"
    elif len(lines[0]) > 5_000:
        yield f"message: an error has {len(lines[0])} characters: {str(error)[:100]!r}"


def _about_instance(instance: RelationInstance) -> Iterator[str]:
    texts = [instance.text, instance.id, instance.source, instance.document, instance.relation]
    for mention in (instance.head, instance.tail):
        if type(mention.start) is not int or type(mention.end) is not int:
            yield f"kind: the offsets {mention} are no whole numbers"
        texts += [mention.type, mention.entity_id]
    for text in texts:
        if text is not None and type(text) is not str:
            yield f"kind: {text!r:.60} is no string"
        elif text is not None and re.search("[\ud800-\udfff]", text):
            yield f"surrogate: an instance has one in {text!r:.60}"


def _recognised(
    case: Case, path: Path, instances: list[RelationInstance], options: dict[str, Any]
) -> Iterator[str]:
    is_plain_text(path)
    name = None
    try:
        name = recognise(Source(path))
        again = list(read(path, **(options if name == case.format else {"on_error": "skip"})))
    except RelscoutError as error:
        yield from _about_error(error)
        again = []
    if case.valid and name != case.format:
        yield f"recognised: a {case.format} file is recognised as {name}"
    if name == case.format and again and again != instances:
        yield "recognised: another reading gives other instances"


def _inspected(path: Path) -> Iterator[str]:
    from relscout.cli.app import run

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["inspect", str(path)])
    if code not in (0, 2):
        yield f"inspect: it ended with {code}"


def _essence(instance: RelationInstance) -> tuple[Any, ...]:
    ends = [(mention.start, mention.end, mention.type) for mention in (instance.head, instance.tail)]
    return instance.text, *ends, instance.relation


def _exported(instances: list[RelationInstance], folder: Path, random: Random) -> Iterator[str]:
    if not instances:
        return
    write_instances(instances, folder / "out.jsonl")
    if list(read(folder / "out.jsonl", format="jsonl")) != instances:
        yield "export: jsonl gives other instances"
    name = random.choice([name for name in TOOLS if name != "brat"])
    TOOLS[name].write_instances(instances, folder / "out")
    again = list(read(folder / "out", format=name))
    if list(map(_essence, again)) != list(map(_essence, instances)):
        yield f"export: {name} gives other instances"


# --- the run ------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What was done and what came of it."""

    records: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        """Return the rates and the faults, as lines."""
        total, seconds = self.records.total(), sum(self.seconds.values())
        lines = [
            f"{total:,} mutated records in {seconds:,.0f} s of computing: {total / max(seconds, 1e-9):,.0f} a second"
        ]
        lines += [
            f"  {name:<36}{count:>10,} records {count / max(self.seconds[name], 1e-9):>9,.0f} a second"
            for name, count in sorted(self.records.items())
        ]
        kinds = Counter[str]()
        for fault, count in self.faults.items():
            kinds[fault.partition(":")[0]] += count
        lines.append(
            f"{self.faults.total():,} faults" + "".join(f"; {kind}: {n:,}" for kind, n in kinds.most_common())
        )
        return "\n".join(lines + [f"  {count:>6,} × {fault}" for fault, count in self.faults.most_common(60)])


def cases(random: Random, names: list[str] | None = None) -> Iterator[tuple[str, Case]]:
    """Yield cases without end, each with the name of what made it."""
    chosen = names or list(MAKERS)
    weights = [MAKERS[name][1] for name in chosen]
    while True:
        name = random.choices(chosen, weights)[0]
        yield name, MAKERS[name][0](random)


def _work(seed: int, names: list[str] | None, folder: Path, results: Any) -> None:
    random = Random(seed)
    for name, case in cases(random, names):
        start = time.process_time()
        faults = faults_of(case, folder, random)
        for fault in faults:
            keep = folder.parent / "faults" / re.sub(r"\W+", "-", f"{name}: {fault}")[:80].strip("-")
            if not keep.exists():
                case.save(keep)
        results.send((name, case.records, time.process_time() - start, faults))


def fuzz(records: int, seed: int, *, names: list[str] | None = None, keep: Path | None = None) -> Tally:
    """Check mutated records in another process, which is started anew if it crashes or hangs."""
    tally = Tally()
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        while tally.records.total() < records:
            receiver, sender = context.Pipe(duplex=False)
            folder = Path(place) / "work"
            process = context.Process(target=_work, args=(seed, names, folder, sender), daemon=True)
            process.start()
            sender.close()
            seed += 1
            try:
                while tally.records.total() < records:
                    if not receiver.poll(12 * SLOWEST):
                        raise EOFError
                    name, count, seconds, faults = receiver.recv()
                    tally.records[name] += count
                    tally.seconds[name] += seconds
                    tally.faults.update(f"{fault} [{name}]" for fault in faults)
            except EOFError:
                process.join(SLOWEST)
                how = (
                    f"crash: signal {-(process.exitcode or 0)}" if process.exitcode else "hang: in a library"
                )
                tally.faults[how] += 1
                shutil.copytree(
                    folder, Path(place) / "faults" / f"{how.replace(':', '')} {seed}", dirs_exist_ok=True
                )
            process.kill()
            process.join()
        if keep is not None and (Path(place) / "faults").exists():
            shutil.copytree(Path(place) / "faults", keep, dirs_exist_ok=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="mutated records (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help=f"makers of cases: {', '.join(MAKERS)}")
    parser.add_argument("--keep", type=Path, help="folder for a file of each fault")
    given = parser.parse_args()
    tally = fuzz(given.records, given.seed, names=given.only, keep=given.keep)
    sys.stdout.write(tally.report() + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
