"""A wrapper that leaves unrelated pairs out before a method is fitted and gives them no relation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.files import Artifact, load_artifact, save_artifact
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.encoders import Encoder, OnLoss, VectorCache, underlying
from relscout.methods.estimator import Estimator, Predictor
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

if TYPE_CHECKING:
    from collections.abc import Callable

#: What of the method is shown as it is.
_OF_THE_METHOD = frozenset({"NAME", "CITATION", "LABELS", "ENCODER", "KNOWN_SETTING", "seed", "predefined_"})
#: What a saved one is called.
KIND = "no-relation-wrapper"


class NoRelationWrapper(Predictor):
    """A method with a component that leaves unrelated pairs out: an :class:`Estimator` with ``none_``.

    What the component judges to be unrelated, before anything is clustered, is left out of the fit and has relation -1.
    Everything else is the method's. There are two such components. With a ``precision``, the relatedness model that
    comes with relscout judges the pairs: for plain text, where every pair of entities is a candidate. Else a
    :class:`Detector` learns from pairs of other entities, drawn at random from the same sentences, on the vectors of
    the untrained encoder; where a corpus has too few to draw, the relatedness model takes its place.

    Args:
        method: Not yet fitted.
        share: Share of the corpus that is unrelated, in [0, 1), or ``"auto"`` to estimate it, or instances that
            somebody has judged, with gold relations: those of :data:`relscout.core.instances.NAMES_OF_NONE` are
            unrelated.
            Judged instances set the threshold where both kinds are as likely; with a ``precision``, they calibrate the
            relatedness model anew.
        precision: Expected share of related pairs among those that are kept, in (0, 1]; ``None`` to go by ``share``.
        relatedness: The relatedness model; the one that comes with relscout when left out.

    Attributes:
        related_: Probability (N,), float32, that each fitted pair is related; ``None`` where it was not estimated.

    Raises:
        InputError: A judged instance has no gold relation, or all are of one kind.
        SettingError: The share or the precision is none, both are given, or the method separates unrelated pairs
            itself.
    """

    _NOT_SETTINGS = frozenset({"method", "share", "precision", "relatedness"})

    related_: NDArray[np.float32] | None
    probabilities_: NDArray[np.float32]
    vectors_: NDArray[np.float32]
    report_: dict[str, Any]

    def __init__(
        self,
        method: Estimator,
        share: Share | Judged | None = None,
        *,
        precision: float | None = None,
        relatedness: Relatedness | None = None,
    ) -> None:
        if method.settings().get("open_world"):
            raise SettingError(
                "with open_world the method separates unrelated pairs itself, by its labels (no_relation_fnr); "
                "leave none out, or open_world"
            )
        self._method = method
        self._given_share = share
        self._judged: list[RelationInstance] = []
        #: A hash of what was judged, which decides the fit.
        self._judged_by: str | None = None
        self._share: Share | Literal["judged"] | None = None
        if isinstance(share, list | tuple):
            self._share = "judged"
            self._judged = checked_judged(share)
            self._judged_by = digest_of(self._judged)
        elif precision is not None and share is not None:
            raise SettingError(
                f"none is {share!r} and precision is {precision!r}, but either decides how many pairs are kept; "
                "give one of them"
            )
        elif precision is None:
            self._share = checked_share("auto" if share is None else share)
        self._precision = None if precision is None else checked_precision(precision)
        self._relatedness = relatedness
        self._detector: Detector | RelatednessDetector | None = None

    def _parameter(self, name: str) -> Any:
        return getattr(self, "_given_share" if name == "share" else f"_{name}")

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name; ``method__name`` is one of the method."""
        inner = {name: value for name, value in parameters.items() if "__" in name}
        given = {**self.get_params(deep=False), **{n: v for n, v in parameters.items() if n not in inner}}
        if unknown := given.keys() - self.get_params(deep=False).keys():
            raise UnknownNameError("parameter", min(unknown), self._NOT_SETTINGS)
        type(self).__init__(self, **given)
        super().set_params(**inner)
        return self

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_METHOD and "_method" in self.__dict__:
            return getattr(self._method, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def encoder(self) -> Encoder:
        """The encoder of the method."""
        return self._method.encoder

    @property
    def names_(self) -> Mapping[int, str]:
        """Names of relations that labels gave, by their number."""
        return self._method.names_

    @property
    def n_relations_(self) -> int:
        """Number of relations K."""
        return self._method.n_relations_

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Detect unrelated pairs, and fit the method to the rest.

        Raises:
            InputError: Nothing is left, or too little for the relations that are asked for.
        """
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        with self._cached():
            warnings, related = self._learn(unlabeled, labeled or (), progress)
            self._check_enough_left(related)
            self._method.fit(
                [one for one, kept in zip(unlabeled, related, strict=True) if kept],
                labeled,
                progress=progress,
                checkpoints=checkpoints,
            )
            self.none_ = None if self._detector is None else self._method.n_relations_
            found = self._method.predict_proba(unlabeled, progress=progress)
            if isinstance(self._detector, RelatednessDetector) and self.related_ is not None:
                self._detector.set_own_thresholds(
                    self.related_, found.argmax(axis=1), self._method.n_relations_
                )
            self.probabilities_ = self._append_no_relation(found, unlabeled, progress, related=self.related_)
            self.labels_ = self._likeliest(self.probabilities_)
            self.vectors_ = self._method.transform(unlabeled, progress=progress)
        self.report_ = dict(self._method.report_)
        if self._detector is not None:
            self.report_["no_relation"] = int((self.labels_ < 0).sum())
            self.report_["none_share"] = round(self._detector.share, 4)
        if isinstance(self._detector, RelatednessDetector):
            self.report_["relatedness"] = {
                "model": self._detector.model.fingerprint,
                "precision": self._precision,
                "thresholds": [round(float(line), 4) for line in self._detector.thresholds],
            }
        if isinstance(self._share, float):
            warnings += _about_share(self._share, self.labels_)
        self.report_["warnings"] = [*warnings, *self.report_.get("warnings", ())]
        return self

    def relatedness(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32] | None:
        """Return the probability (N,), float32, that each pair is related; ``None`` where it is not estimated."""
        if not isinstance(self._detector, RelatednessDetector):
            return None
        return self._detector.probabilities(instances, encoder=self.encoder, progress=progress)

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
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation, and last of none (N, K + 1), float32, rows summing to 1."""
        found = self._method.predict_proba(instances, progress=progress, on_loss=on_loss)
        return self._append_no_relation(found, instances, progress)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return the method's representations (N, D), float32."""
        return self._method.transform(instances, progress=progress)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        settings = {**self._method.settings(), "none": self._share}
        if self._precision is not None:
            settings["precision"] = self._precision
        return settings if self._judged_by is None else {**settings, "none_judged": self._judged_by}

    def save(self, folder: Path) -> None:
        """Write the fitted method with its detector to a folder.

        Raises:
            SettingError: Nothing was fitted yet.
            OutputError: The folder holds other files or cannot be written.
        """
        with tempfile.TemporaryDirectory() as place:
            self._method.save(Path(place) / "method")
            inner = load_artifact(Path(place) / "method")
        tensors = {f"method.{name}": array for name, array in inner.tensors.items()}
        settings = {
            "kind": inner.kind,
            "settings": inner.settings,
            "share": self._share,
            "judged": self._judged_by,
            "precision": self._precision,
        }
        if isinstance(self._detector, RelatednessDetector):
            settings["relatedness"], arrays = self._detector.state()
            tensors |= {f"relatedness.{name}": array for name, array in arrays.items()}
        elif self._detector is not None:
            tensors |= {f"detector.{name}": array for name, array in arrays_of(self._detector).items()}
        save_artifact(folder, Artifact(KIND, settings, tensors))

    @classmethod
    def load(cls, folder: Path, load: Callable[[Path], Estimator]) -> Self:
        """Read a fitted method with its detector from a folder.

        Args:
            folder: Where :meth:`save` wrote it.
            load: Reads the method alone from a folder.

        Raises:
            ArtifactError: The folder does not hold one.
        """
        artifact = load_artifact(folder)
        with whole(folder, KIND), tempfile.TemporaryDirectory() as place:
            details = dict(artifact.settings)
            inner = Artifact(str(details["kind"]), details["settings"], below("method.", artifact.tensors))
            save_artifact(Path(place) / "method", inner)
            share, precision = details["share"], details.get("precision")
            method = load(Path(place) / "method")
            loaded = cls(method, None if share == "judged" else share, precision=precision)
            loaded._share = share
            loaded._judged_by = details.get("judged")
            if arrays := below("detector.", artifact.tensors):
                loaded._detector = restored(arrays)
            elif arrays := below("relatedness.", artifact.tensors):
                loaded._detector = RelatednessDetector.restored(details["relatedness"], arrays)
        loaded.none_ = None if loaded._detector is None else loaded._method.n_relations_
        loaded.report_ = {"warnings": []}
        return loaded

    def _learn(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance],
        progress: Progress,
    ) -> tuple[list[str], NDArray[np.bool_]]:
        """Set up the detector; return what a user should know, and which pairs are related (N,)."""
        self._detector, self.related_ = None, None
        if self._precision is not None:
            return [], self._judge_by_relatedness(unlabeled, progress)
        sides = [[side[place] for place in canonical_order(side)] for side in (unlabeled, labeled)]
        pairs = redrawn_pairs([one for side in sides for one in side], seed=self._method.seed)
        if min(len(pairs), len(unlabeled)) < LEAST:
            note = (
                f"in {sum(map(len, sides))} sentences, {len(pairs)} pairs of other entities could be drawn, too few "
                f"to learn what no relation looks like ({LEAST} of either are needed), so the bundled "
                "relatedness model decides"
            )
            return [note], self._judge_by_relatedness(unlabeled, progress)
        # each side as it is encoded later, since what is encoded together decides the last bits
        own, known, redrawn = (encode(self.encoder, side, progress=progress) for side in (*sides, pairs))
        judged = None
        if self._judged:
            unrelated = np.array([one.is_unrelated for one in self._judged])
            bare = [one.without_relation() for one in self._judged]
            judged = encode(self.encoder, bare, progress=progress), unrelated
        self._detector = Detector.of(
            own,
            redrawn,
            related=known,
            share="auto" if self._share is None or self._share == "judged" else self._share,
            judged=judged,
            seed=self._method.seed,
        )
        unused = "the relatedness model is not used: the corpus has enough random pairs to learn from"
        notes = [] if self._relatedness is None else [unused]
        return notes, self._none(self._detector, unlabeled, progress) <= 0.5

    def _judge_by_relatedness(
        self, unlabeled: Sequence[RelationInstance], progress: Progress
    ) -> NDArray[np.bool_]:
        model = self._relatedness or Relatedness.load()
        detector = RelatednessDetector(model, precision=self._precision, connected=is_connected(unlabeled))
        if self._judged:
            bare = [one.without_relation() for one in self._judged]
            vectors = detector.vectors(bare, encoder=self.encoder, progress=progress)
            detector.model = model.recalibrated(bare, vectors, [not one.is_unrelated for one in self._judged])
        self.related_ = detector.probabilities(unlabeled, encoder=self.encoder, progress=progress)
        detector.set_threshold(self.related_, None if self._share == "judged" else self._share)
        self._detector = detector
        return np.asarray(self.related_ >= detector.thresholds[0])

    def _check_enough_left(self, related: NDArray[np.bool_]) -> None:
        wanted = self._method.settings()["n_relations"]
        wanted = wanted if isinstance(wanted, int) else 1
        if (left := int(related.sum())) < wanted:
            aim = (
                "give a lower --precision"
                if self._precision is not None
                else f"give a smaller share of unrelated instances than {1 - left / len(related):.2f}"
            )
            raise InputError(
                f"{len(related) - left} of {len(related)} instances express no relation, and {left} are left for "
                f"{wanted} relation{'s' if wanted > 1 else ''}; ask for fewer relations, or {aim}"
            )

    def _append_no_relation(
        self,
        found: NDArray[np.float32],
        instances: Sequence[RelationInstance],
        progress: Progress,
        *,
        related: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        if self._detector is None:
            return found
        if isinstance(self._detector, Detector):
            return append_no_relation(found, self._none(self._detector, instances, progress))
        if related is None:
            related = self._detector.probabilities(instances, encoder=self.encoder, progress=progress)
        return append_no_relation(found, self._detector.none(related, found.argmax(axis=1)))

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
