"""Transfer as an estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Start
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.settings import to_mapping
from relscout.encoders import Encoder, EncoderSettings, OnLoss, TransformerEncoder, loss_warnings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.estimator import (
    Labels,
    Method,
    NRelations,
    check_labels,
)
from relscout.methods.selfore import SelfORE
from relscout.methods.transfer.open_world import OpenWorld, OpenWorldFit, TransferSettings
from relscout.methods.vectors import encode, scattered
from relscout.training.checkpointing import CheckpointedTraining
from relscout.training.cosine_classifier import CosineClassifierTrainer
from relscout.training.labels import canonical, classes_of, digest
from relscout.training.stored import Checkpoints, Trained, below, trainable


class Transfer(Method):
    """Find novel relations with an encoder trained on labelled relations and their inverses.

    Args:
        encoder: The :class:`TransformerEncoder` to start from; the bundled encoder when left out.
        n_relations: Number of novel relations K, or ``"auto"`` to estimate it from the trained representations.
        seed: Random seed.

    The other parameters are the fields of :class:`TransferSettings`.

    Attributes:
        names_: With ``open_world``, names of the pre-defined relations in the corpus, by their number.
    """

    NAME: ClassVar[str] = "transfer"
    CITATION: ClassVar[str] = (
        "relscout 2026; labelled relations teach as in Zhao et al.: RoCORE. EMNLP 2021, clustering as in Hu et al.: "
        "SelfORE. EMNLP 2020"
    )
    SETTINGS: ClassVar[type[TransferSettings]] = TransferSettings
    LABELS: ClassVar[Labels] = "required"
    KNOWN_SETTING: ClassVar[str | None] = "open_world"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()
    TRAINS: ClassVar[bool] = True

    _FITTED: ClassVar[str] = "_clusters"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        classifier_epochs: int = TransferSettings.classifier_epochs,
        frozen_epochs: int = TransferSettings.frozen_epochs,
        classifier_learning_rate: float = TransferSettings.classifier_learning_rate,
        head_learning_rate: float = TransferSettings.head_learning_rate,
        classifier_batch: int = TransferSettings.classifier_batch,
        classifier_dropout: float = TransferSettings.classifier_dropout,
        warm_up: float = TransferSettings.warm_up,
        trained_layers: int = TransferSettings.trained_layers,
        training_dtype: Arithmetic = TransferSettings.training_dtype,
        layers: str = TransferSettings.layers,
        initial: Literal["xavier", "normal"] = TransferSettings.initial,
        noise: float = TransferSettings.noise,
        autoencoder_epochs: int = TransferSettings.autoencoder_epochs,
        autoencoder_steps: int = TransferSettings.autoencoder_steps,
        autoencoder_plateau: float = TransferSettings.autoencoder_plateau,
        autoencoder_batch: int = TransferSettings.autoencoder_batch,
        autoencoder_learning_rate: float = TransferSettings.autoencoder_learning_rate,
        weight_decay: float = TransferSettings.weight_decay,
        alpha: float = TransferSettings.alpha,
        start: Start = TransferSettings.start,
        optimizer: Literal["adam", "sgd"] = TransferSettings.optimizer,
        cluster_learning_rate: float = TransferSettings.cluster_learning_rate,
        cluster_epochs: int = TransferSettings.cluster_epochs,
        cluster_batch: int = TransferSettings.cluster_batch,
        label_from: Literal["target", "assignment"] = TransferSettings.label_from,
        keep: Literal["last", "lowest-loss"] = TransferSettings.keep,
        redraws: int = TransferSettings.redraws,
        adaptive: bool = TransferSettings.adaptive,
        classification: bool = TransferSettings.classification,
        max_loops: int = TransferSettings.max_loops,
        stop_change: float = TransferSettings.stop_change,
        head: Literal["aligned", "fresh"] = TransferSettings.head,
        n_clusters: int = TransferSettings.n_clusters,
        frozen_loops: Literal["all", "first"] = TransferSettings.frozen_loops,
        merge: Literal["means", "centroids", "none"] = TransferSettings.merge,
        restarts: int = TransferSettings.restarts,
        max_relations: int = TransferSettings.max_relations,
        inverses: bool = TransferSettings.inverses,
        supervised_layers: int = TransferSettings.supervised_layers,
        supervised_epochs: int = TransferSettings.supervised_epochs,
        supervised_steps: int = TransferSettings.supervised_steps,
        supervised_learning_rate: float = TransferSettings.supervised_learning_rate,
        directions_learning_rate: float = TransferSettings.directions_learning_rate,
        imprint_samples: int = TransferSettings.imprint_samples,
        supervised_batch: int = TransferSettings.supervised_batch,
        supervised_dropout: float = TransferSettings.supervised_dropout,
        sharpness: float = TransferSettings.sharpness,
        supervised_warm_up: float = TransferSettings.supervised_warm_up,
        supervised_dtype: Arithmetic = TransferSettings.supervised_dtype,
        open_world: bool = TransferSettings.open_world,
        no_relation_fnr: float = TransferSettings.no_relation_fnr,
        known_fnr: float = TransferSettings.known_fnr,
        separation: Literal["joint", "neighbours"] = TransferSettings.separation,
        neighbours: int = TransferSettings.neighbours,
        shrinkage: float = TransferSettings.shrinkage,
    ) -> None:
        self._store(locals())

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Train the encoder on ``labeled``, then find the novel relations of ``unlabeled``.

        Args:
            unlabeled: The instances to find relations in.
            labeled: Instances of other, pre-defined relations, with gold relations; their names do not matter.
            progress: Progress callback.
            checkpoints: Folder for checkpoints after each epoch, so that an interrupted fit resumes with the same
                result.

        Raises:
            InputError: There is no instance, there are fewer (different) ones than relations, or the labelled ones have
                fewer than two relations.
            SettingError: ``labeled`` is missing, the encoder cannot be trained, or a setting cannot work.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        _, _, n_relations = self._check_input(unlabeled)
        known, left_out = canonical(labeled or ())
        names, classes = classes_of(known)
        base = trainable(self.NAME, self.encoder)
        work = self._checkpoint(checkpoints, base.fingerprint, known, labelled=digest(classes))
        lost: Counter[str] = Counter()
        outcome = self._train_encoder(base, known, classes, work, lost, progress)
        self._trained = Trained(base.fingerprint, outcome.pop("weights"))
        encoder = self._trained.on(base)
        clustering = self._clustering(encoder)
        duplicates: list[str] = []
        if self._settings.open_world:
            open_fit = OpenWorldFit(
                base=base,
                trained=encoder,
                clustering=clustering,
                n_relations=n_relations,
                settings=self._settings,
                seed=self.seed,
                lost=lost,
                progress=progress,
                checkpoints=checkpoints,
            )
            opened = open_fit.fit(unlabeled, known, names, classes)
            self._clusters, self._open = clustering, opened
            self._count()
            self.probabilities_, self.vectors_ = open_fit.probabilities, open_fit.vectors
            self.labels_ = self._likeliest(self.probabilities_)
            left_out += open_fit.warnings
            duplicates = open_fit.duplicate_warnings
        else:
            self._clusters = clustering.fit(unlabeled, progress=progress, checkpoints=checkpoints)
            self._open = None
            self._count()
            self.labels_, self.vectors_ = self._clusters.labels_, self._clusters.vectors_
            self.probabilities_ = self._clusters.probabilities_
        of_clustering = [
            warning for warning in self._clusters.report_["warnings"] if warning not in duplicates
        ]
        warnings = [*left_out, *loss_warnings(lost), *of_clustering]
        of_open = {"predefined_found": len(self.names_), "no_relation": int((self.labels_ < 0).sum())}
        self.report_ = {
            "labelled": len(known),
            "predefined": len(names),
            **(of_open if self._open else {}),
            "taught": outcome,
            **self._clusters.report_,
            "warnings": list(dict.fromkeys(warnings)),
        }
        work.clear()
        return self

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation, and last of no relation if estimated (N, K or K + 1), float32.

        Rows sum to 1.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        clustering = self._fitted()
        if self._open is None:
            return clustering.predict_proba(instances, progress=progress, on_loss=on_loss)
        order = canonical_order(instances)
        ordered = [instances[place] for place in order]
        none = None
        if self._open.relatedness is not None:
            none = self._open.relatedness.none(encode(self.encoder, ordered, progress=progress))
        vectors = encode(clustering.encoder, ordered, progress=progress, on_loss=on_loss)
        return scattered(self._open.probabilities(vectors, clustering.probabilities_of(vectors), none), order)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations of the trained encoder (N, D), float32, of unit length."""
        return self._fitted().transform(instances, progress=progress)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the trained weights and the clusters."""
        values, tensors = self._fitted().state()
        arrays = {f"taught.{name}": array for name, array in self._trained.weights.items()}
        arrays |= {f"found.{name}": array for name, array in tensors.items()}
        if self._open:
            arrays |= {f"open.{name}": array for name, array in self._open.arrays().items()}
        names = list(self._open.names) if self._open else []
        return {"found": values, "names": names, "taught_from": self._trained.fingerprint}, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._trained = Trained(str(values["taught_from"]), below("taught.", arrays))
        self._clusters = self._clustering(trainable(self.NAME, self.encoder))
        self._clusters.restore(values["found"], below("found.", arrays))
        of_open = below("open.", arrays)
        names = [str(name) for name in values["names"]]
        self._open = OpenWorld.restored(of_open, names) if of_open else None
        self._count()

    def _train_encoder(
        self,
        base: TransformerEncoder,
        known: Sequence[RelationInstance],
        classes: NDArray[np.int64],
        work: Checkpoints,
        lost: Counter[str],
        progress: Progress,
    ) -> dict[str, Any]:
        """Return the trained weights and the record of each epoch."""
        options = self._settings
        tunable = TunableEncoder(
            base, trained_layers=options.supervised_layers, arithmetic=options.supervised_dtype
        )
        prepared = tunable.prepare(known, progress=progress, on_loss=lambda _, what: lost.update([what]))
        teacher = CosineClassifierTrainer(tunable, prepared, classes, settings=options, seed=self.seed)
        training = CheckpointedTraining(teacher, work)
        training.run(progress)
        return {**training.history(), "weights": tunable.weights()}

    def _count(self) -> None:
        self.n_relations_ = len(self._open.outputs) if self._open else self._clusters.n_relations_
        self.names_ = self._open.given_names if self._open else {}
        self.none_ = self.n_relations_ if self._open and self._open.relatedness else None

    def _clustering(self, encoder: TransformerEncoder) -> SelfORE:
        return SelfORE(
            encoder, n_relations=self.n_relations, seed=self.seed, **to_mapping(self._settings.of_clustering)
        )

    def _fitted(self) -> SelfORE:
        self._check_fitted()
        # an encoder with other weights is refused here, and a cache set since the fit is used
        self._clusters.encoder = self._trained.on(trainable(self.NAME, self.encoder))
        return self._clusters

    _trained: Trained
    _clusters: SelfORE
    _open: OpenWorld | None
