from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from relscout import Discovery, discover
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.rocore import RoCORE, RoCORESettings
from relscout.methods.rocore.network import Network, outputs

Build = Callable[..., RoCORE]
Few = list[RelationInstance]


def renamed(instances: Few, names: Callable[[str], str]) -> Few:
    return [replace(instance, relation=names(str(instance.relation))) for instance in instances]


def test_without_an_encoder_it_takes_the_bundled_one_with_a_pooling_of_its_own() -> None:
    assert RoCORE().encoder.settings.pooling == "span-mean@3+span-mean@5+sentence@4+between@4"


def test_training_moves_the_representations(
    plain: RoCORE, random_encoder: TransformerEncoder, few: Few
) -> None:
    frozen = random_encoder.encode(few)
    assert np.abs(plain.vectors_ - frozen / np.linalg.norm(frozen, axis=1, keepdims=True)).max() > 1e-4
    np.testing.assert_allclose(np.linalg.norm(plain.vectors_, axis=1), 1, atol=1e-5)


def test_labels_are_needed(rocore: Build, few: Few) -> None:
    with pytest.raises(SettingError, match="method 'rocore' learns from labelled instances"):
        rocore().fit(few)


def test_one_labelled_relation_is_refused(rocore: Build, few: Few, known: Few) -> None:
    with pytest.raises(InputError, match="only the relation 'x'"):
        rocore().fit(few, renamed(known, lambda _: "x"))


def test_a_labelled_relation_may_have_one_instance(rocore: Build, few: Few, known: Few) -> None:
    alone = [known[0], *(one for one in known if one.relation != known[0].relation)]
    found = rocore(epochs=1).fit(few, alone)
    assert found.report_["predefined"] == 4


def test_batches_larger_than_either_side_are_that_side(rocore: Build, few: Few, known: Few) -> None:
    found = rocore(2, epochs=1, batch=500).fit(few[:3], known[::5])
    np.testing.assert_array_equal(found.predict(few[:3]), found.labels_)


def test_one_novel_relation_has_all(rocore: Build, few: Few, known: Few) -> None:
    found = rocore(1).fit(few, known)
    assert not found.labels_.any()
    assert found.probabilities_.tolist() == [[1]] * len(few)


def test_as_many_relations_as_instances_are_allowed_and_more_are_not(
    rocore: Build, few: Few, known: Few
) -> None:
    assert 1 <= rocore(6, epochs=1).fit(few[:6], known).n_relations_ <= 6
    with pytest.raises(InputError, match="cannot make 7 clusters of 6 instances"):
        rocore(7).fit(few[:6], known)


def test_vectors_that_are_no_numbers_are_refused(
    rocore: Build, few: Few, known: Few, tiny_bert: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    broken = {name: tensor * float("nan") for name, tensor in weights.items()}
    save_file(broken, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = TransformerEncoder(EncoderSettings(model=str(folder), pooling="span-max@2", device="cpu"))
    with pytest.raises(InputError, match="the vectors hold NaN or infinite values"):
        rocore(encoder=encoder).fit(few, known)


@pytest.mark.parametrize("gold", [None, "same", "each its own"])
def test_gold_relations_of_what_is_clustered_cannot_reach_the_fit(
    gold: str | None, rocore: Build, few: Few, known: Few, plain: RoCORE
) -> None:
    changed = [
        replace(one, relation=f"{gold} {place}" if gold == "each its own" else gold)
        for place, one in enumerate(few)
    ]
    found = rocore().fit(changed, known)
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.report_ == plain.report_


def test_names_of_labelled_relations_change_nothing_but_names(
    rocore: Build, few: Few, known: Few, unified: RoCORE
) -> None:
    found = rocore(incremental=True, select="last").fit(few, renamed(known, lambda name: name[::-1]))
    assert found.probabilities_.tobytes() == unified.probabilities_.tobytes()
    assert found.report_ == unified.report_
    np.testing.assert_array_equal(found.predict(known), unified.predict(known))
    assert {number: name[::-1] for number, name in found.names_.items()} == unified.names_


def test_the_order_of_either_side_changes_nothing(rocore: Build, few: Few, known: Few, plain: RoCORE) -> None:
    found = rocore().fit(few[::-1], known[::-1])
    np.testing.assert_array_equal(found.probabilities_, plain.probabilities_[::-1])
    np.testing.assert_array_equal(found.epochs_labels_, plain.epochs_labels_[:, ::-1])
    assert found.report_ == plain.report_


def test_which_labels_are_the_same_does_matter(rocore: Build, few: Few, known: Few, plain: RoCORE) -> None:
    relations = [one.relation for one in known]
    shuffled = [
        replace(one, relation=name) for one, name in zip(known, relations[2:] + relations[:2], strict=True)
    ]
    assert rocore().fit(few, shuffled).probabilities_.tobytes() != plain.probabilities_.tobytes()


def test_the_report_tells_every_epoch(plain: RoCORE) -> None:
    report = json.loads(json.dumps(plain.report_, allow_nan=False))
    assert (report["labelled"], report["predefined"], len(report["epochs"])) == (20, 4, 3)
    assert len(report["pretraining_loss"]) == 2
    assert report["stopped"] == "after 3 epochs, the most that were allowed"
    assert set(report["epochs"][0]["losses"]) == {"pairwise", "cross_entropy", "reconstruction", "center"}
    agreements = [epoch["agreement"] for epoch in report["epochs"]]
    assert report["kept_epoch"] == 1 + agreements.index(max(agreements))


def test_what_every_epoch_predicted_is_kept_for_experiments(plain: RoCORE, few: Few) -> None:
    history = plain.epochs_labels_
    assert (history.shape, history.dtype) == ((3, len(few)), np.int16)
    kept = history[plain.report_["kept_epoch"] - 1]
    pairs = set(zip(kept.tolist(), plain.labels_.tolist(), strict=True))
    assert len(pairs) == plain.n_relations_, "the kept epoch is the result, under other numbers"


def watching(model: RoCORE, seen: Few) -> RoCORE:
    return model.watching(seen)(**model.get_params(deep=False))


def test_watched_instances_are_predicted_after_every_epoch_and_change_nothing(
    rocore: Build, plain: RoCORE, few: Few, known: Few, instances: Few
) -> None:
    unseen = [*instances[40:47], few[3], few[0]]
    watcher = watching(rocore(), unseen).fit(few, known)
    assert watcher.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert watcher.report_ == plain.report_
    assert (watcher.watched_labels_.shape, plain.watched_labels_.shape) == ((3, 9), (3, 0))
    np.testing.assert_array_equal(watcher.watched_labels_[:, -2:], watcher.epochs_labels_[:, [3, 0]])
    kept = watcher.watched_labels_[watcher.report_["kept_epoch"] - 1]
    predicted = plain.predict(unseen)
    np.testing.assert_array_equal(kept[:, None] == kept, predicted[:, None] == predicted)


def test_gold_relations_of_watched_instances_do_not_reach_the_fit(
    rocore: Build, few: Few, known: Few, instances: Few
) -> None:
    seen = instances[40:47]
    labels = [
        watching(rocore(epochs=1), watched).fit(few, known).watched_labels_
        for watched in (
            seen,
            [one.without_relation() for one in seen],
            renamed(seen, lambda name: name[::-1]),
        )
    ]
    np.testing.assert_array_equal(labels[0], labels[1])
    np.testing.assert_array_equal(labels[0], labels[2])


def test_an_interrupted_fit_keeps_what_it_predicted_of_watched_instances(
    rocore: Build, few: Few, known: Few, instances: Few, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int | None) -> None:
        if stage == "train" and total is not None and done > 2 * total // 3:
            raise KeyboardInterrupt

    whole = watching(rocore(), instances[40:47]).fit(few, known)
    with pytest.raises(KeyboardInterrupt):
        watching(rocore(), instances[40:47]).fit(few, known, progress=interrupt, checkpoints=tmp_path)
    resumed = watching(rocore(), instances[40:47]).fit(few, known, checkpoints=tmp_path)
    np.testing.assert_array_equal(resumed.watched_labels_, whole.watched_labels_)


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"center": False}, "center"),
        ({"reconstruction": False}, "reconstruction"),
        ({"cross_entropy": False}, "cross_entropy"),
    ],
)
def test_ablations_leave_out_a_loss_and_are_saved(
    settings: dict[str, Any], missing: str, rocore: Build, few: Few, known: Few, tmp_path: Path
) -> None:
    found = rocore(**settings).fit(few, known)
    assert all(missing not in epoch["losses"] for epoch in found.report_["epochs"])
    found.save(tmp_path / "model")
    loaded = RoCORE.load(tmp_path / "model")
    assert loaded.predict_proba(few).tobytes() == found.probabilities_.tobytes()
    assert loaded.predefined_ == found.predefined_


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "leaky-relu", "weight_penalty": 1e-5, "pretrain_center": True},
        {"reconstruction_scale": "sum", "center_weight": 3.84, "initial": "normal"},
        {"reconstruction_of": "labeled"},
        {"reconstruction_of": "sum"},
        {"start": "k-means++", "select": "last", "trained_layers": -1},
        {"pretrain_epochs": 0},
    ],
)
def test_every_choice_leads_to_another_result(
    settings: dict[str, Any], rocore: Build, few: Few, known: Few, plain: RoCORE
) -> None:
    found = rocore(**settings).fit(few, known)
    assert found.report_["epochs"] != plain.report_["epochs"]
    np.testing.assert_array_equal(found.predict(few), found.labels_)


def test_additional_epochs_of_pre_training_end_on_a_plateau(rocore: Build, few: Few, known: Few) -> None:
    how = {"epochs": 1, "pretrain_epochs": 2, "pretrain_steps": 400}
    losses = rocore(**how, pretrain_plateau=0.9).fit(few, known).report_["pretraining_loss"]
    assert len(losses) == 6  # two times three epochs are compared
    assert sum(losses[3:]) > 0.1 * sum(losses[:3])


def test_the_reconstruction_is_of_the_labelled_side_of_both_or_of_half_of_each(
    rocore: Build, few: Few, known: Few
) -> None:
    # one step over all instances of each side, with the first weights
    once = {"epochs": 1, "pretrain_epochs": 1, "batch": 500}

    def first_loss(unlabeled: Few, side: str) -> float:
        (loss,) = rocore(**once, reconstruction_of=side).fit(unlabeled, known).report_["pretraining_loss"]
        return float(loss)

    labeled, average, both = (first_loss(few, side) for side in ("labeled", "average", "sum"))
    assert both == pytest.approx(2 * average, abs=2e-6)
    assert labeled < both
    assert first_loss(few[:12], "labeled") == pytest.approx(labeled, abs=2e-6)
    assert first_loss(few[:12], "sum") != pytest.approx(both, abs=2e-6)


def test_the_estimated_number_comes_with_its_curve(rocore: Build, few: Few, known: Few) -> None:
    found = rocore("auto", max_relations=5, epochs=1).fit(few, known)
    assert 1 <= found.n_relations_ <= found.report_["k_curve"]["k"] <= 5


def test_one_classifier_tells_pre_defined_and_novel_relations(unified: RoCORE, few: Few, known: Few) -> None:
    assert sorted(unified.names_.values()) == sorted({str(one.relation) for one in known})
    assert unified.predefined_ == tuple(sorted(unified.names_.values()))
    # the novel ones are there, too, and what the corpus has stands first
    sizes = np.bincount(unified.labels_, minlength=unified.n_relations_)
    assert (np.diff(sizes) <= 0).all()
    assert not set(np.flatnonzero(sizes == 0).tolist()) - set(unified.names_)
    assert set(unified.labels_.tolist()) - set(unified.names_)
    assert unified.report_["predefined_found"] == len(set(unified.labels_.tolist()) & set(unified.names_))


def test_one_classifier_tells_labelled_instances_by_name_and_others_not(
    rocore: Build, few: Few, known: Few
) -> None:
    learner = rocore(
        incremental=True, select="last", epochs=30, learning_rate=0.02, encoder_learning_rate=0.002
    )
    found = learner.fit(few, known)
    told = [found.names_.get(label) for label in found.predict(known).tolist()]
    assert np.mean([name == one.relation for name, one in zip(told, known, strict=True)]) >= 0.7
    novel = [found.names_.get(label) is None for label in found.labels_.tolist()]
    assert np.mean(novel) >= 0.8


def test_the_ramp_gives_the_novel_relations_their_weight(rocore: Build, few: Few, known: Few) -> None:
    settings = {"incremental": True, "select": "last", "ramp_up_epochs": 1}
    light = rocore(**settings, ramp_up_weight=0.0).fit(few, known)
    heavy = rocore(**settings, ramp_up_weight=50.0).fit(few, known)
    losses = [found.report_["epochs"][-1]["losses"]["novel_cross_entropy"] for found in (light, heavy)]
    assert losses[1] < losses[0]


def test_the_classifier_of_all_is_saved_and_loaded(unified: RoCORE, few: Few, tmp_path: Path) -> None:
    unified.save(tmp_path / "model")
    loaded = RoCORE.load(tmp_path / "model")
    assert loaded.predict_proba(few).tobytes() == unified.probabilities_.tobytes()
    assert loaded.names_ == unified.names_


@pytest.mark.parametrize("settings", [{}, {"incremental": True, "select": "last"}])
def test_more_pseudo_labels_than_relations_are_merged(
    rocore: Build, few: Few, known: Few, tmp_path: Path, settings: dict[str, Any]
) -> None:
    found = rocore(n_relations=2, n_clusters=8, **settings).fit(few, known)
    assert found.n_relations_ - len(found.names_) <= 2
    assert found.probabilities_.shape == (len(few), found.n_relations_)
    np.testing.assert_allclose(found.probabilities_.sum(axis=1), 1, rtol=1e-5)
    assert (np.diff(np.bincount(found.labels_)) <= 0).all()
    assert (found.predict(few) == found.labels_).all()
    found.save(tmp_path / "model")
    loaded = RoCORE.load(tmp_path / "model")
    assert loaded.predict_proba(few).tobytes() == found.probabilities_.tobytes()


def test_fewer_pseudo_labels_than_relations_or_more_than_instances_are_refused(
    rocore: Build, few: Few, known: Few
) -> None:
    with pytest.raises(SettingError, match="n_clusters is 2, but 3 relations were asked for"):
        rocore(n_relations=3, n_clusters=2).fit(few, known)
    with pytest.raises(InputError, match=f"n_clusters is 999, but there are only {len(few)} instances"):
        rocore(n_relations=3, n_clusters=999).fit(few, known)


def test_without_it_every_relation_is_novel(plain: RoCORE) -> None:
    assert plain.names_ == {}
    assert len(plain.predefined_) == 4
    assert "predefined_found" not in plain.report_


def test_labelled_sentences_that_repeat_or_contradict_are_told(rocore: Build, few: Few, known: Few) -> None:
    twice = replace(known[0], id="again")
    wrong = replace(known[1], id="other", relation="something else")
    found = rocore(epochs=1).fit(few, [*known, twice, wrong])
    assert found.report_["labelled"] == 19
    assert [warning[:11] for warning in found.report_["warnings"][:2]] == ["1 of 22 lab", "2 of 22 lab"]


def test_codes_behind_the_pre_training_are_those_that_reconstruction_alone_leaves(
    rocore: Build, few: Few, known: Few, plain: RoCORE
) -> None:
    codes = plain.pretrained_codes(few)
    assert (codes.shape, codes.dtype) == ((24, 4), np.float32)
    assert np.isfinite(codes).all()
    # what trains behind it reaches neither them nor their order
    other = rocore(epochs=1, margin=1.0).fit(few, known)
    np.testing.assert_array_equal(other.pretrained_codes(few[::-1]), codes[::-1])
    longer = rocore(pretrain_epochs=9).fit(few, known)
    assert not np.allclose(longer.pretrained_codes(few), codes, atol=1e-3)


def test_a_leaky_mapping_gives_codes_of_its_own(
    rocore: Build, few: Few, known: Few, random_encoder: TransformerEncoder
) -> None:
    settings = RoCORESettings(layers="16-4", activation="leaky-relu")
    network = Network(
        TunableEncoder(random_encoder, trained_layers=1), n_known=4, n_novel=4, settings=settings, seed=0
    )
    vectors = random_encoder.encode(few)
    first, bias, second, last = (parameter.numpy(force=True) for parameter in network.g.parameters())
    hidden = vectors @ first.T + bias
    by_hand = np.where(hidden > 0, hidden, 0.01 * hidden) @ second.T + last
    np.testing.assert_allclose(outputs(network.g, vectors, scale=1.0), by_hand, rtol=1e-4, atol=1e-5)
    leaky, plain = (rocore(activation=name, epochs=1).fit(few, known) for name in ("leaky-relu", "relu"))
    assert not np.allclose(leaky.pretrained_codes(few), plain.pretrained_codes(few), atol=1e-3)


@pytest.mark.parametrize("settings", [{"reconstruction": False}, {"pretrain_epochs": 0}])
def test_without_pre_training_there_are_no_such_codes(
    settings: dict[str, Any], rocore: Build, few: Few, known: Few
) -> None:
    with pytest.raises(SettingError, match="codes after pre-training are not available"):
        rocore(**settings).fit(few, known).pretrained_codes(few)


def test_a_discovery_knows_pre_defined_relations_that_its_corpus_lacks(
    random_encoder: TransformerEncoder, few: Few, known: Few, tmp_path: Path
) -> None:
    settings = {
        "layers": "16-4",
        "pretrain_epochs": 2,
        "pretrain_steps": 0,
        "epochs": 30,
        "epoch_steps": 0,
        "batch": 10,
        "stop_change": 0.0,
        "training_dtype": "float32",
        "incremental": True,
        "select": "last",
        "learning_rate": 0.02,
        "encoder_learning_rate": 0.002,
    }
    found = discover(
        few,
        labeled=known,
        method="rocore",
        n_relations=4,
        encoder=random_encoder,
        settings=settings,
    )
    given = found.model.names_  # type: ignore[attr-defined]
    lacking = sorted(set(given) - {one.id for one in found.relations})
    assert lacking, "nothing in the corpus is told to be any of them"
    assert {id: found.names[id] for id in given} == given
    found.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.names == found.names
    triples = list(loaded.extract(known))
    assert len(triples) == len(known)
    assert {one.relation for one in triples} & {given[id] for id in lacking}
    with pytest.raises(InputError, match=f"another relation is already called '{given[lacking[0]]}'"):
        loaded.rename(loaded.relations[0].id, given[lacking[0]])
    with pytest.raises(InputError, match="which has no instance in the corpus"):
        loaded.drop(lacking[0])
