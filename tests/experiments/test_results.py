from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from relscout.core.errors import InputError, OutputError
from relscout.lab.records import Record, ResultsFile, current_records, read_records


def record(**values):
    empty = dict.fromkeys(Record.__annotations__)
    named = {"key": "k", "setup": "s", "preset": "p", "row": "r", "variation": {}, "seed": 0}
    return {**empty, **named, **values}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.jsonl"


def test_what_is_appended_is_read_back(path):
    ResultsFile(path).append(record(key="one", scores={"raw": {"b3_f1": 0.5}}))
    ResultsFile(path).append(record(key="two"))
    assert [one["key"] for one in read_records(path)] == ["one", "two"]
    assert read_records(path)[0]["scores"] == {"raw": {"b3_f1": 0.5}}


def test_no_file_is_no_record(path):
    assert read_records(path) == []


def test_every_record_is_one_line_whatever_it_holds(path):
    ResultsFile(path).append(record(row="line\nbreak \u2028 and half an emoji \ud83d"))
    assert path.read_bytes().count(b"\n") == 1
    assert read_records(path)[0]["row"] == "line\nbreak \u2028 and half an emoji \ud83d"


def test_what_json_cannot_hold_becomes_what_it_can(path):
    report = {"loss": float("nan"), "count": np.int64(3), "curve": np.array([1.0, np.inf])}
    told = ResultsFile(path).append(record(report=report))
    assert told["report"] == {"loss": None, "count": 3, "curve": [1.0, None]}
    assert read_records(path)[0]["report"] == told["report"]


@pytest.mark.parametrize("torn", ['{"key": "thr', '{"key": "three"}', "\udcff"])
def test_a_torn_last_line_is_ignored_and_overwritten(path, torn):
    ResultsFile(path).append(record(key="one"))
    with path.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(torn)
    assert [one["key"] for one in read_records(path)] == ["one"]
    ResultsFile(path).append(record(key="two"))
    assert [one["key"] for one in read_records(path)] == ["one", "two"]
    assert path.read_bytes().count(b"\n") == 2


def test_a_last_line_that_lacks_its_end_only_is_kept(path):
    path.write_text(json.dumps(record(key="one")))
    ResultsFile(path).append(record(key="two"))
    assert [one["key"] for one in read_records(path)] == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "no JSON object"),
        ("{}", "'key' is missing"),
        ("\udcff", "invalid start byte"),
    ],
)
def test_a_damaged_line_is_told_with_its_number(path, line, why):
    good = json.dumps(record())
    path.write_text(f"{good}\n{line}\n{good}\n", encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=rf"results\.jsonl, line 2: is no whole record \(.*{why}"):
        read_records(path)


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*missing/results\.jsonl"):
        ResultsFile(tmp_path / "missing" / "results.jsonl")


def test_what_another_process_appends_is_seen(path):
    file = ResultsFile(path)
    ResultsFile(path).append(record(key="other"))
    assert [one["key"] for one in file.records()] == ["other"]


def test_processes_append_at_the_same_time_without_losing_a_line(path):
    code = (
        "import json, sys; from pathlib import Path; from relscout.lab.records import ResultsFile\n"
        "file, values = ResultsFile(Path(sys.argv[1])), json.loads(sys.argv[2])\n"
        "for number in range(50): file.append({**values, 'seed': number, 'report': {'filler': 'x' * 20_000}})"
    )
    words = [sys.executable, "-c", code, str(path)]
    others = [subprocess.Popen([*words, json.dumps(record(row=row))]) for row in ("a", "b")]
    assert [one.wait() for one in others] == [0, 0]
    found = read_records(path)
    assert {(one["row"], one["seed"]) for one in found} == {(row, n) for row in "ab" for n in range(50)}
    assert len(found) == 100


def test_of_one_row_only_the_setup_that_was_run_last_holds():
    old = [record(setup="old", seed=seed) for seed in range(3)]
    new = [record(setup="new", seed=seed) for seed in range(2)]
    assert current_records([*old, *new]) == new


def test_a_run_that_was_repeated_counts_once():
    assert current_records([record(peak_mib=1.0), record(peak_mib=2.0)]) == [record(peak_mib=2.0)]


def test_rows_variations_and_presets_are_kept_apart():
    records = [record(), record(row="other"), record(variation={"k": 1}), record(preset="q")]
    assert current_records(records) == records
    assert current_records(records, "q") == [record(preset="q")]
