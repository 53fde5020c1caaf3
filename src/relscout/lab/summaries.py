"""The records of a preset, gathered row by row: one row is one setup, run with several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relscout.lab.records import Record, current_records
from relscout.lab.schema import GIVEN, SCORINGS, Preset, Row
from relscout.metrics import MeanStd, mean_std


@dataclass(frozen=True)
class Summary:
    """A row of a table: what was measured of it so far."""

    row: str
    """Its name."""
    kind: str
    """``trivial``, ``frozen`` or ``method``."""
    variation: Mapping[str, Any]
    """What the sweep set: empty, or one setting."""
    records: Sequence[Record]
    """One for each seed, in their order."""
    expected: Sequence[int] = ()
    """The seeds that the preset asks for; none for a trivial row."""
    outdated: Sequence[str] = ()
    """Settings that the preset has changed since."""

    @property
    def missing(self) -> list[int]:
        """Seeds that were not run yet."""
        return sorted(
            set(self.expected) - {record["seed"] for record in self.records if record["seed"] is not None}
        )

    def score(self, name: str, scoring: str) -> MeanStd | None:
        """Return mean and deviation of a score over the seeds; ``None`` where it was not measured.

        Args:
            name: A figure of :class:`~relscout.metrics.ClusteringScores`, such as ``"b3_f1"``.
            scoring: ``"raw"``, ``"majority-mapped"`` or ``"gold-selected"``.
        """
        scored = [record["scores"].get(SCORINGS[scoring], {}).get(name) for record in self.records]
        values = [value for value in scored if value is not None]
        return mean_std(values) if values else None


class Measured:
    """What was measured of a preset.

    Args:
        preset: The experiment.
        records: Records of a results file in its order; those of other presets do not matter.
    """

    def __init__(self, preset: Preset, records: Sequence[Record]) -> None:
        self.preset = preset
        self.records = [
            record
            for record in current_records(list(records), preset.name)
            if record["protocol"] == preset.protocol
        ]

    def table(self) -> list[Summary]:
        """Return the rows of the table: trivial ones, frozen encoders, methods, each in the order of the preset."""
        trivial = dict.fromkeys(record["row"] for record in self.records if record["kind"] == "trivial")
        rows = sorted(self.preset.rows, key=lambda row: row.kind != "frozen")
        return [
            *(Summary(name, "trivial", {}, self._of(name, {})) for name in trivial),
            *(self.row(row) for row in rows),
        ]

    def row(self, row: Row, variation: Mapping[str, Any] | None = None) -> Summary:
        """Return one row of the preset, as it is or in a variation."""
        varied = variation or {}
        records = self._of(row.name, varied)
        settings, encoder = self.preset.settings_of(row, varied), self.preset.encoder_of(row)
        if encoder.get("model") == GIVEN:
            del encoder["model"]
        outdated = {
            name
            for record in records
            for name in (
                *_differing(settings, record.get("settings", {})),
                *_differing(encoder, record["encoder"] or {}),
            )
        }
        return Summary(row.name, row.kind, varied, records, self.preset.seeds, sorted(outdated))

    def swept(self) -> list[Summary]:
        """Return the rows of the sweep, each with all values in the order of the preset."""
        sweep = self.preset.sweep
        if sweep is None:
            return []
        return [
            self.row(self.preset.row(name), {sweep.setting: value})
            for name in sweep.rows
            for value in sweep.values
        ]

    def strangers(self) -> list[str]:
        """Return the rows of records that the preset no longer has."""
        known = {row.name for row in self.preset.rows}
        rows = (record["row"] for record in self.records if record["kind"] != "trivial")
        return [row for row in dict.fromkeys(rows) if row not in known]

    def _of(self, row: str, variation: Mapping[str, Any]) -> list[Record]:
        records = [
            record for record in self.records if (record["row"], record["variation"]) == (row, variation)
        ]
        return sorted(records, key=lambda record: -1 if record["seed"] is None else record["seed"])


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return the values that are there, each once, in their order."""
    return list(dict.fromkeys(value for value in values if value is not None))


def _differing(stated: Mapping[str, Any], measured: Mapping[str, Any]) -> list[str]:
    """Return the settings that were measured with another value than the preset states."""
    return [name for name, value in stated.items() if name in measured and not _equal(value, measured[name])]


def _equal(stated: Any, measured: Any) -> bool:
    # YAML takes 1e-5 for a text, and a record holds lists where settings hold tuples
    if isinstance(stated, list | tuple) and isinstance(measured, list | tuple):
        return len(stated) == len(measured) and all(map(_equal, stated, measured))
    if isinstance(stated, str) and isinstance(measured, float):
        try:
            return float(stated) == measured
        except ValueError:
            return False
    return bool(stated == measured)
