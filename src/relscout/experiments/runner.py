"""Runs a preset, appends each result as soon as it is there, and never does what is done already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from relscout.encoders import VectorCache
from relscout.errors import SettingError
from relscout.experiments import provenance
from relscout.experiments.checks import check_rows
from relscout.experiments.jobs import Job, Jobs
from relscout.experiments.lesson_jobs import LessonJobs
from relscout.experiments.protocols import load, load_lesson, protocol
from relscout.experiments.results import Record, ResultsFile
from relscout.experiments.schema import Preset
from relscout.progress import Progress, silent


def run_preset(
    preset: Preset,
    *,
    data: Path,
    results: Path,
    seeds: Sequence[int] | None = None,
    rows: Collection[str] | None = None,
    encoder: str | None = None,
    cache: VectorCache | None = None,
    progress: Progress = silent,
    on_skip: Callable[[Record], None] | None = None,
) -> Iterator[Record]:
    """Run what a preset describes and yield each record when it is finished and written.

    What the results file holds already is not done again, whichever preset it was done for; an interruption loses
    the run that was going on, and no other. Trivial rows come first, once, under no seed.

    Args:
        preset: The experiment.
        data: Folder with the data sets.
        results: The results file; it is appended to. Points for figures go beside it.
        seeds: Seeds in place of the preset's.
        rows: Names of the rows to run, trivial ones included; all when left out.
        encoder: Name or folder of the encoder for rows that wait for one; they are left out where none is given.
        cache: Keeps what the encoder encoded.
        progress: Told how far each stage is; the stage ``"runs"`` counts the runs.
        on_skip: Called with each record that was there already.

    Raises:
        InputError: The data is missing or wrong, or the results file is damaged.
        UnknownNameError: The preset has no row of a name.
        SettingError: A row that is asked for waits for an encoder, or one is given that no row waits for.
        OutputError: The results file cannot be written.
    """
    check_rows(preset, rows)
    preset = _with_encoder(preset, encoder, rows)
    options: dict[str, Any] = {"results": results, "cache": cache, "progress": progress}
    jobs = [
        Jobs(one, load(one.protocol, data), **options)
        if protocol(one.protocol).kind == "discovery"
        else LessonJobs(one, load_lesson(one.protocol, data), **options)
        for one in preset.each()
    ]
    file = ResultsFile(results)
    origin = {"commit": provenance.commit(), "machine": provenance.machine()}
    planned = [make for one in jobs for make in one.planned(seeds, rows)]
    for done, make in enumerate(planned):
        progress("runs", done, len(planned))
        job = make()
        if (known := _known(job, file)) is not None:
            if on_skip is not None:
                on_skip(known)
            continue
        record = file.append({**job.identity, **job.work(), **origin, "date": provenance.date()})
        if job.checkpoints is not None:
            shutil.rmtree(job.checkpoints, ignore_errors=True)
        yield record
    progress("runs", len(planned), len(planned))


def _with_encoder(preset: Preset, encoder: str | None, rows: Collection[str] | None) -> Preset:
    if encoder is None and (waiting := [row for row in preset.waiting() if row in (rows or ())]):
        raise SettingError(f"row {waiting[0]!r} waits for an encoder; give one (--encoder NAME|DIR)")
    return preset.with_encoder(encoder)


def _known(job: Job, file: ResultsFile) -> Record | None:
    """Return the record of a job that was done before; it is repeated where another one has taken its place."""
    if (holding := file.holding(job.identity)) is not None and _is_of(holding, job):
        return holding
    for record in reversed(file.records()):
        if _is_of(record, job):
            return file.append({**record, **job.identity})
    return None


def _is_of(record: Record, job: Job) -> bool:
    if record["key"] != job.identity["key"]:
        return False
    return job.points is None or (record["points"] == job.points.name and job.points.is_file())
