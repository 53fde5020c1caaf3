"""A wrapper that leaves out unrelated pairs before a method is fitted, and returns no relation for them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.files import Artifact, load_artifact, save_artifact
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted
from relscout.encoders import Encoder, OnLoss, VectorCache, underlying
from relscout.methods.estimator import Estimator
from relscout.methods.unrelated.by_relatedness import RelatednessDetector, checked_precision, is_connected
from relscout.methods.unrelated.detector import (
    LEAST,
    Detector,
    Judged,
    Share,
    append_no_relation,
    arrays_of,
    checked_judged,
    checked_share,
    digest_of,
    redrawn_pairs,
    restored,
)
from relscout.methods.vectors import encode, scattered
from relscout.text.relatedness import Relatedness
from relscout.training.stored import below, whole

#: Attributes that are those of the method.
_OF_THE_METHOD = frozenset(
    [
        "NAME",
        "CITATION",
        "LABELS",
        "ENCODER",
        "KNOWN_SETTING",
        "READS",
        "seed",
        "n_relations_",
        "names_",
        "predefined_",
    ]
)
#: Kind of the saved artifact.
KIND = "no-relation-wrapper"


@dataclass(frozen=True)
class Choice:
    """What decides how many pairs are unrelated, checked.

    Args:
        share: Share of the corpus that is unrelated, ``"auto"``, or ``"judged"``; ``None`` with a precision.
        precision: Expected share of related pairs among the kept ones; ``None`` to use the share.
        judged: Judged instances.
        judged_by: Hash of the judged instances, because they affect the fit; ``None`` if there are none.
    """

    share: Share | Literal["judged"] | None
    precision: float | None
    judged: Sequence[RelationInstance] = ()
    judged_by: str | None = None

    @classmethod
    def of(cls, share: Share | Judged | None, precision: float | None) -> Self:
        """Check the parameters of a wrapper.

        Raises:
            InputError: A judged instance has no gold relation, or all are of one kind.
            SettingError: The share or the precision is invalid, or both are given.
        """
        checked = None if precision is None else checked_precision(precision)
        if isinstance(share, list | tuple):
            judged = checked_judged(share)
            return cls("judged", checked, judged, digest_of(judged))
        if checked is None:
            return cls(checked_share("auto" if share is None else share), None)
        if share is not None:
            raise SettingError(
                f"none is {share!r} and precision is {precision!r}, but either decides how many pairs are kept; "
                "give one of them"
            )
        return cls(None, checked)


class NoRelationWrapper(Estimator):
    """A method with a detector that leaves out unrelated pairs: an :class:`Estimator` with ``none_``.

    Pairs that the detector rejects are left out of the fit and have relation -1. The bundled relatedness model is the
    detector with a ``precision``, for plain text, where every pair of entities is a candidate, and for methods with
    ``open_world``, whose corpus mixes all kinds of pairs. Otherwise a :class:`Detector` is trained on random pairs of
    other entities of the same sentences, with vectors of the untrained encoder. If too few such pairs can be drawn, the
    relatedness model is used instead.

    Args:
        method: A method that is not fitted.
        share: Share of the corpus that is unrelated, in [0, 1), or ``"auto"`` to estimate it, or judged instances with
            gold relations, of which those in :data:`relscout.core.instances.NAMES_OF_NONE` mean unrelated. Judged
            instances set the threshold where both kinds are equally likely; with a ``precision``, they calibrate the
            relatedness model.
        precision: Expected share of related pairs among the kept ones, in (0, 1]; ``None`` to use ``share``.
        relatedness_model: The relatedness model; the bundled one by default.

    Attributes:
        related_: Probability (N,), float32, that each fitted pair is related; ``None`` where it was not estimated.
    """

    _NOT_SETTINGS = frozenset({"method", "share", "precision", "relatedness_model"})

    method: Estimator
    share: Share | Judged | None
    precision: float | None
    relatedness_model: Relatedness | None

    _detector: Detector | RelatednessDetector | None = None
    _open_world = False
    #: What decided the fit, where the method was loaded.
    _loaded_choice: Choice | None = None

    def __init__(
        self,
        method: Estimator,
        share: Share | Judged | None = None,
        *,
        precision: float | None = None,
        relatedness_model: Relatedness | None = None,
    ) -> None:
        self._store(locals())

    @property
    def _choice(self) -> Choice:
        """What decides how many pairs are unrelated; see :meth:`Choice.of`."""
        return self._loaded_choice or Choice.of(self.share, self.precision)

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_METHOD and "method" in self.__dict__:
            return getattr(self.method, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def encoder(self) -> Encoder:
        """The encoder of the method."""
        return self.method.encoder

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Detect unrelated pairs, and fit the method to the others.

        Raises:
            InputError: Fewer related pairs than relations are left; or a judged instance has no gold relation, or all
                are of one kind.
            SettingError: The share or the precision is invalid, both are given, or the method separates unrelated pairs
                itself: it has ``open_world`` and a ``no_relation_fnr`` above 0.
        """
        self._loaded_choice = None
        choice = self._choice
        described = self.method.settings()
        self._open_world = bool(described.get("open_world"))
        if self._open_world and described.get("no_relation_fnr"):
            raise SettingError(
                f"with open_world the method separates unrelated pairs itself, by its labels (no_relation_fnr is "
                f"{described['no_relation_fnr']}), and the relatedness model is to do so; set no_relation_fnr to 0, or "
                "leave none and precision out"
            )
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        with self._cached():
            warnings, related = self._learn(unlabeled, labeled or (), choice, progress)
            self._check_enough_left(related)
            self.method.fit(
                [instance for instance, kept in zip(unlabeled, related, strict=True) if kept],
                labeled,
                progress=progress,
                checkpoints=checkpoints,
            )
            self.none_ = None if self._detector is None else self.method.n_relations_
            shares = self.method.predict_proba(unlabeled, progress=progress)
            if isinstance(self._detector, RelatednessDetector) and self.related_ is not None:
                self._detector.set_own_thresholds(
                    self.related_, shares.argmax(axis=1), self.method.n_relations_
                )
            self.probabilities_ = self._append_no_relation(shares, unlabeled, progress, related=self.related_)
            self.labels_ = self._likeliest(self.probabilities_)
            self.vectors_ = self.method.transform(unlabeled, progress=progress)
        self.report_ = dict(self.method.report_)
        if self._detector is not None:
            self.report_["no_relation"] = int((self.labels_ < 0).sum())
            self.report_["none_share"] = round(self._detector.share, 4)
        if isinstance(self._detector, RelatednessDetector):
            self.report_["relatedness"] = {
                "model": self._detector.model.fingerprint,
                "precision": choice.precision,
                "thresholds": [round(float(line), 4) for line in self._detector.thresholds],
            }
        if isinstance(choice.share, float):
            warnings += _about_share(choice.share, self.labels_)
        self.report_["warnings"] = [*warnings, *self.report_.get("warnings", ())]
        return self

    def relatedness(
        self,
        instances: Sequence[RelationInstance],
        *,
        sets: NDArray[np.int64] | None = None,
        progress: Progress = silent,
    ) -> NDArray[np.float32] | None:
        """Return the probability (N,), float32, that each pair is related; ``None`` if it is not estimated.

        Args:
            instances: The pairs.
            sets: Number of the set of each pair (N,), int64: pairs of other sets do not matter. By default, all are
                one set.
            progress: Progress callback.
        """
        if not isinstance(self._detector, RelatednessDetector):
            return None
        return self._detector.probabilities(instances, encoder=self.encoder, progress=progress, sets=sets)

    @property
    def relatedness_detector(self) -> RelatednessDetector | None:
        """The detector, if it is the relatedness model."""
        return self._detector if isinstance(self._detector, RelatednessDetector) else None

    def recalibrated(self, slope: float, shift: float, *, related: NDArray[np.float32]) -> Self:
        """Return the fitted method with other log odds of relatedness; attributes of the fit stay.

        Args:
            slope: Factor of the log odds.
            shift: What is added to them.
            related: Probability of each pair of the corpus (N,), float32, as of this method.

        Raises:
            SettingError: The detector is not the relatedness model.
        """
        if self.relatedness_detector is None:
            raise SettingError("this model does not estimate relatedness, so it cannot be recalibrated")
        share, other = self._choice.share, copy.copy(self)
        other._detector = self.relatedness_detector.rescaled(
            slope, shift, probabilities=related, wanted=None if share == "judged" else share
        )
        return other

    def with_no_relation(
        self, shares: NDArray[np.float32], related: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return what :meth:`predict_proba` returns (N, K + 1), float32, where its parts are known.

        Args:
            shares: Probabilities of the method's relations (N, K).
            related: Probability that each pair is related (N,).

        Raises:
            SettingError: The detector is not the relatedness model.
        """
        if self.relatedness_detector is None:
            raise SettingError("this model does not estimate relatedness")
        return append_no_relation(shares, self.relatedness_detector.none(related, shares.argmax(axis=1)))

    @contextmanager
    def _cached(self) -> Iterator[None]:
        """Cache the encoder's vectors on disk within the block, so that none is computed twice."""
        encoder = underlying(self.encoder)
        if encoder is None or encoder.cache is not None:
            yield
            return
        with tempfile.TemporaryDirectory() as place:
            encoder.cache = VectorCache(Path(place) / "vectors.sqlite")
            try:
                yield
            finally:
                encoder.cache.close()
                encoder.cache = None

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        related: NDArray[np.float32] | None = None,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probabilities of the relations, and last of no relation (N, K + 1), float32, rows summing to 1.

        Args:
            instances: The pairs.
            related: Their :meth:`relatedness` (N,), where it is known; otherwise it is computed if it is needed.
            progress: Progress callback.
            on_loss: Called with each truncated instance and what was lost.
        """
        shares = self.method.predict_proba(instances, progress=progress, on_loss=on_loss)
        return self._append_no_relation(shares, instances, progress, related=related)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return the method's representations (N, D), float32."""
        return self.method.transform(instances, progress=progress)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that determines the fit, except the data, as JSON values."""
        choice = self._choice
        settings = {**self.method.settings(), "none": choice.share}
        if choice.precision is not None:
            settings["precision"] = choice.precision
        return settings if choice.judged_by is None else {**settings, "none_judged": choice.judged_by}

    def save(self, folder: Path) -> None:
        """Write the fitted method with its detector to a folder.

        Raises:
            SettingError: The method is not fitted.
            OutputError: The folder holds other files or cannot be written.
        """
        choice = self._choice
        with tempfile.TemporaryDirectory() as place:
            self.method.save(Path(place) / "method")
            inner = load_artifact(Path(place) / "method")
        tensors = {f"method.{name}": array for name, array in inner.tensors.items()}
        settings = {
            "kind": inner.kind,
            "settings": inner.settings,
            "share": choice.share,
            "judged": choice.judged_by,
            "precision": choice.precision,
        }
        if isinstance(self._detector, RelatednessDetector):
            settings["relatedness"], arrays = self._detector.state()
            tensors |= {f"relatedness.{name}": array for name, array in arrays.items()}
        elif self._detector is not None:
            tensors |= {f"detector.{name}": array for name, array in arrays_of(self._detector).items()}
        save_artifact(folder, Artifact(KIND, settings, tensors))

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        encoder: Encoder | None = None,
        read: Callable[..., Estimator] | None = None,
    ) -> Self:
        """Read a fitted method with its detector from a folder.

        Args:
            folder: Where :meth:`save` wrote it.
            encoder: The encoder that it was fitted with, if relscout did not build it.
            read: Reads the method itself from a folder, given ``encoder`` as well; required. Use
                :func:`relscout.methods.load_fitted`, which knows all methods.

        Raises:
            ArtifactError: The folder does not hold a method with its detector.
            SettingError: ``read`` is missing.
        """
        if read is None:
            raise SettingError(
                "this needs to know all methods; read the folder by relscout.methods.load_fitted"
            )
        artifact = load_artifact(folder)
        with whole(folder, KIND), tempfile.TemporaryDirectory() as place:
            saved = dict(artifact.settings)
            inner = Artifact(str(saved["kind"]), saved["settings"], below("method.", artifact.tensors))
            save_artifact(Path(place) / "method", inner)
            share, precision = saved["share"], saved.get("precision")
            method = read(Path(place) / "method", encoder=encoder)
            loaded = cls(method, None if share == "judged" else share, precision=precision)
            loaded._loaded_choice = Choice(share, precision, judged_by=saved.get("judged"))
            if arrays := below("detector.", artifact.tensors):
                loaded._detector = restored(arrays)
            elif arrays := below("relatedness.", artifact.tensors):
                loaded._detector = RelatednessDetector.restored(saved["relatedness"], arrays)
        loaded.none_ = None if loaded._detector is None else loaded.method.n_relations_
        loaded.report_ = {"warnings": []}
        return loaded

    def _learn(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance],
        choice: Choice,
        progress: Progress,
    ) -> tuple[list[str], NDArray[np.bool_]]:
        """Set up the detector; return warnings, and which pairs are related (N,)."""
        self._detector, self.related_ = None, None
        if choice.precision is not None or self._open_world:
            return [], self._judge_by_relatedness(unlabeled, choice, progress)
        sides = [[side[place] for place in canonical_order(side)] for side in (unlabeled, labeled)]
        pairs = redrawn_pairs([instance for side in sides for instance in side], seed=self.method.seed)
        if min(len(pairs), len(unlabeled)) < LEAST:
            note = (
                f"in {sum(map(len, sides))} sentences, {len(pairs)} pairs of other entities could be drawn, too few "
                f"to learn what no relation looks like ({LEAST} of either are needed), so the bundled "
                "relatedness model decides"
            )
            return [note], self._judge_by_relatedness(unlabeled, choice, progress)
        # each side separately, as it is encoded later: the last bits depend on what is encoded together
        own, known, redrawn = (encode(self.encoder, side, progress=progress) for side in (*sides, pairs))
        judged = None
        if choice.judged:
            unrelated = np.array([instance.is_unrelated for instance in choice.judged])
            bare = [instance.without_relation() for instance in choice.judged]
            judged = encode(self.encoder, bare, progress=progress), unrelated
        self._detector = Detector.of(
            own,
            redrawn,
            related=known,
            share="auto" if choice.share is None or choice.share == "judged" else choice.share,
            judged=judged,
            seed=self.method.seed,
        )
        unused = "the relatedness model is not used: the corpus has enough random pairs to learn from"
        notes = [] if self.relatedness_model is None else [unused]
        return notes, self._none(self._detector, unlabeled, progress) <= 0.5

    def _judge_by_relatedness(
        self, unlabeled: Sequence[RelationInstance], choice: Choice, progress: Progress
    ) -> NDArray[np.bool_]:
        model = self.relatedness_model or Relatedness.load()
        detector = RelatednessDetector(model, precision=choice.precision, connected=is_connected(unlabeled))
        if choice.judged:
            bare = [instance.without_relation() for instance in choice.judged]
            vectors = detector.vectors(bare, encoder=self.encoder, progress=progress)
            is_related = [not instance.is_unrelated for instance in choice.judged]
            detector.model = model.recalibrated(bare, vectors, is_related)
        self.related_ = detector.probabilities(unlabeled, encoder=self.encoder, progress=progress)
        detector.set_threshold(self.related_, None if choice.share == "judged" else choice.share)
        self._detector = detector
        return np.asarray(self.related_ >= detector.thresholds[0])

    def _check_enough_left(self, related: NDArray[np.bool_]) -> None:
        wanted = self.method.settings()["n_relations"]
        wanted = wanted if isinstance(wanted, int) else 1
        if (left := int(related.sum())) >= wanted:
            return
        if self.precision is not None and not left:
            surest = f"; the surest is {float(self.related_.max()):.0%}" if self.related_ is not None else ""
            raise InputError(
                f"of {counted(len(related), 'pair')} of entities, none is sure enough to be related for an expected "
                f"precision of {self.precision:.0%}{surest}; give a lower --precision, or more text"
            )
        aim = (
            "give a lower --precision"
            if self.precision is not None
            else f"give a smaller share of unrelated instances than {1 - left / len(related):.2f}"
        )
        raise InputError(
            f"{len(related) - left} of {len(related)} instances express no relation, and {left} are left for "
            f"{wanted} relation{'s' if wanted > 1 else ''}; ask for fewer relations, or {aim}"
        )

    def _append_no_relation(
        self,
        shares: NDArray[np.float32],
        instances: Sequence[RelationInstance],
        progress: Progress,
        *,
        related: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        if self._detector is None:
            return shares
        if isinstance(self._detector, Detector):
            return append_no_relation(shares, self._none(self._detector, instances, progress))
        if related is None:
            related = self._detector.probabilities(instances, encoder=self.encoder, progress=progress)
        return self.with_no_relation(shares, related)

    def _none(
        self, detector: Detector, instances: Sequence[RelationInstance], progress: Progress
    ) -> NDArray[np.float32]:
        order = canonical_order(instances)
        vectors = encode(self.encoder, [instances[place] for place in order], progress=progress)
        return scattered(detector.none(vectors)[:, None], order)[:, 0]


def _about_share(share: float, labels: NDArray[np.int64]) -> list[str]:
    """Return a warning if not as many instances are left out as a share asks for: equal scores are not separated."""
    asked, left_out = round(share * len(labels)), int((labels < 0).sum())
    if left_out == asked:
        return []
    return [
        f"none = {share:g} asks to leave out {asked} of {len(labels)} instances, and {left_out} were left out: "
        "instances with the same score are left out together or not at all"
    ]
