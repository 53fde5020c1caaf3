"""Table 1 of Peng et al. (2020) on your data: classifiers trained and tested in each input format.

Peng et al. 2020, "Learning from Context or Names?", section 2: rows are models, columns the formats. Unlike a fitted
model with rewritten inputs, each classifier has seen its format in training. The figures of section 2.4 of the paper,
shares in common with C+M, are of these classifiers.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.lab.analysis.analyze import without_tested
from relscout.lab.analysis.figures import commonest, compare_trained_formats, none_among
from relscout.lab.analysis.formats import formats_for, same
from relscout.metrics import MeanStd, classification_scores, mean_std
from relscout.training.labels import check_labelled, check_left
from relscout.training.stored import Checkpoints

if TYPE_CHECKING:
    from relscout.finetuning.cnn import CNNClassifier
    from relscout.finetuning.supervised import RelationClassifier


class Trainable(Protocol):
    """A classifier that is not yet trained."""

    def fit(
        self,
        train: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Train on labelled instances."""
        ...

    def predict(self, instances: Sequence[RelationInstance], *, progress: Progress = silent) -> list[str]:
        """Return the relation of each instance."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return the settings as JSON values; with the data, they determine the result."""
        ...


#: Creates the classifier of a row for an input format and a seed.
Maker = Callable[[str, int], Trainable]


def rows_like(
    model: RelationClassifier | CNNClassifier, *, cnn: bool = False
) -> tuple[dict[str, Maker], str]:
    """Return name and factory of each row, and a hash of the initial weights.

    Args:
        model: A classifier. The row has its settings and starts from its encoder before training; the format
            determines the marking.
        cnn: Whether to add a convolutional network with default settings.
    """
    from relscout.finetuning.supervised import RelationClassifier

    if not isinstance(model, RelationClassifier):
        return {"CNN": _cnn(model.settings())}, ""
    rows = {"CNN": _cnn({})} if cnn else {}
    return {**rows, Path(model.encoder.settings.model).name: _encoder(model)}, model.encoder.fingerprint


def _cnn(settings: Mapping[str, Any]) -> Maker:
    from relscout.finetuning.cnn import CNNClassifier

    options = {name: value for name, value in settings.items() if name not in ("seed", "marking")}

    def make(format: str, seed: int) -> CNNClassifier:
        return CNNClassifier(seed=seed, marking=format, **options)

    return make


def _encoder(model: RelationClassifier) -> Maker:
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.supervised import RelationClassifier

    start = model.encoder.settings
    options = {name: value for name, value in model.settings().items() if name not in ("seed", "encoder")}

    def make(format: str, seed: int) -> RelationClassifier:
        # no cache: each vector is needed once
        return RelationClassifier(TransformerEncoder(replace(start, marking=format)), seed=seed, **options)

    return make


@dataclass(frozen=True, eq=False)
class TableOne:
    """Predictions and scores of classifiers trained in each format.

    Args:
        gold: Gold relations of the N test instances.
        predicted: Row → input format → predicted relations (N,) of each seed.
        seeds: The seeds.
        n_train: Number of training instances.
        warnings: What was left out.
    """

    gold: Sequence[str]
    predicted: Mapping[str, Mapping[str, Sequence[Sequence[str]]]]
    seeds: Sequence[int]
    n_train: int
    warnings: Sequence[str] = ()

    @property
    def formats(self) -> list[str]:
        """The input formats, columns of the table."""
        return list(next(iter(self.predicted.values())))

    @property
    def none(self) -> tuple[str, ...]:
        """Names of the "no relation" class, which micro-F1 ignores."""
        return none_among(self.gold)

    @property
    def score(self) -> str:
        """Kind of score: ``"micro-F1"``, or ``"accuracy"`` without a "no relation" class."""
        return "micro-F1" if self.none else "accuracy"

    def scores(self, row: str, format: str) -> list[float]:
        """Return the score of each seed."""
        return [self._score(labels) for labels in self.predicted[row][format]]

    def median(self, row: str, format: str) -> float:
        """Return the median over the seeds, which the paper reports."""
        return statistics.median(self.scores(row, format))

    def spread(self, row: str, format: str) -> MeanStd:
        """Return mean and standard deviation over the seeds."""
        return mean_std(self.scores(row, format))

    @property
    def majority(self) -> float:
        """Score of always predicting the most frequent relation."""
        return self._score([commonest(self.gold, but=self.none)] * len(self.gold))

    def right_shared(self, row: str, format: str) -> float | None:
        """Return the share of the right predictions in C+M that are right in a format, too, over all seeds."""
        right, here = self._right(row, "C+M"), self._right(row, format)
        return float(here[right].mean()) if right.any() else None

    def wrong_same(self, row: str, format: str) -> float | None:
        """Return the share of the wrong predictions in C+M that are the same in a format, over all seeds."""
        wrong = ~self._right(row, "C+M")
        pairs = zip(self.predicted[row]["C+M"], self.predicted[row][format], strict=True)
        alike = np.concatenate([same(*pair) for pair in pairs])
        return float(alike[wrong].mean()) if wrong.any() else None

    def order(self, row: str) -> str:
        """Describe whether the mean scores of a row follow the order of the paper.

        Two formats are ordered if the bootstrap interval of their difference over the test instances excludes 0 and
        every seed of one scores above every seed of the other.
        """
        scores = {format: self.scores(row, format) for format in self.formats}
        order = compare_trained_formats(self.predicted[row], self.gold, self.none, scores)
        sentence = order.sentence(f"The scores of {row}")
        if len(self.seeds) > 1:
            return (
                f"{sentence} A difference counts if it is significant over the instances and holds for all "
                f"{len(self.seeds)} seeds."
            )
        return f"{sentence} This is one seed: differences may be within the variation between seeds."

    def as_dict(self) -> dict[str, Any]:
        """Return scores and shares as JSON values."""
        rows = {
            row: {
                format: {
                    "median": round(self.median(row, format), 6),
                    "seeds": [round(value, 6) for value in self.scores(row, format)],
                    "right_shared": _rounded(self.right_shared(row, format)),
                    "wrong_same": _rounded(self.wrong_same(row, format)),
                }
                for format in self.formats
            }
            for row in self.predicted
        }
        return {
            "score": self.score,
            "none": list(self.none),
            "n_train": self.n_train,
            "n_test": len(self.gold),
            "seeds": list(self.seeds),
            "rows": rows,
            "order": {row: self.order(row) for row in self.predicted},
            "majority": round(self.majority, 6),
            "warnings": list(self.warnings),
        }

    def _score(self, labels: Sequence[str]) -> float:
        none = self.none
        if not none:
            return classification_scores(labels, self.gold).accuracy
        # all names of "no relation" are one class to micro-F1
        predicted, gold = (
            [none[0] if label in none else label for label in side] for side in (labels, self.gold)
        )
        return classification_scores(predicted, gold, na_label=none[0]).micro_f1

    def _right(self, row: str, format: str) -> NDArray[np.bool_]:
        return np.concatenate([same(labels, self.gold) for labels in self.predicted[row][format]])


def table_one(
    rows: Mapping[str, Maker],
    train: Sequence[RelationInstance],
    test: Sequence[RelationInstance],
    dev: Sequence[RelationInstance] | None = None,
    *,
    seeds: Sequence[int],
    fingerprint: str = "",
    progress: Progress = silent,
    checkpoints: Path | None = None,
) -> TableOne:
    """Train and test every row in every format with every seed.

    Test sentences are removed from ``train`` and ``dev``. A gold relation of ``test`` that ``train`` lacks counts as a
    mistake. An interrupted table resumes from ``checkpoints``.

    Args:
        rows: Name of a row → factory of its classifiers.
        train: Labelled training instances.
        test: Labelled test instances.
        dev: Labelled instances that select the epoch, if any.
        seeds: Seeds of the classifiers.
        fingerprint: Hash of the initial weights; a checkpoint of other weights is not resumed.
        progress: Called with the number of finished classifiers, and the progress of each.
        checkpoints: Folder for checkpoints.

    Raises:
        InputError: An instance has no gold relation, or fewer than two relations are left to learn.
    """
    check_labelled(train)
    if bare := sum(instance.relation is None for instance in test):
        raise InputError(f"{bare} of {len(test)} instances to test on have no gold relation; leave them out")
    train, warnings = without_tested(train, test, "to learn from")
    if warnings:
        check_left(train, warnings)
    if dev:
        dev, left_out = without_tested(dev, test, "to choose the epoch on")
        warnings += left_out
        if not dev:
            dev = None
            warnings.append("no instance is left to choose the epoch on, so that every epoch is trained")
    gold = [str(instance.relation) for instance in test]
    if strange := sorted(set(gold) - {str(instance.relation) for instance in train}):
        count = sum(relation in strange for relation in gold)
        named = ", ".join(map(repr, strange[:3])) + (", …" if len(strange) > 3 else "")
        warnings.append(
            f"{count} of {len(gold)} instances have a relation that is not learnt ({named}): mistakes"
        )
    formats = formats_for([*train, *test])
    work = _work(checkpoints, rows, formats, seeds, train, test, dev, fingerprint=fingerprint)
    stored = work.load()
    done: dict[str, list[str]] = {} if stored is None else dict(stored[0])
    predicted: dict[str, dict[str, list[Sequence[str]]]] = {}
    bare_test = [instance.without_relation() for instance in test]
    total = len(rows) * len(formats) * len(seeds)
    for row, make in rows.items():
        predicted[row] = {format: [] for format in formats}
        for format in formats:
            for seed in seeds:
                cell = f"{row}|{format}|{seed}"
                if cell not in done:
                    progress("Table 1", len(done), total)
                    classifier = make(format, seed)
                    classifier.fit(train, dev, progress=progress, checkpoints=checkpoints)
                    done[cell] = classifier.predict(bare_test, progress=progress)
                    work.keep(done, {})
                predicted[row][format].append(done[cell])
    progress("Table 1", total, total)
    work.clear()
    return TableOne(gold, predicted, tuple(seeds), len(train), tuple(warnings))


def _work(
    checkpoints: Path | None,
    rows: Mapping[str, Maker],
    formats: Sequence[str],
    seeds: Sequence[int],
    *sides: Sequence[RelationInstance] | None,
    fingerprint: str,
) -> Checkpoints:
    # predictions are stored in the order of the test instances, so that the order is part of the key
    labels = json.dumps([[instance.relation for instance in side or ()] for side in sides])
    made = {row: {format: make(format, 0).settings() for format in formats} for row, make in rows.items()}
    settings = {
        "kind": "table one",
        "rows": made,
        "seeds": list(seeds),
        "labels": blake2b(labels.encode(), digest_size=12).hexdigest(),
    }
    instances = [instance for side in sides for instance in side or ()]
    return Checkpoints.of(checkpoints, settings=settings, fingerprint=fingerprint, instances=instances)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
