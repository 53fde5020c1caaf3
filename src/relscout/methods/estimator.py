"""What every method offers, in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import check_count
from relscout.encoders import Encoder, EncoderSettings, OnLoss
from relscout.errors import SettingError
from relscout.instances import RelationInstance
from relscout.methods.labelled import Labels
from relscout.progress import Progress, silent

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


def check_enough(n_relations: NRelations, n_instances: int) -> None:
    """Check, before anything is trained, that no more relations are asked for than there are instances.

    Raises:
        InputError: There are fewer.
    """
    if n_relations != "auto":
        check_count(n_instances, n_relations)


class Estimator(Protocol):
    """A method that finds relations and tells them apart in unseen text.

    Relations are numbered from 0, the largest first; neither the order of the input nor its gold relations change
    the result. ``predict`` on what was fitted equals ``labels_``, and after ``load`` it equals what it was before
    ``save``.

    Attributes whose names end in an underscore are set by ``fit``.

    Attributes:
        n_relations_: Number of relations K.
        names_: Names of relations that labels gave, by their number; empty where they gave none.
        related_: Probability (N,), float32, that each fitted pair is related; ``None`` where it is not estimated.
        none_: Column of the probabilities that stands for "no relation", K; ``None`` where every instance has one.
        labels_: Relation of each fitted instance (N,), int64, in the order in which they were given; -1 for none.
        probabilities_: Probability of each relation (N, K), float32, rows summing to 1; with ``none_`` one column more.
        vectors_: Relation representation of each fitted instance (N, D), float32.
        report_: What a user should know of the fit, as JSON values (the curve behind an estimated K, …).
    """

    NAME: ClassVar[str]
    CITATION: ClassVar[str]
    SETTINGS: ClassVar[type[Any]]
    #: Whether it learns from labelled instances.
    LABELS: ClassVar[Labels]
    #: The encoder that it takes where none is given.
    ENCODER: ClassVar[EncoderSettings]
    #: Name of the boolean setting with which it recognises the labelled relations in the corpus, next to novel ones;
    #: ``None`` where it cannot. A later batch needs it.
    KNOWN_SETTING: ClassVar[str | None]

    seed: int
    n_relations_: int
    related_: NDArray[np.float32] | None
    none_: int | None
    labels_: NDArray[np.int64]
    probabilities_: NDArray[np.float32]
    vectors_: NDArray[np.float32]
    report_: dict[str, Any]

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        **settings: Any,
    ) -> None:
        """Store the parameters under their names, and check nothing."""
        ...

    @property
    def encoder(self) -> Encoder:
        """What gives the representations."""
        ...

    @property
    def names_(self) -> Mapping[int, str]:
        """Names of relations that labels gave."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters by name, as scikit-learn's estimators do."""
        ...

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name."""
        ...

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``, whose gold relations are never looked at.

        ``labeled`` are instances of other relations, with gold relations, for a method that learns from some.
        ``checkpoints`` names a folder for work in progress, so that an interrupted fit goes on where it stopped.
        """
        ...

    def fit_predict(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> NDArray[np.int64]:
        """Fit, and return ``labels_``."""
        ...

    def predict(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.int64]:
        """Return the relation of each instance (N,), int64; -1 for none."""
        ...

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1; with ``none_`` (N, K + 1)."""
        ...

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32."""
        ...

    def relatedness(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32] | None:
        """Return the probability (N,), float32, that each pair is related; ``None`` where it is not estimated."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted method to a folder."""
        ...

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:
        """Read a fitted method from a folder; an encoder that relscout did not build is given again."""
        ...
