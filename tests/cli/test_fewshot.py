from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from relscout.io.writers.jsonl import write_instances
from relscout.text.corpus import bundled_corpus


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with twelve instances of each of some relations of the bundled corpus."""
    folder, found = tmp_path_factory.mktemp("files"), {}
    for name, relations in {
        "train": ("award received", "composer", "mountain range"),
        "dev": ("place of birth", "orbits"),
        "test": ("spouse", "capital of", "river mouth"),
    }.items():
        found[name] = folder / f"{name}.jsonl"
        instances = [one for one in bundled_corpus() if one.relation in relations]
        counted = dict.fromkeys(relations, 0)
        kept = []
        for one in instances:
            counted[one.relation] += 1
            if counted[one.relation] <= 12:
                kept.append(one)
        write_instances(kept, found[name])
    return found


@pytest.fixture(scope="module")
def tiny(tiny_bert: Path, encoder_config: Callable[..., Path]) -> Sequence[object]:
    config = encoder_config(pooling="span-mean@1+span-mean")
    return ("--encoder", tiny_bert, "--encoder-config", config, "--device", "cpu", "--no-cache")


QUICK = ("--set", "iterations=2,check_every=1,trained_layers=1,dtype=float32,dev_ways=2,dev_episodes=20")
FEW = ("--ways", "3,2", "--shots", "1", "--episodes", 20)


def test_a_table_shows_trained_untrained_and_chance(relscout, files, tiny):
    done = relscout(
        "lab",
        "fewshot",
        "evaluate",
        files["test"],
        "--train",
        files["train"],
        "--dev",
        files["dev"],
        *tiny,
        *QUICK,
        *FEW,
    )
    assert done.code == 0, done.err
    head, columns, *rows = done.out.splitlines()
    assert head == "accuracy in 20 episodes of 3 relations, ± standard error"
    assert columns.split() == ["trained", "centred,", "not", "tuned", "chance"]
    assert [row.split()[:2] for row in rows] == [["2-way", "1-shot"], ["3-way", "1-shot"]]
    assert [row.split()[-1] for row in rows] == ["0.500", "0.333"]


def test_with_seeds_the_numbers_are_of_each(relscout, files, tiny):
    done = relscout("lab", "fewshot", "evaluate", files["test"], *tiny, *FEW, "--seeds", 2, "--json")
    found = json.loads(done.out)
    assert list(found) == ["untrained"]
    assert [[score["ways"] for score in of_seed] for of_seed in found["untrained"]] == [[2, 3], [2, 3]]
    assert found["untrained"][0] != found["untrained"][1]
    shown = relscout("lab", "fewshot", "evaluate", files["test"], *tiny, *FEW, "--seeds", 2).out
    mean = sum(of_seed[0]["accuracy"] for of_seed in found["untrained"]) / 2
    assert "± standard deviation over 2 seeds" in shown
    assert f"{mean:.3f} ± " in shown


def test_what_was_trained_says_new_sentences(relscout, files, tiny, tmp_path):
    model = tmp_path / "model"
    done = relscout("lab", "fewshot", "train", files["train"], "--out", model, *tiny, *QUICK)
    assert done.code == 0, done.err
    assert "3 relations learned from 36 instances" in done.err
    scored = relscout(
        "lab", "fewshot", "evaluate", files["test"], "--model", model, *FEW, "--no-cache", "--json"
    )
    assert list(json.loads(scored.out)) == ["--model"], scored.err
    again = ("lab", "fewshot", "train", "nowhere.jsonl", "--out", model)
    assert "exists; choose another directory" in relscout(*again, *tiny, *QUICK).err
    elsewhere = ("lab", "fewshot", "evaluate", files["test"], "--model", model, *FEW, "--no-cache")
    assert "device" in relscout(*elsewhere, "--device", "cuda:99").err
    done = relscout("lab", "fewshot", "train", files["dev"], "--out", model, *tiny, *QUICK, "--overwrite")
    assert "2 relations learned from 24 instances" in done.err
    relscout("lab", "fewshot", "train", files["train"], "--out", model, *tiny, *QUICK, "--overwrite")
    out = tmp_path / "found.jsonl"
    done = relscout(
        "lab",
        "fewshot",
        "classify",
        files["test"],
        "--support",
        files["test"],
        "--model",
        model,
        "--out",
        out,
        "--no-cache",
    )
    assert done.err == f"36 triples of 36 instances written to {out}: 3 relations, 36 examples\n"
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {one["relation"] for one in records} <= {"spouse", "capital of", "river mouth"}
    assert all(1 / 3 <= one["confidence"] <= 1 for one in records)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ways", "5,x"), "--ways is '5,x'; expected whole numbers joined by commas"),
        (("--ways", "4", "--shots", "1"), "episodes of 4 relations need as many, but there are 3"),
        (("--train", "TEST"), "were learnt in training and are in the test, too"),
        (("--dev", "TEST"), "--dev has no effect without --train"),
        (("--train", "TEST", "--model", "m"), "--train and --model cannot be combined"),
        (
            ("--train", "TRAIN", "--dev", "TEST"),
            "were used to choose the weights (dev) and are in the test, too",
        ),
        (("--model", "m"), "--encoder-config has no effect with --model"),
        (("--model", "m", "--encoder", "minilm"), "--encoder has no effect with --model"),
        (("--set", "shots=2"), "unknown setting 'shots'"),
    ],
)
def test_what_cannot_work_is_refused(refused, files, tiny, options, message):
    given = [files.get(option.lower(), option) if option.isupper() else option for option in options]
    encoder = [option for option in tiny if "--model" not in options or option not in tiny[:2]]
    assert message in refused("lab", "fewshot", "evaluate", files["test"], *encoder, *given)
