"""A method that learns from labelled instances, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from relscout.core.instances import RelationInstance

QUICK = (
    "layers=16-4,pretrain_epochs=1,pretrain_steps=0,epochs=2,epoch_steps=0,batch=20,training_dtype=float32"
)


def written(path: Path, instances: Sequence[RelationInstance]) -> Path:
    lines = [
        {
            "text": one.text,
            "head": {"start": one.head.start, "end": one.head.end},
            "tail": {"start": one.tail.start, "end": one.tail.end},
            **({"relation": one.relation} if one.relation else {}),
        }
        for one in instances
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def known(corpus: list[RelationInstance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten labelled instances of each of two relations that the good file has not."""
    chosen = [
        one
        for name in ("orbits", "spouse")
        for one in [instance for instance in corpus if instance.relation == name][:10]
    ]
    return written(tmp_path_factory.mktemp("known") / "known.jsonl", chosen)


@pytest.fixture(scope="session")
def training(tiny_bert: Path, encoder_config: Callable[..., Path]) -> Sequence[object]:
    """Options of a discovery that trains for a moment."""
    encoder = ("--encoder", tiny_bert, "--encoder-config", encoder_config(pooling="span-max@2"))
    return (*encoder, "--relations", 2, "--method", "rocore", "--set", QUICK)


def test_labels_reach_the_method_and_the_run_says_so(relscout, good, known, training, tmp_path):
    done = relscout("discover", good, "--labeled", known, *training, "--json", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["labelled"], told["predefined"]) == (20, 2)
    assert (told["data"]["labelled"], told["data"]["labelled_relations"]) == (20, 2)
    assert told["data"]["instances"] == 30
    again = relscout("extract", tmp_path / "run", good)
    assert again.code == 0, again.err


def test_several_files_are_learnt_from_together(relscout, good, known, training, tmp_path):
    lines = known.read_text().splitlines(keepends=True)
    for name, part in (("a", lines[:10]), ("b", lines[10:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(part))
    files = ("--labeled", tmp_path / "a.jsonl", "--labeled", tmp_path / "b.jsonl")
    done = relscout("discover", good, *files, *training, "--json", "--no-cache")
    assert json.loads(done.out)["labelled"] == 20


def test_no_labels(refused, good, training):
    said = refused("discover", good, *training, "--no-cache")
    assert (
        "method 'rocore' learns from labelled instances of other relations; give some (--labeled FILE" in said
    )


def test_a_labelled_file_that_is_not_there(refused, good, training, tmp_path):
    assert "nowhere.jsonl: no such file" in refused(
        "discover", good, "--labeled", tmp_path / "nowhere.jsonl", *training, "--no-cache"
    )


def test_a_labelled_file_without_gold(refused, good, known, training, tmp_path):
    bare = [{**json.loads(line), "relation": None} for line in known.read_text().splitlines()]
    (tmp_path / "bare.jsonl").write_text("".join(json.dumps(one) + "\n" for one in bare))
    said = refused("discover", good, "--labeled", tmp_path / "bare.jsonl", *training, "--no-cache")
    assert "20 of 20 labelled instances have no gold relation" in said
    assert "bare.jsonl, line 1" in said


def test_one_labelled_relation(refused, good, known, training, tmp_path):
    (tmp_path / "one.jsonl").write_text("".join(known.read_text().splitlines(keepends=True)[:10]))
    said = refused("discover", good, "--labeled", tmp_path / "one.jsonl", *training, "--no-cache")
    assert "the 10 labelled instances have only the relation 'orbits'" in said


@pytest.mark.parametrize(
    ("known", "complaint"),
    [
        ((), "2 relations ('birthplace', 'employer') are labelled and among the gold relations"),
        (
            ("--known", "drop"),
            "0 labelled relations are left, expected at least two; 30 labelled instances were",
        ),
        (
            ("--known", "keep"),
            "0 labelled relations are left, expected at least two; 30 labelled instances were",
        ),
    ],
)
def test_the_same_file_twice(known, complaint, refused, good, training):
    assert complaint in refused("discover", good, "--labeled", good, *known, *training, "--no-cache")


@pytest.fixture
def overlapping(good, known, tmp_path):
    """The labelled file and one more relation, which the good file has, too, in another sentence."""
    one = {**json.loads(good.read_text().splitlines()[0]), "text": "Zoe was born in London .", "id": "z"}
    (tmp_path / "overlapping.jsonl").write_text(known.read_text() + json.dumps(one) + "\n")
    return tmp_path / "overlapping.jsonl"


def test_relations_on_both_sides(refused, good, overlapping, training):
    said = refused("discover", good, "--labeled", overlapping, *training, "--no-cache")
    assert "1 relation ('birthplace') is labelled and among the gold relations" in said
    assert "--known drop" in said


@pytest.mark.parametrize(("choice", "labelled", "n_warnings"), [("drop", 20, 1), ("keep", 21, 0)])
def test_they_are_dropped_or_kept(choice, labelled, n_warnings, relscout, good, overlapping, training):
    done = relscout(
        "discover", good, "--labeled", overlapping, "--known", choice, *training, "--json", "--no-cache"
    )
    assert done.code == 0, done.err
    run = json.loads(done.out)
    assert run["labelled"] == labelled
    assert sum("among the gold relations" in warning for warning in run["warnings"]) == n_warnings


def test_the_encoder_of_the_method_is_the_default_unless_a_pooling_is_given(
    relscout, good, known, training, tmp_path
):
    place = training.index("--encoder-config")
    options = [*training[:place], *training[place + 2 :]]
    said = relscout("discover", good, "--labeled", known, *options, "--no-cache")
    assert "pooling 'span-mean@3+span-mean@5+sentence@4+between@4' reads layer 5" in said.err


def test_a_number_that_louvain_finds_is_shown_as_estimated(relscout, good, known, tiny_bert, encoder_config):
    quick = ("--method", "rsn", "--set", "layers=4,epochs=1,pairs=20", "--encoder", tiny_bert)
    quick = (*quick, "--encoder-config", encoder_config(pooling="span-mean"))
    done = relscout("discover", good, "--labeled", known, *quick)
    assert done.code == 0, done.err
    assert "(estimated)" in done.out
    done = relscout("discover", good, "--labeled", known, *quick, "--relations", 2)
    assert "(given)" in done.out


TRANSFER = (
    "layers=16-4,autoencoder_steps=10,supervised_layers=1,supervised_steps=4,supervised_batch=20,supervised_dtype=float32,adaptive=false,"
    "no_relation_fnr=0"
)


def test_a_later_batch_keeps_the_numbers_of_an_earlier_run(
    relscout, good, known, tiny_bert, encoder_config, tmp_path
):
    encoder = ("--encoder", tiny_bert, "--encoder-config", encoder_config(pooling="span-mean@2+sentence"))
    done = relscout("discover", good, *encoder, "--relations", 2, "--out", tmp_path / "first")
    assert done.code == 0, done.err
    method = ("--method", "transfer", "--relations", 1, "--set", TRANSFER)
    done = relscout(
        "discover", known, *encoder, *method, "--after", tmp_path / "first", "--json", "--out", tmp_path / "2"
    )
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["predefined"] == 2
    ids = [relation["relation_id"] for relation in told["relations"]]
    assert 2 in ids, "what is novel comes last"
    names = {
        record["relation_id"]: record["name"]
        for record in map(
            json.loads, (tmp_path / "first" / "relations.jsonl").read_text("utf-8").splitlines()
        )
    }
    for relation in told["relations"]:
        assert names.get(relation["relation_id"], relation["name"]) == relation["name"]
    done = relscout("extract", tmp_path / "2", known)
    assert done.code == 0, done.err
    assert {json.loads(line)["relation_id"] for line in done.out.splitlines()} <= set(ids)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "kmeans"), "cannot separate relations of earlier runs from novel ones; use 'transfer'"),
        (("--method", "transfer", "--set", "open_world=false"), "open_world is 'false'"),
        (("--method", "transfer", "--set", "open_world=true"), "is not a run of relscout"),
        (("--method", "transfer", "--labeled", "KNOWN"), "cannot be combined"),
        (("--method", "transfer", "--known", "drop"), "--known drop has no effect with --after"),
        (("--method", "transfer"), "is not a run of relscout"),
    ],
)
def test_what_cannot_be_a_later_batch_is_reported(relscout, good, known, tmp_path, options, message):
    given = [known if one == "KNOWN" else one for one in options]
    done = relscout("discover", good, "--after", tmp_path / "nothing", *given)
    assert done.code == 2
    assert message in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_one_classifier_classifies_new_text_of_either_side_and_is_scored(
    relscout, good, known, training, tmp_path
):
    options = (*training[:-1], training[-1].replace("epochs=2", "epochs=24"))
    learner = ("--set", "incremental=true,select=last,center=false,learning_rate=0.012")
    done = relscout("discover", good, "--labeled", known, *options, *learner, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(good.read_text() + known.read_text())
    done = relscout("extract", tmp_path / "run", mixed, "--out", tmp_path / "facts.jsonl")
    assert done.code == 0, done.err
    facts = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text().splitlines()]
    assert len(facts) == 50
    told = [fact["relation"] in ("orbits", "spouse") for fact in facts]
    assert sum(told[30:]) >= 12
    assert sum(told[:30]) <= 15
    done = relscout("evaluate", tmp_path / "facts.jsonl", "--gold", mixed, "--labeled", known, "--json")
    scores = json.loads(done.out)["open_world"]
    assert (scores["n_predefined"], scores["n_novel"]) == (20, 30)
    gold = [json.loads(line)["relation"] for line in known.read_text().splitlines()]
    right = sum(fact["relation"] == name for fact, name in zip(facts[30:], gold, strict=True))
    assert scores["predefined_accuracy"] == pytest.approx(right / 20)
    shown = relscout("evaluate", tmp_path / "facts.jsonl", "--gold", mixed, "--labeled", known)
    assert f"accuracy: pre-defined {right / 20:.3f} of 20, novel " in shown.out


def test_labelled_files_without_relations_cannot_tell_what_is_pre_defined(refused, finished, good, tmp_path):
    bare = tmp_path / "bare.jsonl"
    lines = [json.loads(line) for line in good.read_text().splitlines()]
    bare.write_text("".join(json.dumps({**line, "relation": None}) + "\n" for line in lines))
    said = refused("evaluate", finished, "--gold", good, "--labeled", bare)
    assert "bare.jsonl: no instance has a gold relation" in said


def test_later_batches_of_plain_text_are_refused_with_what_to_do(relscout, tmp_path):
    (tmp_path / "notes.txt").write_text("Marie Curie was born in Warsaw.\n", encoding="utf-8")
    done = relscout("discover", tmp_path / "notes.txt", "--after", tmp_path / "run")
    assert done.code == 2
    assert "--after reads files of marked pairs; 'relscout extract" in done.err


def test_trusting_a_training_that_there_is_not_is_noted(relscout, good, fast):
    done = relscout("discover", good, *fast, "--no-cache", "--trust-training")
    assert done.code == 0, done.err
    assert "--trust-training has no effect: kmeans trains nothing that k-means could replace" in done.err
