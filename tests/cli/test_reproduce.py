from __future__ import annotations

import json
import re

import pytest

from relscout.lab.preset import presets
from relscout.lab.records import read_records

COMMANDS = ("list", "show", "run", "table", "figure")
SENTENCES = [("ada", "was born in", "rome"), ("bob", "was born in", "paris"), ("carl", "works for", "acme")]


@pytest.fixture
def data(tmp_path):
    """A data folder for the protocol ``fewrel-nyt-unsupervised``."""
    records = {}
    for person, phrase, place in SENTENCES:
        tokens = [person, *phrase.split(), place]
        ends = {"h": [person, "Q1", [[0]]], "t": [place, "Q2", [[len(tokens) - 1]]]}
        records.setdefault(phrase, []).append({"tokens": tokens, **ends})
    (tmp_path / "data" / "fewrel").mkdir(parents=True)
    (tmp_path / "data" / "fewrel" / "val_nyt.json").write_text(json.dumps(records))
    return tmp_path / "data"


@pytest.fixture
def small(tmp_path, tiny_bert):
    """A preset that takes no time worth mentioning."""
    (tmp_path / "small.yaml").write_text(
        "title: A small experiment\n"
        "paper: 'Somebody: A paper. ACL 2020'\n"
        "protocol: fewrel-nyt-unsupervised\n"
        "n_relations: gold\n"
        f"encoder: {{model: {json.dumps(str(tiny_bert))}, pooling: sentence}}\n"
        "settings: {kmeans: {start: k-means++, n_init: 1}}\n"
        "rows: [{name: plain, method: kmeans, kind: frozen}]\n"
        "seeds: [0, 1]\n"
        "published: [{row: plain, scoring: raw, source: 'Table 1, page 3', b3_f1: 49.1}]\n"
        "notes: For a test.\n"
    )
    return tmp_path / "small.yaml"


def test_all_presets_are_listed_and_whether_their_data_is_there(relscout, data):
    done = relscout("lab", "reproduce", "list", "--data", data)
    # a long cell goes on in the next line, which begins with a space
    rows = [line.split() for line in done.out.splitlines()[1:] if line[0] != " "]
    state = {row[0]: row[-1] for row in rows}
    assert state.keys() == set(presets())
    assert (state["kmeans-fewrel-nyt"], state["kmeans-fewrel"], state["kmeans-bundled"]) == (
        "there",
        "missing",
        "there",
    )


def test_the_list_is_reported_to_machines(relscout, data):
    told = {
        one["name"]: one
        for one in json.loads(relscout("lab", "reproduce", "list", "--data", data, "--json").out)
    }
    assert told["kmeans-fewrel"]["datasets"] == ["fewrel"]
    assert told["kmeans-fewrel"]["missing_files"] == [str(data / "fewrel" / "val_wiki.json")]
    assert told["kmeans-bundled"]["missing_files"] == []


def test_the_data_folder_may_be_named_by_the_environment(relscout, data, monkeypatch):
    monkeypatch.setenv("RELSCOUT_DATA", str(data))
    told = json.loads(relscout("lab", "reproduce", "show", "kmeans-fewrel-nyt", "--json").out)
    assert told["missing_files"] == []


def test_a_preset_is_shown_with_settings_published_numbers_and_data(relscout, small, data):
    out = relscout("lab", "reproduce", "show", small, "--data", data).out
    for told in ("A small experiment", "n_init=1", "49.1", "Table 1, page 3", "For a test.", "fewrel in"):
        assert told in out


def test_a_row_without_entity_types_says_so(relscout):
    lines = relscout("lab", "reproduce", "show", "siamese-nytfb-types").out.splitlines()
    assert [line.split("  ")[0] for line in lines if "without entity types" in line] == [
        "frozen without types",
        "Siamese without types",
    ]


def test_published_numbers_of_the_two_scorings_stand_in_tables_of_their_own(relscout):
    lines = relscout("lab", "reproduce", "show", "selfore-nytfb-minilm").out.splitlines()
    (mapped,) = (place for place, line in enumerate(lines) if line.startswith("majority-mapped clusters"))
    (raw,) = (place for place, line in enumerate(lines) if line.startswith("published, raw clusters"))
    assert mapped < raw
    assert [line.split()[1] for line in lines[mapped:raw] if line.startswith("SelfORE ")][-1] == "49.1"
    assert [line.split()[1:4] for line in lines[raw:] if line.startswith("SelfORE ")] == [
        ["41.4", "40.4", "35.0"]
    ]


def test_what_data_a_preset_lacks_is_shown_with_the_command_that_gets_it(relscout, small):
    # a long path may be broken anywhere
    out = "".join(relscout("lab", "reproduce", "show", small).out.split())
    assert "val_nyt.jsonismissing;downloaditwith'relscoutdatasetsgetfewrel'" in out


def test_a_run_says_each_result_and_the_means(relscout, small, data, tmp_path):
    done = relscout("lab", "reproduce", "run", small, "--data", data, "--no-cache")
    assert done.code == 0
    assert re.search(
        r"^plain, seed 1: B³ F1 [01]\.\d{3}, V [01]\.\d{3}, ARI .* clusters?, \d+ s$", done.err, re.MULTILINE
    )
    assert "4 runs done, 0 already in relscout-results.jsonl" in done.err
    assert re.search(r"^plain +2( +-?[01]\.\d{3}){6} *$", done.out, re.MULTILINE)
    assert len(read_records(tmp_path / "relscout-results.jsonl")) == 4


def test_a_second_run_does_nothing_again(relscout, small, data):
    command = ("lab", "reproduce", "run", small, "--data", data)
    first = relscout(*command)
    second = relscout(*command)
    assert second.out == first.out
    assert second.err == "0 runs done, 4 already in relscout-results.jsonl\n"


def test_runs_in_another_dtype_are_others(relscout, small, data):
    command = ("lab", "reproduce", "run", small, "--data", data, "--seeds", 1, "--json")
    before = json.loads(relscout(*command).out)["finished"][-1]
    (other,) = json.loads(relscout(*command, "--dtype", "bfloat16").out)["finished"]
    assert (before["row"], other["row"]) == ("plain", "plain")
    assert before["key"] != other["key"]
    assert other["encoder"]["dtype"] == "bfloat16"
    assert json.loads(relscout(*command, "--dtype", "float32").out)["finished"] == []


def test_rows_seeds_and_the_results_file_can_be_chosen(relscout, small, data, tmp_path):
    chosen = ("--rows", "plain", "--rows", "one cluster", "--seeds", 1, "--results", "mine.jsonl")
    relscout("lab", "reproduce", "run", small, "--data", data, *chosen)
    found = [(one["row"], one["seed"]) for one in read_records(tmp_path / "mine.jsonl")]
    assert found == [("one cluster", None), ("plain", 0)]


def test_a_run_is_reported_to_machines_as_one_document(relscout, small, data):
    told = json.loads(relscout("lab", "reproduce", "run", small, "--data", data, "--json").out)
    assert (told["preset"], told["results"], told["skipped"]) == ("small", "relscout-results.jsonl", [])
    assert [one["row"] for one in told["finished"]] == ["one cluster", "singletons", "plain", "plain"]


def test_a_table_and_the_run_that_it_needs_go_together(relscout, small, data):
    relscout("lab", "reproduce", "run", small, "--data", data)
    assert "49.1" in relscout("lab", "reproduce", "table", small).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "kmeans-fewrl"), "did you mean 'kmeans-fewrel'?"),
        (("run", "kmeans-fewrel"), "get it with 'relscout datasets get fewrel'"),
        (("run", "kmeans-bundled", "--rows", "kmens"), "unknown row 'kmens': did you mean 'kmeans'?"),
        (("run", "kmeans-bundled", "--results", "none/results.jsonl"), "there is no directory none"),
        (("run", "kmeans-bundled", "--cache", "x", "--no-cache"), "contradict each other"),
        (("run", "kmeans-bundled", "--seeds", 0), "invalid value for '--seeds'"),
        (("run", "mine.yaml"), "mine.yaml: No such file"),
        ((), "missing command"),
    ],
)
def test_what_cannot_work_is_one_line(refused, arguments, said):
    assert said in refused("lab", "reproduce", *arguments)


def test_a_damaged_results_file_is_reported_with_its_line(refused, small, data, tmp_path):
    (tmp_path / "relscout-results.jsonl").write_text("{}\n")
    assert "relscout-results.jsonl, line 1:" in refused("lab", "reproduce", "run", small, "--data", data)


def test_all_commands_of_the_group_are_listed(relscout):
    rows = [
        line.strip("│ ")
        for line in relscout("lab", "reproduce", "--help").out.splitlines()
        if line[:1] == "│"
    ]
    assert [row.split()[0] for row in rows if not row.startswith("-")] == list(COMMANDS)
