"""``discover --none`` and ``--hierarchy``."""

from __future__ import annotations

import json

import pytest

from relscout.io.writers.jsonl import write_instances
from relscout.text.corpus import bundled_corpus


@pytest.fixture
def corpus_file(tmp_path):
    path = tmp_path / "corpus.jsonl.gz"
    write_instances(list(bundled_corpus())[::3], path)
    return path


def test_unrelated_pairs_get_no_triple_in_discover_and_extract(
    corpus_file, relscout, tiny_bert, encoder_config, tmp_path
):
    run = tmp_path / "run"
    done = relscout(
        *(
            "discover",
            corpus_file,
            "--relations",
            6,
            "--set",
            "start=k-means++",
            "--none",
            0.2,
            "--hierarchy",
        ),
        *(
            "--encoder",
            tiny_bert,
            "--encoder-config",
            encoder_config(pooling="sentence"),
            "--no-report",
            "--out",
            run,
        ),
    )
    assert (done.code, done.err.count("error")) == (0, 0)
    assert "without a relation" in done.out
    assert "similar relations" in done.out
    assert done.out.count("apart,") == 5
    told = json.loads((run / "run.json").read_text())
    rows = [json.loads(line) for line in (run / "assignments.jsonl").read_text().splitlines()]
    left_out = sum(row["relation_id"] == -1 for row in rows)
    assert told["no_relation"] == left_out == pytest.approx(0.2 * len(rows), abs=1)
    n_triples = len((run / "triples.jsonl").read_text().splitlines())
    assert n_triples == len(rows) - left_out
    extracted = relscout("extract", run, corpus_file, "--out", tmp_path / "again.jsonl")
    assert f"{n_triples} triples of {len(rows)} instances" in extracted.out + extracted.err


@pytest.mark.parametrize("share", ["1", "-0.1", "nan", "many"])
def test_a_share_that_is_none_is_refused_before_anything_is_read(share, relscout, tmp_path):
    done = relscout("discover", tmp_path / "missing.jsonl", f"--none={share}")
    assert done.code != 0
    assert f"--none is {share!r}, expected auto, a share from 0 to below 1, or an existing file" in done.err


def test_beside_open_world_and_its_own_share_it_is_refused(corpus_file, relscout, tmp_path):
    labelled = tmp_path / "labelled.jsonl"
    write_instances([one for one in bundled_corpus() if one.relation in ("spouse", "orbits")], labelled)
    done = relscout(
        *("discover", corpus_file, "--none", "auto", "--method", "transfer"),
        *("--set", "open_world=true,no_relation_fnr=0.1"),
        *("--labeled", labelled, "--known", "keep"),
    )
    assert done.code != 0
    assert "with open_world the method separates unrelated pairs itself" in done.err


def test_in_a_mixed_corpus_known_novel_and_no_relation_are_separated_and_scored(
    relscout, tiny_bert, encoder_config, tmp_path
):
    corpus = list(bundled_corpus())
    labelled, mixed = tmp_path / "labelled.jsonl", tmp_path / "mixed.jsonl"
    known = [one for one in corpus if one.relation in ("spouse", "orbits")]
    write_instances(known[::2], labelled)
    unrelated = [one for one in corpus if one.is_unrelated]
    others = [one for one in corpus if one.relation in ("composer", "capital of")]
    write_instances([*known[1::4], *others[::4], *unrelated[:20]], mixed)
    settings = (
        "open_world=true,known_fnr=0.5,layers=16-8,autoencoder_steps=2,supervised_layers=1,supervised_steps=4"
    )
    done = relscout(
        *("discover", mixed, "--labeled", labelled, "--known", "keep", "--method", "transfer"),
        *("--set", f"{settings},start=k-means++", "--relations", 2, "--none", 0.3, "--no-report"),
        *("--encoder", tiny_bert, "--encoder-config", encoder_config(pooling="span-mean")),
        *("--out", tmp_path / "run"),
    )
    assert done.code == 0, done.err
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["settings"]["no_relation_fnr"] == 0
    assert run["relatedness"]["precision"] is None, "the relatedness model decided"
    evaluated = ("evaluate", tmp_path / "run", "--gold", mixed, "--labeled", labelled)
    scores = json.loads(relscout(*evaluated, "--json").out)["open_world"]
    assert (scores["n_predefined"], scores["n_novel"], scores["n_no_relation"]) == (25, 25, 20)
    assert scores["no_relation_f1"] > 0.5
    shown = relscout(*evaluated).out
    assert f"pre-defined: micro-F1 {scores['predefined_micro_f1']:.3f}, macro-F1 " in shown
    assert f"no relation: F1 {scores['no_relation_f1']:.3f} of 20" in shown


def test_a_file_with_judged_pairs_takes_the_place_of_a_share(corpus_file, relscout, tmp_path):
    corpus = list(bundled_corpus())
    unrelated = [one for one in corpus if one.is_unrelated]
    judged = tmp_path / "judged.jsonl"
    write_instances([*corpus[1:200:4], *unrelated[::2]], judged)
    done = relscout(
        *(
            "discover",
            corpus_file,
            "--relations",
            6,
            "--set",
            "start=k-means++",
            "--none",
            judged,
            "--no-report",
        ),
        *("--out", tmp_path / "run"),
    )
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["settings"]["none"] == "judged"
    assert 0 < told["none_share"] < 1


def test_judged_pairs_of_one_kind_are_refused(corpus_file, relscout, tmp_path):
    judged = tmp_path / "judged.jsonl"
    write_instances([one for one in bundled_corpus() if one.relation == "spouse"], judged)
    done = relscout("discover", corpus_file, "--none", judged)
    assert done.code != 0
    assert "judged instances are unrelated; some of either kind are needed" in done.err
