"""The state of a review: a run after the decisions so far, and which decisions conflict with those of other tabs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relscout.core.errors import InputError
from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions
from relscout.discovery.relation import fingerprint
from relscout.serve.review.log import DecisionLog, Entry, active

#: Seconds that a decision waits for the model.
_PATIENCE = 5.0
#: Number of earlier runs that are kept in memory, so that an undo need not apply all decisions again.
_KEPT = 16


class ConflictError(Exception):
    """A decision conflicts with a decision that its author did not know.

    Args:
        entry: The other decision.
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__(
            f"decision {entry.number} of another tab is about the same relations, sentences or entities; look at "
            "it and decide again"
        )
        self.entry = entry


class BusyError(Exception):
    """The model is in use."""


@dataclass(frozen=True)
class State:
    """A run after some decisions.

    Args:
        number: Number of the last entry of the log that it includes; 0 for none.
        run: The run.
        entries: All entries of the log up to it.
    """

    number: int
    run: Discovery
    entries: Sequence[Entry] = ()

    @property
    def decisions(self) -> list[Entry]:
        """The decisions that were not undone, in order."""
        return active(self.entries)


class Review:
    """A run under review. Its methods may be called from several threads.

    Args:
        run: The run as it was saved.
        log: Path of the log of decisions, see :class:`DecisionLog`; decisions in it are applied.

    Raises:
        SettingError: The log cannot be used, or is of another run.
        InputError: A decision in the log is invalid.
    """

    def __init__(self, run: Discovery, log: Path) -> None:
        self.base = run
        self.fingerprint = fingerprint(run.relations)
        self._log = DecisionLog(log, self.fingerprint)
        #: Held by whatever uses the model of the run.
        self.model = threading.RLock()
        self._lock = threading.Lock()
        #: Number of a decision → the run after it; the latest last, and the run as it was saved first.
        self._runs = [(0, run)]
        self._state = State(0, run)
        self._catch_up()

    @property
    def state(self) -> State:
        """The current state, with what other processes added to the log."""
        with self._lock:
            self._catch_up()
            return self._state

    def decide(self, step: Mapping[str, Any], *, author: str, state: int, key: str) -> Entry:
        """Apply a decision, and return its entry of the log when that is on disk.

        Args:
            step: The decision, or ``{"undo": number}``.
            author: The tab.
            state: Number of the last entry that the author knew.
            key: Name of the request; if it was answered before, its entry is returned again.

        Raises:
            ConflictError: The decision conflicts with a decision that the author did not know.
            InputError: The decision is invalid.
            BusyError: The decision needs the model, which is in use.
        """
        if "undo" not in step:
            Decisions("", [step])
        if not self._needs_model(step):
            return self._decide(step, author=author, state=state, key=key)
        if not self.model.acquire(timeout=_PATIENCE):
            raise BusyError("the model is in use; wait until the work in the background is done")
        try:
            return self._decide(step, author=author, state=state, key=key)
        finally:
            self.model.release()

    def _decide(self, step: Mapping[str, Any], *, author: str, state: int, key: str) -> Entry:
        with self._lock:
            with self._log.writing() as writer:
                self._catch_up()
                if (earlier := writer.with_key(key)) is not None:
                    return earlier
                for entry in self._state.entries:
                    unknown = entry.number > state and entry.author != author
                    if unknown and _conflict(self._meant(step), self._meant(entry.step)):
                        raise ConflictError(entry)
                following = self._following(step)
                entry = writer.append(step, author=author, state=state, key=key)
            # on disk now
            self._add(entry, following)
        return entry

    def export(self) -> Decisions:
        """Return the decisions in the form that ``relscout apply`` reads; what was undone is left out."""
        return Decisions(self.fingerprint, [entry.step for entry in self.state.decisions])

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            self._log.close()

    def _needs_model(self, step: Mapping[str, Any]) -> bool:
        """Return whether vectors are needed for a step; an undo may apply later decisions again."""
        steps = [entry.step for entry in self.state.decisions] if "undo" in step else [step]
        return any(each.keys() & {"split", "transfer", "recalibrate"} for each in steps)

    def _catch_up(self) -> None:
        """Apply the entries of the log that this object has not seen."""
        for entry in self._log.entries(self._state.number):
            try:
                following = self._following(entry.step)
            except InputError as error:
                raise InputError(f"{self._log.path}, entry {entry.number}: {error}") from error
            self._add(entry, following)

    def _following(self, step: Mapping[str, Any]) -> list[tuple[int, Discovery]]:
        """Return the runs after a further entry, as in ``_runs``; the number of a new decision is -1.

        Raises:
            InputError: The entry is invalid.
        """
        if "undo" not in step:
            return [*self._runs, (-1, self._runs[-1][1].decided(step))]
        number = step["undo"]
        decisions = self._state.decisions
        if number not in {entry.number for entry in decisions}:
            raise InputError(f"there is no decision {number} that could be undone")
        runs = [pair for pair in self._runs if pair[0] < number]
        for entry in decisions:
            if entry.number > runs[-1][0] and entry.number != number:
                try:
                    runs.append((entry.number, runs[-1][1].decided(entry.step)))
                except InputError as error:
                    raise InputError(
                        f"decision {number} cannot be undone, since decision {entry.number} builds on it ({error}); "
                        f"undo decision {entry.number} first"
                    ) from error
        return runs

    def _add(self, entry: Entry, runs: Sequence[tuple[int, Discovery]]) -> None:
        numbered = [(entry.number if number < 0 else number, run) for number, run in runs]
        self._runs = [numbered[0], *numbered[1:][-_KEPT:]]
        self._state = State(entry.number, self._runs[-1][1], (*self._state.entries, entry))

    def _meant(self, step: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the decision that a step is about: for an undo, the decision that it undoes."""
        if "undo" not in step:
            return step
        return next((entry.step for entry in self._state.entries if entry.number == step["undo"]), {})


@dataclass(frozen=True)
class _Scope:
    """What a decision is about."""

    #: Relations whose extent it changes, and relations that it names, or judges a sentence by.
    changed: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()
    judged: frozenset[int] = frozenset()
    sentences: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    everything: bool = False


def _scope(step: Mapping[str, Any]) -> _Scope:
    match {**step}:
        case {"rename": id}:
            return _Scope(named=frozenset([id]))
        case {"merge": ids}:
            return _Scope(changed=frozenset(ids))
        case {"split": id, "parts": parts}:
            return _Scope(
                changed=frozenset([id]),
                named=frozenset(part["id"] for part in parts),
                sentences=frozenset(instance for part in parts for instance in part["instances"]),
            )
        case {"drop": id}:
            return _Scope(changed=frozenset([id]))
        case {"confirm": ids, "relation": id, "name": _}:
            return _Scope(named=frozenset([id]), sentences=frozenset(ids))
        case {"confirm": ids, "relation": id} | {"reject": ids, "relation": id}:
            return _Scope(judged=frozenset([id]), sentences=frozenset(ids))
        case {"transfer": _} | {"recalibrate": _}:
            return _Scope(everything=True)
        case {"merge_entities": ids}:
            return _Scope(entities=frozenset(ids))
        case {"split_entity": id}:
            return _Scope(entities=frozenset([id]))
    return _Scope()


def _conflict(step: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two decisions are about the same, so that the second may have been made on wrong grounds.

    Judgements about different sentences of a relation do not conflict, nor do different relations; a judgement
    conflicts with a merge, split or drop of its relation. A transfer or a recalibration may move any sentence.
    """
    first, second = _scope(step), _scope(other)
    return bool(
        first.everything
        or second.everything
        or first.changed & (second.changed | second.named | second.judged)
        or second.changed & (first.named | first.judged)
        or first.named & second.named
        or first.sentences & second.sentences
        or first.entities & second.entities
    )
