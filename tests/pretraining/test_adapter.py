from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import about, learnt_relations, settings_for
from relscout.pretraining.adapter import AdapterSettings, TrainedAdapter, train_adapter

Few = list[RelationInstance]
QUICK = {
    "rank": 2,
    "supervised_layers": 1,
    "supervised_epochs": 3,
    "supervised_steps": 0,
    "supervised_batch": 8,
    "imprint_samples": 4,
}


@pytest.fixture
def labeled(corpus: Few) -> Few:
    chosen = sorted({str(one.relation) for one in corpus if not one.is_unrelated})[:3]
    return [one for name in chosen for one in corpus if one.relation == name][::6]


@pytest.fixture
def encoder(tiny_bert: Path) -> TransformerEncoder:
    return TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), pooling="span-mean@2+between", device="cpu")
    )


def same(one: TrainedAdapter, other: TrainedAdapter) -> bool:
    return one.factors.keys() == other.factors.keys() and all(
        one.factors[name].tobytes() == other.factors[name].tobytes() for name in one.factors
    )


def test_a_taught_adapter_tells_its_relations_apart_better(
    encoder: TransformerEncoder, labeled: Few, tmp_path: Path
) -> None:
    def spread(vectors: Any) -> float:
        """How much of the variance lies between the relations."""
        names = np.array([one.relation for one in labeled])
        means = np.stack([vectors[names == name].mean(axis=0) for name in sorted(set(names))])
        return float(means.var(axis=0).sum() / vectors.var(axis=0).sum())

    settings = {**QUICK, "supervised_layers": 3, "supervised_epochs": 12, "supervised_learning_rate": 2e-2}
    found = train_adapter(labeled, encoder, settings=settings, out=tmp_path / "a")
    taught = TransformerEncoder(settings_for(str(tmp_path / "a")))
    assert taught.settings.pooling == "span-mean@2+between"
    assert spread(taught.encode(labeled)) > 1.5 * spread(encoder.encode(labeled))
    assert found.report["accuracy"][-1] > found.report["accuracy"][0]
    told = about(str(tmp_path / "a"))
    assert told["relations"] == sorted({str(one.relation) for one in labeled})
    assert told["instances"] == len(labeled)
    assert json.loads(json.dumps(told)) == told


def test_neither_order_nor_names_nor_repetition_matter(encoder: TransformerEncoder, labeled: Few) -> None:
    first = train_adapter(labeled, encoder, settings=QUICK, seed=3)
    renamed = [
        replace(one, relation=f"r{len(str(one.relation))}{str(one.relation)[::-1]}") for one in labeled
    ]
    assert same(first, train_adapter([*renamed[::-1], *renamed[:4]], encoder, settings=QUICK, seed=3))
    assert not same(first, train_adapter(labeled, encoder, settings=QUICK, seed=4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda few: few[:1], "only the relation"),
        (
            lambda few: [few[0].without_relation(), *few[1:]],
            "1 of 25 labelled instances have no gold relation",
        ),
        (lambda few: [], "no relation at all"),
        (
            lambda few: [replace(one, relation="no_relation") for one in few],
            "0 labelled relations are left, expected at least two; 25 of 25 labelled instances were left out",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_told(
    change: Any, message: str, encoder: TransformerEncoder, labeled: Sequence[RelationInstance]
) -> None:
    with pytest.raises(InputError, match=message):
        train_adapter(change(labeled), encoder, settings=QUICK)


def test_what_has_no_relation_or_will_be_tested_is_not_learnt_from(
    encoder: TransformerEncoder, labeled: Few
) -> None:
    unrelated = [replace(one, relation="NA", id="") for one in labeled[:3]]
    tested = labeled[-1]
    told = [*labeled, *unrelated]
    found = train_adapter(told, encoder, settings=QUICK, exclude=[tested.swapped()])
    assert same(found, train_adapter(labeled[:-1], encoder, settings=QUICK))
    assert found.report["warnings"][:2] == [
        "3 of 28 labelled instances were left out: they have no relation",
        "1 of 28 labelled instances were left out: their entity pair is excluded",
    ]
    assert "NA" not in found.report["relations"]


def test_sets_of_relations_share_an_adapter_and_a_sentence_of_two_sets_counts_once(
    encoder: TransformerEncoder, labeled: Few
) -> None:
    first, second = labeled[::2], [*labeled[1::2], labeled[0]]
    trained = train_adapter({"a": first, "b": second}, encoder, settings=QUICK, seed=1)
    assert trained.report["sets"] == {"a": len(first), "b": len(second)}
    assert trained.report["instances"] == len(labeled)
    assert trained.report["relations"] == sorted({str(instance.relation) for instance in labeled})
    assert same(trained, train_adapter({"b": second[::-1], "a": first}, encoder, settings=QUICK, seed=1))
    assert not same(trained, train_adapter(labeled, encoder, settings=QUICK, seed=1))


def test_a_named_inverse_is_learnt_as_the_relation_that_it_is(
    encoder: TransformerEncoder, labeled: Few
) -> None:
    first, second = sorted({str(instance.relation) for instance in labeled})[:2]
    named = train_adapter(labeled, encoder, settings=QUICK, inverse_of={first: second, second: first})
    assert not same(named, train_adapter(labeled, encoder, settings=QUICK))
    unknown = {first: "a relation that no instance has"}
    assert same(
        train_adapter(labeled, encoder, settings=QUICK, inverse_of=unknown),
        train_adapter(labeled, encoder, settings=QUICK),
    )


def test_each_set_needs_two_relations(encoder: TransformerEncoder, labeled: Few) -> None:
    few = [instance for instance in labeled if instance.relation == labeled[0].relation]
    with pytest.raises(InputError, match="only the relation"):
        train_adapter({"a": labeled, "b": few}, encoder, settings=QUICK)


def test_a_rank_of_zero_is_refused() -> None:
    with pytest.raises(SettingError, match="rank is 0"):
        AdapterSettings(rank=0)


def test_a_student_has_the_neighbourhoods_of_its_teacher_also_without_labels(
    encoder: TransformerEncoder, labeled: Few, corpus: Few, tiny_bert: Path
) -> None:
    teacher = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence@1", device="cpu"))
    further = [replace(instance, relation=None) for instance in corpus[1:120:3]]

    def agreement(trained: TrainedAdapter, folder: Path) -> float:
        """How well the cosines of the student follow those of the teacher, on the unlabelled instances."""
        student = TransformerEncoder(settings_for(str(folder)))
        cosines = []
        for each in (student, teacher):
            vectors = each.encode(further)
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            cosines.append((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)])
        return float(np.corrcoef(*cosines)[0, 1])

    settings = {**QUICK, "supervised_layers": 3, "supervised_epochs": 8, "supervised_learning_rate": 2e-2}
    settings |= {"inverses": False, "distillation": 20.0, "whitening_rank": 0}
    learnt = {}
    for name, taught in (("with", {"teacher": teacher, "unlabeled": further}), ("without", {})):
        folder = tiny_bert.parent / f"student {name}"
        trained = train_adapter(labeled, encoder, settings=settings, out=folder, **taught)
        learnt[name] = agreement(trained, folder)
        assert trained.report.get("teacher", {}).get("unlabeled") == (len(further) if taught else None)
    assert learnt["with"] > learnt["without"] + 0.1


def test_neither_the_order_nor_the_labels_of_unlabelled_instances_matter(
    encoder: TransformerEncoder, labeled: Few, corpus: Few
) -> None:
    further = corpus[1:60:3]
    first = train_adapter(labeled, encoder, settings=QUICK, teacher=encoder, unlabeled=further)
    others = [*(instance.without_relation() for instance in further[::-1]), further[0], labeled[0]]
    assert same(first, train_adapter(labeled, encoder, settings=QUICK, teacher=encoder, unlabeled=others))
    assert not same(first, train_adapter(labeled, encoder, settings=QUICK, teacher=encoder))
    unweighted = {**QUICK, "distillation": 0.0}
    without = train_adapter(labeled, encoder, settings=unweighted, teacher=encoder, unlabeled=further)
    assert same(without, train_adapter(labeled, encoder, settings=QUICK))
    assert "teacher" not in without.report


def test_unlabelled_instances_need_a_teacher(encoder: TransformerEncoder, labeled: Few) -> None:
    with pytest.raises(SettingError, match="25 unlabelled instances were given without a teacher"):
        train_adapter(labeled, encoder, settings=QUICK, unlabeled=labeled)


def test_what_the_teacher_has_learnt_from_labels_its_student_has_learnt(
    encoder: TransformerEncoder, labeled: Few, tmp_path: Path
) -> None:
    names = sorted({str(instance.relation) for instance in labeled})
    of_teacher = [instance for instance in labeled if instance.relation != names[0]]
    train_adapter(of_teacher, encoder, settings=QUICK, out=tmp_path / "teacher")
    teacher = TransformerEncoder(settings_for(str(tmp_path / "teacher")))
    rest = [instance for instance in labeled if instance.relation != names[1]]
    train_adapter(rest, encoder, settings=QUICK, teacher=teacher, out=tmp_path / "student")
    assert learnt_relations(str(tmp_path / "student")) == set(names)


def test_instances_without_a_relation_can_have_a_direction(
    encoder: TransformerEncoder, labeled: Few, corpus: Few
) -> None:
    none = [replace(instance, relation="NA") for instance in corpus[1:60:3]]
    settings = {**QUICK, "unrelated": True}
    trained = train_adapter([*labeled, *none], encoder, settings=settings)
    assert trained.report["relations"] == sorted({str(instance.relation) for instance in labeled})
    assert trained.report["instances"] == len(labeled) + len(none)
    renamed = [replace(instance, relation="no_relation") for instance in none]
    assert same(trained, train_adapter([*labeled, *renamed], encoder, settings=settings))
    assert not same(trained, train_adapter([*labeled, *none], encoder, settings=QUICK))
