from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.methods.hiure import HiURE

Build = Callable[..., HiURE]
Few = list[RelationInstance]


def test_prototypes_are_seen_behind_the_warm_up_only(plain: HiURE) -> None:
    epochs = plain.report_["epochs"]
    assert [set(epoch["losses"]) for epoch in epochs] == [{"instances"}] + [{"instances", "prototypes"}] * 3
    assert [epoch["granularities"] for epoch in epochs] == [[]] + [[2, 4, 8]] * 3
    # found for the first time in the second epoch, so that there is something to compare in the third
    assert [epoch["agreement"] is None for epoch in epochs] == [True, True, False, False]
    for low, high in epochs[-1]["temperatures"]:
        assert 0 < low <= high


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"prototypes": False}, {"instances"}),
        ({"sampled_words": 0}, {"instances", "prototypes"}),
        ({"granularities": "3"}, {"instances", "prototypes"}),
        ({"temperature": 0.5}, {"instances", "prototypes"}),
        ({"smoothing": 1.0}, {"instances", "prototypes"}),
        ({"prototype_weight": 3.0}, {"instances", "prototypes"}),
        ({"momentum": 0.9}, {"instances", "prototypes"}),
        ({"clustering": "propagation"}, {"instances", "prototypes"}),
    ],
)
def test_each_part_can_be_switched(
    settings: dict[str, Any], expected: set[str], hiure: Build, few: Few, plain: HiURE
) -> None:
    found = hiure(**settings).fit(few)
    assert set(found.report_["epochs"][-1]["losses"]) == expected
    assert found.vectors_.tobytes() != plain.vectors_.tobytes()


def test_training_lowers_both_contrasts(hiure: Build, few: Few) -> None:
    settings = {"epochs": 20, "warm_up_epochs": 0, "learning_rate": 1e-3, "granularities": "4"}
    epochs = hiure(**settings).fit(few).report_["epochs"]
    for term in ("instances", "prototypes"):
        first, last = (epochs[place]["losses"][term] for place in (0, -1))
        assert last < first - 0.05, term


def test_granularities_that_the_corpus_has_not_are_told_and_left_out(hiure: Build, few: Few) -> None:
    found = hiure(n_relations=2).fit(few[:9])
    assert found.report_["epochs"][-1]["granularities"] == [2, 4]
    (said,) = (one for one in found.report_["warnings"] if "granularities" in one)
    assert said == "prototypes were found at the granularities 2, 4 only: there are 9 different instances"


def test_two_instances_are_enough(hiure: Build, few: Few) -> None:
    assert hiure(n_relations=2).fit(few[:2]).labels_.tolist() in ([0, 1], [1, 0])


def test_one_instance_has_nothing_to_be_told_from_and_it_is_said(hiure: Build, few: Few) -> None:
    found = hiure(n_relations=1).fit(few[:1])
    assert found.labels_.tolist() == [0]
    assert found.report_["epochs"] == []
    assert "1 different instance, and nothing to compare it with" in found.report_["warnings"][0]


def test_what_repeats_is_no_negative_of_itself(hiure: Build, few: Few) -> None:
    twice = [*few[:8], *(replace(one, id=f"{one.id} again") for one in few[:8])]
    once, found = hiure(n_relations=2).fit(few[:8]), hiure(n_relations=2).fit(twice)
    assert found.report_["epochs"] == once.report_["epochs"]
    np.testing.assert_array_equal(found.vectors_[:8], found.vectors_[8:])


def test_an_encoder_that_cannot_sample_is_refused_with_advice(tiny_bert: Path, few: Few) -> None:
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean+between@0"))
    with pytest.raises(SettingError, match="'between@2', train more layers, or sample no words"):
        HiURE(encoder, n_relations=2).fit(few)
    assert (
        HiURE(encoder, n_relations=2, sampled_words=0, granularities="4", epochs=2).fit(few).n_relations_ == 2
    )


def test_an_encoder_that_reads_nothing_between_has_nothing_to_sample(tiny_bert: Path, few: Few) -> None:
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean"))
    found = [
        HiURE(encoder, n_relations=2, sampled_words=words, granularities="4", epochs=2).fit(few)
        for words in (0, 2)
    ]
    assert found[0].vectors_.tobytes() == found[1].vectors_.tobytes()


def test_queued_views_are_negatives(hiure: Build, few: Few) -> None:
    short, long = (hiure(momentum=0.9, queue=queue).fit(few) for queue in (0, 30))
    first, last = (fitted.report_["epochs"][-1]["losses"]["instances"] for fitted in (short, long))
    assert last > first


def test_a_slow_momentum_encoder_stays_where_it_began(hiure: Build, few: Few) -> None:
    # prototypes are of the momentum encoder, so with a momentum near 1 they stay, and with a low one they follow
    slow, fast = (
        hiure(momentum=momentum, learning_rate=1e-2, clustering="propagation").fit(few).report_["epochs"]
        for momentum in (0.999999, 0.1)
    )
    assert [epoch["agreement"] for epoch in slow] == [None, None, 1.0, 1.0]
    assert fast[-1]["agreement"] is None or fast[-1]["agreement"] < 1


def test_exemplars_get_finer_from_level_to_level(hiure: Build, few: Few) -> None:
    (*_, last) = hiure(clustering="propagation", levels=3).fit(few).report_["epochs"]
    assert last["granularities"] == sorted(last["granularities"])
    assert last["granularities"][0] < last["granularities"][-1]
