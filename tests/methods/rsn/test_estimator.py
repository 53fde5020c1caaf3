from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import EncoderSettings, OnLoss, TransformerEncoder, VectorCache
from relscout.methods.rsn import RSN
from relscout.methods.rsn.estimator import Prototypes
from relscout.methods.rsn.network import Similarity
from relscout.training.stored import below

Build = Callable[..., RSN]
Few = list[RelationInstance]


class FixedEncoder:
    """An encoder that is no transformer: every vector is the same."""

    cache: VectorCache | None = None
    settings = EncoderSettings()
    fingerprint = "f" * 32

    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        return np.full((len(instances), 4), self.value, dtype=np.float32)


def renamed(instances: Few, names: Callable[[str], str]) -> Few:
    return [replace(instance, relation=names(str(instance.relation))) for instance in instances]


def sizes(found: RSN) -> list[int]:
    return np.bincount(found.labels_, minlength=found.n_relations_).tolist()


def test_labels_are_needed(rsn: Build, few: Few) -> None:
    with pytest.raises(SettingError, match="method 'rsn' learns from labelled instances"):
        rsn().fit(few)


def test_one_labelled_relation_is_refused(rsn: Build, few: Few, known: Few) -> None:
    with pytest.raises(InputError, match="only the relation 'x'"):
        rsn().fit(few, renamed(known, lambda _: "x"))


def test_labelled_instances_without_a_relation_are_refused(rsn: Build, few: Few, known: Few) -> None:
    with pytest.raises(InputError, match="1 of 20 labelled instances have no gold relation"):
        rsn().fit(few, [known[0].without_relation(), *known[1:]])


def test_a_labelled_relation_with_one_instance_is_told(rsn: Build, few: Few, known: Few) -> None:
    alone = [known[0], *(one for one in known if one.relation != known[0].relation)]
    assert rsn().fit(few, alone).report_["warnings"] == [
        "1 labelled relation has one instance only, which taught the network what is different, not what is the same"
    ]


def test_labelled_relations_with_one_instance_each_are_refused(rsn: Build, few: Few, known: Few) -> None:
    with pytest.raises(
        InputError, match="each of the 4 labelled relations has one instance; give at least two"
    ):
        rsn().fit(few, known[::5])


def test_labelled_instances_that_repeat_or_contradict_each_other_are_told(
    rsn: Build, few: Few, known: Few
) -> None:
    given = [*known, known[0], replace(known[5], relation=known[0].relation)]
    warnings = rsn().fit(few, given).report_["warnings"]
    assert "1 of 22 labelled instances repeat another one and count once" in warnings
    assert any(told.startswith("2 of 22 labelled instances were left out: the same") for told in warnings)


def test_names_of_labelled_relations_change_nothing(rsn: Build, few: Few, known: Few, plain: RSN) -> None:
    found = rsn().fit(few, renamed(known, lambda name: name[::-1]))
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.report_ == plain.report_


def test_which_labels_are_the_same_does_matter(rsn: Build, few: Few, known: Few, plain: RSN) -> None:
    relations = [one.relation for one in known]
    other = [replace(one, relation=r) for one, r in zip(known, relations[2:] + relations[:2], strict=True)]
    assert rsn().fit(few, other).vectors_.tobytes() != plain.vectors_.tobytes()


@pytest.mark.parametrize("settings", [{}, {"trained_layers": 1, "entropy_weight": 0.0}])
def test_the_order_of_either_side_changes_nothing(
    rsn: Build, few: Few, known: Few, settings: dict[str, Any]
) -> None:
    forwards = rsn(**settings).fit(few, known)
    backwards = rsn(**settings).fit(few[::-1], known[::-1])
    np.testing.assert_array_equal(backwards.probabilities_, forwards.probabilities_[::-1])
    assert backwards.report_ == forwards.report_


@pytest.mark.parametrize("gold", [None, "same", "each its own"])
def test_gold_relations_of_what_is_clustered_cannot_reach_the_fit(
    gold: str | None, rsn: Build, few: Few, known: Few, plain: RSN
) -> None:
    changed = [
        replace(one, relation=f"{gold} {place}" if gold == "each its own" else gold)
        for place, one in enumerate(few)
    ]
    found = rsn().fit(changed, known)
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.report_ == plain.report_


def test_sentences_that_repeat_have_one_code_and_one_relation(rsn: Build, few: Few, known: Few) -> None:
    repeated = [replace(one, id=f"{one.id}-{copy}") for one in few for copy in range(3)]
    found = rsn().fit(repeated, known)
    codes, labels = found.vectors_.reshape(24, 3, -1), found.labels_.reshape(24, 3)
    assert (codes == codes[:, :1]).all()
    assert (labels == labels[:, :1]).all()
    np.testing.assert_array_equal(found.predict(repeated), found.labels_)


def test_more_relations_than_different_sentences_are_refused(rsn: Build, few: Few, known: Few) -> None:
    repeated = [replace(one, id=f"{one.id}-{copy}") for one in few[:3] for copy in range(3)]
    with pytest.raises(InputError, match="cannot make 4 clusters of 9 vectors of which fewer than 4 differ"):
        rsn(4).fit(repeated, known)
    with pytest.raises(InputError, match="cannot make 10 clusters of 9 instances"):
        rsn(10).fit(repeated, known)


def test_every_sentence_may_be_a_relation(rsn: Build, few: Few, known: Few) -> None:
    found = rsn(6).fit(few[:6], known)
    assert 1 <= found.n_relations_ <= 6
    np.testing.assert_array_equal(found.predict(few[:6]), found.labels_)


def test_one_relation_has_all(rsn: Build, few: Few, known: Few) -> None:
    found = rsn(1).fit(few, known)
    assert not found.labels_.any()
    assert found.probabilities_.tolist() == [[1]] * len(few)


def test_one_sentence_is_enough(rsn: Build, few: Few, known: Few) -> None:
    for n_relations in (1, "auto"):
        assert rsn(n_relations).fit(few[:1], known).labels_.tolist() == [0]


@pytest.mark.parametrize("n_relations", [3, "auto"])
def test_vectors_that_are_all_equal_are_one_relation(
    few: Few, known: Few, rsn: Build, n_relations: Any
) -> None:
    found = rsn(n_relations, encoder=FixedEncoder()).fit(few, known)
    assert found.n_relations_ == 1
    told = "1 relations were found instead of 3: the network does not distinguish more"
    assert (told in found.report_["warnings"]) == (n_relations == 3)


def test_vectors_that_are_no_numbers_are_refused(few: Few, known: Few, rsn: Build) -> None:
    with pytest.raises(InputError, match="NaN or infinite values"):
        rsn(encoder=FixedEncoder(float("nan"))).fit(few, known)


def test_vectors_that_are_no_numbers_are_refused_where_the_encoder_trains(
    rsn: Build, few: Few, known: Few, tiny_bert: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    broken = {name: tensor * float("nan") for name, tensor in weights.items()}
    save_file(broken, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = TransformerEncoder(EncoderSettings(model=str(folder), pooling="cls", device="cpu"))
    with pytest.raises(InputError, match="the vectors hold NaN or infinite values"):
        rsn(encoder=encoder, trained_layers=1).fit(few, known)


def test_an_encoder_that_is_no_transformer_cannot_train(rsn: Build, few: Few, known: Few) -> None:
    with pytest.raises(SettingError, match="method 'rsn' trains its encoder, and a FixedEncoder cannot"):
        rsn(encoder=FixedEncoder(), trained_layers=1).fit(few, known)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"trained_layers": 1},
        {"trained_layers": -1, "entropy_weight": 0.0},
        {"trained_layers": 1, "adversarial_weight": 0.1},
        {"layers": "12-6", "start": "random"},
        {"clustering": "louvain", "smallest_community": 1},
        {"linkage": "complete"},
    ],
)
def test_a_fit_is_repeatable_and_comes_back_from_disk(
    settings: dict[str, Any], rsn: Build, few: Few, known: Few, tmp_path: Path
) -> None:
    found, again = (rsn(3, **settings).fit(few, known) for _ in range(2))
    assert again.probabilities_.tobytes() == found.probabilities_.tobytes()
    assert again.report_ == found.report_
    assert found.predict_proba(few).tobytes() == found.probabilities_.tobytes()
    assert found.transform(few).tobytes() == found.vectors_.tobytes()
    found.save(tmp_path / "model")
    loaded = RSN.load(tmp_path / "model")
    assert loaded.predict_proba(few).tobytes() == found.probabilities_.tobytes()
    assert loaded.transform(few).tobytes() == found.vectors_.tobytes()
    assert {**loaded.settings(), "encoder": None} == {**found.settings(), "encoder": None}


def test_training_moves_the_encoder_only_where_it_is_told_to(
    rsn: Build, few: Few, known: Few, random_encoder: TransformerEncoder
) -> None:
    before = random_encoder.fingerprint
    trained, frozen = (rsn(trained_layers=layers).fit(few, known) for layers in (1, 0))
    assert random_encoder.fingerprint == before
    codes = similarity_of(frozen).codes(unit(random_encoder.encode(few)))
    np.testing.assert_allclose(unit(codes), frozen.vectors_, atol=1e-5)
    codes = similarity_of(trained).codes(unit(random_encoder.encode(few)))
    assert np.abs(unit(codes) - trained.vectors_).max() > 1e-3


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def similarity_of(fitted: RSN) -> Similarity:
    _, arrays = fitted.state()
    return Similarity.from_arrays(below("similarity.", arrays))


def test_each_sentence_has_the_relation_that_it_is_most_like(
    rsn: Build, few: Few, known: Few, random_encoder: TransformerEncoder
) -> None:
    # with as many prototypes as there are instances, means over all that were clustered together
    found = rsn(prototypes=100, trained_layers=0).fit(few, known)
    _, arrays = found.state()
    prototypes, similarity = Prototypes.from_arrays(below("prototypes.", arrays)), similarity_of(found)
    ends = [*prototypes.starts[1:].tolist(), len(prototypes.codes)]
    codes = similarity.codes(unit(random_encoder.encode(few)))
    for place in range(len(few)):
        alike = similarity.between(codes[[place]], prototypes.codes)[0]
        means = [alike[a:b].mean() for a, b in zip(prototypes.starts, ends, strict=True)]
        np.testing.assert_allclose(found.probabilities_[place], means / np.sum(means), rtol=1e-4)
        assert found.labels_[place] == int(np.argmax(found.probabilities_[place]))


def test_relations_are_numbered_by_size_and_none_is_empty(rsn: Build, few: Few, known: Few) -> None:
    for n_relations in (2, 6, 12):
        found = sizes(rsn(n_relations, prototypes=1).fit(few, known))
        assert found == sorted(found, reverse=True)
        assert min(found) > 0


def test_the_report_tells_epochs_and_clustering(rsn: Build, few: Few, known: Few, plain: RSN) -> None:
    assert [set(epoch) for epoch in plain.report_["epochs"]] == [{"loss", "accuracy"}] * 3
    assert plain.report_["clustering"] == "hac"
    found = rsn("auto", smallest_community=1).fit(few, known).report_
    assert found["clustering"] == "louvain"
    assert 1 <= found["communities"] <= len(few)
    assert 0 <= found["joined"] <= 1


@pytest.mark.parametrize(("n_relations", "setting"), [(3, "max_instances"), ("auto", "max_joined")])
def test_of_many_sentences_a_sample_is_clustered_and_told(
    rsn: Build, few: Few, known: Few, n_relations: Any, setting: str
) -> None:
    found = rsn(n_relations, **{setting: 10}).fit(few, known)
    assert found.report_["warnings"][0] == (
        "10 of 24 different instances were clustered, drawn at random; the others got the relation that they are most "
        f"like (setting {setting})"
    )
    np.testing.assert_array_equal(found.predict(few), found.labels_)


def test_what_does_not_fit_the_encoder_is_told_once(rsn: Build, few: Few, known: Few) -> None:
    long = "Mary Long " + "lives " * 300 + "in Paris"
    lengthy = RelationInstance(long, Mention(0, 9), Mention(len(long) - 5, len(long)))
    told = "words between the entities were left out: the entities are too far apart for the maximum length"
    for settings in ({}, {"trained_layers": 1}):
        labelled = replace(lengthy, relation=known[0].relation)
        found = rsn(**settings).fit(few, [*known, labelled])
        assert found.report_["warnings"] == [f"in 1 instance, {told}"]
        found = rsn(**settings).fit([*few, lengthy], known)
        assert found.report_["warnings"] == [f"in 1 instance, {told}"]


def test_progress_tells_every_stage(rsn: Build, few: Few, known: Few) -> None:
    stages: list[str] = []
    rsn().fit(few, known, progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["encode", "train", "cluster"]


def test_a_model_without_its_prototypes_is_refused(plain: RSN, tmp_path: Path) -> None:
    from relscout.core.files import Artifact, load_artifact, save_artifact

    plain.save(tmp_path / "model")
    kept = load_artifact(tmp_path / "model")
    tensors = {name: array for name, array in kept.tensors.items() if not name.startswith("prototypes")}
    save_artifact(tmp_path / "model", Artifact(kept.kind, kept.settings, tensors))
    with pytest.raises(ArtifactError, match="is not a whole 'rsn'"):
        RSN.load(tmp_path / "model")
