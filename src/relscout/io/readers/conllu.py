"""CoNLL-U with entities in the column MISC: BIO tags, or the brackets of Universal Anaphora (GUM, CorefUD)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.source import Source, attempt, shorten

DESCRIPTION = (
    "CoNLL-U: tables of tokens with entities in MISC (Entity=, NER=) and relations where given (Relation=)"
)

_WIDTH = 10
_ENTITY_KEYS = frozenset({"entity", "ner", "ne", "bio"})
_RELATION_KEYS = frozenset({"relation", "relations", "rel"})
_BIO = ("B", "I", "E", "S", "L", "U")
_TYPE_FIELDS = ("etype", "entity", "type")


def sniff(source: Source) -> bool:
    """Return whether the first row that is not a comment has the ten columns of CoNLL-U."""
    rows = [line for line in source.sample_text.split("\n") if line.strip() and not line.startswith("#")]
    cells = rows[0].rstrip("\r").split("\t") if rows else []
    return (
        len(cells) == _WIDTH
        and cells[0].partition("-")[0].isdigit()
        and (cells[6] == "_" or cells[6].isdigit())
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation, or per pair of entities of a sentence where the file gives no relations.

    The text is that of the forms, with a blank after each unless ``SpaceAfter=No``. A word of a multiword token covers
    the whole token. A relation stands in the first word of its head as ``Relation=TYPE:TAIL`` (several are separated by
    semicolons), the tail being the number of a word in it or its entity's identifier.
    """
    sentence = _Sentence()
    types = 1
    document = ""
    for number, line in _lines(source):
        if isinstance(line, RecordError):
            yield line
        elif not line.strip():
            yield from sentence.instances(source, document)
            sentence = _Sentence()
        elif line.startswith("#"):
            name, _, value = line[1:].partition("=")
            if name.strip() == "global.Entity":
                names = value.strip().split("-")
                types = next((names.index(name) for name in _TYPE_FIELDS if name in names), 1)
            elif name.strip().startswith("newdoc"):
                document = value.strip()
        else:
            sentence.start = sentence.start or number
            try:
                sentence.add(line.split("\t"), types)
            except InputError as error:
                yield source.error(f"line {number}", error)
    yield from sentence.instances(source, document)


def _lines(source: Source) -> Iterator[tuple[int, str | RecordError]]:
    """Yield all lines, blank ones too: they end a sentence."""
    before = 0
    for number, line in source.decoded_lines():
        if number > before + 1:
            yield number - 1, ""
        yield number, line
        before = number


@dataclass
class _Sentence:
    start: int = 0
    words: dict[str, tuple[int, int]] = field(default_factory=dict)
    entities: list[tuple[str, Mention]] = field(default_factory=list)
    relations: list[tuple[str, str, str]] = field(default_factory=list)
    #: Entities that are open: identifier, type, offset of their start.
    _open: list[tuple[str, str, int]] = field(default_factory=list)
    #: The tokens so far and the blanks between them; the last token's span.
    _parts: list[str] = field(default_factory=list)
    _token: tuple[int, int] = (0, 0)
    _blank: bool = False
    _covered: int = 0
    #: The entity of BIO tags that continues: type, start, end.
    _tagged: tuple[str, int, int] | None = None

    def add(self, cells: list[str], types: int) -> None:
        """Add a row.

        Raises:
            InputError: It does not have ten columns, or closes an entity that is not open.
        """
        if len(cells) != _WIDTH:
            raise InputError(
                f"the row has {len(cells)} columns; expected the {_WIDTH} of CoNLL-U, separated by tabs"
            )
        number, form, misc = cells[0], cells[1], cells[9]
        if "." in number:  # an empty node has no place in the text
            return
        named = dict(pair.partition("=")[::2] for pair in misc.split("|"))
        first, _, last = number.partition("-")
        if not first.isdigit() or len(first) > 9 or (last and (not last.isdigit() or len(last) > 9)):
            raise InputError(f"the first column is {shorten(number)}; expected the number of a word")
        if int(first) > self._covered:
            if self._blank:
                self._parts.append(" ")
            self._parts.append(form)
            start = self._token[1] + self._blank
            self._token = (start, start + len(form))
            self._blank = named.get("SpaceAfter") != "No"
            self._covered = int(last or first)
        span = self._token
        if not last:
            self.words[first] = span
        for key, value in named.items():
            if key.casefold() in _ENTITY_KEYS and value not in ("", "_", "O"):
                self._mark(value, span, types)
            elif key.casefold() in _RELATION_KEYS and value not in ("", "_"):
                self._relate(value, first)
        if not any(key.casefold() in _ENTITY_KEYS for key in named) and not last:
            self._close_tags()

    def _mark(self, value: str, span: tuple[int, int], types: int) -> None:
        if value[1:2] == "-" and value[0] in _BIO:
            kind = value[2:]
            goes_on = self._tagged is not None and value[0] in "IEL" and self._tagged[0] == kind
            if not goes_on:
                self._close_tags()
            self._tagged = (kind, self._tagged[1] if goes_on and self._tagged else span[0], span[1])
            return
        for part in _brackets(value):
            if part.startswith("("):
                parts = part.strip("()").split("-")
                kind = parts[types] if len(parts) > types else parts[0]
                if part.endswith(")"):
                    self.entities.append((parts[0], Mention(*span, kind or None)))
                else:
                    self._open.append((parts[0], kind, span[0]))
            else:
                name = part.strip(")").split("-")[0]
                place = next((n for n in reversed(range(len(self._open))) if self._open[n][0] == name), None)
                if place is None:
                    raise InputError(f"{shorten(part)} closes an entity that is not open")
                _, kind, start = self._open.pop(place)
                self.entities.append((name, Mention(start, span[1], kind or None)))

    def _close_tags(self) -> None:
        if self._tagged is not None:
            kind, start, end = self._tagged
            self.entities.append((f"{kind}@{start}", Mention(start, end, kind or None)))
            self._tagged = None

    def _relate(self, value: str, word: str) -> None:
        for part in value.replace(",", ";").split(";"):
            left, _, right = part.rpartition(":")
            # the number may come first, as in the column DEPS
            relation, tail = (right, left) if left.isdigit() and not right.isdigit() else (left, right)
            if not relation or not tail:
                raise InputError(f"the relation is {shorten(part)}; expected TYPE:TAIL")
            self.relations.append((word, relation, tail))

    def instances(self, source: Source, document: str) -> Iterator[RelationInstance | RecordError]:
        """Yield the instances of the sentence, which ends here."""
        self._close_tags()
        if not self.entities:
            return
        place = f"line {self.start}"
        annotated = Annotated(source, place, "".join(self._parts), document=document)
        for number, (name, mention) in enumerate(self.entities):
            annotated.add((name, number), partial(_itself, mention))
        if not self.relations:
            yield from annotated.unlabelled()
        for relation in self.relations:

            def instance(given: tuple[str, str, str], provenance: str) -> RelationInstance:
                head, tail = self._entity("head", given[0]), self._entity("tail", given[2])
                return annotated.instance(head, tail, given[1], provenance)

            yield attempt(source, f"{place}, word {relation[0]}", relation, instance)

    def _entity(self, role: str, name: str) -> tuple[str, int]:
        """Return the key of the entity with an identifier, or the shortest one that holds a word."""
        for number, (identifier, _) in enumerate(self.entities):
            if identifier == name:
                return identifier, number
        start, end = self.words.get(name, (0, 0))
        holding = [
            (mention.end - mention.start, number, identifier)
            for number, (identifier, mention) in enumerate(self.entities)
            if mention.start <= start < end <= mention.end
        ]
        if not holding:
            raise InputError(f"the {role} is {shorten(name)}, which is no entity and no word of an entity")
        _, number, identifier = min(holding)
        return identifier, number


def _itself(mention: Mention) -> Mention:
    return mention


def _brackets(value: str) -> Iterator[str]:
    """Yield the parts of a value of brackets: ``(a-x``, ``(a-x)`` and ``a)``."""
    part = ""
    for character in value:
        if character == "(" and part:
            yield part
            part = ""
        part += character
        if character == ")":
            yield part
            part = ""
    if part:
        yield part
