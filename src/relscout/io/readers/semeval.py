"""The text files of SemEval-2010 Task 8 (Hendrickx et al. 2010), as the organisers published them.

A record is a numbered sentence with ``<e1>`` and ``<e2>`` around the entities, then a line with the relation
and one with a comment. The test file has the sentences alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.source import Source, attempt, shorten

DESCRIPTION = "SemEval-2010 Task 8: numbered sentences with <e1> and <e2>, the relation on the line below"

_MARKER = re.compile(r"(</?e[12]>)")
_RELATION = re.compile(r"[\w-]+\((e1,e2|e2,e1)\)|[\w-]+")
_LINES_TO_JUDGE = 20


def sniff(source: Source) -> bool:
    """Return whether one of the first lines is a numbered, quoted sentence with ``<e1>`` or ``<e2>``."""
    lines = source.sample_text.split("\n")[:_LINES_TO_JUDGE]
    return any(re.match(r'\d+\s+".*</?e[12]>', line) for line in lines)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per sentence: ``<e1>`` is the head; a relation keeps its direction, ``(e2,e1)``."""
    pending: _Record | None = None
    for number, line in source.decoded_lines():
        place = f"line {number}"
        begun = _begun(source, place, line)
        if isinstance(line, str) and not begun and pending and pending.takes(line):
            continue
        if pending:
            yield pending.finished(source)
        pending = begun
        if isinstance(line, str) and not begun:
            yield source.error(
                place, f"expected a number and a sentence in quotation marks, got {shorten(line)}"
            )
    if pending:
        yield pending.finished(source)


def _begun(source: Source, place: str, line: str | RecordError) -> _Record | None:
    """Return the record that a line begins, even if it is invalid: the lines below belong to it."""
    if isinstance(line, RecordError):
        return _Record(place, line)
    parts = line.split(None, 1)
    if len(parts) == 2 and parts[0].isdecimal():
        return _Record(place, (parts[0], parts[1].rstrip()))
    if _MARKER.search(line) and not line.startswith("Comment"):
        reason = f"expected a number, a tab and a sentence in quotation marks, got {shorten(line)}"
        return _Record(place, source.error(place, reason))
    return None


@dataclass
class _Record:
    """A sentence (or its error), and the lines below it read so far."""

    place: str
    sentence: tuple[str, str] | RecordError
    relation: str | None = None
    commented: bool = False

    def takes(self, line: str) -> bool:
        """Add a line of this record: one relation, then one comment."""
        if self.commented:
            return False
        if line.startswith("Comment"):
            self.commented = True
            return True
        if self.relation is None:
            self.relation = line.strip()
            return True
        return False

    def finished(self, source: Source) -> RelationInstance | RecordError:
        """Return the instance, or the error of this record."""
        if isinstance(self.sentence, RecordError):
            return self.sentence
        number, marked = self.sentence
        return attempt(source, self.place, (number, marked, self), _instance)


def _instance(numbered: tuple[str, str, _Record], provenance: str) -> RelationInstance:
    number, marked, record = numbered
    if record.relation is not None and not _RELATION.fullmatch(record.relation):
        raise InputError(
            f"the relation is {shorten(record.relation)}; expected one such as Cause-Effect(e2,e1) or Other"
        )
    if record.commented and record.relation is None:
        raise InputError("there is a comment, but no line with the relation before it")
    text, spans = _unmarked(_unquoted(marked))
    head, tail = Mention(*spans["e1"]), Mention(*spans["e2"])
    return RelationInstance(text, head, tail, record.relation, number, provenance)


def _unquoted(sentence: str) -> str:
    opened, closed = sentence.startswith('"'), sentence.endswith('"') and len(sentence) > 1
    if opened != closed:
        raise InputError(f"expected the sentence in quotation marks, got {shorten(sentence)}")
    return sentence[1:-1] if opened else sentence


def _unmarked(sentence: str) -> tuple[str, dict[str, tuple[int, int]]]:
    """Return the text without its markers, and the span of each entity."""
    text, places = "", dict[str, int]()
    for part in _MARKER.split(sentence):
        if not _MARKER.fullmatch(part):
            text += part
        elif part in places:
            raise InputError(f"the marker {part} stands twice in the sentence")
        else:
            places[part] = len(text)
    for marker in ("<e1>", "</e1>", "<e2>", "</e2>"):
        if marker not in places:
            raise InputError(f"the marker {marker} is missing in the sentence {shorten(sentence)}")
    return text, {entity: (places[f"<{entity}>"], places[f"</{entity}>"]) for entity in ("e1", "e2")}
