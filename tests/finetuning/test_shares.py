from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.training.labels import drawn_share


def instances(**counts: int) -> list[RelationInstance]:
    return [
        RelationInstance(f"{name}{number} met", Mention(0, 1), Mention(1, 2), relation=name)
        for name, count in counts.items()
        for number in range(count)
    ]


def test_a_share_of_every_relation_is_drawn_and_rounded_up() -> None:
    # SemEval's 280, 79 and 64 instances of three relations: its published tenth has 28, 8 and 7
    train = instances(a=280, b=79, c=64, d=1)
    drawn = drawn_share(train, 0.1, seed=0)
    assert Counter(one.relation for one in drawn) == {"a": 28, "b": 8, "c": 7, "d": 1}
    assert drawn == [one for one in train if one in drawn]


def test_a_product_that_is_whole_but_for_rounding_is_not_rounded_up() -> None:
    assert 0.07 * 100 > 7
    assert len(drawn_share(instances(a=100, b=100), 0.07, seed=0)) == 14


def test_the_seed_decides_which_and_neither_order_nor_names_do() -> None:
    train = instances(a=40, b=20)
    texts = [{one.text for one in drawn_share(train, 0.2, seed=seed)} for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert {one.text for one in drawn_share(train[::-1], 0.2, seed=0)} == texts[0]
    renamed = [replace(one, relation={"a": "z", "b": "y"}[str(one.relation)]) for one in train]
    assert {one.text for one in drawn_share(renamed, 0.2, seed=0)} == texts[0]


def test_all_is_all() -> None:
    train = instances(a=3, b=2)
    assert drawn_share(train, 1.0, seed=0) == train


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(SettingError, match="expected a number above 0 and up to 1"):
        drawn_share(instances(a=2), share, seed=0)
