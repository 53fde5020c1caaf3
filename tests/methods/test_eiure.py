from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relscout.core.errors import SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.methods.eiure import (
    EIURE,
    context_ranking,
    contexts_exchanged,
    entities_exchanged,
    with_entities,
)

Few = list[RelationInstance]
Build = Callable[..., EIURE]


@pytest.fixture(scope="module")
def eiure(tiny_bert: Path) -> Build:
    """Build an EIURE that is fitted in a moment."""
    encoder = TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence", device="cpu"), cache=VectorCache()
    )
    quick = {"batch": 16, "training_dtype": "float32", "start": "k-means++", "annotate": False}

    def build(**settings: Any) -> EIURE:
        return EIURE(encoder, n_relations=4, **{**quick, **settings})

    return build


def born(person: str, place: str) -> RelationInstance:
    return RelationInstance.from_strings(
        f"{person} was born in {place}.", person, place, head_type="PERSON", tail_type="CITY"
    )


def test_names_are_replaced_in_the_text_whichever_mention_comes_first() -> None:
    sentence = born("Marie Curie", "Warsaw")
    exchanged = with_entities(sentence, "Al", "San Francisco")
    assert exchanged.text == "Al was born in San Francisco."
    assert (exchanged.head_text, exchanged.tail_text) == ("Al", "San Francisco")
    assert exchanged.type_pair == ("PERSON", "CITY")
    inverse = with_entities(sentence.swapped(), "San Francisco", "Al")
    assert inverse.text == exchanged.text
    assert (inverse.head_text, inverse.tail_text) == ("San Francisco", "Al")


def test_a_mention_inside_the_other_is_left_as_it_is() -> None:
    nested = RelationInstance("University of Paris", Mention(0, 19), Mention(14, 19))
    assert with_entities(nested, "Oxford", "England") is nested


def test_entities_are_exchanged_for_others_of_their_type() -> None:
    instances = [born("Ann", "Rome"), born("Bob", "Oslo"), born("Eve", "Rome")]
    kinds = [instance.type_pair for instance in instances]
    for seed in range(10):
        exchanged = entities_exchanged(instances, kinds, np.random.default_rng(seed))
        for before, after in zip(instances, exchanged, strict=True):
            assert after.head_text in {"Ann", "Bob", "Eve"} - {before.head_text}
            assert after.tail_text in {"Rome", "Oslo"} - {before.tail_text}


def test_the_only_entity_of_a_type_keeps_its_name() -> None:
    instances = [born("Ann", "Rome"), born("Bob", "Rome")]
    exchanged = entities_exchanged(
        instances, [instance.type_pair for instance in instances], np.random.default_rng(0)
    )
    assert [instance.text for instance in exchanged] == ["Bob was born in Rome.", "Ann was born in Rome."]


def test_similar_contexts_are_the_nearest_of_the_same_types() -> None:
    angles = np.radians([0, 5, 90, 95, 1, 91])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    kinds = [("PERSON", "CITY")] * 4 + [("CITY", "CITY")] * 2
    near, far = contexts_exchanged(vectors, kinds, neighbours=1, random=np.random.default_rng(0))
    assert near[:4].tolist() == [1, 0, 3, 2]
    assert set(far[:2].tolist()) <= {2, 3}
    assert set(far[2:4].tolist()) <= {0, 1}
    # two of a pair of types leave no choice
    assert near[4:].tolist() == far[4:].tolist() == [4, 5]


def test_the_ranking_equals_a_result_computed_by_hand() -> None:
    anchors = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    near = torch.tensor([[0.8, 0.6], [0.6, 0.8]])
    far = torch.tensor([[0.0, 1.0], [0.8, 0.6]])
    # max(0, 0.3 − 0.8 + 0) = 0 and max(0, 0.3 − 0.6 + 0.8) = 0.5
    assert float(context_ranking(anchors, near, far, margin=0.3)) == pytest.approx(0.25)
    assert float(context_ranking(anchors[:0], near[:0], far[:0], margin=0.3)) == 0


def test_training_lowers_both_losses(eiure: Build, few: Few) -> None:
    epochs = eiure(epochs=6, learning_rate=3e-3).fit(few).report_["epochs"]
    for term in ("contrast", "ranking"):
        first, last = (epochs[place]["losses"][term] for place in (0, -1))
        assert last < 0.8 * first, term


@pytest.mark.parametrize(
    ("settings", "terms"), [({"contrast_weight": 0.0}, {"ranking"}), ({"ranking_weight": 0.0}, {"contrast"})]
)
def test_each_intervention_can_be_left_out(
    settings: dict[str, float], terms: set[str], eiure: Build, few: Few
) -> None:
    assert set(eiure(epochs=1, **settings).fit(few).report_["epochs"][0]["losses"]) == terms


def test_without_both_there_is_nothing_to_train(eiure: Build, few: Few) -> None:
    with pytest.raises(SettingError, match="nothing is trained; one of them must be above 0"):
        eiure(contrast_weight=0.0, ranking_weight=0.0).fit(few)


def test_a_sample_trains_and_all_are_clustered(eiure: Build, few: Few) -> None:
    fitted = eiure(epochs=1, max_instances=10).fit(few)
    assert len(fitted.labels_) == len(few)
    assert any("trained on 10 of 40 different instances" in warning for warning in fitted.report_["warnings"])


def test_two_instances_without_types_are_contrasted_and_not_ranked(eiure: Build) -> None:
    pair = [RelationInstance(text, Mention(0, 1), Mention(5, 6)) for text in ("a in b", "c at d")]
    fitted = eiure(epochs=1).set_params(n_relations=2).fit(pair)
    (epoch,) = fitted.report_["epochs"]
    assert epoch["ranked"] == 0
    assert set(epoch["losses"]) == {"contrast"}
