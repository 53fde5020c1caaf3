"""Later batches: results of earlier runs become labelled instances and keep their names and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.settings import from_mapping
from relscout.discovery.relation import unlike
from relscout.discovery.result import Discovery
from relscout.methods import METHODS, Estimator
from relscout.methods import method as kind_of


def settings_after(kind: type[Estimator], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run after others.

    Raises:
        SettingError: The method cannot recognise relations of earlier runs, or its settings disable it.
    """
    setting = kind.KNOWN_SETTING
    if setting is None:
        able = " or ".join(repr(name) for name in METHODS if kind_of(name).KNOWN_SETTING is not None)
        raise SettingError(
            f"the method is {kind.NAME!r}, which cannot separate relations of earlier runs from novel ones; use {able} "
            "(--method on the command line)"
        )
    if setting in settings and not getattr(from_mapping(kind.SETTINGS, settings), setting):
        raise SettingError(
            f"{setting} is {settings[setting]!r}, but relations of earlier runs must be recognised; leave it out"
        )
    return {**settings, setting: True}


def labelled_by(earlier: Sequence[Discovery]) -> tuple[list[RelationInstance], dict[str, int]]:
    """Return the results of earlier runs as labelled instances, and the number of each relation by name.

    The latest run takes precedence for the relation of an instance and for the name of a relation.

    Args:
        earlier: The runs, each made after the previous ones.

    Raises:
        InputError: A run was not made after the previous ones, or two relations have the same name.
    """
    names: dict[int, str] = {}
    latest: dict[tuple[object, ...], tuple[RelationInstance, int]] = {}
    for place, run in enumerate(earlier, start=1):
        previous = {int(number) for number in run.run.get("after", {})}
        if missing := names.keys() - previous:
            raise InputError(
                f"earlier run {place} does not know relation {min(missing)}, {names[min(missing)]!r}, of those before "
                "it; give runs, oldest first, each made --after all before it"
            )
        names |= {relation.id: relation.name for relation in run.relations}
        assignments = run.assignments
        for instance, id in zip(assignments.instances, assignments.relation_ids.tolist(), strict=True):
            key = (
                instance.text,
                instance.head.start,
                instance.head.end,
                instance.tail.start,
                instance.tail.end,
            )
            latest.pop(key, None)
            if id >= 0:
                latest[key] = instance, id
    numbers: dict[str, int] = {}
    for number, name in names.items():
        if (other := numbers.setdefault(name, number)) != number:
            raise InputError(
                f"relations {other} and {number} of the earlier runs are both called {name!r}; rename one of them"
            )
    return [dataclasses.replace(instance, relation=names[id]) for instance, id in latest.values()], numbers


def first_free(earlier: Sequence[Discovery]) -> int:
    """Return the lowest number that no relation of earlier runs has, or had before a merge or drop."""
    return max(run.next_number for run in earlier)


def numbered_after(discovery: Discovery, numbers: Mapping[str, int], *, free: int) -> Discovery:
    """Return the discovery with the numbers of earlier runs; novel relations get higher numbers.

    Args:
        discovery: The discovery of the later batch.
        numbers: Numbers of the relations of earlier runs, by name.
        free: The first number of a novel relation, see :func:`first_free`.
    """
    known = discovery.model.names_
    used, following = set(numbers), free
    # also those that no instance has: they may occur in new text
    ids = {label: numbers[name] for label, name in known.items()}
    names: dict[int, str] = {}
    for relation in discovery.relations:
        if relation.id in known:
            names[relation.id] = relation.name
        else:
            # a novel relation, even with the same name
            ids[relation.id], names[relation.id] = following, unlike(used, relation.name)
            following += 1
        used.add(names[relation.id])
    relations = tuple(
        dataclasses.replace(
            relation,
            id=ids[relation.id],
            name=names[relation.id],
            inverse=None if relation.inverse is None else ids[relation.inverse],
        )
        for relation in discovery.relations
    )
    table = np.array([*(ids.get(label, label) for label in range(discovery.model.n_relations_)), -1])
    ids_now = table[discovery.assignments.relation_ids]
    return dataclasses.replace(
        discovery,
        relations=relations,
        assignments=dataclasses.replace(discovery.assignments, relation_ids=ids_now),
        merged={label: id for label, id in ids.items() if label != id},
        run={
            **discovery.run,
            "after": {str(number): name for name, number in sorted(numbers.items())},
            "next_number": following,
        },
    )
