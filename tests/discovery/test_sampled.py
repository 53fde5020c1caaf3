"""Relations of a sample, applied to the whole corpus."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.discovery.sampled import Survey, described_relations, discover_in_sample
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.io.shards import INSTANCES, ShardedRows, write_shards

START = {"start": "k-means++", "n_init": 1}


@pytest.fixture(scope="module")
def tiny(tiny_bert: Path) -> TransformerEncoder:
    settings = EncoderSettings(model=str(tiny_bert), pooling="sentence")
    return TransformerEncoder(settings, cache=VectorCache())


@pytest.fixture(scope="module")
def rows(corpus: list[RelationInstance]) -> list[RelationInstance]:
    return [replace(instance, relation=None) for instance in corpus[:120]]


@pytest.fixture(scope="module")
def sampled(rows: list[RelationInstance], tiny: TransformerEncoder) -> Discovery:
    return discover(rows, method="kmeans", n_relations=4, encoder=tiny, settings=START, fit_on=50)


def relation_of(discovery: Discovery) -> dict[str, int]:
    ids = [instance.id for instance in discovery.assignments.instances]
    return dict(zip(ids, discovery.assignments.relation_ids.tolist(), strict=True))


def test_the_sample_keeps_its_relations_and_the_others_get_predicted_ones(
    rows: list[RelationInstance], sampled: Discovery, tiny: TransformerEncoder
) -> None:
    sample = Survey(rows, seed=0).sample(rows, 50)
    fitted = discover(sample, method="kmeans", n_relations=4, encoder=tiny, settings=START)
    assert len(sample) == sampled.run["fitted_on"] == 50
    expected = {instance.id: id for instance, id in zip(rows, fitted.predict(rows).relation_ids, strict=True)}
    assert relation_of(sampled) == expected | relation_of(fitted)
    assert [relation.name for relation in sampled.relations] == [
        relation.name for relation in fitted.relations
    ]
    assert sum(relation.size for relation in sampled.relations) == 120
    for relation in sampled.relations:
        members = sampled.assignments.relation_ids == relation.id
        assert relation.size == members.sum()
        assert relation.confidence == pytest.approx(sampled.assignments.confidences[members].mean(), abs=1e-4)


def test_a_sample_of_all_is_the_corpus(rows: list[RelationInstance], tiny: TransformerEncoder) -> None:
    how = {"method": "kmeans", "n_relations": 4, "encoder": tiny, "settings": START}
    whole, sampled = discover(rows, **how), discover(rows, **how, fit_on=1_000)  # type: ignore[arg-type]
    assert sampled.relations == whole.relations
    assert np.array_equal(sampled.assignments.relation_ids, whole.assignments.relation_ids)
    assert np.array_equal(sampled.assignments.confidences, whole.assignments.confidences)
    assert sampled.assignments.polarities == whole.assignments.polarities
    assert sampled.run | {"seconds": None} == whole.run | {"seconds": None, "fitted_on": 120}


def test_the_order_of_the_input_changes_nothing_and_the_seed_draws_another_sample(
    rows: list[RelationInstance], sampled: Discovery, tiny: TransformerEncoder
) -> None:
    again = discover(rows[::-1], method="kmeans", n_relations=4, encoder=tiny, settings=START, fit_on=50)
    assert again.relations == sampled.relations
    assert np.array_equal(again.assignments.confidences[::-1], sampled.assignments.confidences)
    first, other = (Survey(rows, seed=seed).sample(rows, 50) for seed in (0, 1))
    assert first != other


def test_a_corpus_on_the_disk_gets_the_same(
    rows: list[RelationInstance], sampled: Discovery, tiny: TransformerEncoder, tmp_path: Path
) -> None:
    write_shards(tmp_path / "rows", rows, INSTANCES, rows_per_shard=37)
    on_disk = discover_in_sample(
        ShardedRows(tmp_path / "rows", INSTANCES),
        50,
        fit=discover,
        method="kmeans",
        n_relations=4,
        encoder=tiny,
        settings=START,
    )
    assert relation_of(on_disk) == relation_of(sampled)
    assert on_disk.assignments.confidences == pytest.approx(sampled.assignments.confidences, abs=1e-5)
    on_disk.save(tmp_path / "run", shard_above=50)
    loaded = Discovery.load(tmp_path / "run")
    assert list(loaded.assignments.instances) == rows
    assert loaded.relations == on_disk.relations


def test_repeated_instances_are_noted_and_contradicting_ids_refused(
    rows: list[RelationInstance], tiny: TransformerEncoder
) -> None:
    how = {"method": "kmeans", "n_relations": 4, "encoder": tiny, "settings": START, "fit_on": 50}
    repeated = discover([*rows, rows[0], rows[0]], **how)  # type: ignore[arg-type]
    assert "2 of 122 instances repeat another one exactly" in repeated.run["warnings"]
    ids = repeated.assignments.relation_ids
    assert ids[0] == ids[-1] == ids[-2]
    with pytest.raises(InputError, match="two different instances have the id"):
        discover([*rows, replace(rows[0], id=rows[1].id)], **how)  # type: ignore[arg-type]


def test_a_method_that_trains_is_fitted_on_the_sample(
    rows: list[RelationInstance], tiny: TransformerEncoder, tmp_path: Path
) -> None:
    settings = {"epochs": 1, "semantic_clustering": False, "start": "k-means++"}
    trained = discover(
        rows,
        method="siamese",
        n_relations=4,
        encoder=tiny,
        settings=settings,
        check_training=False,
        fit_on=40,
    )
    assert len(trained.model.labels_) == trained.run["fitted_on"] == 40
    trained.save(tmp_path / "run")
    again = Discovery.load(tmp_path / "run").predict(rows)
    assert np.array_equal(again.relation_ids, trained.assignments.relation_ids)
    assert again.confidences == pytest.approx(trained.assignments.confidences, abs=1e-5)


def test_labels_of_sentences_outside_the_sample_are_not_learnt(
    corpus: list[RelationInstance], rows: list[RelationInstance], tiny: TransformerEncoder
) -> None:
    labelled = [instance for instance in corpus[120:] if instance.relation is not None]
    leaked = [replace(corpus[place], id=f"copy {place}") for place in range(120)]
    learnt: list[RelationInstance] = []

    def fit(sample: Sequence[RelationInstance], labeled: list[RelationInstance], **_: object) -> Discovery:
        learnt.extend(labeled)
        return discover(sample, method="kmeans", n_relations=3, encoder=tiny, settings=START)

    trained = discover_in_sample(rows, 40, labeled=[*labelled, *leaked], fit=fit)
    assert learnt == labelled
    assert any(
        warning.startswith("120 labelled instances were left out") for warning in trained.run["warnings"]
    )
    with pytest.raises(InputError, match="among the gold relations"):
        discover_in_sample(corpus[:120], 40, labeled=labelled, fit=fit)


def test_a_relation_that_only_the_rest_has_is_described_from_there(sampled: Discovery) -> None:
    missing = sampled.relations[0]
    model = copy.copy(sampled.model)
    model.names_ = {missing.id: "given name"}
    fitted = replace(sampled, model=model, relations=sampled.relations[1:])
    assignments = sampled.assignments
    relations = described_relations(
        fitted, assignments.instances, assignments.relation_ids, assignments.confidences
    )
    assert [relation.id for relation in relations] == [relation.id for relation in sampled.relations]
    assert (relations[0].name, relations[0].size) == ("given name", missing.size)
    assert relations[0].examples


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fit_on": 0}, "fit_on is 0; expected a whole number of instances from 1"),
        ({"fit_on": 10, "precision": 0.8}, "fit_on and precision cannot be combined"),
        ({"fit_on": 10, "hierarchy": True}, "fit_on and hierarchy cannot be combined"),
        ({"fit_on": 10, "relatedness": object()}, "fit_on and relatedness cannot be combined"),
    ],
)
def test_what_does_not_go_with_a_sample_is_refused(
    given: dict[str, object], expected: str, rows: Sequence[RelationInstance]
) -> None:
    with pytest.raises(SettingError, match=expected):
        discover(rows, **given)  # type: ignore[arg-type]
