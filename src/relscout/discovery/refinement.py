"""Refines clusters by explicit wording: pairs move to the relation that their sentence names.

Vectors place "born in" and "died in" near each other, and rare relations end in mixed clusters. If the syntax connects
two entities by a content word ("died in", "directed"), and enough pairs of the same coarse types share it, that word
determines the relation. In a small run, a pair whose own sentence does not say the name of its relation stays only if
several others say it. The same table is applied to new text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.discovery.relation import Assignments, Relation
from relscout.naming import bare_name
from relscout.naming.connections import Connection, connections
from relscout.naming.frames import Frames
from relscout.naming.words import STOP_WORDS, former_group, group
from relscout.text import coarse_type

#: Numbers of related pairs from which a content word needs two, or three, pairs of the same types to form a relation.
_STEPS = (100, 1000)
#: Frequency ratio from which one of two types for the same words is considered a mistake.
_MISTAKEN = 3
_EXAMPLES = 12
#: Minimum weight of an explicit connection.
_PLAIN = 0.75
#: Maximum number of words of a name that its content word can represent.
_SHORT = 2
#: Words that change what a short name means: "signed by" and "signed from", "awarded" and "was awarded", "capital of"
#: and "has capital", but not "born in" and "born at".
_TURNING = frozenset(["by", "from", "to", "into", "for", "with", "against", "after", "before", "have", "be"])
#: Those that do so after a noun: "letter from" and "letter to", but not "ambassador of" and "ambassador to".
_TURNING_NOUNS = frozenset(["by", "from", "have"])
#: In a run with fewer pairs than the first step, pairs that must say the name of a relation before others get it.
_SUPPORTERS = 3
#: Minimum share of the connected pairs that agree with a name.
_LEAST_SHARE = 0.35
_VAGUE = "associated with"
#: Connections of a head with its place.
_WHERE = frozenset({"in", "of"})
_DATED = "dated"
#: Text between a person and a date of birth or death in brackets, and after a date of birth.
_DIED = re.compile(r"\([^()]*[0-9]{3,4}[^()]*[–—-] ?(?:died |d\. )?$")
_BORN = re.compile(r"\([^()0-9]*$")
_CONTINUES = re.compile(r"[^()0-9]* ?[–—-]")
_REACH = 120

#: Content word (or words), coarse type of the head, coarse type of the tail.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Refinement:
    """Relations of content words between coarse types.

    Args:
        table: Key → id of the relation.
        strict: Relations named by a content word. A pair with another word, which is not in the table, leaves them.
        vague: Coarse types of head and tail → relation of such pairs; without an entry, they have none.
        thin: Name of each relation that few pairs say. A pair that does not say it leaves the relation, as above.
        former_keys: Whether the keys are those of older runs, in which "signed by" and "signed from" are the same.
    """

    table: Mapping[Key, int]
    strict: frozenset[int] = frozenset()
    vague: Mapping[tuple[str, str], int] = field(default_factory=dict)
    thin: Mapping[int, str] = field(default_factory=dict)
    former_keys: bool = False

    def applied(
        self,
        instances: Sequence[RelationInstance],
        relation_ids: NDArray[np.int64],
        links: Sequence[Explicit] | None = None,
    ) -> NDArray[np.int64]:
        """Return the refined relation of each instance (N,), int64; unrelated pairs are not changed.

        Args:
            instances: The instances, with a parse if available.
            relation_ids: Relations of the model (N,); -1 for unrelated pairs, and less for pairs of a cluster that is
                no relation: these get the relation that their words name, or -1.
            links: Their connections (N,), see :func:`connections_of`; computed by default.
        """
        refined = relation_ids.copy()
        if links is None:
            links = connections_of(instances, relation_ids)
        for row in np.flatnonzero(relation_ids != -1).tolist():
            key = key_of(instances[row], links[row].link, former=self.former_keys)
            relation = int(refined[row])
            if key is not None and (named := self._named(key)) is not None:
                refined[row] = named
                continue
            leaves = (
                self._is_unsaid(relation, instances[row], links[row])
                if key is None
                else relation in self.strict
            )
            if leaves:
                refined[row] = self.vague.get(_coarse_types(instances[row]), -1)
        return np.maximum(refined, -1)

    def _named(self, key: Key) -> int | None:
        """Return the relation of a key, or else the only one of keys that differ in one type; ``None`` without one."""
        if key in self.table or self.former_keys:
            return self.table.get(key)
        alike = {
            self.table[other] for other in self._of_word.get(key[0], ()) if _differ_in_one_type(other, key)
        }
        return alike.pop() if len(alike) == 1 else None

    @cached_property
    def _of_word(self) -> Mapping[str, Sequence[Key]]:
        keys: defaultdict[str, list[Key]] = defaultdict(list)
        for key in self.table:
            keys[key[0]].append(key)
        return keys

    def _is_unsaid(self, relation: int, instance: RelationInstance, words: Explicit) -> bool:
        """Return whether few pairs say the name of a relation, and these words of a pair with syntax do not."""
        thin = instance.parse is not None and relation in self.thin
        return thin and self.thin[relation] not in words.bare

    def moved(self, to: Mapping[int, int]) -> Refinement:
        """Return the refinement after relations were merged into others, or dropped (-1)."""
        decided = {*to, *to.values()}  # each name of a merged relation says it
        return Refinement(
            {key: to.get(id, id) for key, id in self.table.items()},
            frozenset(to.get(id, id) for id in self.strict) - {-1},
            {types: to.get(id, id) for types, id in self.vague.items()},
            {id: name for id, name in self.thin.items() if id not in decided},
            self.former_keys,
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "words": [[*key, id] for key, id in sorted(self.table.items())],
            "strict": sorted(self.strict),
            "vague": [[*types, id] for types, id in sorted(self.vague.items())],
            "thin": [[id, name] for id, name in sorted(self.thin.items())],
            **({"former_keys": True} if self.former_keys else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Refinement:
        """Read what :meth:`as_json` returned."""
        return cls(
            {(str(word), str(head), str(tail)): int(id) for word, head, tail, id in values["words"]},
            frozenset(int(id) for id in values["strict"]),
            {(str(head), str(tail)): int(id) for head, tail, id in values["vague"]},
            {int(id): str(name) for id, name in values.get("thin", [])},
            bool(values.get("former_keys", "thin" not in values)),
        )


@dataclass(frozen=True, slots=True)
class Explicit:
    """What the sentence of a pair says between head and tail.

    Args:
        link: The nearest connection with a content word; ``None`` without one.
        bare: Names of the connections without a content word, such as ``"of"``.
    """

    link: Connection | None = None
    bare: frozenset[str] = frozenset()


#: A pair without syntax, or without a relation.
_SILENT = Explicit()


def _coarse_types(instance: RelationInstance) -> tuple[str, str]:
    return coarse_type(instance.head.type), coarse_type(instance.tail.type)


def key_of(instance: RelationInstance, link: Connection | None, *, former: bool = False) -> Key | None:
    """Return the key of an instance in the table, or that of older runs; ``None`` without an explicit connection."""
    if link is None:
        return None
    # "born in" and "born at" mean the same; "took office as" and "took a degree at" do not
    short = len(link.name.split()) <= _SHORT
    if former:
        own = map(former_group, [link.root] if short else link.key)
        return " ".join(own), *_coarse_types(instance)
    turning = _TURNING_NOUNS if link.nominal else _TURNING
    words = [link.root, *(word for word in link.key if word in turning)] if short else link.key
    return " ".join(words), *_coarse_types(instance)


def without_narrow_names(relations: Sequence[Relation]) -> tuple[Relation, ...]:
    """Return the relations with a vague name for those whose name agrees with few of their pairs.

    The two names of a mixed relation go too: pairs that say either get a relation of their own, and the others say
    neither.
    """
    used = {relation.name for relation in relations}
    named = []
    for relation in relations:
        words = ""
        if (
            bare_name(relation.name) == "is"
            and relation.types is not None
            and coarse_type(relation.types[1]) == "DATE"
        ):
            words = _DATED  # "The Caine Mutiny (1954)"
        elif bare_name(relation.name) != _VAGUE and (
            relation.mixed or (relation.share is not None and relation.share < _LEAST_SHARE)
        ):
            words = _VAGUE
        if words:
            types = (
                "" if relation.types is None else f" ({' – '.join(kind or '?' for kind in relation.types)})"
            )
            choices = (f"{words}{types}", *(f"{words} ({number})" for number in range(2, len(relations) + 2)))
            name = next(choice for choice in choices if choice not in used)
            used.add(name)
            relation = replace(relation, name=name, pattern=f"HEAD {words} TAIL", mixed=words == _VAGUE)
        named.append(relation)
    return tuple(named)


def refine(
    relations: Sequence[Relation], assignments: Assignments, *, free: int
) -> tuple[tuple[Relation, ...], Assignments, Refinement]:
    """Return refined relations and assignments, and the refinement.

    Args:
        relations: The discovered relations.
        assignments: The assignments.
        free: Id of the first new relation.
    """
    instances, ids = assignments.instances, assignments.relation_ids
    connected = connections_of(instances, ids)
    rows: dict[Key, list[int]] = defaultdict(list)
    spelled: dict[Key, Counter[str]] = defaultdict(Counter)
    for row in np.flatnonzero(ids >= 0).tolist():
        link = connected[row].link
        says = key_of(instances[row], link)
        if says is not None and link is not None:
            rows[says].append(row)
            spelled[says][link.name] += 1
    named: dict[tuple[str, str, str], int] = {}
    for relation in relations:
        if relation.types is not None:
            head, tail = (coarse_type(kind) for kind in relation.types)
            named.setdefault((bare_name(relation.name), head, tail), relation.id)
    least = 1 + sum(int((ids >= 0).sum()) >= step for step in _STEPS)
    table: dict[Key, int] = {}
    names: dict[int, str] = {}
    used = {relation.name for relation in relations}
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
            unique = name if name not in used else f"{name} ({key[1]} – {key[2]})"
            if unique in used:
                continue
            used.add(unique)
            table[key], names[free] = free, unique
            free += 1
    for key in sorted(set(rows) - set(table)):
        if (alike := _more_frequent(key, table, rows)) is not None:
            table[key] = table[alike]
    strict = frozenset(relation.id for relation in relations if _has_content_word(relation))
    # few clusters are well separated in a small run
    thin = _said_by_few(relations, ids, connected, rows, table) if least == 1 else {}
    leaving = {key[1:] for key in rows if key not in table and strict.intersection(ids[rows[key]].tolist())}
    unsaid = Refinement({}, thin=thin)
    leaving |= {
        _coarse_types(instances[row])
        for row in np.flatnonzero(ids >= 0).tolist()
        if connected[row].link is None and unsaid._is_unsaid(int(ids[row]), instances[row], connected[row])
    }
    vague: dict[tuple[str, str], int] = {}
    for types in sorted(leaving):
        known = named.get((_VAGUE, *types))
        if known is None:
            known, free = free, free + 1
            names[known] = next(
                choice
                for choice in (f"{_VAGUE} ({' – '.join(types)})", f"{_VAGUE} ({known})")
                if choice not in used
            )
            used.add(names[known])
        vague[types] = known
    refinement = Refinement(table, strict, vague, thin)
    now = refinement.applied(instances, ids, connected)
    old = {relation.id: relation for relation in relations}
    kept = [
        described(old.get(id), id, names.get(id, ""), np.flatnonzero(now == id), assignments)
        for id in sorted({*old, *names})
        if (now == id).any()
    ]
    # relations without pairs are dropped, also for new text
    return (
        tuple(sorted(kept, key=lambda relation: (-relation.size, relation.id))),
        replace(assignments, relation_ids=now, phrases=phrases_of(connected, now)),
        refinement,
    )


def _said_by_few(
    relations: Sequence[Relation],
    ids: NDArray[np.int64],
    connected: Sequence[Explicit],
    rows: Mapping[Key, Sequence[int]],
    table: Mapping[Key, int],
) -> dict[int, str]:
    """Return the names of the relations that fewer than some pairs say.

    Args:
        relations: The discovered relations. Names that are vague, mixed or not from the syntax need no support.
        ids: Relation of each pair (N,); -1 for unrelated pairs.
        connected: What each pair says (N).
        rows: Pairs of each key.
        table: Key → relation.
    """
    supporters: Counter[int] = Counter()
    for key, id in table.items():
        supporters[id] += len(rows[key])
    names = {
        relation.id: bare_name(relation.name)
        for relation in relations
        if not relation.mixed
        and relation.share is not None
        and bare_name(relation.name) not in (_VAGUE, _DATED)
    }
    for id, words in zip(ids.tolist(), connected, strict=True):
        supporters[id] += id in names and words.link is None and names[id] in words.bare
    return {id: name for id, name in names.items() if supporters[id] < _SUPPORTERS}


def connections_of(instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64]) -> list[Explicit]:
    """Return what the sentence of each instance (N) says; nothing for an unrelated pair (-1)."""
    frames: dict[int, Frames] = {}
    return [
        _explicit(instance, frames) if id != -1 else _SILENT
        for instance, id in zip(instances, relation_ids.tolist(), strict=True)
    ]


def phrases_of(links: Sequence[Explicit], relation_ids: NDArray[np.int64]) -> list[str] | None:
    """Return the phrase between head and tail of each instance (N), such as "taught by", or ``None`` if all are empty.

    Args:
        links: What the instances say (N), see :func:`connections_of`.
        relation_ids: Their relations (N,); instances without a relation (-1) get no phrase.
    """
    phrases = [
        words.link.name if words.link is not None and id >= 0 and words.link.weight >= _PLAIN else ""
        for words, id in zip(links, relation_ids.tolist(), strict=True)
    ]
    return phrases if any(phrases) else None


def _more_frequent(
    key: Key, table: Mapping[Key, int], rows: Mapping[Key, Sequence[int]], *, times: int = 1
) -> Key | None:
    """Return the most frequent key of the table that differs only in one type, considered a mistake.

    Args:
        key: Such as that of "Lu Xun", recognised as an organisation, who is the author of a work.
        table: Keys to choose from.
        rows: Pairs of each key.
        times: Minimum ratio of the frequencies.
    """
    alike = [
        candidate
        for candidate in table
        if _differ_in_one_type(candidate, key) and len(rows[candidate]) >= times * len(rows[key])
    ]
    return min(alike, key=lambda candidate: (-len(rows[candidate]), candidate), default=None)


def _differ_in_one_type(first: Key, second: Key) -> bool:
    """Return whether two keys have the same word and one type in common; a date is never a mistaken type."""
    word, head, tail = first
    other_word, other_head, other_tail = second
    same_kind = (tail == "DATE") == (other_tail == "DATE")
    return word == other_word and same_kind and (head == other_head or tail == other_tail)


def _life_date(instance: RelationInstance) -> Connection | None:
    """Return "born in" or "died in" for a date in brackets after a person: "(1809 – 1882)"."""
    if coarse_type(instance.head.type) != "PER" or coarse_type(instance.tail.type) != "DATE":
        return None
    before = instance.text[instance.head.end : instance.tail.start]
    after = instance.text[instance.tail.end : instance.tail.end + _REACH]
    if len(before) > _REACH or not any(character.isdigit() for character in instance.tail_text):
        return None
    if _DIED.search(before):
        return Connection("died in", (group("died"), "in"), group("died"), 1.0)
    if _BORN.search(before) and _CONTINUES.match(after):
        return Connection("born in", (group("born"), "in"), group("born"), 1.0)
    return None


def _has_content_word(relation: Relation) -> bool:
    """Return whether a content word names a relation."""
    name = bare_name(relation.name)
    if relation.mixed or name in (_VAGUE, _DATED):
        return False
    return any(word not in STOP_WORDS for word in name.split())


def _explicit(instance: RelationInstance, frames: dict[int, Frames]) -> Explicit:
    """Return the nearest connection of a pair with a content word, and the names of those without."""
    if instance.parse is None:
        return _SILENT
    if (date := _life_date(instance)) is not None:
        return Explicit(date)
    place = id(instance.parse)
    if place not in frames:
        frames[place] = Frames(instance.text, instance.parse)
    links = connections(instance, frames[place])
    bare = frozenset(link.name for link in links if not link.root)
    rooted = next((link for link in links if link.root), None)
    if rooted is None and not bare.isdisjoint(_WHERE) and _is_place_in_place(instance):
        rooted = Connection("located in", (group("located"), "in"), group("located"), 0.8)
    return Explicit(rooted, bare)


def _is_place_in_place(instance: RelationInstance) -> bool:
    """Return whether a bare "in" or "of" can only locate the head: "Uganda's Rwenzori"."""
    head, tail = coarse_type(instance.head.type), coarse_type(instance.tail.type)
    return tail == "LOC" and head in ("LOC", "ORG")


def described(
    before: Relation | None, id: int, name: str, rows: NDArray[np.int64], assignments: Assignments
) -> Relation:
    """Return the description of a relation after its instances changed.

    Args:
        before: Its earlier description, whose name stays; ``None`` for a new relation.
        id: Its number.
        name: Its name, if it is new.
        rows: Rows of its instances (n,); none for a relation that lost all.
        assignments: The assignments.
    """
    if before is not None and not len(rows):
        return replace(before, size=0, examples=())
    members = [assignments.instances[row] for row in rows.tolist()]
    confidences = assignments.confidences[rows]
    pairs = Counter(instance.type_pair for instance in members)
    types = min(pairs, key=lambda pair: (-pairs[pair], pair[0] or "", pair[1] or ""))
    ids = {instance.id for instance in members}
    still_there = [] if before is None else [example for example in before.examples if example in ids]
    by_confidence = sorted(range(len(members)), key=lambda place: (-confidences[place], members[place].id))
    surest = [members[place].id for place in by_confidence[:_EXAMPLES]]
    examples = tuple(dict.fromkeys([*still_there, *surest]))[:_EXAMPLES]
    of_types = None if types == (None, None) else types
    measured = {
        "size": len(members),
        "confidence": round(float(confidences.mean()), 4),
        "types": of_types,
        "type_share": 0.0 if of_types is None else round(pairs[types] / len(members), 4),
        "head_first": round(
            sum(instance.head.start <= instance.tail.start for instance in members) / len(members), 4
        ),
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
