"""The records of a preset by row: a row is one setup, run with several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relscout.lab.records import Record, current_records
from relscout.lab.schema import SCORINGS, Preset, Row, is_given
from relscout.metrics import MeanStd, mean_std


@dataclass(frozen=True)
class Summary:
    """The measurements of a row of a table."""

    row: str
    kind: str
    """``trivial``, ``frozen`` or ``method``."""
    variation: Mapping[str, Any]
    """The setting that the sweep changed, or nothing."""
    records: Sequence[Record]
    """One for each seed, in order."""
    expected: Sequence[int] = ()
    """The seeds of the preset; none for a trivial row."""
    outdated: Sequence[str] = ()
    """Settings that differ from the preset."""

    @property
    def missing(self) -> list[int]:
        """Seeds without a record."""
        return sorted(
            set(self.expected) - {record["seed"] for record in self.records if record["seed"] is not None}
        )

    def score(self, name: str, scoring: str) -> MeanStd | None:
        """Return mean and standard deviation of a score over the seeds; ``None`` if it was not measured.

        Args:
            name: A field of :class:`~relscout.metrics.ClusteringScores`, such as ``"b3_f1"``.
            scoring: ``"raw"``, ``"majority-mapped"``, ``"gold-selected"`` or ``"open-world"``, or a key of the scores
                in records, such as ``"last_epoch"``.
        """
        key = SCORINGS.get(scoring, scoring)
        scored = [record["scores"].get(key, {}).get(name) for record in self.records]
        values = [value for value in scored if value is not None]
        return mean_std(values) if values else None


class Measured:
    """The measurements of a preset.

    Args:
        preset: The experiment.
        records: Records of a results file in order; those of other presets are ignored.
    """

    def __init__(self, preset: Preset, records: Sequence[Record]) -> None:
        self.preset = preset
        self.records = [
            record
            for record in current_records(list(records), preset.name)
            if record["protocol"] == preset.protocol
        ]

    def table(self) -> list[Summary]:
        """Return the rows of the table in the order of the preset: trivial ones, frozen encoders, methods."""
        trivial = dict.fromkeys(record["row"] for record in self.records if record["kind"] == "trivial")
        rows = sorted(self.preset.rows, key=lambda row: row.kind != "frozen")
        return [
            *(Summary(name, "trivial", {}, self._of(name, {})) for name in trivial),
            *(self.row(row) for row in rows),
        ]

    def row(self, row: Row, variation: Mapping[str, Any] | None = None) -> Summary:
        """Return a row of the preset, or a variation of it."""
        varied = variation or {}
        records = self._of(row.name, varied)
        settings, encoder = self.preset.settings_of(row, varied), self.preset.encoder_of(row)
        if is_given(encoder.get("model")):
            del encoder["model"]
        outdated = {
            name
            for record in records
            for name in (
                *_differing(settings, record.get("settings", {})),
                *_differing(encoder, _as_named(record["encoder"] or {}, encoder)),
            )
        }
        return Summary(row.name, row.kind, varied, records, self.preset.seeds, sorted(outdated))

    def swept(self) -> list[Summary]:
        """Return the rows of the sweep at each value, in the order of the preset."""
        sweep = self.preset.sweep
        if sweep is None:
            return []
        return [
            self.row(self.preset.row(name), sweep.variation(value))
            for name in sweep.rows
            for value in sweep.values
        ]

    def unknown_rows(self) -> list[str]:
        """Return the rows of the records that the preset does not have."""
        known = {row.name for row in self.preset.rows}
        rows = (record["row"] for record in self.records if record["kind"] != "trivial")
        return [row for row in dict.fromkeys(rows) if row not in known]

    def _of(self, row: str, variation: Mapping[str, Any]) -> list[Record]:
        records = [
            record for record in self.records if (record["row"], record["variation"]) == (row, variation)
        ]
        return sorted(records, key=lambda record: -1 if record["seed"] is None else record["seed"])


def _as_named(measured: Mapping[str, Any], stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of an encoder with the stated name, if the model was read from a copy in a folder."""
    names = [str(settings.get("model", "")) for settings in (measured, stated)]
    last = [name.rstrip("/\\").replace("\\", "/").rpartition("/")[2] for name in names]
    return {**measured, "model": names[1]} if last[0] == last[1] else measured


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return the distinct values except ``None``, in order."""
    return list(dict.fromkeys(value for value in values if value is not None))


def _differing(stated: Mapping[str, Any], measured: Mapping[str, Any]) -> list[str]:
    return [name for name, value in stated.items() if name in measured and not _equal(value, measured[name])]


def _equal(stated: Any, measured: Any) -> bool:
    # YAML reads 1e-5 as a string, and JSON stores tuples as lists
    if isinstance(stated, list | tuple) and isinstance(measured, list | tuple):
        return len(stated) == len(measured) and all(map(_equal, stated, measured))
    if isinstance(stated, str) and isinstance(measured, float):
        try:
            return float(stated) == measured
        except ValueError:
            return False
    return bool(stated == measured)
