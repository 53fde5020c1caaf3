"""Reading files of any format: recognition, errors, skipping, renaming."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from relscout.core.errors import InputError, InputWarning, RecordError, SettingError, UnknownNameError
from relscout.io.readers import FORMATS, read, reader, recognise
from relscout.io.readers.source import Source

TOKENS = ["Ann", "moved", "to", "Rome", "."]
SPANS = {"head": {"start": 0, "end": 3}, "tail": {"start": 13, "end": 17}}
JSONL = {"text": "Ann moved to Rome .", **SPANS, "relation": "P551"}
OPENNRE = {"token": TOKENS, "h": {"name": "ann", "pos": [0, 1]}, "t": {"name": "rome", "pos": [3, 4]}}
FEWREL = {"tokens": TOKENS, "h": ["ann", "Q1", [[0]]], "t": ["rome", "Q220", [[3]]]}
TACRED = {"id": "a", "token": TOKENS, "subj_start": 0, "subj_end": 0, "obj_start": 3, "obj_end": 3}
SEMEVAL = '1\t"<e1>Ann</e1> moved to <e2>Rome</e2> ."\nEntity-Destination(e1,e2)\nComment:\n\n'
CSV = "text,head,tail\nAnn moved to Rome .,Ann,Rome\n"

FILES = {
    "jsonl": json.dumps(JSONL),
    "opennre": json.dumps(OPENNRE),
    "fewrel": json.dumps({"P551": [FEWREL]}),
    "tacred": json.dumps([TACRED]),
    "semeval": SEMEVAL,
    "csv": CSV,
}


def saved(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "input"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def recognised(tmp_path: Path, content: str | bytes) -> str:
    return recognise(Source(saved(tmp_path, content)))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_and_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, FILES[name])
    assert recognise(Source(path)) == name
    (found,) = read(path)
    assert (found.head_text, found.tail_text) == ("Ann", "Rome")


OTHER_FILES = {
    "chemprot": '{"text": "[[ aspirin ]] blocks << COX-1 >>", "label": "INHIBITOR", "metadata": []}',
    "nyt-fb": '["<e1:PERSON> Ann </e1:PERSON> left <e2:LOCATION> Rome </e2:LOCATION> ."]',
    "trex": json.dumps(
        [
            {
                "docid": "Q1",
                "text": "Ann of Rome.",
                "sentences_boundaries": [[0, 12]],
                "entities": [],
                "triples": [],
            }
        ]
    ),
    "spert": json.dumps([{"tokens": TOKENS, "entities": [], "relations": [], "orig_id": 3}]),
    "docred": json.dumps([{"title": "Ann", "sents": [TOKENS], "vertexSet": [], "labels": []}]),
}


@pytest.mark.parametrize(("name", "content"), [*FILES.items(), *OTHER_FILES.items()])
def test_no_two_formats_claim_the_same_file(tmp_path: Path, name: str, content: str) -> None:
    source = Source(saved(tmp_path, content))
    assert [each for each in FORMATS if reader(each).sniff(source)] == [name]


@pytest.mark.parametrize("name", FILES)
def test_gzip_is_seen_through(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, gzip.compress(FILES[name].encode()))
    assert recognise(Source(path)) == name
    assert [found.tail_text for found in read(path)] == ["Rome"]


def test_a_parquet_file_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "input"
    pq.write_table(pa.table({"text": ["Ann of Rome"], "head": ["Ann"], "tail": ["Rome"]}), path)
    assert recognise(Source(path)) == "parquet"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json.dumps([FEWREL]), "fewrel"),
        (json.dumps({"P551": [FEWREL]}, indent=2), "fewrel"),
        (json.dumps({"P31": [], "P551": [FEWREL]}), "fewrel"),
        (json.dumps([TACRED], indent=2), "tacred"),
        (json.dumps({"tokens": TOKENS, **SPANS}), "jsonl"),
        (json.dumps({"text": "Ann of Rome", "h": {"name": "Ann", "pos": [0, 3]}, "t": {}}), "opennre"),
        ("\ufeff" + json.dumps(OPENNRE), "opennre"),
        ("\r\n" + SEMEVAL.replace("\n", "\r\n"), "semeval"),
        (SEMEVAL.split("\n")[0], "semeval"),
        (CSV.replace(",", "\t"), "csv"),
        ("text;head_start;head_end;tail\nAnn of Rome;0;3;Rome", "csv"),
    ],
)
def test_variants_of_a_format_are_recognised(tmp_path: Path, content: str, name: str) -> None:
    assert recognised(tmp_path, content) == name


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json.dumps({"text": "Ann moved", "head": {"start": 0, "end": 3}}), "jsonl"),
        (json.dumps({"head": SPANS["head"], "tail": SPANS["tail"]}) + "\n" + json.dumps(JSONL), "jsonl"),
        ('{"text": "Ann mov\n' + json.dumps(JSONL), "jsonl"),
        (json.dumps({"token": TOKENS, "h": {"name": "ann"}}), "opennre"),
        (json.dumps({"P551": [{"tokens": TOKENS}, FEWREL]}), "fewrel"),
        (json.dumps([{"id": "a", "token": TOKENS}, TACRED]), "tacred"),
        ('1\t"<e1>Ann</e1> left."\nOther\n' + SEMEVAL, "semeval"),
    ],
)
def test_a_broken_first_record_does_not_hide_the_format(tmp_path: Path, content: str, name: str) -> None:
    assert recognised(tmp_path, content) == name


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json.dumps({"P551": [FEWREL] * 5_000}), "fewrel"),
        (json.dumps([TACRED] * 5_000), "tacred"),
        (json.dumps({**SPANS, "text": "Ann moved to Rome ." + " So it goes." * 10_000}), "jsonl"),
        (json.dumps({"h": OPENNRE["h"], "t": OPENNRE["t"], "token": TOKENS * 20_000}), "opennre"),
        (json.dumps([{"subj_start": 0, "obj_start": 3, "token": TOKENS * 20_000}]), "tacred"),
        (json.dumps({"P551": [{"h": FEWREL["h"], "tokens": TOKENS * 20_000}]}), "fewrel"),
    ],
)
def test_one_giant_line_is_recognised_by_its_beginning(tmp_path: Path, content: str, name: str) -> None:
    assert len(content) > 65_536
    assert recognised(tmp_path, content) == name


@pytest.mark.parametrize(
    "content",
    [
        "Just a sentence, with a comma, and another.\n",
        '{"P177": ["crosses", "obstacle"]}',
        "[1, 2, 3]",
        '["The text"]',
        "[]",
        "{}",
        "text\nAnn of Rome\n",
        "1\tAnn\tNNP\n2\tmoved\tVBD\n",
    ],
)
def test_what_is_no_known_format_is_refused_with_the_known_ones(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"not recognised.*known formats are parquet, "):
        recognised(tmp_path, content)


def test_a_table_with_other_columns_is_answered_with_how_to_map_them(tmp_path: Path) -> None:
    path = saved(tmp_path, "sentence,subj,obj\nAnn of Rome,Ann,Rome\nBea of Bonn,Bea,Bonn\n")
    with pytest.raises(InputError, match="--columns text=sentence"):
        list(read(path))
    found = read(path, columns={"text": "sentence", "head": "subj", "tail": "obj"})
    assert [each.tail_text for each in found] == ["Rome", "Bonn"]


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown format 'fewrl': did you mean 'fewrel'"):
        read(tmp_path / "missing", format="fewrl")


@pytest.mark.parametrize("name", [None, *FORMATS])
def test_a_missing_file_is_told(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "missing", format=name)


@pytest.mark.parametrize("content", ["", " \n\n", gzip.compress(b"", mtime=0)])
@pytest.mark.parametrize("name", [None, *FILES])
def test_an_empty_file_is_told(tmp_path: Path, content: str | bytes, name: str | None) -> None:
    with pytest.raises(InputError, match="the file is empty"):
        read(saved(tmp_path, content), format=name)


def test_a_binary_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file is binary"):
        recognised(tmp_path, bytes(range(256)) * 4)


@pytest.mark.parametrize("name", FILES)
def test_utf_16_with_a_byte_order_mark_is_read(tmp_path: Path, name: str) -> None:
    assert recognised(tmp_path, FILES[name].encode("utf-16")) == recognised(tmp_path, FILES[name].encode())


@pytest.mark.parametrize("name", FILES)
def test_utf_16_without_a_byte_order_mark_is_binary(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="binary"):
        recognised(tmp_path, FILES[name].encode("utf-16-le"))


@pytest.mark.parametrize("name", FILES)
def test_latin_1_is_an_error_with_its_place(tmp_path: Path, name: str) -> None:
    content = FILES[name].replace("moved", "møved").replace("m\\u00f8ved", "møved")
    path = saved(tmp_path, content.encode("latin-1"))
    with pytest.raises(RecordError, match=r"(line|record|P551\[0\]).*0xf8\)? is not UTF-8"):
        list(read(path))


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_gzip_file_ends_in_an_error(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(FILES[name].encode())
    with pytest.raises(InputError, match="packed file is damaged or cut off"):
        list(read(saved(tmp_path, packed[: len(packed) // 2]), format=name))


def test_a_gzip_file_cut_off_late_gives_what_was_whole_and_then_an_error(tmp_path: Path) -> None:
    lines = "".join(json.dumps({**JSONL, "id": str(number)}) + "\n" for number in range(20_000))
    found = read(saved(tmp_path, gzip.compress(lines.encode())[:-40]))
    assert next(found).id == "0"
    with pytest.raises(InputError, match="packed file is damaged or cut off"):
        list(found)


@pytest.mark.parametrize("name", ["fewrel", "tacred"])
def test_json_that_breaks_off_is_an_error_after_the_whole_records(tmp_path: Path, name: str) -> None:
    record = {"fewrel": FEWREL, "tacred": TACRED}[name]
    whole = json.dumps([record] * 3)
    skipped: list[RecordError] = []
    found = list(read(saved(tmp_path, whole[:-20]), on_error="skip", on_skip=skipped.append))
    assert (len(found), [error.place for error in skipped]) == (2, ["record 3"])


def test_the_first_wrong_record_stops_the_reading(tmp_path: Path) -> None:
    found = read(saved(tmp_path, f"{json.dumps(JSONL)}\n[]\n{json.dumps(JSONL)}\n"))
    assert next(found).head_text == "Ann"
    with pytest.raises(RecordError, match="line 2"):
        next(found)


def test_skipping_leaves_out_and_reports_every_wrong_record(tmp_path: Path) -> None:
    good, wrong = json.dumps(JSONL), json.dumps({**JSONL, "head": None})
    path = saved(tmp_path, "\n".join([wrong, good, "{", good, wrong]))
    skipped: list[RecordError] = []
    found = list(read(path, on_error="skip", on_skip=skipped.append))
    assert [each.source for each in found] == ["input, line 2", "input, line 4"]
    assert [error.place for error in skipped] == ["line 1", "line 3", "line 5"]


def test_skipping_works_without_anyone_listening(tmp_path: Path) -> None:
    assert list(read(saved(tmp_path, json.dumps({**JSONL, "head": 3})), on_error="skip")) == []


def test_relations_are_renamed_and_unlisted_ones_kept(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text('{"P551": ["residence", "where one lives"], "P1": "other"}')
    records = [JSONL, {**JSONL, "relation": "P177"}, {**JSONL, "relation": None}]
    path = saved(tmp_path, "\n".join(map(json.dumps, records)))
    assert [each.relation for each in read(path, relation_names=names)] == ["residence", "P177", None]


@pytest.mark.parametrize("content", ["[]", "{", '{"P551": 5}', '{"P551": []}'])
def test_a_wrong_table_of_relation_names_is_told(tmp_path: Path, content: str) -> None:
    names = tmp_path / "names.json"
    names.write_text(content)
    with pytest.raises(InputError, match=r"names\.json"):
        read(saved(tmp_path, CSV), relation_names=names)


def test_a_folder_given_as_a_file_format_is_told(tmp_path: Path) -> None:
    for name in [*FILES, "parquet"]:
        with pytest.raises(InputError):
            list(read(tmp_path, format=name))


def test_another_way_with_errors_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown on_error 'ignore'"):
        read(tmp_path / "any.jsonl", on_error="ignore")


@pytest.mark.parametrize("name", FILES)
def test_all_pairs_of_a_format_that_is_not_fully_judged_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        SettingError, match=rf"every pair is judged \(docred, spert, brat\), but the file is {name}"
    ):
        read(saved(tmp_path, FILES[name]), pairs="all")


def test_an_unknown_choice_of_pairs_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown pairs 'every'"):
        read(tmp_path / "any.jsonl", pairs="every")  # type: ignore[arg-type]


def test_relation_names_of_which_none_is_used_are_a_warning(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text('{"Q1": "crosses", "Q2": "mouth"}')
    with pytest.warns(InputWarning, match="none of the gold relations is among the 2 relation names"):
        list(read(saved(tmp_path, json.dumps(JSONL)), relation_names=names))
