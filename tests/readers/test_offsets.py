"""Offsets in other units than characters: read with a convention, and noticed where they are read as characters."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout import read
from relscout.core.errors import InputError, InputWarning, SettingError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.given import as_instances
from relscout.io.readers.offsets import CONVENTIONS, OffsetCheck, Offsets, in_characters, placed

_TEXTS = {
    "utf-16": "🚀 Marta Ödén built Voyager Two. 🛰 It flew.",
    "utf-8": "Über Łódź flog Marta Ödén nach Kraków zurück.",
    "inclusive": "Dorval hired Pennock in May.",
    "from-1": "Dorval hired Pennock in May.",
    "from-1-inclusive": "Dorval hired Pennock in May.",
    "crlf-as-one": "First line.\r\nDorval hired\r\nPennock in May.",
    "crlf-as-two": "First line.\nDorval hired\nPennock in May.",
    "characters": "🚀 Marta Ödén built Voyager Two.",
}
_NAMES = {
    "utf-16": ("Marta Ödén", "Voyager Two"),
    "utf-8": ("Marta Ödén", "Kraków"),
    "characters": ("Marta Ödén", "Voyager Two"),
}


def _counted(text: str, start: int, end: int, offsets: str) -> tuple[int, int]:
    """Count as a program of that convention does: an independent reference."""

    def units(place: int) -> int:
        before = text[:place]
        if offsets == "utf-16":
            return len(before.encode("utf-16-le")) // 2
        if offsets == "utf-8":
            return len(before.encode())
        if offsets == "crlf-as-one":
            return len(before.replace("\r\n", "\n"))
        if offsets == "crlf-as-two":
            return len(before.replace("\n", "\r\n"))
        return place

    first = 1 if offsets.startswith("from-1") else 0
    last = {"inclusive": -1, "from-1": 1}.get(offsets, 0)
    return units(start) + first, units(end) + last


def _spans(offsets: str) -> tuple[str, list[tuple[str, tuple[int, int]]]]:
    text = _TEXTS[offsets]
    names = _NAMES.get(offsets, ("Dorval", "Pennock"))
    return text, [
        (name, _counted(text, text.index(name), text.index(name) + len(name), offsets)) for name in names
    ]


def _record(form: str, offsets: str, *, surfaces: bool = False) -> Any:
    text, ((head, h), (tail, t)) = _spans(offsets)
    named = {"head": {"text": head}, "tail": {"text": tail}} if surfaces else {"head": {}, "tail": {}}
    if form == "jsonl":
        spans = {role: {"start": s[0], "end": s[1], **named[role]} for role, s in (("head", h), ("tail", t))}
        return {"text": text, **spans}
    if form == "rows":
        return {"text": text, "head_start": h[0], "head_end": h[1], "tail_start": t[0], "tail_end": t[1]}
    if form == "doccano":
        entities = [
            {"id": n, "label": "X", "start_offset": s[0], "end_offset": s[1]} for n, s in enumerate((h, t))
        ]
        return {"text": text, "entities": entities, "relations": [{"from_id": 0, "to_id": 1, "type": "r"}]}
    if form == "opennre":
        return {
            "text": text,
            "h": {"name": head, "pos": h},
            "t": {"name": tail, "pos": t},
            "relation": "r",
        }
    if form == "trex":
        return {
            "docid": "d",
            "text": text,
            "triples": [
                {
                    "subject": {"uri": "Q1", "boundaries": h, "surfaceform": head},
                    "predicate": {"uri": "P1"},
                    "object": {"uri": "Q2", "boundaries": t, "surfaceform": tail},
                }
            ],
        }
    denotations = [
        {"id": f"T{n}", "span": {"begin": s[0], "end": s[1]}, "obj": "X"} for n, s in enumerate((h, t))
    ]
    relations = [{"id": "R1", "pred": "r", "subj": "T0", "obj": "T1"}]
    return {"text": text, "denotations": denotations, "relations": relations}


@pytest.mark.parametrize("offsets", CONVENTIONS)
@pytest.mark.parametrize("form", ["jsonl", "rows", "doccano", "opennre", "trex", "pubannotation"])
def test_every_convention_is_read_from_every_format(tmp_path: Path, form: str, offsets: Offsets) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps(_record(form, offsets)) + "\n")
    (instance,) = read(file, offsets=offsets)
    assert (instance.head_text, instance.tail_text) == _NAMES.get(offsets, ("Dorval", "Pennock"))


def test_brat_is_read_by_a_convention(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Première ligne.\nZoé aime Noël Coward.\n", encoding="utf-8")
    (tmp_path / "a.ann").write_text(
        "T1\tPER 17 21\tZoé\nT2\tPER 27 39\tNoël Coward\nR1\tlikes Arg1:T1 Arg2:T2\n", encoding="utf-8"
    )
    (instance,) = read(tmp_path, offsets="utf-8")
    assert (instance.text, instance.head_text) == ("Zoé aime Noël Coward.", "Zoé")
    with pytest.raises(InputError, match=r"a\.ann, line 3: .*--offsets utf-8"):
        list(read(tmp_path))


def test_brat_has_an_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Zoé aime Noël.", encoding="latin-1")
    (tmp_path / "a.ann").write_text(
        "T1\tPER 0 3\tZoé\nT2\tPER 9 13\tNoël\nR1\tlikes Arg1:T1 Arg2:T2\n", encoding="latin-1"
    )
    (instance,) = read(tmp_path, encoding="latin-1")
    assert instance.tail_text == "Noël"


@given(st.text(alphabet="aé€😀\r\n ", min_size=1, max_size=8), st.data())
@pytest.mark.parametrize("offsets", ["utf-16", "utf-8", "crlf-as-one"])
def test_offsets_of_characters_come_back(offsets: Offsets, text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    if offsets == "crlf-as-one" and any(text[place - 1 : place + 1] == "\r\n" for place in (start, end)):
        return  # inside a line end of one unit
    assert in_characters(text, *_counted(text, start, end, offsets), offsets) == (start, end)


def test_a_long_text_counts_as_a_short_one() -> None:
    text = "é😀" * 3000
    for offsets in ("utf-16", "utf-8"):
        assert in_characters(text, *_counted(text, 4001, 5003, offsets), offsets) == (4001, 5003)


def test_an_offset_inside_a_character_is_that_of_the_character() -> None:
    assert in_characters("😀b", 1, 3, "utf-16") == (0, 2)
    assert in_characters("éb", 1, 3, "utf-8") == (0, 2)


@pytest.mark.parametrize("offsets", CONVENTIONS)
def test_a_span_beyond_the_text_is_an_error(offsets: Offsets) -> None:
    with pytest.raises(InputError, match=r"head span \[3, 99\) does not fit the text of 11 characters"):
        placed("head", "é😀\nabc def\n", 3, 99, offsets)


def _check(offsets: str, copies: int = 1) -> OffsetCheck:
    text, ((_, h), (_, t)) = _spans(offsets)
    check = OffsetCheck()
    for number in range(copies):
        check.add(
            RelationInstance(f"{text} {number}", Mention(*h), Mention(*t), source=f"a.jsonl, line {number}")
        )
    return check


@pytest.mark.parametrize("offsets", [name for name in CONVENTIONS if name != "characters"])
def test_the_convention_that_fits_is_named(offsets: str) -> None:
    check = _check(offsets)
    assert check.cut > 0
    assert check.fitting == offsets
    assert f"--offsets {offsets}" in str(check.warning())


def test_whole_words_are_no_warning() -> None:
    check = _check("characters", copies=30)
    assert (check.mentions, check.cut, check.warning()) == (60, 0, None)


def test_few_mentions_inside_words_are_no_warning_unless_a_convention_fits() -> None:
    check = _check("characters", copies=100)
    check.add(RelationInstance("Neostar rises over Kyu.", Mention(0, 3), Mention(19, 22)))
    assert (check.cut, check.warning()) == (1, None)
    moved = "🚀 Dorval hired Pennock."
    check.add(RelationInstance(moved, Mention(3, 9), Mention(16, 23)))
    assert check.fitting is None  # two of three fit, and four of five must


def test_many_mentions_inside_words_are_a_warning_without_a_convention() -> None:
    check = OffsetCheck()
    for number in range(10):
        check.add(RelationInstance(f"Neostarlet rises over Kyushu {number}.", Mention(3, 7), Mention(22, 28)))
    assert check.fitting is None
    assert str(check.warning()).startswith("10 of 20 mentions (50%) begin or end inside a word")


def test_names_in_scripts_without_blanks_lie_on_whole_words() -> None:
    check = OffsetCheck()
    check.add(RelationInstance("李娜出生在武汉。", Mention(0, 2), Mention(5, 7)))
    check.add(RelationInstance("สมชายอยู่ที่ขอนแก่น", Mention(0, 5), Mention(12, 19)))
    assert check.cut == 0


def test_a_mention_of_several_pairs_counts_once() -> None:
    text, check = "Ann, Bob and Cy met.", OffsetCheck()
    for head, tail in (((0, 3), (5, 8)), ((0, 3), (13, 15)), ((5, 8), (13, 15))):
        check.add(RelationInstance(text, Mention(*head), Mention(*tail)))
    assert check.mentions == 3


@pytest.mark.parametrize("offsets", ["utf-16", "utf-8", "from-1-inclusive", "crlf-as-one"])
def test_the_error_of_a_wrong_surface_names_the_convention(tmp_path: Path, offsets: str) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps(_record("jsonl", offsets, surfaces=True)) + "\n")
    with pytest.raises(InputError, match=rf"line 1: head span .*--offsets {offsets} "):
        list(read(file))


def test_the_error_of_a_span_beyond_the_text_names_the_convention(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    record = {"text": "é Ann é Zoë", "head": {"start": 3, "end": 6}, "tail": {"start": 10, "end": 14}}
    file.write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError, match=r"tail span \[10, 14\) does not fit .*--offsets utf-8 "):
        list(read(file))


def test_offsets_of_tokens_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens.jsonl"
    record = {"tokens": ["a", "b"], "head": {"start": 0, "end": 1}, "tail": {"start": 1, "end": 2}}
    file.write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError, match="count tokens, not UTF-8 bytes; leave offsets out"):
        list(read(file, offsets="utf-8"))


def test_a_format_without_offsets_refuses_them(tmp_path: Path) -> None:
    file = tmp_path / "triples.json"
    record = {"text": "Ann knows Bob.", "triple_list": [["Ann", "knows", "Bob"]]}
    file.write_text(json.dumps(record) + "\n")
    with pytest.raises(SettingError, match=r"'offsets' is for jsonl, .* but the file is casrel"):
        list(read(file, offsets="utf-16"))


def test_an_unknown_convention_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownNameError, match="unknown convention of offsets 'utf16': did you mean 'utf-16'"
    ):
        list(read(tmp_path / "missing.jsonl", offsets="utf16"))  # type: ignore[arg-type]


def test_an_encoding_of_a_binary_file_is_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = {"text": ["Ann knows Bob."], "head": ["Ann"], "tail": ["Bob"]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "t.parquet")
    with pytest.raises(SettingError, match="encoding 'cp1252' is for text, but the file is binary"):
        list(read(tmp_path / "t.parquet", encoding="cp1252"))


def test_a_caller_may_receive_the_warning(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps(_record("jsonl", "from-1")) + "\n")
    received: list[str] = []
    list(read(file, on_warning=received.append))
    (warning,) = received
    assert warning.startswith(f"{file}: 2 of 2 mentions")
    with pytest.warns(InputWarning, match="--offsets from-1 "):
        list(read(file))


def test_dictionaries_are_checked_too() -> None:
    with pytest.warns(InputWarning, match=r"^instances: 2 of 2 mentions .*--offsets utf-16 "):
        as_instances([_record("jsonl", "utf-16")])


def test_mentions_of_a_long_text_are_checked_at_once() -> None:
    text = "wörter und ähnliches 中 \n" * 16_000
    check = OffsetCheck()
    started = time.process_time()
    for start in range(0, 9000, 22):
        check.add(RelationInstance(text, Mention(start, start + 6), Mention(start + 7, start + 10)))
    assert time.process_time() - started < 4  # it took over 8 s when each mention searched the text
