"""Later batches: what earlier runs have found becomes labelled instances, and keeps its names and numbers."""

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
        SettingError: The method cannot recognise what earlier runs have found, or is set not to.
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

    The latest run counts: an instance in several runs gets its relation in the last of them, if any, and a relation its
    name in the last run that has it.

    Args:
        earlier: The runs, of which each came after those before it.

    Raises:
        InputError: A run did not come after those before it, or two relations have one name.
    """
    names: dict[int, str] = {}
    details: dict[tuple[object, ...], tuple[RelationInstance, int]] = {}
    for place, run in enumerate(earlier, start=1):
        behind = {int(number) for number in run.run.get("after", {})}
        if missing := names.keys() - behind:
            raise InputError(
                f"earlier run {place} does not know relation {min(missing)}, {names[min(missing)]!r}, of those before "
                "it; give runs, oldest first, each made --after all before it"
            )
        names |= {relation.id: relation.name for relation in run.relations}
        given = run.assignments
        for one, id in zip(given.instances, given.relation_ids.tolist(), strict=True):
            key = (one.text, one.head.start, one.head.end, one.tail.start, one.tail.end)
            details.pop(key, None)
            if id >= 0:
                details[key] = one, id
    numbers: dict[str, int] = {}
    for number, name in names.items():
        if (other := numbers.setdefault(name, number)) != number:
            raise InputError(
                f"relations {other} and {number} of the earlier runs are both called {name!r}; rename one of them"
            )
    return [dataclasses.replace(one, relation=names[id]) for one, id in details.values()], numbers


def first_free(earlier: Sequence[Discovery]) -> int:
    """Return the lowest number that no relation of earlier runs has, or had before it was merged or dropped."""
    return max(
        max(
            run.model.n_relations_,
            int(run.run.get("next_number", 0)),
            *(one.id + 1 for one in run.relations),
        )
        for run in earlier
    )


def numbered_after(found: Discovery, numbers: Mapping[str, int], *, free: int) -> Discovery:
    """Return the discovery with the numbers of earlier runs; novel relations get the numbers after these.

    Args:
        found: The discovery of the later batch.
        numbers: Numbers of the relations of earlier runs, by name.
        free: The first number that a novel relation may get, see :func:`first_free`.
    """
    given = found.model.names_
    taken, following = set(numbers), free
    ids: dict[int, int] = {}
    names: dict[int, str] = {}
    for relation in found.relations:
        if relation.id in given:
            ids[relation.id], names[relation.id] = numbers[relation.name], relation.name
        else:
            # it is none of theirs, whatever it is called
            ids[relation.id], names[relation.id] = following, unlike(taken, relation.name)
            following += 1
        taken.add(names[relation.id])
    relations = tuple(
        dataclasses.replace(
            one,
            id=ids[one.id],
            name=names[one.id],
            inverse=None if one.inverse is None else ids[one.inverse],
        )
        for one in found.relations
    )
    table = np.array([*(ids.get(label, label) for label in range(found.model.n_relations_)), -1])
    ids_now = table[found.assignments.relation_ids]
    return dataclasses.replace(
        found,
        relations=relations,
        assignments=dataclasses.replace(found.assignments, relation_ids=ids_now),
        merged={label: id for label, id in ids.items() if label != id},
        run={
            **found.run,
            "after": {str(number): name for name, number in sorted(numbers.items())},
            "next_number": following,
        },
    )
