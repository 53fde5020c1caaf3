"""Table 1 of Peng et al. (2020) on the user's data: classifiers trained and tested in each input format.

Peng et al. 2020, "Learning from Context or Names?", section 2: rows are models, columns the formats. Unlike the same
weights that are shown other inputs, a classifier that was trained in a format knows its inputs; what it lacks is the
information. The figures of section 2.4, what is shared with C+M, are of these classifiers in the paper.
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
from relscout.lab.analysis.analyze import untested
from relscout.lab.analysis.figures import commonest, none_among, order_over_seeds
from relscout.lab.analysis.formats import formats_for, same
from relscout.metrics import MeanStd, classification_scores, mean_std
from relscout.training.labels import check_labelled, check_left
from relscout.training.stored import Work

if TYPE_CHECKING:
    from relscout.finetuning.cnn import CNNClassifier
    from relscout.finetuning.supervised import RelationClassifier


class Trainable(Protocol):
    """What is needed of a classifier that is yet to be trained."""

    def fit(
        self,
        train: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Learn the relations of labelled instances."""
        ...

    def predict(self, instances: Sequence[RelationInstance], *, progress: Progress = silent) -> list[str]:
        """Return the relation of each instance."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        ...


#: Makes the classifier of a row for an input format and a seed.
Maker = Callable[[str, int], Trainable]


def rows_like(
    model: RelationClassifier | CNNClassifier, *, cnn: bool = False
) -> tuple[dict[str, Maker], str]:
    """Return the rows of a table, by name, and a hash of the weights that training starts from.

    Args:
        model: A classifier; others like it have its settings and start from its encoder as that was before training.
            The marking makes the format, whatever the marking of the model is.
        cnn: Whether a convolutional network with default settings is a row, too.
    """
    from relscout.finetuning.supervised import RelationClassifier

    if not isinstance(model, RelationClassifier):
        return {"CNN": _cnn(model.settings())}, ""
    rows = {"CNN": _cnn({})} if cnn else {}
    return {**rows, Path(model.encoder.settings.model).name: _encoder(model)}, model.encoder.fingerprint


def _cnn(settings: Mapping[str, object]) -> Maker:
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
        # a cache would be filled with vectors that are read once
        return RelationClassifier(TransformerEncoder(replace(start, marking=format)), seed=seed, **options)

    return make


@dataclass(frozen=True, eq=False)
class TableOne:
    """What classifiers that were trained in each format predict, and how that scores.

    Args:
        gold: Gold relations of the N instances that are tested on.
        predicted: Row → input format → predicted relations (N,) of each seed.
        seeds: The seeds.
        n_train: Number of instances that were learnt from.
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
        """Gold relations that mean none, which micro-F1 does not count."""
        return none_among(self.gold)

    @property
    def score(self) -> str:
        """What is scored: ``"micro-F1"``, or ``"accuracy"`` where no gold relation means none."""
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
    def nothing(self) -> float:
        """Score of always giving the commonest relation."""
        return self._score([commonest(self.gold, but=self.none)] * len(self.gold))

    def right_shared(self, row: str, format: str) -> float | None:
        """Return which share of the right predictions of C+M is right in a format, too, over all seeds."""
        right, here = self._right(row, "C+M"), self._right(row, format)
        return float(here[right].mean()) if right.any() else None

    def wrong_same(self, row: str, format: str) -> float | None:
        """Return which share of the wrong predictions of C+M is the very same in a format, over all seeds."""
        wrong = ~self._right(row, "C+M")
        alike = np.concatenate([same(*pair) for pair in self._pairs(row, format)])
        return float(alike[wrong].mean()) if wrong.any() else None

    def order(self, row: str) -> str:
        """Return in words whether the scores of a row stand in the order of the paper.

        Compared are means over the seeds. Two formats are ordered where the bootstrap interval of the difference over
        the test instances excludes 0 and every seed of one scores above every seed of the other.
        """
        scores = {format: self.scores(row, format) for format in self.formats}
        order = order_over_seeds(self.predicted[row], self.gold, self.none, scores)
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
                    "seeds": [round(one, 6) for one in self.scores(row, format)],
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
            "nothing": round(self.nothing, 6),
            "warnings": list(self.warnings),
        }

    def _score(self, labels: Sequence[str]) -> float:
        none = self.none
        if not none:
            return classification_scores(labels, self.gold).accuracy
        # whatever means none is one to micro-F1, which counts no hit on it
        found, gold = ([none[0] if one in none else one for one in side] for side in (labels, self.gold))
        return classification_scores(found, gold, na_label=none[0]).micro_f1

    def _right(self, row: str, format: str) -> NDArray[np.bool_]:
        return np.concatenate([same(labels, self.gold) for labels in self.predicted[row][format]])

    def _pairs(self, row: str, format: str) -> list[tuple[Sequence[str], Sequence[str]]]:
        both = self.predicted[row]
        return list(zip(both["C+M"], both[format], strict=True))


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
    """Train every row in every format with every seed, and test each.

    Sentences that are tested on are left out of what is learnt from, and of what chooses the epoch. A gold relation of
    ``test`` that ``train`` lacks counts as a mistake. What is done of an interrupted table is kept.

    Args:
        rows: Name of a row → what makes its classifiers.
        train: Labelled instances to learn from.
        test: Labelled instances to test on.
        dev: Labelled instances on which each classifier chooses its epoch, or none.
        seeds: One classifier for each of them.
        fingerprint: Hash of the weights that training starts from, so that what is kept goes with no others.
        progress: Called with how many classifiers are done, and how far each of them is.
        checkpoints: Folder that keeps what is done.

    Raises:
        InputError: An instance has no gold relation, or fewer than two relations are left to learn.
    """
    check_labelled(train)
    if bare := sum(one.relation is None for one in test):
        raise InputError(f"{bare} of {len(test)} instances to test on have no gold relation; leave them out")
    learnt, warnings = untested(train, test, "to learn from")
    if warnings:
        check_left(learnt, warnings)
    if dev:
        dev, left_out = untested(dev, test, "to choose the epoch on")
        warnings += left_out
        if not dev:
            dev = None
            warnings.append("no instance is left to choose the epoch on, so that every epoch is trained")
    gold = [str(one.relation) for one in test]
    if strange := sorted(set(gold) - {str(one.relation) for one in learnt}):
        count = sum(one in strange for one in gold)
        named = ", ".join(map(repr, strange[:3])) + (", …" if len(strange) > 3 else "")
        warnings.append(
            f"{count} of {len(gold)} instances have a relation that is not learnt ({named}): mistakes"
        )
    formats = formats_for([*learnt, *test])
    work = _work(checkpoints, rows, formats, seeds, learnt, test, dev, fingerprint=fingerprint)
    kept = work.load()
    done: dict[str, list[str]] = {} if kept is None else dict(kept[0])
    predicted: dict[str, dict[str, list[Sequence[str]]]] = {}
    bare_test = [one.without_relation() for one in test]
    total = len(rows) * len(formats) * len(seeds)
    for row, make in rows.items():
        predicted[row] = {format: [] for format in formats}
        for format in formats:
            for seed in seeds:
                cell = f"{row}|{format}|{seed}"
                if cell not in done:
                    progress("Table 1", len(done), total)
                    classifier = make(format, seed).fit(
                        learnt, dev, progress=progress, checkpoints=checkpoints
                    )
                    done[cell] = classifier.predict(bare_test, progress=progress)
                    work.keep(done, {})
                predicted[row][format].append(done[cell])
    progress("Table 1", total, total)
    work.clear()
    return TableOne(gold, predicted, tuple(seeds), len(learnt), tuple(warnings))


def _work(
    checkpoints: Path | None,
    rows: Mapping[str, Maker],
    formats: Sequence[str],
    seeds: Sequence[int],
    *sides: Sequence[RelationInstance] | None,
    fingerprint: str,
) -> Work:
    """Return where the table is kept: its order of test instances is part of it, since predictions are kept in it."""
    labels = json.dumps([[one.relation for one in side or ()] for side in sides])
    made = {row: {format: make(format, 0).settings() for format in formats} for row, make in rows.items()}
    settings = {
        "kind": "table one",
        "rows": made,
        "seeds": list(seeds),
        "labels": blake2b(labels.encode(), digest_size=12).hexdigest(),
    }
    instances = [one for side in sides for one in side or ()]
    return Work.of(checkpoints, settings=settings, fingerprint=fingerprint, instances=instances)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
