"""Mentions merged into entities: who is who, within a document and across documents.

Within a document, two mentions name one entity where

* their names are equal in NFC, without regard to case, white space, a possessive ``'s``, titles and articles;
* one is the last name of the other, a person's full name, and of no other person in the document;
* one is the acronym of the other, or stands in brackets after it (``World Health Organization (WHO)``), and no other
  name in the document has that acronym.

Across documents, entities are one where their full names and coarse types are equal, and an acronym that is spelled out
in some documents stands for the same in the others, unless they contradict each other. Mentions with one identifier of
a knowledge base are always one entity; mentions with different identifiers never are. A text that is part of no
document counts as a document.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from relscout.instances import Mention, RelationInstance
from relscout.text.entity_forms import Document, Form, FormKey, Group, Owners
from relscout.text.entity_names import acronym_of, entity_name, initials, person_tails, stands_for
from relscout.text.types import COARSE_TYPES, CoarseType, coarse_type
from relscout.triples import Entity

#: Types of names that have no acronyms.
_WITHOUT_ACRONYMS = frozenset({"PER", "DATE", "NUM"})
_OPENING, _CLOSING = re.compile(r"\s*\(\s*"), re.compile(r"\s*[),;]")

#: A normal form and the identifier in a knowledge base.
_Name = tuple[str, str | None]


@dataclass(frozen=True)
class MergedEntities:
    """Entities, and which of them each instance relates.

    Args:
        entities: The entities, the most mentioned first.
        heads: Id of the entity that is the head of each instance (N).
        tails: Id of the entity that is the tail of each instance (N).
    """

    entities: tuple[Entity, ...]
    heads: tuple[str, ...]
    tails: tuple[str, ...]


def merge_mentions(
    instances: Sequence[RelationInstance], *, decisions: Iterable[Mapping[str, Any]] = ()
) -> MergedEntities:
    """Merge the mentions of instances into entities. The order of the instances does not change the result.

    Args:
        instances: The instances (N). A place in a text that several of them mention counts once.
        decisions: What a person decided, in order: ``{"merge_entities": [id, id, …]}`` and
            ``{"split_entity": id, "names": [alias, …]}``, which makes the named aliases an entity of their own.

    Raises:
        InputError: A decision names an entity or an alias that does not exist.
    """
    reads = [(_read(one, one.head), _read(one, one.tail)) for one in instances]
    places: set[tuple[_Read, str, int, int]] = set()
    texts: defaultdict[tuple[Document, str], dict[int, tuple[int, _Read]]] = defaultdict(dict)
    for instance, pair in zip(instances, reads, strict=True):
        text, offset = instance.text, instance.document_start
        for mention, read in zip((instance.head, instance.tail), pair, strict=True):
            shift = 0 if offset is None else offset
            places.add((read, text if offset is None else "", mention.start + shift, mention.end + shift))
            there = texts[read.document, text]
            # of mentions that begin in one place the longest counts
            there[mention.start] = max(there.get(mention.start, (0, read)), (mention.end, read), key=_end)
    counts = Counter(read for read, *_ in places)
    groups = _groups(counts, _in_brackets(texts))
    forms: defaultdict[FormKey, Form] = defaultdict(Form)
    for read, count in counts.items():
        name = groups.canonical[read.document, read.name]
        full = read.full if read.norm == name[0] else None
        form = forms[groups.group_of[read.document, name], read.alias]
        form.add(count, read.document, norm=name[0], full=full, type=read.type)
    owners = Owners(forms)
    for decision in decisions:
        owners.apply(decision)

    def owner(read: _Read) -> str:
        name = groups.canonical[read.document, read.name]
        return owners.owner_of[groups.group_of[read.document, name], read.alias]

    return MergedEntities(
        tuple(sorted(owners.entities(), key=lambda one: (-one.mentions, one.id))),
        tuple(owner(head) for head, _ in reads),
        tuple(owner(tail) for _, tail in reads),
    )


class _Read(NamedTuple):
    """What one mention says, without its place."""

    document: Document
    alias: str
    full: str
    norm: str
    type: str | None
    entity_id: str | None

    @property
    def name(self) -> _Name:
        return self.norm, self.entity_id


def _read(instance: RelationInstance, mention: Mention) -> _Read:
    person = coarse_type(mention.type) == "PER"
    alias, full, norm = entity_name(mention.surface(instance.text), person=person)
    document = (instance.document, "") if instance.document else ("", instance.text)
    return _Read(document, alias, full, norm, mention.type, mention.entity_id or None)


def _end(found: tuple[int, _Read]) -> int:
    return found[0]


def _in_brackets(
    texts: Mapping[tuple[Document, str], Mapping[int, tuple[int, _Read]]],
) -> dict[Document, dict[_Name, set[str]]]:
    """Return, by document, the names that stand in brackets after longer ones, with the norms of these."""
    found: dict[Document, dict[_Name, set[str]]] = {}
    for (document, text), mentions in texts.items():
        for end, long in mentions.values():
            opening = _OPENING.match(text, end)
            inside = mentions.get(opening.end()) if opening else None
            if inside is None or not _CLOSING.match(text, inside[0]):
                continue
            short = inside[1]
            acronym = acronym_of(short.alias)
            if acronym and stands_for(acronym, long.full):
                found.setdefault(document, {}).setdefault(short.name, set()).add(long.norm)
    return found


@dataclass(frozen=True)
class _Groups:
    """Which full name each name of a document stands for, and the entity of each full name of a document."""

    canonical: Mapping[tuple[Document, _Name], _Name]
    group_of: Mapping[tuple[Document, _Name], Group]


def _groups(counts: Mapping[_Read, int], brackets: Mapping[Document, Mapping[_Name, set[str]]]) -> _Groups:
    documents: defaultdict[Document, list[tuple[_Read, int]]] = defaultdict(list)
    for read, count in counts.items():
        documents[read.document].append((read, count))
    canonical: dict[tuple[Document, _Name], _Name] = {}
    types: defaultdict[tuple[Document, _Name], Counter[CoarseType]] = defaultdict(Counter)
    acronyms: set[tuple[Document, _Name]] = set()
    for document, reads in documents.items():
        found = _within(reads, brackets.get(document, {}))
        for read, count in reads:
            name = found[read.name]
            canonical[document, read.name] = name
            types[document, name][coarse_type(read.type)] += count
            if acronym_of(read.alias):
                acronyms.add((document, read.name))
    coarse = {key: _majority(found) for key, found in types.items()}
    ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for (_, (norm, entity_id)), kind in coarse.items():
        if entity_id is not None:
            ids[kind, norm].add(entity_id)
    group_of: dict[tuple[Document, _Name], Group] = {}
    for key, kind in coarse.items():
        norm, entity_id = key[1]
        if entity_id is None and len(ids[kind, norm]) == 1:
            (entity_id,) = ids[kind, norm]
        group_of[key] = (kind, norm) if entity_id is None else ("id", entity_id)
    # what an acronym stands for in the documents that spell it out
    meanings: defaultdict[str, set[Group]] = defaultdict(set)
    for key in acronyms:
        if canonical[key] != key[1]:
            meanings[key[1][0]].add(group_of[key[0], canonical[key]])
    for key in acronyms:
        norm, entity_id = key[1]
        alone = canonical[key] == key[1] and entity_id is None and group_of[key][0] != "id"
        if alone and len(meanings[norm]) == 1 and coarse[key] not in _WITHOUT_ACRONYMS:
            (group_of[key],) = meanings[norm]
    return _Groups(canonical, group_of)


def _within(reads: Sequence[tuple[_Read, int]], brackets: Mapping[_Name, set[str]]) -> dict[_Name, _Name]:
    """Return the full name that each name of one document stands for, itself where it stands for no other."""
    types: defaultdict[str, Counter[CoarseType]] = defaultdict(Counter)
    ids: defaultdict[str, set[str | None]] = defaultdict(set)
    fulls: defaultdict[str, set[str]] = defaultdict(set)
    short: dict[_Name, str] = {}
    for read, count in reads:
        types[read.norm][coarse_type(read.type)] += count
        ids[read.norm].add(read.entity_id)
        fulls[read.norm].add(read.full)
        if read.entity_id is None and (acronym := acronym_of(read.alias)):
            short[read.name] = acronym
    coarse = {norm: _majority(found) for norm, found in types.items()}
    persons: defaultdict[str, set[str]] = defaultdict(set)
    spelled: defaultdict[str, set[str]] = defaultdict(set)
    for norm, kind in coarse.items():
        if kind == "PER":
            for tail in person_tails(norm):
                persons[tail].add(norm)
        elif kind not in _WITHOUT_ACRONYMS:
            for acronym in {each for full in fulls[norm] for each in initials(full)}:
                spelled[acronym].add(norm)
    found: dict[_Name, _Name] = {}
    for norm, entity_ids in ids.items():
        for entity_id in entity_ids:
            name = norm, entity_id
            if entity_id is not None:
                found[name] = name
                continue
            wanted = brackets.get(name, set())
            if not wanted and name in short and coarse[norm] not in _WITHOUT_ACRONYMS:
                wanted = spelled[short[name]]
                if len(short[name]) == 2:  # so many names have two initials
                    wanted = {long for long in wanted if coarse[long] == coarse[norm]}
            if not wanted and coarse[norm] == "PER":
                wanted = persons[norm]
                # "van gogh" is no other person than "vincent van gogh"
                wanted = wanted - {tail for longer in wanted for tail in person_tails(longer)}
            wanted = wanted - {norm}
            found[name] = _known(next(iter(wanted)) if len(wanted) == 1 else norm, ids)
    # a long name in front of brackets may itself be short for a longer one
    return {name: found.get(full, full) for name, full in found.items()}


def _known(norm: str, ids: Mapping[str, set[str | None]]) -> _Name:
    """Return a name with the identifier that its mentions have, where they have one only."""
    known = [one for one in ids[norm] if one is not None]
    return norm, known[0] if len(known) == 1 else None


def _majority(counts: Counter[CoarseType]) -> CoarseType:
    return min(counts, key=lambda kind: (-counts[kind], COARSE_TYPES.index(kind)))
