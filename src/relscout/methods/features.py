"""Base class of methods that read entity types, names, words and syntax in place of an encoder's vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import Parse, RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.encoders import OnLoss
from relscout.methods.estimator import Method, NRelations, check_labels
from relscout.methods.vectors import outputs_by_size, scattered
from relscout.text.spacy_pipeline import SpacyPipeline, looks_english, with_syntax, with_types

#: How much the highest share of a row is raised, so that rounding and reordering never make it equal to another.
_DECIDED = np.float32(1 + 1e-5)


class FeatureMethod(Method):
    """A method that assigns relations by features of the instances; the encoder is not run.

    The representation of an instance is the square root of its probabilities, whose length is 1; the Euclidean distance
    of two instances is √2 times the Hellinger distance of their distributions.

    A subclass implements :meth:`learn`, :meth:`shares`, :meth:`state` and :meth:`restore`; the settings must have a
    field ``annotate``.
    """

    READS: ClassVar[Literal["vectors", "features"]] = "features"

    #: Whether missing annotations are computed, which :meth:`fit` decides and :meth:`save` stores.
    _annotates: bool
    #: Columns of the shares that are relations, the largest first.
    _outputs: NDArray[np.int64]

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,  # noqa: ARG002 - a fit takes seconds to minutes
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: The instances.
            labeled: Must be ``None``, because the method cannot use labels.
            progress: Progress callback.
            checkpoints: Not used.

        Raises:
            InputError: There are no instances, or their features distinguish fewer than ``n_relations``.
            SettingError: ``labeled`` is given, or a parameter is invalid.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        instances, order, n_relations = self._check_input(unlabeled)
        self.report_ = {"warnings": []}
        # decided once, so that predictions do not depend on which instances are predicted together
        self._annotates = self._settings.annotate and looks_english([instance.text for instance in instances])
        read = self._annotated(instances, progress)
        self.learn(read, n_relations, progress)
        shares = self._decided(read)
        self._outputs = outputs_by_size(shares.argmax(axis=1), shares.shape[1])
        self.n_relations_ = len(self._outputs)
        if n_relations != "auto":
            self.report_["warnings"] += self._fewer(n_relations)
        probabilities = self._of_relations(shares)
        self._set_results(probabilities, np.sqrt(probabilities), order)
        return self

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,  # noqa: ARG002 - nothing is cut
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1.

        Raises:
            SettingError: Nothing was fitted yet.
        """
        self._check_fitted()
        if not instances:
            return np.zeros((0, self.n_relations_), dtype=np.float32)
        order = canonical_order(instances)
        read = self._annotated([instances[place] for place in order], progress)
        return scattered(self._of_relations(self._decided(read)), order)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return the square root of the probabilities (N, K), float32, whose rows have unit length."""
        return np.sqrt(self.predict_proba(instances, progress=progress))

    @abstractmethod
    def learn(
        self, instances: Sequence[RelationInstance], n_relations: NRelations, progress: Progress
    ) -> None:
        """Learn K' ≥ 1 relations from annotated instances in canonical order; K' may be estimated."""

    @abstractmethod
    def shares(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        """Return the probability of each learnt relation (N, K'), float32, for annotated instances.

        A row depends on its instance only. Relations that are the likeliest of no fitted instance are removed later.
        """

    def completed(
        self,
        instances: Sequence[RelationInstance],
        progress: Progress,
    ) -> list[RelationInstance]:
        """Return the instances with the annotations that the method reads and that are missing: entity types."""
        return typed(instances, progress)

    def fitted_features(self) -> dict[str, Any]:
        """Return what :meth:`restore_features` needs, as JSON values, for :meth:`state`."""
        return {"annotates": self._annotates, "outputs": self._outputs.tolist()}

    def restore_features(self, values: Mapping[str, Any]) -> None:
        """Restore what :meth:`fitted_features` returned, and set ``n_relations_``."""
        self._annotates = bool(values["annotates"])
        self._outputs = np.array(values["outputs"], dtype=np.int64)
        self.n_relations_ = len(self._outputs)

    def _annotated(self, instances: list[RelationInstance], progress: Progress) -> list[RelationInstance]:
        return self.completed(instances, progress) if self._annotates else instances

    def _decided(self, instances: list[RelationInstance]) -> NDArray[np.float32]:
        shares = self.shares(instances)
        shares[np.arange(len(shares)), shares.argmax(axis=1)] *= _DECIDED
        return shares

    def _of_relations(self, shares: NDArray[np.float32]) -> NDArray[np.float32]:
        kept: NDArray[np.float32] = shares[:, self._outputs]
        # new text may resemble only relations that no fitted instance has
        sums = kept.sum(axis=1, keepdims=True)
        return np.where(sums > 0, kept / np.maximum(sums, 1e-30), np.float32(1 / len(self._outputs)))


@cache
def default_pipeline() -> SpacyPipeline:
    """Return the default spaCy pipeline, loaded once."""
    return SpacyPipeline.load()


#: Entity types by text and offsets, and parses by text, so that the next fit or prediction computes none again.
_TYPES: dict[tuple[object, ...], tuple[str | None, str | None]] = {}
_PARSES: dict[str, Parse | None] = {}
#: Number of annotations that are remembered, and of texts that are annotated at a time.
_MOST, _AT_ONCE = 50_000, 500


def typed(instances: Sequence[RelationInstance], progress: Progress = silent) -> list[RelationInstance]:
    """Return the instances with entity types of the default pipeline where they have none."""
    keys = {_place(instance): instance for instance in instances if None in instance.type_pair}
    missing = [instance for key, instance in keys.items() if key not in _TYPES]
    if len(_TYPES) + len(missing) > _MOST:
        missing = list(keys.values())
        _TYPES.clear()
    if missing:
        nlp = default_pipeline().nlp
        others = [pipe for pipe in nlp.pipe_names if pipe != "ner"]
        with nlp.select_pipes(disable=others):
            for start in range(0, len(missing), _AT_ONCE):
                progress("annotate", start, len(missing))
                batch = missing[start : start + _AT_ONCE]
                for bare, instance in zip(batch, with_types(batch, nlp), strict=True):
                    _TYPES[_place(bare)] = instance.type_pair
    return [
        instance
        if None not in instance.type_pair
        else replace(instance, head=replace(instance.head, type=head), tail=replace(instance.tail, type=tail))
        for instance in instances
        for head, tail in (_TYPES.get(_place(instance), instance.type_pair),)
    ]


def parsed(instances: Sequence[RelationInstance], progress: Progress = silent) -> list[RelationInstance]:
    """Return the instances with a parse of the default pipeline where they have none."""
    texts = {instance.text: instance for instance in instances if instance.parse is None}
    missing = [instance for text, instance in texts.items() if text not in _PARSES]
    if len(_PARSES) + len(missing) > _MOST:
        missing = list(texts.values())
        _PARSES.clear()
    for start in range(0, len(missing), _AT_ONCE):
        progress("parse", start, len(missing))
        for instance in with_syntax(missing[start : start + _AT_ONCE], pipeline=default_pipeline()):
            _PARSES[instance.text] = instance.parse
    return [
        instance if instance.parse is not None else replace(instance, parse=_PARSES[instance.text])
        for instance in instances
    ]


def check_distinguished(n_relations: NRelations, n_distinct: int, n_instances: int, features: str) -> None:
    """Check that features distinguish as many instances as relations are wanted.

    Raises:
        InputError: There are fewer different features than relations.
    """
    if n_relations != "auto" and n_distinct < n_relations:
        raise InputError(
            f"cannot make {n_relations} relations of {n_instances} instances with {n_distinct} different {features}; "
            f"instances are repeated, or their {features} cannot distinguish them, so ask for fewer relations"
        )


def _place(instance: RelationInstance) -> tuple[object, ...]:
    return instance.text, instance.head, instance.tail
