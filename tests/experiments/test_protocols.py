from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import pytest

from relscout.core.errors import InputError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.lab.protocols import PROTOCOLS, held_out_of_both, load, protocol
from tests.experiments.conftest import many_of_fewrel


def ids(instances):
    return {instance.id for instance in instances}


def relations(instances):
    return {instance.relation for instance in instances}


def test_every_protocol_is_described_and_knows_its_data():
    assert all(one.description for one in PROTOCOLS.values())
    assert [name for name, one in PROTOCOLS.items() if not one.files] == ["bundled"]


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'fewrel-transfer'"):
        protocol("fewrel-transfr")


def test_the_bundled_corpus_needs_no_data(tmp_path, corpus):
    task = load("bundled", tmp_path)
    assert list(task.fitted) == list(task.scored) == corpus
    assert task.labeled is None


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "bundled"])
def test_a_missing_file_is_told_with_the_command_that_gets_it(tmp_path, name):
    place, dataset = protocol(name).files[0], protocol(name).datasets[0]
    said = rf"needs {re.escape(str(tmp_path / place))}.*'relscout datasets get {dataset}'"
    with pytest.raises(InputError, match=said):
        load(name, tmp_path)


def test_the_data_sets_of_a_protocol_are_those_that_can_be_got():
    from relscout.io.datasets import DATASETS

    assert {name for one in PROTOCOLS.values() for name in one.datasets} <= set(DATASETS)


def test_the_files_of_a_protocol_are_called_as_they_are_published():
    from relscout.io.datasets import dataset

    files = {file for one in PROTOCOLS.values() for file in one.files if not file.endswith("/")}
    published = {
        f"{name}/{file.name}"
        for name in (
            *("fewrel", "fewrel_train", "fewrel_pubmed", "wiki80", "wiki80_full", "nyt_fb", "semeval"),
            *("chemprot", "tacred"),
        )
        for file in dataset(name).files
    }
    assert files <= published


def test_all_of_fewrel_is_clustered_and_scored(data):
    task = load("fewrel-nyt-unsupervised", data)
    assert len(task.fitted) == len(task.scored) == 36
    assert relations(task.scored) == {"P19", "P108", "P800"}


def test_instances_without_a_gold_relation_cannot_be_scored(data):
    records = json.loads((data / "fewrel/val_nyt.json").read_text())["P19"]
    (data / "fewrel/val_nyt.json").write_text(json.dumps(records))
    with pytest.raises(InputError, match="12 of 12 instances to be scored have no gold relation"):
        load("fewrel-nyt-unsupervised", data)


def test_the_draws_for_development_leave_the_novel_relations_out(transfer_data):
    task = load("dev-A", transfer_data)
    assert len(relations(task.scored)) == 16
    assert not any(relation.startswith("novel") for relation in relations(task.scored))
    assert len(task.scored) == 16 * 2 * 2, "what is in two files counts once"


def test_the_draws_for_development_differ(transfer_data):
    drawn = [relations(load(f"dev-{draw}", transfer_data).scored) for draw in "ABC"]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_in_a_development_transfer_the_other_relations_are_labelled(transfer_data):
    task = load("dev-transfer-B", transfer_data)
    assert relations(task.scored) == relations(load("dev-B", transfer_data).scored)
    assert relations(task.labeled).isdisjoint(relations(task.scored))
    assert len(relations(task.labeled) | relations(task.scored)) == 20


def test_a_transfer_scores_unseen_instances(transfer_data):
    words = [f"w{number}" for number in range(1700)]
    ends = {"h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}
    records = [{"tokens": ["ada", word, "rome"], **ends} for word in words]
    (transfer_data / "fewrel/val_wiki.json").write_text(json.dumps({"P19": records}))
    task = load("fewrel-transfer", transfer_data)
    assert (len(task.fitted), len(task.scored)) == (100, 1600)
    assert ids(task.fitted).isdisjoint(ids(task.scored))
    assert len(relations(task.labeled)) == 20

    (transfer_data / "fewrel/val_wiki.json").write_text(json.dumps({"P19": records[::-1]}))
    assert ids(load("fewrel-transfer", transfer_data).scored) == ids(task.scored), "whatever the file's order"


def test_what_is_clustered_in_another_domain_is_not_labelled(transfer_data):
    names = {"P19": ["relation 07", "…"], "P108": ["employer", "…"], "P800": ["notable work", "…"]}
    (transfer_data / "fewrel/pid2name.json").write_text(json.dumps(names))
    task = load("wikipedia-to-news", transfer_data)
    assert relations(task.fitted) == relations(task.scored) == {"relation 07", "employer", "notable work"}
    assert relations(task.labeled) == {f"relation {n:02}" for n in range(20) if n != 7} | {"novel P19"}


def test_no_relation_of_semeval_is_neither_labelled_nor_clustered(transfer_data):
    (transfer_data / "semeval").mkdir()
    ends = {"h": {"name": "ada", "pos": [0, 1]}, "t": {"name": "rome", "pos": [2, 3]}}
    lines = [
        json.dumps({"token": ["ada", verb, "rome"], **ends, "relation": relation})
        for relation in ("Cause-Effect(e1,e2)", "Other", "Entity-Origin(e1,e2)")
        for verb in ("saw", "left")
    ]
    for part in ("train", "test"):
        (transfer_data / "semeval" / f"{part}.txt").write_text("\n".join(lines))
    there, back = (load(name, transfer_data) for name in ("wikipedia-to-web", "web-to-wikipedia"))
    assert (
        relations(there.scored) == relations(back.labeled) == {"Cause-Effect(e1,e2)", "Entity-Origin(e1,e2)"}
    )
    assert len(relations(there.labeled)) == len(relations(back.scored)) == 21


def test_a_transfer_needs_more_instances_than_it_scores(transfer_data):
    with pytest.raises(InputError, match="holds 36 instances; 1600 of them are scored"):
        load("fewrel-transfer", transfer_data)


def test_the_rare_relations_of_tacred_are_novel_and_partly_scored_unseen(tacred_data):
    task = load("tacred-transfer", tacred_data)
    assert relations(task.labeled) == {f"frequent {n}" for n in range(3)}
    assert len(task.labeled) == 36
    assert relations(task.fitted) | relations(task.scored) == {f"rare {n}" for n in range(10)}
    assert (len(task.fitted), len(task.scored)) == (51, 9)
    assert ids(task.fitted).isdisjoint(ids(task.scored))


def test_all_related_pairs_of_tacred_are_clustered_and_scored(tacred_data):
    task = load("tacred-unsupervised", tacred_data)
    assert task.labeled is None
    assert ids(task.fitted) == ids(task.scored)
    assert len(task.scored) == 3 * 12 + 10 * 6
    assert task.n_gold == 13


def test_incremental_learning_on_tacred_and_fewrel_scores_a_fifth_of_both_sides(tacred_data):
    frequent, rare = {f"frequent {n}" for n in range(3)}, {f"rare {n}" for n in range(10)}
    training, novel = {f"P{1000 + n}" for n in range(4)}, {"P19", "P108", "P800"}
    for name, known, others in (
        ("tacred-incremental", frequent, rare),
        ("fewrel-full-incremental", training, novel),
    ):
        task = load(name, tacred_data)
        assert (relations(task.labeled), relations(task.fitted)) == (known, others)
        assert relations(task.scored) == known | others
        assert task.mixed
        assert task.n_gold == len(others)
        whole = len(task.labeled) + len(task.fitted) + len(task.scored)
        assert len(task.scored) == pytest.approx(whole / 5, abs=len(known | others))
        assert ids(task.scored).isdisjoint(ids(task.labeled) | ids(task.fitted))


def test_the_split_of_tacred_depends_on_neither_the_names_of_relations_nor_the_order(tacred_data):
    before = load("tacred-transfer", tacred_data)
    for part in ("train", "dev", "test"):
        file = tacred_data / "tacred" / f"{part}.json"
        records = json.loads(file.read_text())
        for record in records:
            if record["relation"] != "no_relation":
                record["relation"] = record["relation"][::-1]
        file.write_text(json.dumps(records[::-1]))
    after = load("tacred-transfer", tacred_data)
    assert [ids(side) for side in (after.labeled, after.fitted, after.scored)] == [
        ids(side) for side in (before.labeled, before.fitted, before.scored)
    ]


def test_too_few_relations_of_tacred_are_refused(tacred_data):
    for part in ("train", "dev", "test"):
        records = json.loads((tacred_data / "tacred" / f"{part}.json").read_text())
        few = [record for record in records if not record["relation"].startswith("frequent")]
        (tacred_data / "tacred" / f"{part}.json").write_text(json.dumps(few))
    with pytest.raises(InputError, match=r"tacred holds 10 relations; 10 are novel .* expected 41"):
        load("tacred-transfer", tacred_data)


def test_across_domains_the_labels_come_from_the_other_one(tacred_data):
    many_of_fewrel(tacred_data)
    there, back = (load(name, tacred_data) for name in ("fewrel-to-tacred", "tacred-to-fewrel"))
    on_tacred, on_fewrel = (load(name, tacred_data) for name in ("tacred-transfer", "fewrel-transfer"))
    assert (ids(there.fitted), ids(there.scored)) == (ids(on_tacred.fitted), ids(on_tacred.scored))
    assert relations(there.labeled) == {f"P{1000 + n}" for n in range(4)}
    assert (ids(back.fitted), ids(back.scored)) == (ids(on_fewrel.fitted), ids(on_fewrel.scored))
    assert relations(back.labeled) == {f"frequent {n}" for n in range(3)}


def test_all_training_relations_of_fewrel_may_be_labelled(tacred_data):
    many_of_fewrel(tacred_data)
    task, with_wiki80 = (load(name, tacred_data) for name in ("fewrel-full-transfer", "fewrel-transfer"))
    assert (ids(task.fitted), ids(task.scored)) == (ids(with_wiki80.fitted), ids(with_wiki80.scored))
    assert len(task.labeled) == 48
    assert len(task.scored) == 1600


def test_wrong_records_of_nyt_fb_are_left_out_and_told(tmp_path):
    (tmp_path / "nyt_fb").mkdir()
    whole = "<e1:PERSON> Ada </e1:PERSON> lives in <e2:CITY> Rome </e2:CITY>"
    for part, sentences in (("train", [whole, "no <e1:X> one </e1:X>"]), ("validate", [f"{whole} ."])):
        (tmp_path / f"nyt_fb/{part}_sentence.json").write_text(json.dumps(sentences))
        (tmp_path / f"nyt_fb/{part}_label_id.json").write_text(json.dumps([3] * len(sentences)))
    task = load("nytfb-unsupervised", tmp_path)
    assert (len(task.fitted), len(task.scored)) == (2, 1)
    assert ids(task.scored) < ids(task.fitted)
    (note,) = task.notes
    assert note.startswith("nyt_fb/train_sentence.json: 1 of 2 records left out; the first, record 2: ")


def test_the_sample_of_nyt_fb_may_be_clustered_with_labels_of_wikipedia(transfer_data):
    folder = transfer_data / "nyt_fb"
    folder.mkdir()
    for part, person in (("train", "Ada"), ("validate", "Bob")):
        text = f"<e1:PERSON> {person} </e1:PERSON> lives in <e2:CITY> Rome </e2:CITY>"
        (folder / f"{part}_sentence.json").write_text(json.dumps([text]))
        (folder / f"{part}_label_id.json").write_text("[3]")
    task, without = (load(name, transfer_data) for name in ("wikipedia-to-nytfb", "nytfb-unsupervised"))
    assert (task.fitted, task.scored) == (without.fitted, without.scored)
    assert without.labeled is None
    assert relations(task.labeled) == {f"relation {n:02}" for n in range(20)} | {"novel P19"}


def test_t_rex_is_read_from_all_files_of_its_folder(tmp_path):
    text = "Ada lives in Rome."
    triple = {
        "sentence_id": 0,
        "predicate": {"uri": "http://www.wikidata.org/prop/direct/P551"},
        "subject": {"boundaries": [0, 3], "uri": "http://www.wikidata.org/entity/Q1", "surfaceform": "Ada"},
        "object": {"boundaries": [13, 17], "uri": "http://www.wikidata.org/entity/Q2", "surfaceform": "Rome"},
    }
    nameless = triple | {"subject": triple["subject"] | {"boundaries": None}}
    document = {"text": text, "sentences_boundaries": [[0, len(text)]], "triples": [triple, nameless]}
    (tmp_path / "trex-spo").mkdir()
    with pytest.raises(InputError, match=r"trex-spo, which holds no \.json file"):
        load("trex-spo", tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"trex-spo/{name}.json").write_text(json.dumps([document]))
    task = load("trex-spo", tmp_path)
    assert [instance.relation for instance in task.scored] == ["P551", "P551"]
    assert len(task.notes) == 2


def test_in_an_open_world_half_of_each_known_relation_is_mixed_with_novel_ones(transfer_data):
    task = load("dev-open-world-B", transfer_data)
    novel = relations(load("dev-B", transfer_data).scored)
    assert task.mixed
    assert list(task.fitted) == list(task.scored)
    assert relations(task.labeled).isdisjoint(novel)
    assert relations(task.scored) == novel | relations(task.labeled)
    assert ids(task.labeled).isdisjoint(ids(task.scored))
    n_known = sum(one.relation not in novel for one in task.scored)
    assert n_known == len(task.labeled) == 4 * 2
    assert task.n_gold == 16
    assert load("dev-transfer-B", transfer_data).n_gold == 16


def test_the_open_world_of_fewrel_has_some_instances_of_each_novel_relation_whatever_the_order(transfer_data):
    words = [f"w{number}" for number in range(200)]
    ends = {"h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}
    records = [{"tokens": ["ada", word, "rome"], **ends} for word in words]
    (transfer_data / "fewrel/val_wiki.json").write_text(json.dumps({"P19": records, "P108": records[:3]}))
    task = load("fewrel-open-world", transfer_data)
    sizes = [sum(one.relation == f"novel {name}" for one in task.scored) for name in ("P19", "P108")]
    assert sizes == [160, 3]
    assert relations(task.labeled) == {f"relation {n:02}" for n in range(20)}
    assert task.n_gold == 2
    (transfer_data / "fewrel/val_wiki.json").write_text(
        json.dumps({"P19": records[::-1], "P108": records[:3]})
    )
    again = load("fewrel-open-world", transfer_data)
    assert (ids(again.scored), ids(again.labeled)) == (ids(task.scored), ids(task.labeled))


def test_in_incremental_learning_a_fifth_of_known_and_of_novel_relations_is_unseen_and_scored():
    def of(relation: str, count: int) -> list[RelationInstance]:
        return [
            replace(
                RelationInstance.from_strings(f"Ada {relation} Bo{n}", "Ada", f"Bo{n}"), relation=relation
            )
            for n in range(count)
        ]

    known, novel = [*of("wed", 10), *of("met", 5)], of("saw", 20)
    task = held_out_of_both(known, novel)
    assert Counter(one.relation for one in task.labeled) == {"wed": 8, "met": 4}
    assert Counter(one.relation for one in task.fitted) == {"saw": 16}
    assert Counter(one.relation for one in task.scored) == {"wed": 2, "met": 1, "saw": 4}
    assert (task.mixed, task.n_gold) == (True, 1)
    texts = [one.text for part in (task.labeled, task.fitted, task.scored) for one in part]
    assert sorted(texts) == sorted(one.text for one in (*known, *novel))
    again = held_out_of_both(known[::-1], novel[::-1])
    assert {one.text for one in again.scored} == {one.text for one in task.scored}
