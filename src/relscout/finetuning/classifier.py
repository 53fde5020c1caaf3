"""What relation classifiers have in common: labels in, a head on an encoder trained, relations out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self

import numpy as np
from numpy.typing import NDArray

from relscout.artifacts import Artifact, save_artifact
from relscout.config import to_mapping
from relscout.encoders import OnLoss, TransformerEncoder, loss_warnings
from relscout.errors import ArtifactError, SettingError
from relscout.finetuning.given import Given
from relscout.finetuning.held_out import HeldOut
from relscout.finetuning.selection import Tuning
from relscout.instances import RelationInstance, canonical_order
from relscout.parameters import Parameters
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.classification import Classifier
from relscout.training.learner import Learner, Read
from relscout.training.stored import load_kind, whole
from relscout.training.work import Work


class SentenceClassifier(Parameters, ABC, Generic[Read]):
    """Tells which of the relations that it has learnt a sentence expresses.

    A relation that is named as data sets name none (:data:`~relscout.instances.NAMES_OF_NONE`) is learnt like any
    other, and left out of the micro-F1 by which an epoch is chosen. Neither the order of what is learnt from nor the
    names of the relations change a number.

    Args:
        seed: Draws everything random.
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
            progress: Told how far it is.
            checkpoints: Folder that keeps what is done after each epoch, so that an interrupted fit goes on there and
                ends as it would have.

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
        work = Work.of(
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
        tuning = Tuning(classifier, learner, dev_set, work)
        tuning.run(progress)
        self._take(given.names, *tuning.head)
        self._keep(learner, tuning.weights)
        self.report_ = {
            "instances": len(given.known),
            "epochs": tuning.epochs,
            "chosen_epoch": tuning.best + 1,
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
            progress: Told the number of instances done, stage ``"encode"``.
            on_loss: Told each instance that did not fit whole, and what was lost.

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
        told, tensors = self._saved()
        settings = {
            "settings": dict(self.settings()),
            "classes": list(self._classes),
            "report": self.report_,
            **told,
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
            told, tensors = dict(artifact.settings), dict(artifact.tensors)
            loaded = cls._restored(told, tensors)
            loaded.report_ = dict(told["report"])
            weight, bias = tensors["head.weight"], tensors["head.bias"]
            loaded._take([str(name) for name in told["classes"]], weight, bias)
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
        """Return a hash of what training starts from, beside settings and instances."""

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
    def _restored(cls, told: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Return a classifier with the encoder that :meth:`_saved` told."""

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
