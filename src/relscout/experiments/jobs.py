"""The jobs of a preset on its instances: what each record is of, and the work that gives the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.experiments import provenance, runs
from relscout.experiments.checks import TRIVIAL
from relscout.experiments.labelled_part import part_of
from relscout.experiments.measuring import measure
from relscout.experiments.points import points_file
from relscout.experiments.schema import Preset
from relscout.experiments.tasks import Task
from relscout.experiments.trivial import trivial_scores
from relscout.metrics import ClusteringScores
from relscout.progress import Progress


@dataclass(frozen=True)
class Job:
    """What to do for one record."""

    identity: Mapping[str, Any]
    """What the record is of: its keys, preset, row, variation, seed …"""
    work: Callable[[], Mapping[str, Any]]
    """Does it, and returns everything else."""
    points: Path | None = None
    """File of the points that come with the record; ``None`` where no figure asks for them."""
    checkpoints: Path | None = None
    """Folder of its work in progress, of no use once the record is written; ``None`` where it is done at once."""


class Jobs:
    """Makes the jobs of a preset, one at a time: keys need the encoder, which is loaded only then.

    Args:
        preset: The experiment.
        task: Its instances.
        results: The results file, beside which points go.
        cache: Keeps what the encoder encoded.
        progress: Told how far each stage is.
    """

    def __init__(
        self, preset: Preset, task: Task, *, results: Path, cache: VectorCache | None, progress: Progress
    ) -> None:
        self._preset, self._task, self._results = preset, task, results
        self._cache, self._progress = cache, progress
        self._keys = runs.Keys.of(task)
        self._fingerprints: dict[EncoderSettings, str] = {}

    def planned(
        self, seeds: Sequence[int] | None, rows: Collection[str] | None
    ) -> Iterator[Callable[[], Job]]:
        """Yield what makes the jobs: the trivial rows once, then the rows of the preset."""
        wanted = [name for name in TRIVIAL if rows is None or name in rows]
        scores = trivial_scores(self._task.scored) if wanted else {}
        for name in wanted:
            if name in scores:
                yield partial(self._trivial, name, *scores[name])
        n_gold = len({instance.relation for instance in self._task.scored})
        for run in runs.runs_of(self._preset, n_gold, seeds, rows):
            yield partial(self._of, run)

    def _of(self, run: runs.Run) -> Job:
        labeled = None
        if run.row.kind != "frozen" and self._task.labeled is not None:
            labeled = part_of(self._task.labeled, run.variation)
        encoder = TransformerEncoder(run.encoder, cache=self._cache)
        if run.encoder not in self._fingerprints:
            self._fingerprints[run.encoder] = encoder.fingerprint
        keys = self._keys if labeled is self._task.labeled else self._keys.with_labeled(labeled or ())
        setup = runs.setup_of(run, self._preset.protocol, keys, labeled=labeled is not None)
        key = runs.hash_of([setup, run.seed, self._fingerprints[run.encoder]])
        points = None if run.figure is None else points_file(self._results, key, run.figure)
        checkpoints = self._results.with_name(f"{self._results.stem}-{key[:16]}.partial")
        identity = self._identity(key, setup, run.row.name, run.row.kind, run.row.method)
        work = partial(
            measure,
            run,
            self._task,
            encoder,
            labeled=labeled,
            points_file=points,
            checkpoints=checkpoints,
            progress=self._progress,
        )
        return Job(
            {**identity, "variation": dict(run.variation), "seed": run.seed}, work, points, checkpoints
        )

    def _trivial(self, name: str, raw: ClusteringScores, mapped: ClusteringScores) -> Job:
        key = runs.trivial_key(name, self._preset.protocol, self._keys)
        work = {
            "settings": {},
            "scores": {"raw": raw.as_dict(), "majority_mapped": mapped.as_dict()},
            "n_relations": raw.n_found,
            "sizes": [],
            "names": [],
            "warnings": list(self._task.notes),
            "report": {},
            "instances": len(self._task.fitted),
            "labeled": 0,
            "encoder": None,
            "seconds": {"total": 0.0},
            "peak_mib": None,
            "points": None,
            "versions": provenance.versions("relscout", "numpy"),
        }
        identity = {**self._identity(key, key, name, "trivial", None), "variation": {}, "seed": None}
        return Job(identity, lambda: work)

    def _identity(self, key: str, setup: str, row: str, kind: str, method: str | None) -> dict[str, Any]:
        return {
            "key": key,
            "setup": setup,
            "preset": self._preset.name,
            "row": row,
            "kind": kind,
            "method": method,
            "protocol": self._preset.protocol,
            "scored": len(self._task.scored),
        }
