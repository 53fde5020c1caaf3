"""Any method, on what is related: the rest is given no relation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.artifacts import Artifact, load_artifact, save_artifact
from relscout.encoders import Encoder, OnLoss, VectorCache
from relscout.errors import InputError, SettingError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.estimator import Estimator
from relscout.methods.unrelated.detector import Detector, Share, arrays_of, checked_share, restored
from relscout.methods.unrelated.joined import with_none
from relscout.methods.unrelated.judged import Judged, checked_judged, digest_of
from relscout.methods.unrelated.telling import LEAST
from relscout.methods.vectors import encode, scattered
from relscout.progress import Progress, silent
from relscout.text.redrawing import redrawn_pairs
from relscout.training.stored import below, whole

if TYPE_CHECKING:
    from collections.abc import Callable

#: What of the method is shown as it is.
_OF_THE_METHOD = frozenset(
    {"NAME", "CITATION", "SETTINGS", "LABELS", "ENCODER", "seed", "names_", "predefined_"}
)
#: What a saved one is called.
KIND = "with-none"


class WithNone:
    """A method behind a :class:`Detector`: an :class:`Estimator` like the method itself, with ``none_``.

    The detector learns from the corpus, before anything is clustered, on the vectors of the untrained encoder. What it
    tells to be unrelated is left out of the fit and has relation -1. Everything else is that of the method.

    Args:
        method: Not yet fitted.
        share: Share of the corpus that is unrelated, in [0, 1), or ``"auto"`` to estimate it, or instances that
            somebody has judged, with gold relations: those of :data:`relscout.instances.NAMES_OF_NONE` are unrelated,
            and the threshold is where both kinds are as likely.

    Raises:
        InputError: A judged instance has no gold relation, or all are of one kind.
        SettingError: The share is none, or the method tells unrelated pairs itself.
    """

    none_: int | None
    labels_: NDArray[np.int64]
    probabilities_: NDArray[np.float32]
    vectors_: NDArray[np.float32]
    report_: dict[str, Any]

    def __init__(self, method: Estimator, share: Share | Judged = "auto") -> None:
        if method.settings().get("open_world"):
            raise SettingError(
                "with open_world the method tells unrelated pairs itself, from its labels (none_mistakes); "
                "leave none out, or open_world"
            )
        self._method = method
        self._judged: list[RelationInstance] = []
        #: A hash of what was judged, which decides the fit.
        self._judged_by: str | None = None
        self._share: Share | Literal["judged"] = "judged"
        if isinstance(share, list | tuple):
            self._judged = checked_judged(share)
            self._judged_by = digest_of(self._judged)
        else:
            self._share = checked_share(share)
        self._detector: Detector | None = None

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_METHOD and "_method" in self.__dict__:
            return getattr(self._method, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def encoder(self) -> Encoder:
        """The encoder of the method."""
        return self._method.encoder

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
        """Tell what is unrelated, and fit the method to the rest.

        Raises:
            InputError: Nothing is left, or too little for the relations that are asked for.
        """
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        with self._cached():
            warnings = self._learn(unlabeled, labeled or (), progress)
            related = self._related(unlabeled, progress)
            self._method.fit(
                [one for one, kept in zip(unlabeled, related, strict=True) if kept],
                labeled,
                progress=progress,
                checkpoints=checkpoints,
            )
            self.none_ = None if self._detector is None else self._method.n_relations_
            self.probabilities_ = self.predict_proba(unlabeled, progress=progress)
            self.labels_ = self._likeliest(self.probabilities_)
            self.vectors_ = self._method.transform(unlabeled, progress=progress)
        self.report_ = dict(self._method.report_)
        if self._detector is not None:
            self.report_["no_relation"] = int((self.labels_ < 0).sum())
            self.report_["none_share"] = round(self._detector.share, 4)
        self.report_["warnings"] = [*warnings, *self.report_.get("warnings", ())]
        return self

    @contextmanager
    def _cached(self) -> Iterator[None]:
        """Let the encoder keep vectors inside, on disk, so that none is computed twice, and as before behind it."""
        if self.encoder.cache is not None:
            yield
            return
        with tempfile.TemporaryDirectory() as place:
            self.encoder.cache = VectorCache(Path(place) / "vectors.sqlite")
            try:
                yield
            finally:
                self.encoder.cache.close()
                self.encoder.cache = None

    def predict(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.int64]:
        """Return the relation of each instance (N,), int64; -1 for none."""
        return self._likeliest(self.predict_proba(instances, progress=progress))

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation, and last of none (N, K + 1), float32, rows summing to 1."""
        found = self._method.predict_proba(instances, progress=progress, on_loss=on_loss)
        if self._detector is None:
            return found
        return with_none(found, self._none(self._detector, instances, progress))

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return the method's representations (N, D), float32."""
        return self._method.transform(instances, progress=progress)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        told = {**self._method.settings(), "none": self._share}
        return told if self._judged_by is None else {**told, "none_judged": self._judged_by}

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
        if self._detector is not None:
            tensors |= {f"detector.{name}": array for name, array in arrays_of(self._detector).items()}
        settings = {
            "kind": inner.kind,
            "settings": inner.settings,
            "share": self._share,
            "judged": self._judged_by,
        }
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
            told = dict(artifact.settings)
            inner = Artifact(str(told["kind"]), told["settings"], below("method.", artifact.tensors))
            save_artifact(Path(place) / "method", inner)
            share = told["share"]
            loaded = cls(load(Path(place) / "method"), "auto" if share == "judged" else share)
            loaded._share = share
            loaded._judged_by = told.get("judged")
            if arrays := below("detector.", artifact.tensors):
                loaded._detector = restored(arrays)
        loaded.none_ = None if loaded._detector is None else loaded._method.n_relations_
        loaded.report_ = {"warnings": []}
        return loaded

    def _learn(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance],
        progress: Progress,
    ) -> list[str]:
        """Let the detector learn; return what a user should know."""
        self._detector = None
        sides = [[side[place] for place in canonical_order(side)] for side in (unlabeled, labeled)]
        pairs = redrawn_pairs([one for side in sides for one in side], seed=self._method.seed)
        if min(len(pairs), len(unlabeled)) < LEAST:
            return [
                f"in {sum(map(len, sides))} sentences, {len(pairs)} pairs of other entities could be drawn, too few "
                f"to learn what no relation is like ({LEAST} of either are needed), so that every instance is given "
                "a relation"
            ]
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
            share="auto" if self._share == "judged" else self._share,
            judged=judged,
            seed=self._method.seed,
        )
        return []

    def _related(self, unlabeled: Sequence[RelationInstance], progress: Progress) -> NDArray[np.bool_]:
        if self._detector is None:
            return np.ones(len(unlabeled), dtype=bool)
        related = self._none(self._detector, unlabeled, progress) <= 0.5
        wanted = self._method.settings()["n_relations"]
        wanted = wanted if isinstance(wanted, int) else 1
        if (left := int(related.sum())) < wanted:
            raise InputError(
                f"{len(related) - left} of {len(related)} instances express no relation, and {left} are left for "
                f"{wanted} relation{'s' if wanted > 1 else ''}; ask for fewer relations, or give a smaller share "
                f"of unrelated instances than {self._detector.share:.2f}"
            )
        return related

    def _none(
        self, detector: Detector, instances: Sequence[RelationInstance], progress: Progress
    ) -> NDArray[np.float32]:
        order = canonical_order(instances)
        vectors = encode(self.encoder, [instances[place] for place in order], progress=progress)
        return scattered(detector.none(vectors)[:, None], order)[:, 0]

    def _likeliest(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        labels = probabilities.argmax(axis=1).astype(np.int64)
        return labels if self.none_ is None else np.where(labels == self.none_, -1, labels)
