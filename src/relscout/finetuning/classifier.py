"""The base of relation classifiers: labels, held-out instances, a head on an encoder, and the best epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.files import Artifact, save_artifact
from relscout.core.instances import NAMES_OF_NONE, RelationInstance, canonical_order
from relscout.core.parameters import Parameters
from relscout.core.progress import Progress, silent
from relscout.core.seeding import checked_seed, generator
from relscout.core.settings import to_mapping
from relscout.encoders import OnLoss, TransformerEncoder, loss_warnings, unknown_share
from relscout.training.checkpointing import CheckpointedTraining
from relscout.training.classification import ClassificationSettings, Classifier, Learner, Read
from relscout.training.labels import canonical, classes_of, digest
from relscout.training.stored import Checkpoints, load_kind, whole


@dataclass(frozen=True)
class HeldOut(Generic[Read]):
    """Held-out sentences, on which the best epoch is selected.

    Args:
        prepared: The sentences.
        classes: Gold class of each (N,), int64; -1 if the training data lack the relation.
        related: Whether each has a relation (N,), bool: its gold relation does not mean "no relation".
        none: Whether each class means "no relation" (R,), bool.
    """

    prepared: Read
    classes: NDArray[np.int64]
    related: NDArray[np.bool_]
    none: NDArray[np.bool_]

    @property
    def score_name(self) -> str:
        """Name of the score: ``micro_f1`` without "no relation", or ``accuracy`` if no relation means that."""
        return "micro_f1" if self.none.any() or not self.related.all() else "accuracy"

    def score(self, predicted: NDArray[np.int64]) -> float:
        """Return the score of predicted classes (N,), in [0, 1]."""
        right, positive = predicted == self.classes, ~self.none[predicted]
        # equal to the accuracy if all are related
        total = int(positive.sum()) + int(self.related.sum())
        return 2 * int((right & self.related).sum()) / total if total else 0.0

    def score_of(self, classifier: Classifier[Read], learner: Learner[Read], progress: Progress) -> float:
        """Return the score of a classifier and its encoder in their current state."""
        weight, bias = classifier.head
        weight = weight.T * np.float32(learner.scale)
        of_content = np.empty(len(self.prepared.lengths), dtype=np.int64)
        for contents, vectors in learner.encoded(self.prepared, progress):
            of_content[contents] = (vectors @ weight + bias).argmax(axis=1)
        return self.score(of_content[self.prepared.row_of])


@dataclass(frozen=True)
class Given:
    """Labelled instances in canonical order, and their classes, numbered by the first instance of each relation.

    Args:
        known: Training instances, without repetitions.
        names: Names of the R relations.
        classes: Class of each of ``known`` (N,), int64.
        held: Held-out instances; ``None`` if there are none.
        gold: Class of each of ``held`` (M,), int64; -1 if ``known`` lacks the relation.
        related: Whether each of ``held`` has a relation (M,), bool: its gold relation does not mean "no relation".
        none: Whether each relation means "no relation" (R,), bool.
        warnings: What a user should know.
    """

    known: list[RelationInstance]
    names: list[str]
    classes: NDArray[np.int64]
    held: list[RelationInstance] | None
    gold: NDArray[np.int64]
    related: NDArray[np.bool_]
    none: NDArray[np.bool_]
    warnings: list[str]

    @classmethod
    def of(cls, train: Sequence[RelationInstance], dev: Sequence[RelationInstance] | None) -> Given:
        """Check labelled instances and sort them.

        Raises:
            InputError: An instance has no gold relation, there are fewer than two relations, or ``dev`` is empty.
        """
        known, warnings = canonical(train)
        names, classes = classes_of(known)
        held = None if dev is None else _checked(dev)
        number = {name: place for place, name in enumerate(names)}
        gold = np.array([number.get(str(instance.relation), -1) for instance in held or ()], dtype=np.int64)
        none = np.array([name.casefold() in NAMES_OF_NONE for name in names])
        related = np.array([not instance.is_unrelated for instance in held or ()], dtype=np.bool_)
        if missing := sorted({str(instance.relation) for instance in held or ()} - set(names)):
            warnings.append(lacking(missing, len(names), int((gold < 0).sum()), len(gold), where="dev"))
        return cls(known, names, classes, held, gold, related, none, warnings)

    def digest(self) -> str:
        """Return a hash of all classes; it does not depend on the names of the relations."""
        return digest(np.concatenate([self.classes, self.gold, self.related, self.none]).astype(np.int64))


def lacking(missing: Sequence[str], n_known: int, n_instances: int, total: int, *, where: str) -> str:
    """Return a warning that the training data lack some relations.

    Args:
        missing: Their names.
        n_known: Number of relations in the training data.
        n_instances: Number of instances with one of the missing relations.
        total: Number of instances in all.
        where: Name of the data with the missing relations.
    """
    shown = ", ".join(repr(name) for name in missing[:5]) + (", …" if len(missing) > 5 else "")
    return (
        f"{n_instances} of {total} instances in {where} have a relation that is not among the {n_known} of the "
        f"training data ({shown}) and count as mistakes"
    )


def _checked(dev: Sequence[RelationInstance]) -> list[RelationInstance]:
    """Return held-out instances in canonical order; all must have gold relations."""
    if not dev:
        raise InputError("there are no instances to select the best epoch on; give some, or leave out dev")
    bare = [instance for instance in dev if instance.relation is None]
    if bare:
        raise InputError(
            f"{len(bare)} of {len(dev)} instances in dev have no gold relation, the first of them {bare[0].id!r} "
            f"({bare[0].source or 'no source'}); label them, or leave them out"
        )
    return [dev[place] for place in canonical_order(dev)]


class Training(Protocol):
    """The settings of both kinds of classifier."""

    @property
    def epochs(self) -> int:
        """Number of epochs; if there are few instances, an epoch is several passes over them."""
        ...

    @property
    def least_steps(self) -> int:
        """Minimum number of steps."""
        ...

    @property
    def learning_rate(self) -> float:
        """Highest learning rate of the encoder."""
        ...

    @property
    def batch(self) -> int:
        """Batch size, in sentences."""
        ...

    @property
    def dropout(self) -> float:
        """Dropout rate on the representation."""
        ...

    @property
    def warm_up(self) -> float:
        """Share of the steps in which learning rates increase."""
        ...

    @property
    def weight_decay(self) -> float:
        """Weight decay."""
        ...


def passes(settings: Training, n_contents: int) -> int:
    """Return the number of passes over the sentences in an epoch that gives the minimum number of steps.

    Args:
        settings: Settings of the training.
        n_contents: Number of different sentences.
    """
    return max(ceil(settings.least_steps / (settings.epochs * ceil(n_contents / settings.batch))), 1)


def linear_head(
    learner: Learner[Read],
    prepared: Read,
    classes: NDArray[np.int64],
    n_classes: int,
    *,
    settings: Training,
    seed: int,
    head_learning_rate: float,
    clip: float | None = None,
    plain: bool = False,
) -> Classifier[Read]:
    """Return a linear layer on an encoder, to be trained together.

    Args:
        learner: The encoder.
        prepared: The sentences.
        classes: Class of each (N,), int64.
        n_classes: Number of classes.
        settings: Settings of the training.
        seed: Random seed of initial weights, batches and dropout.
        head_learning_rate: Highest learning rate of the linear layer.
        clip: Maximum norm of the gradient; ``None`` does not clip.
        plain: Whether to use plain stochastic gradient descent instead of AdamW.
    """
    return Classifier(
        learner,
        prepared,
        classes,
        n_classes,
        settings=ClassificationSettings(
            classifier_epochs=settings.epochs,
            frozen_epochs=0,
            classifier_learning_rate=settings.learning_rate,
            head_learning_rate=head_learning_rate,
            classifier_batch=settings.batch,
            classifier_dropout=settings.dropout,
            warm_up=settings.warm_up,
        ),
        seed=seed,
        weight_decay=settings.weight_decay,
        clip=clip,
        plain=plain,
        passes=passes(settings, len(prepared.lengths)),
    )


class PreparingLearner(Learner[Read], Protocol[Read]):
    """A :class:`~relscout.training.classification.Learner` that also prepares the instances to read."""

    def prepare(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress,
        on_loss: OnLoss | None = None,
    ) -> Read:
        """Return instances as the encoder reads them."""
        ...


class SentenceClassifier(Parameters, ABC, Generic[Read]):
    """Classifies sentences by the relations it was trained on.

    A relation that means "no relation" (:data:`~relscout.core.instances.NAMES_OF_NONE`) is learnt like any other, and
    left out of the micro-F1 that selects the epoch. Results do not depend on the order of the instances or the names of
    the relations.

    Args:
        seed: Random seed.

    Attributes:
        relations_: Names of the relations, sorted; set by ``fit`` and ``load``, like ``report_``.
        report_: Report of the training, as JSON values: ``epochs`` with loss, accuracy and score on ``dev``,
            ``chosen_epoch`` (from 1), ``instances``, ``dev_score`` (the name of that score, or ``None``), ``warnings``.
    """

    KIND: ClassVar[str]
    CITATION: ClassVar[str]
    _ESTIMATOR_TYPE: ClassVar[str] = "classifier"

    relations_: tuple[str, ...]
    report_: dict[str, Any]

    @property
    def encoder(self) -> TransformerEncoder | None:
        """What training starts from, where that is a transformer."""
        return None

    def fit(
        self,
        train: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Learn the relations of labelled instances.

        Args:
            train: Instances with gold relations. Repetitions count once, instances with contradictory labels not at
                all.
            dev: Labelled instances, on which the best epoch is selected; without them, the last epoch is used. A
                relation that ``train`` lacks counts as a mistake.
            progress: Progress callback.
            checkpoints: Folder for a checkpoint after each epoch, from which an interrupted fit resumes with the same
                result.

        Raises:
            InputError: An instance has no gold relation, there are fewer than two relations, or ``dev`` is empty.
            SettingError: A setting is invalid.
            DivergedError: The loss is no longer a number.
        """
        generator(self.seed, "check")
        _ = self._settings  # reports invalid settings before anything is encoded
        given = Given.of(train, dev)
        lost: Counter[str] = Counter()
        learner = self._learner(given.known)
        prepared = learner.prepare(
            given.known, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        work = Checkpoints.of(
            checkpoints,
            settings={**self.settings(), "kind": self.KIND, "labels": given.digest()},
            fingerprint=self._fingerprint(),
            instances=[*given.known, *(given.held or ())],
        )
        dev_set = None
        if given.held is not None:
            of_dev = learner.prepare(given.held, progress=progress)
            dev_set = HeldOut(of_dev, given.gold, given.related, given.none)
        classifier = self._classifier(learner, prepared, given.classes, len(given.names))
        training = CheckpointedTraining(
            classifier, work, None if dev_set is None else partial(dev_set.score_of, classifier, learner)
        )
        training.run(progress)
        weight, bias = classifier.head
        self._take(given.names, weight * np.float32(learner.scale), bias)
        self._keep(learner, learner.weights())
        self.report_ = {
            "instances": len(given.known),
            "epochs": training.epochs,
            "chosen_epoch": training.best,
            "dev_score": None if dev_set is None else dev_set.score_name,
            "warnings": [*given.warnings, *loss_warnings(lost)],
        }
        work.clear()
        return self

    def fit_predict(
        self,
        train: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> list[str]:
        """Fit, and return what the classifier assigns to each instance of ``train``."""
        self.fit(train, dev, progress=progress, checkpoints=checkpoints)
        return self.predict(train, progress=progress)

    def predict(self, instances: Sequence[RelationInstance], *, progress: Progress = silent) -> list[str]:
        """Return the relation of each instance, a name of ``relations_``.

        Raises:
            SettingError: Nothing was fitted yet.
        """
        chosen = self.predict_proba(instances, progress=progress).argmax(axis=1)
        return [self.relations_[place] for place in chosen]

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, R), float32, rows summing to 1, columns as ``relations_``.

        Args:
            instances: Labelled or not; gold relations are not looked at.
            progress: Called with the number of instances done, stage ``"encode"``.
            on_loss: Called with each truncated instance and what was lost.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        self._check_fitted()
        order = canonical_order(instances)
        vectors = self._vectors([instances[place] for place in order], progress=progress, on_loss=on_loss)
        weight, bias = self._head
        scores: NDArray[np.float32] = vectors @ weight.T + bias  # (N, R)
        scores -= scores.max(axis=1, keepdims=True, initial=-np.inf)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores[np.argsort(order)][:, self._by_name]

    def unknown_share(self, instances: Sequence[RelationInstance]) -> float:
        """Return the share of the tokens of instances that the encoder does not know, from 0 to 1, in a sample."""
        return unknown_share(self.encoder, [instance.text for instance in instances])

    def settings(self) -> Mapping[str, Any]:
        """Return all settings that determine the fit, as JSON values."""
        return {"seed": checked_seed(self.seed), **to_mapping(self._settings)}

    def save(self, folder: Path) -> None:
        """Write the classifier to a folder.

        Raises:
            SettingError: Nothing was fitted yet.
            OutputError: The folder holds other files or cannot be written.
        """
        self._check_fitted()
        described, tensors = self._saved()
        settings = {
            "settings": dict(self.settings()),
            "classes": list(self._classes),
            "report": self.report_,
            **described,
        }
        weight, bias = self._head
        save_artifact(
            folder, Artifact(self.KIND, settings, {**tensors, "head.weight": weight, "head.bias": bias})
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a classifier from a folder; its predictions are the same.

        Raises:
            ArtifactError: The folder does not hold a classifier of this kind.
        """
        artifact = load_kind(folder, cls.KIND)
        with whole(folder, cls.KIND):
            described, tensors = dict(artifact.settings), dict(artifact.tensors)
            loaded = cls._restored(described, tensors)
            loaded.report_ = dict(described["report"])
            weight, bias = tensors["head.weight"], tensors["head.bias"]
            loaded._take([str(name) for name in described["classes"]], weight, bias)
        if weight.ndim != 2 or not len(weight) == len(bias) == len(loaded.relations_):
            raise ArtifactError(
                f"{folder} has a head of shape {weight.shape} for {len(loaded.relations_)} relations; save it again"
            )
        return loaded

    @abstractmethod
    def _classifier(
        self, learner: Learner[Read], prepared: Read, classes: NDArray[np.int64], n_classes: int
    ) -> Classifier[Read]:
        """Return the head on the encoder, before it trains."""

    @abstractmethod
    def _learner(self, _: Sequence[RelationInstance]) -> PreparingLearner[Read]:
        """Return the encoder to train on these instances."""

    @abstractmethod
    def _fingerprint(self) -> str:
        """Return a hash of what determines the fit in addition to settings and instances."""

    @abstractmethod
    def _keep(self, learner: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep the encoder's weights of the chosen epoch. An earlier fit stays valid until then."""

    @abstractmethod
    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        """Return the vectors (N, D), float32, that the head reads."""

    @abstractmethod
    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the JSON values and arrays from which :meth:`_restored` restores the encoder."""

    @classmethod
    @abstractmethod
    def _restored(cls, details: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a classifier with the encoder that :meth:`_saved` described, without a head."""

    def _take(self, classes: Sequence[str], weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Keep the head; its rows stay in the order of training, which does not depend on names."""
        self._classes, self._head = tuple(classes), (weight, bias)
        self._by_name = sorted(range(len(classes)), key=classes.__getitem__)
        self.relations_ = tuple(classes[place] for place in self._by_name)

    def _check_fitted(self) -> None:
        if not hasattr(self, "_head"):
            raise SettingError(
                f"this {type(self).__name__} has learnt no relations yet; call fit, or load one"
            )

    _classes: tuple[str, ...]
    _by_name: list[int]
    _head: tuple[NDArray[np.float32], NDArray[np.float32]]
