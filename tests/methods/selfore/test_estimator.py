from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import EncoderSettings, OnLoss, TransformerEncoder, VectorCache
from relscout.methods.selfore import SelfORE

Build = Callable[..., SelfORE]
Few = list[RelationInstance]


class FixedEncoder:
    """An encoder that is no transformer."""

    cache: VectorCache | None = None
    settings = EncoderSettings()
    fingerprint = "f" * 32

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        return np.zeros((len(instances), 4), dtype=np.float32)


def edited(
    tiny_bert: Path, folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor]
) -> TransformerEncoder:
    """An encoder with other weights, which reads the first token."""
    shutil.copytree(tiny_bert, folder)
    weights = load_file(folder / "model.safetensors")
    weights = {name: change(name, tensor) for name, tensor in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return TransformerEncoder(EncoderSettings(model=str(folder), pooling="cls", device="cpu"))


def test_training_moves_the_representations(
    plain: SelfORE, random_encoder: TransformerEncoder, few: Few
) -> None:
    frozen = random_encoder.encode(few)
    frozen /= np.linalg.norm(frozen, axis=1, keepdims=True)
    assert np.abs(plain.vectors_ - frozen).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(plain.vectors_, axis=1), 1, atol=1e-5)


def test_without_classification_the_encoder_stays_as_it_is(
    selfore: Build, random_encoder: TransformerEncoder, few: Few
) -> None:
    found = selfore(classification=False).fit(few)
    frozen = random_encoder.encode(few)
    np.testing.assert_allclose(
        found.vectors_, frozen / np.linalg.norm(frozen, axis=1, keepdims=True), atol=1e-6
    )
    np.testing.assert_array_equal(found.predict(few), found.labels_)


@pytest.mark.parametrize(
    "settings", [{"adaptive": False}, {"classification": False}, {"adaptive": False, "classification": False}]
)
def test_ablations_are_saved_and_loaded(
    settings: dict[str, Any], selfore: Build, few: Few, random_encoder: TransformerEncoder, tmp_path: Path
) -> None:
    found = selfore(**settings).fit(few)
    found.save(tmp_path / "model")
    loaded = SelfORE.load(tmp_path / "model")
    assert loaded.predict_proba(few).tobytes() == found.probabilities_.tobytes()


def test_labels_may_be_read_from_the_assignment(selfore: Build, few: Few, tmp_path: Path) -> None:
    found = selfore(label_from="assignment", max_loops=1).fit(few)
    found.save(tmp_path / "model")
    assert SelfORE.load(tmp_path / "model").predict_proba(few).tobytes() == found.probabilities_.tobytes()


@pytest.mark.parametrize("merge", ["means", "centroids"])
def test_more_pseudo_labels_than_relations_are_merged(merge: str, selfore: Build, few: Few) -> None:
    found = selfore(n_clusters=12, merge=merge, max_loops=2).fit(few)
    assert found.report_["pseudo_labels"] == 12
    assert 1 <= found.n_relations_ <= 4
    assert found.probabilities_.shape == (40, found.n_relations_)
    sizes = np.bincount(found.labels_, minlength=found.n_relations_).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0


def test_more_pseudo_labels_than_relations_may_stay_as_they_are(
    selfore: Build, few: Few, tmp_path: Path
) -> None:
    found = selfore(n_clusters=12, merge="none").fit(few)
    assert 4 < found.n_relations_ <= 12
    assert min(np.bincount(found.labels_, minlength=found.n_relations_)) > 0
    found.save(tmp_path / "model")
    loaded = SelfORE.load(tmp_path / "model")
    assert loaded.n_relations_ == found.n_relations_
    np.testing.assert_array_equal(loaded.predict(few), found.labels_)


def test_fewer_relations_than_were_asked_for_are_told(selfore: Build, few: Few) -> None:
    found = selfore(n_clusters=20, max_loops=1).fit(few)
    told = [
        warning for warning in found.report_["warnings"] if "relations were found instead of 4" in warning
    ]
    assert bool(told) == (found.n_relations_ < 4)


def test_the_estimated_number_comes_with_its_curve(selfore: Build, few: Few) -> None:
    found = selfore("auto", max_relations=5, max_loops=1).fit(few)
    assert 1 <= found.n_relations_ <= 5
    assert found.report_["k_curve"]["k"] == found.report_["pseudo_labels"]


def test_one_relation_has_all(selfore: Build, few: Few) -> None:
    found = selfore(1).fit(few)
    assert not found.labels_.any()
    assert found.probabilities_.tolist() == [[1]] * 40


def test_every_instance_may_be_a_pseudo_label(selfore: Build, few: Few) -> None:
    found = selfore(2, n_clusters=12, max_loops=2).fit(few[:12])
    assert found.report_["pseudo_labels"] == 12
    np.testing.assert_array_equal(found.predict(few[:12]), found.labels_)


def test_more_pseudo_labels_than_instances_are_refused(selfore: Build, few: Few) -> None:
    with pytest.raises(
        InputError, match="n_clusters is 41, but there are only 40 instances; ask for at most as many"
    ):
        selfore(n_clusters=41).fit(few)


def test_fewer_pseudo_labels_than_relations_are_refused(selfore: Build, few: Few) -> None:
    with pytest.raises(SettingError, match="n_clusters is 3, but 4 relations were asked for"):
        selfore(n_clusters=3).fit(few)


@pytest.mark.parametrize("settings", [{}, {"adaptive": False}, {"classification": False}, {"n_clusters": 4}])
def test_fewer_instances_than_relations_are_refused(
    settings: dict[str, Any], selfore: Build, few: Few
) -> None:
    with pytest.raises(InputError, match="cannot make 4 clusters of 3 instances"):
        selfore(**settings).fit(few[:3])


@pytest.mark.parametrize("settings", [{}, {"adaptive": False}, {"classification": False}])
def test_one_sentence_again_and_again_is_one_relation(
    settings: dict[str, Any], selfore: Build, few: Few
) -> None:
    repeated = [replace(few[0], id=str(number)) for number in range(30)]
    assert selfore("auto", **settings).fit(repeated).n_relations_ == 1
    with pytest.raises(InputError, match="instances are repeated, or the encoder cannot distinguish them"):
        selfore(2, **settings).fit(repeated)


@pytest.mark.parametrize("settings", [{}, {"classification": False}])
def test_vectors_that_are_all_equal_are_one_relation(
    settings: dict[str, Any], selfore: Build, few: Few, tiny_bert: Path, tmp_path: Path
) -> None:
    # nothing reaches the first token, which then is the same in every sentence
    encoder = edited(
        tiny_bert, tmp_path / "model", lambda name, one: one * 0 if "attention.output.dense" in name else one
    )
    assert np.ptp(encoder.encode(few), axis=0).max() < 1e-5
    assert selfore("auto", encoder=encoder, **settings).fit(few).n_relations_ == 1
    with pytest.raises(InputError, match="cannot make 3 clusters of 40 vectors"):
        selfore(3, encoder=encoder, **settings).fit(few)


@pytest.mark.parametrize("n_relations", [3, "auto"])
@pytest.mark.parametrize("settings", [{}, {"adaptive": False}, {"classification": False}])
def test_vectors_that_are_no_numbers_are_refused(
    settings: dict[str, Any], n_relations: Any, selfore: Build, few: Few, tiny_bert: Path, tmp_path: Path
) -> None:
    encoder = edited(
        tiny_bert,
        tmp_path / "model",
        lambda name, one: one * np.nan if "layer.0.output.dense" in name else one,
    )
    with pytest.raises(InputError, match="NaN or infinite"):
        selfore(n_relations, encoder=encoder, **settings).fit(few)


def test_an_encoder_that_cannot_be_trained_is_refused(few: Few) -> None:
    with pytest.raises(SettingError, match="a FixedEncoder cannot be trained; give a TransformerEncoder"):
        SelfORE(FixedEncoder(), n_relations=2).fit(few)  # type: ignore[arg-type]


def test_labelled_instances_are_refused(selfore: Build, few: Few) -> None:
    with pytest.raises(SettingError, match="'selfore' cannot learn from labelled instances"):
        selfore().fit(few, few)


@pytest.mark.parametrize("trained_layers", [0, 4])
def test_layers_that_are_not_there_are_refused(trained_layers: int, selfore: Build, few: Few) -> None:
    with pytest.raises(SettingError, match="expected 1 to 3, or -1 for the whole model"):
        selfore(trained_layers=trained_layers).fit(few)


def test_the_whole_encoder_may_train(selfore: Build, few: Few, tmp_path: Path) -> None:
    found = selfore(trained_layers=-1, max_loops=2).fit(few)
    found.save(tmp_path / "model")
    assert SelfORE.load(tmp_path / "model").predict_proba(few).tobytes() == found.probabilities_.tobytes()


def test_an_encoder_of_low_precision_may_train(
    selfore: Build, few: Few, random_encoder: TransformerEncoder
) -> None:
    encoder = TransformerEncoder(replace(random_encoder.settings, dtype="bfloat16"), cache=VectorCache())
    found = selfore(encoder=encoder, max_loops=2).fit(few)
    np.testing.assert_array_equal(found.predict(few), found.labels_)


def test_training_may_compute_in_bfloat16(selfore: Build, few: Few) -> None:
    found = selfore(training_dtype="bfloat16", max_loops=2).fit(few)
    np.testing.assert_array_equal(found.predict(few), found.labels_)


@pytest.mark.parametrize("settings", [{}, {"classification": False}])
def test_what_does_not_fit_the_encoder_is_reported_once(
    settings: dict[str, Any], selfore: Build, few: Few
) -> None:
    text = "Mary Long " + "lives " * 300 + "in Paris"
    long = RelationInstance(text, Mention(0, 9), Mention(len(text) - 5, len(text)))
    found = selfore(max_loops=2, **settings).fit([*few, long])
    assert found.report_["warnings"] == [
        "in 1 instance, words between the entities were left out: the entities are too far apart for the maximum length"
    ]


def test_a_second_fit_forgets_the_first(selfore: Build, few: Few, plain: SelfORE) -> None:
    found = selfore(3).fit(few[:20])
    found.n_relations = 4
    found.fit(few)
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.report_ == plain.report_


def test_the_random_numbers_of_the_program_are_left_alone(selfore: Build, few: Few) -> None:
    state = torch.get_rng_state()
    selfore(max_loops=2).fit(few)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_seed_decides_the_fit(selfore: Build, few: Few, plain: SelfORE) -> None:
    other = selfore()
    other.seed = 1
    assert other.fit(few).vectors_.tobytes() != plain.vectors_.tobytes()


def test_progress_tells_every_stage(selfore: Build, few: Few) -> None:
    stages: list[str] = []
    selfore("auto", max_loops=2).fit(few, progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == [
        "encode",
        "encode again",
        "choose K",
        "cluster",
        "autoencoder",
        "adapt",
        "classify",
    ]
