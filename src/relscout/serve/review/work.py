"""Work of a review that takes time: vectors, proposed splits, previews, and saving the new run.

One thread does it, so that the model is never used twice at the same time. The page asks for its progress.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.core.errors import InputError, RelscoutError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.discovery.relation import unlike
from relscout.methods.unrelated.by_relatedness import rescaled
from relscout.naming import bare_name, name_relations
from relscout.report.content import MOST_POINTS, projected
from relscout.serve.review.questions import LEAST_COSINE, Pool
from relscout.serve.review.schemas import Calibration, Movement, Preview, Proposal, ProposedPart, Saved, Work
from relscout.serve.review.state import BusyError, Review, State
from relscout.serve.review.views import NONE, View

_LOG = logging.getLogger("relscout.serve")
_EXAMPLES = 3
#: Most pairs of relations in a preview.
_MOVEMENTS = 30
#: Probabilities whose change by a recalibration is shown.
_SHOWN = (0.3, 0.5, 0.7, 0.9)
Task = Literal["vectors", "transfer", "recalibrate", "save"]


class Worker:
    """Does the work of a review in the background.

    Args:
        review: The review.
        folder: Folder of the run; new runs are saved next to it.
    """

    def __init__(self, review: Review, folder: Path) -> None:
        self.review, self._folder = review, folder
        self.pool = Pool.of(review.base)
        #: Places (n, 2) of the first sentences of the pool on the map; ``None`` while they are not known.
        self.places: NDArray[np.float32] | None = None
        #: Why vectors or places could not be computed; empty if they were, or are being.
        self.places_error = ""
        self._status = Work(task="", state="idle")
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="relscout-review")
        self._closed = False

    @property
    def status(self) -> Work:
        """What the worker does, or did last."""
        return self._status

    def start(self, task: Task) -> Work:
        """Start a task; its progress and its result are in :attr:`status`.

        Raises:
            BusyError: Other work is not finished.
        """
        with self._lock:
            if self._status.state == "running":
                raise BusyError(f"the task {self._status.task!r} is still running; wait until it ends")
            self._status = Work(task=task, state="running")
        self._thread.submit(self._run, task)
        return self._status

    def propose_split(self, relation: int, into: int) -> Future[Proposal]:
        """Return the future proposal to divide a relation by k-means on its vectors; waits for other work.

        The future raises an InputError if the relation is too small or does not exist.
        """
        return self._thread.submit(self._split, relation, into)

    def close(self) -> None:
        """End the thread; what has not started is not done."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, task: Task) -> None:
        try:
            with self.review.model:
                done = self._done(task)
        except _Ended:
            return
        except RelscoutError as error:
            self._fail(task, self._without_path(str(error)))
        except Exception:
            _LOG.exception("work on a review failed")
            self._fail(task, "the server could not do this; its log has the cause")
        else:
            self._status = done

    def _fail(self, task: Task, message: str) -> None:
        if task == "vectors":
            # the status is soon that of other work
            self.places_error = message
        self._status = Work(task=task, state="failed", message=message)

    def _done(self, task: Task) -> Work:
        """Do a task, and return the status after it."""
        match task:
            case "vectors":
                return self._vectors()
            case "transfer":
                return Work(task=task, state="done", preview=self._preview({"transfer": LEAST_COSINE}))
            case "recalibrate":
                return Work(task=task, state="done", preview=self._preview({"recalibrate": "relatedness"}))
            case "save":
                return self._save()

    def _vectors(self) -> Work:
        self.places_error = ""
        instances = list(self.pool.instances)
        if not instances:
            self.places = np.empty((0, 2), dtype=np.float32)
        else:
            vectors = self.review.base.model.transform(instances, progress=self._note)
            self.pool = self.pool.with_vectors(vectors)
            self._note("map", 0, None)
            self.places = projected(vectors[:MOST_POINTS])
        return Work(task="vectors", state="done")

    def _preview(self, step: Mapping[str, Any]) -> Preview:
        """Return what a decision would change, without making it."""
        state = self.review.state
        before, after = state.run, state.run.decided(step)
        old, new = before.assignments.relation_ids, after.assignments.relation_ids
        moved = np.flatnonzero(old != new).tolist()
        counts = Counter((int(old[row]), int(new[row])) for row in moved)
        names = before.names | after.names | {-1: NONE}
        view = View(state, self.review.base)
        movements = [
            Movement(
                origin=names[origin],
                target=names[target],
                count=count,
                examples=[view.sentence(row) for row in moved if (old[row], new[row]) == (origin, target)][
                    :_EXAMPLES
                ],
            )
            for (origin, target), count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ]
        return Preview(
            state=state.number,
            step=dict(step),
            moved=len(moved),
            judged=len(state.run.run.get("corrections", {}).get("judged", {})),
            facts_before=len(before.facts()),
            facts_after=len(after.facts()),
            movements=movements[:_MOVEMENTS],
            calibration=_calibration(before, after) if "recalibrate" in step else None,
        )

    def _save(self) -> Work:
        decisions = self.review.export()
        if not decisions.steps:
            raise InputError(
                "there are no decisions yet, so a new run would be the same; make a decision first"
            )
        run = self.review.base.apply(decisions)
        stem, number = f"{self._folder.name}-reviewed", 1
        while (place := self._folder.parent / (stem if number == 1 else f"{stem}-{number}")).exists():
            number += 1
        run.save(place)
        saved = Saved(
            name=place.name,
            relations=len(run.relations),
            facts=len(run.facts()),
            decisions=len(decisions.steps),
        )
        return Work(task="save", state="done", saved=saved)

    def _split(self, relation: int, into: int) -> Proposal:
        with self.review.model:
            return self._proposed(self.review.state, relation, into)

    def _proposed(self, state: State, relation: int, into: int) -> Proposal:
        run, view = state.run, View(state, self.review.base)
        whole = run.relation(relation)
        rows = np.flatnonzero(run.assignments.relation_ids == relation).tolist()
        # in an order that does not depend on that of the input
        rows.sort(key=lambda row: run.assignments.instances[row].id)
        instances = [run.assignments.instances[row] for row in rows]
        if len({instance.id for instance in instances}) < into:
            raise InputError(
                f"{whole.name!r} has {len(instances)} sentences, too few for {into} parts; choose fewer parts"
            )
        clusters = kmeans(run.model.transform(instances), into, seed=int(run.run.get("seed", 0)))
        labels = np.asarray(clusters.labels)
        largest_first = sorted(range(into), key=lambda label: (-int((labels == label).sum()), label))
        names = _names(run, whole.name, instances, [labels == label for label in largest_first])
        parts = []
        for place, label in enumerate(largest_first):
            members = np.flatnonzero(labels == label).tolist()
            parts.append(
                ProposedPart(
                    id=relation if place == 0 else run.next_number + place - 1,
                    name=names[place],
                    size=len(members),
                    instances=list(dict.fromkeys(instances[member].id for member in members)),
                    examples=[view.sentence(rows[member]) for member in members[:_EXAMPLES]],
                )
            )
        return Proposal(state=state.number, parts=parts)

    def _note(self, stage: str, done: int, total: int | None) -> None:
        if self._closed:
            raise _Ended
        self._status = self._status.model_copy(update={"stage": stage, "done": done, "total": total})

    def _without_path(self, message: str) -> str:
        """Return a message without the folders of this machine."""
        return message.replace(f"{self._folder.parent}/", "")


def _calibration(before: Discovery, after: Discovery) -> Calibration:
    labels = list(after.run["corrections"]["related"].values())
    old_slope, old_shift = before.run["corrections"]["recalibration"]
    slope, shift = after.run["corrections"]["recalibration"]
    factor = slope / old_slope
    changed = rescaled(np.array(_SHOWN, dtype=np.float32), factor, shift - factor * old_shift)
    return Calibration(
        related=sum(labels),
        unrelated=len(labels) - sum(labels),
        changes=[(old, round(new, 4)) for old, new in zip(_SHOWN, changed.tolist(), strict=True)],
    )


class _Ended(Exception):  # noqa: N818 - the server ends, which is no error
    """The worker is closed."""


def _names(
    run: Discovery, stays: str, instances: Sequence[RelationInstance], parts: Sequence[Any]
) -> list[str]:
    """Return a name for each part of a relation: the first keeps its name, the others are named by their phrases."""
    labels = np.zeros(len(instances), dtype=np.int64)
    for place, members in enumerate(parts):
        labels[members] = place
    named = name_relations(instances, labels)
    used, names = set(run.names.values()), [stays]
    for place in range(1, len(parts)):
        name = unlike(used, bare_name(named[place].name))
        used.add(name)
        names.append(name)
    return names
