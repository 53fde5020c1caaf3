from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout import discover
from relscout.clustering.within_class import Whitening
from relscout.encoders import TransformerEncoder
from relscout.errors import InputError, SettingError
from relscout.instances import RelationInstance
from relscout.methods.transfer import Transfer, TransferSettings
from relscout.methods.transfer.sorting import OpenWorld, Sorting, sorted_apart

PREDEFINED = ("composer", "official language", "award received")
NOVEL = ("orbits", "spouse")
QUICK = {
    "layers": "64-16",
    "autoencoder_steps": 100,
    "taught_layers": 1,
    "taught_steps": 12,
    "taught_batch": 16,
    "taught_dtype": "float32",
    "open_world": True,
}


@pytest.fixture(scope="module")
def known(corpus: list[RelationInstance]) -> list[RelationInstance]:
    return [one for name in PREDEFINED for one in [two for two in corpus if two.relation == name][:20]]


@pytest.fixture(scope="module")
def mixed(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Instances of two labelled relations, and of two that are not."""
    chosen = [[one for one in corpus if one.relation == name][20:40] for name in (*PREDEFINED[:2], *NOVEL)]
    return [one for four in zip(*chosen, strict=True) for one in four]


@pytest.fixture(scope="module")
def fitted(
    encoder: TransformerEncoder, mixed: list[RelationInstance], known: list[RelationInstance]
) -> Transfer:
    return Transfer(encoder, n_relations=2, **QUICK).fit(mixed, known)


def test_labelled_relations_come_back_under_their_names_and_novel_ones_without(
    fitted: Transfer, mixed: list[RelationInstance]
) -> None:
    gold = np.array([one.relation for one in mixed])
    told = np.array([fitted.names_.get(label, "novel") for label in fitted.labels_.tolist()])
    for name in PREDEFINED[:2]:
        assert (told[gold == name] == name).mean() >= 0.9
    for name in NOVEL:
        assert (told[gold == name] == "novel").mean() >= 0.9
    assert PREDEFINED[2] not in told, "nothing in the corpus expresses it"
    novel = {name: fitted.labels_[gold == name] for name in NOVEL}
    most = [np.bincount(labels).argmax() for labels in novel.values()]
    assert most[0] != most[1]


def test_relations_are_numbered_by_size_and_predicted_as_fitted(
    fitted: Transfer, mixed: list[RelationInstance]
) -> None:
    sizes = np.bincount(fitted.labels_, minlength=fitted.n_relations_)
    assert (np.diff(sizes) <= 0).all()
    assert sizes[-1] > 0
    assert (fitted.predict(mixed) == fitted.labels_).all()
    assert fitted.predict_proba(mixed).tobytes() == fitted.probabilities_.tobytes()
    np.testing.assert_allclose(fitted.probabilities_.sum(axis=1), 1, rtol=1e-5)
    assert fitted.report_["predefined_found"] == len(fitted.names_) >= 2


def test_a_loaded_one_says_the_same(fitted: Transfer, mixed: list[RelationInstance], tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = Transfer.load(tmp_path / "model")
    assert loaded.names_ == fitted.names_
    assert loaded.n_relations_ == fitted.n_relations_
    assert loaded.predict_proba(mixed).tobytes() == fitted.probabilities_.tobytes()


def test_the_order_of_the_input_does_not_matter(
    encoder: TransformerEncoder,
    fitted: Transfer,
    mixed: list[RelationInstance],
    known: list[RelationInstance],
) -> None:
    again = Transfer(encoder, n_relations=2, **QUICK).fit(mixed[::-1], known[::-1])
    assert again.probabilities_[::-1].tobytes() == fitted.probabilities_.tobytes()
    assert again.names_ == fitted.names_


def test_gold_relations_of_the_corpus_do_not_reach_it(
    encoder: TransformerEncoder,
    fitted: Transfer,
    mixed: list[RelationInstance],
    known: list[RelationInstance],
) -> None:
    bare = [one.without_relation() for one in mixed]
    again = Transfer(encoder, n_relations=2, **QUICK).fit(bare, known)
    assert again.probabilities_.tobytes() == fitted.probabilities_.tobytes()


def test_a_discovery_names_what_was_labelled(
    encoder: TransformerEncoder, mixed: list[RelationInstance], known: list[RelationInstance]
) -> None:
    found = discover(
        mixed, method="transfer", n_relations=2, encoder=encoder, labeled=known, known="keep", settings=QUICK
    )
    names = [one.name for one in found.relations]
    assert set(PREDEFINED[:2]) <= set(names)
    assert len(set(names)) == len(names)
    composer = next(one for one in found.relations if one.name == "composer")
    assert composer.pattern == "HEAD composer TAIL"


def test_more_relations_than_novel_instances_are_refused_with_the_numbers(
    encoder: TransformerEncoder, mixed: list[RelationInstance], known: list[RelationInstance]
) -> None:
    labelled_only = [one for one in mixed if one.relation in PREDEFINED]
    with pytest.raises(
        InputError, match=r"only \d+ of 40 instances are nearer to anything novel than to one of"
    ):
        Transfer(encoder, n_relations=30, **QUICK).fit(labelled_only, known)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingError, match="open_world is true and so is classification"):
        TransferSettings(open_world=True, classification=True)
    with pytest.raises(SettingError, match="novel_parts is 0, expected at least 1"):
        TransferSettings(novel_parts=0)
    with pytest.raises(SettingError, match="shrinkage is 0, expected a share above 0"):
        TransferSettings(shrinkage=0)


@pytest.fixture
def sorting() -> Sorting:
    """Two classes at the left, three clusters of novel relations at the right, seen as they are."""
    view = Whitening(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    angles = np.array([3.0, 2.5, 0.0, 0.5, -0.5])
    return Sorting(view, np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), 2, 0.1)


def around(size: int) -> NDArray[np.float32]:
    angles = np.linspace(0, 2 * np.pi, size, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_highest_probability_is_on_the_side_that_is_nearer(sorting: Sorting) -> None:
    vectors = around(50)
    told = sorting.predefined(vectors)
    assert set(told.tolist()) == {-1, 0, 1}
    novel = np.tile(np.array([[0.25, 0.3, 0.25, 0.2]], np.float32), (50, 1))
    joined = sorting.joined(vectors, novel)
    np.testing.assert_allclose(joined.sum(axis=1), 1, rtol=1e-5)
    assert (np.where(told < 0, 1, 4 + told) == joined.argmax(axis=1)).all()


def test_relations_that_nobody_chose_are_left_out(sorting: Sorting) -> None:
    right = around(50)[around(50)[:, 0] > 0.5]
    novel = np.eye(3, dtype=np.float32)[np.arange(len(right)) % 2]
    found = OpenWorld.of(sorting, ("a", "b"), right, novel)
    assert sorted(found.outputs.tolist()) == [0, 1]
    assert found.given_names == {}
    restored = OpenWorld.restored(found.arrays(), ("a", "b"))
    assert restored.probabilities(right, novel).tobytes() == found.probabilities(right, novel).tobytes()


def test_few_instances_make_few_clusters_of_novel_ones() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(12, 4)).astype(np.float32)
    labelled, classes = random.normal(size=(20, 4)).astype(np.float32), np.arange(20) % 2
    sorting, is_novel = sorted_apart(
        vectors, labelled, classes, "auto", TransferSettings(open_world=True), seed=0
    )
    assert len(sorting.centroids) == 2 + 12 // 5
    assert is_novel.shape == (12,)
