"""Decisions about a run, as a small JSON file: relations renamed, merged or dropped, entities merged or split.

Example::

    {"format": "relscout-decisions", "version": 1, "run": "…", "decisions": [
        {"merge": [1, 4]}, {"drop": 7}, {"rename": 1, "to": "made by"},
        {"merge_entities": ["Q937", "per-a-einstein-2f6c01aa"]},
        {"split_entity": "loc-georgia-90ab12cd", "names": ["Republic of Georgia"]}]}

``run`` is the fingerprint of the run. The decisions are applied in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from relscout.core.errors import InputError
from relscout.core.files import whole_file

#: Header of a file of decisions.
FORMAT, VERSION = "relscout-decisions", 1
_FORMS = (
    '{"rename": ID, "to": NAME}, {"merge": [ID, ID, …]}, {"drop": ID}, {"merge_entities": [ID, ID, …]} or '
    '{"split_entity": ID, "names": [ALIAS, …]}'
)


@dataclass(frozen=True)
class Decisions:
    """Decisions about one run.

    Args:
        run: Fingerprint of the run; empty for any run.
        steps: Each is ``{"rename": id, "to": name}``, ``{"merge": [id, id, …]}`` or ``{"drop": id}`` for relations, or
            ``{"merge_entities": [id, id, …]}`` or ``{"split_entity": id, "names": [alias, …]}`` for entities.

    Raises:
        InputError: A step is invalid.
    """

    run: str
    steps: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        for number, step in enumerate(self.steps, 1):
            if not _is_step(step):
                shown = json.dumps(step, ensure_ascii=False, default=str)
                raise InputError(f"decision {number} is {shown}, expected {_FORMS}")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that was exported by the report page or written by hand.

        Raises:
            InputError: The file cannot be read or does not hold decisions.
        """
        try:
            # some editors write a byte-order mark
            record = json.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not JSON ({error}); expected an export of the report page") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise InputError(
                f'{path}: expected a JSON object with "format": "{FORMAT}", as the report page exports'
            )
        if record.get("version") != VERSION:
            raise InputError(
                f"{path}: version {record.get('version')!r} of decisions, this relscout reads {VERSION}; "
                "export them again from a report of this relscout"
            )
        run, steps = record.get("run", ""), record.get("decisions")
        if not isinstance(run, str) or not isinstance(steps, list):
            raise InputError(f'{path}: expected a text "run" and a list "decisions"')
        try:
            return cls(run, steps)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def write(self, path: Path) -> None:
        """Write them to a file.

        Raises:
            OutputError: It cannot be written.
        """
        record = {
            "format": FORMAT,
            "version": VERSION,
            "run": self.run,
            "decisions": [dict(step) for step in self.steps],
        }
        with whole_file(path) as partial:
            partial.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def is_about_entities(step: Mapping[str, Any]) -> bool:
    """Return whether a decision is about entities, not relations."""
    return "merge_entities" in step or "split_entity" in step


def _is_step(step: Any) -> bool:
    if not isinstance(step, Mapping):
        return False
    if set(step) == {"rename", "to"}:
        return _is_id(step["rename"]) and isinstance(step["to"], str)
    if set(step) == {"merge"}:
        return isinstance(step["merge"], list) and all(map(_is_id, step["merge"]))
    if set(step) == {"merge_entities"}:
        return _are_texts(step["merge_entities"])
    if set(step) == {"split_entity", "names"}:
        return isinstance(step["split_entity"], str) and _are_texts(step["names"])
    return set(step) == {"drop"} and _is_id(step["drop"])


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
