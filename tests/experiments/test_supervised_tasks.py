from __future__ import annotations

import json

import pytest

from relscout.core.errors import SettingError
from relscout.lab.protocols import PROTOCOLS, load, load_supervised_task


def relations(instances):
    return {instance.relation for instance in instances}


def ids(instances):
    return {instance.id for instance in instances}


def test_a_share_is_the_file_that_was_published(supervised_data):
    sizes = [len(load_supervised_task(f"semeval-{share}", supervised_data).train) for share in (1, 10, 100)]
    assert sizes == [4, 8, 12]
    task = load_supervised_task("semeval-10", supervised_data)
    assert (len(task.dev), len(task.scored), task.no_relation) == (4, 8, "Other")


def test_without_a_test_file_dev_is_scored_and_chooses_no_epoch(supervised_data):
    task = load_supervised_task("wiki80-1", supervised_data)
    assert task.dev is None
    assert any("last epoch" in note for note in task.notes)
    assert ids(task.scored).isdisjoint(ids(task.train))


def test_a_share_of_tacred_is_drawn_of_each_relation(tmp_path):
    tokens = {"token": ["ada", "x", "rome"], "subj_start": 0, "subj_end": 0, "obj_start": 2, "obj_end": 2}
    (tmp_path / "tacred").mkdir()
    for part in ("train", "dev", "test"):
        records = [
            {**tokens, "id": f"{part}{place}", "relation": "no_relation" if place % 4 else "born"}
            for place in range(40)
        ]
        (tmp_path / f"tacred/{part}.json").write_text(json.dumps(records))
    task = load_supervised_task("tacred-10", tmp_path)
    assert sorted(str(one.relation) for one in task.train) == ["born"] + ["no_relation"] * 3
    assert task.no_relation == "no_relation"
    assert ids(task.train) < ids(load_supervised_task("tacred-100", tmp_path).train)


@pytest.mark.parametrize("protocol", ["fewshot", "fewshot-dev-B"])
def test_the_relations_of_the_episodes_are_not_learnt(transfer_data, protocol):
    task = load_supervised_task(protocol, transfer_data)
    assert relations(task.train).isdisjoint(relations(task.scored))
    assert len(relations(task.train)) == (20 if protocol == "fewshot" else 4)
    assert task.dev is None


@pytest.fixture
def fewrel_data(transfer_data):
    """The same data folder with FewRel's training set and FewRel 2.0's biomedical relations."""
    for place, relations in (
        ("fewrel_train/train_wiki", ("P1", "P2")),
        ("fewrel_pubmed/val_pubmed", ("causes",)),
    ):
        file = transfer_data / f"{place}.json"
        file.parent.mkdir()
        ends = {"h": ["p38", "C1", [[0]]], "t": ["apoptosis", "C2", [[2]]]}
        file.write_text(
            json.dumps({name: [{"tokens": ["p38", name, "apoptosis"], **ends}] for name in relations})
        )
    return transfer_data


@pytest.mark.parametrize(
    ("protocol", "n_learnt", "scored"),
    [
        ("fewshot-full", 2, {"P19", "P108", "P800"}),
        ("fewshot-pubmed", 20, {"causes"}),
        ("fewshot-pubmed-full", 2, {"causes"}),
    ],
)
def test_episodes_are_of_another_domain_or_learnt_from_all_of_fewrel(fewrel_data, protocol, n_learnt, scored):
    task = load_supervised_task(protocol, fewrel_data)
    assert len(relations(task.train)) == n_learnt
    assert relations(task.scored) == scored


def test_all_of_wiki80_is_as_much_as_the_paper_has(tmp_path):
    (tmp_path / "wiki80_full").mkdir()
    ends = {"h": {"name": "ada", "pos": [0, 1]}, "t": {"name": "rome", "pos": [2, 3]}}
    for part, count in (("train", 18), ("val", 2)):
        lines = [
            json.dumps({"token": ["ada", verb, "rome", f"{part}{place}"], **ends, "relation": verb})
            for verb in ("saw", "left")
            for place in range(count)
        ]
        (tmp_path / f"wiki80_full/wiki80_{part}.txt").write_text("\n".join(lines))
    task = load_supervised_task("wiki80-100", tmp_path)
    assert sorted(str(one.relation) for one in task.train) == ["left"] * 14 + ["saw"] * 14
    assert (len(task.scored), task.dev) == (4, None)


def test_the_draws_are_those_of_discovery(transfer_data):
    supervised, task = (
        load_supervised_task("fewshot-dev-C", transfer_data),
        load("dev-transfer-C", transfer_data),
    )
    assert (ids(supervised.train), ids(supervised.scored)) == (ids(task.labeled), ids(task.scored))


def test_what_is_for_discovery_and_what_is_not_is_not_mixed_up(supervised_data):
    with pytest.raises(SettingError, match="'semeval-1' is supervised, not for discovery"):
        load("semeval-1", supervised_data)
    with pytest.raises(SettingError, match="'bundled' is for discovery"):
        load_supervised_task("bundled", supervised_data)
    assert {known.kind for known in PROTOCOLS.values()} == {"discovery", "supervised", "few-shot"}
