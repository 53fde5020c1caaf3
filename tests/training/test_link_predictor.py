from __future__ import annotations

import numpy as np
import pytest
import torch

from relscout.core.instances import Mention, RelationInstance
from relscout.training.link_predictor import EntityPairs, LinkPredictor


def instance(head: str, tail: str, *, ids: tuple[str | None, str | None] = (None, None)) -> RelationInstance:
    """A sentence of two names."""
    text = f"{head} and {tail}"
    return RelationInstance(
        text,
        Mention(0, len(head), entity_id=ids[0]),
        Mention(len(text) - len(tail), len(text), entity_id=ids[1]),
    )


def predictor(*, bilinear: bool = True) -> LinkPredictor:
    made = LinkPredictor(6, 3, dimension=4, bilinear=bilinear, seed=0)
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(10)  # scores far from 0
    return made


def slow_score(of: LinkPredictor, head: int, relation: int, tail: int) -> float:
    """ψ, written as in the paper."""
    h, t = (of.entities[entity].detach().double().numpy() for entity in (head, tail))
    b, c = (weights[relation].detach().numpy() for weights in (of.head_preferences, of.tail_preferences))
    a = 0.0 if of.bilinear is None else h @ of.bilinear[relation].detach().numpy() @ t
    return float(a + h @ b + t @ c)


def log_sigmoid(x: float) -> float:
    return -float(np.logaddexp(0, -x))


def test_names_are_compared_without_case_and_numbered_in_alphabetic_order() -> None:
    pairs = EntityPairs.of([instance("Paris", "Lyon"), instance("Nice", "PARIS")])
    assert pairs.heads.tolist() == [2, 1]
    assert pairs.tails.tolist() == [0, 2]
    assert pairs.n_entities == 3


def test_an_identifier_decides_where_there_is_one() -> None:
    pairs = EntityPairs.of(
        [
            instance("Paris", "Lyon", ids=("Q90", None)),
            instance("Paris", "the capital", ids=("Q167646", "Q90")),
        ]
    )
    assert pairs.heads[0] == pairs.tails[1]
    assert pairs.heads[0] != pairs.heads[1]


def test_the_order_of_the_instances_does_not_change_the_numbers() -> None:
    instances = [instance("Rome", "Bari"), instance("Bari", "Turin"), instance("Milan", "Rome")]
    forward, backward = EntityPairs.of(instances), EntityPairs.of(instances[::-1])
    assert forward.heads.tolist() == backward.heads[::-1].tolist()
    assert forward.tails.tolist() == backward.tails[::-1].tolist()


def test_negatives_are_drawn_as_often_as_entities_occur() -> None:
    pairs = EntityPairs.of([instance("Rome", "Bari"), instance("Rome", "Turin"), instance("Rome", "Pisa")])
    drawn = pairs.negatives(3000, 5, np.random.default_rng(0))
    assert drawn.shape == (3000, 2, 5)
    shares = np.bincount(drawn.ravel(), minlength=4) / drawn.size
    np.testing.assert_allclose(shares, [1 / 6, 1 / 6, 1 / 2, 1 / 6], atol=0.01)


@pytest.mark.parametrize("bilinear", [True, False])
def test_scores_are_the_bilinear_form_and_the_selectional_preferences(bilinear: bool) -> None:
    made = predictor(bilinear=bilinear)
    heads, tails = torch.tensor([0, 5]), torch.tensor([3, 2])
    expected = [[slow_score(made, h, r, t) for r in range(3)] for h, t in ((0, 3), (5, 2))]
    np.testing.assert_allclose(made(heads, tails).detach().numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("bilinear", [True, False])
def test_the_loss_is_the_expectation_that_the_paper_writes(bilinear: bool) -> None:
    made = predictor(bilinear=bilinear)
    heads, tails = [0, 5], [3, 2]
    shares = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]])
    negatives = np.array([[[1, 4], [2, 2]], [[0, 3], [5, 1]]])
    expected = 0.0
    for row, (h, t) in enumerate(zip(heads, tails, strict=True)):
        for r in range(3):
            cost = -2 * log_sigmoid(slow_score(made, h, r, t))
            cost -= sum(log_sigmoid(-slow_score(made, h, r, int(other))) for other in negatives[row, 1])
            cost -= sum(log_sigmoid(-slow_score(made, int(other), r, t)) for other in negatives[row, 0])
            expected += shares[row, r] * cost / 2
    computed = made.loss(
        torch.from_numpy(shares).float(),
        torch.tensor(heads),
        torch.tensor(tails),
        torch.from_numpy(negatives),
    )
    assert computed.item() == pytest.approx(expected, rel=1e-5)


def test_a_relation_that_explains_the_pair_lowers_the_loss() -> None:
    """Training on two relations with given shares teaches which pairs belong to which."""
    made = LinkPredictor(8, 2, dimension=4, seed=0)
    heads, tails = torch.arange(4), torch.arange(4, 8)
    relation = torch.tensor([0, 0, 1, 1])
    shares = torch.nn.functional.one_hot(relation, 2).float()
    pairs = EntityPairs(heads.numpy(), tails.numpy(), 8)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.05)
    for step in range(200):
        negatives = torch.from_numpy(pairs.negatives(4, 5, np.random.default_rng(step)))
        optimizer.zero_grad()
        made.loss(shares, heads, tails, negatives).backward()
        optimizer.step()
    assert made(heads, tails).argmax(dim=1).tolist() == relation.tolist()


def test_the_same_seed_gives_the_same_first_weights() -> None:
    first, again, other = (LinkPredictor(6, 3, dimension=4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.entities, again.entities)
    assert not torch.equal(first.entities, other.entities)


def test_equal_instances_count_once() -> None:
    pairs = EntityPairs(np.array([3, 1, 3, 0]), np.array([2, 0, 2, 1]), 4).of_contents(np.array([1, 0, 1, 2]))
    assert pairs.heads.tolist() == [1, 3, 0]
    assert pairs.tails.tolist() == [0, 2, 1]
    assert pairs.n_entities == 4
