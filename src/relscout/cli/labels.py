"""Discovered and gold labels from files, and how their rows match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped
from relscout.core.errors import InputError
from relscout.core.files import parsed_json
from relscout.core.instances import content_id

#: No label begins with these: such a line is JSON of another kind, and its scores would be meaningless.
_JSON = ("{", "[")


@dataclass(frozen=True)
class Labelled:
    """Labels in the order of their file.

    Args:
        path: The file.
        labels: The labels (N,).
        ids: Ids of their instances (N,); empty where the file holds bare labels.
        contents: For gold labels: ids computed from text and offsets alone (N,). They match instances whose ids differ,
            as annotation tools keep no ids.
        names: Names of the relations (N,), ``None`` for no relation; a bare label is its own name.
        type_pairs: Entity types of head and tail (N,); empty if the file does not have them.
        n_unlabelled: Number of instances that were left out because they have no label.
    """

    path: Path
    labels: list[str]
    ids: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    type_pairs: list[tuple[str | None, str | None]] = field(default_factory=list)
    n_unlabelled: int = 0


def found_labels(path: Path) -> Labelled:
    """Read the folder of a run, its ``assignments.jsonl``, or a file with one label a line.

    Raises:
        InputError: It is none of these.
        ArtifactError: The run is damaged.
    """
    from relscout.discovery.storage import ASSIGNMENTS, RUN, SHARDED, SHARDS, checked_record
    from relscout.io import shards

    file = path / ASSIGNMENTS if path.is_dir() else path
    if (path / RUN).is_file():
        if SHARDS in checked_record(path):
            return _of_shards(path, shards.ShardedRows(path / SHARDED[ASSIGNMENTS], shards.ASSIGNMENTS))
    elif path.is_dir() and not file.exists():
        raise InputError(f"{path}: not a run directory, there is no {ASSIGNMENTS} in it")
    lines = _lines(file)
    if not lines[0][1].startswith("{"):
        bare = _bare(path, lines)
        return Labelled(path, bare, names=[*bare])
    labels, ids, names = [], [], []
    for number, line in lines:
        try:
            record = parsed_json(line)
            ids.append(_checked(record, "id", str, int))
            labels.append(_checked(record, "relation_id", int))
            names.append(_name(record.get("relation")))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{file}, line {number}: not a JSON object with 'id' and 'relation_id', and a name as 'relation'; "
                f"expected the {ASSIGNMENTS} of a run, triples of 'relscout extract', or one label per line"
            ) from error
    return Labelled(path, labels, ids, names=names)


def _of_shards(path: Path, rows: Iterable[Mapping[str, Any]]) -> Labelled:
    labels, ids, names = [], [], []
    for row in rows:
        ids.append(row["id"])
        labels.append(str(row["relation_id"]))
        names.append(row["relation"])
    return Labelled(path, labels, ids, names=names)


def gold_labels(path: Path, reading: Reading, skipped: Skipped) -> Labelled:
    """Read the gold relations of a file in any input format, or one with one label a line.

    Raises:
        InputError: It is neither, or none of its instances has a gold relation.
    """
    from relscout.io.readers import recognise
    from relscout.io.readers.source import Source

    if reading.format is None and path.is_file():
        try:
            recognise(Source(path, columns=reading.column_map, encoding=reading.encoding))
        except InputError as error:
            lines = _lines(path)
            if lines[0][1].startswith(_JSON):
                raise InputError(f"{error}; nor is it a file with one label per line") from error
            reading.refuse_all(f"{path} has one label per line, and it applies to marked pairs")
            return Labelled(path, _bare(path, lines))
    instances = list(reading.instances([path], skipped))
    known = [instance for instance in instances if instance.relation is not None]
    if not known:
        raise InputError(f"{path}: none of its {len(instances)} instances has a gold relation")
    return Labelled(
        path,
        [str(instance.relation) for instance in known],
        [instance.id for instance in known],
        [content_id(instance.text, instance.head, instance.tail) for instance in known],
        type_pairs=[instance.type_pair for instance in known],
        n_unlabelled=len(instances) - len(known),
    )


def matched(found: Labelled, gold: Labelled) -> list[tuple[int, int]]:
    """Pair the rows of both sides by id (repeated ids in order), or line by line where there are no ids.

    Rows whose id is not on the other side are paired by text and offsets.

    Raises:
        InputError: They have no id in common, or, without ids, different numbers of labels.
    """
    if not found.ids or not gold.ids:
        if len(found.labels) != len(gold.labels):
            raise InputError(
                f"{found.path} has {len(found.labels)} labels and {gold.path} has {len(gold.labels)}; without ids they "
                "are matched line by line, so both need the same number"
            )
        return [(row, row) for row in range(len(found.labels))]
    rows = _paired(found.ids, gold.ids, {})
    if len(rows) < len(gold.ids) and gold.contents:
        rows = _paired(_contents(found), gold.contents, rows)
    if not rows:
        raise InputError(
            f"no instance of {gold.path} is in {found.path}: they have no id in common, nor a text with the same "
            "entities; was the run made from this file?"
        )
    return [(row, other) for other, row in sorted(rows.items())]


def _paired(found: Sequence[str], gold: Sequence[str], already: Mapping[int, int]) -> dict[int, int]:
    """Return gold row → discovered row: the existing pairs, and those of equal keys."""
    taken = set(already.values())
    places: dict[str, list[int]] = defaultdict(list)
    for row in reversed(range(len(found))):
        if row not in taken:
            places[found[row]].append(row)
    return dict(already) | {
        row: places[key].pop() for row, key in enumerate(gold) if row not in already and places.get(key)
    }


def _contents(found: Labelled) -> list[str]:
    """Return ids computed from text and offsets of instances; empty where their texts are not known.

    Triples contain their texts; the instances of assignments are in another file of the run.
    """
    from relscout.discovery.storage import ASSIGNMENTS, INSTANCES, SHARDED
    from relscout.io import shards
    from relscout.io.readers import read

    if (folder := found.path / SHARDED[INSTANCES]).is_dir():
        return [
            content_id(instance.text, instance.head, instance.tail)
            for instance in shards.ShardedRows(folder, shards.INSTANCES)
        ]
    file = found.path / ASSIGNMENTS if found.path.is_dir() else found.path
    place = file if '"text"' in _lines(file)[0][1] else file.with_name(INSTANCES)
    if not place.is_file():
        return []
    contents = [
        content_id(instance.text, instance.head, instance.tail) for instance in read(place, format="jsonl")
    ]
    return contents if len(contents) == len(found.ids) else []


def _checked(record: Any, field: str, *kinds: type[Any]) -> str:
    value = record[field]
    if type(value) not in kinds:
        raise TypeError(f"{field} is {value!r}")
    return str(value)


def _name(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"the relation is {value!r}")
    return value


def _bare(path: Path, lines: list[tuple[int, str]]) -> list[str]:
    for number, label in lines:
        if not label.isprintable() or label.startswith(_JSON):
            raise InputError(
                f"{path}, line {number}: {label[:60]!r} is not a label; expected one label per line"
            )
    return [label for _, label in lines]


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise InputError(f"{path}: the file is empty")
    return lines
