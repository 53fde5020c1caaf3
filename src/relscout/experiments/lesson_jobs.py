"""The jobs of a preset whose relations are given: what each record is of, and the work that gives the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from relscout.config import from_mapping, to_mapping
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.experiments import lesson_scores, provenance, runs
from relscout.experiments.jobs import Job
from relscout.experiments.learners import learner
from relscout.experiments.lesson_measuring import measure_lesson
from relscout.experiments.lessons import Lesson
from relscout.experiments.protocols import protocol
from relscout.experiments.schema import Preset
from relscout.progress import Progress

#: Raised whenever a change of relscout changes what a run gives, so that older results are not taken for it.
_SCHEME = 1


class LessonJobs:
    """Makes the jobs of a preset under one protocol, one at a time, as :class:`~relscout.experiments.jobs.Jobs` does.

    Args:
        preset: The experiment.
        lesson: Its instances.
        results: The results file, beside which work in progress goes.
        cache: Keeps what the encoder encoded.
        progress: Told how far each stage is.
    """

    def __init__(
        self, preset: Preset, lesson: Lesson, *, results: Path, cache: VectorCache | None, progress: Progress
    ) -> None:
        self._preset, self._lesson, self._results = preset, lesson, results
        self._cache, self._progress = cache, progress
        self._kind = protocol(preset.protocol).kind
        parts = (lesson.train, lesson.dev or (), lesson.scored)
        self._instances = [runs.hash_of_instances(part) for part in parts]
        self._fingerprints: dict[EncoderSettings, str] = {}

    def planned(
        self, seeds: Sequence[int] | None, rows: Collection[str] | None
    ) -> Iterator[Callable[[], Job]]:
        """Yield what makes the jobs: the trivial row once, then the rows of the preset."""
        for name in lesson_scores.TRIVIAL[self._kind]:
            if rows is None or name in rows:
                yield partial(self._trivial, name)
        for run in runs.runs_of(self._preset, 0, seeds, rows):
            yield partial(self._of, run)

    def _of(self, run: runs.Run) -> Job:
        known = learner(run.row.method, self._kind)
        encoder = TransformerEncoder(run.encoder, cache=self._cache) if known.reads == "encoder" else None
        # all settings, so that a changed default is another setup
        settings = to_mapping(from_mapping(known.settings, run.settings))
        setup = self._hash(run.row.method, settings)
        key = runs.hash_of([setup, run.seed])
        if encoder is not None:
            # one seed stands for all, so that runs of two encoders that were given are never averaged
            of_model = self._fingerprint(replace(run.encoder, seed=0))
            setup = runs.hash_of([setup, runs.encoder_in_keys(run.encoder), of_model])
            key = runs.hash_of([setup, run.seed, self._fingerprint(run.encoder)])
        checkpoints = self._results.with_name(f"{self._results.stem}-{key[:16]}.partial")
        identity = self._identity(key, setup, run.row.name, run.row.kind, run.row.method)
        work = partial(
            measure_lesson,
            run,
            known,
            self._lesson,
            encoder,
            checkpoints=checkpoints,
            progress=self._progress,
        )
        return Job({**identity, "variation": dict(run.variation), "seed": run.seed}, work, None, checkpoints)

    def _fingerprint(self, settings: EncoderSettings) -> str:
        if settings not in self._fingerprints:
            self._fingerprints[settings] = TransformerEncoder(settings).fingerprint
        return self._fingerprints[settings]

    def _trivial(self, name: str) -> Job:
        key = self._hash(name)
        identity = {**self._identity(key, key, name, "trivial", None), "variation": {}, "seed": None}
        return Job(identity, self._trivial_work)

    def _trivial_work(self) -> Mapping[str, Any]:
        supervised = self._kind == "supervised"
        return {
            "settings": {},
            "scores": lesson_scores.most_frequent(self._lesson) if supervised else lesson_scores.chance(),
            "n_relations": len({one.relation for one in self._lesson.scored}),
            "sizes": [],
            "names": [],
            "warnings": list(self._lesson.notes),
            "report": {},
            "instances": len(self._lesson.train),
            "labeled": len(self._lesson.train) if supervised else 0,
            "encoder": None,
            "seconds": {"total": 0.0},
            "peak_mib": None,
            "points": None,
            "versions": provenance.versions("relscout", "numpy"),
        }

    def _hash(self, *what: Any) -> str:
        episodes = [lesson_scores.EPISODES, lesson_scores.N_EPISODES] if self._kind == "few-shot" else []
        return runs.hash_of([_SCHEME, self._preset.protocol, self._instances, episodes, *what])

    def _identity(self, key: str, setup: str, row: str, kind: str, method: str | None) -> dict[str, Any]:
        return {
            "key": key,
            "setup": setup,
            "preset": self._preset.name,
            "row": row,
            "kind": kind,
            "method": method,
            "protocol": self._preset.protocol,
            "scored": len(self._lesson.scored),
        }
