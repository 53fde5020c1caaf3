"""Sizes a cluster: rates measured in the working folder of a trial, and a simulation of the schedule.

The model has five stages. One process reads and writes; workers score and assign shards, each taking the next shard
when it is free, as :func:`relscout.distributed.cluster.worked` does. The time of a shard varies as it did in the trial.
Some shards are stragglers, on a slow or busy machine. Workers fail at a constant rate (exponential times between
failures); the shard in work is lost, and done again after a start. Facts are not part of the model.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.seeding import generator
from relscout.distributed.shards import INPUT, READ, SCORED, SUMMARY, TRIPLES_FOLDER, read_summary

#: Numbers of workers of a plan.
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
#: Failures while a shard is in work above which a plan makes no sense: one start in e^5 would end well.
_HOPELESS = 5.0
#: Largest corpus, and the most shards, that a plan can be made for.
_MOST_ROWS, _MOST_SHARDS = 10**12, 10**7
#: Shards of a trial from which the variation of their times is known.
_ENOUGH = 5


@dataclass(frozen=True)
class Rates:
    """What one worker, and the process that starts the work, need.

    Args:
        read: Rows of the input (passages, or marked pairs) that are read and cut in a second.
        pairs: Pairs of entities of a row.
        score: Pairs that a worker scores in a second.
        assign: Pairs that a worker assigns in a second.
        written: Bytes of the working folder for a row.
        spread: Standard deviation of the logarithm of a shard's seconds for a pair.

    Raises:
        SettingError: A rate is not above 0.
    """

    read: float
    pairs: float
    score: float
    assign: float
    written: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        for name in ("read", "pairs", "score", "assign"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise SettingError(f"the rate {name} is {value}; expected a number above 0")
        if not self.spread >= 0 or not self.written >= 0:
            raise SettingError(f"spread is {self.spread} and written {self.written}; expected 0 or more")


@dataclass(frozen=True)
class Conditions:
    """What goes wrong in a cluster.

    Raises:
        SettingError: A value is out of range.
    """

    start: float = 20.0
    """Seconds until a worker has started and loaded the run."""
    stragglers: float = 0.02
    """Share of the shards that are slow, in [0, 1]."""
    slowdown: float = 4.0
    """Factor of the time of a slow shard, at least 1."""
    failures: float = 0.01
    """Failures of a worker in an hour, at least 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.stragglers <= 1:
            raise SettingError(f"stragglers is {self.stragglers}; expected a share from 0 to 1")
        if not 1 <= self.slowdown < math.inf:
            raise SettingError(f"slowdown is {self.slowdown}; expected a factor from 1")
        if not 0 <= self.start < math.inf or not 0 <= self.failures < math.inf:
            raise SettingError(f"start is {self.start} and failures {self.failures}; expected 0 or more")


@dataclass(frozen=True)
class Schedule:
    """A simulated run.

    Args:
        workers: Number of workers.
        seconds: Seconds of each stage: ``read``, ``score``, ``assign``, ``write``.
        busy: Share of the workers' time in which they worked on a shard that was not lost, in [0, 1].
        failures: Number of failures.
        lost: Worker seconds of work that was lost.
    """

    workers: int
    seconds: Mapping[str, float]
    busy: float
    failures: int
    lost: float

    @property
    def total(self) -> float:
        """Seconds from start to end."""
        return sum(self.seconds.values())

    @property
    def worker_hours(self) -> float:
        """Hours of all workers while there is work for them."""
        return self.workers * (self.seconds["score"] + self.seconds["assign"]) / 3600


def measured(work: Path) -> Rates:
    """Return the rates of a trial: ``relscout extract … --ray local --workers 1 --work DIR``.

    Args:
        work: The working folder of the trial, which must be finished.

    Raises:
        ArtifactError: A summary in it is damaged.
        InputError: The folder holds no finished trial.
    """
    reading = _numbers(work / READ, "rows", "seconds")
    # an earlier trial may have left other parts
    parts = {stage: _parts(work, stage) for stage in (SCORED, TRIPLES_FOLDER)}
    scored, assigned = (
        [
            summary
            for part in parts[stage]
            if (summary := _numbers(part, "pairs", "seconds", *more)) is not None and summary["pairs"]
        ]
        for stage, more in ((SCORED, ["started"]), (TRIPLES_FOLDER, []))
    )
    if reading is None or not scored or not assigned:
        raise InputError(
            f"{work} is not the working folder of a finished trial; make one with 'relscout extract RUN INPUT --ray "
            "local --workers 1 --work DIR --out FILE'"
        )
    pairs = sum(summary["pairs"] for summary in scored)
    # the first shard of a worker also loads the run
    times = sorted(scored, key=lambda summary: summary["started"])[1:] or scored
    logs = [math.log(max(summary["seconds"], 1e-9) / summary["pairs"]) for summary in times]
    folders = [work / INPUT, work / READ, *parts[SCORED], *parts[TRIPLES_FOLDER]]
    written = sum(path.stat().st_size for folder in folders for path in folder.glob("*"))
    return Rates(
        read=reading["rows"] / max(reading["seconds"], 1e-9),
        pairs=pairs / reading["rows"],
        score=_rate(times),
        assign=_rate(assigned),
        written=written / reading["rows"],
        spread=float(np.std(logs)) if len(logs) >= _ENOUGH else 0.0,
    )


def _parts(work: Path, stage: str) -> list[Path]:
    """Return the parts of a stage of the last trial that was finished.

    Raises:
        ArtifactError: They are not a list of names.
    """
    parts = (read_summary(work / READ) or {}).get("parts", {})
    names = parts.get(stage, []) if isinstance(parts, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ArtifactError(
            f"{work / READ / SUMMARY} is damaged: 'parts' is {parts!r:.80}; make the trial again"
        )
    return [work / stage / name for name in names]


def _numbers(part: Path, *names: str) -> dict[str, float] | None:
    """Return numbers of a summary; ``None`` if the part is not done.

    Raises:
        ArtifactError: A number is missing.
    """
    summary = read_summary(part)
    if summary is None:
        return None
    for name in names:
        if not isinstance(summary.get(name), int | float) or not 0 <= summary[name] < math.inf:
            raise ArtifactError(
                f"{part / SUMMARY} is damaged: {name!r} is {summary.get(name)!r}, expected a number from 0; delete its "
                "folder, and make the trial again"
            )
    return {name: summary[name] for name in names}


def _rate(summaries: Iterable[Mapping[str, Any]]) -> float:
    pairs, seconds = zip(*((summary["pairs"], summary["seconds"]) for summary in summaries), strict=True)
    return float(sum(pairs) / max(sum(seconds), 1e-9))


def simulate(
    rates: Rates,
    *,
    rows: int,
    workers: int,
    shard_size: int = 2_000,
    conditions: Conditions | None = None,
    seed: int = 0,
) -> Schedule:
    """Simulate the extraction of a corpus.

    Args:
        rates: Measured rates.
        rows: Passages, or marked pairs, of the corpus.
        workers: Number of workers, from 1.
        shard_size: Rows of a shard.
        conditions: What goes wrong.
        seed: Random seed of stragglers and failures.

    Raises:
        SettingError: A number is below 1, there are too many rows or shards, or workers fail faster than they finish a
            shard.
    """
    for name, value in (("rows", rows), ("workers", workers), ("shard_size", shard_size)):
        if value < 1:
            raise SettingError(f"{name} is {value}; expected a whole number from 1")
    if rows > _MOST_ROWS or rows > _MOST_SHARDS * shard_size:
        raise SettingError(
            f"rows is {rows} and shard_size {shard_size}; expected at most {_MOST_ROWS:,} rows in at most "
            f"{_MOST_SHARDS:,} shards"
        )
    conditions = conditions or Conditions()
    random = generator(seed, f"plan of {workers} workers")
    shards = np.full(math.ceil(rows / shard_size), shard_size, dtype=np.float64)
    shards[-1] = rows - shard_size * (len(shards) - 1)
    # e^(σz − σ²/2) has the mean 1
    varied = np.exp(rates.spread * random.standard_normal(len(shards)) - rates.spread**2 / 2)
    slow = np.where(random.random(len(shards)) < conditions.stragglers, conditions.slowdown, 1.0)
    load = shards * rates.pairs * varied * slow
    score = _passed(load / rates.score, workers, conditions, random, start=conditions.start)
    assign = _passed(load / rates.assign, workers, conditions, random, start=0.0)
    seconds = {
        "read": rows / rates.read,
        "score": score.seconds,
        "assign": assign.seconds,
        # triples are written about as fast as rows are read
        "write": rows / rates.read,
    }
    worked = score.useful + assign.useful
    return Schedule(
        workers,
        seconds,
        worked / (workers * (score.seconds + assign.seconds)),
        score.failures + assign.failures,
        score.lost + assign.lost,
    )


@dataclass(frozen=True)
class _Passed:
    """Seconds of a pass, worker seconds of useful and lost work, and the number of failures."""

    seconds: float
    useful: float
    lost: float
    failures: int


def _passed(
    tasks: Sequence[float] | Any,
    workers: int,
    conditions: Conditions,
    random: np.random.Generator,
    *,
    start: float,
) -> _Passed:
    """Give tasks to workers in order, each to the first that is free.

    Args:
        tasks: Seconds of each task.
        workers: Number of workers.
        conditions: What goes wrong.
        random: Draws the failures.
        start: Seconds until the workers are ready.
    """
    per_second = conditions.failures / 3600
    if per_second * float(np.max(tasks)) > _HOPELESS:
        raise SettingError(
            f"a shard takes up to {np.max(tasks):,.0f} s, and a worker fails {conditions.failures:g} times in an hour, "
            "so that it would never be done; use smaller shards"
        )
    free = [(start, worker) for worker in range(min(workers, len(tasks)))]
    end, useful, lost, failures = start, 0.0, 0.0, 0
    for task in np.asarray(tasks, dtype=np.float64).tolist():
        now, worker = heapq.heappop(free)
        while per_second and (survived := float(random.exponential(1 / per_second))) < task:
            failures += 1
            lost += survived
            now += survived + conditions.start
        now += task
        useful += task
        end = max(end, now)
        heapq.heappush(free, (now, worker))
    return _Passed(end, useful, lost, failures)
