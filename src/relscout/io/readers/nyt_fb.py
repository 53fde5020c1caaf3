"""NYT+FB: a JSON list of sentences with typed markers and a parallel JSON list of relation ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.packing import is_file
from relscout.io.readers.json_stream import list_records
from relscout.io.readers.source import Source, attempt, check_unicode, kind_name
from relscout.io.readers.tokens import Markup

DESCRIPTION = (
    "NYT+FB: JSON list of sentences with <e1:TYPE> … </e1:TYPE> markers, relation ids in a second list"
)

_MARKER = re.compile(r"<(?P<slash>/?)(?P<role>e[12])(?::(?P<type>[^<>]*))?>")
_MARKED_STRING = re.compile(r'\s*\[\s*"(?:[^"\\]|\\.)*?<e[12]:[^<>"]*> ')
_UNLABELLED = object()
_ENDED = object()


def sniff(source: Source) -> bool:
    """Return whether the start is a list whose first string holds a typed marker."""
    return _MARKED_STRING.match(source.sample_text) is not None


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per sentence, its relation being the number in the list of labels, as text.

    The labels are those of ``source.labels``, or those of the file next to it whose name has ``_label_id.json`` for
    ``_sentence.json``; without either the relations are not known.

    Raises:
        InputError: The lists have different lengths, so that no label can be trusted, or one cannot be read.
    """
    for place, sentence, label in _labelled(source):
        if isinstance(label, RecordError) and not isinstance(sentence, RecordError):
            yield label
        else:
            yield attempt(source, place, sentence, partial(_instance, label))


def _labelled(source: Source) -> Iterator[tuple[str, Any, Any]]:
    labels = _labels_file(source)
    if labels is None:
        yield from ((place, sentence, _UNLABELLED) for place, sentence in list_records(source))
        return
    both = zip_longest(list_records(source), list_records(labels), fillvalue=("", _ENDED))
    for (place, sentence), (_, label) in both:
        if sentence is _ENDED or label is _ENDED:
            longer, shorter = (labels, source) if sentence is _ENDED else (source, labels)
            raise InputError(
                f"{labels.path}: the number of labels differs from the number of sentences in {source.path} "
                f"({shorter.path.name} ends before {longer.path.name}); expected one label per sentence, so check that "
                "the two files belong together"
            )
        yield place, sentence, label


def _labels_file(source: Source) -> Source | None:
    if source.labels is not None:
        return Source(source.labels)
    sibling = source.path.with_name(source.path.name.replace("_sentence.json", "_label_id.json"))
    return Source(sibling) if sibling != source.path and is_file(sibling) else None


def _relation(label: Any) -> str | None:
    if label is _UNLABELLED:
        return None
    if isinstance(label, bool) or not isinstance(label, int | str) or not str(label).strip():
        raise InputError(f"the label is {kind_name(label)}; expected the number of a relation")
    check_unicode("label", str(label))
    return str(label)


def _instance(label: Any, sentence: Any, provenance: str) -> RelationInstance:
    if not isinstance(sentence, str):
        raise InputError(f"expected a sentence, got {kind_name(sentence)}")
    check_unicode("sentence", sentence)
    markers, first = _scan(sentence)
    for role, meaning in (("e1", "head"), ("e2", "tail")):
        if role not in first:
            raise InputError(f"the sentence has no {meaning}: nothing in it is marked <{role}:…>")
    markup = Markup(sentence, markers)
    head, tail = (
        Mention(markup.offset(start), markup.offset(end), entity_type or None)
        for start, end, entity_type in (first["e1"], first["e2"])
    )
    return RelationInstance(markup.text, head, tail, _relation(label), source=provenance)


def _scan(sentence: str) -> tuple[list[tuple[int, int]], dict[str, tuple[int, int, str | None]]]:
    """Return the spans of all markers, and ``(start, end, type)`` of the first e1 and the first e2.

    A marker includes the blank on its inner side: ``W<e1:T> NBC </e1:T>`` was ``WNBC``.
    """
    markers: list[tuple[int, int]] = []
    opened: dict[str, list[tuple[int, str | None]]] = {"e1": [], "e2": []}
    first: dict[str, tuple[int, int, str | None]] = {}
    for marker in _MARKER.finditer(sentence):
        role = marker["role"]
        if not marker["slash"]:
            content = marker.end() + sentence.startswith(" ", marker.end())
            opened[role].append((content, marker["type"]))
            markers.append((marker.start(), content))
            continue
        if not opened[role]:
            raise InputError(f"{marker[0]} closes what was not opened")
        content, entity_type = opened[role].pop()
        end = max(content, marker.start() - sentence.startswith(" ", marker.start() - 1))
        markers.append((end, marker.end()))
        if role not in first or content < first[role][0]:
            first[role] = content, end, entity_type
    for role, unclosed in opened.items():
        if unclosed:
            raise InputError(f"<{role}:{unclosed[0][1]}> is not closed")
    return markers, first
