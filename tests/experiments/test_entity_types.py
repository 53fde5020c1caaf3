"""Rows without entity types, and types that are wrong on purpose."""

from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.lab.preset import preset
from relscout.lab.protocols import everything, with_types
from relscout.lab.runner import run_preset


def types_of(instances):
    return [kind for instance in instances for kind in instance.type_pair]


@pytest.fixture
def task(corpus: list[RelationInstance]):
    return everything(corpus[::4])


def test_types_are_left_out_and_nothing_else(task) -> None:
    bare = with_types(task, types=False)
    assert set(types_of(bare.fitted)) == {None}
    assert [(one.text, one.relation, one.head.start) for one in bare.scored] == [
        (one.text, one.relation, one.head.start) for one in task.scored
    ]
    assert with_types(task) is task


def test_about_the_given_share_of_types_is_wrong(task) -> None:
    right = types_of(task.fitted)
    known = set(right) - {None}
    for share in (0.25, 1.0):
        given = types_of(with_types(task, corrupted=share).fitted)
        wrong = [a != b for a, b in zip(right, given, strict=True) if a is not None]
        assert sum(wrong) / len(wrong) == pytest.approx(share, abs=0.1)
        assert set(given) - {None} <= known
        assert [kind is None for kind in given] == [kind is None for kind in right]


def test_what_is_wrong_with_less_is_wrong_in_the_same_way_with_more(task) -> None:
    right, some, more = (types_of(with_types(task, corrupted=share).fitted) for share in (0, 0.3, 0.6))
    assert all(b == c for a, b, c in zip(right, some, more, strict=True) if a != b)


def test_the_order_of_the_instances_does_not_matter(task) -> None:
    turned = everything(list(task.fitted)[::-1])
    assert list(with_types(turned, corrupted=0.5).fitted)[::-1] == with_types(task, corrupted=0.5).fitted


def test_a_single_type_cannot_be_replaced(task) -> None:
    with pytest.raises(
        InputError, match=r"types.corrupted needs at least two entity types, and the data have 0"
    ):
        with_types(with_types(task, types=False), corrupted=0.5)


def test_rows_see_types_or_none_or_wrong_ones(tmp_path, written, description) -> None:
    description |= {"protocol": "bundled", "seeds": [0]}
    description["encoder"]["pooling"] = "cls+types*2"
    description["rows"] = [
        {"name": "typed", "method": "kmeans"},
        {"name": "untyped", "method": "kmeans", "types": False},
    ]
    description["sweep"] = {"setting": "types.corrupted", "values": [0, 1.0], "rows": ["typed"]}
    records = list(
        run_preset(
            preset(written(description)),
            data=tmp_path,
            results=tmp_path / "r.jsonl",
            rows=["typed", "untyped"],
        )
    )
    scores = {(one["row"], str(one["variation"])): one["scores"]["raw"]["b3_f1"] for one in records}
    typed, untyped = scores["typed", "{}"], scores["untyped", "{}"]
    # no type is wrong: the same run, which is not repeated but recorded again
    assert scores.get(("typed", "{'types.corrupted': 0}"), typed) == typed
    assert typed > untyped + 0.05
    assert typed > scores["typed", "{'types.corrupted': 1.0}"] + 0.05
