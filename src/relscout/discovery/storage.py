"""Saves a discovery to a folder, and loads it.

The names and fields of the files are stable::

    assignments.jsonl   one line per instance in input order: id, relation_id (-1: none), relation, confidence, related,
                        polarity
    relations.jsonl     one line per relation
    triples.jsonl       one line per triple with provenance, in the exchange format
    facts.jsonl         one line per head entity, relation and tail entity that the corpus asserts
    entities.jsonl      one line per entity
    instances.jsonl.gz  the instances, without gold relations
    run.json            settings, seed, versions, timings, counts, warnings, and checksums of what is read back
    model/              the fitted method
    report.html         the report page, if one was written

A run of more than :data:`SHARD_ABOVE` instances has sharded Parquet (:mod:`relscout.io.shards`) in place of four of
these files, in the folders ``instances``, ``assignments``, ``facts`` and ``triples``. ``run.json`` then has the number
of shards of each under ``shards``, and a loaded run reads its instances from the disk where they are used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256 as new_sha256
from operator import index
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputError, OutputError, SettingError, UnknownNameError
from relscout.core.files import CONTENTS as MODEL_CONTENTS
from relscout.core.files import (
    check_makeable,
    check_replaceable,
    make_above,
    parsed_json,
    remove_stale,
    sha256,
    whole_file,
    whole_folder,
)
from relscout.core.instances import Polarity, RelationInstance, Triple
from relscout.discovery.corrections import Corrections
from relscout.discovery.relation import Assignments, Facts, Relation, unless_asserted
from relscout.encoders import Encoder
from relscout.io.readers import read
from relscout.methods import Estimator, load_fitted

ASSIGNMENTS, RELATIONS, TRIPLES = "assignments.jsonl", "relations.jsonl", "triples.jsonl"
FACTS, ENTITIES = "facts.jsonl", "entities.jsonl"
INSTANCES, RUN, MODEL = "instances.jsonl.gz", "run.json", "model"
#: Added to the folder of a saved run; saving the run again removes it.
REPORT = "report.html"
#: File → the folder of shards that a large run has in its place.
SHARDED = {INSTANCES: "instances", ASSIGNMENTS: "assignments", FACTS: "facts", TRIPLES: "triples"}
#: Every name in the folder of a run.
CONTENTS = frozenset(
    {ASSIGNMENTS, RELATIONS, TRIPLES, FACTS, ENTITIES, INSTANCES, RUN, MODEL, REPORT, *SHARDED.values()}
)
#: Number of instances above which a run is saved as shards, unless the caller decides otherwise.
SHARD_ABOVE = 200_000


#: The files that are read back; the others are derived from them.
_SOURCES = (ASSIGNMENTS, INSTANCES, RELATIONS)
#: Entries of ``run.json``: checksums by file name, what the command line was asked for, and the number of shards.
CHECKSUMS, COMMAND, SHARDS = "sha256", "command", "shards"


@dataclass(frozen=True)
class Parts:
    """The parts of a :class:`relscout.discovery.Discovery`."""

    relations: tuple[Relation, ...]
    assignments: Assignments
    model: Estimator
    run: Mapping[str, Any]
    merged: Mapping[int, int]


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Check before long work that the folder can be written.

    Raises:
        OutputError: The folder holds a run (and ``overwrite`` is not set) or something else, or cannot be written.
    """
    try:
        holds_run = (folder / RUN).is_file()
        if holds_run and not overwrite:
            raise OutputError(f"{folder} already holds a run; choose another folder, or add --overwrite")
        _check_contents(folder)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    check_makeable(folder)


def save(
    folder: Path,
    parts: Parts,
    triples: Iterable[Triple],
    facts: Facts,
    *,
    shard_above: int | None = None,
    rows_per_shard: int | None = None,
) -> None:
    """Write a discovery; the folder appears whole or not at all, and missing parent folders are created.

    Args:
        folder: The folder.
        parts: What is saved.
        triples: Its triples.
        facts: Its facts and entities.
        shard_above: Number of instances above which shards are written in place of JSON Lines; by default 0 if the
            instances are in shards already, else :data:`SHARD_ABOVE`.
        rows_per_shard: Rows of a shard; by default as many as the instances have in theirs, else
            :data:`relscout.io.shards.ROWS_PER_SHARD`.

    Raises:
        OutputError: The folder holds something else or cannot be written.
        SettingError: ``shard_above`` is below 0.
    """
    from relscout.io.shards import ROWS_PER_SHARD, ShardedRows
    from relscout.io.writers import write_entities
    from relscout.io.writers.textfile import write_json_lines

    instances = parts.assignments.instances
    if isinstance(instances, ShardedRows):
        shard_above = 0 if shard_above is None else shard_above
        # equal rows in equal shards are equal files, which this discovery can read when they replace its own
        rows_per_shard = rows_per_shard or instances.rows_per_shard
    shard_above = SHARD_ABOVE if shard_above is None else shard_above
    if shard_above < 0:
        raise SettingError(f"shard_above is {shard_above}; expected a number of instances, 0 or more")
    make_above(folder)
    _check_contents(folder)
    with whole_folder(folder, contents=CONTENTS) as fresh:
        record: dict[str, Any] = {**parts.run, "merged": {str(old): new for old, new in parts.merged.items()}}
        if len(instances) > shard_above:
            record[SHARDS] = _write_shards(fresh, parts, triples, facts, rows_per_shard or ROWS_PER_SHARD)
        else:
            _write_lines(fresh, parts, triples, facts)
        write_json_lines((relation.as_dict() for relation in parts.relations), fresh / RELATIONS)
        write_entities(facts.entities, fresh / ENTITIES, facts=facts.per_entity)
        parts.model.save(fresh / MODEL)
        with whole_file(fresh / RUN) as partial:
            record[CHECKSUMS] = checksums(fresh, record)
            text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def _write_lines(folder: Path, parts: Parts, triples: Iterable[Triple], facts: Facts) -> None:
    from relscout.io.writers import write, write_facts
    from relscout.io.writers.jsonl import write_instances
    from relscout.io.writers.textfile import write_json_lines

    write_json_lines(_assignment_records(parts), folder / ASSIGNMENTS)
    write(triples, folder / TRIPLES)
    write_facts(facts.facts, folder / FACTS)
    write_instances(parts.assignments.instances, folder / INSTANCES)


def _write_shards(
    folder: Path, parts: Parts, triples: Iterable[Triple], facts: Facts, size: int
) -> dict[str, int]:
    """Write the shards of a run, and return the number of those of each kind."""
    from relscout.io import shards
    from relscout.io.writers import parquet
    from relscout.io.writers.jsonl import fact_record

    def write(name: str, rows: Iterable[Any], kind: shards.RowKind[Any]) -> int:
        return shards.write_shards(folder / SHARDED[name], rows, kind, rows_per_shard=size)

    counts = {
        "instances": write(INSTANCES, parts.assignments.instances, shards.INSTANCES),
        "assignments": write(ASSIGNMENTS, _assignment_records(parts), shards.ASSIGNMENTS),
        "facts": write(FACTS, map(fact_record, facts.facts), shards.FACTS),
    }
    (folder / SHARDED[TRIPLES]).mkdir()
    for number, part in enumerate(shards.parts_of(triples, size)):
        parquet.write(part, shards.shard_path(folder / SHARDED[TRIPLES], number))
        counts["triples"] = number + 1
    return counts


def checksums(folder: Path, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 checksums by which a run knows its parts.

    Args:
        folder: The folder of the run.
        record: The content of its ``run.json``; what it says about checksums does not count.

    Returns:
        One for each file that is read back, and one for the record itself.

    Raises:
        OSError: A file is missing or cannot be read.
        ArtifactError: A shard is missing.
    """
    bare = {name: value for name, value in record.items() if name != CHECKSUMS}
    text = json.dumps(json.loads(json.dumps(bare)), sort_keys=True)  # keys are texts, as they are once read
    models = sorted(path for path in (folder / MODEL).rglob("*") if path.is_file())
    return {
        **{name: sha256(folder / name) for name in _SOURCES if SHARDS not in bare or name not in SHARDED},
        **{
            path.relative_to(folder).as_posix(): sha256(path)
            for path in (
                *_shards_of(folder, ASSIGNMENTS, bare),
                *_shards_of(folder, INSTANCES, bare),
                *models,
            )
        },
        RUN: new_sha256(text.encode()).hexdigest(),
    }


def _shards_of(folder: Path, name: str, record: Mapping[str, Any]) -> list[Path]:
    """Return the shards of a run in place of a file; none of a run that has the file."""
    if SHARDS not in record:
        return []
    from relscout.io.shards import shard_files

    return shard_files(folder / SHARDED[name], count=index(record[SHARDS][SHARDED[name]]))


def checked_record(folder: Path) -> dict[str, Any]:
    """Return the content of ``run.json``, without checksums, after comparing all parts of the run with these.

    Raises:
        ArtifactError: The folder is not a run, or a part is missing, was changed, or belongs to another run.
    """
    if not (folder / RUN).is_file():
        raise ArtifactError(f"{folder} is not a run of relscout: there is no {RUN} in it")
    try:
        record = dict(parsed_json((folder / RUN).read_text(encoding="utf-8")))
        expected = record.pop(CHECKSUMS, None)
        if expected is None:
            raise ArtifactError(
                f"{folder / RUN} has no checksums ({CHECKSUMS!r}): it was saved by an earlier relscout or is damaged; "
                "run the discovery again"
            )
        expected, actual = dict(expected), checksums(folder, record)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{folder} is damaged or incomplete ({error}); run the discovery again"
        ) from error
    # run.json comes last, since the checksums of the others stand in it
    for name in [*actual, *expected]:
        if actual.get(name) != expected.get(name):
            state = (
                "is missing" if name not in actual else "was changed after it was saved, or is of another run"
            )
            raise ArtifactError(
                f"{folder / name} {state}; run the discovery again ('relscout apply' makes changes to a run)"
            )
    return record


def earlier_run(folder: Path, command: Mapping[str, Any]) -> bool:
    """Return whether a folder holds the run of a command, and refuse that of another one.

    Raises:
        OutputError: The folder holds a run of another command.
        ArtifactError: The run is damaged.
    """
    remove_stale(folder)
    if not (folder / RUN).is_file():
        return False
    asked = checked_record(folder).get(COMMAND)
    if asked == command:
        return True
    other = ""
    if isinstance(asked, Mapping):
        differing = [name for name in {**asked, **command} if asked.get(name) != command.get(name)]
        other = f" of another command, with other {', '.join(differing)}"
    raise OutputError(f"{folder} already holds a run{other}; choose another folder, or add --overwrite")


def _check_contents(folder: Path) -> None:
    """Refuse a folder in which other files than those of a run would be lost."""
    check_replaceable(folder, contents=CONTENTS if (folder / RUN).is_file() else ())
    check_replaceable(folder / MODEL, contents=MODEL_CONTENTS)
    from relscout.io.shards import is_shard

    for place in (folder / name for name in SHARDED.values()):
        there = [entry.name for entry in place.iterdir()] if place.is_dir() else []
        check_replaceable(place, contents=[name for name in there if is_shard(name)])


def run_folder(folder: Path) -> Path:
    """Return the folder of a run, given it or the folder of its model."""
    return folder.parent if folder.name == MODEL and (folder.parent / RUN).exists() else folder


def load(folder: Path, *, encoder: Encoder | None = None, kind: type[Estimator] | None = None) -> Parts:
    """Load a folder of :func:`save`.

    Args:
        folder: The folder.
        encoder: The encoder of the run, if relscout did not create it.
        kind: Class of the method, if it is not registered.

    Raises:
        ArtifactError: The folder is not a complete run, its files contradict each other, or the encoder is missing or
            another one.
    """
    folder = run_folder(folder)
    run = checked_record(folder)
    try:
        merged = {int(old): int(new) for old, new in run.pop("merged").items()}
        relations = tuple(Relation.from_dict(record) for record in _json_lines(folder / RELATIONS))
        assignments = _assignments_of_shards(folder, run) if SHARDS in run else _assignments_of_lines(folder)
        run.pop(SHARDS, None)
        estimator = load_fitted(folder / MODEL, encoder=encoder, kind=kind)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        if isinstance(error, UnknownNameError):
            raise ArtifactError(
                f"{folder / MODEL} was fitted by a method that is not installed: {error}; install its package, "
                "or give its class: load(folder, method=…)"
            ) from error
        raise ArtifactError(
            f"{folder} is damaged or incomplete ({error}); run the discovery again"
        ) from error
    named = {relation.id for relation in relations}
    # a pre-defined relation needs no description: it may first occur in new text
    known = estimator.names_
    final = Corrections.from_json(run.get("corrections")).final
    needed = {
        final(merged.get(label, label)) for label in range(estimator.n_relations_) if label not in known
    }
    if missing := (needed | set(np.unique(assignments.relation_ids).tolist())) - named - {-1}:
        raise ArtifactError(
            f"{folder / RELATIONS} does not describe relation {min(missing)}, which others name; run it again"
        )
    return Parts(relations, assignments, estimator, run, merged)


def _assignments_of_lines(folder: Path) -> Assignments:
    rows = list(_json_lines(folder / ASSIGNMENTS))
    instances = list(_read_instances(folder / INSTANCES))
    if [row["id"] for row in rows] != [instance.id for instance in instances]:
        raise _of_others(folder, ASSIGNMENTS, INSTANCES)
    phrases = [str(row.get("phrase", "")) for row in rows]
    return Assignments(
        instances,
        np.array([index(row["relation_id"]) for row in rows], dtype=np.int64),
        np.array([float(row["confidence"]) for row in rows], dtype=np.float32),
        _related_of(rows),
        _polarities_of([row.get("polarity", "asserted") for row in rows]),
        phrases if any(phrases) else None,
    )


def _assignments_of_shards(folder: Path, run: Mapping[str, Any]) -> Assignments:
    """Return the assignments of a run in shards, whose instances are read from the disk where they are used."""
    from relscout.io import shards

    files, of_instances = _shards_of(folder, ASSIGNMENTS, run), _shards_of(folder, INSTANCES, run)
    ids: list[NDArray[np.int64]] = []
    confidences: list[NDArray[np.float32]] = []
    related: list[NDArray[np.float32]] = []
    polarities: list[str] = []
    phrases: list[str] = []
    known: dict[str, str] = {}  # equal texts share their memory
    for path, other in zip(files, of_instances, strict=True):
        table = shards.read_columns(path, shards.ASSIGNMENTS, shards.ASSIGNMENTS.schema().names)
        if not shards.read_columns(other, shards.INSTANCES, ["id"])["id"].equals(table["id"]):
            raise _of_others(folder, path.relative_to(folder), other.relative_to(folder))
        ids.append(table["relation_id"].to_numpy())
        confidences.append(table["confidence"].to_numpy())
        related.append(table["related"].to_numpy().astype(np.float32, copy=False))  # null becomes NaN
        polarities += (known.setdefault(value, value) for value in table["polarity"].to_pylist())
        phrases += (known.setdefault(value, value) for value in table["phrase"].to_pylist())
    estimates = np.concatenate(related)
    return Assignments(
        shards.ShardedRows(folder / SHARDED[INSTANCES], shards.INSTANCES, count=len(of_instances)),
        np.concatenate(ids),
        np.concatenate(confidences),
        None if np.isnan(estimates).all() else estimates,
        _polarities_of(polarities),
        phrases if any(phrases) else None,
    )


def _of_others(folder: Path, first: object, second: object) -> ArtifactError:
    return ArtifactError(f"{folder}: {first} and {second} do not list the same instances; run it again")


def _related_of(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32] | None:
    values = [row.get("related") for row in rows]  # older runs have no such field
    if all(value is None for value in values):
        return None
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float32)


def _polarities_of(values: list[Any]) -> list[Polarity] | None:
    if unknown := set(values) - set(get_args(Polarity)):
        raise ValueError(f"the polarity {min(unknown)!r} is none of {', '.join(get_args(Polarity))}")
    return unless_asserted(values)


def _read_instances(path: Path) -> Iterator[RelationInstance]:
    # whatever is odd about the offsets was said when the run was made
    instances = read(path, format="jsonl", on_warning=lambda _: None)
    for number, instance in enumerate(instances, start=1):
        # an unknown source must not become this file
        unknown = instance.source == f"{path.name}, line {number}"
        yield replace(instance, source="") if unknown else instance


def _assignment_records(parts: Parts) -> Iterable[dict[str, Any]]:
    names = {relation.id: relation.name for relation in parts.relations}
    assignments = parts.assignments
    for instance, id, confidence, related, polarity, phrase in zip(
        assignments.instances,
        assignments.relation_ids.tolist(),
        assignments.confidences.tolist(),
        assignments.related_values(),
        assignments.polarity_values(),
        assignments.phrase_values(),
        strict=True,
    ):
        yield {
            "id": instance.id,
            "relation_id": id,
            "relation": names.get(id),
            "confidence": confidence,
            "related": related,
            "polarity": polarity,
            "phrase": phrase,
        }


def _json_lines(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield parsed_json(line)
