"""brat standoff: a folder of texts (``.txt``) with their annotations (``.ann``) next to them."""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import BRAT_NAMES, Mention, RelationInstance
from relscout.core.wording import counted
from relscout.io.packing import is_file
from relscout.io.readers.annotated import named, span
from relscout.io.readers.offsets import Offsets
from relscout.io.readers.source import NO_RELATION, Source, attempt, shorten, unrelated_pairs

DESCRIPTION = "brat standoff: a folder of .txt and .ann files, or one .ann file next to its .txt"

_ENTITY = re.compile(r"(T[^\t ]+)\t(\S+) (\d{1,15}) (\d{1,15})((?:;\d+ \d+)*)\t(.+)")
_RELATION = re.compile(r"R[^\t ]*\t(\S+) (\w+):(\S+) (\w+):(\S+)\s*")
_EVENT = re.compile(r"E[^\t ]*\t[^:\s]+:(T\S+)")
_EQUIVALENT = re.compile(r"\*\tEquiv((?: T\S+)+)\s*")
_OTHER_KINDS = ("E", "A", "M", "N", "#", "*")
_MARK = "\ufeff"
_STANDOFF = re.compile(r"\s*(?:[TREAMN#][^\t ]+|\*)\t\S")

#: Entities by their identifiers; ``None`` where several T lines of one identifier differ.
_Entities: TypeAlias = Mapping[str, re.Match[str] | None]


def sniff(source: Source) -> bool:
    """Return whether a folder holds a pair of files, or a file belongs to a pair whose ``.ann`` is standoff."""
    if source.path.is_dir():
        return any(path.with_suffix(".txt").is_file() for path in source.path.glob("*.ann"))
    if source.path.suffix not in (".ann", ".txt"):
        return False
    annotations = source.path.with_suffix(".ann")
    return is_file(annotations) and _STANDOFF.match(Source(annotations).sample_text) is not None


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per ``R`` line, the files of a folder in the order of their names.

    ``Arg1`` is the head and ``Arg2`` the tail. The text is that of the lines which the two mentions span; in a folder
    that relscout wrote, it is the whole text.
    Events, attributes, modifications, normalisations, notes and equivalences are left out: none is a relation
    of two mentions.

    With ``source.pairs == "all"`` the pairs of entities of one line that no ``R`` line relates follow at the end of
    each file, as ``no_relation``. Triggers of events, entities of several parts and pairs of equivalent mentions are
    left out of them. brat knows no sentences, so a line of several sentences gives pairs across them, too.

    Raises:
        InputError: There is no ``.ann`` file, or a file cannot be read.
    """
    is_folder = source.path.is_dir()
    files = sorted(source.path.glob("*.ann")) if is_folder else [source.path.with_suffix(".ann")]
    if not files or not all(is_file(path) for path in files):
        raise InputError(
            f"{source.path}: no .ann file found; expected .ann files, each next to its .txt file"
        )
    names = _shown_names(files[0].parent)
    if is_folder and (deeper := sorted({path.parent for path in source.path.glob("*/**/*.ann")})):
        source.warn(
            f"what lies in {counted(len(deeper), 'folder')} inside it, such as {deeper[0].name!r}, is not read; give "
            "each folder as an input"
        )
    for path in files:
        annotations = replace(source, path=path)
        text_path = path.with_suffix(".txt")
        if not is_file(text_path):
            yield annotations.error(
                "line 1", f"the text is missing; expected it in {text_path.name} next to it"
            )
            continue
        texts = replace(source, path=text_path)
        try:
            text = texts.text()
        except RecordError as error:
            yield error
        else:
            marked = texts.sample.startswith(codecs.BOM_UTF8)
            for record in _read_pair(annotations, text, marked=marked, whole=bool(names)):
                yield _renamed(record, names) if isinstance(record, RelationInstance) else record


def _shown_names(folder: Path) -> Mapping[str, str]:
    """Return stored name → original name of types and relations, for a folder that relscout wrote."""
    path = folder / "visual.conf"
    first, *lines = Source(path).text().split("\n") if is_file(path) else [""]
    if first != BRAT_NAMES:
        return {}
    parts = (line.partition(" | ") for line in lines)
    return {stored: name for stored, bar, name in parts if bar}


def _renamed(instance: RelationInstance, names: Mapping[str, str]) -> RelationInstance:
    head, tail = (
        replace(mention, type=mention.type and names.get(mention.type, mention.type))
        for mention in (instance.head, instance.tail)
    )
    relation = instance.relation and names.get(instance.relation, instance.relation)
    return replace(instance, head=head, tail=tail, relation=relation)


def _as_counted(
    text: str, entities: Collection[re.Match[str]], offsets: Offsets, *, marked: bool
) -> tuple[str, str]:
    """Return the text with the characters that the offsets count, and in words which these are.

    They count what is in the file but its byte-order mark. brat's server counts the mark, too, and CRLF as one
    character; such a file is recognised by its surfaces.
    """
    ways = {"": text}
    if offsets == "characters" and "\r\n" in text:
        ways["each CRLF of the text as one character"] = text.replace("\r\n", "\n")
    if offsets == "characters" and marked:
        for way, content in list(ways.items()):
            ways[f"{way}{' and ' if way else ''}the byte-order mark as a character"] = f"{_MARK}{content}"

    def fits(way: str) -> int:
        content = ways[way]
        return sum(
            content[int(entity[3]) : int(entity[4])] == entity[6] for entity in entities if not entity[5]
        )

    chosen = max(ways, key=fits)
    return ways[chosen], chosen


def _read_pair(
    annotations: Source, text: str, *, marked: bool, whole: bool
) -> Iterator[RelationInstance | RecordError]:
    lines = list(annotations.decoded_lines())
    entities: dict[str, re.Match[str] | None] = {}
    for _, line in lines:
        entity = _ENTITY.fullmatch(line) if isinstance(line, str) else None
        if entity:
            again = entities.setdefault(entity[1], entity)
            if again is None or again.group(3, 4, 5) != entity.group(3, 4, 5):
                entities[entity[1]] = None
    unique = [entity for entity in entities.values() if entity]
    text, counting = _as_counted(text, unique, annotations.offsets, marked=marked)
    if counting and not whole:
        annotations.warn(f"offsets are read with {counting}, because only these fit")
    yield from _read_lines(
        annotations, lines, entities, text, f" ({counting})" if counting else "", whole=whole
    )


def _read_lines(
    annotations: Source,
    lines: list[tuple[int, str | RecordError]],
    entities: _Entities,
    text: str,
    counting: str,
    *,
    whole: bool,
) -> Iterator[RelationInstance | RecordError]:
    for number, line in lines:
        place = f"line {number}{counting}"
        if isinstance(line, RecordError) or line.startswith("R"):
            yield attempt(annotations, place, line, partial(_related, annotations, entities, text, whole))
        elif not line.startswith(_OTHER_KINDS) and not _ENTITY.fullmatch(line):
            yield annotations.error(
                place, f"expected an annotation such as 'T1<tab>Type 0 5<tab>surface', got {shorten(line)}"
            )
    if annotations.pairs == "all":
        yield from _unrelated(
            annotations, text, entities, [line for _, line in lines if isinstance(line, str)], whole=whole
        )


def _related(
    annotations: Source, entities: _Entities, text: str, whole: bool, line: str, provenance: str
) -> RelationInstance:
    match = _RELATION.fullmatch(line)
    if match is None or (match[2], match[4]) not in (("Arg1", "Arg2"), ("Arg2", "Arg1")):
        raise InputError(f"expected 'R1<tab>Type Arg1:T1 Arg2:T2', got {shorten(line)}")
    arguments = {match[2]: match[3], match[4]: match[5]}
    head = _mention("head", arguments["Arg1"], entities, text, annotations.offsets)
    tail = _mention("tail", arguments["Arg2"], entities, text, annotations.offsets)
    return _instance(text, head, tail, match[1], provenance, whole=whole)


def _unrelated(
    annotations: Source, text: str, entities: _Entities, lines: list[str], *, whole: bool
) -> Iterator[RelationInstance | RecordError]:
    linked: set[frozenset[str]] = set()
    triggers: set[str] = set()
    for line in lines:
        if relation := _RELATION.fullmatch(line):
            linked.add(frozenset((relation[3], relation[5])))
        elif event := _EVENT.match(line):
            triggers.add(event[1])
        elif equivalent := _EQUIVALENT.fullmatch(line):
            linked.update(map(frozenset, combinations(equivalent[1].split(), 2)))
    by_line: dict[int, list[tuple[str, Mention]]] = defaultdict(list)
    for name, entity in entities.items():
        if name in triggers or (entity and entity[5]):
            continue
        try:
            mention = _mention("entity", name, entities, text, annotations.offsets)
        except InputError as error:
            yield annotations.error(name, error)
            continue
        if "\n" not in mention.surface(text):
            by_line[text.rfind("\n", 0, mention.start)].append((name, mention))
    for _, mentions in sorted(by_line.items()):
        for (first, head), (second, tail) in unrelated_pairs(
            mentions, lambda *pair: frozenset(pair) in linked
        ):
            yield _instance(
                text, head, tail, NO_RELATION, annotations.at(f"{first} and {second}"), whole=whole
            )


def _instance(
    text: str, head: Mention, tail: Mention, relation: str, provenance: str, *, whole: bool
) -> RelationInstance:
    if whole:
        return RelationInstance(text, head, tail, relation=named(relation), source=provenance)
    start = text.rfind("\n", 0, min(head.start, tail.start)) + 1
    start += text.startswith(_MARK) and start == 0
    last = max(head.end, tail.end)
    end = text.find("\n", last)
    context = text[start : end if end >= 0 else len(text)]
    return RelationInstance(
        context.removesuffix("\r") if end >= 0 else context,
        Mention(head.start - start, head.end - start, head.type),
        Mention(tail.start - start, tail.end - start, tail.type),
        relation=named(relation),
        source=provenance,
    )


def _mention(role: str, name: str, entities: _Entities, text: str, offsets: Offsets) -> Mention:
    if name not in entities:
        raise InputError(f"the {role} is {name}, which no T line of the file defines")
    entity = entities[name]
    if entity is None:
        raise InputError(
            f"the {role} is {name}, which several T lines define differently; give each its own number"
        )
    _, entity_type, start, end, further, surface = entity.groups()
    if further:
        raise InputError(
            f"the {role} {name} is discontinuous ({start} {end}{further}); expected one span, "
            "because the text between the parts does not belong to the entity"
        )
    return span(f"the {role} {name}", text, int(start), int(end), offsets, type=entity_type, surface=surface)
