from __future__ import annotations

import pytest

from relscout.core.errors import InputError, SettingError
from relscout.discovery import discover
from relscout.discovery.drift import drift


def test_text_like_that_of_the_run_is_as_far_as_expected(found, unseen):
    like = drift(found, unseen, expected=0.2)
    assert like.pairs == len(unseen)
    assert like.far < 0.45


def test_unknown_relations_are_far(found, unseen, corpus):
    known = {instance.relation for instance in unseen}
    others = [instance for instance in corpus if instance.relation not in known][:60]
    other, like = drift(found, others, expected=0.1), drift(found, unseen, expected=0.1)
    assert other.far > 0.5 > like.far
    assert other.unlike == pytest.approx((other.far - 0.1) / 0.9)
    assert set(other.farthest) <= {instance.without_relation() for instance in others}


def test_the_order_changes_nothing(found, unseen):
    assert drift(found, unseen, most=12) == drift(found, unseen[::-1], most=12)
    assert drift(found, unseen, most=12).pairs == 12


def test_there_must_be_new_pairs(found):
    with pytest.raises(InputError, match="no new pairs"):
        drift(found, [])


@pytest.mark.parametrize("given", [{"expected": 0.0}, {"expected": 1.0}, {"most": 0}])
def test_shares_and_numbers_are_checked(found, unseen, given):
    with pytest.raises(SettingError):
        drift(found, unseen, **given)


def test_a_run_may_be_too_small(instances, encoder, unseen):
    small = discover(
        instances[:12],
        n_relations=2,
        method="kmeans",
        encoder=encoder,
        settings={"start": "k-means++", "n_init": 1},
    )
    with pytest.raises(InputError, match="too few to set a limit"):
        drift(small, unseen)
