"""Label Studio's JSON: tasks with annotations or predictions, or its short form JSON-MIN."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.core.wording import counted
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import Source, attempt, check_unicode, kind_name, optional_text, require

DESCRIPTION = "Label Studio: JSON or JSON-MIN export with regions of a text and relations between them"
FIELDS = (("data", "annotations"), ("text", "label.start", "label.end", "label.labels"))

_VERSIONS = ("annotations", "completions", "predictions")


def sniff(source: Source) -> bool:
    """Return whether one of the first records is a task with results, or has lists of labelled regions."""
    return any(
        any(
            # if the results of a task are long, the fields after them may lie beyond the sample
            f"{version}.result" in keys or (keys.get("data") == "{" and keys.get(version) == "[")
            for version in _VERSIONS
        )
        or any(keys.get(f"{key}.labels") == "[" and f"{key}.start" in keys for key in keys)
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation and label; the text is that of the task.

    The direction ``right`` (also where none is given) goes from ``from_id`` to ``to_id``, ``left`` the other way round,
    and ``bi`` gives both. A relation without a label is unknown. If several people annotated a task, equal instances
    count once; predictions count only for tasks without annotations. JSON-MIN exports no relations, so each pair of its
    regions is an instance whose relation is unknown. A task whose annotations were all cancelled gives no instances,
    not even those of its predictions, because a person skipped it. Of several labels of a region, the first is the
    type, and a note says so.
    """
    several: list[str] = []
    for place, record in records(source, ("data", *_VERSIONS, "text")):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            versions = _versions(record)
        except InputError as error:
            yield source.error(place, error)
            continue
        if versions is None:
            yield from _minimal(source, place, record)
            continue
        seen: set[tuple[Any, ...]] = set()
        for name, number, version in versions:
            where = f"{place}, {name}[{number}]"
            try:
                results = require(version, "result", list)
                annotated = Annotated(source, where, _text(require(record, "data", dict), results))
            except InputError as error:
                yield source.error(where, error)
                continue
            # several annotators may have marked the same relation
            before = frozenset(seen)
            for instance in _relations(source, where, annotated, results, several):
                if isinstance(instance, RelationInstance):
                    key = (instance.id, instance.head.type, instance.tail.type, instance.relation)
                    seen.add(key)
                    if key in before:
                        continue
                yield instance
    if several:
        source.warn(
            f"{counted(len(several), 'region')} with several labels, of which the first is read as the type, such as "
            f"{several[0]}"
        )


def _versions(record: Any) -> list[tuple[str, int, Any]] | None:
    """Return ``(field, number, annotation)`` of a task; ``None`` for a record of JSON-MIN."""
    if not isinstance(record, dict):
        raise InputError(f"expected an object with a field 'data', got {kind_name(record)}")
    given = [name for name in _VERSIONS if record.get(name) is not None]
    if not given:
        if isinstance(record.get("data"), dict):
            raise InputError("the field 'annotations' is missing; expected a list")
        return None
    for name in given:
        versions = require(record, name, list)
        if versions:
            return [
                (name, number, version)
                for number, version in enumerate(versions)
                if not _is_cancelled(version)
            ]
    return []


def _is_cancelled(version: Any) -> bool:
    return isinstance(version, dict) and True in (version.get("was_cancelled"), version.get("skipped"))


def _text(data: dict[str, Any], results: list[Any]) -> str:
    """Return the text that the regions belong to: the one that they name, or the only one."""
    named = [
        result["source"]
        for result in results
        if isinstance(result, dict) and isinstance(result.get("source"), str)
    ]
    targets = [
        result["to_name"]
        for result in results
        if isinstance(result, dict) and isinstance(result.get("to_name"), str)
    ]
    strings = [key for key, value in data.items() if isinstance(value, str)]
    for key in (*(name.removeprefix("$") for name in named[:1]), "text", *targets[:1]):
        if key in strings:
            return require(data, key, str, inside="data")
    if len(strings) != 1:
        raise InputError(
            f"'data' has {len(strings)} texts ({', '.join(map(repr, strings[:5]))}); name the annotated one 'text'"
        )
    return require(data, strings[0], str, inside="data")


def _relations(
    source: Source, where: str, annotated: Annotated, results: list[Any], several: list[str]
) -> Iterator[RelationInstance | RecordError]:
    relations, regions = [], []
    for number, result in enumerate(results):
        if not isinstance(result, dict):
            yield source.error(f"{where}, result[{number}]", f"expected an object, got {kind_name(result)}")
        elif result.get("type") == "relation" or None not in (result.get("from_id"), result.get("to_id")):
            relations.append((number, result))
        elif (
            isinstance(result.get("value"), dict)
            and _is_region(result["value"])
            and isinstance(result.get("id"), str)
        ):
            regions.append((not _has_labels(result), number, result))
    # a choice or a comment about a region has its id and offsets, and counts where no result labels the region
    for is_about, number, region in sorted(regions, key=itemgetter(0)):
        if is_about and region["id"] in annotated:
            continue
        kind = region.get("type")
        annotated.add(region["id"], partial(_region, annotated, region["value"], kind))
        if isinstance(kind, str) and isinstance(given := region["value"].get(kind), list) and len(given) > 1:
            several.append(f"{given!r:.60} ({where}, result[{number}])")
    for number, relation in relations:
        place = f"{where}, result[{number}]"
        try:
            ends = require(relation, "from_id", str), require(relation, "to_id", str)
            pairs = _directed(ends, optional_text(relation, "direction"))
            labels: list[str | None] = [*_labels(relation, "labels")] or [None]
        except InputError as error:
            yield source.error(place, error)
            continue
        for label in labels:
            for pair in pairs:
                yield attempt(
                    source,
                    place,
                    (*pair, label),
                    lambda given, at: annotated.instance(given[0], given[1], given[2], at),
                )


def _directed(ends: tuple[str, str], direction: str | None) -> list[tuple[str, str]]:
    if direction == "bi":
        return [ends, ends[::-1]]
    if direction == "left":
        return [ends[::-1]]
    if direction in (None, "right", "none"):
        return [ends]
    raise InputError(f"the direction is {direction!r:.40}; expected 'right', 'left' or 'bi'")


def _is_region(value: dict[str, Any]) -> bool:
    offsets = value.get("globalOffsets", value)
    return isinstance(offsets, dict) and type(offsets.get("start")) is int and type(offsets.get("end")) is int


def _has_labels(result: dict[str, Any]) -> bool:
    kind = result.get("type")
    return "labels" in result["value"] or (isinstance(kind, str) and kind.endswith("labels"))


def _labels(value: Any, field: str) -> list[str]:
    labels = [] if value.get(field) is None else require(value, field, list)
    for label in labels:
        if not isinstance(label, str):
            raise InputError(f"{field!r} has {kind_name(label)}; expected strings")
        check_unicode(field, label)
    return [label for label in labels if label]


def _region(annotated: Annotated, value: dict[str, Any], kind: Any) -> Mention:
    offsets = value.get("globalOffsets", value)
    start, end = (require(offsets, edge, int, inside="value") for edge in ("start", "end"))
    labels = _labels(value, "labels") or (
        _labels(value, kind) if isinstance(kind, str) and kind in value else []
    )
    surface = None if kind == "textarea" else value.get("text")  # there, it is what somebody wrote
    return annotated.span("region", start, end, type=labels[0] if labels else None, surface=surface)


def _minimal(source: Source, place: str, record: dict[str, Any]) -> Iterator[RelationInstance | RecordError]:
    regions = [
        (f"{name}[{number}]", value)
        for name, values in record.items()
        if isinstance(values, list)
        for number, value in enumerate(values)
        if isinstance(value, dict) and _is_region(value) and "labels" in value
    ]
    try:
        annotated = Annotated(source, place, _text(record, []))
    except InputError as error:
        yield source.error(place, error)
        return
    for name, value in regions:
        annotated.add(name, partial(_region, annotated, value, None))
    yield from annotated.unlabelled()
