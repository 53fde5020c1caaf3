"""Whatever a file holds, reading gives instances or plain errors; what was written comes back as it was."""

from __future__ import annotations

import csv as csv_writer
import io
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as pq

from relscout.core.errors import RecordError, RelscoutError
from relscout.core.instances import RelationInstance
from relscout.io.readers import reader
from relscout.io.readers.source import Source

from .fuzzing import MAKERS, Case, Hang, cases, faults_of, watched

JSON_FORMATS = ["jsonl", "opennre", "fewrel", "tacred"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)

#: Emoji with joiners, combining marks, right-to-left letters and marks, NUL, line ends of all kinds.
hard_characters = st.sampled_from(
    [
        *"aZ é,;|\"'\\{}[]:",
        *("\U0001f469\u200d\U0001f680", "\U0001f1eb\U0001f1ee", "e\u0301", "\u0301"),
        *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u202e"),
        *("\x00", "\r\n", "\n", "\r", "\t", "\x85", "\u2028", "\ufeff", "\u00a0"),
        *("\u0130", "ß", "\ufb01", "\U0010ffff"),
    ]
)
hard_texts = st.lists(hard_characters | st.characters(exclude_categories=["Cs"]), max_size=6).map("".join)
surfaces = hard_texts.filter(lambda text: bool(text.strip()) and text == text.strip())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples: making folders would take most of the time."""
    return tmp_path_factory.mktemp("fuzz") / "input"


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """A text with the spans of head and tail, in either order."""
    before, first, between, second, after = (
        draw(part) for part in (hard_texts, surfaces, hard_texts, surfaces, hard_texts)
    )
    start = len(before) + len(first) + len(between)
    spans = [(len(before), len(before) + len(first)), (start, start + len(second))]
    if draw(st.booleans()):
        spans.reverse()
    return before + first + between + second + after, spans[0], spans[1]


@st.composite
def marked_tokens(draw: st.DrawFn) -> tuple[list[str], tuple[int, int], tuple[int, int]]:
    """Tokens with the token spans of head and tail, in either order."""
    parts = [draw(st.lists(surfaces, min_size=size, max_size=3)) for size in (0, 1, 0, 1, 0)]
    ends = [sum(map(len, parts[: index + 1])) for index in range(5)]
    spans = [(ends[0], ends[1]), (ends[2], ends[3])]
    if draw(st.booleans()):
        spans.reverse()
    return [token for part in parts for token in part], spans[0], spans[1]


def outcomes(path: Path, content: bytes, name: str) -> Iterator[RelationInstance | RecordError]:
    path.write_bytes(content)
    for found in reader(name).read(Source(path)):
        assert isinstance(found, RelationInstance) or is_one_plain_line(found)
        yield found


def only(path: Path, content: bytes, name: str) -> RelationInstance:
    (found,) = outcomes(path, content, name)
    assert isinstance(found, RelationInstance), found
    return found


def as_file(name: str, records: list[Any]) -> bytes:
    if name in ("jsonl", "opennre"):
        return "\n".join(map(json.dumps, records)).encode()
    return json.dumps(records if name == "tacred" else {"P551": records}).encode()


def is_one_plain_line(error: RelscoutError) -> bool:
    return len(str(error).encode().splitlines()) == 1


@pytest.mark.parametrize("name", MAKERS)
def test_mutated_records_give_instances_or_plain_errors(tmp_path: Path, name: str) -> None:
    random = Random(name)
    mutated, faults = 0, list[str]()
    while mutated < (40 if name == "docbin" else 120):
        case = MAKERS[name][0](random)
        mutated += max(case.records, 10)
        faults += faults_of(case, tmp_path, random)
    assert faults == []


def test_valid_records_of_every_format_are_recognised_and_read(tmp_path: Path) -> None:
    random = Random(0)
    for name in MAKERS.keys() - {"packed"}:
        case = next(case for _, case in cases(random, [name]) if case.valid)
        assert case.whole
        assert faults_of(case, tmp_path, random) == []


def test_the_fuzzer_notices_what_is_wrong(tmp_path: Path) -> None:
    case = Case("jsonl", "structure", {"input": b'{"text": "Ann in Rome", "head": "Ann", "tail": "Rome"}'}, 1)
    case.whole[("bob", "rome")] += 1
    (fault,) = faults_of(case, tmp_path, Random(0))
    assert fault.startswith("surface: 1 of 1 whole records are not read, such as ('bob', 'rome')")


def test_a_hang_ends() -> None:
    def without_end() -> None:
        while True:
            pass

    with pytest.raises(Hang), watched(0.05):
        without_end()


@pytest.mark.parametrize("name", JSON_FORMATS)
@given(values=st.lists(json_values, max_size=4))
def test_arbitrary_json_values_give_one_outcome_each(path: Path, name: str, values: list[Any]) -> None:
    assert len(list(outcomes(path, as_file(name, values), name))) == len(values)


@given(rows=st.lists(st.lists(hard_texts, min_size=3, max_size=3), max_size=4))
def test_rows_of_arbitrary_texts_give_one_outcome_each(path: Path, rows: list[list[str]]) -> None:
    sheet = io.StringIO()
    csv_writer.writer(sheet, quoting=csv_writer.QUOTE_ALL).writerows([["text", "head", "tail"], *rows])
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    assert len(list(outcomes(path, sheet.getvalue().encode(), "csv"))) == len(filled)


@given(marked=marked_texts(), ascii_only=st.booleans())
def test_exchange_lines_come_back_as_they_were(
    path: Path, marked: tuple[str, tuple[int, int], tuple[int, int]], ascii_only: bool
) -> None:
    text, head, tail = marked
    record = {"text": text}
    for role, (start, end) in (("head", head), ("tail", tail)):
        record[role] = {"start": start, "end": end, "text": text[start:end]}  # type: ignore[assignment]
    found = only(path, json.dumps(record, ensure_ascii=ascii_only).encode(), "jsonl")
    assert (found.text, found.head_text, found.tail_text) == (text, text[slice(*head)], text[slice(*tail)])


@given(marked=marked_texts())
def test_opennre_texts_come_back_as_they_were(
    path: Path, marked: tuple[str, tuple[int, int], tuple[int, int]]
) -> None:
    text, head, tail = marked
    record = {
        "text": text,
        "h": {"name": text[slice(*head)], "pos": head},
        "t": {"name": text[slice(*tail)], "pos": tail},
    }
    found = only(path, json.dumps(record).encode(), "opennre")
    assert (found.text, found.head_text, found.tail_text) == (text, text[slice(*head)], text[slice(*tail)])


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@given(marked=marked_texts())
def test_table_rows_come_back_as_they_were(
    path: Path, line_end: str, marked: tuple[str, tuple[int, int], tuple[int, int]]
) -> None:
    text, head, tail = marked
    sheet = io.StringIO()
    writer = csv_writer.writer(sheet, quoting=csv_writer.QUOTE_ALL, lineterminator=line_end)
    writer.writerow(["text", "head", "tail", "head_start", "head_end", "tail_start", "tail_end"])
    writer.writerow([text, text[slice(*head)], text[slice(*tail)], *head, *tail])
    found = only(path, sheet.getvalue().encode(), "csv")
    assert (found.text, found.head_text, found.tail_text) == (text, text[slice(*head)], text[slice(*tail)])


@given(marked=marked_texts())
def test_parquet_rows_come_back_as_they_were(
    path: Path, marked: tuple[str, tuple[int, int], tuple[int, int]]
) -> None:
    text, head, tail = marked
    content = io.BytesIO()
    spans = {"head_start": [head[0]], "head_end": [head[1]], "tail_start": [tail[0]], "tail_end": [tail[1]]}
    pq.write_table(pa.table({"text": [text], **spans}), content)
    found = only(path, content.getvalue(), "parquet")
    assert (found.text, found.head_text, found.tail_text) == (text, text[slice(*head)], text[slice(*tail)])


@given(marked=marked_texts())
def test_semeval_sentences_come_back_as_they_were(
    path: Path,
    marked: tuple[str, tuple[int, int], tuple[int, int]],
) -> None:
    text, head, tail = marked
    text = text.replace("\n", " ")
    sentence = text
    for (start, end), tag in sorted([(head, "e1"), (tail, "e2")], reverse=True):
        sentence = f"{sentence[:start]}<{tag}>{sentence[start:end]}</{tag}>{sentence[end:]}"
    found = only(path, f'5\t"{sentence}"\r\nOther\r\n'.encode(), "semeval")
    assert (found.text, found.head_text, found.tail_text) == (text, text[slice(*head)], text[slice(*tail)])


@given(marked=marked_tokens())
def test_token_spans_cover_the_same_tokens_in_every_format(
    path: Path,
    marked: tuple[list[str], tuple[int, int], tuple[int, int]],
) -> None:
    tokens, head, tail = marked
    names = [" ".join(tokens[start:end]) for start, end in (head, tail)]
    records: dict[str, Any] = {
        "jsonl": {"tokens": tokens}
        | {role: {"start": span[0], "end": span[1]} for role, span in (("head", head), ("tail", tail))},
        "opennre": {
            "token": tokens,
            "h": {"name": names[0], "pos": head},
            "t": {"name": names[1], "pos": tail},
        },
        "fewrel": {
            "tokens": tokens,
            "h": [names[0], "Q1", [list(range(*head))]],
            "t": [names[1], "Q2", [list(range(*tail))]],
        },
        "tacred": {
            "token": tokens,
            "subj_start": head[0],
            "subj_end": head[1] - 1,
            "obj_start": tail[0],
            "obj_end": tail[1] - 1,
        },
    }
    for name, record in records.items():
        found = only(path, as_file(name, [record]), name)
        assert (found.text, found.head_text, found.tail_text) == (" ".join(tokens), *names)


@given(marked=marked_texts(), shift=st.sampled_from([-1, 1]), edge=st.sampled_from([0, 1]))
def test_a_span_off_by_one_is_never_read_in_silence(
    path: Path, marked: tuple[str, tuple[int, int], tuple[int, int]], shift: int, edge: int
) -> None:
    text, head, tail = marked
    moved = [head[0], head[1]]
    moved[edge] += shift
    record = {
        "text": text,
        "head": {"start": moved[0], "end": moved[1], "text": text[slice(*head)]},
        "tail": {"start": tail[0], "end": tail[1]},
    }
    (found,) = outcomes(path, json.dumps(record).encode(), "jsonl")
    assert isinstance(found, RecordError)
