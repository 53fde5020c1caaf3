from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, ParentRelation, Relation, discover
from relscout.discovery.relation import hierarchy_of
from relscout.encoders import TransformerEncoder

Instances = list[RelationInstance]


def relation(id: int) -> Relation:
    return Relation(id, f"r{id}", f"HEAD r{id} TAIL", 1, 0.5, None, 0.0, 1.0, (), None, ())


RELATIONS = [relation(id) for id in range(4)]
#: Directions in degrees: two pairs, and one instance of no relation far away.
ANGLES = {0: (0, 0, 0), 1: (90,), 2: (10, 10), 3: (95, 95), -1: (200,)}
IDS = np.array([id for id, angles in ANGLES.items() for _ in angles])
TURNS = np.deg2rad([angle for angles in ANGLES.values() for angle in angles])
VECTORS = np.stack([np.cos(TURNS), np.sin(TURNS)], axis=1).astype(np.float32)


def test_the_nearest_are_joined_first_and_what_has_no_relation_is_left_out() -> None:
    nearest, other, root = hierarchy_of(RELATIONS, IDS, VECTORS)
    assert nearest.children == (3, 1), "the larger first"
    assert nearest.distance == pytest.approx(1 - np.cos(np.deg2rad(5)), abs=1e-6)
    assert (nearest.id, nearest.size, nearest.name) == (4, 3, "r3 / r1")
    assert other.children == (0, 2)
    assert root.children == (other.id, nearest.id)
    assert root.relations == (0, 2, 3, 1), "the largest first"
    assert (root.size, root.name) == (8, "r0 / r2 / r3 / 1 more")
    # the mean over the four pairs of relations
    apart = np.mean([1 - np.cos(np.deg2rad(b - a)) for a in (0, 10) for b in (90, 95)])
    assert root.distance == pytest.approx(apart, abs=1e-6)


def test_the_order_of_instances_changes_nothing() -> None:
    again = hierarchy_of(RELATIONS, IDS[::-1], VECTORS[::-1])
    for one, other in zip(again, hierarchy_of(RELATIONS, IDS, VECTORS), strict=True):
        assert (one.children, one.relations) == (other.children, other.relations)


def test_one_relation_has_no_parent_and_one_without_instances_is_no_leaf() -> None:
    assert hierarchy_of(RELATIONS[:1], IDS, VECTORS) == ()
    (only,) = hierarchy_of([RELATIONS[0], RELATIONS[3], relation(9)], IDS, VECTORS)
    assert only.relations == (0, 3)


def test_a_mean_without_direction_is_refused() -> None:
    with pytest.raises(InputError, match="mean 0"):
        hierarchy_of(RELATIONS[:2], np.array([0, 0, 1]), np.array([[1, 0], [-1, 0], [0, 1]], np.float32))


def test_a_parent_comes_back_from_json_as_it_was() -> None:
    for parent in hierarchy_of(RELATIONS, IDS, VECTORS):
        back = ParentRelation.from_dict(json.loads(json.dumps(parent.as_dict())))
        assert back.children == parent.children
        assert back.distance == pytest.approx(parent.distance, abs=1e-6)


def test_a_discovery_has_it_where_it_was_asked_for(
    found: Discovery, instances: Instances, encoder: TransformerEncoder, tmp_path: Path
) -> None:
    assert found.parents == ()
    arranged = discover(instances, n_relations=5, encoder=encoder, hierarchy=True)
    assert arranged.relations == found.relations
    *_, root = arranged.parents
    assert len(arranged.parents) == 4
    assert sorted(root.relations) == [0, 1, 2, 3, 4]
    assert root.size == len(instances)
    arranged.save(tmp_path / "run")
    assert Discovery.load(tmp_path / "run").parents == arranged.parents
