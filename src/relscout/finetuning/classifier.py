"""What relation classifiers share: labels, held-out instances, a head on an encoder, and the choice of the epoch."""

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
from relscout.core.seeding import generator
from relscout.core.settings import to_mapping
from relscout.encoders import OnLoss, TransformerEncoder, loss_warnings, unknown_share
from relscout.training.checkpointing import CheckpointedTraining
from relscout.training.classification import ClassificationSettings, Classifier, Learner, Read
from relscout.training.labels import canonical, classes_of, digest
from relscout.training.stored import Checkpoints, load_kind, whole


@dataclass(frozen=True)
class HeldOut(Generic[Read]):
    """Sentences that an epoch is chosen on.

    Args:
        prepared: The sentences.
        classes: Gold class of each (N,), int64; -1 for a relation that is not among those that are learnt.
        related: Whether the gold relation of each (N,), bool, is another one than "no relation".
        none: Which classes (R,), bool, mean "no relation".
    """

    prepared: Read
    classes: NDArray[np.int64]
    related: NDArray[np.bool_]
    none: NDArray[np.bool_]

    @property
    def score_name(self) -> str:
        """What :meth:`score` gives: ``micro_f1`` without "no relation", ``accuracy`` where nothing means that."""
        return "micro_f1" if self.none.any() or not self.related.all() else "accuracy"

    def score(self, predicted: NDArray[np.int64]) -> float:
        """Return the score of predicted classes (N,), in [0, 1]."""
        right, positive = predicted == self.classes, ~self.none[predicted]
        # where all are related, this is the accuracy
        total = int(positive.sum()) + int(self.related.sum())
        return 2 * int((right & self.related).sum()) / total if total else 0.0

    def score_of(self, classifier: Classifier[Read], learner: Learner[Read], progress: Progress) -> float:
        """Return the score of a classifier, and of its encoder, in their current state."""
        weight, bias = classifier.head
        weight = weight.T * np.float32(learner.scale)
        of_content = np.empty(len(self.prepared.lengths), dtype=np.int64)
        for contents, vectors in learner.encoded(self.prepared, progress):
            of_content[contents] = (vectors @ weight + bias).argmax(axis=1)
        return self.score(of_content[self.prepared.row_of])


@dataclass(frozen=True)
class Given:
    """Labelled instances in an order that they decide, and their classes by the first instance of each relation.

    Args:
        known: What is learnt from; every content once.
        names: Names of the R relations.
        classes: Class of each of ``known`` (N,), int64.
        held: What is held out; ``None`` where nothing is.
        gold: Class of each of ``held`` (M,), int64; -1 for a relation that is not learnt.
        related: Whether the relation of each of ``held`` (M,), bool, is another one than "no relation".
        none: Which relations (R,), bool, mean "no relation".
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
        """Check labelled instances and put them in order.

        Raises:
            InputError: One has no gold relation, there are fewer than two relations, or ``dev`` is empty.
        """
        known, warnings = canonical(train)
        names, classes = classes_of(known)
        held = None if dev is None else _checked(dev)
        number = {name: place for place, name in enumerate(names)}
        gold = np.array([number.get(str(one.relation), -1) for one in held or ()], dtype=np.int64)
        none = np.array([name.casefold() in NAMES_OF_NONE for name in names])
        related = np.array([not one.is_unrelated for one in held or ()], dtype=np.bool_)
        if missing := sorted({str(one.relation) for one in held or ()} - set(names)):
            warnings.append(lacking(missing, len(names), int((gold < 0).sum()), len(gold), where="dev"))
        return cls(known, names, classes, held, gold, related, none, warnings)

    def digest(self) -> str:
        """Return a hash of all classes, which the names of relations do not change."""
        return digest(np.concatenate([self.classes, self.gold, self.related, self.none]).astype(np.int64))


def lacking(missing: Sequence[str], n_known: int, n_instances: int, total: int, *, where: str) -> str:
    """Return a warning that some relations were not among those that are learnt.

    Args:
        missing: Their names.
        n_known: Number of relations that are learnt.
        n_instances: Number of instances that have one of ``missing``.
        total: Number of instances in all.
        where: Name of what has them.
    """
    shown = ", ".join(repr(name) for name in missing[:5]) + (", …" if len(missing) > 5 else "")
    return (
        f"{n_instances} of {total} instances in {where} have a relation that is not among the {n_known} of the "
        f"training data ({shown}) and count as mistakes"
    )


def _checked(dev: Sequence[RelationInstance]) -> list[RelationInstance]:
    """Return held-out instances in an order that they decide, all of them with gold relations."""
    if not dev:
        raise InputError("there are no instances to select the best epoch on; give some, or leave out dev")
    bare = [one for one in dev if one.relation is None]
    if bare:
        raise InputError(
            f"{len(bare)} of {len(dev)} instances in dev have no gold relation, the first of them {bare[0].id!r} "
            f"({bare[0].source or 'no source'}); label them, or leave them out"
        )
    return [dev[place] for place in canonical_order(dev)]


class Training(Protocol):
    """Settings that both kinds of classifier have; see these."""

    @property
    def epochs(self) -> int:
        """Passes over the training data, or several of them."""
        ...

    @property
    def least_steps(self) -> int:
        """Steps that there are at least."""
        ...

    @property
    def learning_rate(self) -> float:
        """Highest learning rate of the encoder."""
        ...

    @property
    def batch(self) -> int:
        """Sentences in a step."""
        ...

    @property
    def dropout(self) -> float:
        """Dropout rate on the representation."""
        ...

    @property
    def warm_up(self) -> float:
        """Share of the steps in which learning rates rise."""
        ...

    @property
    def weight_decay(self) -> float:
        """Weight decay."""
        ...


def passes(settings: Training, n_contents: int) -> int:
    """Return how often an epoch passes over so many different sentences, so that there are enough steps."""
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
    """Return a linear layer on an encoder, both of which train.

    Args:
        learner: The encoder.
        prepared: The sentences.
        classes: Class of each (N,), int64.
        n_classes: Number of classes.
        settings: How it trains.
        seed: Draws first weights, batches and dropout.
        head_learning_rate: Highest learning rate of the linear layer.
        clip: Longest gradient; ``None`` leaves it as it is.
        plain: Whether plain stochastic gradient descent takes the place of AdamW.
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


class SentenceClassifier(Parameters, ABC, Generic[Read]):
    """Classifies sentences by the relations it was trained on.

    A relation that is named as data sets name none (:data:`~relscout.core.instances.NAMES_OF_NONE`) is learnt like any
    other, and left out of the micro-F1 by which an epoch is chosen. Neither the order of what is learnt from nor the
    names of the relations change a number.

    Args:
        seed: Random seed.
        **settings: Fields of ``SETTINGS``.

    Attributes:
        relations_: Names of the relations, sorted; set by ``fit`` and ``load``, as the other one.
        report_: How training went, as JSON values: ``epochs`` with loss, accuracy and score on ``dev``,
            ``chosen_epoch`` (from 1), ``instances``, ``dev_score`` (the name of that score, or ``None``), ``warnings``.
    """

    KIND: ClassVar[str]
    CITATION: ClassVar[str]
    _ESTIMATOR_TYPE: ClassVar[str] = "classifier"

    #: What training starts from, where that is a transformer.
    encoder: TransformerEncoder | None = None
    relations_: tuple[str, ...]
    report_: dict[str, Any]

    def __init__(self, *, seed: int = 0, **settings: Any) -> None:
        self.seed = seed
        self._store(settings)

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
            train: What is learnt from; what repeats counts once, what contradicts itself not at all.
            dev: Labelled instances on which the best epoch is chosen; without them, the last one is taken. A relation
                that ``train`` lacks counts as a mistake.
            progress: Progress callback.
            checkpoints: Folder that keeps what is done after each epoch, so that an interrupted fit resumes there with
                the same result.

        Raises:
            InputError: An instance has no gold relation, there are fewer than two relations, or ``dev`` is empty.
            SettingError: A setting cannot work.
            DivergedError: The loss is no longer a number.
        """
        generator(self.seed, "check")
        _ = self._settings  # a setting that cannot work is reported before anything is read
        given = Given.of(train, dev)
        lost: Counter[str] = Counter()
        learner = self._learner(given.known)
        prepared = self._prepare(
            learner, given.known, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        work = Checkpoints.of(
            checkpoints,
            settings={**self.settings(), "kind": self.KIND, "labels": given.digest()},
            fingerprint=self._fingerprint(),
            instances=[*given.known, *(given.held or ())],
        )
        dev_set = None
        if given.held is not None:
            of_dev = self._prepare(learner, given.held, progress=progress)
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
        """Return everything that, with the data, decides the fit, as JSON values."""
        return {"seed": int(self.seed), **to_mapping(self._settings)}

    def save(self, folder: Path) -> None:
        """Write the classifier to a folder.

        Raises:
            SettingError: Nothing was fitted yet.
            OutputError: The folder holds other files or cannot be written.
        """
        self._check_fitted()
        details, tensors = self._saved()
        settings = {
            "settings": dict(self.settings()),
            "classes": list(self._classes),
            "report": self.report_,
            **details,
        }
        weight, bias = self._head
        save_artifact(
            folder, Artifact(self.KIND, settings, {**tensors, "head.weight": weight, "head.bias": bias})
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a classifier from a folder; it predicts the very same.

        Raises:
            ArtifactError: The folder does not hold one of this kind.
        """
        artifact = load_kind(folder, cls.KIND)
        with whole(folder, cls.KIND):
            details, tensors = dict(artifact.settings), dict(artifact.tensors)
            loaded = cls._restored(details, tensors)
            loaded.report_ = dict(details["report"])
            weight, bias = tensors["head.weight"], tensors["head.bias"]
            loaded._take([str(name) for name in details["classes"]], weight, bias)
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
    def _learner(self, _: Sequence[RelationInstance]) -> Learner[Read]:
        """Return the encoder that trains, for what is learnt from."""

    @abstractmethod
    def _prepare(
        self,
        learner: Any,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress,
        on_loss: OnLoss | None = None,
    ) -> Read:
        """Return instances as the encoder reads them."""

    @abstractmethod
    def _fingerprint(self) -> str:
        """Return a hash of everything that training depends on, other than settings and instances."""

    @abstractmethod
    def _keep(self, learner: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights of the encoder in the chosen epoch; before this, an older fit stays as it was."""

    @abstractmethod
    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        """Return the vectors (N, D), float32, that the head reads."""

    @abstractmethod
    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what the encoder is restored from, as JSON values and arrays."""

    @classmethod
    @abstractmethod
    def _restored(cls, details: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a classifier with the encoder that :meth:`_saved` described."""

    def _take(self, classes: Sequence[str], weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Take over the head; its rows stay in the order in which they were learnt, which no name decides."""
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
