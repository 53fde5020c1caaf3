from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import Relation
from relscout.discovery.describing import describe
from relscout.methods import Estimator


class MadeUp:
    """A fitted method that was never fitted: vectors as given, predictions by a rule."""

    names_: dict[int, str] = {}
    encoder = None

    def __init__(self, vectors: Sequence[Sequence[float]], rule: Callable[[RelationInstance], int]) -> None:
        self.vectors_ = np.array(vectors, dtype=np.float32)
        self.rule = rule
        self.report_: dict[str, Any] = {}

    def predict(self, instances: Sequence[RelationInstance]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array([self.rule(instance) for instance in instances], dtype=np.int64)


def sentence(head: str, verb: str, tail: str, types: tuple[str | None, str | None] = (None, None)) -> Any:
    text = f"{head} {verb} {tail}."
    start = len(head) + len(verb) + 2
    return RelationInstance(
        text, Mention(0, len(head), types[0]), Mention(start, start + len(tail), types[1])
    )


def described(
    instances: Sequence[RelationInstance],
    labels: Sequence[int],
    *,
    vectors: Sequence[Sequence[float]] | None = None,
    confidences: Sequence[float] | None = None,
    rule: Callable[[RelationInstance], int] = lambda _: 0,
) -> tuple[Relation, ...]:
    model = MadeUp([[1.0, 0.0]] * len(instances) if vectors is None else vectors, rule)
    sure = [1.0] * len(instances) if confidences is None else confidences
    return describe(instances, np.array(labels), np.array(sure, dtype=np.float32), cast(Estimator, model))


def likes(count: int) -> list[RelationInstance]:
    return [sentence(f"Ann{number}", "likes", f"Bo{number}") for number in range(count)]


def test_a_relation_counts_its_instances() -> None:
    types = ("PERSON", "PERSON")
    first = [sentence(f"Ann{number}", "likes", "Bo", types) for number in range(3)]
    second = [sentence("Rome", "lies in", "Italy", ("CITY", "COUNTRY"))]
    relations = described(first + second, [0, 0, 0, 1], confidences=[0.9, 0.5, 0.7, 0.25])
    assert [(one.id, one.size, one.confidence) for one in relations] == [(0, 3, 0.7), (1, 1, 0.25)]
    assert [one.types for one in relations] == [types, ("CITY", "COUNTRY")]
    assert [one.head_first for one in relations] == [1, 1]


def test_examples_are_from_the_relation_itself() -> None:
    instances = likes(6)
    relations = described(instances, [0, 1, 0, 1, 0, 1])
    for label in (0, 1):
        assert set(relations[label].examples) == {one.id for one in instances[label::2]}


def test_the_first_example_is_nearest_to_the_centroid() -> None:
    vectors = [[1.0, 0.0], [0.6, 0.8], [0.6, -0.8], [0.9, 0.1]]  # the mean points along the first axis
    instances = likes(4)
    assert described(instances, [0] * 4, vectors=vectors)[0].examples[0] == instances[0].id


def test_an_unsure_instance_is_not_the_first_example() -> None:
    vectors = [[1.0, 0.0], [0.6, 0.8], [0.6, -0.8], [0.9, 0.1]]
    instances = likes(4)
    (relation,) = described(instances, [0] * 4, vectors=vectors, confidences=[0.3, 0.9, 0.9, 0.9])
    assert relation.examples[0] == instances[3].id


def test_examples_differ_before_they_resemble() -> None:
    # two ways of saying it, one a little more frequent: the second example is of the other
    vectors = [[1.0, 0.0]] * 6 + [[0.6, 0.8]] * 5
    instances = likes(11)
    first, second, *_ = described(instances, [0] * 11, vectors=vectors)[0].examples
    assert first in {one.id for one in instances[:6]}
    assert second in {one.id for one in instances[6:]}


def test_there_are_at_most_twelve_examples() -> None:
    assert len(described(likes(40), [0] * 40)[0].examples) == 12


def test_entity_pairs_do_not_repeat_while_others_are_left() -> None:
    verbs = ("likes", "loves", "adores", "praises", "admires")
    same_pair = [sentence("Ann", verb, "Bo") for verb in verbs]
    others = likes(4)
    examples = described(same_pair + others, [0] * 9)[0].examples
    assert len(set(examples) & {one.id for one in same_pair}) == 1
    assert {one.id for one in others} < set(examples)


def test_three_examples_are_shown_even_where_they_repeat() -> None:
    same_pair = [sentence("Ann", verb, "Bo") for verb in ("likes", "loves", "adores", "praises")]
    examples = described(same_pair, [0] * 4)[0].examples
    assert len(set(examples)) == len(examples) == 3


def test_the_same_instance_is_one_example() -> None:
    twins = [likes(1)[0]] * 4
    assert described(twins, [0] * 4)[0].examples == (twins[0].id,)


def possessive(count: int, *, turned: bool) -> list[RelationInstance]:
    """Return sentences such as "Ann1 's aunt Bo1", the first of both the head, or the tail."""
    found = [sentence(f"Ann{n}", "'s aunt", f"Bo{n}") for n in range(count)]
    return [replace(one, head=one.tail, tail=one.head) for one in found] if turned else found


@pytest.mark.parametrize(("turned", "name"), [(False, "aunt"), (True, "aunt (inverse)")])
def test_a_name_in_the_possessive_tells_its_direction(turned: bool, name: str) -> None:
    (relation,) = described(possessive(6, turned=turned), [0] * 6)
    assert relation.pattern.replace("’", "'") == ("TAIL's aunt HEAD" if turned else "HEAD's aunt TAIL")
    assert relation.name == name


def parents_and_children(count: int) -> list[RelationInstance]:
    return [sentence(f"Ann{n}", "is the mother of", f"Bo{n}") for n in range(count)] + [
        sentence(f"Cy{n}", "is the child of", f"Di{n}") for n in range(count)
    ]


def mother_or_child(instance: RelationInstance) -> int:
    """Read the direction rightly: 0 where the head is the mother, 1 where it is the child."""
    says_mother = "mother" in instance.text
    forwards = instance.head.start < instance.tail.start
    return 0 if says_mother == forwards else 1


def test_relations_that_say_the_same_backwards_are_inverses() -> None:
    relations = described(parents_and_children(5), [0] * 5 + [1] * 5, rule=mother_or_child)
    assert [one.inverse for one in relations] == [1, 0]


def test_a_relation_that_stays_the_same_backwards_has_no_inverse() -> None:
    relations = described(
        parents_and_children(5), [0] * 5 + [1] * 5, rule=lambda one: 0 if "mother" in one.text else 1
    )
    assert [one.inverse for one in relations] == [None, None]


def test_it_takes_both_sides_to_be_inverses() -> None:
    relations = described(parents_and_children(5), [0] * 5 + [1] * 5, rule=lambda _: 1)
    assert [one.inverse for one in relations] == [None, None]


@pytest.mark.parametrize(("turned", "inverse"), [(2, None), (3, 1)])
def test_most_examples_must_turn_round(turned: int, inverse: int | None) -> None:
    def rule(instance: RelationInstance) -> int:
        number = int(instance.text.split()[0][-1])
        return mother_or_child(instance) if number < turned else 2

    relations = described(parents_and_children(5), [0] * 5 + [1] * 5, rule=rule)
    assert relations[0].inverse == inverse
