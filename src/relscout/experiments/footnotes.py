"""What is said below a table of scores: where the figures come from, and what to know about some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relscout.experiments.layout import Note
from relscout.experiments.results import Record
from relscout.experiments.summaries import Summary, distinct


class Footnotes:
    """Gives letters to notes and to machines as the cells of a table need them.

    Args:
        records: All records of the table; the commit of the newest one is the table's commit.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._letters: dict[str, str] = {}
        self._machines: dict[str, str] = {}
        # of the records of one day, the last one that was written is the newest
        newest = max(enumerate(records), key=lambda entry: (entry[1]["date"], entry[0]), default=None)
        self.commit = None if newest is None else newest[1]["commit"]

    def mark(self, *texts: str) -> str:
        """Return the letters of notes, joined by commas; the same note has the same letter."""
        for text in texts:
            self._letters.setdefault(text, _letter(len(self._letters)))
        return ",".join(self._letters[text] for text in texts)

    def of_row(self, summary: Summary) -> str:
        """Return the letters of what has to be said about a row."""
        texts = [
            f"measured at commit {commit}"
            for commit in distinct(record["commit"] for record in summary.records)
            if commit != self.commit
        ]
        if summary.outdated:
            texts.append(
                f"measured with other values of {', '.join(summary.outdated)} than the preset states now"
            )
        return self.mark(*texts)

    def machines(self, summary: Summary) -> str:
        """Return the capital letters of the machines that a row was measured on."""
        names = distinct(machine_name(record["machine"]) for record in summary.records)
        for name in names:
            self._machines.setdefault(name, _letter(len(self._machines)).upper())
        return ", ".join(self._machines[name] for name in names)

    def notes(self) -> list[Note]:
        """Return the notes, those of the whole table first."""
        commit = (
            [] if self.commit is None else [Note(f"Measured at commit {self.commit}, except where marked.")]
        )
        if commit and not any(text.startswith("measured at commit") for text in self._letters):
            commit = [Note(f"Measured at commit {self.commit}.")]
        machines = [Note(f"Machine {letter}: {name}.") for name, letter in self._machines.items()]
        return [*commit, *machines, *(Note(text, mark) for text, mark in self._letters.items())]


def machine_name(machine: Any) -> str:
    """Return a machine as ``Intel Xeon, 2 cores, Linux x86_64``."""
    if not isinstance(machine, dict):
        return str(machine)
    told = {**machine, "cores": f"{machine.get('cores')} cores"}
    return ", ".join(str(told[key]) for key in ("processor", "cores", "system") if machine.get(key))


def _letter(place: int) -> str:
    """Return a letter for a place: a, b … z, aa, ab and so on."""
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("a") + last)
