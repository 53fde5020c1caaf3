"""SelfORE as an estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.choose_k import choose_k
from relscout.encoders import EncoderSettings, TransformerEncoder, loss_warnings
from relscout.encoders.tunable import TunableEncoder
from relscout.errors import InputError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.confidence import exponent_for, softened
from relscout.methods.estimator import checked_n_relations
from relscout.methods.foundation import VectorMethod
from relscout.methods.labelled import Labels, check_labels
from relscout.methods.merging import checked_n_clusters, of_relations
from relscout.methods.selfore.loop import Bootstrap, room_for_frozen_epochs
from relscout.methods.selfore.partition import Adaptive, Hard, relations_of_clusters, restored
from relscout.methods.selfore.settings import SelfORESettings
from relscout.methods.vectors import encode, scattered, unit_length
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.stored import below
from relscout.training.trained import Trained, trainable
from relscout.training.work import Work


class SelfORE(VectorMethod):
    """Self-supervised relational feature learning: cluster, learn the clusters, cluster again.

    Args:
        encoder: Where the representations start, a :class:`TransformerEncoder`; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Draws everything random.
        **settings: Fields of :class:`SelfORESettings`.
    """

    NAME: ClassVar[str] = "selfore"
    CITATION: ClassVar[str] = (
        "Hu, Wen, Xu, Zhang, Yu: SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction. "
        "EMNLP 2020"
    )
    SETTINGS: ClassVar[type[SelfORESettings]] = SelfORESettings
    LABELS: ClassVar[Labels] = "none"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()

    _FITTED: ClassVar[str] = "_partition"

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: What to find relations in.
            labeled: Nothing: the method learns from no labels.
            progress: Told how far it is.
            checkpoints: Folder that keeps what is done after each epoch of relation classification, so that an
                interrupted fit goes on there and ends as it would have.

        Raises:
            InputError: There is no instance, or there are fewer (different) ones than relations or pseudo labels.
            SettingError: ``labeled`` is given, the encoder cannot be trained, or a setting cannot work.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        n_relations = checked_n_relations(self.n_relations)
        generator(self.seed, "check")
        order = canonical_order(unlabeled)
        instances = [unlabeled[place] for place in order]
        base, options = trainable(self.NAME, self.encoder), self._settings
        self.report_ = {"warnings": []}
        lost: Counter[str] = Counter()
        tunable = prepared = contents = None
        if options.classification:
            tunable = TunableEncoder(
                base, trained_layers=options.trained_layers, arithmetic=options.training_dtype
            )
            prepared = tunable.prepare(
                instances, progress=progress, on_loss=lambda _, what: lost.update([what])
            )
            contents = room_for_frozen_epochs(options, 0, tunable, prepared)
            vectors = unit_length(tunable.encode(prepared, contents=contents, progress=progress))
        else:
            vectors = encode(base, instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
        if n_relations == "auto":
            choice = choose_k(vectors, seed=self.seed, largest=options.max_relations, progress=progress)
            self.report_["k_curve"] = choice.as_dict()
            n_relations = choice.k
        n_clusters = checked_n_clusters(options.n_clusters, n_relations, len(instances))
        work = Work.of(
            checkpoints,
            settings={**self.settings(), "method": self.NAME},
            fingerprint=base.fingerprint,
            instances=instances,
        )
        loop = Bootstrap(options, n_clusters, n_relations, self.seed, progress, work, contents)
        del contents
        self._partition = loop.run(vectors, tunable, prepared)
        self._trained = Trained(base.fingerprint, tunable.weights() if tunable is not None else {})
        del vectors, prepared, tunable
        # by the way of transform and predict, so that these give the very same
        final = encode(self._ready_encoder(), instances, progress=progress)
        asked = n_relations if options.merge else n_clusters
        self._relation_of = relations_of_clusters(self._partition, final, asked, seed=self.seed)
        self._exponent = 1.0
        if isinstance(self._partition, Adaptive):
            # label-free: how much the adaptive clustering agrees with the one that it started from
            found = of_relations(self._partition.shares(final), self._relation_of)
            self._exponent = exponent_for(found, loop.kept)
        self.n_relations_ = int(self._relation_of.max()) + 1
        self.probabilities_ = scattered(self.probabilities_of(final), order)
        self.labels_ = self.probabilities_.argmax(axis=1).astype(np.int64)
        self.vectors_ = scattered(final, order)
        self.report_ |= {
            "pseudo_labels": n_clusters,
            "loops": loop.loops,
            "stopped": loop.stopped,
            "warnings": [
                *loss_warnings(lost),
                *loop.warnings,
                *self._fewer(n_relations if options.merge else n_clusters),
            ],
        }
        work.clear()
        return self

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was fitted, apart from encoder and settings, as JSON values and arrays.

        Raises:
            SettingError: Nothing was fitted yet.
        """
        self._check_fitted()
        tensors = {f"partition.{name}": array for name, array in self._partition.arrays().items()}
        tensors |= {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        told = {"exponent": self._exponent, "trained_from": self._trained.fingerprint}
        return told, {**tensors, "relation_of": self._relation_of}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` returned."""
        self._partition = restored(below("partition.", arrays), alpha=self._settings.alpha)
        self._relation_of = arrays["relation_of"]
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self._exponent = float(values["exponent"])
        self.n_relations_ = int(self._relation_of.max()) + 1
        self.report_ = {"warnings": []}

    def _fingerprint(self) -> str:
        return self._trained.fingerprint

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors as ``transform`` gives them (N, D)."""
        self._check_fitted()
        shares = of_relations(self._partition.shares(vectors), self._relation_of)
        return softened(shares, self._exponent)

    def _ready_encoder(self) -> TransformerEncoder:
        """Return the encoder with the weights that were trained."""
        self._check_fitted()
        return self._trained.on(trainable(self.NAME, self.encoder))

    def _vector_encoder(self) -> TransformerEncoder:
        return self._ready_encoder()

    _partition: Adaptive | Hard
    _relation_of: NDArray[np.int64]
    _exponent: float
    _trained: Trained
