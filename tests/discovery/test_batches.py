from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from relscout import Discovery, discover
from relscout.discovery.batches import labelled_by, numbered_after
from relscout.encoders import TransformerEncoder, VectorCache
from relscout.errors import InputError, SettingError
from relscout.instances import RelationInstance

FIRST = ("composer", "official language", "capital of")
LATER = ("orbits", "spouse")
QUICK = {
    "layers": "64-16",
    "autoencoder_steps": 100,
    "taught_layers": 1,
    "taught_steps": 12,
    "taught_batch": 16,
    "taught_dtype": "float32",
    "none_mistakes": 0.0,
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


def test_what_several_runs_have_is_labelled_by_the_last(first: Discovery) -> None:
    renamed = dataclasses.replace(
        first,
        relations=tuple(
            dataclasses.replace(one, id=one.id + 10, name=f"{one.name} too") for one in first.relations
        ),
        assignments=dataclasses.replace(first.assignments, relation_ids=first.assignments.relation_ids + 10),
    )
    instances, _ = labelled_by([first, renamed])
    assert len(instances) == len(first.assignments.instances)
    assert all(str(one.relation).endswith(" too") for one in instances)


def test_a_name_of_two_numbers_is_refused(first: Discovery) -> None:
    other = dataclasses.replace(
        first, relations=tuple(dataclasses.replace(one, id=2 - one.id) for one in first.relations)
    )
    with pytest.raises(InputError, match=r"has the number \d in one of the earlier runs and \d in another"):
        labelled_by([first, other])


def test_a_novel_relation_that_is_called_like_an_earlier_one_is_marked(first: Discovery) -> None:
    numbers = {first.relations[0].name: 7}
    found = numbered_after(first, numbers)
    assert [one.id for one in found.relations] == [8, 9, 10]
    assert found.relations[0].name == f"{first.relations[0].name} (novel)"
    assert sorted(set(found.assignments.relation_ids.tolist())) == [8, 9, 10]
    assert found.merged == {0: 8, 1: 9, 2: 10}


def test_inverses_are_numbered_along(first: Discovery) -> None:
    relations = (dataclasses.replace(first.relations[0], inverse=1), *first.relations[1:])
    found = numbered_after(dataclasses.replace(first, relations=relations), {"x": 4})
    assert found.relations[0].inverse == found.relations[1].id == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "kmeans"}, "only 'transfer' can tell"),
        ({"method": "transfer", "settings": {"open_world": False}}, "open_world is False"),
        ({"method": "transfer", "labeled": []}, "cannot be given both"),
    ],
)
def test_what_cannot_be_a_later_batch_is_refused(
    options: dict[str, object], message: str, first: Discovery, batch: list[RelationInstance]
) -> None:
    with pytest.raises(SettingError, match=message):
        discover(batch, after=[first], n_relations=2, **options)  # type: ignore[arg-type]
