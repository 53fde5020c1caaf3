"""RSN as an estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import too_alike
from relscout.encoders import Encoder, EncoderSettings, OnLoss, loss_warnings
from relscout.encoders.batching import rows_by_content
from relscout.errors import InputError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.estimator import check_enough, checked_n_relations
from relscout.methods.foundation import Method
from relscout.methods.labelled import Labels, check_labels
from relscout.methods.rsn.partition import Prototypes, grouped
from relscout.methods.rsn.settings import RSNSettings
from relscout.methods.rsn.similarity import Similarity
from relscout.methods.rsn.transfer import Lesson, transfer
from relscout.methods.vectors import encode, largest_first, scattered, unit_length
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.labels import digest
from relscout.training.stored import below, check_encoder
from relscout.training.trained import Trained, trainable
from relscout.training.work import Work

Instances = Sequence[RelationInstance]


class RSN(Method):
    """Relational siamese network: learn which labelled instances say the same, and group others by it.

    Args:
        encoder: Gives the representations; a :class:`TransformerEncoder` where layers of it train. The bundled one
            when left out.
        n_relations: Number of relations K, or ``"auto"``, which leaves it to Louvain.
        seed: Draws everything random.
        **settings: Fields of :class:`RSNSettings`.
    """

    NAME: ClassVar[str] = "rsn"
    CITATION: ClassVar[str] = (
        "Wu, Yao, Han, Xie, Liu, Lin, Lin, Sun: Open Relation Extraction: Relational Knowledge Transfer from "
        "Supervised Data to Unsupervised Data. EMNLP 2019"
    )
    SETTINGS: ClassVar[type[RSNSettings]] = RSNSettings
    LABELS: ClassVar[Labels] = "required"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()

    _FITTED: ClassVar[str] = "_similarity"

    def fit(
        self,
        unlabeled: Instances,
        labeled: Instances | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: What to find relations in.
            labeled: Instances of other relations, with gold relations, to learn from.
            progress: Told how far it is.
            checkpoints: Folder that keeps what is done after each epoch of training, so that an interrupted fit goes on
                there and ends as it would have.

        Raises:
            InputError: There is no instance, there are fewer (different) ones than relations, or the labelled ones give
                no pairs of one relation or no pairs of two.
            SettingError: ``labeled`` is missing, the encoder cannot be trained, or a setting cannot work.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        n_relations = checked_n_relations(self.n_relations)
        check_enough(n_relations, len(unlabeled))
        generator(self.seed, "check")
        order = canonical_order(unlabeled)
        instances = [unlabeled[place] for place in order]
        rows = list(rows_by_content(instances).values())
        if n_relations != "auto" and n_relations > len(rows):
            raise too_alike(len(instances), n_relations)
        lesson = Lesson(labeled or ())
        work = Work.of(
            checkpoints,
            settings={**self.settings(), "method": self.NAME, "labelled": digest(lesson.classes)},
            fingerprint=self.encoder.fingerprint,
            instances=[*instances, *lesson.instances],
        )
        lost: Counter[str] = Counter()
        learnt = transfer(
            self.encoder,
            lesson,
            [instances[same[0]] for same in rows],
            settings=self._settings,
            seed=self.seed,
            progress=progress,
            on_loss=lambda _, what: lost.update([what]),
            work=work,
        )
        self._similarity = learnt.similarity
        self._trained = Trained(self.encoder.fingerprint, learnt.weights)
        # by the way of transform and predict, so that these give the very same
        codes, row_of = self._codes(instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
        progress("cluster", 0, None)
        asked = None if n_relations == "auto" else n_relations
        grouping = grouped(self._similarity, codes, asked, settings=self._settings, seed=self.seed)
        prototypes = Prototypes.drawn(
            codes[grouping.rows], grouping.labels, most=self._settings.prototypes, seed=self.seed
        )
        labels = prototypes.shares(self._similarity, codes).argmax(axis=1)[row_of]
        # what is like none the most has no instance, and leaving it out moves none
        found = largest_first(labels, len(prototypes.starts))[: len(np.unique(labels))]
        self._prototypes = prototypes.only(found)
        self.n_relations_ = len(found)
        shares = self._prototypes.shares(self._similarity, codes)[row_of]
        self.probabilities_ = scattered(shares, order)
        self.labels_ = self.probabilities_.argmax(axis=1).astype(np.int64)
        self.vectors_ = scattered(unit_length(codes[row_of]), order)
        self.report_ = {
            "epochs": learnt.epochs,
            **grouping.told(),
            "warnings": [
                *loss_warnings(lost),
                *lesson.warnings,
                *grouping.warnings(len(codes)),
                *([] if asked is None else self._fewer(asked, "the network does not distinguish more")),
            ],
        }
        work.clear()
        return self

    def predict_proba(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        """Return how like each relation is, among all of them (N, K), float32, rows summing to 1.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        order = canonical_order(instances)
        ordered = [instances[place] for place in order]
        codes, row_of = self._codes(ordered, progress=progress, on_loss=on_loss)
        return scattered(self._prototypes.shares(self._similarity, codes)[row_of], order)

    def transform(self, instances: Instances, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return relation representations f (N, Z), float32, scaled to unit length."""
        order = canonical_order(instances)
        codes, row_of = self._codes([instances[place] for place in order], progress=progress)
        return scattered(unit_length(codes[row_of]), order)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return similarity and prototypes, and the weights that were trained."""
        parts = {
            "similarity": self._similarity.arrays(),
            "prototypes": self._prototypes.arrays(),
            "encoder": self._trained.weights,
        }
        tensors = {f"{part}.{name}": array for part, all in parts.items() for name, array in all.items()}
        return {"trained_from": self._trained.fingerprint}, tensors

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` returned."""
        self._similarity = Similarity.from_arrays(below("similarity.", arrays))
        self._prototypes = Prototypes.from_arrays(below("prototypes.", arrays))
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self.n_relations_ = len(self._prototypes.starts)

    def _fingerprint(self) -> str:
        return self._trained.fingerprint

    def _codes(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return f of each different content (M, Z), and the content of each instance (N,).

        Rounding depends on a row's place in a matrix: what reads the same gets the very same code only as one row.
        """
        vectors = encode(self._encoder(), instances, progress=progress, on_loss=on_loss)
        row_of = np.empty(len(instances), dtype=np.int64)
        first = []
        for content, rows in enumerate(rows_by_content(instances).values()):
            row_of[rows] = content
            first.append(rows[0])
        return self._similarity.codes(vectors[first] if len(first) < len(vectors) else vectors), row_of

    def _encoder(self) -> Encoder:
        """Return the encoder, with the weights that were trained."""
        self._check_fitted()
        if self._trained.weights:
            return self._trained.on(trainable(self.NAME, self.encoder))
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder

    _similarity: Similarity
    _prototypes: Prototypes
    _trained: Trained
