from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.rocore.network import Sides
from relscout.training.labels import canonical, classes_of, digest

Few = list[RelationInstance]


@pytest.fixture(scope="module")
def sides(random_encoder: TransformerEncoder, few: Few, known: Few) -> Callable[..., Sides]:
    encoder = TunableEncoder(random_encoder, trained_layers=1)

    def build(unlabeled: Few, labeled: Few) -> Sides:
        return Sides.of(encoder.prepare(unlabeled), encoder.prepare(labeled), classes_of(labeled)[1], 2)

    return build


def test_relations_are_numbered_by_their_first_instance(known: Few) -> None:
    names, classes = classes_of(known[::-1])
    assert names[0] == known[-1].relation
    assert [names[number] for number in classes] == [one.relation for one in known[::-1]]


def test_a_hash_of_the_labels_does_not_know_their_names(known: Few) -> None:
    _, classes = classes_of(known)
    assert digest(classes) == digest(classes.copy())
    assert digest(classes) != digest(classes[::-1].copy())


def test_labelled_instances_are_put_in_an_order_of_their_own(known: Few) -> None:
    assert canonical(known) == canonical(known[::-1])


def test_every_content_has_the_label_of_its_instances(
    sides: Callable[..., Sides], few: Few, known: Few
) -> None:
    both = sides([*few[:3], few[0]], known)
    labels = np.array([4, 5, 6, 4])
    of_contents = both.pseudo_labels(labels)
    assert len(of_contents) == 3
    np.testing.assert_array_equal(of_contents[both.unlabeled.row_of], labels)
    np.testing.assert_array_equal(both.classes[both.labeled.row_of], classes_of(known)[1])


def test_an_epoch_passes_the_unlabelled_side_and_as_much_of_the_labelled_one(
    sides: Callable[..., Sides], few: Few, known: Few
) -> None:
    pairs = sides(few, known[:6]).batches(10, np.random.default_rng(0))
    unlabeled, labeled = zip(*pairs, strict=True)
    assert sorted(np.concatenate(unlabeled).tolist()) == list(range(24))
    assert [len(batch) for batch in unlabeled] == [8, 8, 8]
    assert [len(batch) for batch in labeled] == [6, 6, 6]


def test_a_small_corpus_is_passed_until_there_are_steps_enough(
    sides: Callable[..., Sides], few: Few, known: Few
) -> None:
    pairs = sides(few, known).batches(10, np.random.default_rng(0), least=10)
    assert len(pairs) == 12
    assert np.bincount(np.concatenate([rows for rows, _ in pairs])).tolist() == [4] * 24
