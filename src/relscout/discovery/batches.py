"""A later batch: what earlier runs have found is labelled, and keeps its names and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from relscout.config import from_mapping
from relscout.discovery.result import Discovery
from relscout.errors import InputError, SettingError
from relscout.instances import RelationInstance
from relscout.methods import method as kind_of

#: The method that can tell relations that are known from novel ones, and the setting that makes it do so.
METHOD, SETTING = "transfer", "open_world"


def settings_after(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run behind others.

    Raises:
        SettingError: Another method was asked for, or one that takes everything for novel.
    """
    if method != METHOD:
        raise SettingError(
            f"the method is {method!r}, but only {METHOD!r} can tell what earlier runs have found from what is novel; "
            f"choose it (--method {METHOD})"
        )
    if SETTING in settings and not getattr(from_mapping(kind_of(METHOD).SETTINGS, settings), SETTING):
        raise SettingError(
            f"{SETTING} is {settings[SETTING]!r}, but relations of earlier runs are to be found again; leave it out"
        )
    return {**settings, SETTING: True}


def labelled_by(earlier: Sequence[Discovery]) -> tuple[list[RelationInstance], dict[str, int]]:
    """Return what earlier runs have found as labelled instances, and the number of every relation's name.

    Of instances that several runs have, the last one's relation counts.

    Raises:
        InputError: A relation of one name has two numbers.
    """
    numbers: dict[str, int] = {}
    found: dict[tuple[object, ...], RelationInstance] = {}
    for one in earlier:
        for relation in one.relations:
            if numbers.setdefault(relation.name, relation.id) != relation.id:
                raise InputError(
                    f"the relation {relation.name!r} has the number {numbers[relation.name]} in one of the earlier "
                    f"runs and {relation.id} in another; give runs of which each came after those before it"
                )
        for triple in one.triples():
            instance = triple.instance
            key = (
                instance.text,
                instance.head.start,
                instance.head.end,
                instance.tail.start,
                instance.tail.end,
            )
            found[key] = dataclasses.replace(instance, relation=triple.relation)
    return list(found.values()), numbers


def numbered_after(found: Discovery, numbers: Mapping[str, int]) -> Discovery:
    """Return the discovery with the numbers of earlier runs; what is novel is numbered behind these.

    Args:
        found: What came of the later batch.
        numbers: Of the relations of earlier runs, by name.
    """
    given: dict[int, str] = getattr(found.model, "names_", {})
    following, ids, names = max(numbers.values(), default=-1) + 1, dict[int, int](), dict[int, str]()
    for relation in found.relations:
        if relation.id in given:
            ids[relation.id], names[relation.id] = numbers[relation.name], relation.name
        else:
            ids[relation.id], following = following, following + 1
            # it is none of theirs, whatever it is called
            names[relation.id] = f"{relation.name} (novel)" if relation.name in numbers else relation.name
    relations = tuple(
        dataclasses.replace(
            one,
            id=ids[one.id],
            name=names[one.id],
            inverse=None if one.inverse is None else ids[one.inverse],
        )
        for one in found.relations
    )
    old = found.assignments.relation_ids
    table = np.array([*(ids.get(label, label) for label in range(len(found.relations))), -1])
    return dataclasses.replace(
        found,
        relations=relations,
        assignments=dataclasses.replace(found.assignments, relation_ids=table[old]),
        merged={label: id for label, id in ids.items() if label != id},
    )
