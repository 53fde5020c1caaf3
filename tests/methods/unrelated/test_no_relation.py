from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.methods import load_fitted, method
from relscout.methods.kmeans import KMeans
from relscout.methods.transfer import Transfer
from relscout.methods.unrelated import NoRelationWrapper
from relscout.methods.unrelated.detector import redrawn_pairs
from relscout.text.relatedness import Relatedness

Instances = list[RelationInstance]
#: Settings with which a method that trains is fitted in a moment.
QUICK: dict[str, dict[str, Any]] = {
    "rocore": {
        "layers": "64-16",
        "pretrain_steps": 10,
        "epochs": 1,
        "epoch_steps": 2,
        "batch": 20,
        "start": "k-means++",
    },
    "siamese": {
        "epochs": 1,
        "warm_up_epochs": 0,
        "batch": 40,
        "neighbours": 5,
        "predictor_width": 64,
        "start": "k-means++",
    },
}


def kmeans(encoder: TransformerEncoder, n_relations: int = 14) -> KMeans:
    return KMeans(encoder, n_relations=n_relations, start="k-means++")


@pytest.fixture(scope="module")
def mixed(corpus: Instances) -> tuple[Instances, np.ndarray]:
    """Instances of all relations and pairs re-drawn in their sentences, and which of them are the latter."""
    related = [one for one in corpus if one.relation != "no_relation"][::2]
    pairs = redrawn_pairs(related, seed=7)
    return [*related, *pairs], np.arange(len(related) + len(pairs)) >= len(related)


@pytest.fixture(scope="module")
def found(encoder: TransformerEncoder, mixed: tuple[Instances, np.ndarray]) -> NoRelationWrapper:
    return NoRelationWrapper(kmeans(encoder)).fit(mixed[0])


def test_redrawn_pairs_are_told_from_related_ones(
    found: NoRelationWrapper, mixed: tuple[Instances, np.ndarray]
) -> None:
    _, redrawn = mixed
    assert roc_auc_score(redrawn, found.probabilities_[:, -1]) > 0.8
    told = found.labels_ < 0
    assert told[redrawn].mean() > 3 * told[~redrawn].mean()
    assert found.report_["no_relation"] == told.sum()


def test_predicting_what_was_fitted_gives_the_labels(
    found: NoRelationWrapper, mixed: tuple[Instances, np.ndarray]
) -> None:
    instances, _ = mixed
    assert found.none_ == found.n_relations_ == 14
    assert found.probabilities_.shape == (len(instances), 15)
    np.testing.assert_array_equal(found.predict(instances[::-1])[::-1], found.labels_)
    assert found.predict_proba(instances).tobytes() == found.probabilities_.tobytes()
    assert found.transform(instances).tobytes() == found.vectors_.tobytes()
    sizes = np.bincount(found.labels_[found.labels_ >= 0]).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 14


def test_saved_and_loaded_it_tells_the_same(
    found: NoRelationWrapper, mixed: tuple[Instances, np.ndarray], tmp_path: Path
) -> None:
    few = mixed[0][::5]
    found.save(tmp_path / "model")
    loaded = load_fitted(tmp_path / "model")
    assert isinstance(loaded, NoRelationWrapper)
    loaded.encoder.cache = found.encoder.cache
    assert loaded.predict_proba(few).tobytes() == found.predict_proba(few).tobytes()
    assert loaded.settings()["none"] == "auto"


def test_the_cache_of_the_encoder_is_given_back(random_encoder: TransformerEncoder, mixed: object) -> None:
    bare = TransformerEncoder(random_encoder.settings)
    NoRelationWrapper(KMeans(bare, n_relations=2), 0.1).fit(mixed[0][:60])  # type: ignore[index]
    assert bare.cache is None


def test_without_other_entities_the_relatedness_model_decides_and_it_is_told(
    encoder: TransformerEncoder, instances: Instances
) -> None:
    alone = [one for one in instances if not redrawn_pairs([one], seed=0)][:40]
    fitted = NoRelationWrapper(KMeans(encoder, n_relations=2)).fit(alone[:10])
    assert fitted.none_ == 2
    assert fitted.probabilities_.shape == (10, 3)
    assert fitted.related_ is not None
    # all of them are related
    assert fitted.report_["no_relation"] <= 3
    (note,) = fitted.report_["warnings"]
    assert "too few to learn what no relation looks like" in note
    assert "so the bundled relatedness model decides" in note


def test_more_relations_than_are_left_are_refused(
    encoder: TransformerEncoder, mixed: tuple[Instances, np.ndarray]
) -> None:
    with pytest.raises(InputError, match=r"ask for fewer relations, or give a smaller share .* than 0\.99"):
        NoRelationWrapper(kmeans(encoder, 30), 0.99).fit(mixed[0])


def test_a_method_that_separates_unrelated_pairs_itself_is_refused(
    encoder: TransformerEncoder, mixed: tuple[Instances, list[bool]]
) -> None:
    with pytest.raises(SettingError, match=r"no_relation_fnr is 0\.05\).*set no_relation_fnr to 0"):
        NoRelationWrapper(Transfer(encoder, n_relations=4, open_world=True)).fit(mixed[0])


def test_in_an_open_world_the_relatedness_model_separates_unrelated_pairs(
    encoder: TransformerEncoder, mixed: tuple[Instances, np.ndarray], labelled: Instances, tmp_path: Path
) -> None:
    instances, redrawn = mixed[0][::3], mixed[1][::3]
    quick = {"layers": "16-8", "autoencoder_steps": 20, "supervised_layers": 1, "supervised_steps": 4}
    open_world = {"open_world": True, "no_relation_fnr": 0.0, "known_fnr": 0.5}
    method = Transfer(encoder, n_relations=2, start="k-means++", **open_world, **quick)
    fitted = NoRelationWrapper(method, 0.3).fit(instances, labelled)
    left_out = fitted.labels_ < 0
    assert left_out.mean() == pytest.approx(0.3, abs=0.03)
    assert left_out[redrawn].mean() > left_out[~redrawn].mean() + 0.2
    assert fitted.related_ is not None
    assert set(fitted.names_.values()) <= {str(one.relation) for one in labelled}
    assert fitted.none_ == fitted.n_relations_ == fitted.method.n_relations_
    fitted.save(tmp_path / "model")
    loaded = load_fitted(tmp_path / "model")
    # all of them: the other pairs of a sentence matter to the relatedness model
    np.testing.assert_array_equal(loaded.predict(instances), fitted.labels_)


@pytest.mark.parametrize("name", ["hac", "rocore", "siamese"])
def test_any_method_can_stand_behind_it(
    name: str,
    tiny_encoder: Callable[[], TransformerEncoder],
    mixed: tuple[Instances, np.ndarray],
    labelled: Instances,
) -> None:
    few, kind = mixed[0][::6], method(name)
    labeled = labelled if kind.LABELS == "required" else None
    found = NoRelationWrapper(kind(tiny_encoder(), n_relations=4, **QUICK.get(name, {})), 0.1).fit(
        few, labeled
    )
    assert (found.labels_ < 0).mean() == pytest.approx(0.1, abs=0.02)
    assert found.CITATION == kind.CITATION
    np.testing.assert_array_equal(found.predict(few), found.labels_)


def test_a_few_judged_instances_take_the_place_of_a_share(
    encoder: TransformerEncoder, mixed: tuple[Instances, np.ndarray], tmp_path: Path
) -> None:
    instances, redrawn = mixed
    related, drawn = instances[:30], instances[-30:]
    judged = [*related, *(replace(one, relation="Other") for one in drawn)]
    found = NoRelationWrapper(kmeans(encoder), judged).fit(instances)
    told = found.labels_ < 0
    assert told[redrawn].mean() > 0.6
    assert told[~redrawn].mean() < 0.4
    assert found.report_["none_share"] == pytest.approx(told.mean(), abs=1e-3)
    assert found.settings()["none"] == "judged"
    other = NoRelationWrapper(kmeans(encoder), judged[:-1])
    assert other.settings()["none_judged"] != found.settings()["none_judged"]
    found.save(tmp_path / "model")
    loaded = load_fitted(tmp_path / "model")
    assert loaded.settings() == {**found.settings(), "encoder": loaded.settings()["encoder"]}
    np.testing.assert_array_equal(loaded.predict(instances[:50]), found.labels_[:50])
    # their order decides nothing
    again = NoRelationWrapper(kmeans(encoder), judged[::-1]).fit(instances)
    np.testing.assert_array_equal(again.labels_, found.labels_)


def test_judged_instances_that_tell_nothing_are_refused(instances: Instances) -> None:
    with pytest.raises(InputError, match=r"0 of 5 judged instances are unrelated; some of either kind"):
        NoRelationWrapper(KMeans(), instances[:5]).settings()
    with pytest.raises(InputError, match=r"5 of 5 judged instances are unrelated"):
        NoRelationWrapper(KMeans(), [replace(one, relation="NA") for one in instances[:5]]).settings()
    with pytest.raises(InputError, match=r"a judged instance needs a gold relation"):
        NoRelationWrapper(KMeans(), [one.without_relation() for one in instances[:5]]).settings()
    with pytest.raises(InputError, match=r"0 of 0 judged instances"):
        NoRelationWrapper(KMeans(), []).settings()


def test_a_relatedness_model_that_is_not_needed_is_reported(
    random_encoder: TransformerEncoder, mixed: tuple[Instances, np.ndarray]
) -> None:
    method = kmeans(random_encoder, n_relations=3)
    fitted = NoRelationWrapper(method, 0.2, relatedness_model=Relatedness.load()).fit(mixed[0][::2])
    assert fitted.report_["warnings"][0].startswith("the relatedness model is not used")
