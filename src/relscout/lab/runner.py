"""Runs a preset, appends each result as soon as it is complete, and skips finished runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.settings import from_mapping, to_mapping
from relscout.discovery import versions
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.lab import learners, measuring, records
from relscout.lab.learners import learner
from relscout.lab.measuring import measure, measure_supervised_task, measure_with_gold, points_file
from relscout.lab.preset import TRIVIAL, check_rows, learns_from_no_labels
from relscout.lab.protocols import (
    CORRUPTED,
    SupervisedTask,
    Task,
    load,
    load_supervised_task,
    part_of,
    protocol,
    with_types,
)
from relscout.lab.records import Record, ResultsFile
from relscout.lab.schema import Preset, Probes
from relscout.metrics import ClusteringScores, majority_mapped, trivial_baselines
from relscout.metrics.clustering import ENTITY_TYPE_PAIR, ONE_CLUSTER, SINGLETONS, Labels

#: Increased whenever a code change alters results, so that older results are not reused.
_SCHEME = 1


def trivial_scores(
    scored: Sequence[RelationInstance],
) -> dict[str, tuple[ClusteringScores, ClusteringScores]]:
    """Return the scores of the trivial rows: raw, and majority-mapped.

    The entity-type pair is included if at least one type is known.
    """
    gold = [instance.relation for instance in scored]
    pairs = [instance.type_pair for instance in scored]
    labels: dict[str, Labels] = {
        ONE_CLUSTER: [0] * len(scored),
        SINGLETONS: range(len(scored)),
        ENTITY_TYPE_PAIR: pairs,
    }
    raw = trivial_baselines(gold, type_pairs=pairs)
    return {name: (scores, majority_mapped(labels[name], gold)) for name, scores in raw.items()}


@dataclass(frozen=True)
class Job:
    """The work for one record."""

    identity: Mapping[str, Any]
    """Keys, preset, row, variation and seed of the record."""
    work: Callable[[], Mapping[str, Any]]
    """Returns the other entries of the record."""
    points: Path | None = None
    """File for the points of a figure, if any."""
    checkpoints: Path | None = None
    """Folder for checkpoints, removed once the record is written."""
    probes: Probes | None = None
    """What else the record holds, if anything."""


class Jobs:
    """Creates the jobs of a preset under one protocol, one at a time: their keys need the encoder, which loads late.

    Args:
        preset: The experiment.
        task: Its instances.
        results: The results file; points and checkpoints are written next to it.
        cache: Cache of the encoder.
        progress: Called with the progress of each stage.
    """

    def __init__(
        self,
        preset: Preset,
        task: Task | SupervisedTask,
        *,
        results: Path,
        cache: VectorCache | None,
        progress: Progress,
    ) -> None:
        self._preset, self._results, self._cache, self._progress = preset, results, cache, progress
        self._scored, self._notes = task.scored, task.notes
        self._fingerprints: dict[EncoderSettings, str] = {}

    def _fingerprint(self, settings: EncoderSettings, encoder: TransformerEncoder | None = None) -> str:
        if settings not in self._fingerprints:
            self._fingerprints[settings] = (encoder or TransformerEncoder(settings)).fingerprint
        return self._fingerprints[settings]

    def _job(
        self,
        run: measuring.Run,
        key: str,
        setup: str,
        work: Callable[..., dict[str, Any]],
        points: Path | None,
    ) -> Job:
        checkpoints = self._results.with_name(f"{self._results.stem}-{key[:16]}.partial")
        identity = self._identity(key, setup, run.row.name, run.row.kind, run.row.method)
        identity |= {"variation": dict(run.variation), "seed": run.seed}
        work = partial(work, checkpoints=checkpoints, progress=self._progress)
        return Job(identity, work, points, checkpoints)

    def _trivial_job(
        self, name: str, key: str, scores: Mapping[str, Any], n_relations: int, instances: int, labeled: int
    ) -> Job:
        work = {
            "settings": {},
            "scores": scores,
            "n_relations": n_relations,
            "sizes": [],
            "names": [],
            "warnings": list(self._notes),
            "report": {},
            "instances": instances,
            "labeled": labeled,
            "encoder": None,
            "seconds": {"total": 0.0},
            "peak_mib": None,
            "points": None,
            "versions": versions("relscout", "numpy"),
        }
        identity = self._identity(key, key, name, "trivial", None) | {"variation": {}, "seed": None}
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
            "scored": len(self._scored),
        }


class DiscoveryJobs(Jobs):
    """Creates the jobs of a preset for discovery; see :class:`Jobs` for the arguments."""

    def __init__(self, preset: Preset, task: Task, **options: Any) -> None:
        super().__init__(preset, task, **options)
        self._task, self._keys = task, measuring.Keys.of(task)

    def planned(
        self, seeds: Sequence[int] | None, rows: Collection[str] | None
    ) -> Iterator[Callable[[], Job]]:
        """Yield functions that create the jobs: the trivial rows once, then the rows of the preset."""
        wanted = [name for name in TRIVIAL if rows is None or name in rows]
        scores = trivial_scores(self._scored) if wanted else {}
        for name in wanted:
            if name in scores:
                yield partial(self._trivial, name, *scores[name])
        for run in measuring.runs_of(self._preset, self._task.n_gold, seeds, rows):
            yield partial(self._of, run)

    def _of(self, run: measuring.Run) -> Job:
        task = with_types(self._task, types=run.row.types, corrupted=float(run.variation.get(CORRUPTED, 0)))
        keys = self._keys if task is self._task else measuring.Keys.of(task)
        labeled = None
        if run.row.kind == "supervised":
            of_clustered = [instance for instance in task.fitted if instance.relation is not None]
            labeled = part_of([*(task.labeled or ()), *of_clustered], run.variation)
        elif task.labeled is not None and not learns_from_no_labels(run.row):
            labeled = part_of(task.labeled, run.variation)
        encoder = TransformerEncoder(run.encoder, cache=self._cache)
        keys = keys if labeled is task.labeled else keys.with_labeled(labeled or ())
        setup = measuring.setup_of(run, self._preset.protocol, keys, labeled=labeled is not None)
        key = measuring.hash_of([setup, run.seed, self._fingerprint(run.encoder, encoder)])
        if run.row.kind == "supervised":
            work = partial(measure_with_gold, run, task, encoder, labeled=labeled or ())
            return self._job(run, key, setup, work, None)
        points = None if run.figure is None else points_file(self._results, key, run.figure)
        probes = self._preset.probes
        work = partial(measure, run, task, encoder, labeled=labeled, points_file=points, probes=probes)
        return replace(self._job(run, key, setup, work, points), probes=probes)

    def _trivial(self, name: str, raw: ClusteringScores, mapped: ClusteringScores) -> Job:
        key = measuring.trivial_key(name, self._preset.protocol, self._keys)
        scores = {"raw": raw.as_dict(), "majority_mapped": mapped.as_dict()}
        return self._trivial_job(name, key, scores, raw.n_found, len(self._task.fitted), 0)


class SupervisedJobs(Jobs):
    """Creates the jobs of a supervised or few-shot preset; see :class:`Jobs` for the arguments."""

    def __init__(self, preset: Preset, task: SupervisedTask, **options: Any) -> None:
        super().__init__(preset, task, **options)
        self._task, self._kind = task, protocol(preset.protocol).kind
        parts = (task.train, task.dev or (), task.scored)
        self._instances = [measuring.hash_of_instances(part) for part in parts]

    def planned(
        self, seeds: Sequence[int] | None, rows: Collection[str] | None
    ) -> Iterator[Callable[[], Job]]:
        """Yield functions that create the jobs: the trivial row once, then the rows of the preset."""
        for name in learners.TRIVIAL[self._kind]:
            if rows is None or name in rows:
                yield partial(self._trivial, name)
        for run in measuring.runs_of(self._preset, 0, seeds, rows):
            yield partial(self._of, run)

    def _of(self, run: measuring.Run) -> Job:
        known = learner(run.row.method, self._kind)
        encoder = TransformerEncoder(run.encoder, cache=self._cache) if known.reads == "encoder" else None
        # all settings, so that a changed default is another setup
        settings = to_mapping(from_mapping(known.settings, run.settings))
        setup = self._hash(run.row.method, settings)
        key = measuring.hash_of([setup, run.seed])
        if encoder is not None:
            # the fingerprint with seed 0, so that runs of two given encoders are never averaged
            of_model = self._fingerprint(replace(run.encoder, seed=0))
            setup = measuring.hash_of([setup, measuring.encoder_in_keys(run.encoder), of_model])
            key = measuring.hash_of([setup, run.seed, self._fingerprint(run.encoder)])
        return self._job(
            run, key, setup, partial(measure_supervised_task, run, known, self._task, encoder), None
        )

    def _trivial(self, name: str) -> Job:
        supervised = self._kind == "supervised"
        scores = learners.most_frequent(self._task) if supervised else learners.chance()
        n_relations = len({instance.relation for instance in self._scored})
        n_train = len(self._task.train)
        labeled = n_train if supervised else 0
        return self._trivial_job(name, self._hash(name), scores, n_relations, n_train, labeled)

    def _hash(self, *values: Any) -> str:
        episodes = [learners.EPISODES, learners.N_EPISODES] if self._kind == "few-shot" else []
        return measuring.hash_of([_SCHEME, self._preset.protocol, self._instances, episodes, *values])


def run_preset(
    preset: Preset,
    *,
    data: Path,
    results: Path,
    seeds: Sequence[int] | None = None,
    rows: Collection[str] | None = None,
    encoder: str | Mapping[str, str] | None = None,
    cache: VectorCache | None = None,
    progress: Progress = silent,
    on_skip: Callable[[Record], None] | None = None,
) -> Iterator[Record]:
    """Run a preset and yield each record when it is finished and written.

    Runs in the results file are not repeated, whatever their preset. An interruption loses the current run only.
    Trivial rows come first, once, without a seed.

    Args:
        preset: The experiment.
        data: Folder with the data sets.
        results: The results file, appended to. Points of figures are written next to it.
        seeds: Seeds in place of the preset's.
        rows: Names of the rows to run, trivial ones included; all by default.
        encoder: Name or folder of the encoder for rows with ``model: given``. With a mapping, its keys are the names of
            ``model: given:NAME``, or empty. Rows without their encoder are left out.
        cache: Cache of the encoder.
        progress: Called with the progress of each stage; the stage ``"runs"`` counts the runs.
        on_skip: Called with each record that was there already.

    Raises:
        InputError: The data is missing or wrong, or the results file is damaged.
        UnknownNameError: The preset has no row of a name, or no encoder of one.
        SettingError: A requested row needs an encoder, or no row uses the given one.
        OutputError: The results file cannot be written.
    """
    check_rows(preset, rows)
    preset = _with_encoders(preset, encoder, rows)
    options: dict[str, Any] = {"results": results, "cache": cache, "progress": progress}
    jobs = [
        DiscoveryJobs(variant, load(variant.protocol, data), **options)
        if protocol(variant.protocol).kind == "discovery"
        else SupervisedJobs(variant, load_supervised_task(variant.protocol, data), **options)
        for variant in preset.each()
    ]
    file = ResultsFile(results)
    origin = {"commit": records.commit(), "machine": records.machine()}
    planned = [make for group in jobs for make in group.planned(seeds, rows)]
    for done, make in enumerate(planned):
        progress("runs", done, len(planned))
        job = make()
        if (known := _known(job, file)) is not None:
            if on_skip is not None:
                on_skip(known)
            continue
        record = file.append({**job.identity, **job.work(), **origin, "date": records.date()})
        if job.checkpoints is not None:
            shutil.rmtree(job.checkpoints, ignore_errors=True)
        yield record
    progress("runs", len(planned), len(planned))


def _with_encoders(
    preset: Preset, encoder: str | Mapping[str, str] | None, rows: Collection[str] | None
) -> Preset:
    given = {"": encoder} if isinstance(encoder, str) else dict(encoder or {})
    chosen = preset.with_encoders(given)
    there = {row.name for row in chosen.rows}
    for row in preset.rows:
        if row.name in (rows or ()) and row.name not in there:
            name = str(preset.encoder_of(row)["model"]).partition(":")[2]
            how = f"--encoder {name}=DIR" if name else "--encoder NAME|DIR"
            raise SettingError(f"row {row.name!r} needs an encoder; give it ({how})")
    return chosen


def _known(job: Job, file: ResultsFile) -> Record | None:
    """Return the record of a finished job, appended again if a later record has replaced it."""
    if (current := file.current(job.identity)) is not None and _is_of(current, job):
        return current
    for record in reversed(file.records()):
        if _is_of(record, job):
            return file.append({**record, **job.identity})
    return None


def _is_of(record: Record, job: Job) -> bool:
    if record["key"] != job.identity["key"]:
        return False
    if job.probes is not None and record.get("probes", {}).get("asked") != records.plain(
        to_mapping(job.probes)
    ):
        return False
    return job.points is None or (record["points"] == job.points.name and job.points.is_file())
