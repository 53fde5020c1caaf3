from __future__ import annotations

import json

import pytest

TEXT = "Ada was born in London. Bob was born in Paris and works for Acme.\nCarl works for Ford. Dora lives nowhere.\n"
NAMES = "Ada\tPERSON\nBob\tPERSON\nCarl\tPERSON\nLondon\tCITY\nParis\tCITY\nAcme\tORG\nFord\tORG\n"


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path / "text.txt"


@pytest.fixture
def names(tmp_path):
    (tmp_path / "names.tsv").write_text(NAMES)
    return tmp_path / "names.tsv"


def test_a_run_holds_the_files_that_others_script_against(finished):
    assert {path.name for path in finished.iterdir()} >= {
        "assignments.jsonl",
        "relations.jsonl",
        "triples.jsonl",
        "facts.jsonl",
        "entities.jsonl",
        "run.json",
        "model",
    }


def test_assignments_come_in_input_order_without_gold_relations(finished, good, relscout, tmp_path):
    relscout("convert", good, "--out", tmp_path / "copy.jsonl")
    assigned = records(finished / "assignments.jsonl")
    assert [one["id"] for one in assigned] == [one["id"] for one in records(tmp_path / "copy.jsonl")]
    assert {tuple(one) for one in assigned} == {
        ("id", "relation_id", "relation", "confidence", "related", "polarity", "phrase")
    }
    assert all(one["relation_id"] in (0, 1) and 0 <= one["confidence"] <= 1 for one in assigned)


def test_run_json_says_what_was_done(finished):
    run = json.loads((finished / "run.json").read_text())
    assert (run["method"], run["seed"], run["n_relations"], run["data"]["instances"]) == ("kmeans", 0, 2, 30)
    assert {"settings", "versions", "seconds"} <= run.keys()


def test_the_table_shows_every_relation_with_its_examples(relscout, good, fast):
    done = relscout("discover", good, *fast)
    assert done.out.startswith("2 relations (given) in 30 instances of 30 entity pairs, in ")
    assert done.out.count("[h ") == 4
    assert done.err == ""


def test_json_is_one_document_with_the_run_and_its_relations(relscout, good, fast, tmp_path):
    done = relscout("discover", good, *fast, "--json", "--out", tmp_path / "run")
    told = json.loads(done.out)
    assert told["out"] == str(tmp_path / "run")
    assert told["skipped"] == {"count": 0, "first": []}
    assert told["relations"] == records(tmp_path / "run/relations.jsonl")
    assert told["n_relations"] == len(told["relations"]) == 2


def test_the_number_of_relations_is_estimated_unless_given(relscout, good, fast):
    done = relscout("discover", good, *fast, "--relations", "auto", "--json")
    assert "k_curve" in json.loads(done.out)


def test_a_second_run_finds_the_same_through_the_cache(relscout, good, fast, tmp_path):
    for name, cache in (
        ("first", "--cache=vectors.db"),
        ("second", "--cache=vectors.db"),
        ("third", "--no-cache"),
    ):
        relscout("discover", good, *fast, cache, "--out", tmp_path / name)
    first, second, third = (
        [
            (tmp_path / run / file).read_bytes()
            for file in ("assignments.jsonl", "relations.jsonl", "triples.jsonl")
        ]
        for run in ("first", "second", "third")
    )
    assert first == second == third


def test_vectors_are_kept_in_the_users_cache_folder(relscout, good, fast, tmp_path):
    relscout("discover", good, *fast)
    assert (tmp_path / ".cache/relscout/vectors.sqlite").is_file()


def test_no_cache_keeps_nothing(relscout, good, fast, tmp_path):
    relscout("discover", good, *fast, "--no-cache")
    assert list(tmp_path.iterdir()) == []


def test_several_files_are_one_corpus(relscout, good, fast, tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    lines = good.read_text().splitlines(keepends=True)
    first.write_text("".join(lines[:20]))
    second.write_text("".join(lines[20:]))
    assert "in 30 instances" in relscout("discover", first, second, *fast).out


def test_wrong_records_are_skipped_counted_and_listed(relscout, with_one_more, fast):
    done = relscout("discover", with_one_more(head=(3, 3)), *fast, "--on-error", "skip", "--json")
    assert done.err.startswith("note: 1 invalid record skipped:\n  ")
    assert "more.jsonl, line 31: head span [3, 3)" in done.err
    assert json.loads(done.out)["skipped"]["count"] == 1


def test_names_of_a_gazetteer_are_paired(relscout, text, names, fast):
    done = relscout("discover", text, "--gazetteer", names, "--types", "PERSON:CITY,PERSON:ORG", *fast)
    assert "of 4 pairs of entities are related" in done.out


def test_entities_are_marked_by_a_spacy_pipeline(relscout, text, fast, tmp_path):
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    patterns = [line.split("\t") for line in NAMES.splitlines()]
    pipeline.add_pipe("entity_ruler").add_patterns(
        [{"pattern": name, "label": kind} for name, kind in patterns]
    )
    pipeline.to_disk(tmp_path / "pipeline")
    rules = ("--types", "PERSON:CITY,PERSON:ORG", "--max-distance", 3)
    done = relscout("discover", text, "--spacy", tmp_path / "pipeline", *rules, *fast)
    assert "3 facts: 3 of 3 pairs of entities are related" in done.out


def test_text_without_pairs_says_so(refused, text, names, fast):
    said = refused("discover", text, "--gazetteer", names, "--types", "CITY:PLANET", *fast)
    assert "text.txt: no sentence has two entities" in said


def test_a_folder_without_text_is_refused(refused, tmp_path, names):
    said = refused("discover", tmp_path, "--gazetteer", names)
    assert f"{tmp_path}: the folder holds no text; expected files that end in .txt, " in said


def test_the_options_of_the_encoder_reach_it(relscout, good, fast, encoder_config):
    config = encoder_config(marking="typed-markers", pooling="start@2+sentence", max_length=64)
    options = ("--encoder-config", config, "--seed", 3)
    run = json.loads(relscout("discover", good, *fast, *options, "--json").out)
    told = run["settings"]["encoder"]
    assert (told["marking"], told["pooling"], told["max_length"]) == ("typed-markers", "start@2+sentence", 64)
    assert run["seed"] == told["seed"] == 3
