"""A fit in an open world: what has no relation and what is of a labelled one is told first, the rest is clustered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import Encoder, loss_warnings
from relscout.errors import InputError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.estimator import NRelations
from relscout.methods.selfore import SelfORE
from relscout.methods.transfer.open_world import OpenWorld
from relscout.methods.transfer.relatedness import Relatedness
from relscout.methods.transfer.settings import TransferSettings
from relscout.methods.transfer.sorting import sorted_apart
from relscout.methods.unrelated.telling import LEAST
from relscout.methods.vectors import encode, scattered
from relscout.progress import Progress
from relscout.text.redrawing import redrawn_pairs


@dataclass(kw_only=True)
class Opening:
    """The fit, and what came of it.

    Args:
        base: The encoder as it was.
        taught: The encoder that labelled relations have taught.
        clustering: What clusters novel instances; fitted by :meth:`fit`.
        n_relations: Number of novel relations, or ``"auto"``.
        settings: Of the method.
        seed: Draws everything random.
        lost: Counts what could not be read whole.
        progress: Told how far it is.
        checkpoints: Folder for work in progress.

    Attributes:
        probabilities: Of each relation, and last of none (N, R + 1), float32.
        vectors: Of the taught encoder (N, D), float32.
        warnings: What a user should know.
        told_again: Warnings of the clustering that are among those of ``lost``.
    """

    base: Encoder
    taught: Encoder
    clustering: SelfORE
    n_relations: NRelations
    settings: TransferSettings
    seed: int
    lost: Counter[str]
    progress: Progress
    checkpoints: Path | None
    probabilities: NDArray[np.float32] = field(init=False)
    vectors: NDArray[np.float32] = field(init=False)
    warnings: list[str] = field(default_factory=list)
    told_again: list[str] = field(default_factory=list)

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        known: Sequence[RelationInstance],
        names: Sequence[str],
        classes: NDArray[np.int64],
    ) -> OpenWorld:
        """Fit, and return what tells relations apart.

        Args:
            unlabeled: What to find relations in (N).
            known: Labelled instances, in canonical order.
            names: Of the labelled relations.
            classes: Of each labelled instance (L,), int64.

        Raises:
            InputError: Fewer instances are of novel relations than there are to be relations or clusters.
        """
        order = canonical_order(unlabeled)
        ordered = [unlabeled[place] for place in order]
        relatedness, none = self._relatedness(known, ordered), None
        related = np.ones(len(ordered), dtype=bool)
        if relatedness is not None:
            none = relatedness.none(encode(self.base, ordered, progress=self.progress))
            related = none <= 0.5
            self._check_related(related)
        of_known = encode(self.taught, known, progress=self.progress)
        cut: list[tuple[RelationInstance, str]] = []
        vectors = encode(
            self.taught,
            ordered,
            progress=self.progress,
            on_loss=lambda one, what: cut.append((one, what)),
        )
        sorting, is_novel = sorted_apart(
            vectors[related], of_known, classes, self.n_relations, self.settings, seed=self.seed
        )
        novel = [ordered[place] for place in np.flatnonzero(related)[is_novel]]
        if len(novel) < self.settings.n_clusters:
            raise InputError(
                f"n_clusters is {self.settings.n_clusters}, but only {len(novel)} of {len(unlabeled)} instances "
                "are of novel relations; ask for at most as many"
            )
        self.clustering.fit(novel, progress=self.progress, checkpoints=self.checkpoints)
        # told of all instances, not of the novel ones alone
        of_novel_ones = {id(one) for one in novel}
        self.told_again = loss_warnings(Counter(what for one, what in cut if id(one) in of_novel_ones))
        self.lost.update(what for _, what in cut)
        of_novel = self.clustering.probabilities_of(vectors)
        found = OpenWorld.of(sorting, relatedness, names, vectors[related], of_novel[related])
        self.probabilities = scattered(found.probabilities(vectors, of_novel, none), order)
        self.vectors = scattered(vectors, order)
        return found

    def _check_related(self, related: NDArray[np.bool_]) -> None:
        wanted = 1 if self.n_relations == "auto" else self.n_relations
        if (left := int(related.sum())) < wanted:
            raise InputError(
                f"{len(related) - left} of {len(related)} instances express no relation according to the labels, "
                f"and {left} are left for {wanted} novel relation{'s' if wanted > 1 else ''}; ask for fewer, or set "
                f"none_mistakes lower than {self.settings.none_mistakes} (0 gives every instance a relation)"
            )

    def _relatedness(
        self, known: Sequence[RelationInstance], unlabeled: Sequence[RelationInstance]
    ) -> Relatedness | None:
        mistakes = self.settings.none_mistakes
        if not mistakes:
            return None
        # what is to be told is not learnt as unrelated
        pairs = redrawn_pairs(known, but=unlabeled, seed=self.seed)
        if min(len(pairs), len(known)) < LEAST:
            self.warnings.append(
                f"in {len(known)} labelled sentences, {len(pairs)} pairs of other entities could be drawn, too few to "
                f"learn what no relation looks like ({LEAST} of either are needed), so that every instance is given a "
                "relation; none_mistakes=0 asks for that"
            )
            return None
        related, redrawn = (encode(self.base, side, progress=self.progress) for side in (known, pairs))
        return Relatedness.of(related, redrawn, mistakes=mistakes, seed=self.seed)
