from __future__ import annotations

import json

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.encoders import VectorCache
from relscout.lab.preset import preset
from relscout.lab.protocols import load
from relscout.lab.records import current_records, read_records
from relscout.lab.runner import run_preset
from tests.experiments.conftest import opennre

TRIVIAL = ["one cluster", "singletons"]


@pytest.fixture(scope="session")
def cache():
    """Nothing is encoded twice in these tests."""
    return VectorCache()


@pytest.fixture
def run(tmp_path, data, written, cache):
    """Run a preset and return the fresh records and the skipped ones."""

    def run_described(description, name="small.yaml", **options):
        skipped = []
        fresh = run_preset(
            preset(written(description, name)),
            data=data,
            results=tmp_path / "results.jsonl",
            cache=cache,
            on_skip=skipped.append,
            **options,
        )
        return list(fresh), skipped

    return run_described


@pytest.fixture
def one_seed(description):
    """The description with one seed, where their number makes no difference."""
    return description | {"seeds": [0]}


def lines(records):
    return [(one["row"], one["seed"]) for one in records]


def test_trivial_rows_come_once_and_the_others_once_for_each_seed(run, description):
    fresh, skipped = run(description)
    assert lines(fresh) == [(name, None) for name in TRIVIAL] + [
        (row, seed) for seed in (0, 1) for row in ("plain", "spans")
    ]
    assert skipped == []


def test_what_was_run_is_not_run_again(run, one_seed, tmp_path):
    first, _ = run(one_seed)
    before = (tmp_path / "results.jsonl").read_bytes()
    fresh, skipped = run(one_seed)
    assert fresh == []
    assert skipped == first == read_records(tmp_path / "results.jsonl")
    assert (tmp_path / "results.jsonl").read_bytes() == before


def test_an_interruption_loses_no_finished_run(tmp_path, data, written, description, run, cache):
    path = tmp_path / "results.jsonl"
    interrupted = run_preset(preset(written(description)), data=data, results=path, cache=cache)
    started = [next(interrupted) for _ in range(4)]
    interrupted.close()
    assert read_records(path) == started
    fresh, skipped = run(description)
    assert skipped == started
    assert lines(fresh) == [("plain", 1), ("spans", 1)]


def test_another_seed_runs_that_seed_only(run, description):
    run(description)
    fresh, _ = run(description, seeds=range(3))
    assert lines(fresh) == [("plain", 2), ("spans", 2)]


def test_another_setting_is_another_run(run, one_seed):
    first, _ = run(one_seed)
    one_seed["rows"][1]["settings"] = {"n_init": 2}
    fresh, _ = run(one_seed)
    assert lines(fresh) == [("spans", 0)]
    assert {one["key"] for one in fresh}.isdisjoint(one["key"] for one in first)


def test_going_back_to_older_settings_makes_their_records_hold_again(run, one_seed, tmp_path):
    path = tmp_path / "results.jsonl"
    old, _ = run(one_seed)
    one_seed["rows"][1]["settings"] = {"n_init": 2}
    run(one_seed)
    del one_seed["rows"][1]["settings"]
    fresh, _ = run(one_seed)
    assert fresh == [], "nothing is computed again"
    assert {one["key"] for one in current_records(read_records(path))} == {one["key"] for one in old}


def test_another_preset_takes_over_what_is_the_same(run, one_seed, tmp_path):
    run(one_seed)
    fresh, skipped = run(one_seed, "other.yaml")
    assert fresh == []
    assert {one["preset"] for one in skipped} == {"other"}
    assert len(current_records(read_records(tmp_path / "results.jsonl"), "other")) == len(skipped)


def test_other_data_is_another_run(run, one_seed, data):
    first, _ = run(one_seed)
    file = data / "fewrel/val_nyt.json"
    records = json.loads(file.read_text())
    records["P19"].pop()
    file.write_text(json.dumps(records))
    fresh, skipped = run(one_seed)
    assert (len(fresh), skipped) == (len(first), [])


def test_the_order_of_the_file_and_the_device_are_no_other_run(run, one_seed, data):
    run(one_seed)
    file = data / "fewrel/val_nyt.json"
    records = {relation: some[::-1] for relation, some in json.loads(file.read_text()).items()}
    file.write_text(json.dumps(dict(reversed(records.items()))))
    one_seed["encoder"] |= {"device": "cpu", "batch_tokens": 512}
    assert run(one_seed)[0] == []


def test_a_record_tells_what_a_table_asks_for(run, description):
    description["rows"] = description["rows"][:1]
    fresh, _ = run(description, seeds=[0])
    record = fresh[-1]
    assert (record["preset"], record["kind"], record["method"]) == ("small", "frozen", "kmeans")
    assert (record["protocol"], record["variation"]) == ("fewrel-nyt-unsupervised", {})
    assert (record["instances"], record["scored"], record["labeled"]) == (36, 36, 0)
    assert (record["n_relations"], sum(record["sizes"])) == (3, 36)
    assert record["settings"]["n_init"] == 1
    assert record["encoder"]["parameters"] > 1000
    assert record["encoder"]["pooling"] == "sentence"
    assert record["seconds"]["total"] >= record["seconds"]["fit"] > 0
    assert record["versions"].keys() >= {"python", "torch"}
    assert record["commit"]
    assert record["machine"]["cores"]
    assert record["points"] is None


def test_both_scorings_are_told(run, description):
    fresh, _ = run(description, rows=["singletons"])
    scores = fresh[0]["scores"]
    assert (scores["raw"]["protocol"], scores["majority_mapped"]["protocol"]) == (
        "raw clusters",
        "majority mapped",
    )
    assert scores["raw"]["b3_recall"] == pytest.approx(1 / 12)
    assert scores["majority_mapped"]["b3_f1"] == 1.0


def test_relations_are_told_with_their_majority_gold_relation(run, description, data):
    fresh, _ = run(description, rows=["plain"], seeds=[0])
    names = fresh[0]["names"]
    assert [one["size"] for one in names] == fresh[0]["sizes"]
    assert {one["gold"] for one in names} <= {
        one.relation for one in load("fewrel-nyt-unsupervised", data).scored
    }
    assert all(0 < one["share"] <= 1 for one in names)


def test_entity_types_make_a_trivial_row_where_there_are_any(run, transfer_data, description):
    description["protocol"] = "dev-A"
    lines_of_file = (transfer_data / "wiki80/dev.txt").read_text()
    typed = lines_of_file.replace('"id": "Q1"', '"id": "Q1", "type": "person"')
    (transfer_data / "wiki80/dev.txt").write_text(typed)
    fresh, _ = run(description, rows=[*TRIVIAL, "entity-type pair"])
    assert lines(fresh) == [(name, None) for name in (*TRIVIAL, "entity-type pair")]


def test_each_value_of_a_sweep_is_run_after_the_rows_themselves(run, description):
    description["sweep"] = {"setting": "n_init", "values": [2, 3], "rows": ["plain"]}
    fresh, _ = run(description, seeds=[0])
    told = [(one["row"], one["variation"], one["settings"]["n_init"]) for one in fresh[2:]]
    assert told == [
        ("plain", {}, 1),
        ("spans", {}, 1),
        ("plain", {"n_init": 2}, 2),
        ("plain", {"n_init": 3}, 3),
    ]


def test_a_number_of_relations_may_be_given_for_a_row(run, description):
    description["rows"][1]["n_relations"] = 5
    fresh, _ = run(description, seeds=[0])
    assert [one["n_relations"] for one in fresh[2:]] == [3, 5]


def test_work_in_progress_is_told_and_removed_when_it_is_done(run, description, tmp_path):
    fresh, _ = run(description, rows=["plain"], seeds=[0])
    assert fresh[0]["warnings"] == []
    (tmp_path / "results.jsonl").unlink()
    begun = tmp_path / f"results-{fresh[0]['key'][:16]}.partial"
    begun.mkdir()
    (begun / "epoch").touch()
    again, _ = run(description, rows=["plain"], seeds=[0])
    assert again[0]["warnings"] == ["went on after an interruption: seconds and memory are those of the rest"]
    assert not begun.exists()


def test_an_unknown_row_names_the_nearest_before_anything_is_written(run, description, tmp_path):
    with pytest.raises(SettingError, match=r"unknown row 'plian': did you mean 'plain'\?"):
        run(description, rows=["plian"])
    assert not (tmp_path / "results.jsonl").exists()


def test_missing_data_is_told_before_anything_is_written(run, description, data, tmp_path):
    (data / "fewrel/val_nyt.json").unlink()
    with pytest.raises(InputError, match="relscout datasets get fewrel"):
        run(description)
    assert not (tmp_path / "results.jsonl").exists()


def test_unseen_instances_are_scored_by_prediction(run, description, transfer_data):
    ends = {"h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}
    novel = {
        f"P{n}": [{"tokens": ["ada", f"w{n}", "rome", str(i)], **ends} for i in range(820)] for n in (1, 2)
    }
    (transfer_data / "fewrel/val_wiki.json").write_text(json.dumps(novel))
    (transfer_data / "fewrel/pid2name.json").write_text(json.dumps({"P1": "novel P19", "P2": "other"}))
    description["protocol"] = "fewrel-transfer"
    fresh, _ = run(description, rows=["plain"], seeds=[0])
    assert (fresh[0]["instances"], fresh[0]["scored"]) == (40, 1600)
    assert fresh[0]["scores"]["raw"]["n_instances"] == 1600


def test_labelled_instances_are_for_methods_that_learn_from_them(run, description, transfer_data):
    description["protocol"] = "dev-transfer-A"
    quick = {"layers": "8", "epochs": 1}
    description["rows"].append({"name": "learns", "method": "rsn", "settings": quick, "n_relations": 2})
    fresh, _ = run(description, rows=["plain", "spans", "learns"], seeds=[0])
    labeled = {record["row"]: record["labeled"] for record in fresh}
    # a frozen row, one of k-means, which has no use for labels, and one that needs them: of 4 relations
    assert labeled == {"plain": 0, "spans": 0, "learns": 16}


def test_mixed_relations_are_scored_separately_and_gold_counts_the_novel_ones(run, one_seed, transfer_data):
    settings = {"open_world": True, "no_relation_fnr": 0, "known_fnr": 0.5, "layers": "16-8"}
    settings |= {"autoencoder_steps": 4, "supervised_layers": 1, "supervised_steps": 4, "neighbours": 3}
    one_seed["rows"] = [
        {"name": "plain", "method": "kmeans", "kind": "frozen", "n_relations": 20},
        {
            "name": "transfer",
            "method": "transfer",
            "settings": settings | {"inverses": False},
            "n_relations": 2,
        },
    ]
    one_seed["protocol"] = "dev-open-world-A"
    fresh, _ = run(one_seed, rows=["plain", "transfer"])
    plain, transfer = (one["scores"]["open_world"] for one in fresh)
    assert (plain["n_predefined"], plain["n_novel"]) == (8, 64)
    assert plain["predefined_micro_f1"] == 0.0
    assert transfer["n_novel"] == 64
    assert fresh[1]["labeled"] == 8


class TestSupervisedRows:
    """Rows that learn from the gold relations of the clustered instances, too (RoCORE, figure 4)."""

    @pytest.fixture
    def description(self, description, transfer_data):
        parts = [
            opennre(f"relation {n:02}", "ada", f"verbs{n}", f"t{place}")
            for n in range(20)
            for place in range(5)
        ]
        (transfer_data / "wiki80/dev.txt").write_text("".join(parts))
        quick = {"layers": "16-4", "pretrain_epochs": 1, "pretrain_steps": 1, "epochs": 1, "epoch_steps": 1}
        rocore = {"incremental": True, "fresh_starts": 1, **quick}
        return description | {
            "protocol": "dev-incremental-A",
            "settings": {"rocore": rocore, "classifier": {"trained_layers": 1, "epochs": 1}},
            "encoder": {**description["encoder"], "pooling": "span-max@2"},
            "rows": [
                {"name": "RoCORE", "method": "rocore", "n_relations": 16},
                {"name": "all labels", "method": "classifier", "kind": "supervised"},
            ],
            "sweep": {"setting": "labeled.share", "values": [0.5], "rows": ["all labels"]},
            "seeds": [0],
        }

    def test_they_get_labels_of_all_relations_and_the_sweep_varies_all(self, run, description):
        fresh, _ = run(description, rows=["RoCORE", "all labels"])
        whole, half = (
            {one["row"]: one for one in fresh if bool(one["variation"]) is varied} for varied in (False, True)
        )
        # 7 distinct instances of each of 20 relations, of which 6 are no test
        assert {row: one["labeled"] for row, one in whole.items()} == {"RoCORE": 24, "all labels": 120}
        assert {row: one["labeled"] for row, one in half.items()} == {"all labels": 60}
        assert {one["scored"] for one in fresh} == {20}
        for one in fresh:
            scores = one["scores"]["open_world"]
            assert (scores["n_predefined"], scores["n_novel"]) == (4, 16)
            assert 0 <= scores["accuracy"] <= 1
            assert scores["novelty_auroc"] is None

    def test_another_setting_of_one_is_another_run(self, run, description):
        del description["sweep"]
        first, _ = run(description, rows=["all labels"])
        again, skipped = run(description, rows=["all labels"])
        assert (again, skipped) == ([], first)
        description["settings"]["classifier"] = {"trained_layers": 1, "epochs": 2}
        fresh, _ = run(description, rows=["all labels"])
        assert fresh[0]["setup"] != first[0]["setup"]

    def test_they_are_refused_where_the_scored_instances_would_be_learnt(self, run, description):
        del description["sweep"]
        with pytest.raises(
            SettingError, match="would learn the gold relations of the instances that are scored"
        ):
            run(description | {"protocol": "dev-transfer-A"}, rows=["all labels"])


class TestPoints:
    @pytest.fixture
    def description(self, description):
        return description | {
            "figures": [{"kind": "tsne", "rows": ["plain"], "relations": 2, "instances": 5}],
            "seeds": [0],
        }

    def test_they_are_kept_where_a_figure_asks_for_the_row(self, run, description, tmp_path):
        fresh, _ = run(description)
        named = {one["row"]: one["points"] for one in fresh}
        assert [row for row, points in named.items() if points] == ["plain"]
        with np.load(tmp_path / named["plain"]) as kept:
            assert (kept["vectors"].shape, kept["vectors"].dtype) == ((10, 32), np.float16)
            assert sorted(np.unique(kept["gold"], return_counts=True)[1]) == [5, 5]
            assert kept["found"].shape == (10,)

    def test_every_row_and_seed_shows_the_same_instances(self, run, description, tmp_path):
        description["figures"][0]["rows"] = ["plain", "spans"]
        fresh, _ = run(description, seeds=[0, 1])
        golds = [np.load(tmp_path / one["points"])["gold"].tolist() for one in fresh if one["points"]]
        assert len(golds) == 4
        assert all(gold == golds[0] for gold in golds)

    def test_a_figure_that_asks_later_gets_them_by_another_run(self, run, description):
        figures = description.pop("figures")
        run(description)
        fresh, _ = run(description | {"figures": figures})
        assert lines(fresh) == [("plain", 0)]

    def test_points_that_are_gone_are_made_again(self, run, description, tmp_path):
        fresh, _ = run(description)
        (points,) = [one["points"] for one in fresh if one["points"]]
        (tmp_path / points).unlink()
        again, _ = run(description)
        assert [one["points"] for one in again] == [points]
        assert (tmp_path / points).is_file()
