"""What programs hand to relscout, and what they get back: no files, no command line."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout import Discovery, RelationInstance, discover, load
from relscout.core.errors import ArtifactError, InputError, MissingExtraError, RecordError, SettingError
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.methods import ClusteringMethod, VectorMethod
from relscout.methods.hac import HAC
from relscout.methods.kmeans import KMeans


@pytest.fixture(scope="module")
def instances(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Twelve instances of each of three relations, with gold relations."""
    relations = ("spouse", "capital of", "orbits")
    return [one for name in relations for one in [each for each in corpus if each.relation == name][:12]]


@pytest.fixture(scope="module")
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence"))


class Letters:
    """An encoder of somebody else: how often each letter stands between the two mentions, and the types."""

    fingerprint = "letters-1"

    def encode(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        return np.stack([self._vector(one) for one in instances])

    def _vector(self, one: RelationInstance) -> NDArray[np.float32]:
        vector = np.ones(40, dtype=np.float32)
        for letter in one.text[one.head.end : one.tail.start].lower():
            vector[ord(letter) % 26] += 1
        for kind in one.type_pair:
            vector[26 + sum(map(ord, kind or "")) % 14] += 20
        return vector


class Bands(ClusteringMethod):
    """A method of somebody else: bands of the first dimension."""

    NAME = "bands"

    def __init__(self, encoder: Any = None, *, n_relations: Any = "auto", seed: int = 0, power: float = 1.0):
        super().__init__(encoder, n_relations=n_relations, seed=seed)
        self.power = power

    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        order = np.argsort(np.argsort(vectors[:, 0] ** self._settings.power, kind="stable"))
        return order * n_relations // len(order)


def as_record(one: RelationInstance) -> dict[str, Any]:
    spans = {"head": one.head, "tail": one.tail}
    marked = {role: {"start": span.start, "end": span.end, "type": span.type} for role, span in spans.items()}
    return {"text": one.text, **marked, "relation": one.relation, "id": one.id}


def test_dictionaries_are_as_good_as_instances(
    instances: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    expected = discover(instances, n_relations=3, encoder=encoder)
    found = discover([as_record(one) for one in instances], n_relations=3, encoder=encoder)
    np.testing.assert_array_equal(found.assignments.relation_ids, expected.assignments.relation_ids)
    records = [as_record(one) for one in instances]
    np.testing.assert_array_equal(expected.predict(records).relation_ids, expected.assignments.relation_ids)


def test_a_wrong_labelled_dictionary_is_named(
    instances: list[RelationInstance], encoder: TransformerEncoder
) -> None:
    labeled = [as_record(one) for one in instances[:3]]
    del labeled[1]["tail"]
    with pytest.raises(RecordError, match="labeled, row 2: the field 'tail' is missing"):
        discover(instances, method="rsn", encoder=encoder, labeled=labeled)


@pytest.fixture(scope="module")
def found(instances: list[RelationInstance]) -> Discovery:
    """What was found with an encoder of somebody else."""
    return discover(instances, n_relations=3, encoder=Letters())


@pytest.fixture(scope="module")
def saved(found: Discovery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("open-doors") / "run"
    found.save(folder)
    return folder


@pytest.mark.parametrize("name", ["kmeans", "hac"])
def test_a_run_with_an_own_encoder_is_saved_and_loaded(
    name: str, instances: list[RelationInstance], tmp_path: Path
) -> None:
    found = discover(instances[::2], method=name, n_relations=3, encoder=Letters())
    found.save(tmp_path / "run")
    again = load(tmp_path / "run", encoder=Letters())
    expected = found.predict(instances)
    assert again.predict(instances).confidences.tobytes() == expected.confidences.tobytes()
    assert [one.relation for one in again.extract(instances)] == [
        one.relation for one in found.extract(instances)
    ]


def test_a_run_names_the_own_encoder(found: Discovery) -> None:
    described = found.run["settings"]["encoder"]
    assert described == {"class": f"{Letters.__module__}.Letters", "fingerprint": "letters-1"}


def test_an_own_encoder_that_is_not_given_again_is_asked_for_in_one_line(saved: Path) -> None:
    with pytest.raises(
        ArtifactError, match=r"Letters, .* the fingerprint 'letters-1': load\(folder"
    ) as caught:
        load(saved)
    assert "\n" not in str(caught.value)


def test_an_encoder_of_another_fingerprint_is_refused(saved: Path) -> None:
    other = Letters()
    other.fingerprint = "letters-2"
    with pytest.raises(ArtifactError, match="fingerprint letters-2, expected letters-1"):
        Discovery.load(saved, encoder=other)


def test_an_own_encoder_finds_pairs_without_a_relation(
    instances: list[RelationInstance], tmp_path: Path
) -> None:
    found = discover(instances, n_relations=3, encoder=Letters(), none=0.2)
    found.save(tmp_path / "run")
    again = load(tmp_path / "run", encoder=Letters())
    np.testing.assert_array_equal(
        again.predict(instances).relation_ids, found.predict(instances).relation_ids
    )
    with pytest.raises(ArtifactError, match="letters-1"):
        load(tmp_path / "run")


def test_a_method_that_trains_refuses_an_own_encoder(instances: list[RelationInstance]) -> None:
    with pytest.raises(SettingError, match="'selfore' trains its encoder, and a Letters cannot be trained"):
        discover(instances, method="selfore", n_relations=3, encoder=Letters())


class Nameless(Letters):
    fingerprint = ""


class Wrong(Letters):
    def __init__(self, vectors: Any) -> None:
        self.vectors = vectors

    def encode(self, instances: Sequence[RelationInstance]) -> Any:
        return self.vectors


@pytest.mark.parametrize(
    ("encoder", "complaint"),
    [
        (EncoderSettings(), "build the encoder: TransformerEncoder"),
        ("minilm", "encoder is a str; expected TransformerEncoder"),
        (Nameless(), "the fingerprint ''; expected a text that changes"),
    ],
)
def test_what_is_no_encoder_is_refused(
    instances: list[RelationInstance], encoder: Any, complaint: str
) -> None:
    with pytest.raises(SettingError, match=complaint):
        discover(instances, encoder=encoder)


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        (np.ones((2, 3)), r"the encoder Wrong returned an array of shape \(2, 3\)"),
        (np.full((36, 3), np.nan), "the encoder Wrong returned NaN or infinite values, the first .* row 0"),
        ([["a"]] * 36, "of shape .* and type <U1"),
        (None, "an array of shape"),
    ],
)
def test_what_an_own_encoder_returns_is_checked(
    instances: list[RelationInstance], vectors: Any, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        discover(instances, n_relations=3, encoder=Wrong(vectors))


def test_vectors_take_the_place_of_an_encoder(instances: list[RelationInstance], found: Discovery) -> None:
    by_vectors = discover(instances, n_relations=3, vectors=Letters().encode(instances))
    np.testing.assert_array_equal(by_vectors.assignments.relation_ids, found.assignments.relation_ids)
    np.testing.assert_array_equal(by_vectors.predict(instances).relation_ids, found.assignments.relation_ids)


def test_vectors_in_another_order_of_the_instances_give_the_same(
    instances: list[RelationInstance], found: Discovery
) -> None:
    turned = discover(instances[::-1], n_relations=3, vectors=Letters().encode(instances[::-1]).tolist())
    np.testing.assert_array_equal(turned.assignments.relation_ids[::-1], found.assignments.relation_ids)


def test_vectors_alone_encode_and_save_nothing(instances: list[RelationInstance], tmp_path: Path) -> None:
    found = discover(instances[:30], n_relations=3, vectors=Letters().encode(instances[:30]))
    with pytest.raises(SettingError, match="2 of 2 instances have no vector, and there is no encoder"):
        found.predict(instances[30:32])
    with pytest.raises(SettingError, match="found in vectors alone cannot be saved"):
        found.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_vectors_with_their_encoder_are_saved(instances: list[RelationInstance], tmp_path: Path) -> None:
    vectors = Letters().encode(instances[:30])
    discover(instances[:30], n_relations=3, vectors=vectors, encoder=Letters()).save(tmp_path / "run")
    assert len(load(tmp_path / "run", encoder=Letters()).predict(instances[30:]).relation_ids) == 6


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        (np.ones((3, 2)), r"vectors is an array of shape \(3, 2\) and type float64 for 36 instances"),
        (np.ones(36), r"of shape \(36,\)"),
        (np.full((36, 2), np.inf), "vectors is NaN or infinite values"),
    ],
)
def test_vectors_are_checked(instances: list[RelationInstance], vectors: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        discover(instances, vectors=vectors)


def test_equal_instances_have_equal_vectors(instances: list[RelationInstance]) -> None:
    twice = [instances[0], dataclasses.replace(instances[0], id="again")]
    with pytest.raises(InputError, match=r"rows 0 and 1 \(from 0\) differ"):
        discover(twice, n_relations=1, vectors=[[1.0, 0.0], [0.0, 1.0]])


def test_a_method_that_trains_refuses_vectors(instances: list[RelationInstance]) -> None:
    with pytest.raises(SettingError, match="vectors cannot be trained; kmeans and hac work on vectors alone"):
        discover(instances, method="selfore", n_relations=3, vectors=Letters().encode(instances))


@pytest.mark.parametrize("method", [KMeans, KMeans(n_relations=3), KMeans(Letters(), n_relations=3)])
def test_a_method_is_a_class_or_an_estimator(
    method: Any, instances: list[RelationInstance], found: Discovery
) -> None:
    given = {"n_relations": 3} if method is KMeans else {}
    encoder = None if method is not KMeans and method.get_params()["encoder"] is not None else Letters()
    other = discover(instances, method=method, encoder=encoder, **given)
    np.testing.assert_array_equal(other.assignments.relation_ids, found.assignments.relation_ids)
    assert other.run["method"] == "kmeans"
    assert not hasattr(method, "labels_")


@pytest.mark.parametrize(
    ("method", "options", "complaint"),
    [
        (KMeans(), {"n_relations": 3}, "method is an estimator, which has its own parameters"),
        (KMeans(), {"settings": {"n_init": 2}}, "method is an estimator, which has its own parameters"),
        (KMeans(Letters()), {"encoder": Letters()}, "has an encoder of its own; give one of the two"),
        (dict, {}, "neither a name, nor a method's class or estimator: the class dict has no NAME"),
        (3, {}, "neither a name, nor a method's class or estimator: the class int has no NAME"),
        (ClusteringMethod, {}, "the class ClusteringMethod has no NAME"),
    ],
)
def test_what_is_no_method_is_refused(
    method: Any, options: dict[str, Any], complaint: str, instances: list[RelationInstance]
) -> None:
    with pytest.raises(SettingError, match=complaint):
        discover(instances, method=method, **options)


def test_a_method_of_ones_own_is_saved_and_loaded(instances: list[RelationInstance], tmp_path: Path) -> None:
    found = discover(instances, method=Bands, n_relations=3, encoder=Letters(), settings={"power": "2"})
    assert found.run["settings"]["power"] == 2.0
    found.save(tmp_path / "run")
    again = load(tmp_path / "run", encoder=Letters(), method=Bands)
    assert again.model.get_params()["power"] == 2.0
    np.testing.assert_array_equal(again.predict(instances).relation_ids, found.assignments.relation_ids)
    with pytest.raises(
        ArtifactError, match=r"unknown method 'bands'.* or give its class: load\(folder, method=…"
    ):
        load(tmp_path / "run", encoder=Letters())
    with pytest.raises(ArtifactError, match="holds a 'bands', but the class that was given is a 'hac'"):
        load(tmp_path / "run", encoder=Letters(), method=HAC)


def test_a_clustering_that_returns_no_clusters_is_refused(instances: list[RelationInstance]) -> None:
    class Broken(Bands):
        NAME = "broken"

        def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> Any:
            return np.ones((2, 2))

    with pytest.raises(InputError, match=r"cluster of Broken returned an array of shape \(2, 2\)"):
        discover(instances, method=Broken, n_relations=3, encoder=Letters())


def test_a_discovery_is_scored_against_instances_and_against_labels(
    found: Discovery, instances: list[RelationInstance]
) -> None:
    by_id = found.evaluate(instances[::-1])
    by_place = found.evaluate([one.relation for one in instances])
    assert by_id == by_place
    assert by_id.ari == by_id.scores.ari > 0.3
    assert str(by_id).endswith("(36 instances)")


def test_what_a_score_leaves_out_is_counted(
    found: Discovery, instances: list[RelationInstance], corpus: list[RelationInstance]
) -> None:
    elsewhere = [one for one in corpus if one.relation == "author"][:2]
    scored = found.evaluate([*instances[:30], instances[30].without_relation(), *elsewhere])
    assert (scored.scores.n_instances, scored.n_without_gold, scored.n_not_in_corpus) == (30, 6, 2)
    assert str(scored).endswith("(30 instances, 8 left out)")
    labels = [one.relation if place else None for place, one in enumerate(instances)]
    assert found.evaluate(labels).as_dict()["n_without_gold"] == 1


@pytest.mark.parametrize(
    ("gold", "complaint"),
    [
        (["a", "b"], "2 gold labels were given for 36 instances"),
        ([None] * 36, "none of the 36 instances of the corpus has a gold relation"),
        ([], "none of the 36 instances"),
        ("gold.jsonl", r"to read a file, use relscout\.read"),
    ],
)
def test_what_cannot_be_scored_is_refused(found: Discovery, gold: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        found.evaluate(gold)


@pytest.mark.skipif(importlib.util.find_spec("pandas") is not None, reason="pandas is installed")
def test_a_frame_needs_pandas(found: Discovery) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'relscout\[pandas\]'"):
        found.to_pandas()


def test_a_frame_has_one_row_for_each_triple(found: Discovery, instances: list[RelationInstance]) -> None:
    pytest.importorskip("pandas")
    frame = found.to_pandas()
    assert frame["instance_id"].tolist() == [one.id for one in instances]
    assert frame["relation"].tolist() == [one.relation for one in found.triples()]
    assert frame.loc[0, "head_text"] == instances[0].head_text


class Nearest(VectorMethod):
    """A method of somebody else that begins with :class:`VectorMethod`."""

    NAME = "nearest"

    def fit(self, unlabeled: Any, labeled: Any = None, **_: Any) -> Nearest:
        vectors, _number = self.vectors_and_number(unlabeled)
        self.ends = vectors[[0, -1]]
        return self.set_fitted(vectors)

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        powers = np.exp(vectors @ self.ends.T)
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"ends": self.ends}

    def restore(self, values: Any, arrays: Any) -> None:
        self.ends, self.n_relations_ = arrays["ends"], 2


class Capitals(Letters):
    """Another encoder with vectors of the same width."""

    fingerprint = "capitals-1"

    def _vector(self, one: RelationInstance) -> NDArray[np.float32]:
        return super()._vector(one)[::-1].copy()


def test_a_method_refuses_another_encoder_than_that_of_its_fit(
    instances: list[RelationInstance], tmp_path: Path
) -> None:
    method = Nearest(Letters(), n_relations=2).fit(instances).set_params(encoder=Capitals())
    for use in (method.predict, lambda _: method.save(tmp_path / "model")):
        with pytest.raises(ArtifactError, match="not the one this model was fitted with"):
            use(instances)


def test_a_loaded_method_is_fitted_again_with_another_encoder(
    instances: list[RelationInstance], tmp_path: Path
) -> None:
    Nearest(Letters(), n_relations=2).fit(instances).save(tmp_path / "model")
    again = Nearest.load(tmp_path / "model", encoder=Letters()).set_params(encoder=Capitals()).fit(instances)
    assert again.predict(instances).tolist() == again.labels_.tolist()
