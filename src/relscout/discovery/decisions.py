"""Decisions about a run, as a small JSON file: relations renamed, merged, split or dropped, sentences and entities.

Example::

    {"format": "relscout-decisions", "version": 1, "run": "…", "decisions": [
        {"merge": [1, 4]}, {"drop": 7}, {"rename": 1, "to": "made by"},
        {"confirm": ["5f1c…"], "relation": 1}, {"reject": ["a07b…"], "relation": 1},
        {"split": 2, "parts": [{"id": 9, "name": "lived in", "instances": ["77d0…", "c3e9…"]}]},
        {"merge_entities": ["Q937", "per-a-einstein-2f6c01aa"]},
        {"split_entity": "loc-georgia-90ab12cd", "names": ["Republic of Georgia"]}]}

``run`` is the fingerprint of the run. The decisions are applied in order. A sentence is named by the id of its
instance: ``confirm`` says that it expresses the relation, whichever it had before, and with a ``name`` that this is a
new relation with an unused id; ``reject`` says that it expresses none, although it had this. With ``"of": "fact"``,
both are about a fact as a whole and do not say whether each sentence relates its pair. The parts of a split leave
the relation; all other instances stay. ``{"transfer": 0.7}`` gives sentences the answers of the most similar judged
ones, from a cosine of 0.7. ``{"recalibrate": "relatedness"}`` corrects the probabilities that pairs are related by the
judgements so far.
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
    '{"rename": ID, "to": NAME}, {"merge": [ID, ID, …]}, {"drop": ID}, '
    '{"split": ID, "parts": [{"id": ID, "name": NAME, "instances": [INSTANCE, …]}, …]}, '
    '{"confirm": [INSTANCE, …], "relation": ID}, {"reject": [INSTANCE, …], "relation": ID}, '
    '{"transfer": COSINE}, {"recalibrate": "relatedness"}, '
    '{"merge_entities": [ID, ID, …]} or {"split_entity": ID, "names": [ALIAS, …]}'
)


@dataclass(frozen=True)
class Decisions:
    """Decisions about one run.

    Args:
        run: Fingerprint of the run; empty for any run.
        steps: Each is a decision as shown on top of this module.

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
    values = {**step}
    if ("confirm" in values or "reject" in values) and values.pop("of", "fact") not in ("sentence", "fact"):
        return False
    match values:
        case {"rename": id, "to": name, **rest}:
            valid = _is_id(id) and isinstance(name, str)
        case {"merge": ids, **rest}:
            valid = isinstance(ids, list) and all(map(_is_id, ids))
        case {"drop": id, **rest}:
            valid = _is_id(id)
        case {"split": id, "parts": parts, **rest}:
            valid = _is_id(id) and isinstance(parts, list) and bool(parts) and all(map(_is_part, parts))
        case {"confirm": ids, "relation": id, "name": name, **rest}:
            valid = _is_id(id) and _are_texts(ids) and isinstance(name, str)
        case {"confirm": ids, "relation": id, **rest} | {"reject": ids, "relation": id, **rest}:
            valid = _is_id(id) and _are_texts(ids)
        case {"transfer": least, **rest}:
            valid = isinstance(least, float) and 0 < least <= 1
        case {"recalibrate": what, **rest}:
            valid = what == "relatedness"
        case {"merge_entities": ids, **rest}:
            valid = _are_texts(ids)
        case {"split_entity": id, "names": names, **rest}:
            valid = isinstance(id, str) and _are_texts(names)
        case _:
            return False
    return valid and not rest


def _is_part(part: Any) -> bool:
    return (
        isinstance(part, Mapping)
        and set(part) == {"id", "name", "instances"}
        and _is_id(part["id"])
        and isinstance(part["name"], str)
        and _are_texts(part["instances"])
    )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
