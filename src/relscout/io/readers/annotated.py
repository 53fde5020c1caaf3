"""Texts with annotated entities and relations between them, as annotation tools export them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import UNKNOWN, UNTYPED, Mention, RelationInstance
from relscout.io.readers.offsets import Offsets, check_mention, in_characters, placed
from relscout.io.readers.source import Source, attempt, shorten, unrelated_pairs


class Annotated:
    """A text and its entities, by the keys that relations use.

    Args:
        source: The file.
        place: Place of the text in the file.
        text: The text.
        document: Name of the document that the text is a part of.
        document_start: Offset of the text in that document.
    """

    def __init__(
        self, source: Source, place: str, text: str, *, document: str = "", document_start: int | None = None
    ) -> None:
        self.text = text
        self._source = source
        self._place = place
        self._document = document
        self._document_start = document_start
        self._entities: dict[Hashable, Mention | InputError] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entities

    def add(self, key: Hashable, parse: Callable[[], Mention]) -> None:
        """Add an entity; if it is wrong, every relation that names it will be an error.

        The first of several types of one span counts. Several spans with one key are an error.
        """
        entity: Mention | InputError
        try:
            entity = parse()
        except InputError as error:
            entity = error
        given = self._entities.setdefault(key, entity)
        if isinstance(given, Mention) and (
            isinstance(entity, InputError) or (given.start, given.end) != (entity.start, entity.end)
        ):
            self._entities[key] = InputError("two entities of this text have this id; give each its own")

    def span(
        self,
        role: str,
        start: int,
        end: int,
        *,
        type: str | None = None,
        entity_id: str | None = None,
        surface: Any = None,
    ) -> Mention:
        """Return the mention at ``[start, end)`` of the text, in the offsets of the file; see :func:`span`."""
        offsets = self._source.offsets
        return span(role, self.text, start, end, offsets, type=type, entity_id=entity_id, surface=surface)

    def mention(self, role: str, key: Hashable) -> Mention:
        """Return an entity.

        Raises:
            InputError: No entity has that key, or it is invalid.
        """
        entity = self._entities.get(key)
        if entity is None:
            raise InputError(f"the {role} is {shorten(key)}, which is no entity of this text")
        if isinstance(entity, InputError):
            raise InputError(f"the {role} {shorten(key)}: {entity}")
        return entity

    def instance(
        self, head: Hashable, tail: Hashable, relation: str | None, provenance: str
    ) -> RelationInstance:
        """Return the instance of a relation between two entities.

        Raises:
            InputError: An entity is missing or invalid, or the two are the same or cross.
        """
        return self.of(self.mention("head", head), self.mention("tail", tail), relation, provenance)

    def unlabelled(self) -> Iterator[RelationInstance | RecordError]:
        """Yield the pairs of a text in which entities are annotated and relations are not.

        Each unordered pair comes once, the earlier entity as the head; its relation is unknown.
        """
        right = []
        for key, entity in self._entities.items():
            if isinstance(entity, InputError):
                yield self._source.error(f"{self._place}, entity {shorten(key)}", entity)
            else:
                right.append((key, entity))
        for (first, head), (second, tail) in unrelated_pairs(right, lambda *_: False):
            place = f"{self._place}, entities {shorten(first)} and {shorten(second)}"
            yield attempt(
                self._source,
                place,
                (head, tail),
                lambda two, provenance: self.of(two[0], two[1], None, provenance),
            )

    def of(self, head: Mention, tail: Mention, relation: str | None, provenance: str) -> RelationInstance:
        """Return the instance of two mentions.

        Raises:
            InputError: They do not fit the text, or are the same or cross.
        """
        return RelationInstance(
            self.text,
            head,
            tail,
            named(relation),
            source=provenance,
            document=self._document,
            document_start=self._document_start,
        )


class Segments:
    """A document in parts that follow one another: sentences, or passages. Its text joins theirs with blanks.

    Args:
        source: The file.
        document: Name of the document.
        texts: The parts.
    """

    def __init__(self, source: Source, document: str, texts: list[str]) -> None:
        self.texts = texts
        self.starts = [0, *accumulate(len(text) + 1 for text in texts)]
        self._source = source
        self._document = document

    def instance(
        self, head: tuple[int, Mention], tail: tuple[int, Mention], relation: str | None, provenance: str
    ) -> RelationInstance:
        """Return the instance of two mentions, each with the number of its part and its offsets in it.

        Its text is the part, or all parts from the first of the two to the last.

        Raises:
            InputError: The two are the same or cross.
        """
        first, last = sorted((head[0], tail[0]))
        origin = self.starts[first]
        return RelationInstance(
            " ".join(self.texts[first : last + 1]),
            self._moved(*head, origin),
            self._moved(*tail, origin),
            named(relation),
            source=provenance,
            document=self._document,
            document_start=origin,
        )

    def _moved(self, part: int, mention: Mention, origin: int) -> Mention:
        by = self.starts[part] - origin
        return replace(mention, start=mention.start + by, end=mention.end + by)

    def unlabelled(
        self, place: str, mentions: Iterable[tuple[str, int, Mention]]
    ) -> Iterator[RelationInstance | RecordError]:
        """Yield the pairs of mentions of the same part, ``(name, part, mention)``, with an unknown relation."""
        by_part: dict[int, list[tuple[str, Mention]]] = defaultdict(list)
        for name, part, mention in mentions:
            by_part[part].append((name, mention))
        for part, there in sorted(by_part.items()):
            for (first, head), (second, tail) in unrelated_pairs(there, lambda *_: False):
                where = f"{place}, {first} and {second}"
                yield attempt(
                    self._source,
                    where,
                    ((part, head), (part, tail)),
                    lambda two, provenance: self.instance(two[0], two[1], None, provenance),
                )


def span(
    role: str,
    text: str,
    start: int,
    end: int,
    offsets: Offsets,
    *,
    type: str | None = None,
    entity_id: str | None = None,
    surface: Any = None,
) -> Mention:
    """Return the mention at ``[start, end)`` of a text.

    Offsets should count characters. If the surface only fits offsets in UTF-16 units, as JavaScript and Java count,
    they are read as such.

    Raises:
        InputError: The span does not fit the text, or covers another surface.
    """
    type = None if type == UNTYPED else type
    if offsets == "characters" and surface is not None and text[start:end] != surface:
        first, last = in_characters(text, start, end, "utf-16")
        if (first, last) != (start, end) and text[first:last] == surface:
            return Mention(first, last, type, entity_id)
    mention = placed(role, text, start, end, offsets, type=type, entity_id=entity_id, surface=surface)
    if surface is not None:
        check_mention(role, text, mention, surface, offsets)
    return mention


def named(relation: str | None) -> str | None:
    """Return a relation, ``None`` if it is empty or the name of an unknown one."""
    return None if relation in ("", UNKNOWN) else relation
