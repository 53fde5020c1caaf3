from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import Discovery, discover
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.metrics import score
from relscout.text.relatedness import Relatedness

Instances = list[RelationInstance]


def everything(found: Discovery) -> dict[str, Any]:
    """All that a discovery tells, by instance and without how long it took."""
    rows = zip(
        found.assignments.instances,
        found.assignments.relation_ids.tolist(),
        found.assignments.confidences.tolist(),
        strict=True,
    )
    return {
        "relations": found.relations,
        "assignments": {instance.id: (relation, confidence) for instance, relation, confidence in rows},
        "run": {key: value for key, value in found.run.items() if key != "seconds"},
    }


def born(*people: str) -> Instances:
    return [
        RelationInstance(
            f"{person} was born in Rome.",
            Mention(0, len(person)),
            Mention(len(person) + 13, len(person) + 17),
        )
        for person in people
    ]


def test_the_relations_of_a_corpus_are_found(found: Discovery, instances: Instances) -> None:
    gold = [instance.relation for instance in instances]
    assert score(gold, found.assignments.relation_ids.tolist()).ari > 0.8


def test_assignments_keep_the_order_of_the_input(found: Discovery, instances: Instances) -> None:
    assert [one.id for one in found.assignments.instances] == [one.id for one in instances]
    np.testing.assert_array_equal(found.predict(instances).relation_ids, found.assignments.relation_ids)
    np.testing.assert_array_equal(found.predict(instances).confidences, found.assignments.confidences)


def test_the_order_of_the_input_changes_nothing_else(
    found: Discovery, instances: Instances, encoder: TransformerEncoder
) -> None:
    order = np.random.default_rng(0).permutation(len(instances)).tolist()
    shuffled = [instances[row] for row in order]
    again = discover(shuffled, n_relations=5, encoder=encoder)
    assert [one.id for one in again.assignments.instances] == [one.id for one in shuffled]
    assert everything(again) == everything(found)


def test_an_iterator_is_as_good_as_a_list(
    found: Discovery, instances: Instances, encoder: TransformerEncoder
) -> None:
    assert everything(discover(iter(instances), n_relations=5, encoder=encoder)) == everything(found)


@pytest.mark.parametrize("gold", ["none", "permuted"])
def test_gold_relations_change_nothing(
    found: Discovery, instances: Instances, encoder: TransformerEncoder, gold: str
) -> None:
    relations = [None for _ in instances] if gold == "none" else [one.relation for one in instances[::-1]]
    changed = [
        dataclasses.replace(instance, relation=relation)
        for instance, relation in zip(instances, relations, strict=True)
    ]
    assert everything(discover(changed, n_relations=5, encoder=encoder)) == everything(found)


def test_gold_relations_are_not_kept(found: Discovery) -> None:
    assert {instance.relation for instance in found.assignments.instances} == {None}


def test_the_size_of_each_relation_is_its_number_of_assignments(found: Discovery) -> None:
    sizes = np.bincount(found.assignments.relation_ids, minlength=5).tolist()
    assert [relation.size for relation in found.relations] == sizes
    assert [relation.id for relation in found.relations] == [0, 1, 2, 3, 4]
    assert sizes == sorted(sizes, reverse=True)


def test_the_confidence_of_a_relation_is_the_mean_of_its_assignments(found: Discovery) -> None:
    for relation in found.relations:
        own = found.assignments.confidences[found.assignments.relation_ids == relation.id]
        assert relation.confidence == pytest.approx(own.mean(), abs=1e-4)
        assert 0 < relation.confidence <= 1


def test_names_are_unique(found: Discovery) -> None:
    assert len({relation.name for relation in found.relations}) == 5


def test_the_run_tells_how_it_came_about(found: Discovery, instances: Instances) -> None:
    run = json.loads(json.dumps(found.run, allow_nan=False))
    assert (run["method"], run["seed"], run["n_relations"]) == ("kmeans", 0, 5)
    assert run["settings"]["encoder"]["model"] == "minilm"
    assert run["data"]["instances"] == len(instances)
    assert run["data"]["entity_types"]["PERSON"] > 0
    assert set(run["seconds"]) == {"fit", "describe"}
    assert {"relscout", "torch", "transformers", "umap-learn"} <= run["versions"].keys()
    assert run["warnings"] == []


def test_what_did_not_fit_the_encoder_is_told_in_the_run(tiny_bert: Path) -> None:
    long = "Mary Long " + "was born " * 300 + "in Paris"
    lengthy = RelationInstance(long, Mention(0, 9), Mention(len(long) - 5, len(long)))
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence"))
    found = discover([*born("Ann", "Bo", "Cy"), lengthy], n_relations=2, encoder=encoder)
    assert ["words between the entities were left out" in warning for warning in found.run["warnings"]] == [
        True
    ]


def test_instances_that_repeat_are_told_and_kept(instances: Instances, encoder: TransformerEncoder) -> None:
    found = discover(
        [*instances[:10], instances[3], instances[3]],
        n_relations=2,
        encoder=encoder,
        settings={"start": "k-means++"},
    )
    assert found.run["warnings"] == ["2 of 12 instances repeat another one exactly"]
    assert len(set(found.assignments.relation_ids[[3, 10, 11]].tolist())) == 1
    assert sum(relation.size for relation in found.relations) == 12


def test_examples_do_not_repeat_an_instance(instances: Instances, encoder: TransformerEncoder) -> None:
    found = discover(instances[:2] * 3, n_relations=1, encoder=encoder)
    assert sorted(found.relations[0].examples) == sorted(instance.id for instance in instances[:2])


def test_different_instances_with_one_id_are_refused(encoder: TransformerEncoder) -> None:
    ann, bo = (
        dataclasses.replace(one, id="7", source=f"line {line}")
        for line, one in enumerate(born("Ann", "Bo"), start=1)
    )
    with pytest.raises(InputError, match=r"two different instances have the id '7' \(line 1; line 2\)"):
        discover([ann, bo], encoder=encoder)


def test_half_a_surrogate_pair_is_refused_before_any_work(encoder: TransformerEncoder) -> None:
    cut = RelationInstance("Ann \ud83d was born in Rome.", Mention(0, 3), Mention(18, 22), source="line 4")
    typed = dataclasses.replace(born("Ann")[0], head=Mention(0, 3, type="\ud83d"))
    for wrong in (cut, typed):
        with pytest.raises(InputError, match="holds half a surrogate pair"):
            discover([*born("Bo"), wrong], encoder=encoder)


def test_no_instances_are_refused(encoder: TransformerEncoder) -> None:
    with pytest.raises(InputError, match="there are no instances"):
        discover([], encoder=encoder)


def test_an_unknown_method_names_the_nearest(instances: Instances) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'kmeans'"):
        discover(instances, method="k-means")


def test_settings_reach_the_method(instances: Instances, encoder: TransformerEncoder) -> None:
    settings = {"start": "k-means++", "n_init": "3"}
    found = discover(instances[:10], n_relations=2, encoder=encoder, settings=settings)
    assert (found.run["settings"]["start"], found.run["settings"]["n_init"]) == ("k-means++", 3)


def test_an_unknown_setting_names_the_nearest(instances: Instances, encoder: TransformerEncoder) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'n_init'"):
        discover(instances, encoder=encoder, settings={"n_inits": 3})


@pytest.mark.parametrize("name", ["seed", "n_relations", "encoder"])
def test_what_discover_takes_itself_is_no_setting(instances: Instances, name: str) -> None:
    with pytest.raises(
        SettingError, match=f"'{name}' is not a setting of a method; pass it to discover directly"
    ):
        discover(instances, settings={name: 3})


def test_more_relations_than_instances_are_refused(encoder: TransformerEncoder) -> None:
    with pytest.raises(InputError, match="cannot make 3 clusters of 2 instances; ask for at most 2"):
        discover(born("Ann", "Bo"), n_relations=3, encoder=encoder)


@pytest.mark.parametrize(("size", "n_relations"), [(1, 1), (2, 1), (2, 2), (1, "auto"), (2, "auto"), (9, 1)])
def test_a_few_instances_are_a_corpus(
    instances: Instances, encoder: TransformerEncoder, size: int, n_relations: Any
) -> None:
    found = discover(instances[:size], n_relations=n_relations, encoder=encoder)
    assert sum(relation.size for relation in found.relations) == size
    assert len(list(found.triples())) == size
    assert all(found.examples(relation.id) for relation in found.relations)


def test_one_sentence_again_and_again_is_one_relation(encoder: TransformerEncoder) -> None:
    repeated = [dataclasses.replace(born("Ann")[0], id=f"{number}") for number in range(30)]
    found = discover(repeated, encoder=encoder)
    assert [relation.size for relation in found.relations] == [30]
    assert len(found.examples(0)) == 3


def test_progress_ends_with_the_description(instances: Instances, encoder: TransformerEncoder) -> None:
    stages: list[str] = []
    discover(
        instances[:10],
        n_relations=2,
        encoder=encoder,
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert list(dict.fromkeys(stages)) == ["encode", "cluster", "describe"]


@pytest.mark.parametrize(
    ("settings", "n_relations", "warned"),
    [
        ({"max_relations": 9}, 3, ["'max_relations' has no effect: the number of relations is given (3)"]),
        ({"apart": 0.9, "max_relations": 9}, "auto", ["'max_relations' has no effect: merging stops"]),
        ({"apart": 0.9}, 3, ["'apart' has no effect"]),
        ({"apart": 0.9}, "auto", []),
    ],
)
def test_a_setting_without_effect_is_reported(
    instances: Instances, encoder: TransformerEncoder, settings: Any, n_relations: Any, warned: list[str]
) -> None:
    found = discover(
        instances[::2], method="hac", n_relations=n_relations, encoder=encoder, settings=settings
    )
    assert len(found.run["warnings"]) == len(warned)
    assert all(part in warning for part, warning in zip(warned, found.run["warnings"], strict=True))


def test_known_relations_without_labels_are_refused(instances: Instances) -> None:
    with pytest.raises(SettingError, match="known is 'drop', which has no effect without labelled"):
        discover(instances, known="drop")


def test_a_relatedness_model_without_use_is_refused(instances: Instances) -> None:
    with pytest.raises(SettingError, match="give none or precision, too"):
        discover(instances, relatedness=Relatedness.load())
