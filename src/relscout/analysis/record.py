"""An analysis as a folder: the figures, and the instances whose answer flips without names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from relscout.analysis.analyze import Analysis
from relscout.errors import OutputError
from relscout.files import check_makeable, check_replaceable, make_above, whole_file, whole_folder
from relscout.writers.exchange import mention_record
from relscout.writers.json_lines import write_json_lines

ANALYSIS, FLIPS = "analysis.json", "flips.jsonl"
#: Every name that the folder of an analysis may hold.
CONTENTS = frozenset({ANALYSIS, FLIPS})


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that could not be written at the end, before long work begins.

    Raises:
        OutputError: The folder holds an analysis (and ``overwrite`` is not set) or something else, or cannot be
            written.
    """
    if (folder / ANALYSIS).is_file() and not overwrite:
        raise OutputError(f"{folder} already holds an analysis; choose another folder, or add --overwrite")
    check_replaceable(folder, contents=CONTENTS if (folder / ANALYSIS).is_file() else ())
    check_makeable(folder)


def save(folder: Path, analysis: Analysis, record: Mapping[str, Any]) -> None:
    """Write an analysis; the folder appears whole or not at all.

    ``flips.jsonl`` is in the exchange format, which any command reads, with ``kind``, ``answers`` and ``confidences``
    beside.

    Args:
        folder: Where to.
        analysis: The analysis.
        record: What ``analysis.json`` is to hold, JSON values.

    Raises:
        OutputError: The folder holds something else or cannot be written.
    """
    check_target(folder, overwrite=True)
    make_above(folder)
    with whole_folder(folder, contents=CONTENTS) as fresh:
        with whole_file(fresh / ANALYSIS) as partial:
            text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        write_json_lines(_flips(analysis), fresh / FLIPS)


def _flips(analysis: Analysis) -> Iterator[dict[str, Any]]:
    answers = analysis.answers
    for flip in analysis.flips:
        instance = answers.instances[flip.row]
        yield {
            "id": instance.id,
            "kind": flip.kind,
            "text": instance.text,
            "head": mention_record(instance.head, instance.text),
            "tail": mention_record(instance.tail, instance.text),
            "relation": instance.relation,
            "answers": {format: labels[flip.row] for format, labels in answers.given.items()},
            "confidences": {
                format: round(float(sure[flip.row]), 4) for format, sure in answers.confidences.items()
            },
            "source": instance.source,
        }
