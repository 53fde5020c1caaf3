"""Merges mentions into entities, within a document and across documents.

Within a document, two mentions are one entity if

* their names are equal in NFC, ignoring case, white space, a possessive ``'s``, titles and articles;
* one is the last name of the other, a person's full name, and of no other person in the document;
* one is the acronym of the other, or follows it in brackets (``World Health Organization (WHO)``), and no other name in
  the document has that acronym.

Across documents, entities are the same if their full names and coarse types are equal. An acronym that some documents
spell out has the same meaning in the others, unless the meanings differ. Mentions with the same knowledge-base
identifier are always one entity, mentions with different identifiers never. A text without a document counts as a
document.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from relscout.core.errors import InputError
from relscout.core.instances import Entity, Mention, RelationInstance
from relscout.text import COARSE_TYPES, CoarseType, coarse_type

_TITLE_WORDS = (
    "mr mrs ms miss mx dr prof professor sir dame lord lady president senator sen governor gov general gen colonel col "
    "captain capt major maj lieutenant lt sergeant sgt admiral commander minister prime vice chancellor secretary "
    "ambassador mayor judge justice representative rep congressman congresswoman deputy chairman rev reverend rabbi "
    "imam sheikh herr frau monsieur madame mme señor señora signor signora coach former"
)
#: Titles that belong to a single name: Queen Victoria is not just any Victoria.
_ROYAL_WORDS = (
    "king queen prince princess pope saint emperor empress tsar czar sultan duke duchess count countess baron baroness "
    "archduke cardinal bishop archbishop"
)
_TITLES, _ROYAL_TITLES = frozenset(_TITLE_WORDS.split()), frozenset(_ROYAL_WORDS.split())
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
_ARTICLE = re.compile(r"(?:the|an?) (?=\S)")
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’])$", re.IGNORECASE)
_QUOTES = " \"“”„«»‘’'`,;:"
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,}")
_SMALL_WORDS = "of and for the in on at to by de la le du des del der die das und et y e & von van"
_FIRMS = "inc corp corporation company co ltd limited llc plc gmbh ag sa nv"
_LONGEST_ACRONYM = 10


class EntityName(NamedTuple):
    """A mention's name in three forms."""

    alias: str
    """As written, without quotes, possessive and article."""
    full: str
    """The alias without titles."""
    norm: str
    """Normal form for comparison."""


@lru_cache(maxsize=1 << 16)
def entity_name(surface: str, *, person: bool) -> EntityName:
    """Return the forms of a name.

    Args:
        surface: The mention in the text.
        person: Whether it is a person, whose name may have titles and initials.
    """
    whole = " ".join(unicodedata.normalize("NFC", surface).split())
    alias = _POSSESSIVE.sub("", whole.strip(_QUOTES)).strip(_QUOTES)
    alias = _ARTICLE.sub("", alias, count=1) if _ARTICLE.match(alias) else alias
    alias = alias or whole
    full = _without_titles(alias) if person else alias
    norm = unicodedata.normalize("NFC", full.casefold())
    norm = _ARTICLE.sub("", norm, count=1) if _ARTICLE.match(norm) else norm
    if person:
        # dots and spaces of initials vary: J.R.R. Tolkien, J. R. R. Tolkien
        norm = " ".join(norm.replace(".", ". ").replace(".", "").split()) or norm
    elif _DOTTED.fullmatch(norm):
        norm = norm.replace(".", "")
    return EntityName(alias, full, norm)


def is_title(word: str) -> bool:
    """Return whether a word is a title before the name of a person, such as "Dr." or "Queen"."""
    return word.casefold().rstrip(".") in _TITLES | _ROYAL_TITLES


def person_tails(norm: str) -> Iterator[str]:
    """Yield the last names of a full name: ``van gogh`` and ``gogh`` for ``vincent van gogh``."""
    words = norm.split()
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    for place in range(1, len(words)):
        yield " ".join(words[place:])


def acronym_of(alias: str) -> str | None:
    """Return the letters of an acronym, such as ``"US"`` for ``"U.S."``; ``None`` for other names."""
    letters = alias.replace(".", "")
    plain = 2 <= len(letters) <= _LONGEST_ACRONYM and letters.isalnum() and letters[0].isalpha()
    return letters if plain and letters.upper() == letters and any(map(str.isalpha, letters[1:])) else None


def initials(full: str) -> frozenset[str]:
    """Return the possible acronyms of a name of several words, in capitals."""
    words = [word for word in re.split(r"[\s\-/]+", full) if word[:1].isalnum() or word == "&"]
    acronyms = set()
    for firm in (words, words[:-1] if words and words[-1].casefold().strip(".") in _FIRMS.split() else words):
        large = [word for word in firm if word.casefold() not in _SMALL_WORDS.split()]
        for chosen in (firm, large):
            if len(chosen) > 1:
                acronyms.add("".join(word[0] for word in chosen).upper())
    return frozenset(acronyms)


def stands_for(acronym: str, full: str) -> bool:
    """Return whether an acronym may abbreviate a name, which must contain its letters in order."""
    letters = [char for char in full.casefold() if char.isalnum()]
    if not letters or letters[0] != acronym[0].casefold() or len(letters) <= len(acronym):
        return False
    rest = iter(letters)
    return all(char in rest for char in acronym.casefold())


def _without_titles(alias: str) -> str:
    words = alias.split()
    while len(words) > 1:
        first = words[0].casefold().rstrip(".")
        if first not in _TITLES and not (first in _ROYAL_TITLES and len(words) > 2):
            break
        words.pop(0)
    return " ".join(words)


#: Name of a document, or the text itself if it has none.
Document = tuple[str, str]
#: Key of an entity before decisions: a type and a normal form, or ``"id"`` and an id.
Group = tuple[str, str]

#: Frequent full names have at least this share of the mentions of the most frequent one.
_FREQUENT = 0.25
_LONGEST_SLUG = 60

#: An entity before decisions, and one of its written forms.
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
        """Count mentions in a document; ``full`` is ``None`` if the form is a short form of the full name."""
        self.mentions += count
        self.documents.add(document)
        self.norms[norm] += count
        if type is not None:
            self.types[type] += count
        if full is not None:
            self.fulls[norm, full] += count

    def merge(self, other: Form) -> None:
        """Add the counts of the same form in other documents."""
        self.mentions += other.mentions
        self.documents |= other.documents
        self.types += other.types
        self.norms += other.norms
        self.fulls += other.fulls


class Owners:
    """The entity of each form, updated by decisions."""

    def __init__(self, forms: Mapping[FormKey, Form]) -> None:
        self._forms = forms
        #: Form → id of its entity.
        self.owner_of = {key: _id_of(*key[0]) for key in forms}
        self._entity_ids: defaultdict[str, set[str]] = defaultdict(set)
        for (kind, name), _ in forms:
            if kind == "id":
                self._entity_ids[name].add(name)

    def apply(self, decision: Mapping[str, Any]) -> None:
        """Apply a decision."""
        if "merge_entities" in decision:
            self._merge(list(dict.fromkeys(decision["merge_entities"])))
        else:
            self._split(decision["split_entity"], set(decision["names"]))

    def _merge(self, ids: Sequence[str]) -> None:
        sizes = {id: sum(self._forms[key].mentions for key in self._forms_of(id)) for id in ids}
        if len(ids) < 2:
            raise InputError(f"merging needs at least two different entities, got {list(ids)}")
        target = min(ids, key=lambda entity: (-sizes[entity], entity))
        for id in ids:
            for key in self._forms_of(id):
                self.owner_of[key] = target
            self._entity_ids[target] |= self._entity_ids[id]

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
        keys = [key for key, owner in self.owner_of.items() if owner == id]
        if not keys:
            raise InputError(f"there is no entity {id!r}; entities.jsonl lists the ids")
        return keys

    def entities(self) -> Iterable[Entity]:
        """Yield the entities in any order."""
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
    """Return the longest of the frequent full names in its most frequent spelling, or an empty string."""
    norms = sum((form.norms for form in forms), Counter[str]())
    fulls = sum((form.fulls for form in forms), Counter[tuple[str, str]]())
    written = {norm for norm, _ in fulls}
    if not written:
        # only short forms, split from the full name by a decision
        return ""
    most = max(norms[norm] for norm in written)
    chosen = max(
        (norm for norm in written if norms[norm] >= _FREQUENT * most),
        key=lambda norm: (len(norm.split()), len(norm), norm),
    )
    spellings = {full: count for (norm, full), count in fulls.items() if norm == chosen}
    # of equally frequent spellings, avoid the capitals of headlines
    return min(
        spellings, key=lambda full: (-spellings[full], full in (full.upper(), full.lower()), len(full), full)
    )


def _id_of(kind: str, name: str, *, parent: str = "") -> str:
    """Return the knowledge-base id of an entity, or an id made from its type and normal form."""
    if kind == "id":
        return name
    content = "\0".join((kind, name, parent)).encode("utf-8", "surrogatepass")
    slug = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:_LONGEST_SLUG].rstrip("-")
    return "-".join(filter(None, (kind.lower(), slug, blake2b(content, digest_size=4).hexdigest())))


#: Types of names that have no acronyms.
_WITHOUT_ACRONYMS = frozenset({"PER", "DATE", "NUM"})
_OPENING, _CLOSING = re.compile(r"\s*\(\s*"), re.compile(r"\s*[),;]")

#: A normal form and the identifier in a knowledge base.
_Name = tuple[str, str | None]


@dataclass(frozen=True)
class MergedEntities:
    """Entities, and the entities of each instance.

    Args:
        entities: The entities, the most frequent first.
        heads: Id of the head of each instance (N).
        tails: Id of the tail of each instance (N).
    """

    entities: tuple[Entity, ...]
    heads: tuple[str, ...]
    tails: tuple[str, ...]


def merge_mentions(
    instances: Sequence[RelationInstance], *, decisions: Iterable[Mapping[str, Any]] = ()
) -> MergedEntities:
    """Merge the mentions of instances into entities, whatever the order of the instances.

    Args:
        instances: The instances (N). A span of a text counts once, even in several instances.
        decisions: Decisions in order: ``{"merge_entities": [id, id, …]}`` and
            ``{"split_entity": id, "names": [alias, …]}``, which makes the named aliases an entity of their own.

    Raises:
        InputError: A decision names an entity or an alias that does not exist.
    """
    part = DocumentNames.of(instances)
    known = part.known()
    meanings = part.meanings(known)
    forms, keys = part.forms(known, meanings)
    return merged_forms(forms, keys, decisions=decisions)


def merged_forms(
    forms: Mapping[FormKey, Form],
    keys: Sequence[tuple[FormKey, FormKey]],
    *,
    decisions: Iterable[Mapping[str, Any]] = (),
) -> MergedEntities:
    """Return the entities of forms, and of head and tail of each instance.

    Args:
        forms: The forms of all mentions, see :meth:`DocumentNames.forms`.
        keys: Form of head and tail of each instance (N).
        decisions: As for :func:`merge_mentions`.

    Raises:
        InputError: A decision names an entity or an alias that does not exist.
    """
    owners = Owners(forms)
    for decision in decisions:
        owners.apply(decision)
    return MergedEntities(
        tuple(sorted(owners.entities(), key=lambda entity: (-entity.mentions, entity.id))),
        tuple(owners.owner_of[head] for head, _ in keys),
        tuple(owners.owner_of[tail] for _, tail in keys),
    )


#: Coarse type and normal form of names → their identifiers in knowledge bases.
Known = Mapping[tuple[str, str], set[str]]
#: Normal form of an acronym → the entities that documents spell it out as.
Meanings = Mapping[str, set[Group]]


class DocumentNames:
    """The names in whole documents, before they are compared with those of other documents.

    A corpus may be merged in parts: the unions of the parts' :meth:`known` and then :meth:`meanings` decide the entity
    of each name, and the sums of their :meth:`forms` describe the entities.
    """

    def __init__(
        self,
        reads: Sequence[tuple[_Read, _Read]],
        counts: Mapping[_Read, int],
        brackets: Mapping[Document, Mapping[_Name, set[str]]],
    ) -> None:
        self._reads, self._counts = reads, counts
        documents: defaultdict[Document, list[tuple[_Read, int]]] = defaultdict(list)
        for read, count in counts.items():
            documents[read.document].append((read, count))
        #: The full name of each name in a document.
        self._canonical: dict[tuple[Document, _Name], _Name] = {}
        types: defaultdict[tuple[Document, _Name], Counter[CoarseType]] = defaultdict(Counter)
        self._acronyms: set[tuple[Document, _Name]] = set()
        for document, own in documents.items():
            full_names = _within(own, brackets.get(document, {}))
            for read, count in own:
                name = full_names[read.name]
                self._canonical[document, read.name] = name
                types[document, name][coarse_type(read.type)] += count
                if acronym_of(read.alias):
                    self._acronyms.add((document, read.name))
        self._coarse = {key: _majority(counts) for key, counts in types.items()}

    @classmethod
    def of(cls, instances: Sequence[RelationInstance]) -> DocumentNames:
        """Read the mentions of all instances (N) of some documents; a span of a text counts once."""
        reads = [(_read(instance, instance.head), _read(instance, instance.tail)) for instance in instances]
        places: set[tuple[_Read, str, int, int]] = set()
        texts: defaultdict[tuple[Document, str], dict[int, tuple[int, _Read]]] = defaultdict(dict)
        for instance, pair in zip(instances, reads, strict=True):
            text, offset = instance.text, instance.document_start
            for mention, read in zip((instance.head, instance.tail), pair, strict=True):
                shift = 0 if offset is None else offset
                places.add((read, text if offset is None else "", mention.start + shift, mention.end + shift))
                there = texts[read.document, text]
                # of mentions with the same start, the longest counts
                there[mention.start] = max(
                    there.get(mention.start, (0, read)), (mention.end, read), key=lambda entry: entry[0]
                )
        return cls(reads, Counter(read for read, *_ in places), _in_brackets(texts))

    def known(self) -> dict[tuple[str, str], set[str]]:
        """Return the identifiers of the names that have one."""
        ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for (_, (norm, entity_id)), kind in self._coarse.items():
            if entity_id is not None:
                ids[kind, norm].add(entity_id)
        return dict(ids)

    def meanings(self, known: Known) -> dict[str, set[Group]]:
        """Return the meanings of acronyms in the documents that spell them out, given the names of all documents."""
        meanings: defaultdict[str, set[Group]] = defaultdict(set)
        for document, name in self._acronyms:
            full = self._canonical[document, name]
            if full != name:
                meanings[name[0]].add(self._group(document, full, known))
        return dict(meanings)

    def forms(
        self, known: Known, meanings: Meanings
    ) -> tuple[dict[FormKey, Form], list[tuple[FormKey, FormKey]]]:
        """Return the forms of the mentions, and those of head and tail of each instance (N).

        Args:
            known: Identifiers of the names of all documents.
            meanings: Meanings of the acronyms in all documents.
        """
        forms: defaultdict[FormKey, Form] = defaultdict(Form)
        key_of: dict[_Read, FormKey] = {}
        for read, count in self._counts.items():
            name = self._canonical[read.document, read.name]
            group = self._group(read.document, name, known)
            key = read.document, name
            alone = key in self._acronyms and self._canonical[key] == name
            if alone and name[1] is None and group[0] != "id":
                kind, meant = self._coarse[key], meanings.get(name[0], ())
                if len(meant) == 1 and kind not in _WITHOUT_ACRONYMS:
                    (group,) = meant
            key_of[read] = group, read.alias
            full = read.full if read.norm == name[0] else None
            forms[key_of[read]].add(count, read.document, norm=name[0], full=full, type=read.type)
        return dict(forms), [(key_of[head], key_of[tail]) for head, tail in self._reads]

    def _group(self, document: Document, name: _Name, known: Known) -> Group:
        """Return the entity of a full name, apart from the meanings of acronyms."""
        norm, entity_id = name
        kind = self._coarse[document, name]
        if entity_id is None and len(ids := known.get((kind, norm), set())) == 1:
            (entity_id,) = ids
        return (kind, norm) if entity_id is None else ("id", entity_id)


class _Read(NamedTuple):
    """The content of a mention, without its position."""

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


def _in_brackets(
    texts: Mapping[tuple[Document, str], Mapping[int, tuple[int, _Read]]],
) -> dict[Document, dict[_Name, set[str]]]:
    """Return, by document, the names in brackets, with the normal forms of the longer names before them."""
    pairs: dict[Document, dict[_Name, set[str]]] = {}
    for (document, text), mentions in texts.items():
        for end, long in mentions.values():
            opening = _OPENING.match(text, end)
            inside = mentions.get(opening.end()) if opening else None
            if inside is None or not _CLOSING.match(text, inside[0]):
                continue
            short = inside[1]
            acronym = acronym_of(short.alias)
            if acronym and stands_for(acronym, long.full):
                pairs.setdefault(document, {}).setdefault(short.name, set()).add(long.norm)
    return pairs


def _within(reads: Sequence[tuple[_Read, int]], brackets: Mapping[_Name, set[str]]) -> dict[_Name, _Name]:
    """Return the full name of each name in a document, which may be the name itself."""
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
    coarse = {norm: _majority(counts) for norm, counts in types.items()}
    persons: defaultdict[str, set[str]] = defaultdict(set)
    spelled: defaultdict[str, set[str]] = defaultdict(set)
    for norm, kind in coarse.items():
        if kind == "PER":
            for tail in person_tails(norm):
                persons[tail].add(norm)
        elif kind not in _WITHOUT_ACRONYMS:
            for acronym in {acronym for full in fulls[norm] for acronym in initials(full)}:
                spelled[acronym].add(norm)
    full_names: dict[_Name, _Name] = {}
    for norm, entity_ids in ids.items():
        for entity_id in entity_ids:
            name = norm, entity_id
            if entity_id is not None:
                full_names[name] = name
                continue
            wanted = brackets.get(name, set())
            if not wanted and name in short and coarse[norm] not in _WITHOUT_ACRONYMS:
                wanted = spelled[short[name]]
                if len(short[name]) == 2:  # many names have the same two initials
                    wanted = {long for long in wanted if coarse[long] == coarse[norm]}
            if not wanted and coarse[norm] == "PER":
                wanted = persons[norm]
                # "van gogh" is the same person as "vincent van gogh"
                wanted = wanted - {tail for longer in wanted for tail in person_tails(longer)}
            wanted = wanted - {norm}
            full_names[name] = _known(next(iter(wanted)) if len(wanted) == 1 else norm, ids)
    # the name before the brackets may itself be a short form
    return {name: full_names.get(full, full) for name, full in full_names.items()}


def _known(norm: str, ids: Mapping[str, set[str | None]]) -> _Name:
    """Return a name with the identifier of its mentions, if it is unique."""
    known = [id for id in ids[norm] if id is not None]
    return norm, known[0] if len(known) == 1 else None


def _majority(counts: Counter[CoarseType]) -> CoarseType:
    return min(counts, key=lambda kind: (-counts[kind], COARSE_TYPES.index(kind)))
