"""Fits with several seeds: scores, median, mean and standard deviation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from relscout.core.errors import InputError
from relscout.core.instances import NAMES_OF_NONE, RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders.settings import learnt_note
from relscout.finetuning.classifier import SentenceClassifier, lacking
from relscout.metrics import (
    ClassificationScores,
    Confusion,
    RelationScore,
    classification_scores,
    confusions,
    directed_macro_f1,
    has_directions,
    mean_std,
    relation_scores,
)
from relscout.training.labels import check_left, content, drawn_share


@dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions.

    Args:
        reported: Name of the figure that the paper reports of such data: ``micro_f1`` if a relation means "no
            relation", which it leaves out (as the released code leaves out class 0), else ``accuracy``.
        figures: All figures; see :class:`~relscout.metrics.ClassificationScores`.
        directed_macro_f1: The official score of SemEval-2010 Task 8, if the relations have directions; see
            :func:`~relscout.metrics.directed_macro_f1`.
        none: Name of the relation that means "no relation".
        relations: Scores of each relation, sorted by name.
        confusions: Confused pairs of relations, the most frequent first.
    """

    reported: str
    figures: ClassificationScores
    directed_macro_f1: float | None
    none: str | None
    relations: list[RelationScore]
    confusions: list[Confusion]

    @property
    def value(self) -> float:
        """Value of the reported figure, in [0, 1]."""
        return float(getattr(self.figures, self.reported))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "reported": self.reported,
            **self.figures.as_dict(),
            "directed_macro_f1": self.directed_macro_f1,
            "none": self.none,
            "relations": [relation.as_dict() for relation in self.relations],
            "confusions": [confusion.as_dict() for confusion in self.confusions],
        }


def scores_of(predicted: Sequence[str], gold: Sequence[str]) -> Scores:
    """Score predicted relations against gold ones.

    All names of "no relation" (:data:`~relscout.core.instances.NAMES_OF_NONE`) count as one class.

    Args:
        predicted: Names (N,).
        gold: Names (N,) of the same instances in the same order.

    Raises:
        InputError: The lengths differ, or are 0.
    """
    names = sorted({name for name in (*gold, *predicted) if name.casefold() in NAMES_OF_NONE})
    none = names[0] if names else None
    given, right = ([none if name in names else name for name in side] for side in (predicted, gold))
    directed = None
    if has_directions([*given, *right], na_label=none):
        directed = directed_macro_f1(given, right, na_label=none)
    return Scores(
        reported="accuracy" if none is None else "micro_f1",
        figures=classification_scores(given, right, na_label=none),
        directed_macro_f1=directed,
        none=none,
        relations=relation_scores(given, right),
        confusions=confusions(given, right),
    )


@dataclass(frozen=True)
class Prediction:
    """The prediction of a classifier for one instance.

    Args:
        instance: The instance, with or without a gold relation.
        relation: The most probable relation.
        probability: Its probability, in [0, 1].
    """

    instance: RelationInstance
    relation: str
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        instance = self.instance
        return {
            "id": instance.id,
            "source": instance.source,
            "head": instance.head_text,
            "tail": instance.tail_text,
            "gold": instance.relation,
            "relation": self.relation,
            "probability": round(self.probability, 6),
        }


@dataclass(frozen=True)
class Trial:
    """The result of one seed.

    Args:
        seed: The seed.
        scores: Scores on the test data.
        report: Report of the training; see :attr:`SentenceClassifier.report_`.
    """

    seed: int
    scores: Scores
    report: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        report = {name: value for name, value in self.report.items() if name != "warnings"}
        return {"seed": self.seed, **report, "scores": self.scores.as_dict()}


@dataclass
class Trials:
    """The results of all seeds.

    Args:
        trials: The result of each seed.
        model: The classifier with the best score on ``dev``, or that of the first seed without ``dev``. Scores on the
            test data do not matter for the choice.
        chosen: Its place among the trials.
        predictions: Predictions of that classifier on the test data.
        warnings: Warnings for the user, without repetitions.
    """

    trials: list[Trial]
    model: SentenceClassifier[Any]
    chosen: int
    predictions: list[Prediction]
    warnings: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, dict[str, float | None]]:
        """Return ``median``, ``mean`` and ``std`` (``None`` for a single seed) of each figure over the seeds."""
        names = ["accuracy", "micro_precision", "micro_recall", "micro_f1", "macro_f1"]
        values = {
            name: [float(getattr(trial.scores.figures, name)) for trial in self.trials] for name in names
        }
        directed = [trial.scores.directed_macro_f1 for trial in self.trials]
        if None not in directed:
            values["directed_macro_f1"] = [value for value in directed if value is not None]
        summary: dict[str, dict[str, float | None]] = {}
        for name, over_seeds in values.items():
            mean, std, _ = mean_std(over_seeds)
            summary[name] = {"median": statistics.median(over_seeds), "mean": mean, "std": std}
        return summary

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the classifier and its predictions as JSON values."""
        return {
            "kind": self.model.KIND,
            "settings": dict(self.model.settings()),
            "relations": list(self.model.relations_),
            "reported": self.trials[self.chosen].scores.reported,
            "summary": self.summary(),
            "saved_seed": self.trials[self.chosen].seed,
            "trials": [trial.as_dict() for trial in self.trials],
            "warnings": self.warnings,
        }


def run_trials(
    build: Callable[[int], SentenceClassifier[Any]],
    train: Sequence[RelationInstance],
    test: Sequence[RelationInstance],
    *,
    dev: Sequence[RelationInstance] | None = None,
    seeds: Sequence[int] = (0,),
    share: float = 1.0,
    progress: Progress = silent,
    checkpoints: Path | None = None,
) -> Trials:
    """Fit and score a classifier once for each seed.

    Args:
        build: Returns a new classifier for a seed.
        train: Labelled instances. Sentences that ``test`` has with the same mentions are left out, and in ``dev``, too.
        test: Test instances; those without a gold relation are predicted, but not scored.
        dev: Labelled instances, on which the best epoch and the best classifier are selected.
        seeds: The seeds, at least one; those of the paper are 42 to 46.
        share: Share of ``train`` that is drawn for each seed; see :func:`drawn_share`.
        progress: Progress callback.
        checkpoints: Folder for checkpoints.

    Raises:
        InputError: There are too few labelled instances, or no instances of ``dev``, after those in ``test`` were left
            out; no test instance has a gold relation; or there is no seed.
        SettingError: A setting cannot work.
    """
    scored = [place for place, instance in enumerate(test) if instance.relation is not None]
    if not scored:
        raise InputError(
            f"none of the {len(test)} test instances has a gold relation, so nothing can be scored"
        )
    train, left_out = _apart(train, test, where="the training data")
    if left_out:
        check_left(train, left_out)
    if dev is not None:
        dev, of_dev = _apart(dev, test, where="dev")
        left_out += of_dev
        if of_dev and not dev:
            raise InputError(f"there are no instances to choose the best epoch on; {of_dev[0]}")
    trials: Trials | None = None
    best = -1.0
    for seed in seeds:
        known = list(train) if share == 1 else drawn_share(train, share, seed=seed)
        model = build(seed).fit(known, dev, progress=progress, checkpoints=checkpoints)
        shares = model.predict_proba(test, progress=progress)
        likeliest = shares.argmax(axis=1)
        names = [model.relations_[place] for place in likeliest]
        scores = scores_of(
            [names[place] for place in scored], [str(test[place].relation) for place in scored]
        )
        trial = Trial(seed, scores, model.report_)
        # the score of the chosen epoch, which is the highest
        reached = max((epoch.get("dev", 0.0) for epoch in model.report_["epochs"]), default=0.0)
        if trials is None or reached > best:
            best = reached
            probabilities = shares[np.arange(len(test)), likeliest].tolist()
            predictions = [Prediction(*values) for values in zip(test, names, probabilities, strict=True)]
            earlier = [] if trials is None else trials.trials
            warnings = left_out if trials is None else trials.warnings
            trials = Trials([*earlier, trial], model, len(earlier), predictions, warnings)
        else:
            trials.trials.append(trial)
        trials.warnings += [text for text in _warnings(model, test) if text not in trials.warnings]
    if trials is None:
        raise InputError("there is no seed to fit with; give at least one")
    return trials


def _apart(
    instances: Sequence[RelationInstance], test: Sequence[RelationInstance], *, where: str
) -> tuple[list[RelationInstance], list[str]]:
    """Return the instances that are not in the test data, and a warning about the others."""
    tested = {content(instance) for instance in test}
    kept = [instance for instance in instances if content(instance) not in tested]
    if len(kept) == len(instances):
        return kept, []
    return kept, [
        f"{len(instances) - len(kept)} of {len(instances)} instances in {where} were left out: the test data have the "
        "same sentences with the same mentions"
    ]


def _warnings(model: SentenceClassifier[Any], test: Sequence[RelationInstance]) -> list[str]:
    known = set(model.relations_)
    labelled = [str(instance.relation) for instance in test if instance.relation is not None]
    unknown = [relation for relation in labelled if relation not in known]
    warnings: list[str] = list(model.report_["warnings"])
    if unknown:
        missing = sorted(set(unknown))
        warnings.append(lacking(missing, len(known), len(unknown), len(test), where="the test data"))
    if model.encoder is not None:
        note = learnt_note(model.encoder.settings.model, labelled)
        warnings += [note] if note else []
    return warnings
