"""One run of a lesson: learn, score, and take down everything a table will ask for."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from relscout.config import to_mapping
from relscout.encoders import TransformerEncoder
from relscout.encoders.learnt import learnt_note
from relscout.experiments import provenance
from relscout.experiments.learners import Classifying, Episodic, Learner
from relscout.experiments.lesson_scores import EPISODES, EPISODES_SEED, N_EPISODES, SHOTS, WAYS, scores_of
from relscout.experiments.lessons import Lesson
from relscout.experiments.measuring import RESUMED
from relscout.experiments.runs import Run
from relscout.progress import Progress

_ELSEWHERE = ("encoder", "seed")


def measure_lesson(
    run: Run,
    learner: Learner,
    lesson: Lesson,
    encoder: TransformerEncoder | None,
    *,
    checkpoints: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Do a run and return what its record says of it.

    Args:
        run: What to do.
        learner: What learns.
        lesson: The instances. The gold relations of those that are classified are taken away before; those of episodes
            tell which instances are shown together.
        encoder: The encoder that the run describes; ``None`` where it needs none.
        checkpoints: Folder for work in progress, with which an interrupted run goes on.
        progress: Told how far it is.
    """
    warnings = [*lesson.notes]
    if checkpoints.is_dir() and any(checkpoints.iterdir()):
        warnings.append(RESUMED)
    if learner.kind == "supervised" and encoder is not None:
        # of episodes it is told where they are scored
        gold = {str(one.relation) for one in lesson.scored}
        warnings += filter(None, [learnt_note(encoder.settings.model, gold)])
    given = () if encoder is None else (encoder,)
    model = learner.estimator(*given, seed=run.seed, **run.settings)
    frozen = run.row.kind == "frozen"
    with provenance.measured() as whole:
        if not frozen:
            model.fit(lesson.train, lesson.dev, progress=progress, checkpoints=checkpoints)
        fitted = perf_counter()
        if learner.kind == "supervised":
            scores = _classified(model, lesson, progress)
        else:
            scores = _in_episodes(model, lesson, progress, warnings)
        scoring = perf_counter() - fitted
    report = model.report_
    return {
        "settings": {key: value for key, value in model.settings().items() if key not in _ELSEWHERE},
        "scores": scores,
        "n_relations": len({one.relation for one in (lesson.scored if frozen else lesson.train)}),
        "sizes": [],
        "names": [],
        "warnings": [*warnings, *report.get("warnings", ())],
        "report": {key: value for key, value in report.items() if key != "warnings"},
        "instances": len(lesson.train),
        "labeled": 0 if frozen else len(lesson.train),
        "encoder": None if encoder is None else _told(encoder),
        "seconds": {"total": round(whole.seconds, 3), "fit": round(whole.seconds - scoring, 3)},
        "peak_mib": None if whole.peak_mib is None else round(whole.peak_mib, 1),
        "points": None,
        "versions": provenance.versions("relscout", "numpy", "torch", "transformers"),
    }


def _classified(model: Classifying, lesson: Lesson, progress: Progress) -> dict[str, dict[str, Any]]:
    return scores_of(
        model.predict([one.without_relation() for one in lesson.scored], progress=progress), lesson
    )


def _in_episodes(
    model: Episodic, lesson: Lesson, progress: Progress, warnings: list[str]
) -> dict[str, dict[str, Any]]:
    found = model.evaluate_grid(
        lesson.scored,
        ways=WAYS,
        shots=SHOTS,
        episodes=N_EPISODES,
        seed=EPISODES_SEED,
        progress=progress,
    )
    warnings += dict.fromkeys(text for one in found for text in one.warnings)
    return {
        name: {"accuracy": one.accuracy, "standard_error": one.standard_error, "episodes": N_EPISODES}
        for name, one in zip(EPISODES, found, strict=True)
    }


def _told(encoder: TransformerEncoder) -> dict[str, Any]:
    return {
        **to_mapping(encoder.settings),
        "device": str(encoder.device),
        "parameters": sum(tensor.numel() for tensor in encoder.model.parameters()),
    }
