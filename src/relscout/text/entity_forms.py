"""Entities made of the forms in which they are written, and what a person decides about them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from relscout.errors import InputError
from relscout.triples import Entity

#: A document is its name, or the text itself where it is part of none.
Document = tuple[str, str]
#: What all mentions of one entity share, before a person decides: a type and a normal form, or ``"id"`` and an id.
Group = tuple[str, str]

#: A full name counts as frequent where it has at least this share of the mentions of the most frequent one.
_FREQUENT = 0.25
_LONGEST_SLUG = 60

#: An entity before decisions, and one form in which it is written.
FormKey = tuple[Group, str]


@dataclass
class Form:
    """Counts of the mentions of an entity in one form."""

    mentions: int = 0
    documents: set[Document] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)
    norms: Counter[str] = field(default_factory=Counter)
    fulls: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, count: int, document: Document, *, norm: str, full: str | None, type: str | None) -> None:
        """Count mentions in one document.

        Args:
            count: How many.
            document: The document.
            norm: Normal form of their full name in the document.
            full: The form as a full name; ``None`` where it is a short form of it.
            type: Their entity type.
        """
        self.mentions += count
        self.documents.add(document)
        self.norms[norm] += count
        if type is not None:
            self.types[type] += count
        if full is not None:
            self.fulls[norm, full] += count


class Owners:
    """Which entity every form belongs to, while decisions are carried out."""

    def __init__(self, forms: Mapping[FormKey, Form]) -> None:
        self._forms = forms
        #: Form → id of its entity.
        self.owner_of = {key: _id_of(*key[0]) for key in forms}
        self._entity_ids: defaultdict[str, set[str]] = defaultdict(set)
        for (kind, name), _ in forms:
            if kind == "id":
                self._entity_ids[name].add(name)

    def apply(self, decision: Mapping[str, Any]) -> None:
        """Carry out one decision."""
        if "merge_entities" in decision:
            self._merge(list(dict.fromkeys(decision["merge_entities"])))
        else:
            self._split(decision["split_entity"], set(decision["names"]))

    def _merge(self, ids: Sequence[str]) -> None:
        sizes = {id: sum(self._forms[key].mentions for key in self._forms_of(id)) for id in ids}
        if len(ids) < 2:
            raise InputError(f"merging needs at least two different entities, got {list(ids)}")
        kept = min(ids, key=lambda one: (-sizes[one], one))
        for id in ids:
            for key in self._forms_of(id):
                self.owner_of[key] = kept
            self._entity_ids[kept] |= self._entity_ids[id]

    def _split(self, id: str, names: set[str]) -> None:
        forms = self._forms_of(id)
        aliases = {alias for _, alias in forms}
        if unknown := sorted(names - aliases):
            raise InputError(
                f"entity {id!r} has no alias {unknown[0]!r}; its aliases are {', '.join(sorted(aliases))}"
            )
        if not names or names == aliases:
            raise InputError(f"splitting entity {id!r} needs some of its aliases, not all or none of them")
        moved = [key for key in forms if key[1] in names]
        kind = min(key[0][0] for key in moved)
        fresh = _id_of("entity" if kind == "id" else kind, min(names), parent=id)
        for key in moved:
            self.owner_of[key] = fresh

    def _forms_of(self, id: str) -> list[FormKey]:
        found = [key for key, owner in self.owner_of.items() if owner == id]
        if not found:
            raise InputError(f"there is no entity {id!r}; entities.jsonl lists the ids")
        return found

    def entities(self) -> Iterable[Entity]:
        """Yield the entities, in no particular order."""
        parts: defaultdict[str, list[tuple[str, Form]]] = defaultdict(list)
        for key, owner in self.owner_of.items():
            parts[owner].append((key[1], self._forms[key]))
        for id, forms in parts.items():
            types = sum((form.types for _, form in forms), Counter[str]())
            aliases: Counter[str] = Counter()
            for alias, form in forms:
                aliases[alias] += form.mentions
            yield Entity(
                id=id,
                name=_name_of([form for _, form in forms]) or min(aliases),
                type=min(types, key=lambda kind: (-types[kind], kind)) if types else None,
                aliases=tuple(sorted(aliases, key=lambda alias: (-aliases[alias], alias))),
                mentions=sum(form.mentions for _, form in forms),
                documents=len(set().union(*(form.documents for _, form in forms))),
                entity_ids=tuple(sorted(self._entity_ids.get(id, ()))),
            )


def _name_of(forms: Sequence[Form]) -> str:
    """Return the longest of the frequent full names, as it is most often written; empty where there is none."""
    norms = sum((form.norms for form in forms), Counter[str]())
    fulls = sum((form.fulls for form in forms), Counter[tuple[str, str]]())
    written = {norm for norm, _ in fulls}
    if not written:
        # only short forms: a person split them from the full name
        return ""
    most = max(norms[norm] for norm in written)
    chosen = max(
        (norm for norm in written if norms[norm] >= _FREQUENT * most),
        key=lambda norm: (len(norm.split()), len(norm), norm),
    )
    spellings = {full: count for (norm, full), count in fulls.items() if norm == chosen}
    # of spellings that are as frequent, not the one in a headline's capitals
    return min(
        spellings, key=lambda full: (-spellings[full], full in (full.upper(), full.lower()), len(full), full)
    )


def _id_of(kind: str, name: str, *, parent: str = "") -> str:
    """Return the id of an entity: that of the knowledge base, else one made from its type and normal form."""
    if kind == "id":
        return name
    content = "\0".join((kind, name, parent)).encode("utf-8", "surrogatepass")
    slug = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:_LONGEST_SLUG].rstrip("-")
    return "-".join(filter(None, (kind.lower(), slug, blake2b(content, digest_size=4).hexdigest())))
