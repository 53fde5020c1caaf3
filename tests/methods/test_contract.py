"""What every registered method promises; a new entry of ``METHODS`` is tested by its name alone."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from relscout.core.errors import ArtifactError, InputError, OutputError, SettingError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.core.settings import documentation
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.methods import Estimator, method
from relscout.metrics import score

Instances = list[RelationInstance]
Build = Callable[..., Estimator]
Labeled = Instances | None


#: Methods that learn from entities that occur in several sentences. Most of the 80 instances here have entities of
#: their own, so that nothing is learnt; what these methods learn is tested in tests/methods/uie.
FROM_REPEATED_ENTITIES = {"march", "uie-march", "uie-pcnn"}


def test_a_method_comes_with_its_name_and_citation(name: str) -> None:
    kind = method(name)
    assert name == kind.NAME
    assert any(year in kind.CITATION for year in map(str, range(2000, 2100))), "cite the paper, with its year"


def test_a_method_documents_its_settings(name: str) -> None:
    settings = method(name).SETTINGS
    assert dataclasses.is_dataclass(settings)
    assert settings.__dataclass_params__.frozen, "settings are frozen"
    undocumented = [field for field, (_, _, text) in documentation(settings).items() if not text]
    assert not undocumented, f"write a docstring under {', '.join(undocumented)} of {settings.__name__}"


def test_a_method_has_a_page_in_the_documentation(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "methods" / f"{name}.md"
    assert page.is_file(), f"write docs/methods/{name}.md"
    text = page.read_text(encoding="utf-8")
    undocumented = [field for field in documentation(method(name).SETTINGS) if f"`{field}" not in text]
    assert "-settings -->" in text or not undocumented, f"{page.name} does not tell {', '.join(undocumented)}"


def test_every_setting_has_a_default(name: str) -> None:
    method(name).SETTINGS()


def test_the_attributes_of_a_fit_have_the_promised_shapes(fitted: Estimator, instances: Instances) -> None:
    size, k = len(instances), fitted.n_relations_
    assert k == 4
    assert (fitted.labels_.shape, fitted.labels_.dtype) == ((size,), np.int64)
    assert (fitted.probabilities_.shape, fitted.probabilities_.dtype) == ((size, k), np.float32)
    assert (fitted.vectors_.shape[0], fitted.vectors_.dtype) == (size, np.float32)
    json.dumps(fitted.report_, allow_nan=False)


def test_vectors_have_unit_length(fitted: Estimator) -> None:
    np.testing.assert_allclose(np.linalg.norm(fitted.vectors_, axis=1), 1, atol=1e-5)


def test_a_given_number_of_relations_has_no_curve(fitted: Estimator) -> None:
    assert "k_curve" not in fitted.report_


def test_probabilities_sum_to_one_and_are_highest_for_the_label(fitted: Estimator) -> None:
    np.testing.assert_allclose(fitted.probabilities_.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.probabilities_.argmax(axis=1), fitted.labels_)


def test_relations_are_numbered_from_the_largest(fitted: Estimator) -> None:
    sizes = np.bincount(fitted.labels_, minlength=fitted.n_relations_).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0


#: Lower bounds of the adjusted Rand index. Most features of rel-LDA are rare in 80 instances.
LEAST_ARI = {"rel-lda": 0.4}


def test_it_is_far_better_than_chance_on_clearly_different_relations(
    name: str, fitted: Estimator, instances: Instances
) -> None:
    if name in FROM_REPEATED_ENTITIES:
        pytest.skip("the instances have few entities in common")
    found = score([instance.relation for instance in instances], fitted.labels_.tolist())
    assert found.ari > LEAST_ARI.get(name, 0.8)


def test_it_tells_relations_apart_in_unseen_text(
    name: str, fitted: Estimator, instances: Instances, unseen: Instances
) -> None:
    if name in FROM_REPEATED_ENTITIES:
        pytest.skip("the instances have few entities in common")
    labels = dict(zip([one.relation for one in instances], fitted.labels_.tolist(), strict=True))
    expected = [labels[instance.relation] for instance in unseen]
    assert np.mean(fitted.predict(unseen) == expected) > 0.8


def test_fitting_again_gives_the_same_bytes(
    build: Build, sketched: Estimator, small_encoder: TransformerEncoder, few: Instances, labeled: Labeled
) -> None:
    again = build(small_encoder, n_relations=4).fit(few, labeled)
    assert again.labels_.tobytes() == sketched.labels_.tobytes()
    assert again.probabilities_.tobytes() == sketched.probabilities_.tobytes()
    assert again.report_ == sketched.report_


def test_predicting_what_was_fitted_gives_the_labels(fitted: Estimator, instances: Instances) -> None:
    np.testing.assert_array_equal(fitted.predict(instances), fitted.labels_)
    assert fitted.predict_proba(instances).tobytes() == fitted.probabilities_.tobytes()
    assert fitted.transform(instances).tobytes() == fitted.vectors_.tobytes()


def test_predicting_leaves_the_fit_as_it_was(fitted: Estimator, unseen: Instances) -> None:
    before = fitted.labels_.copy(), fitted.vectors_.copy(), json.dumps(fitted.report_)
    fitted.predict(unseen)
    fitted.transform(unseen)[:] = 0
    np.testing.assert_array_equal(fitted.labels_, before[0])
    np.testing.assert_array_equal(fitted.vectors_, before[1])
    assert json.dumps(fitted.report_) == before[2]


def test_predictions_have_the_promised_shapes(fitted: Estimator, unseen: Instances) -> None:
    probabilities = fitted.predict_proba(unseen)
    assert (probabilities.shape, probabilities.dtype) == ((len(unseen), 4), np.float32)
    assert fitted.predict(unseen).dtype == np.int64
    assert fitted.transform(unseen).shape == (len(unseen), fitted.vectors_.shape[1])


def test_nothing_to_predict_gives_nothing(fitted: Estimator) -> None:
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict_proba([]).shape == (0, 4)


@pytest.mark.parametrize("gold", ["none", "exchanged"])
def test_neither_the_order_of_the_input_nor_its_gold_relations_change_anything(
    build: Build,
    sketched: Estimator,
    small_encoder: TransformerEncoder,
    few: Instances,
    gold: str,
    labeled: Labeled,
) -> None:
    relations = [instance.relation for instance in few]
    changed: list[str | None] = {
        "none": [None for _ in relations],
        "exchanged": [f"my {relation}" for relation in relations[7:] + relations[:7]],
    }[gold]
    relabelled = [
        dataclasses.replace(instance, relation=relation)
        for instance, relation in zip(few, changed, strict=True)
    ]
    order = np.random.default_rng(0).permutation(len(few)).tolist()
    again = build(small_encoder, n_relations=4).fit([relabelled[row] for row in order], labeled)
    np.testing.assert_array_equal(again.labels_, sketched.labels_[order])
    np.testing.assert_array_equal(again.probabilities_, sketched.probabilities_[order])
    np.testing.assert_array_equal(again.vectors_, sketched.vectors_[order])


def test_an_earlier_fit_with_another_encoder_leaves_nothing(
    build: Build,
    fitted: Estimator,
    sketched: Estimator,
    small_encoder: TransformerEncoder,
    few: Instances,
    labeled: Labeled,
) -> None:
    again: Any = copy.copy(fitted)
    again.set_params(**build(small_encoder, n_relations=4).get_params(deep=False))
    again.fit(few, labeled)
    np.testing.assert_array_equal(again.labels_, sketched.labels_)
    np.testing.assert_array_equal(again.probabilities_, sketched.probabilities_)
    np.testing.assert_array_equal(again.vectors_, sketched.vectors_)
    np.testing.assert_array_equal(again.predict(few), sketched.labels_)
    assert again.report_ == sketched.report_


def test_a_saved_method_predicts_the_same_bytes(
    name: str,
    sketched: Estimator,
    small_encoder: TransformerEncoder,
    saved: Path,
    few: Instances,
    unseen: Instances,
) -> None:
    loaded = method(name).load(saved)
    # vectors that other tests have encoded, in other batches, differ in their last bits
    loaded.encoder.cache = small_encoder.cache
    assert loaded.n_relations_ == sketched.n_relations_
    assert loaded.settings() == sketched.settings()
    np.testing.assert_array_equal(loaded.predict(few), sketched.labels_)
    assert loaded.predict_proba(few).tobytes() == sketched.probabilities_.tobytes()
    assert loaded.transform(few).tobytes() == sketched.vectors_.tobytes()
    np.testing.assert_array_equal(loaded.predict(unseen), sketched.predict(unseen))


def test_a_loaded_method_saves_the_same_files(name: str, saved: Path, tmp_path: Path) -> None:
    method(name).load(saved).save(tmp_path / "again")
    files = sorted(path.name for path in saved.iterdir())
    assert files == ["artifact.json", "tensors.safetensors"]
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (saved / file).read_bytes()


def test_the_constructor_only_stores(build: Build) -> None:
    built = build(TransformerEncoder(EncoderSettings(model="no-such-model")), n_relations=-3, seed=-1)
    assert (built.n_relations, built.seed) == (-3, -1)  # type: ignore[attr-defined]


def test_an_unknown_setting_is_named(build: Build, encoder: TransformerEncoder) -> None:
    # an explicit constructor refuses it by itself
    with pytest.raises((UnknownNameError, TypeError), match="no_such_setting"):
        build(encoder, no_such_setting=1)


@pytest.mark.parametrize("n_relations", [0, -2, 2.0, "4", True, None])
def test_an_impossible_number_of_relations_is_refused(
    build: Build,
    small_encoder: TransformerEncoder,
    instances: Instances,
    n_relations: object,
    labeled: Labeled,
) -> None:
    with pytest.raises(SettingError, match=r"n_relations is .*, expected a whole number from 1, or 'auto'"):
        build(small_encoder, n_relations=n_relations).fit(instances, labeled)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_an_impossible_seed_is_refused(
    build: Build, small_encoder: TransformerEncoder, instances: Instances, seed: object, labeled: Labeled
) -> None:
    with pytest.raises(SettingError, match=r"seed is .*, expected an integer from 0"):
        build(small_encoder, n_relations=4, seed=seed).fit(instances, labeled)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers(
    name: str,
    build: Build,
    sketched: Estimator,
    small_encoder: TransformerEncoder,
    few: Instances,
    tmp_path: Path,
    labeled: Labeled,
) -> None:
    found = build(small_encoder, n_relations=np.int64(4), seed=np.int64(0)).fit(few, labeled)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.labels_, sketched.labels_)
    found.save(tmp_path / "model")
    assert method(name).load(tmp_path / "model").settings() == sketched.settings()


def test_more_relations_than_instances_are_refused(
    build: Build, encoder: TransformerEncoder, instances: Instances, labeled: Labeled
) -> None:
    with pytest.raises(InputError, match="cannot make 4 clusters of 3 instances"):
        build(encoder, n_relations=4).fit(instances[:3], labeled)


def test_no_instances_are_refused(build: Build, encoder: TransformerEncoder, labeled: Labeled) -> None:
    with pytest.raises(InputError, match="there are no instances"):
        build(encoder).fit([], labeled)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_few_instances_are_enough_to_estimate_the_number_of_relations(
    build: Build, small_encoder: TransformerEncoder, instances: Instances, size: int, labeled: Labeled
) -> None:
    found = build(small_encoder).fit(instances[:size], labeled)
    assert 1 <= found.n_relations_ <= size
    np.testing.assert_array_equal(found.predict(instances[:size]), found.labels_)


def test_instances_that_repeat_each_other_are_one_relation(
    build: Build, small_encoder: TransformerEncoder, instances: Instances, labeled: Labeled
) -> None:
    repeated = [dataclasses.replace(instances[0], id=f"{number}") for number in range(130)]
    assert build(small_encoder).fit(repeated, labeled).n_relations_ == 1
    with pytest.raises(InputError, match=r"instances are repeated, or .* cannot distinguish them"):
        build(small_encoder, n_relations=2).fit(repeated, labeled)


def test_nothing_is_predicted_or_saved_before_a_fit(
    build: Build, encoder: TransformerEncoder, instances: Instances, tmp_path: Path
) -> None:
    fresh = build(encoder)
    with pytest.raises(SettingError, match="call fit"):
        fresh.predict(instances)
    with pytest.raises(SettingError, match="call fit"):
        fresh.save(tmp_path / "model")


def test_a_folder_of_another_kind_is_refused(name: str, saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    _edit(folder, kind="something-else")
    with pytest.raises(ArtifactError, match=f"holds a 'something-else', expected '{name}'"):
        method(name).load(folder)


def test_a_setting_of_another_version_is_refused(name: str, saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    settings = json.loads((folder / "artifact.json").read_text("utf-8"))["settings"]
    _edit(folder, settings={**settings, "setting_of_the_future": 1})
    with pytest.raises(ArtifactError, match="setting_of_the_future"):
        method(name).load(folder)


def test_every_part_of_the_saved_settings_is_needed(name: str, saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    _edit(folder, settings={})
    with pytest.raises(ArtifactError, match="is not a whole"):
        method(name).load(folder)


def test_a_model_of_the_earlier_form_is_refused(name: str, saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    settings = json.loads((folder / "artifact.json").read_text("utf-8"))["settings"]
    del settings["fitted"]
    _edit(folder, settings=settings)
    with pytest.raises(ArtifactError, match="was saved by an earlier relscout in another form"):
        method(name).load(folder)


def test_edited_tensors_are_refused(name: str, saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    content = bytearray((folder / "tensors.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "tensors.safetensors").write_bytes(content)
    with pytest.raises(ArtifactError, match="was changed after it was saved"):
        method(name).load(folder)


def test_other_weights_of_the_encoder_are_refused_with_both_fingerprints(
    name: str, build: Build, tiny_bert: Path, few: Instances, tmp_path: Path, labeled: Labeled
) -> None:
    if method(name).READS == "features":
        pytest.skip("the method does not run its encoder")
    model = shutil.copytree(tiny_bert, tmp_path / "bert")
    settings = EncoderSettings(model=str(model), pooling="span-mean+sentence")
    fitted = build(TransformerEncoder(settings), n_relations=3).fit(few, labeled)
    fitted.save(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    save_file(
        {key: tensor + 0.01 for key, tensor in weights.items()},
        model / "model.safetensors",
        metadata={"format": "pt"},
    )
    loaded = method(name).load(tmp_path / "model")
    with pytest.raises(ArtifactError, match="is not the one") as caught:
        loaded.predict(few)
    assert fitted.encoder.fingerprint in str(caught.value)
    assert TransformerEncoder(settings).fingerprint in str(caught.value)


def test_a_folder_with_other_files_is_not_written_to(fitted: Estimator, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match=r"the folder holds 'thesis\.tex'"):
        fitted.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def _edit(folder: Path, **fields: object) -> None:
    file = folder / "artifact.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **fields}), encoding="utf-8")
