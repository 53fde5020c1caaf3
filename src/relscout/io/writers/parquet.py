"""Parquet: one flat row per triple.

============================  ==================================================================
column                        content
============================  ==================================================================
``head_text``                 string, the surface of the head in ``text``
``head_type``, ``head_id``    string or null
``head_start``, ``head_end``  int32, offsets into ``text`` in code points, end exclusive
``tail_…``                    the same five of the tail
``relation``                  string, the name
``relation_id``               int64
``confidence``                float64, in [0, 1]
``related``                   float64, in [0, 1], or null if not estimated
``polarity``                  string: asserted, negated or hypothetical
``phrase``                    string, the words that connect the two, empty if unclear
``text``                      string, the sentence
``instance_id``, ``source``   string
``document``                  string, empty if the text is part of none
``document_start``            int64 or null, offset of ``text`` in the document
============================  ==================================================================

Strings are dictionary-encoded where they repeat. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from relscout.core.errors import MissingExtraError
from relscout.core.files import whole_file
from relscout.core.instances import Mention, Triple
from relscout.io.writers.textfile import encodable

DESCRIPTION = "Parquet, one flat row per triple with its sentence"

#: Triples per row group, which are kept in memory.
ROWS_PER_GROUP = 20_000


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write one row per triple, in row groups of :data:`ROWS_PER_GROUP`.

    Raises:
        OutputError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(pa)
    with whole_file(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as table:
        for group in _groups(triples):
            rows = [_row(triple) for triple in group]
            table.write_table(pa.Table.from_pylist(rows, schema=schema))


def frame_of(triples: Iterable[Triple]) -> Any:
    """Return triples as a pandas frame with the columns of the file, one row per triple.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("a pandas frame", "pandas") from error
    import pyarrow as pa

    # the frame has columns even without triples
    return pandas.DataFrame([_row(triple) for triple in triples], columns=_schema(pa).names)


def _schema(pa: Any) -> Any:
    mention = [("text", pa.string()), ("type", pa.string()), ("id", pa.string())]
    mention += [("start", pa.int32()), ("end", pa.int32())]
    return pa.schema(
        [
            *((f"head_{name}", kind) for name, kind in mention),
            ("relation", pa.string()),
            ("relation_id", pa.int64()),
            *((f"tail_{name}", kind) for name, kind in mention),
            ("confidence", pa.float64()),
            ("related", pa.float64()),
            ("polarity", pa.string()),
            ("phrase", pa.string()),
            ("text", pa.string()),
            ("instance_id", pa.string()),
            ("source", pa.string()),
            ("document", pa.string()),
            ("document_start", pa.int64()),
        ]
    )


def _groups(triples: Iterable[Triple]) -> Iterator[list[Triple]]:
    stream = iter(triples)
    while group := list(islice(stream, ROWS_PER_GROUP)):
        yield group


def _row(triple: Triple) -> dict[str, Any]:
    instance = triple.instance
    return {
        **_mention("head", instance.head, instance.head_text),
        "relation": encodable(triple.relation),
        "relation_id": int(triple.relation_id),
        **_mention("tail", instance.tail, instance.tail_text),
        "confidence": float(triple.confidence),
        "related": None if triple.related is None else float(triple.related),
        "polarity": triple.polarity,
        "phrase": encodable(triple.phrase),
        "text": encodable(instance.text),
        "instance_id": encodable(instance.id),
        "source": encodable(instance.source),
        "document": encodable(instance.document),
        "document_start": instance.document_start,
    }


def _mention(role: str, mention: Mention, surface: str) -> dict[str, Any]:
    return {
        f"{role}_text": encodable(surface),
        f"{role}_type": None if mention.type is None else encodable(mention.type),
        f"{role}_id": None if mention.entity_id is None else encodable(mention.entity_id),
        f"{role}_start": mention.start,
        f"{role}_end": mention.end,
    }
