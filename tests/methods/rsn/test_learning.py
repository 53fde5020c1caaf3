from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.methods.rsn.network import Network, RSNSettings, Similarity
from relscout.methods.rsn.training import LabelledPairs, Learner, Material, conditional_entropy, frozen

QUICK: dict[str, Any] = {
    "layers": "6",
    "pairs": 400,
    "batch": 40,
    "epochs": 4,
    "learning_rate": 1e-2,
    "similarity_learning_rate": 0.03,
}

#: Without what looks at unlabelled pairs.
SUPERVISED = {**QUICK, "entropy_weight": 0.0}


def vectors(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors of six relations, told apart by four of 16 dimensions; the others are noise."""
    random = np.random.default_rng(seed)
    relations = np.repeat(np.arange(6), 10)
    centres = random.normal(size=(6, 4))
    noisy = np.concatenate(
        [centres[relations] + 0.1 * random.normal(size=(60, 4)), 0.5 * random.normal(size=(60, 12))], axis=1
    )
    return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32), relations


def learner(settings: RSNSettings, *, seed: int = 0) -> tuple[Learner, Network]:
    """Learns from the first four relations; the instances of the other two are unlabelled."""
    found, relations = vectors()
    network = Network(found, settings=settings, seed=seed)
    represent = frozen(found, network)
    material = Material(np.arange(40), LabelledPairs(relations[:40]), np.arange(40, 60))
    material.balance(network, represent, np.random.default_rng(0))
    return Learner(network, represent, material, encoder=None, settings=settings, seed=seed), network


def unknown_logits(similarity: Similarity) -> torch.Tensor:
    return torch.from_numpy(similarity.among(similarity.codes(vectors()[0][40:]))).logit()


def test_a_network_begins_undecided() -> None:
    settings = RSNSettings(**QUICK)
    _, network = learner(settings)
    found, relations = vectors()
    pairs = LabelledPairs(relations[:40]).draw(1000, np.random.default_rng(0))
    h = torch.from_numpy(found) * 4
    with torch.no_grad():
        logits = network.logit(network.f(h[pairs.left]), network.f(h[pairs.right]))
    assert float(logits.mean()) == pytest.approx(0, abs=1e-5)
    assert float(logits.std()) == pytest.approx(1, rel=1e-5)


def test_vectors_that_are_all_equal_leave_a_network_that_works() -> None:
    same = np.ones((4, 9), dtype=np.float32) / 3
    network = Network(same, settings=RSNSettings(layers="2"), seed=0)
    network.balance(torch.from_numpy(same), torch.from_numpy(same))
    similarity = network.similarity()
    assert similarity.among(similarity.codes(same)) == pytest.approx([0.5] * 6)


def test_the_first_layer_begins_at_the_strongest_directions() -> None:
    found, _ = vectors()
    network = Network(found, settings=RSNSettings(layers="5"), seed=0)
    left = np.linalg.svd(found.astype(float), full_matrices=False)[2][:5]
    weight = network.f[0].weight.detach().numpy()
    np.testing.assert_allclose(np.abs(np.sum(weight * left, axis=1)), 1, atol=1e-5)


def test_a_layer_that_is_wider_than_there_are_directions_begins_at_random_beyond() -> None:
    few = vectors()[0][:3]
    weight = Network(few, settings=RSNSettings(layers="5"), seed=0).f[0].weight.detach().numpy()
    np.testing.assert_allclose(weight[:3] @ weight[:3].T, np.eye(3), atol=1e-6)
    assert np.linalg.matrix_rank(weight) == 5


def test_a_random_start_does_not_look_at_the_vectors() -> None:
    settings = RSNSettings(layers="5", start="random")
    one, other = (Network(vectors(seed)[0], settings=settings, seed=0).f[0].weight for seed in (0, 1))
    assert torch.equal(one, other)


def test_training_teaches_to_tell_pairs_apart() -> None:
    taught, _ = learner(RSNSettings(**SUPERVISED))
    told = list(taught.epochs())
    assert [result.epoch for result in told] == [0, 1, 2, 3]
    assert told[-1].loss < told[0].loss < 0.7
    assert told[-1].accuracy > 0.9


def test_what_is_learnt_carries_over_to_other_relations() -> None:
    taught, network = learner(RSNSettings(**SUPERVISED))

    def gap() -> float:
        similarity = network.similarity()
        found = similarity.among(similarity.codes(vectors()[0][40:]))
        one, other = np.triu_indices(20, 1)
        same = (one < 10) == (other < 10)
        return float(found[same].mean() - found[~same].mean())

    before = gap()
    list(taught.epochs())
    assert gap() > max(before, 0.2)


def test_training_is_repeatable_and_the_seed_decides_it() -> None:
    arrays = []
    for seed in (0, 0, 1):
        taught, network = learner(RSNSettings(**QUICK, adversarial_weight=0.1), seed=seed)
        torch.manual_seed(len(arrays))  # the program's own random numbers do not matter
        list(taught.epochs())
        arrays.append(network.similarity().weight)
    assert arrays[0].tobytes() == arrays[1].tobytes() != arrays[2].tobytes()


def test_training_goes_on_from_its_arrays_as_if_nothing_had_happened() -> None:
    settings = RSNSettings(**QUICK, entropy_weight=0.1, adversarial_weight=0.1)
    whole, expected = learner(settings)
    told = list(whole.epochs())
    begun, _ = learner(settings)
    epochs = begun.epochs()
    first = [next(epochs), next(epochs)]
    resumed, network = learner(settings)
    resumed.state.restore(begun.state.arrays())
    assert first + list(resumed.epochs(first=2)) == told
    found, wanted = (
        {name: array.tobytes() for name, array in one.similarity().arrays().items()}
        for one in (network, expected)
    )
    assert found == wanted


def test_the_conditional_entropy_makes_unlabelled_pairs_decided() -> None:
    entropies = []
    for weight in (0.0, 1.0):
        taught, network = learner(RSNSettings(**{**QUICK, "entropy_weight": weight}))
        list(taught.epochs())
        entropies.append(float(conditional_entropy(unknown_logits(network.similarity()))))
    assert entropies[1] < entropies[0]


def test_adversarial_training_makes_predictions_steadier() -> None:
    changes = []
    for weight in (0.0, 1.0):
        taught, network = learner(RSNSettings(**SUPERVISED, adversarial_weight=weight, perturbation=0.1))
        list(taught.epochs())
        similarity, found = network.similarity(), vectors()[0][40:]
        moved = found + 0.02 * np.random.default_rng(0).normal(size=found.shape).astype(np.float32)
        alike = [similarity.among(similarity.codes(one)) for one in (found, moved)]
        changes.append(float(np.abs(alike[0] - alike[1]).mean()))
    assert changes[1] < changes[0]


def test_one_unlabelled_instance_has_no_pairs_and_does_no_harm() -> None:
    settings = RSNSettings(**QUICK, entropy_weight=1.0, adversarial_weight=0.1)
    found, relations = vectors()
    network = Network(found, settings=settings, seed=0)
    material = Material(np.arange(40), LabelledPairs(relations[:40]), np.array([41]))
    taught = Learner(network, frozen(found, network), material, encoder=None, settings=settings, seed=0)
    assert all(np.isfinite(epoch.loss) for epoch in taught.epochs())


def test_steps_have_the_size_of_a_batch_or_almost() -> None:
    _, relations = vectors()
    material = Material(np.arange(40), LabelledPairs(relations[:40]), np.arange(40, 60))
    for settings, sizes in (
        (RSNSettings(pairs=100, batch=30, entropy_weight=0), {33, 34}),
        (RSNSettings(pairs=5, batch=30, entropy_weight=0), {5}),
    ):
        steps = material.drawn(settings, np.random.default_rng(0))
        assert {len(known.left) for known, _ in steps} == sizes
        assert {len(unknown.left) for _, unknown in steps} == {0}
    steps = material.drawn(RSNSettings(pairs=100, batch=30, entropy_weight=1), np.random.default_rng(0))
    assert all(len(known.left) == len(unknown.left) for known, unknown in steps)
    assert all(unknown.left.min() >= 40 for _, unknown in steps)


def test_training_that_diverges_is_told() -> None:
    taught, _ = learner(RSNSettings(**{**QUICK, "learning_rate": 1e30, "epochs": 2}))
    with pytest.raises(SettingError, match="training diverged in step"):
        list(taught.epochs())
