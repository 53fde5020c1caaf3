from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputError
from relscout.core.instances import Mention, RelationInstance
from relscout.text.pair_features import PAIR_FEATURES, in_connected_text, pair_features
from relscout.text.relatedness import Relatedness, refitted, threshold_for

TEXT = "Anna Berg, born in Oslo, founded Acme with Carl Dahl in Rome in 1999."
NAMES = {
    "Anna Berg": "PERSON",
    "Oslo": "GPE",
    "Acme": "ORG",
    "Carl Dahl": "PERSON",
    "Rome": "GPE",
    "1999": "DATE",
}


def mention(name: str) -> Mention:
    start = TEXT.index(name)
    return Mention(start, start + len(name), NAMES[name])


def all_pairs() -> list[RelationInstance]:
    names = list(NAMES)
    return [
        RelationInstance(TEXT, mention(one), mention(other), document="d", document_start=0)
        for place, one in enumerate(names)
        for other in names[place + 1 :]
    ]


@pytest.fixture(scope="module")
def model() -> Relatedness:
    return Relatedness.load()


@pytest.fixture(scope="module")
def vectors(model: Relatedness) -> NDArray[np.float32]:
    return random_vectors(model, len(all_pairs()))


def random_vectors(model: Relatedness, count: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(0).normal(size=(count, model.dimension)).astype(np.float32)
    return drawn / np.sqrt(model.dimension / len(model.parts)).astype(np.float32)


def test_the_bundled_model_gives_a_probability_for_each_pair(
    model: Relatedness, vectors: NDArray[np.float32]
) -> None:
    found = model.probabilities(all_pairs(), vectors)
    assert found.shape == (15,)
    assert found.dtype == np.float32
    assert ((found > 0) & (found < 1)).all()
    assert len(set(found.tolist())) > 1


def test_the_encoder_is_named_by_plain_settings(model: Relatedness) -> None:
    assert {"model", "pooling"} <= model.encoder.keys()
    assert json.loads(json.dumps(dict(model.encoder))) == dict(model.encoder)


def test_the_bundled_model_is_small(model: Relatedness, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    assert sum(file.stat().st_size for file in (tmp_path / "model").iterdir()) < 3_000_000


def test_the_order_of_the_pairs_changes_nothing(model: Relatedness, vectors: NDArray[np.float32]) -> None:
    pairs = all_pairs()
    order = np.random.default_rng(1).permutation(len(pairs))
    mixed = model.probabilities([pairs[place] for place in order], vectors[order])
    np.testing.assert_allclose(mixed, model.probabilities(pairs, vectors)[order], atol=1e-5)


def test_it_makes_no_difference_which_entity_is_the_head(
    model: Relatedness, vectors: NDArray[np.float32]
) -> None:
    turned = [replace(one, head=one.tail, tail=one.head) for one in all_pairs()]
    swapped, begin = vectors.copy(), 0
    for width, two_sided in model.parts:
        if two_sided:
            middle, end = begin + width // 2, begin + width
            swapped[:, begin:middle], swapped[:, middle:end] = (
                vectors[:, middle:end],
                vectors[:, begin:middle],
            )
        begin += width
    np.testing.assert_allclose(
        model.probabilities(turned, swapped), model.probabilities(all_pairs(), vectors), atol=1e-6
    )


def test_the_other_pairs_of_the_sentence_count(model: Relatedness, vectors: NDArray[np.float32]) -> None:
    alone = model.probabilities(all_pairs()[:1], vectors[:1])
    assert alone[0] != model.probabilities(all_pairs(), vectors)[0]


def test_other_sentences_do_not_count(model: Relatedness, vectors: NDArray[np.float32]) -> None:
    pairs = [replace(one, document="") for one in all_pairs()]
    other = RelationInstance("Ida met Bo.", Mention(0, 3, "PERSON"), Mention(8, 10, "PERSON"))
    together = model.probabilities([*pairs, other], np.vstack([vectors, vectors[:1]]))
    np.testing.assert_allclose(together[:-1], model.probabilities(pairs, vectors), atol=1e-6)


def test_pairs_of_other_sets_do_not_count(model: Relatedness, vectors: NDArray[np.float32]) -> None:
    pairs = all_pairs()
    sets = np.array([place % 3 for place in range(len(pairs))], dtype=np.int64)
    together = model.probabilities(pairs, vectors, sets=sets)
    for number in range(3):
        own = np.flatnonzero(sets == number)
        alone = model.probabilities([pairs[row] for row in own], vectors[own])
        assert together[own] == pytest.approx(alone, abs=1e-6)
    assert not np.allclose(together, model.probabilities(pairs, vectors), atol=1e-3)


def test_no_pairs_give_no_probabilities(model: Relatedness) -> None:
    assert model.probabilities([], np.empty((0, model.dimension), dtype=np.float32)).shape == (0,)


def test_vectors_of_another_encoder_are_refused(model: Relatedness) -> None:
    with pytest.raises(InputError, match=rf"have shape \(15, 3\), expected \(15, {model.dimension}\)"):
        model.probabilities(all_pairs(), np.zeros((15, 3), dtype=np.float32))


def test_what_is_saved_loads_to_the_same(
    model: Relatedness, vectors: NDArray[np.float32], tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    again = Relatedness.load(tmp_path / "model")
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(
        again.probabilities(all_pairs(), vectors), model.probabilities(all_pairs(), vectors)
    )


def test_a_damaged_model_is_refused(model: Relatedness, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    tensors = tmp_path / "model" / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-8])
    with pytest.raises(ArtifactError, match="changed after it was saved"):
        Relatedness.load(tmp_path / "model")


def test_a_model_of_other_features_is_refused(model: Relatedness, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    described = tmp_path / "model" / "artifact.json"
    content = json.loads(described.read_text())
    content["settings"]["features"].pop()
    described.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="other features"):
        Relatedness.load(tmp_path / "model")


def test_a_model_with_a_setting_missing_is_refused(model: Relatedness, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    described = tmp_path / "model" / "artifact.json"
    content = json.loads(described.read_text())
    del content["settings"]["calibration"]
    described.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="not a complete relatedness model"):
        Relatedness.load(tmp_path / "model")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not a saved model"):
        Relatedness.load(tmp_path)


@pytest.mark.parametrize("verdict", [True, False])
def test_six_judged_pairs_move_the_calibration_their_way(
    model: Relatedness, vectors: NDArray[np.float32], verdict: bool
) -> None:
    before = model.probabilities(all_pairs(), vectors)
    moved = model.recalibrated(all_pairs()[:6], vectors[:6], [verdict] * 6).probabilities(
        all_pairs(), vectors
    )
    assert (moved > before).all() if verdict else (moved < before).all()
    np.testing.assert_array_equal(np.argsort(before), np.argsort(moved))


def test_without_judged_pairs_the_calibration_stays(model: Relatedness) -> None:
    assert model.recalibrated([], np.empty((0, model.dimension), dtype=np.float32), []) is model


def test_a_judgement_that_is_missing_is_refused(model: Relatedness, vectors: NDArray[np.float32]) -> None:
    with pytest.raises(InputError, match="14 judgements for 15 pairs"):
        model.recalibrated(all_pairs(), vectors, [True] * 14)


def test_many_judged_pairs_calibrate() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=4000) * 2
    judged = random.random(4000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    slope, shift = refitted(logits, judged.tolist())
    assert slope == pytest.approx(0.5, abs=0.08)
    assert shift == pytest.approx(-1, abs=0.12)


def test_all_pairs_are_kept_where_their_mean_reaches_the_precision() -> None:
    assert threshold_for(np.array([0.9, 0.8, 0.7], dtype=np.float32), 0.8) == 0.0


def test_the_surest_pairs_are_kept_up_to_the_precision() -> None:
    found = threshold_for(np.array([0.1, 0.9, 0.5, 0.7], dtype=np.float32), 0.7)
    assert found == pytest.approx(0.5)


def test_no_pair_is_kept_where_none_is_sure_enough() -> None:
    probabilities = np.array([0.3, 0.4], dtype=np.float32)
    assert not (probabilities >= threshold_for(probabilities, 0.8)).any()


def test_without_pairs_the_threshold_is_one() -> None:
    assert threshold_for(np.empty(0, dtype=np.float32), 0.8) == 1.0


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30),
    st.floats(0.05, 0.95),
)
def test_what_is_kept_reaches_the_precision_and_no_lower_threshold_does(
    drawn: Sequence[float], precision: float
) -> None:
    probabilities = np.array(drawn, dtype=np.float32)
    found = threshold_for(probabilities, precision)
    kept = probabilities[probabilities >= found]
    if len(kept):
        assert kept.astype(float).mean() >= precision - 1e-6
    for lower in probabilities[probabilities < found]:
        assert probabilities[probabilities >= lower].astype(float).mean() < precision + 1e-6


def test_a_pair_is_described_in_the_order_of_the_text() -> None:
    turned = [replace(one, head=one.tail, tail=one.head) for one in all_pairs()]
    np.testing.assert_array_equal(pair_features(turned), pair_features(all_pairs()))


def test_tag_sets_are_mapped_onto_one() -> None:
    one = RelationInstance(TEXT, mention("Anna Berg"), mention("Oslo"))
    other = replace(one, head=replace(one.head, type="Peop"), tail=replace(one.tail, type="LOCATION"))
    np.testing.assert_array_equal(pair_features([one]), pair_features([other]))


def test_a_name_that_opens_the_document_is_its_topic() -> None:
    later = RelationInstance(
        "Anna Berg left Rome.",
        Mention(0, 9, "PERSON"),
        Mention(15, 19, "GPE"),
        document="d",
        document_start=80,
    )
    found = pair_features([*all_pairs(), later])[-1]
    assert found[PAIR_FEATURES.index("document:first is topic")] == 1
    assert found[PAIR_FEATURES.index("document:second is topic")] == 0
    assert found[PAIR_FEATURES.index("document:together before")] == 1


def test_a_sentence_without_a_document_has_no_document_features() -> None:
    (found,) = pair_features([replace(all_pairs()[0], document="")])
    assert not any(
        value for name, value in zip(PAIR_FEATURES, found, strict=True) if name.startswith("document:")
    )


def sentences(*names: tuple[str, str]) -> list[RelationInstance]:
    """Return a pair for each sentence "A met B." of a document, in order."""
    found, start = [], 0
    for one, other in names:
        text = f"{one} met {other}."
        tail = Mention(len(one) + 5, len(text) - 1, "PERSON")
        found.append(
            RelationInstance(text, Mention(0, len(one), "PERSON"), tail, document="d", document_start=start)
        )
        start += len(text) + 1
    return found


def test_a_text_that_repeats_its_names_is_connected() -> None:
    assert in_connected_text(sentences(*(("Ann Lee", f"Person{number}") for number in range(9)))).all()


def test_a_list_of_sentences_about_anything_is_no_connected_text() -> None:
    listed = sentences(*((f"First{number}", f"Second{number}") for number in range(9)))
    assert not in_connected_text(listed).any()
    features = pair_features(listed)
    assert not features[:, [name.startswith("document:") for name in PAIR_FEATURES]].any()


def test_a_few_sentences_of_a_document_are_taken_for_connected() -> None:
    assert in_connected_text(sentences(("Ann", "Bob"), ("Cyd", "Dan"))).all()
    assert not in_connected_text(sentences(("Ann", "Bob"))).any()
