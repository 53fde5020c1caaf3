from __future__ import annotations

import json
import shutil

import pytest

from relscout.discovery.storage import checksums


@pytest.fixture
def damaged(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "damaged")


def triples(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_triples_go_to_the_screen_as_json_lines(relscout, finished, good):
    found = triples(relscout("extract", finished, good).out)
    assert len(found) == 30
    assert found[0]["head"]["text"] == "Ada"
    assert found[0]["tail"]["text"] == "London"
    assert found[0]["source"] == "good.jsonl, line 1"


def test_the_corpus_itself_gets_what_it_was_given(relscout, finished, good):
    before = triples((finished / "assignments.jsonl").read_text())
    after = triples(relscout("extract", finished, good).out)
    assert [one["relation_id"] for one in after] == [one["relation_id"] for one in before]
    assert [one["relation"] for one in after] == [one["relation"] for one in before]


def test_a_run_may_compute_in_another_dtype_with_a_note(relscout, finished, good):
    exact = triples(relscout("extract", finished, good, "--no-cache").out)
    answer = relscout("extract", finished, good, "--no-cache", "--dtype", "bfloat16")
    rounded = triples(answer.out)
    assert "fitted with torch in float32, and the encoder now computes with torch in bfloat16" in (
        " ".join(answer.err.split())
    )
    differences = [a["confidence"] - b["confidence"] for a, b in zip(exact, rounded, strict=True)]
    assert 0 < max(map(abs, differences)) < 0.1


def test_the_screen_gets_what_a_file_gets(relscout, finished, good, tmp_path):
    relscout("extract", finished, good, "--out", tmp_path / "triples.jsonl")
    assert relscout("extract", finished, good).out == (tmp_path / "triples.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.parquet", "x.nt", "x.ttl", "x.graphml"])
def test_the_name_of_a_file_says_its_format(noted, finished, good, tmp_path, name):
    said = noted("extract", finished, good, "--out", tmp_path / name)
    assert said == f"30 triples of 30 instances written to {tmp_path / name}\n"
    assert (tmp_path / name).stat().st_size > 0


def test_neo4j_gets_a_folder(noted, finished, good, tmp_path):
    noted("extract", finished, good, "--out", tmp_path / "graph", "--to", "neo4j")
    assert {path.name for path in (tmp_path / "graph").iterdir()} == {"entities.csv", "relations.csv"}


def test_what_is_not_sure_enough_is_left_out(relscout, finished, good):
    everything = triples(relscout("extract", finished, good).out)
    middle = sorted(one["confidence"] for one in everything)[15]
    some = triples(relscout("extract", finished, good, "--min-confidence", middle).out)
    assert some == [one for one in everything if one["confidence"] >= middle]
    assert 0 < len(some) < 30


@pytest.mark.parametrize("share", ["-0.1", "1.1", "nan", "x"])
def test_a_confidence_is_a_share(refused, finished, good, share):
    assert "invalid value for '--min-confidence'" in refused(
        "extract", finished, good, "--min-confidence", share
    )


def test_a_relation_can_have_a_minimum_of_its_own(relscout, finished, good, tmp_path):
    everything = triples(relscout("extract", finished, good).out)
    first, *others = sorted({one["relation"] for one in everything})
    least = sorted(one["confidence"] for one in everything if one["relation"] == first)[5]
    expected = [one for one in everything if one["relation"] != first or one["confidence"] >= least]
    assert others
    assert len(expected) < len(everything)
    assert (
        triples(relscout("extract", finished, good, "--min-confidence", f"{first}={least}").out) == expected
    )
    (tmp_path / "least.yaml").write_text(json.dumps({first: least, "*": 0.0}))
    assert (
        triples(relscout("extract", finished, good, "--min-confidence", tmp_path / "least.yaml").out)
        == expected
    )
    both = ("--min-confidence", 1, "--min-confidence", f"{first}={least}")
    some = triples(relscout("extract", finished, good, *both).out)
    assert some == [one for one in expected if one["relation"] == first or one["confidence"] == 1]


def test_a_minimum_of_an_unknown_relation_is_refused(refused, finished, good, tmp_path):
    said = refused("extract", finished, good, "--min-confidence", "was borne in=0.5")
    assert "unknown relation 'was borne in'" in said
    (tmp_path / "least.json").write_text('{"*": 2}')
    assert "is 2; expected a number from 0 to 1" in refused(
        "extract", finished, good, "--min-confidence", tmp_path / "least.json"
    )
    (tmp_path / "list.yaml").write_text("- 0.5\n")
    assert "expected a mapping of relations to numbers" in refused(
        "extract", finished, good, "--min-confidence", tmp_path / "list.yaml"
    )
    twice = ("--min-confidence", 0.5, "--min-confidence", 0.6)
    assert "given twice for all relations" in refused("extract", finished, good, *twice)


def test_plain_text_can_be_extracted_from(relscout, finished, tmp_path):
    (tmp_path / "names.tsv").write_text("Zoe\tPERSON\nOslo\tCITY\n")
    (tmp_path / "text.txt").write_text("Zoe was born in Oslo.\n")
    rules = ("--gazetteer", tmp_path / "names.tsv", "--directions", "forward")
    (found,) = triples(relscout("extract", finished, tmp_path / "text.txt", *rules).out)
    assert (found["head"]["text"], found["tail"]["text"]) == ("Zoe", "Oslo")


def test_the_model_folder_stands_for_its_run(relscout, finished, good):
    assert relscout("extract", finished / "model", good) == relscout("extract", finished, good)


@pytest.mark.parametrize("name", ["nowhere", "", "good.jsonl"])
def test_what_is_no_run_is_refused(refused, tmp_path, good, name):
    shutil.copy(good, tmp_path)
    assert "is not a run of relscout" in refused("extract", tmp_path / name, good)


def test_an_input_that_is_missing_is_refused(refused, finished, tmp_path):
    assert "no such file" in refused("extract", finished, tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    "file",
    ["run.json", "assignments.jsonl", "relations.jsonl", "model/artifact.json", "model/tensors.safetensors"],
)
@pytest.mark.parametrize("how", ["missing", "cut off", "binary"])
def test_a_damaged_run_is_refused(refused, damaged, good, file, how):
    content = (damaged / file).read_bytes()
    (damaged / file).write_bytes(content[: len(content) // 2] if how == "cut off" else b"\xff\x00\xfe")
    if how == "missing":
        (damaged / file).unlink()
    assert str(damaged) in refused("extract", damaged, good)


def test_an_encoder_that_is_gone_is_refused(refused, damaged, good):
    description = damaged / "model" / "artifact.json"
    described = json.loads(description.read_text())
    described["settings"]["encoder"]["model"] = "/nowhere/bert"
    description.write_text(json.dumps(described))
    record = json.loads((damaged / "run.json").read_text())
    record["sha256"] = checksums(damaged, record)
    (damaged / "run.json").write_text(json.dumps(record))
    assert "cannot load encoder '/nowhere/bert'" in refused("extract", damaged, good)


def test_new_text_that_the_encoder_cannot_read_is_refused_unless_allowed(
    relscout, refused, finished, tmp_path
):
    unreadable = tmp_path / "unreadable.jsonl"
    text = "Ada ☃☃ ☃ ☃ ☂ ☂ ☂ ☃ ☃ ☃ Rome"
    record = {"text": text, "head": {"start": 0, "end": 3}, "tail": {"start": 23, "end": 27}}
    unreadable.write_text(json.dumps(record) + "\n")
    assert "--allow-unknown-tokens" in refused("extract", finished, unreadable)
    done = relscout("extract", finished, unreadable, "--allow-unknown-tokens")
    assert len(triples(done.out)) == 1
    assert "of the tokens of these texts are unknown to the encoder" in done.err


def test_triples_that_are_not_asserted_are_counted(relscout, finished, tmp_path):
    texts = ("Ada was not born in Rome .", "If Bob works for Ford , good .", "Cem works for Ford .")
    spans = (((0, 3), (20, 24)), ((3, 6), (17, 21)), ((0, 3), (14, 18)))
    records = [
        {"text": text, "head": {"start": h[0], "end": h[1]}, "tail": {"start": t[0], "end": t[1]}}
        for text, (h, t) in zip(texts, spans, strict=True)
    ]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    done = relscout("extract", finished, tmp_path / "new.jsonl")
    assert [triple["polarity"] for triple in triples(done.out)] == ["negated", "hypothetical", "asserted"]
    assert done.err.startswith("note: 2 triples negated or hypothetical (field 'polarity')")
    asserted = relscout("extract", finished, tmp_path / "new.jsonl", "--drop-negated")
    assert (len(triples(asserted.out)), asserted.err) == (1, "")


def test_drift_is_noted(relscout, finished, good):
    done = relscout("extract", finished, good, "--no-cache", "--drift")
    assert len(triples(done.out)) == 30
    assert "of 30 pairs are far from every relation, 5% would be in text like that of the run" in done.err


@pytest.mark.parametrize("other", [("--ray", "local"), ("--drift",)])
def test_a_limit_of_memory_is_for_this_process(refused, finished, good, tmp_path, other):
    line = refused("extract", finished, good, "--limit-memory", "8GB", "--out", tmp_path / "x.jsonl", *other)
    assert f"--limit-memory and {other[0]} cannot be combined" in line
