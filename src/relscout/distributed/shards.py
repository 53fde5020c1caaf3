"""A corpus on disk in shards, and what workers made of each: the working folder of a distributed run.

::

    input/part-00000.parquet, …         the corpus: passages of text, or marked pairs
    reading/summary.json                how long it took to read
    scored/KEY/part-00000.parquet       what the model says of the pairs of a shard, and summary.json
    triples/KEY/part-00000.parquet      the triples of a shard, and summary.json
    triples/KEY/part-00001.parquet      those that are left out by their confidence or polarity, if there are any
    vectors/KEY/vectors.npy             the vectors of a shard, and summary.json
    checkpoints                         the state of a training on a sample
    fitted/KEY                          the run of a sample
    applied/KEY/labels.npy              the relations of a shard by the run of a sample, confidences, and summary.json
    relscout-work.json                  the process that uses the folder (:mod:`relscout.distributed.working`)

A KEY is a hash of the content of the shard and of everything else that determines the result. A folder with a
``summary.json``, which is written last, is done, and never computed again. Shards hold whole documents, because what a
model says of a pair may depend on its document, and on nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, cast

from relscout.core.errors import InputError, OutputError, SettingError
from relscout.core.files import parsed_json, whole_file
from relscout.core.instances import Match, Parse, RelationInstance, Triple
from relscout.io.shards import INSTANCES, Record, RowKind, is_shard, read_shard, shard_path, write_shard
from relscout.text import Passage

#: Passages, or marked pairs, of a shard, unless the user decides otherwise.
SHARD_SIZE = 2_000
INPUT, SCORED, TRIPLES_FOLDER, READ, VECTORS = "input", "scored", "triples", "reading", "vectors"
FITTED, CHECKPOINTS, APPLIED = "fitted", "checkpoints", "applied"
SUMMARY = "summary.json"

_Row = Passage | RelationInstance


def _passage_columns() -> Any:
    import pyarrow as pa

    pairs = pa.list_(pa.list_(pa.int64()))
    named = [(name, pa.string()) for name in ("text", "document", "source")]
    return pa.schema(
        [*named, ("start", pa.int64()), ("removed", pairs), ("line_starts", pa.list_(pa.int64()))]
    )


def _passage_record(passage: Passage) -> Record:
    return {
        "text": passage.text,
        "document": passage.document,
        "source": passage.source,
        "start": passage.start,
        "removed": [list(pair) for pair in passage.removed],
        "line_starts": list(passage.line_starts),
    }


def _passage(record: Record) -> Passage:
    removed = tuple((place, count) for place, count in record["removed"])
    return Passage(
        record["text"],
        record["document"],
        record["start"],
        record["source"],
        removed,
        tuple(record["line_starts"]),
    )


@dataclass(frozen=True)
class ScoredPair:
    """An instance with what the model says of it.

    Args:
        instance: The instance, with its parse.
        probabilities: Probabilities of the relations of the model (K′).
        related: Probability that the pair is related; ``None`` if it is not estimated.
    """

    instance: RelationInstance
    probabilities: Sequence[float]
    related: float | None


def _scored_columns() -> Any:
    import pyarrow as pa

    added = [
        ("parse", pa.string()),
        ("probabilities", pa.list_(pa.float32())),
        ("related", pa.float32()),
    ]
    return pa.schema([*INSTANCES.schema(), *added])


def _scored_record(pair: ScoredPair) -> Record:
    parse = pair.instance.parse
    # equal texts of the pairs of a sentence are stored once in a row group
    columns = None if parse is None else [getattr(parse, name) for name in Parse.__dataclass_fields__]
    return {
        **INSTANCES.record_of(pair.instance),
        "parse": None if columns is None else json.dumps(columns, ensure_ascii=False),
        "probabilities": pair.probabilities,
        "related": pair.related,
    }


def _scored(record: Record) -> ScoredPair:
    return ScoredPair(INSTANCES.row_of(record), record["probabilities"], record["related"])


#: Rows are :class:`relscout.text.Passage`.
PASSAGES = RowKind("passages", _passage_columns, _passage_record, _passage)
#: Rows are :class:`ScoredPair`; :func:`read_scored` also restores the parses.
SCORED_PAIRS = RowKind("scored pairs", _scored_columns, _scored_record, _scored)


def _triple_columns() -> Any:
    import pyarrow as pa

    named = [("relation_id", pa.int64()), ("name", pa.string()), ("confidence", pa.float32())]
    rest = [("related", pa.float32()), ("polarity", pa.string()), ("phrase", pa.string())]
    return pa.schema([*INSTANCES.schema(), *named, *rest])


def _triple_record(triple: Triple) -> Record:
    return {
        **INSTANCES.record_of(triple.instance),
        "relation_id": triple.relation_id,
        "name": triple.relation,
        "confidence": triple.confidence,
        "related": triple.related,
        "polarity": triple.polarity,
        "phrase": triple.phrase,
    }


def _triple(record: Record) -> Triple:
    return Triple(
        INSTANCES.row_of(record),
        record["relation_id"],
        record["name"],
        record["confidence"],
        record["related"],
        record["polarity"],
        record["phrase"],
    )


#: Rows are :class:`relscout.core.instances.Triple`, without the matches of their relations.
TRIPLES = RowKind("triples", _triple_columns, _triple_record, _triple)


def read_scored(path: Path) -> Iterator[ScoredPair]:
    """Yield the pairs of a scored shard with their parses; the pairs of a sentence share one parse.

    Raises:
        ArtifactError: The file is missing, damaged, or of another kind.
    """
    from dataclasses import replace

    parses: dict[str, Parse] = {}
    # the parse is a column of the record that the row kind leaves out
    with_parse: RowKind[Any] = RowKind(SCORED_PAIRS.name, SCORED_PAIRS.schema, SCORED_PAIRS.record_of, dict)
    for record in read_shard(path, with_parse):
        pair, text = _scored(record), record["parse"]
        if text is not None:
            if text not in parses:
                parses[text] = Parse(*(tuple(column) for column in parsed_json(text)))
            pair = replace(pair, instance=replace(pair.instance, parse=parses[text]))
        yield pair


def read_triples(paths: Iterable[Path], matches: Mapping[int, tuple[Match, ...]]) -> Iterator[Triple]:
    """Yield the triples of shards in order, with the matches of their relations by id."""
    from dataclasses import replace

    for triple in chain.from_iterable(read_shard(path, TRIPLES) for path in paths):
        yield replace(triple, matches=matches.get(triple.relation_id, ()))


@dataclass(frozen=True)
class Corpus:
    """A corpus in shards.

    Args:
        folder: The working folder.
        digests: Hash of each shard's content, in order.
        kind: ``passages`` or ``instances``.
        rows: Number of passages or instances.
        english: Whether the texts look English.
    """

    folder: Path
    digests: tuple[str, ...]
    kind: str
    rows: int
    english: bool

    def shard(self, index: int) -> Path:
        """Return the file of a shard."""
        return shard_path(self.folder / INPUT, index)

    def part(self, stage: str, index: int, described: str) -> Path:
        """Return the folder of what a stage makes of a shard.

        Args:
            stage: Name of the stage, such as :data:`SCORED`.
            index: Number of the shard.
            described: Everything but the shard that determines the result.
        """
        key = blake2b(f"{self.digests[index]}\n{described}".encode("utf-8", "surrogatepass"), digest_size=16)
        return self.folder / stage / key.hexdigest()


def cut(
    rows: Iterable[Passage] | Iterable[RelationInstance], folder: Path, *, shard_size: int = SHARD_SIZE
) -> Corpus:
    """Write a corpus in shards of whole documents to a working folder.

    Rows of a document must follow each other; a marked pair without a document belongs with the pairs of its text.
    A shard ends with the first document that fills it, so that a document is never split.

    Args:
        rows: Passages of text, or marked pairs, whose gold relations are left out; consumed one shard at a time.
        folder: The working folder, created if missing.
        shard_size: Number of rows that fill a shard, from 1.

    Raises:
        InputError: There is no row.
        OutputError: The folder cannot be written.
        SettingError: ``shard_size`` is below 1.
    """
    from relscout.text.spacy_pipeline import EnglishSample

    if shard_size < 1:
        raise SettingError(f"shard_size is {shard_size}; expected a whole number from 1")
    started, into = time.perf_counter(), folder / INPUT
    try:
        into.mkdir(parents=True, exist_ok=True)
        (folder / READ).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {into}: {error.strerror or error}") from error
    sample, number, kind = EnglishSample(), 0, ""
    digests: list[str] = []
    for shard in _whole_documents(cast("Iterable[_Row]", rows), shard_size):
        kind = "passages" if isinstance(shard[0], Passage) else "instances"
        sample.add(row.text for row in shard)
        path = _written(shard, into, len(digests))
        digests.append(blake2b(path.read_bytes(), digest_size=16).hexdigest())
        number += len(shard)
    if not digests:
        raise InputError("there is nothing to read: no passage of text, and no marked pair")
    _remove_others(into, len(digests))
    write_summary(folder / READ, {"rows": number, "seconds": time.perf_counter() - started})
    return Corpus(folder, tuple(digests), kind, number, sample.looks_english())


def _remove_others(folder: Path, count: int) -> None:
    """Remove the shards of an earlier, larger corpus."""
    kept = {shard_path(folder, index) for index in range(count)}
    try:
        for path in folder.iterdir():
            if path not in kept and is_shard(path.name):
                path.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def _written(shard: Sequence[_Row], folder: Path, index: int) -> Path:
    passages = [row for row in shard if isinstance(row, Passage)]
    if passages:
        return write_shard(folder, index, passages, PASSAGES)
    bare = [row.without_relation() for row in shard if isinstance(row, RelationInstance)]
    return write_shard(folder, index, bare, INSTANCES)


def _whole_documents(rows: Iterable[_Row], size: int) -> Iterator[list[_Row]]:
    shard: list[_Row] = []
    last = None
    for row in rows:
        document = row.document, "" if row.document else row.text
        if len(shard) >= size and document != last:
            yield shard
            shard = []
        shard.append(row)
        last = document
    if shard:
        yield shard


def write_summary(part: Path, summary: Mapping[str, Any]) -> None:
    """Mark a part as done, with what is known of it.

    Raises:
        OutputError: The file cannot be written.
    """
    with whole_file(part / SUMMARY) as partial:
        partial.write_text(
            json.dumps(summary, ensure_ascii=False), encoding="utf-8", errors="backslashreplace"
        )


def note_trial(folder: Path, parts: Mapping[str, Sequence[str]]) -> None:
    """Note in a working folder which parts are those of the corpus that was read last.

    Args:
        folder: The working folder.
        parts: Names of the parts by stage.

    Raises:
        OutputError: The file cannot be written.
    """
    write_summary(folder / READ, {**(read_summary(folder / READ) or {}), "parts": dict(parts)})


def read_summary(part: Path) -> dict[str, Any] | None:
    """Return what is known of a part; ``None`` if it is not done."""
    try:
        return dict(parsed_json((part / SUMMARY).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
