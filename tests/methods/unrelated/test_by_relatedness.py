"""Pairs left out by the relatedness model: thresholds, and what stands behind a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import silent
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.methods import load_fitted
from relscout.methods.kmeans import KMeans
from relscout.methods.unrelated import NoRelationWrapper, RelatednessDetector, checked_precision, is_connected
from relscout.methods.unrelated.detector import redrawn_pairs
from relscout.text.relatedness import Relatedness

Instances = list[RelationInstance]


@pytest.fixture(scope="module")
def small_encoder(tiny_bert: Path, tiny_encoder: Callable[[], TransformerEncoder]) -> TransformerEncoder:
    return TransformerEncoder(tiny_encoder().settings, cache=VectorCache())


@pytest.fixture(scope="module")
def model(small_encoder: TransformerEncoder) -> Relatedness:
    """The bundled model with another first layer, which reads a random BERT; its probabilities count as they are."""
    bundled, settings = Relatedness.load(), small_encoder.settings
    random = np.random.default_rng(0)
    networks = tuple(
        {**network, "project.weight": random.normal(0, 0.05, (96, network["project.bias"].size))}
        for network in bundled.networks
    )
    return replace(
        bundled,
        encoder={"model": settings.model, "marking": settings.marking, "pooling": settings.pooling},
        parts=((64, True), (32, False)),
        networks=tuple(
            {name: array.astype(np.float16).astype(np.float32) for name, array in network.items()}
            for network in networks
        ),
        # some are above a half and some below, whatever the bundled trees say
        calibration=((1.0, -2.5), (1.0, -2.5)),
        card={"holds": [1.0, 0.0], "base_rate": 0.2},
    )


@pytest.fixture(scope="module")
def mixed(corpus: Instances) -> Instances:
    """Pairs of the corpus and, of the same sentences, pairs re-drawn."""
    related = [one for one in corpus if not one.is_unrelated][::8]
    return [*related, *redrawn_pairs(related, seed=7)]


@pytest.fixture(scope="module")
def kept(small_encoder: TransformerEncoder, model: Relatedness, mixed: Instances) -> NoRelationWrapper:
    """A fit that keeps the pairs of which half are expected to be related."""
    method = KMeans(small_encoder, n_relations=3, start="k-means++")
    return NoRelationWrapper(method, precision=0.5, relatedness_model=model).fit(mixed)


def probabilities(*, size: int = 400, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).beta(0.5, 1.5, size).astype(np.float32)


# -- thresholds


@pytest.mark.parametrize("precision", [0.3, 0.5, 0.8])
def test_what_is_kept_is_expected_to_reach_the_precision(model: Relatedness, precision: float) -> None:
    given, detector = probabilities(), RelatednessDetector(model, precision=precision)
    detector.set_threshold(given, None)
    chosen = given >= detector.thresholds[0]
    assert given[chosen].mean() == pytest.approx(precision, abs=0.02)
    assert given[chosen].mean() >= precision - 1e-4
    assert detector.share == pytest.approx(1 - chosen.mean())


def test_a_higher_precision_keeps_fewer_pairs(model: Relatedness) -> None:
    shares = []
    for precision in (0.1, 0.4, 0.6, 0.9):
        detector = RelatednessDetector(model, precision=precision)
        detector.set_threshold(probabilities(), None)
        shares.append(detector.share)
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]


def test_a_precision_that_no_pair_reaches_keeps_none(model: Relatedness) -> None:
    given, detector = np.full(9, 0.4, dtype=np.float32), RelatednessDetector(model, precision=0.9)
    detector.set_threshold(given, None)
    assert not (given >= detector.thresholds[0]).any()
    assert (detector.none(given, np.zeros(9, dtype=np.int64)) > 0.5).all()


def test_the_kind_of_text_decides_what_a_precision_keeps(model: Relatedness) -> None:
    given, lines = probabilities(), []
    for connected in (True, False):
        detector = RelatednessDetector(model, precision=0.6, connected=connected)
        detector.set_threshold(given, None)
        lines.append(detector.thresholds[0])
    assert lines[0] > lines[1]


def test_judging_other_text_does_not_move_a_threshold(
    model: Relatedness, small_encoder: TransformerEncoder, mixed: Instances
) -> None:
    document = [replace(one, document="d", document_start=place) for place, one in enumerate(mixed[:2])]
    assert (is_connected(mixed), is_connected(document), is_connected([])) == (False, True, False)
    given, lines = probabilities(), []
    for judged in (mixed[:2], document):
        detector = RelatednessDetector(model, precision=0.6, connected=False)
        detector.probabilities(judged, encoder=small_encoder, progress=silent)
        detector.set_threshold(given, None)
        lines.append(detector.thresholds[0])
    assert lines[0] == lines[1]


def test_a_saved_detector_knows_the_kind_of_its_text(model: Relatedness) -> None:
    detector = RelatednessDetector(model, precision=0.6, connected=False)
    detector.set_threshold(probabilities(), None)
    again = RelatednessDetector.restored(*detector.state())
    assert (again.connected, again.precision, again.share) == (False, 0.6, detector.share)
    again.set_threshold(probabilities(), None)
    assert again.thresholds.tolist() == detector.thresholds.tolist()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 0.5, 0.99])
def test_a_given_share_is_left_out_exactly(model: Relatedness, share: float) -> None:
    given, detector = probabilities(), RelatednessDetector(model)
    detector.set_threshold(given, share)
    none = detector.none(given, np.zeros(len(given), dtype=np.int64)) > 0.5
    assert none.sum() == round(share * len(given))
    assert detector.share == none.mean()
    if none.any():
        assert given[none].max() <= given[~none].min()


@pytest.mark.parametrize("related", [0.1, 0.4])
def test_the_share_is_estimated_for_a_corpus_of_another_mix(model: Relatedness, related: float) -> None:
    random = np.random.default_rng(0)
    is_related = random.random(20_000) < related
    # calibrated where a fifth of the pairs is related, as the model's card says
    likelihood = np.exp(random.normal(np.where(is_related, 2.0, -2.0), 2.0))
    odds = likelihood * 0.2 / 0.8
    given = (odds / (1 + odds)).astype(np.float32)
    detector = RelatednessDetector(model)
    detector.set_threshold(given, "auto")
    assert 1 - detector.share == pytest.approx(related, abs=0.05)


def test_each_relation_has_a_threshold_at_which_its_own_pairs_reach_the_precision(model: Relatedness) -> None:
    sure, unsure = probabilities(seed=1) * 0.4 + 0.55, probabilities(seed=2) * 0.9
    given, relations = np.concatenate([sure, unsure]), np.repeat([0, 1], 400)
    detector = RelatednessDetector(model, precision=0.7)
    detector.set_threshold(given, None)
    common = float(detector.thresholds[0])
    detector.set_own_thresholds(given, relations, 2)
    low, high = detector.thresholds
    assert 0.6 * common <= low < common < high
    none = detector.none(given, relations) > 0.5
    assert given[(relations == 1) & ~none].mean() == pytest.approx(0.7, abs=0.02)
    assert detector.share == pytest.approx(none.mean())


def test_a_relation_of_few_pairs_keeps_the_common_threshold(model: Relatedness) -> None:
    given = np.concatenate([probabilities(), np.full(5, 0.95, dtype=np.float32)])
    relations = np.repeat([0, 1], [400, 5])
    detector = RelatednessDetector(model, precision=0.6)
    detector.set_threshold(given, None)
    common = float(detector.thresholds[0])
    detector.set_own_thresholds(given, relations, 2)
    assert detector.thresholds[1] == common


def test_a_share_has_no_thresholds_of_relations(model: Relatedness) -> None:
    detector = RelatednessDetector(model)
    detector.set_threshold(probabilities(), 0.5)
    before = detector.thresholds.copy()
    detector.set_own_thresholds(probabilities(), np.arange(400) % 3, 3)
    np.testing.assert_array_equal(detector.thresholds, before)


@pytest.mark.parametrize("precision", [0.45, 0.6, 0.75])
def test_the_pair_at_the_threshold_is_kept(model: Relatedness, precision: float) -> None:
    # with a slope and a shift, the threshold is found on another scale
    turned = replace(model, card={"holds": [1.05, 1.32]})
    for seed in range(20):
        given, detector = probabilities(seed=seed), RelatednessDetector(turned, precision=precision)
        detector.set_threshold(given, None)
        none = detector.none(given, np.zeros(len(given), dtype=np.int64)) > 0.5
        np.testing.assert_array_equal(none, given < detector.thresholds[0])
        assert given[~none].min() == np.float32(detector.thresholds[0])


def test_a_pair_just_below_its_threshold_has_no_relation(model: Relatedness) -> None:
    line = np.float32(0.3)
    detector = RelatednessDetector(model, thresholds=np.array([float(line)]))
    given = np.array([np.nextafter(line, np.float32(0)), line], dtype=np.float32)
    assert (detector.none(given, np.zeros(2, dtype=np.int64)) > 0.5).tolist() == [True, False]


@pytest.mark.parametrize("precision", [0, -0.1, 1.1, float("nan"), "much", True, None])
def test_a_precision_that_is_none_is_refused(precision: Any) -> None:
    with pytest.raises(SettingError, match="expected a share above 0 and up to 1"):
        checked_precision(precision)


# -- behind a method


def test_pairs_below_the_thresholds_have_no_relation(kept: NoRelationWrapper, mixed: Instances) -> None:
    assert kept.related_ is not None
    assert kept.related_.shape == (len(mixed),)
    lines = np.array(kept.report_["relatedness"]["thresholds"])
    assert lines.shape == (kept.n_relations_,)
    likeliest = kept.probabilities_[:, :-1].argmax(axis=1)
    clear = np.abs(kept.related_ - lines[likeliest]) > 1e-3
    np.testing.assert_array_equal((kept.labels_ < 0)[clear], (kept.related_ < lines[likeliest])[clear])
    assert 0 < (kept.labels_ < 0).sum() == kept.report_["no_relation"] < len(mixed)
    assert kept.report_["relatedness"]["precision"] == kept.settings()["precision"] == 0.5
    assert kept.report_["none_share"] == pytest.approx((kept.labels_ < 0).mean(), abs=1e-4)


def test_the_order_of_the_pairs_changes_nothing(
    kept: NoRelationWrapper, small_encoder: TransformerEncoder, model: Relatedness, mixed: Instances
) -> None:
    method = KMeans(small_encoder, n_relations=3, start="k-means++")
    again = NoRelationWrapper(method, precision=0.5, relatedness_model=model).fit(mixed[::-1])
    np.testing.assert_array_equal(again.labels_[::-1], kept.labels_)
    assert again.related_ is not None
    assert again.related_[::-1].tobytes() == kept.related_.tobytes()  # type: ignore[union-attr]


def test_saved_and_loaded_it_judges_the_same(
    kept: NoRelationWrapper, mixed: Instances, tmp_path: Path
) -> None:
    kept.save(tmp_path / "model")
    loaded = load_fitted(tmp_path / "model")
    assert isinstance(loaded, NoRelationWrapper)
    loaded.encoder.cache = kept.encoder.cache
    assert loaded.predict_proba(mixed).tobytes() == kept.predict_proba(mixed).tobytes()
    np.testing.assert_array_equal(loaded.predict(mixed), kept.labels_)
    related = loaded.relatedness(mixed)
    assert related is not None
    np.testing.assert_allclose(related, kept.related_, atol=1e-6)
    assert loaded.settings()["precision"] == 0.5


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_a_share_is_honoured_where_too_few_pairs_can_be_drawn(
    small_encoder: TransformerEncoder, model: Relatedness, instances: Instances, share: float
) -> None:
    alone = [one for one in instances if not redrawn_pairs([one], seed=0)][:20]
    fitted = NoRelationWrapper(KMeans(small_encoder, n_relations=2), share, relatedness_model=model).fit(
        alone
    )
    assert (fitted.labels_ < 0).sum() == round(share * len(alone))
    assert "so the bundled relatedness model decides" in fitted.report_["warnings"][0]


def test_instances_with_equal_scores_are_not_separated_and_that_is_reported(
    small_encoder: TransformerEncoder, model: Relatedness, mixed: Instances
) -> None:
    repeated = [replace(mixed[0], id=f"again {number}") for number in range(12)]
    alone = [*mixed[1:4], *repeated]
    fitted = NoRelationWrapper(KMeans(small_encoder, n_relations=1), 0.4, relatedness_model=model).fit(alone)
    left_out = int((fitted.labels_ < 0).sum())
    assert left_out != 6
    assert (
        f"asks to leave out 6 of 15 instances, and {left_out} were left out" in fitted.report_["warnings"][-1]
    )


def test_judged_pairs_calibrate_the_model(
    kept: NoRelationWrapper, small_encoder: TransformerEncoder, model: Relatedness, mixed: Instances
) -> None:
    # whoever calls nearly all of them related wants more to be kept
    judged = [replace(one, relation="spouse") for one in mixed[:20]]
    judged.append(replace(mixed[20], relation="no_relation"))
    method = KMeans(small_encoder, n_relations=3, start="k-means++")
    generous = NoRelationWrapper(method, judged, precision=0.5, relatedness_model=model).fit(mixed)
    assert generous.settings()["none"] == "judged"
    assert generous.related_ is not None
    assert kept.related_ is not None
    assert generous.related_.mean() > kept.related_.mean()
    assert (generous.labels_ < 0).sum() < (kept.labels_ < 0).sum()
    order = np.argsort(kept.related_, kind="stable")
    assert (np.diff(generous.related_[order]) >= -1e-6).all()


def test_where_no_pair_is_kept_it_says_what_to_change(
    small_encoder: TransformerEncoder, model: Relatedness, mixed: Instances
) -> None:
    method = KMeans(small_encoder, n_relations=3)
    with pytest.raises(InputError, match=r"none is sure enough .* of 100%; .*--precision"):
        NoRelationWrapper(method, precision=1.0, relatedness_model=model).fit(mixed)


def test_a_share_and_a_precision_are_refused() -> None:
    with pytest.raises(SettingError, match="either decides how many pairs are kept; give one of them"):
        NoRelationWrapper(KMeans(), 0.2, precision=0.8).settings()


def test_the_bundled_model_reads_whitened_vectors_whatever_the_method_reads(corpus: Instances) -> None:
    detector, some = RelatednessDetector.bundled(), corpus[:4]
    settings = EncoderSettings(**detector.model.encoder)
    own = TransformerEncoder(settings)
    typed = TransformerEncoder(replace(settings, pooling=f"{settings.pooling}+coarse-types*1.5"))
    assert own.whitening is not None
    assert typed.whitening is None
    np.testing.assert_allclose(
        detector.vectors(some, encoder=typed, progress=silent), own.encode(some), atol=1e-6
    )
