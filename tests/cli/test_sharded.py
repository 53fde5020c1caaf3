"""Runs in Parquet shards, and input in Parquet shards."""

from __future__ import annotations

import json
import shutil

import pytest

from relscout import read
from relscout.core.instances import RelationInstance, content_id
from relscout.io.shards import INSTANCES, write_shards
from relscout.io.writers.jsonl import write_instances
from tests.cli.conftest import lines, record


@pytest.fixture(scope="session")
def in_shards(good, tmp_path_factory):
    """Return the good instances in a folder of Parquet files of seven."""
    folder = tmp_path_factory.mktemp("in-shards") / "instances"
    write_shards(folder, read(good), INSTANCES, rows_per_shard=7)
    return folder


@pytest.fixture(scope="session")
def sharded(in_shards, fast, tmp_path_factory):
    """Return a run in shards of what is in shards; not to be changed."""
    from tests.cli.conftest import call

    run = tmp_path_factory.mktemp("sharded") / "run"
    done = call("discover", in_shards, *fast, "--no-cache", "--shard-above", 29, "--out", run)
    assert done.code == 0, done.err
    assert "facts/, entities.jsonl, relations.jsonl, triples/, assignments/, run.json, model/" in done.err
    return run


def test_the_result_is_that_of_one_file(sharded, finished, good, relscout):
    scores = [relscout("evaluate", run, "--gold", good, "--json") for run in (sharded, finished)]
    assert scores[0].out == scores[1].out
    assert json.loads(scores[0].out)["n_instances"] == 30


def test_both_layouts_export_the_same_bytes(finished, noted, tmp_path):
    from relscout.discovery import Discovery

    Discovery.load(finished).save(tmp_path / "run", shard_above=0)
    for number, options in enumerate([(), ("--triples",), ("--relations",)]):
        written = []
        for run in (finished, tmp_path / "run"):
            out = tmp_path / f"{len(written)}-{number}.csv"
            noted("export", run, *options, "--out", out)
            written.append(out.read_bytes())
        assert written[0] == written[1]


def test_gold_relations_without_common_ids_are_matched_by_content(sharded, good, relscout, tmp_path):
    rows = list(read(good))
    renamed = tmp_path / "renamed.jsonl"
    write_instances(
        (type(row)(row.text, row.head, row.tail, row.relation, f"x{row.id}") for row in rows), renamed
    )
    assert content_id(rows[0].text, rows[0].head, rows[0].tail) == rows[0].id
    done = relscout("evaluate", sharded, "--gold", renamed, "--json")
    assert json.loads(done.out)["n_instances"] == 30


def test_decisions_keep_the_layout_unless_asked(sharded, noted, tmp_path):
    decisions = tmp_path / "decisions.json"
    decisions.write_text(
        json.dumps(
            {"format": "relscout-decisions", "version": 1, "decisions": [{"rename": 0, "to": "renamed"}]}
        ),
        encoding="utf-8",
    )
    noted("apply", decisions, sharded, "--out", tmp_path / "kept")
    assert (tmp_path / "kept" / "instances" / "part-00000.parquet").is_file()
    noted("apply", decisions, sharded, "--shard-above", 100, "--out", tmp_path / "lines")
    assert (tmp_path / "lines" / "instances.jsonl.gz").is_file()
    relations = [(tmp_path / run / "relations.jsonl").read_bytes() for run in ("kept", "lines")]
    assert relations[0] == relations[1]
    assert b"renamed" in relations[0]


def test_the_same_command_is_recognised_in_either_layout(sharded, in_shards, fast, noted, tmp_path):
    run = shutil.copytree(sharded, tmp_path / "run")
    said = noted("discover", in_shards, *fast, "--no-cache", "--out", run)
    assert "holds the finished run of this command" in said


def test_a_report_is_made_of_shards(sharded, good, noted, tmp_path):
    noted("report", sharded, "--gold", good, "--out", tmp_path / "report.html")
    assert "Comparison with gold relations" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_shards_are_inspected_and_extracted(sharded, in_shards, relscout):
    shown = relscout("inspect", in_shards).out
    assert ": parquet, 30 instances" in shown
    done = relscout("extract", sharded, in_shards)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 30


def test_a_damaged_shard_is_one_line(sharded, refused, good, tmp_path):
    run = shutil.copytree(sharded, tmp_path / "run")
    path = run / "assignments" / "part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-5])
    assert "part-00000.parquet was changed after it was saved" in refused("evaluate", run, "--gold", good)


def test_the_limit_is_a_number_of_instances(refused, good, tmp_path):
    assert "--shard-above" in refused("discover", good, "--shard-above", -1, "--out", tmp_path / "run")


def test_a_sample_is_fitted_and_applied_to_all(in_shards, good, fast, relscout, refused, tmp_path):
    out = tmp_path / "run"
    done = relscout("discover", in_shards, *fast, "--no-cache", "--fit-on", 20, "--out", out)
    assert done.code == 0, done.err
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (record["fitted_on"], record["data"]["instances"]) == (20, 30)
    assert (out / "assignments.jsonl").is_file() or (out / "assignments.jsonl.gz").is_file()
    assert json.loads(relscout("evaluate", out, "--gold", good, "--json").out)["n_instances"] == 30
    said = refused("discover", good, "--fit-on", 20, "--none", "auto", "--out", tmp_path / "other")
    assert "--fit-on applies the relations of a sample to each marked pair on its own" in said


def test_a_report_that_is_written_later_compares_a_sampled_run_with_gold_relations(
    in_shards, fast, relscout, tmp_path
):
    command = ("discover", in_shards, *fast, "--no-cache", "--fit-on", 20, "--out", tmp_path / "run")
    assert relscout(*command).code == 0
    done = relscout(*(option for option in command if option != "--no-report"))
    assert done.code == 0, done.err
    assert "Comparison with gold relations" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_skipped_records_are_listed_once_when_a_sample_is_fitted(relscout, tmp_path):
    for name in ("pairs.jsonl", "known.jsonl"):
        (tmp_path / name).write_text(lines(record(head=(3, 3))), encoding="utf-8")
    done = relscout(
        *(
            "discover",
            tmp_path / "pairs.jsonl",
            "--labeled",
            tmp_path / "known.jsonl",
            "--method",
            "transfer",
        ),
        *("--relations", 2, "--fit-on", 20, "--on-error", "skip", "--no-cache"),
    )
    assert done.code == 2
    assert done.err.count("skipped:") == 1
    assert "2 invalid records skipped:" in done.err


def extracted(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """Return 600 instances in a folder of Parquet files, with gold relations."""
    folder = tmp_path_factory.mktemp("many") / "instances"
    rows = (
        RelationInstance.from_strings(f"Ada{number} {verb} Rome .", f"Ada{number}", "Rome", relation="any")
        for number in range(200)
        for verb in ("was born in", "works for", "saw")
    )
    write_shards(folder, rows, INSTANCES, rows_per_shard=250)
    return folder


def test_extraction_in_batches_gives_the_same_triples(finished, many, relscout, tmp_path):
    whole = extracted(relscout("extract", finished, many).out)
    done = relscout("extract", finished, many, "--limit-memory", "64GB")
    assert done.code == 0, done.err
    batched = extracted(done.out)
    assert [{**row, "confidence": 0} for row in batched] == [{**row, "confidence": 0} for row in whole]
    assert [row["confidence"] for row in batched] == pytest.approx(
        [row["confidence"] for row in whole], abs=1e-5
    )
    options = ("--min-confidence", 0.6, "--limit-memory", "64GB", "--out", tmp_path / "sure.parquet")
    done = relscout("extract", finished, many, *options)
    sure = sum(row["confidence"] >= 0.6 for row in whole)
    assert f"{sure} triples of 600 instances written to" in done.err
    assert len(list(read(tmp_path / "sure.parquet"))) == sure


def test_a_limit_that_cannot_be_kept_is_refused_with_one_that_can(finished, many, refused, tmp_path):
    said = refused("extract", finished, many, "--limit-memory", "1MB", "--out", tmp_path / "triples.jsonl")
    assert "--limit-memory is 1 MB, but libraries, model and a first batch needed" in said
    assert "give at least" in said


@pytest.mark.parametrize("size", ["much", "0", "-1GB"])
def test_a_limit_is_a_size(finished, many, refused, size):
    assert "expected a size such as 4GB or 512MB" in refused(
        "extract", finished, many, "--limit-memory", size
    )


@pytest.mark.parametrize("options", [("--facts",), ("--precision", 0.8)])
def test_what_depends_on_all_pairs_is_not_extracted_in_batches(finished, many, refused, options):
    said = refused("extract", finished, many, "--limit-memory", "4GB", *options)
    assert "--limit-memory applies to triples of marked pairs by a run of marked pairs, but" in said
