"""What the syntax says plainly, over what vectors only suggest: pairs move to the relation that their sentence names.

Vectors put "born in" and "died in" next to each other, and gather what is said too rarely for a cluster of its own in
clusters of mixed content. Where the syntax connects two entities by a content word ("died in", "directed"), and enough
pairs of the same coarse types share it, that word decides. The same table is applied to new text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.discovery.relation import Assignments, Relation
from relscout.naming import bare_name
from relscout.naming.connections import Connection, connections
from relscout.naming.frames import Frames
from relscout.naming.words import STOP_WORDS, group
from relscout.text import coarse_type

#: Related pairs of a corpus from which on a content word must be shared by two, or three, pairs of the same types
#: to be a relation of its own; below, where every fact counts, one is enough.
_STEPS = (100, 1000)
#: How many times as frequent the same words between other types are where one type is likely a mistake.
_MISTAKEN = 3
_EXAMPLES = 12
#: Weight of a connection from which on it says plainly what is meant.
_PLAIN = 0.75
#: Words of a name up to which its content word stands for all of it.
_SHORT = 2
#: A name that fewer of the connected pairs agree with does not stand for the others.
_LEAST_SHARE = 0.35
_VAGUE = "associated with"
#: Connections that say no more than that the head belongs to a place.
_WHERE = frozenset({"in", "of"})
_DATED = "dated"
#: What stands between a person and a date of birth or death in brackets, and after a date of birth.
_DIED = re.compile(r"\([^()]*[0-9]{3,4}[^()]*[–—-] ?(?:died |d\. )?$")
_BORN = re.compile(r"\([^()0-9]*$")
_GOES_ON = re.compile(r"[^()0-9]* ?[–—-]")
_REACH = 120

#: Content word (or words), coarse type of the head, coarse type of the tail.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Refinement:
    """Which relation a content word between two coarse types stands for.

    Args:
        table: Key → id of the relation.
        strict: Relations that a content word names. A pair of which the syntax says another word, which is not in the
            table, belongs to none of them.
        vague: Coarse types of head and tail → the relation of such pairs; none where these types have none.
    """

    table: Mapping[Key, int]
    strict: frozenset[int] = frozenset()
    vague: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def applied(
        self,
        instances: Sequence[RelationInstance],
        relation_ids: NDArray[np.int64],
        said: Sequence[Connection | None] | None = None,
    ) -> NDArray[np.int64]:
        """Return the relation of each instance (N,), int64; those without one stay without.

        Args:
            instances: The instances, with a parse where there is one.
            relation_ids: What the model gave them (N,); -1 for none.
            said: Their connections as :func:`connections_of` returns them (N,); computed if left out.
        """
        found = relation_ids.copy()
        if said is None:
            said = connections_of(instances, relation_ids)
        for row in np.flatnonzero(relation_ids >= 0).tolist():
            key = key_of(instances[row], said[row])
            if key is None:
                continue
            if key in self.table:
                found[row] = self.table[key]
            elif int(found[row]) in self.strict:
                found[row] = self.vague.get(key[1:], -1)
        return found

    def moved(self, to: Mapping[int, int]) -> Refinement:
        """Return the refinement after relations were merged into others, or dropped (-1)."""
        return Refinement(
            {key: to.get(id, id) for key, id in self.table.items()},
            frozenset(to.get(id, id) for id in self.strict) - {-1},
            {types: to.get(id, id) for types, id in self.vague.items()},
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "words": [[*key, id] for key, id in sorted(self.table.items())],
            "strict": sorted(self.strict),
            "vague": [[*types, id] for types, id in sorted(self.vague.items())],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Refinement:
        """Read what :meth:`as_json` returned."""
        return cls(
            {(str(word), str(head), str(tail)): int(id) for word, head, tail, id in values["words"]},
            frozenset(int(id) for id in values["strict"]),
            {(str(head), str(tail)): int(id) for head, tail, id in values["vague"]},
        )


def key_of(instance: RelationInstance, said: Connection | None) -> Key | None:
    """Return what decides the relation of an instance; ``None`` where its syntax says nothing plainly."""
    if said is None:
        return None
    # "born in" and "born at" say one thing; "took office as" and "took a degree at" do not
    words = said.root if len(said.name.split()) <= _SHORT else " ".join(said.key)
    return words, coarse_type(instance.head.type), coarse_type(instance.tail.type)


def without_narrow_names(relations: Sequence[Relation]) -> tuple[Relation, ...]:
    """Return the relations; those called by what few of their pairs say get a vague name, which is true of all."""
    taken = {one.name for one in relations}
    found = []
    for one in relations:
        words = ""
        if bare_name(one.name) == "is" and one.types is not None and coarse_type(one.types[1]) == "DATE":
            words = _DATED  # "The Caine Mutiny (1954)"
        elif one.share is not None and one.share < _LEAST_SHARE and not one.mixed:
            words = _VAGUE
        if words:
            types = "" if one.types is None else f" ({' – '.join(kind or '?' for kind in one.types)})"
            wishes = (f"{words}{types}", *(f"{words} ({number})" for number in range(2, len(relations) + 2)))
            name = next(wish for wish in wishes if wish not in taken)
            taken.add(name)
            one = replace(one, name=name, pattern=f"HEAD {words} TAIL", mixed=words == _VAGUE)
        found.append(one)
    return tuple(found)


def refine(
    relations: Sequence[Relation], assignments: Assignments, *, free: int
) -> tuple[tuple[Relation, ...], Assignments, Refinement]:
    """Return relations and assignments in which content words decide, and the table of them.

    Args:
        relations: The relations that were found.
        assignments: What each instance was given.
        free: Id that the first new relation gets.
    """
    instances, ids = assignments.instances, assignments.relation_ids
    connected = connections_of(instances, ids)
    rows: dict[Key, list[int]] = defaultdict(list)
    spelled: dict[Key, Counter[str]] = defaultdict(Counter)
    for row in np.flatnonzero(ids >= 0).tolist():
        said = connected[row]
        says = key_of(instances[row], said)
        if says is not None and said is not None:
            rows[says].append(row)
            spelled[says][said.name] += 1
    named: dict[tuple[str, str, str], int] = {}
    for one in relations:
        if one.types is not None:
            head, tail = (coarse_type(kind) for kind in one.types)
            named.setdefault((bare_name(one.name), head, tail), one.id)
    least = 1 + sum(int((ids >= 0).sum()) >= step for step in _STEPS)
    table: dict[Key, int] = {}
    names: dict[int, str] = {}
    taken = {one.name for one in relations}
    for key in sorted(rows, key=lambda key: (-len(rows[key]), key)):
        name = min(spelled[key], key=lambda form: (-spelled[key][form], form))
        known = next(
            (named[form, *key[1:]] for form in sorted(spelled[key]) if (form, *key[1:]) in named), None
        )
        if known is not None:
            table[key] = known
        elif (alike := _more_frequent(key, table, rows, times=_MISTAKEN)) is not None:
            table[key] = table[alike]
        elif len(rows[key]) >= least:
            unique = name if name not in taken else f"{name} ({key[1]} – {key[2]})"
            if unique in taken:
                continue
            taken.add(unique)
            table[key], names[free] = free, unique
            free += 1
    for key in sorted(set(rows) - set(table)):
        if (alike := _more_frequent(key, table, rows)) is not None:
            table[key] = table[alike]
    strict = frozenset(one.id for one in relations if _says_something(one))
    vague: dict[tuple[str, str], int] = {}
    for key in sorted(rows):
        types = key[1:]
        if key in table or types in vague or not strict.intersection(ids[rows[key]].tolist()):
            continue
        known = named.get((_VAGUE, *types))
        if known is None:
            known, free = free, free + 1
            names[known] = next(
                wish
                for wish in (f"{_VAGUE} ({' – '.join(types)})", f"{_VAGUE} ({known})")
                if wish not in taken
            )
            taken.add(names[known])
        vague[types] = known
    refinement = Refinement(table, strict, vague)
    now = refinement.applied(instances, ids, connected)
    old = {one.id: one for one in relations}
    described = [
        _described(old.get(id), id, names.get(id, ""), np.flatnonzero(now == id), assignments)
        for id in sorted({*old, *names})
        if (now == id).any()
    ]
    # a relation of which nothing is left is not one; new text goes to none in its place
    return (
        tuple(sorted(described, key=lambda one: (-one.size, one.id))),
        replace(assignments, relation_ids=now, phrases=phrases_of(connected, now)),
        refinement,
    )


def connections_of(
    instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64]
) -> list[Connection | None]:
    """Return what the syntax of each instance (N) says plainly; ``None`` where nothing, or where it has no relation.

    Args:
        instances: The instances (N), with a parse where there is one.
        relation_ids: Their relations (N,); -1 for none.
    """
    frames: dict[int, Frames] = {}
    return [
        _said(instance, frames) if id >= 0 else None
        for instance, id in zip(instances, relation_ids.tolist(), strict=True)
    ]


def phrases_of(said: Sequence[Connection | None], relation_ids: NDArray[np.int64]) -> list[str] | None:
    """Return what the sentence of each instance says between head and tail, such as "taught by".

    Args:
        said: The connections of the instances (N), as :func:`connections_of` returns them.
        relation_ids: Their relations (N,); those without one, -1, get no phrase.

    Returns:
        One for each (N), empty where the syntax says nothing plainly; ``None`` where all are.
    """
    found = [
        one.name if one is not None and id >= 0 and one.weight >= _PLAIN else ""
        for one, id in zip(said, relation_ids.tolist(), strict=True)
    ]
    return found if any(found) else None


def _more_frequent(
    key: Key, table: Mapping[Key, int], rows: Mapping[Key, Sequence[int]], *, times: int = 1
) -> Key | None:
    """Return the most frequent key of the table that is the same but for one type, which the recogniser mistook.

    Args:
        key: Such as that of "Lu Xun", an organisation, who is the author of a work.
        table: Keys to choose from.
        rows: Pairs of each key.
        times: How many times as frequent it is at least.
    """
    alike = [
        one for one in table if _differ_in_one_type(one, key) and len(rows[one]) >= times * len(rows[key])
    ]
    return min(alike, key=lambda one: (-len(rows[one]), one), default=None)


def _differ_in_one_type(one: Key, other: Key) -> bool:
    """Return whether two keys are of one word and of one type at one end; dates are never mistaken for things."""
    word, head, tail = one
    other_word, other_head, other_tail = other
    same_kind = (tail == "DATE") == (other_tail == "DATE")
    return word == other_word and same_kind and (head == other_head or tail == other_tail)


def _life_date(instance: RelationInstance) -> Connection | None:
    """Return "born in" or "died in" where a date stands in brackets after its person: "(1809 – 1882)"."""
    if coarse_type(instance.head.type) != "PER" or coarse_type(instance.tail.type) != "DATE":
        return None
    before = instance.text[instance.head.end : instance.tail.start]
    after = instance.text[instance.tail.end : instance.tail.end + _REACH]
    if len(before) > _REACH or not any(character.isdigit() for character in instance.tail_text):
        return None
    if _DIED.search(before):
        return Connection("died in", (group("died"), "in"), group("died"), 1.0)
    if _BORN.search(before) and _GOES_ON.match(after):
        return Connection("born in", (group("born"), "in"), group("born"), 1.0)
    return None


def _says_something(relation: Relation) -> bool:
    """Return whether a relation is named by a content word, which all of its pairs should agree with."""
    name = bare_name(relation.name)
    if relation.mixed or name in (_VAGUE, _DATED):
        return False
    return any(word not in STOP_WORDS for word in name.split())


def _said(instance: RelationInstance, frames: dict[int, Frames]) -> Connection | None:
    """Return the nearest connection of a pair that has a content word."""
    if instance.parse is None:
        return None
    if (date := _life_date(instance)) is not None:
        return date
    place = id(instance.parse)
    if place not in frames:
        frames[place] = Frames(instance.text, instance.parse)
    said = connections(instance, frames[place])
    rooted = next((one for one in said if one.root), None)
    if rooted is None and any(one.name in _WHERE for one in said) and _is_place_in_place(instance):
        return Connection("located in", (group("located"), "in"), group("located"), 0.8)
    return rooted


def _is_place_in_place(instance: RelationInstance) -> bool:
    """Return whether a bare "in" or "of" between the two can only say where the head lies: "Uganda's Rwenzori"."""
    head, tail = coarse_type(instance.head.type), coarse_type(instance.tail.type)
    return tail == "LOC" and head in ("LOC", "ORG")


def _described(
    before: Relation | None, id: int, name: str, rows: NDArray[np.int64], assignments: Assignments
) -> Relation:
    members = [assignments.instances[row] for row in rows.tolist()]
    confidences = assignments.confidences[rows]
    pairs = Counter(one.type_pair for one in members)
    types = min(pairs, key=lambda pair: (-pairs[pair], pair[0] or "", pair[1] or ""))
    ids = {one.id for one in members}
    kept = [] if before is None else [example for example in before.examples if example in ids]
    by_confidence = sorted(range(len(members)), key=lambda place: (-confidences[place], members[place].id))
    surest = [members[place].id for place in by_confidence[:_EXAMPLES]]
    examples = tuple(dict.fromkeys([*kept, *surest]))[:_EXAMPLES]
    of_types = None if types == (None, None) else types
    measured = {
        "size": len(members),
        "confidence": round(float(confidences.mean()), 4),
        "types": of_types,
        "type_share": 0.0 if of_types is None else round(pairs[types] / len(members), 4),
        "head_first": round(sum(one.head.start <= one.tail.start for one in members) / len(members), 4),
        "examples": examples,
    }
    if before is not None:
        return replace(before, **measured)
    is_vague = bare_name(name) == _VAGUE
    return Relation(
        id=id,
        name=name,
        pattern=f"HEAD {bare_name(name)} TAIL",
        ngrams=((bare_name(name), 1.0),),
        inverse=None,
        mixed=is_vague,
        share=0.0 if is_vague else 1.0,
        **measured,
    )
