from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout import Discovery, discover
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.encoders.whitening import WithinClassProjection
from relscout.methods.transfer import Transfer, TransferSettings
from relscout.methods.transfer.open_world import OpenWorld, Relatedness, Sorting, sorted_apart
from relscout.methods.unrelated.detector import redrawn_pairs

PREDEFINED = ("composer", "official language", "award received")
NOVEL = ("orbits", "spouse")
QUICK = {
    "layers": "64-16",
    "autoencoder_steps": 100,
    "supervised_layers": 1,
    "supervised_steps": 12,
    "supervised_batch": 16,
    "supervised_dtype": "float32",
    "open_world": True,
    # the usual start compiles UMAP, which takes ten seconds
    "start": "k-means++",
}
#: The settings for vectors that are given.
OF_VECTORS = TransferSettings(open_world=True, start="k-means++")


@pytest.fixture(scope="module")
def encoder() -> TransformerEncoder:
    """The bundled encoder, read where its vectors are short."""
    return TransformerEncoder(EncoderSettings(pooling="span-mean@3+between"), cache=VectorCache())


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
        # a tenth of the labelled ones may be taken for novel
        assert (told[gold == name] == name).mean() >= 0.7
    for name in NOVEL:
        assert (told[gold == name] == "novel").mean() >= 0.9
    assert (told == PREDEFINED[2]).mean() < 0.02, "nothing in the corpus expresses it"
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


def test_neither_order_nor_gold_relations_of_the_corpus_matter(
    encoder: TransformerEncoder,
    fitted: Transfer,
    mixed: list[RelationInstance],
    known: list[RelationInstance],
) -> None:
    bare = [instance.without_relation() for instance in mixed[::-1]]
    again = Transfer(encoder, n_relations=2, **QUICK).fit(bare, known[::-1])
    assert again.probabilities_[::-1].tobytes() == fitted.probabilities_.tobytes()
    assert again.names_ == fitted.names_


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
    small_encoder: TransformerEncoder, mixed: list[RelationInstance], known: list[RelationInstance]
) -> None:
    labelled_only = [one for one in mixed if one.relation in PREDEFINED]
    with pytest.raises(InputError, match=r"only \d+ of 40 instances with a relation are classified as novel"):
        Transfer(small_encoder, n_relations=30, **QUICK).fit(labelled_only, known)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingError, match="open_world is true and so is classification"):
        TransferSettings(open_world=True, classification=True)
    with pytest.raises(SettingError, match="known_fnr is 1, expected a number from 0 to below 1"):
        TransferSettings(known_fnr=1)
    with pytest.raises(SettingError, match="neighbours is 0, expected at least 1"):
        TransferSettings(neighbours=0)
    with pytest.raises(SettingError, match="no_relation_fnr is 1, expected a number from 0 to below 1"):
        TransferSettings(no_relation_fnr=1)
    with pytest.raises(SettingError, match="shrinkage is 0, expected a number above 0 and up to 1"):
        TransferSettings(shrinkage=0)


@pytest.fixture
def sorting() -> Sorting:
    """Two classes at the left, and what nobody labelled at the right, seen as they are."""
    view = WithinClassProjection(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    near = on_circle(np.concatenate([np.linspace(2, 3.4, 40), np.linspace(-1, 1, 40)]))
    return Sorting(
        view, view, on_circle(np.array([3.0, 2.5])), 0.1, near, 40, 5, 3, np.empty((0, 2), np.float32)
    )


def on_circle(angles: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def around(size: int) -> NDArray[np.float32]:
    return on_circle(np.linspace(0, 2 * np.pi, size, endpoint=False))


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
    found = OpenWorld.of(sorting, None, ("a", "b"), right, novel)
    assert sorted(found.outputs.tolist()) == [0, 1]
    assert found.given_names == {}
    restored = OpenWorld.restored(found.arrays(), ("a", "b"))
    told, again = (one.probabilities(right, novel, None) for one in (found, restored))
    assert again.tobytes() == told.tobytes()


def test_none_is_likeliest_where_more_than_half_speaks_for_it(sorting: Sorting) -> None:
    vectors = around(50)
    novel = np.tile(np.array([[0.3, 0.4, 0.3]], np.float32), (50, 1))
    none = np.linspace(0, 1, 50, dtype=np.float32)
    relatedness = Relatedness(np.array([1, 0], np.float32), 0.5)
    found = OpenWorld.of(sorting, relatedness, ("a", "b"), vectors, novel)
    without, told = (found.probabilities(vectors, novel, one) for one in (None, none))
    np.testing.assert_allclose(told.sum(axis=1), 1, rtol=1e-5)
    assert ((told.argmax(axis=1) == len(found.outputs)) == (none > 0.5)).all()
    assert (told[:, :-1].argmax(axis=1) == without.argmax(axis=1)).all()
    restored = OpenWorld.restored(found.arrays(), ("a", "b"))
    assert restored.relatedness is not None
    assert restored.relatedness.none(vectors).tobytes() == relatedness.none(vectors).tobytes()


def apart(size: int, seed: int, distance: float = 1.5) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of unit length in two clouds that overlap."""
    random = np.random.default_rng(seed)
    clouds = random.normal(size=(2, size, 6)).astype(np.float32)
    clouds[0, :, 0] += distance
    clouds[1, :, 0] -= distance
    related, redrawn = clouds / np.linalg.norm(clouds, axis=2, keepdims=True)
    return related, redrawn


@pytest.mark.parametrize("mistakes", [0.02, 0.1, 0.3])
def test_as_many_related_ones_are_taken_for_unrelated_as_were_allowed(mistakes: float) -> None:
    learnt = Relatedness.of(*apart(800, 0), mistakes=mistakes, seed=0)
    related, redrawn = (learnt.none(one) for one in apart(4000, 1))
    assert (related > 0.5).mean() == pytest.approx(mistakes, abs=0.03)
    assert (redrawn > 0.5).mean() > (related > 0.5).mean() + 0.4


def test_the_threshold_is_of_instances_that_were_not_learnt_from() -> None:
    """Where nothing can be learnt, whatever was learnt by heart must not move it."""
    learnt = Relatedness.of(*apart(60, 0, distance=0.0), mistakes=0.1, seed=0)
    related, _ = apart(4000, 1, distance=0.0)
    assert (learnt.none(related) > 0.5).mean() < 0.25


def test_of_very_many_vectors_some_are_learnt_from() -> None:
    few, again = (Relatedness.of(*apart(400, 0), mistakes=0.1, most=50, seed=0) for _ in range(2))
    assert few.weight.tobytes() == again.weight.tobytes()
    assert few.weight.tobytes() != Relatedness.of(*apart(400, 0), mistakes=0.1, seed=0).weight.tobytes()


@pytest.fixture(scope="module")
def with_none(corpus: list[RelationInstance], mixed: list[RelationInstance]) -> list[RelationInstance]:
    """The mixed corpus, and as many pairs of which nobody says that they are related, of other sentences."""
    free = [one for one in corpus if one.relation not in PREDEFINED][1::3]
    return [*mixed, *redrawn_pairs(free, seed=5)[: len(mixed)]]


@pytest.fixture(scope="module")
def many_known(corpus: list[RelationInstance], with_none: list[RelationInstance]) -> list[RelationInstance]:
    """Labelled instances of all other relations, among which many pairs can be re-drawn."""
    texts = {one.text for one in with_none}
    return [one for one in corpus if one.relation not in NOVEL and one.text not in texts][::2]


@pytest.fixture(scope="module")
def found_with_none(
    encoder: TransformerEncoder, with_none: list[RelationInstance], many_known: list[RelationInstance]
) -> Discovery:
    return discover(
        with_none,
        method="transfer",
        n_relations=2,
        encoder=encoder,
        labeled=many_known,
        known="keep",
        settings=QUICK | {"no_relation_fnr": 0.1},
    )


def test_pairs_that_are_not_related_are_given_no_relation(
    found_with_none: Discovery, with_none: list[RelationInstance]
) -> None:
    ids, model = found_with_none.assignments.relation_ids, found_with_none.model
    n_related = sum(one.relation is not None for one in with_none)
    assert (ids[:n_related] < 0).mean() < 0.35
    assert (ids[n_related:] < 0).mean() > (ids[:n_related] < 0).mean() + 0.2
    assert model.none_ == model.n_relations_ == len(found_with_none.relations)
    assert model.probabilities_.shape[1] == model.n_relations_ + 1
    assert found_with_none.run["no_relation"] == (ids < 0).sum()
    assert len(list(found_with_none.triples())) == (ids >= 0).sum()


def test_new_text_is_told_the_same_after_saving_and_loading(
    found_with_none: Discovery, with_none: list[RelationInstance], tmp_path: Path
) -> None:
    found_with_none.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.model.none_ == found_with_none.model.none_
    again = loaded.predict(with_none)
    assert again.relation_ids.tolist() == found_with_none.assignments.relation_ids.tolist()
    # the cache has vectors of other batches, which differ in their last bits
    np.testing.assert_allclose(again.confidences, found_with_none.assignments.confidences, rtol=1e-5)
    merged = loaded.merge([0, 1]).predict(with_none)
    assert ((merged.relation_ids < 0) == (again.relation_ids < 0)).all()


def test_neither_order_nor_gold_relations_change_what_has_none(
    encoder: TransformerEncoder,
    found_with_none: Discovery,
    with_none: list[RelationInstance],
    many_known: list[RelationInstance],
) -> None:
    settings = QUICK | {"no_relation_fnr": 0.1}
    bare = [one.without_relation() for one in with_none[::-1]]
    again = Transfer(encoder, n_relations=2, **settings).fit(bare, many_known[::-1])
    assert again.labels_[::-1].tolist() == found_with_none.assignments.relation_ids.tolist()
    assert (again.predict(bare) == again.labels_).all()
    sizes = np.bincount(again.labels_[again.labels_ >= 0])
    assert (np.diff(sizes) <= 0).all()


def test_too_few_with_a_relation_are_told(
    small_encoder: TransformerEncoder, mixed: list[RelationInstance], many_known: list[RelationInstance]
) -> None:
    settings = QUICK | {"no_relation_fnr": 0.97}
    with pytest.raises(InputError, match=r"of 40 instances express no relation .* lower than 0.97"):
        Transfer(small_encoder, n_relations=30, **settings).fit(mixed[::2], many_known)


def test_every_instance_can_be_given_a_relation(
    small_encoder: TransformerEncoder, mixed: list[RelationInstance], known: list[RelationInstance]
) -> None:
    found = Transfer(small_encoder, n_relations=2, **QUICK | {"no_relation_fnr": 0.0, "known_fnr": 0.8}).fit(
        mixed, known
    )
    assert found.none_ is None
    assert found.labels_.min() == 0
    assert found.report_["no_relation"] == 0
    assert not [one for one in found.report_["warnings"] if "no_relation_fnr" in one]


def test_too_few_pairs_to_learn_from_are_told(
    small_encoder: TransformerEncoder, mixed: list[RelationInstance], known: list[RelationInstance]
) -> None:
    few = [one for name in PREDEFINED for one in [two for two in known if two.relation == name][:3]]
    found = Transfer(small_encoder, n_relations=2, **QUICK | {"known_fnr": 0.8}).fit(mixed, few)
    assert found.none_ is None
    (warning,) = [one for one in found.report_["warnings"] if "no_relation_fnr" in one]
    assert "in 9 labelled sentences" in warning


def clouds(n_each: int, seed: int, scale: float = 0.25) -> NDArray[np.float32]:
    """Five groups of vectors of unit length in eight dimensions, one after the other."""
    random = np.random.default_rng(seed)
    found = np.repeat(np.eye(8)[:5], n_each, axis=0) + random.normal(scale=scale, size=(5 * n_each, 8))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_what_lies_among_labelled_ones_is_pre_defined_and_the_rest_novel() -> None:
    labelled, classes = clouds(60, 0)[:180], np.repeat(np.arange(3), 60)
    corpus = clouds(40, 1)
    sorting, is_novel = sorted_apart(corpus, labelled, classes, "auto", OF_VECTORS, seed=0)
    assert is_novel[:120].mean() <= 0.15
    assert is_novel[120:].mean() >= 0.95
    told = sorting.predefined(corpus)[:120]
    assert (told[told >= 0] == np.repeat(np.arange(3), 40)[told >= 0]).mean() >= 0.95


@pytest.mark.parametrize("mistakes", [0.0, 0.1, 0.4])
def test_at_most_the_given_share_of_labelled_ones_is_taken_for_novel(mistakes: float) -> None:
    labelled, classes = clouds(60, 0)[:180], np.repeat(np.arange(3), 60)
    settings = replace(OF_VECTORS, known_fnr=mistakes)
    sorting, _ = sorted_apart(clouds(40, 1), labelled, classes, "auto", settings, seed=0)
    # a labelled one is never its own neighbour, in the fit or here
    assert (sorting.predefined(labelled) < 0).mean() <= mistakes


def test_means_of_both_sides_separate_better_than_neighbours() -> None:
    """Where the classes overlap, neighbours mix up more."""
    labelled, classes = clouds(60, 0, scale=0.5)[:180], np.repeat(np.arange(3), 60)
    corpus = clouds(60, 1, scale=0.5)
    wrong = {}
    for separation in ("neighbours", "joint"):
        settings = replace(OF_VECTORS, separation=separation)
        sorting, is_novel = sorted_apart(corpus, labelled, classes, 2, settings, seed=0)
        wrong[separation] = int(is_novel[:180].sum() + (~is_novel[180:]).sum())
        assert (sorting.predefined(labelled) < 0).mean() <= settings.known_fnr
        assert len(sorting.novel) == (2 if separation == "joint" else 0)
        restored = Sorting.restored(sorting.arrays())
        assert restored.predefined(corpus).tolist() == sorting.predefined(corpus).tolist()
        assert (restored.predefined(corpus) < 0).tolist() == is_novel.tolist()
    assert wrong["joint"] < wrong["neighbours"]


def test_too_few_instances_have_no_means_of_novel_relations() -> None:
    labelled, classes = clouds(60, 0)[:180], np.repeat(np.arange(3), 60)
    sorting, _ = sorted_apart(clouds(20, 1), labelled, classes, 2, OF_VECTORS, seed=0)
    assert len(sorting.novel) == 0


def test_few_labelled_instances_are_found_again_in_a_large_corpus() -> None:
    labelled, classes = clouds(14, 0)[:42], np.repeat(np.arange(3), 14)
    _, is_novel = sorted_apart(clouds(150, 1), labelled, classes, "auto", OF_VECTORS, seed=0)
    assert is_novel[:450].mean() <= 0.3
    assert is_novel[450:].mean() >= 0.9


def test_in_a_corpus_without_labelled_relations_everything_is_novel() -> None:
    labelled, classes = clouds(60, 0)[:180], np.repeat(np.arange(3), 60)
    _, is_novel = sorted_apart(clouds(40, 1)[120:], labelled, classes, "auto", OF_VECTORS, seed=0)
    assert is_novel.mean() >= 0.95


def test_a_handful_of_instances_has_few_neighbours() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(12, 4)).astype(np.float32)
    labelled, classes = random.normal(size=(20, 4)).astype(np.float32), np.arange(20) % 2
    sorting, is_novel = sorted_apart(vectors, labelled, classes, "auto", OF_VECTORS, seed=0)
    assert sorting.n_neighbours == 3
    assert is_novel.shape == (12,)
