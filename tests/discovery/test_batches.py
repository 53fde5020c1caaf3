from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from relscout import Discovery, discover
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery.earlier import first_free, labelled_by, numbered_after
from relscout.encoders import TransformerEncoder, VectorCache

FIRST = ("composer", "official language", "capital of")
LATER = ("orbits", "spouse")
QUICK = {
    "layers": "64-16",
    "autoencoder_steps": 100,
    "supervised_layers": 1,
    "supervised_steps": 12,
    "supervised_batch": 16,
    "supervised_dtype": "float32",
    "no_relation_fnr": 0.0,
}


@pytest.fixture(scope="module")
def encoder() -> TransformerEncoder:
    return TransformerEncoder(cache=VectorCache())


def of(
    corpus: list[RelationInstance], names: tuple[str, ...], start: int, end: int
) -> list[RelationInstance]:
    return [one for name in names for one in [two for two in corpus if two.relation == name][start:end]]


@pytest.fixture(scope="module")
def first(encoder: TransformerEncoder, corpus: list[RelationInstance]) -> Discovery:
    """A first batch, in which one relation was given another name."""
    found = discover(of(corpus, FIRST, 0, 20), n_relations=3, encoder=encoder)
    return found.rename(1, "is written by")


@pytest.fixture(scope="module")
def batch(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """A later batch, with two of the relations and two others."""
    return of(corpus, (*FIRST[:2], *LATER), 20, 40)


@pytest.fixture(scope="module")
def later(encoder: TransformerEncoder, first: Discovery, batch: list[RelationInstance]) -> Discovery:
    return discover(batch, method="transfer", n_relations=2, encoder=encoder, after=[first], settings=QUICK)


def numbers_of(found: Discovery, batch: list[RelationInstance], name: str) -> Counter[int]:
    ids = found.assignments.relation_ids.tolist()
    return Counter(id for one, id in zip(batch, ids, strict=True) if one.relation == name)


def test_relations_of_earlier_runs_keep_names_and_numbers(
    first: Discovery, later: Discovery, batch: list[RelationInstance], corpus: list[RelationInstance]
) -> None:
    before = of(corpus, FIRST, 0, 20)
    for name in FIRST[:2]:
        old = numbers_of(first, before, name).most_common(1)[0][0]
        new, count = numbers_of(later, batch, name).most_common(1)[0]
        assert (new, count >= 16) == (old, True)
        assert later.relation(new).name == first.relation(old).name
    novel = [numbers_of(later, batch, name).most_common(1)[0][0] for name in LATER]
    assert sorted(novel) == [3, 4], "behind those of the first run"
    assert not {later.relation(id).name for id in novel} & {one.name for one in first.relations}


def test_a_later_batch_fitted_on_a_sample_keeps_them_too(
    encoder: TransformerEncoder, first: Discovery, later: Discovery, batch: list[RelationInstance]
) -> None:
    sampled = discover(
        batch,
        method="transfer",
        n_relations=2,
        encoder=encoder,
        after=[first],
        settings=QUICK,
        fit_on=60,
    )
    assert (sampled.run["fitted_on"], len(sampled.assignments.instances)) == (60, 80)
    assert sampled.run["after"] == later.run["after"]
    for name in FIRST[:2]:
        number = numbers_of(later, batch, name).most_common(1)[0][0]
        assert numbers_of(sampled, batch, name).most_common(1)[0][0] == number
    assert sum(relation.size for relation in sampled.relations) == 80


def test_a_relation_that_no_instance_of_the_batch_has_keeps_its_number(first: Discovery) -> None:
    model = copy.copy(first.model)
    # the last of three relations is an earlier one, which is not among the described
    model.names_ = {2: "has died in"}
    without = dataclasses.replace(first, model=model, relations=first.relations[:2])
    numbered = numbered_after(without, {"has died in": 7}, free=9)
    assert numbered.merged == {0: 9, 1: 10, 2: 7}


def test_new_text_is_given_the_same_numbers_after_loading(
    later: Discovery, batch: list[RelationInstance], tmp_path: Path
) -> None:
    later.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    again = loaded.predict(batch)
    assert again.relation_ids.tolist() == later.assignments.relation_ids.tolist()
    merged = loaded.merge([3, 4])
    (kept,) = {3, 4} & {one.id for one in merged.relations}
    expected = np.where(np.isin(again.relation_ids, [3, 4]), kept, again.relation_ids)
    assert merged.predict(batch).relation_ids.tolist() == expected.tolist()


def test_runs_in_a_row_are_all_learnt_from(first: Discovery, later: Discovery) -> None:
    instances, numbers = labelled_by([first, later])
    assert {one.relation for one in instances} == set(numbers)
    assert set(numbers.values()) >= {0, 1, 2, 3, 4}
    assert len(instances) == len(list(first.triples())) + len(list(later.triples()))


def test_the_last_name_and_the_last_relation_count(first: Discovery) -> None:
    ids = np.where(first.assignments.relation_ids == 2, -1, first.assignments.relation_ids)
    last = dataclasses.replace(
        first.rename(0, "another name"),
        assignments=dataclasses.replace(first.assignments, relation_ids=ids),
        run={**first.run, "after": {"0": "x", "1": "y", "2": "z"}},
    )
    instances, numbers = labelled_by([first, last])
    assert numbers == {"another name": 0, "is written by": 1, first.relation(2).name: 2}
    assert len(instances) == int((ids >= 0).sum()), "what was given no relation in the end is not labelled"
    assert "another name" in {one.relation for one in instances}


def test_runs_that_did_not_come_after_each_other_are_refused(first: Discovery, later: Discovery) -> None:
    for wrong in ([first, first], [later, first]):
        with pytest.raises(InputError, match=r"earlier run 2 does not know relation \d"):
            labelled_by(wrong)


def test_two_relations_of_one_name_are_refused(first: Discovery) -> None:
    renamed = dataclasses.replace(first.relation(0), name="is written by")
    last = dataclasses.replace(first, relations=(renamed,), run={"after": {"0": "", "1": "", "2": ""}})
    with pytest.raises(InputError, match="relations 0 and 1 of the earlier runs are both called"):
        labelled_by([first, last])


def test_instances_without_a_relation_stay_without(first: Discovery) -> None:
    ids = first.assignments.relation_ids.copy()
    ids[:5] = -1
    some = dataclasses.replace(first, assignments=dataclasses.replace(first.assignments, relation_ids=ids))
    found = numbered_after(some, {"x": 4}, free=5)
    assert (found.assignments.relation_ids[:5] == -1).all()
    assert (found.assignments.relation_ids[5:] == ids[5:] + 5).all()


def test_a_novel_relation_that_is_called_like_an_earlier_one_is_marked(first: Discovery) -> None:
    name = first.relations[0].name
    numbers = {name: 7, f"{name} (novel)": 5}
    found = numbered_after(first, numbers, free=max(numbers.values()) + 1)
    assert [one.id for one in found.relations] == [8, 9, 10]
    assert found.relations[0].name == f"{name} (novel 2)"
    assert found.run["after"] == {"7": name, "5": f"{name} (novel)"}
    assert sorted(set(found.assignments.relation_ids.tolist())) == [8, 9, 10]
    assert found.merged == {0: 8, 1: 9, 2: 10}


def test_inverses_are_numbered_along(first: Discovery) -> None:
    relations = (dataclasses.replace(first.relations[0], inverse=1), *first.relations[1:])
    found = numbered_after(dataclasses.replace(first, relations=relations), {"x": 4}, free=5)
    assert found.relations[0].inverse == found.relations[1].id == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "kmeans"}, "cannot separate relations of earlier runs from novel ones; use 'transfer'"),
        ({"method": "transfer", "settings": {"open_world": False}}, "open_world is False"),
        ({"method": "transfer", "labeled": []}, "cannot be combined"),
        (
            {"method": "transfer", "known": "drop"},
            "known is 'drop', but relations of earlier runs are always kept",
        ),
    ],
)
def test_what_cannot_be_a_later_batch_is_refused(
    options: dict[str, object], message: str, first: Discovery, batch: list[RelationInstance]
) -> None:
    with pytest.raises(SettingError, match=message):
        discover(batch, after=[first], n_relations=2, **options)  # type: ignore[arg-type]


def test_a_number_that_was_dropped_or_merged_away_is_not_given_again(first: Discovery) -> None:
    last = max(one.id for one in first.relations)
    assert first_free([first]) == last + 1
    assert first_free([first.drop(last)]) == last + 1
    assert first_free([first.merge([one.id for one in first.relations])]) == last + 1
    later = numbered_after(first, {}, free=last + 1)
    assert later.run["next_number"] == last + 1 + len(first.relations)
    assert first_free([first, later.drop(max(one.id for one in later.relations))]) == later.run["next_number"]
