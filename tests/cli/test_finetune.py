from __future__ import annotations

import json

import pytest

SMALL = "epochs=2,least_steps=0,dimension=8,word_dimension=8,windows=2,learning_rate=0.05"


@pytest.fixture
def tuned(relscout, good, of_others, tmp_path):
    """Fine-tune a small network on the good instances, into a folder."""
    return lambda *more: relscout(
        "lab",
        "finetune",
        good,
        "--test",
        of_others,
        "--model",
        "cnn",
        "--set",
        SMALL,
        "--out",
        tmp_path / "tuned",
        *more,
    )


def test_scores_of_every_seed_are_shown_and_written_and_the_model_is_applied(
    relscout, noted, tuned, good, of_others, tmp_path
):
    done = tuned("--dev", good, "--seeds", 3, "--share", 0.5)
    assert done.code == 0, done.err
    assert "2 relations learned from 15 instances, scored on 30 instances" in done.out
    assert [line.split()[0] for line in done.out.splitlines()[2:7]] == ["0", "1", "2", "median", "mean"]
    scores = json.loads((tmp_path / "tuned" / "scores.json").read_text())
    assert [one["seed"] for one in scores["trials"]] == [0, 1, 2]
    assert scores["summary"]["accuracy"].keys() == {"median", "mean", "std"}
    predictions = [
        json.loads(line) for line in (tmp_path / "tuned" / "predictions.jsonl").read_text().splitlines()
    ]
    assert len(predictions) == 30
    found = [json.loads(line) for line in relscout("extract", tmp_path / "tuned", of_others).out.splitlines()]
    assert [one["relation"] for one in found] == [one["relation"] for one in predictions]
    said = noted("extract", tmp_path / "tuned" / "model", good, "--out", tmp_path / "found.nt")
    assert said == f"30 triples of 30 instances written to {tmp_path / 'found.nt'}\n"


def test_a_transformer_is_tuned_and_says_json(relscout, good, of_others, tiny_bert, encoder_config, tmp_path):
    done = relscout(
        "lab",
        "finetune",
        good,
        "--test",
        of_others,
        "--encoder",
        tiny_bert,
        "--encoder-config",
        encoder_config(marking="OnlyC"),
        "--set",
        "epochs=1,least_steps=0,trained_layers=1",
        "--out",
        tmp_path / "tuned",
        "--json",
    )
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["reported"], told["relations"]) == ("accuracy", ["birthplace", "employer"])
    assert told["settings"]["encoder"]["marking"] == "OnlyC"
    assert len(relscout("extract", tmp_path / "tuned", good).out.splitlines()) == 30


def test_an_older_fine_tuning_is_replaced_only_when_asked(
    relscout, refused, tuned, good, of_others, tmp_path
):
    assert tuned().code == 0
    again = (
        "lab",
        "finetune",
        good,
        "--test",
        of_others,
        "--model",
        "cnn",
        "--set",
        SMALL,
        "--out",
        tmp_path / "tuned",
    )
    assert "already holds a fine-tuning" in refused(*again)
    assert relscout(*again, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--share", "0"), "--share is 0.0, expected a number above 0 and up to 1"),
        (("--set", "epoch=3"), "unknown setting 'epoch': did you mean 'epochs'?"),
        (("--model", "cnn", "--encoder", "bert"), "--encoder has no effect with --model cnn"),
        (("--model", "cnn", "--encoder-config", "x.yaml"), "--encoder-config has no effect with --model cnn"),
        (("--model", "cnn", "--set", "marking=markers"), "unknown marking 'markers'"),
        (("--encoder-config", "nowhere.yaml"), "nowhere.yaml: No such file"),
        (("--dev", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_options_that_cannot_work_are_reported_before_anything_is_done(
    refused, good, of_others, options, complaint
):
    assert complaint in refused("lab", "finetune", good, "--test", of_others, "--out", "out", *options)


def test_a_training_instance_without_a_relation_is_named(refused, with_one_more, of_others):
    bare = with_one_more()
    said = refused("lab", "finetune", bare, "--test", of_others, "--model", "cnn", "--out", "out")
    assert "1 of 31 labelled instances have no gold relation" in said
    assert "more.jsonl, line 31" in said


def test_a_relation_that_was_never_learnt_is_reported(relscout, with_one_more, of_others, tmp_path):
    test = with_one_more(relation="teaches")
    done = relscout(
        "lab",
        "finetune",
        of_others,
        "--test",
        test,
        "--model",
        "cnn",
        "--set",
        SMALL,
        "--out",
        tmp_path / "tuned",
    )
    assert "1 of 31 instances in the test data have a relation that is not among the 2" in done.err
    assert "teaches classified as" in done.out


def test_a_test_that_is_wholly_in_the_training_data_is_refused(refused, good):
    said = refused("lab", "finetune", good, "--test", good, "--model", "cnn", "--set", SMALL, "--out", "out")
    assert (
        "30 of 30 instances in the training data were left out: the test data have the same sentences" in said
    )
