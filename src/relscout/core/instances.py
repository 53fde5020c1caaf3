"""The records: a text with two marked entities, and the triples, entities and facts that such instances give."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal, Self

from relscout.core.errors import InputError
from relscout.core.surfaces import composed, folded, occurrences


@dataclass(frozen=True, slots=True)
class Parse:
    """Tokens of a sentence with their dependency tree; every field has one entry per token.

    Args:
        starts: Offset of each token's first character in the sentence.
        ends: Offset after its last character (exclusive).
        heads: Index of the token that governs it; the root governs itself.
        labels: Dependency label, such as ``"nsubj"``.
        tags: Universal part of speech, such as ``"VERB"``.
        lemmas: Lemma.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    heads: tuple[int, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    lemmas: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts)

    def tokens_in(self, start: int, end: int) -> range:
        """Return the indices of the tokens that share characters with ``[start, end)``."""
        first = bisect_right(self.ends, start)
        return range(first, max(first, bisect_left(self.starts, end)))

    def governor(self, tokens: range) -> int:
        """Return the head of a phrase: the token of the span whose governor lies outside of it.

        If there are several, return the one nearest the root, and among these the last.
        """
        depths = [
            (self.depth(token), -token)
            for token in tokens
            if self.heads[token] not in tokens or self.heads[token] == token
        ]
        return -min(depths)[1] if depths else tokens[-1]

    def depth(self, token: int) -> int:
        """Return the number of arcs from a token to the root."""
        steps = 0
        while self.heads[token] != token and steps <= len(self):
            token = self.heads[token]
            steps += 1
        return steps

    def path_up(self, token: int) -> list[int]:
        """Return the tokens on the path from a token to the root, both included."""
        path = [token]
        while self.heads[path[-1]] != path[-1] and len(path) <= len(self):
            path.append(self.heads[path[-1]])
        return path


def normalized(name: str) -> str:
    """Return the form in which names are compared.

    Case, white space and Unicode form (NFKC) are ignored, so that a full-width letter or a ligature matches too.
    """
    if name.isascii():  # most names are, and NFKC leaves them unchanged
        return " ".join(name.lower().split())
    # case folding can undo the normal form, for example of a capital I with a dot
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


#: Names of an unknown entity type and an unknown relation, for tools that require a name.
UNTYPED, UNKNOWN = "relscout-untyped", "relscout-unknown"

#: First line of the file with the names of types and relations for brat, which stores only a plain form of them.
BRAT_NAMES = "# written by relscout: stored name | name"

#: Names that data sets give to the absence of a relation, in lower case.
NAMES_OF_NONE = frozenset({"na", "no_relation", "no relation", "none", "other"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention of an entity in a text.

    Args:
        start: Offset of the first character, counted in Unicode code points from 0.
        end: Offset after the last character (exclusive).
        type: Entity type, such as ``"PERSON"``, kept in Unicode NFC; ``None`` where it is not known.
        entity_id: Identifier in a knowledge base, such as ``"Q937"``; ``None`` where it is not known.
    """

    start: int
    end: int
    type: str | None = None
    entity_id: str | None = None

    def __post_init__(self) -> None:
        if self.type is not None and not self.type.isascii():
            object.__setattr__(self, "type", composed(self.type))

    def surface(self, text: str) -> str:
        """Return the characters of ``text`` that this mention covers."""
        return text[self.start : self.end]

    def crosses(self, other: Mention) -> bool:
        """Return whether both mentions share characters while neither lies inside the other."""
        first, second = sorted((self, other), key=lambda mention: (mention.start, mention.end))
        return first.start < second.start < first.end < second.end


@dataclass(frozen=True, slots=True)
class RelationInstance:
    """A text with a head and a tail entity, and the gold relation between them where it is known.

    Offsets are checked here, once; later code relies on them. One mention may lie inside the other ("*University of*
    Paris"), but both may not be the same span nor cross.

    Args:
        text: The text, usually one sentence.
        head: Mention of the head entity (the subject).
        tail: Mention of the tail entity (the object).
        relation: Gold relation, kept in Unicode NFC; ``None`` where it is not known.
        id: Stable identifier. Left empty it becomes a hash of text and offsets, so it depends neither on the
            order of the input nor on the gold relation.
        source: Origin of the instance in readable form: file and line.
        document: Name of the document that contains the text; empty if there is none.
        document_start: Offset of ``text`` in that document, in characters; ``None`` where it is not known.
        parse: Syntax of ``text``, where a parser was run. It is not part of the instance's identity and is not saved.

    Raises:
        InputError: A span is empty, outside the text, blank, or head and tail are equal or cross.
    """

    text: str
    head: Mention
    tail: Mention
    relation: str | None = None
    id: str = ""
    source: str = ""
    document: str = ""
    document_start: int | None = None
    parse: Parse | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for role, mention in (("head", self.head), ("tail", self.tail)):
            _check_span(role, mention, self.text)
        if (self.head.start, self.head.end) == (self.tail.start, self.tail.end):
            raise InputError(
                f"head and tail are the same span [{self.head.start}, {self.head.end}) "
                f"{self.head_text!r}; a relation needs two different mentions"
            )
        if self.head.crosses(self.tail):
            raise InputError(
                f"head {self.head_text!r} [{self.head.start}, {self.head.end}) and tail {self.tail_text!r} "
                f"[{self.tail.start}, {self.tail.end}) cross; one may lie inside the other, but not overlap it in part"
            )
        if self.relation is not None:
            object.__setattr__(self, "relation", composed(self.relation))
        if not self.id:
            object.__setattr__(self, "id", content_id(self.text, self.head, self.tail))

    @classmethod
    def from_strings(
        cls,
        text: str,
        head: str,
        tail: str,
        *,
        occurrence: tuple[int, int] = (1, 1),
        head_type: str | None = None,
        tail_type: str | None = None,
        relation: str | None = None,
        id: str = "",
    ) -> Self:
        """Return the instance in which two strings of a text are marked.

        A string that occurs several times is marked where it occurs first; ``occurrence`` chooses another place. Upper
        and lower case count, and a string also matches inside a longer word. Strings are compared in Unicode NFC.

        Args:
            text: The text, usually one sentence.
            head: The head entity as it is written in the text.
            tail: The tail entity as it is written in the text.
            occurrence: Which occurrence of ``head`` and which of ``tail`` is meant, counted from 1.
            head_type: Entity type of the head.
            tail_type: Entity type of the tail.
            relation: Gold relation; ``None`` where it is not known.
            id: Stable identifier; a hash of text and offsets when left out.

        Raises:
            InputError: A string is empty or does not occur that often, or both occurrences are the same span or cross.
        """
        if not isinstance(occurrence, tuple) or len(occurrence) != 2:
            raise InputError(
                f"occurrence is {occurrence!r}; expected two numbers from 1, of the head and of the tail"
            )
        head_mention = Mention(*_occurrence("head", head, text, occurrence[0]), head_type)
        tail_mention = Mention(*_occurrence("tail", tail, text, occurrence[1]), tail_type)
        if composed(head) == composed(tail) and head_mention.start == tail_mention.start:
            raise InputError(
                f"head and tail are the same place of {head!r}, which occurs {len(occurrences(head, text))} times in "
                "the text; choose two places, such as occurrence=(1, 2)"
            )
        return cls(text, head_mention, tail_mention, relation=relation, id=id)

    @property
    def head_text(self) -> str:
        """The head entity as it is written in the text."""
        return self.head.surface(self.text)

    @property
    def tail_text(self) -> str:
        """The tail entity as it is written in the text."""
        return self.tail.surface(self.text)

    @property
    def type_pair(self) -> tuple[str | None, str | None]:
        """Entity types of head and tail."""
        return self.head.type, self.tail.type

    def without_relation(self) -> RelationInstance:
        """Return the instance without its gold relation, as methods receive it."""
        return self if self.relation is None else replace(self, relation=None)

    @property
    def is_unrelated(self) -> bool:
        """Whether its gold relation stands for "no relation" (:data:`NAMES_OF_NONE`)."""
        return self.relation is not None and self.relation.casefold() in NAMES_OF_NONE

    def swapped(self) -> RelationInstance:
        """Return the instance read the other way round: head and tail exchanged, no gold relation, a new id."""
        return replace(self, head=self.tail, tail=self.head, relation=None, id="")


def _occurrence(role: str, surface: str, text: str, number: int) -> tuple[int, int]:
    """Return the span of an occurrence of a string in a text, counted from 1; occurrences may overlap."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise InputError(f"occurrence of the {role} is {number!r}; expected a whole number from 1")
    if not surface:
        raise InputError(f"the {role} is empty; expected the entity as it is written in the text")
    places = occurrences(surface, text, most=number)
    if len(places) < number:
        often = f"occurs {len(places)} times" if places else "does not occur"
        wanted = f", but occurrence {number} was asked for" if number > 1 else ""
        hint = " (upper and lower case count)" if not places and folded(surface) in folded(text) else ""
        raise InputError(f"the {role} {surface!r} {often} in the text {text[:60]!r}{wanted}{hint}")
    return places[-1]


def canonical_order(instances: Sequence[RelationInstance]) -> list[int]:
    """Return the indices of the instances in an order that does not depend on the order of the input.

    Results computed in this order do not depend on the order of the input, because equal instances are identical.
    """
    keys = [_order_key(instance) for instance in instances]  # instances on the disk are read in their order
    return sorted(range(len(keys)), key=keys.__getitem__)


def _order_key(instance: RelationInstance) -> tuple[object, ...]:
    head, tail = instance.head, instance.tail
    offsets = (head.start, head.end, tail.start, tail.end)
    return instance.id, instance.text, offsets, head.type or "", tail.type or ""


def _check_span(role: str, mention: Mention, text: str) -> None:
    if not 0 <= mention.start < mention.end <= len(text):
        raise InputError(
            f"{role} span [{mention.start}, {mention.end}) does not fit the text of {len(text)} characters; "
            "expected 0 <= start < end <= length, in characters, with the end exclusive"
        )
    if not mention.surface(text).strip():
        raise InputError(f"{role} span [{mention.start}, {mention.end}) covers only white space")


def content_id(text: str, head: Mention, tail: Mention) -> str:
    """Return the default id of an instance: a hash of its text and offsets."""
    offsets = f"{head.start},{head.end},{tail.start},{tail.end};"
    # surrogatepass: a lone surrogate (legal in JSON escapes) must not make an instance unhashable
    return blake2b((offsets + text).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


#: Whether a sentence asserts a relation, denies it, or only supposes it.
Polarity = Literal["asserted", "negated", "hypothetical"]


#: Least score with which an entry of a vocabulary is considered equivalent to a relation.
EQUIVALENT = 0.8


@dataclass(frozen=True, slots=True)
class Match:
    """An entry of a user's vocabulary that fits a discovered relation.

    Args:
        id: Identifier of the entry, such as ``"P6"``.
        name: Name of the entry.
        score: Estimated probability that the entry is the relation, in [0, 1].
        inverse: Whether it fits from tail to head: the relation is the inverse of the entry.
        uri: URI of the entry; empty if it has none.
    """

    id: str
    name: str
    score: float
    inverse: bool = False
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Triple:
    """One extracted triple: head, relation, tail, and its source.

    Args:
        instance: The relation instance that expresses it (text, mentions, types, entity ids, id, source).
        relation_id: Number of the relation in the discovery, from 0.
        relation: Name of the relation.
        confidence: How sure the assignment is, in [0, 1].
        related: Estimated probability that the sentence relates head and tail at all, in [0, 1]; ``None`` if not
            estimated.
        polarity: Whether the sentence asserts the relation, denies it, or only supposes it.
        phrase: Phrase that connects head and tail in this sentence, such as ``"taught by"``; empty if its syntax gives
            none.
        matches: Entries of a vocabulary that fit the relation, the best first.
    """

    instance: RelationInstance
    relation_id: int
    relation: str
    confidence: float
    related: float | None = None
    polarity: Polarity = "asserted"
    phrase: str = ""
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity, merged from all its mentions.

    Args:
        id: Stable identifier: that of the knowledge base where the mentions have one, otherwise derived from type and
            name.
        name: Its most frequent full name.
        type: Its most frequent entity type, as the annotator calls it; ``None`` where no mention has one.
        aliases: All forms in which it is written, the most frequent first; the name is one of them.
        mentions: Number of places in the texts where it is named.
        documents: Number of documents that name it. A text that is part of no document counts as one.
        entity_ids: Identifiers in knowledge bases; several only where a person has merged them.
    """

    id: str
    name: str
    type: str | None
    aliases: tuple[str, ...]
    mentions: int
    documents: int
    entity_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """All that a corpus asserts about one head entity, relation and tail entity.

    Args:
        head: The head entity (the subject).
        relation_id: Number of the relation in the discovery.
        relation: Name of the relation, which reads from head to tail.
        tail: The tail entity (the object).
        support: Number of different sentences that assert it.
        documents: Number of documents that these come from. A text that is part of no document counts as one.
        confidence: How sure the fact is, in [0, 1), pooled over the sentences.
        evidence: Ids of its triples, the surest first.
        phrase: Phrase that connects head and tail in its sentences, often more exact than the name of the relation. If
            the sentences differ, it is the phrase of the surest ones; empty if there is none.
        matches: Entries of a vocabulary that fit the relation, the best first.
    """

    head: Entity
    relation_id: int
    relation: str
    tail: Entity
    support: int
    documents: int
    confidence: float
    evidence: tuple[str, ...]
    phrase: str = ""
    matches: tuple[Match, ...] = ()
