"""The contract of methods, and their shared base classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Vectors, check_count
from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.files import Artifact, save_artifact
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.parameters import Parameters
from relscout.core.progress import Progress, silent
from relscout.core.seeding import checked_seed
from relscout.core.settings import to_mapping
from relscout.encoders import (
    Encoder,
    EncoderParameter,
    EncoderSettings,
    OnLoss,
    TransformerEncoder,
    described,
    loss_warnings,
)
from relscout.methods.vectors import encode, scattered, transformed
from relscout.training.stored import (
    Checkpoints,
    Trained,
    check_encoder,
    load_kind,
    own_weights,
    portable,
    stored_encoder,
    trainable,
    whole,
)

#: Whether a method learns from labelled instances: it refuses them (``none``), or needs them (``required``).
Labels = Literal["none", "required"]


def check_labels(name: str, labels: Labels, *, given: bool) -> None:
    """Check that labelled instances are given if, and only if, the method learns from them.

    Raises:
        SettingError: They are missing, or cannot be used.
    """
    if labels == "none" and given:
        raise SettingError(f"method {name!r} cannot learn from labelled instances; leave them out")
    if labels == "required" and not given:
        raise SettingError(
            f"method {name!r} learns from labelled instances of other relations; give some "
            "(--labeled FILE on the command line, labeled=… in Python)"
        )


#: A number of relations, or ``"auto"`` to estimate it.
NRelations = int | Literal["auto"]


def checked_n_relations(n_relations: NRelations) -> NRelations:
    """Return a number of relations as a plain ``int``, or ``"auto"``.

    Raises:
        SettingError: It is neither ``"auto"`` nor a whole number from 1.
    """
    if isinstance(n_relations, int | np.integer) and not isinstance(n_relations, bool) and n_relations >= 1:
        return int(n_relations)
    if n_relations == "auto":
        return "auto"
    raise SettingError(f"n_relations is {n_relations!r}, expected a whole number from 1, or 'auto'")


def unused_settings(options: Mapping[str, Any], n_relations: NRelations) -> list[str]:
    """Return a sentence about each setting that was given and has no effect.

    Args:
        options: Settings of a method that were given, by name.
        n_relations: Number of relations, or ``"auto"``.
    """
    if n_relations != "auto":
        why = f"the number of relations is given ({n_relations}), and not estimated"
        unused = [name for name in ("apart", "max_relations") if name in options]
    else:
        why = "merging stops at the distance 'apart'"
        unused = ["max_relations"] if options.get("apart") and "max_relations" in options else []
    return [f"the setting {name!r} has no effect: {why}" for name in unused]


def check_enough(n_relations: NRelations, n_instances: int) -> None:
    """Check that there are at least as many instances as relations.

    Raises:
        InputError: There are fewer instances.
    """
    if n_relations != "auto":
        check_count(n_instances, n_relations)


class Estimator(Parameters, ABC):
    """A method that finds relations in a corpus, and classifies unseen text by them.

    Relations are numbered from 0, the largest first; neither the order of the input nor its gold relations change the
    result. ``predict`` on the fitted instances equals ``labels_``, and it returns the same after ``save`` and ``load``.

    Attributes whose names end in an underscore are set by ``fit``.

    Attributes:
        n_relations_: Number of relations K.
        names_: Names of labelled relations, by number; empty if there are none.
        related_: Probability (N,), float32, that each fitted pair is related; ``None`` if it is not estimated.
        none_: Column of the probabilities for "no relation", K; ``None`` if every instance has a relation.
        labels_: Relation of each fitted instance (N,), int64, in the order of the input; -1 for none.
        probabilities_: Probability of each relation (N, K), float32, rows summing to 1; with ``none_``, (N, K + 1).
        vectors_: Relation representation of each fitted instance (N, D), float32.
        report_: Report of the fit, as JSON values (such as the curve from which K was estimated).
    """

    NAME: ClassVar[str]
    CITATION: ClassVar[str]
    #: Whether the method learns from labelled instances.
    LABELS: ClassVar[Labels]
    #: The encoder that is used if none is given.
    ENCODER: ClassVar[EncoderSettings]
    #: Name of the boolean setting with which the method recognises labelled relations in the corpus next to novel ones,
    #: as a later batch needs; ``None`` if it cannot.
    KNOWN_SETTING: ClassVar[str | None]
    #: Whether the method reads the encoder's ``vectors``, or ``features`` (entity types, names, words, syntax), for
    #: which the encoder is not run.
    READS: ClassVar[Literal["vectors", "features"]] = "vectors"
    #: Whether ``fit`` trains something, which may make the relations worse than k-means on the frozen vectors.
    TRAINS: ClassVar[bool] = False

    n_relations: NRelations
    n_relations_: int
    names_: Mapping[int, str]
    related_: NDArray[np.float32] | None
    none_: int | None = None
    labels_: NDArray[np.int64]
    probabilities_: NDArray[np.float32]
    vectors_: NDArray[np.float32]
    report_: dict[str, Any]

    def __init__(
        self, encoder: Encoder | None = None, *, n_relations: NRelations = "auto", seed: int = 0
    ) -> None:
        self._store(locals())

    @property
    @abstractmethod
    def encoder(self) -> Encoder:
        """The encoder of the representations."""

    @abstractmethod
    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``, whose gold relations are never read.

        ``labeled`` are instances of other relations, with gold relations, for a method that learns from them.
        ``checkpoints`` is a folder for work in progress, so that an interrupted fit resumes where it stopped.
        """

    def fit_predict(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> NDArray[np.int64]:
        """Fit, and return the relation of each instance (N,), int64; -1 for none."""
        return self.fit(unlabeled, labeled, progress=progress, checkpoints=checkpoints).labels_

    def predict(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.int64]:
        """Return the relation of each instance (N,), int64; -1 for none."""
        return self._likeliest(self.predict_proba(instances, progress=progress))

    @abstractmethod
    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1; with ``none_`` (N, K + 1)."""

    @abstractmethod
    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32."""

    def relatedness(
        self,
        instances: Sequence[RelationInstance],  # noqa: ARG002 - methods that estimate it override this
        *,
        sets: NDArray[np.int64] | None = None,  # noqa: ARG002
        progress: Progress = silent,  # noqa: ARG002
    ) -> NDArray[np.float32] | None:
        """Return the probability (N,), float32, that each pair is related; ``None`` if it is not estimated.

        With numbers of sets (N,), int64, pairs of other sets do not matter to a pair.
        """
        return None

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Return everything that determines the fit, except the data, as JSON values."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the fitted method to a folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:
        """Read a fitted method from a folder. An encoder that relscout did not build must be given again."""

    def _likeliest(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the most probable relation of each instance (N,), int64; -1 for none."""
        labels = probabilities.argmax(axis=1).astype(np.int64)
        return labels if self.none_ is None else np.where(labels == self.none_, -1, labels)


class Method(EncoderParameter[Encoder], Estimator):
    """Base class of methods: parameters, saving and loading.

    A subclass implements :meth:`fit`, :meth:`predict_proba`, :meth:`transform`, :meth:`state` and :meth:`restore`. If
    it has settings, its constructor lists them after these parameters, and stores all.

    Args:
        encoder: The encoder of the representations; that of ``ENCODER`` by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Random seed.
    """

    CITATION: ClassVar[str] = ""
    LABELS: ClassVar[Labels] = "none"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()
    KNOWN_SETTING: ClassVar[str | None] = None
    #: Attribute that ``fit`` and ``restore`` set.
    _FITTED: ClassVar[str] = "n_relations_"

    names_: Mapping[int, str] = MappingProxyType({})
    related_: NDArray[np.float32] | None = None

    #: Fingerprint of the encoder that the vectors of the fit are of; ``None`` if that is in ``_trained``.
    _fitted_with: str | None = None
    #: The weights that ``fit`` trained, and the fingerprint of the encoder before; ``None`` in methods that train none.
    _trained: Trained | None = None

    def settings(self) -> Mapping[str, Any]:
        """Return everything that determines the fit, except the data, as JSON values."""
        return {
            "n_relations": checked_n_relations(self.n_relations),
            "seed": checked_seed(self.seed),
            **to_mapping(self._settings),
            "encoder": described(self.encoder),
        }

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the fitted state, without encoder and parameters, as JSON values and arrays."""

    @abstractmethod
    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned; set ``n_relations_`` and, if there are any, ``names_``."""

    def save(self, folder: Path) -> None:
        """Write the fitted method to a folder: its parameters, what was fitted, and how its encoder is built.

        Raises:
            SettingError: Nothing was fitted yet, or the encoder is a table of vectors, which cannot encode other text.
            OutputError: The folder holds other files or cannot be written.
        """
        self._check_fitted()
        values, arrays = self.state()
        settings = {
            **self.settings(),
            "fitted": values,
            "fitted_relations": int(self.n_relations_),
            "encoder": portable(self.encoder),
            "encoder_fingerprint": self._fingerprint(),
        }
        save_artifact(folder, Artifact(self.NAME, settings, {**arrays, **own_weights(self.encoder)}))

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:
        """Read a fitted method from a folder.

        Args:
            folder: Where :meth:`save` wrote it.
            encoder: The encoder that it was fitted with; required if relscout did not build it.

        Raises:
            ArtifactError: The folder does not hold a fitted method of this name, or the encoder is missing or differs.
        """
        artifact = load_kind(folder, cls.NAME)
        with whole(folder, cls.NAME):
            values = dict(artifact.settings)
            if "encoder_fingerprint" in values and "fitted" not in values:
                raise ArtifactError(
                    f"{folder} was saved by an earlier relscout in another form; run the discovery again"
                )
            fitted, fingerprint = dict(values.pop("fitted")), str(values.pop("encoder_fingerprint"))
            n_relations = values.pop("fitted_relations")
            restored = stored_encoder(
                values.pop("encoder"), artifact.tensors, fingerprint=fingerprint, given=encoder
            )
            loaded = cls(restored, **values)
            loaded._fitted_with = fingerprint
            loaded.restore(fitted, artifact.tensors)
            if loaded.n_relations_ != n_relations:
                raise ValueError(
                    f"its arrays are of {loaded.n_relations_} relations, and {n_relations} were fitted"
                )
        loaded.report_ = {"warnings": []}
        return loaded

    def _fingerprint(self) -> str:
        """Return the fingerprint of the encoder that the method was fitted with."""
        return self.encoder.fingerprint if self._trained is None else self._trained.fingerprint

    def _check_input(
        self, unlabeled: Sequence[RelationInstance]
    ) -> tuple[list[RelationInstance], Sequence[int], NRelations]:
        """Check parameters and instances before anything is encoded.

        Returns:
            The unlabelled instances in canonical order, the place of each in the input, and the number of relations.

        Raises:
            InputError: There is no instance, or there are fewer than relations.
            SettingError: A parameter is invalid.
        """
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        n_relations = checked_n_relations(self.n_relations)
        checked_seed(self.seed)
        _ = self._settings  # reports an invalid setting
        check_enough(n_relations, len(unlabeled))
        order = canonical_order(unlabeled)
        return [unlabeled[place] for place in order], order, n_relations

    def _checkpoint(
        self,
        folder: Path | None,
        fingerprint: str,
        instances: Sequence[RelationInstance],
        **settings: Any,
    ) -> Checkpoints:
        """Return the checkpoint of a fit with these instances, encoder and further settings."""
        settings = {**self.settings(), "method": self.NAME, **settings}
        return Checkpoints.of(folder, settings=settings, fingerprint=fingerprint, instances=instances)

    def _set_results(
        self, probabilities: NDArray[np.float32], vectors: NDArray[np.float32], order: Sequence[int]
    ) -> None:
        """Set labels, probabilities (N, K) and vectors (N, D), given in canonical order, in that of the input."""
        self.probabilities_ = scattered(probabilities, order)
        self.labels_ = self._likeliest(self.probabilities_)
        self.vectors_ = scattered(vectors, order)

    def _check_fitted(self) -> None:
        if getattr(self, self._FITTED, None) is None:
            raise SettingError(
                f"this {type(self).__name__} has found no relations yet; call fit, or load one"
            )

    def _fewer(self, asked: int, why: str = "the others have no instances", *, given: int = 0) -> list[str]:
        """Return a warning if fewer relations were found than requested, apart from ``given`` pre-defined ones."""
        if (n_found := self.n_relations_ - given) == asked:
            return []
        return [f"{n_found} {'novel ' if given else ''}relations were found instead of {asked}: {why}"]


class VectorMethod(Method):
    """Base class of methods that represent each instance by one vector.

    A subclass implements :meth:`fit`, :meth:`probabilities_of`, :meth:`state` and :meth:`restore`. ``fit`` begins with
    :meth:`vectors_and_number` and ends with :meth:`set_fitted`.
    """

    def vectors_and_number(
        self, unlabeled: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> tuple[NDArray[np.float32], int]:
        """Return the vectors of instances and the number of relations, estimated if it is ``"auto"``.

        The vectors (N, D), float32, of unit length, are in canonical order, which does not depend on the order of the
        input; :meth:`set_fitted` restores that. ``report_`` is reset.

        Raises:
            InputError: There is no instance, or there are fewer than relations.
            SettingError: A parameter is invalid.
        """
        instances, self._order, n_relations = self._check_input(unlabeled)
        lost: Counter[str] = Counter()
        vectors = encode(
            self.encoder, instances, progress=progress, on_loss=lambda _, what: lost.update([what])
        )
        self.report_ = {"warnings": loss_warnings(lost)}
        if n_relations == "auto":
            n_relations = self.estimated_number(vectors, progress=progress)
        return vectors, n_relations

    def estimated_number(self, vectors: Vectors, *, largest: int = 128, progress: Progress = silent) -> int:
        """Return the number of relations, estimated from vectors (N, D); the curve is added to ``report_``."""
        from relscout.clustering.choose_k import choose_k

        choice = choose_k(vectors, seed=self.seed, largest=largest, progress=progress)
        self.report_["k_curve"] = choice.as_dict()
        return choice.k

    def set_fitted(self, vectors: NDArray[np.float32]) -> Self:
        """Set the fitted attributes from :meth:`probabilities_of` on the vectors of :meth:`vectors_and_number`.

        Raises:
            SettingError: A relation is the most probable one of no instance; such relations must be removed.
        """
        probabilities = self.probabilities_of(vectors)
        labels = probabilities.argmax(axis=1).astype(np.int64)
        if len(empty := np.setdiff1d(np.arange(probabilities.shape[1]), labels)):
            raise SettingError(
                f"relation {empty[0]} of the method {self.NAME!r} is the likeliest of no instance; leave it out"
            )
        self.n_relations_ = probabilities.shape[1]
        self._fitted_with = self.encoder.fingerprint
        self._set_results(probabilities, vectors, self._order)
        return self

    _order: Sequence[int]

    def save(self, folder: Path) -> None:
        """Write the fitted method to a folder; see :meth:`Method.save`.

        Raises:
            ArtifactError: The encoder is not the one that was fitted with.
            SettingError: Nothing was fitted yet, or the encoder is a table of vectors, which cannot encode other text.
            OutputError: The folder holds other files or cannot be written.
        """
        self._ready_encoder()
        super().save(folder)

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        encoder, order = self._ready_encoder(), canonical_order(instances)
        if not instances:
            return np.zeros((0, self.n_relations_), dtype=np.float32)
        ordered = [instances[place] for place in order]
        vectors = encode(encoder, ordered, progress=progress, on_loss=on_loss)
        return scattered(self.probabilities_of(vectors), order)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32, of unit length, by the trained encoder if any."""
        return transformed(self._vector_encoder(), instances, progress=progress)

    @abstractmethod
    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, D) that ``transform`` returned."""

    def _ready_encoder(self) -> Encoder:
        """Return the encoder with the trained weights, if any; raise an error if nothing was fitted."""
        self._check_fitted()
        if self._fitted_with is not None:
            check_encoder(self.encoder, self._fitted_with)
        return self.encoder

    def _vector_encoder(self) -> Encoder:
        """Return the encoder of ``transform``; one that is never trained returns vectors before a fit, too."""
        return self.encoder


class EncoderTraining(VectorMethod):
    """Base class of methods whose ``fit`` trains the encoder; it sets ``_trained`` before it encodes."""

    TRAINS: ClassVar[bool] = True
    _FITTED: ClassVar[str] = "_trained"

    def _ready_encoder(self) -> TransformerEncoder:
        self._check_fitted()
        return self._trained.on(trainable(self.NAME, self.encoder))

    def _vector_encoder(self) -> TransformerEncoder:
        return self._ready_encoder()

    _trained: Trained
