"""RoCORE as an estimator, and the linear classifiers that it fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Start, unit_length
from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.encoders import Encoder, EncoderSettings, loss_warnings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.estimator import EncoderTraining, Labels, NRelations, check_labels
from relscout.methods.rocore.network import Network, RoCORESettings, Sides, outputs
from relscout.methods.rocore.training import JointTraining
from relscout.methods.vectors import (
    checked_n_clusters,
    encode,
    exponent_for,
    largest_first,
    merged,
    of_relations,
    outputs_by_size,
    scattered,
    softened,
)
from relscout.training.labels import canonical, classes_of, digest
from relscout.training.stored import Trained, below, trainable

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Linear:
    """A linear classifier.

    Args:
        weight: (K, D), float32.
        bias: (K,), float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each class (N, K), float32, for vectors (N, D) of unit length."""
        # the classifier was trained on vectors of mean square 1, which are √D times as long
        scale = np.float32(self.weight.shape[1] ** 0.5)
        scores: NDArray[np.float32] = vectors @ (self.weight.T * scale) + self.bias
        return scores

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each class (N, K), float32: the softmax of the scores."""
        shares = self.scores(vectors)
        shares -= shares.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def chosen(self, outputs: NDArray[np.int64]) -> Linear:
        """Return the classifier of some of the classes, in the given order."""
        return Linear(self.weight[outputs], self.bias[outputs])


@dataclass(frozen=True)
class Classifiers:
    """The classifiers of a fitted RoCORE.

    Args:
        linear: η_u, or η_l in incremental learning; without outputs for novel relations that have no instance.
        relation_of: Relation of each output (K̂,), int64, numbered by size, so that pre-defined relations without
            instances come last. Merged outputs have the same relation.
        predefined: Names of the pre-defined relations, sorted.
        numbers: In incremental learning, the number of each pre-defined relation (C,), int64; else empty.
    """

    linear: Linear
    relation_of: NDArray[np.int64]
    predefined: tuple[str, ...]
    numbers: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        novel: Linear,
        unified: Linear | None,
        names: Sequence[str],
        vectors: NDArray[np.float32],
        n_relations: int,
        *,
        seed: int,
    ) -> Self:
        """Number the relations of trained classifiers.

        Args:
            novel: η_u.
            unified: η_l in incremental learning: the pre-defined relations, followed by the outputs of ``novel``.
            names: Pre-defined relations in the order of the outputs of η_l.
            vectors: Vectors of the clustered instances (N, D), of unit length.
            n_relations: Number of novel relations; if η_u has more outputs, they are merged.
            seed: Random seed of the merging.
        """
        labels = novel.scores(vectors).argmax(axis=1)
        outputs = outputs_by_size(labels, len(novel.bias))
        by_name = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        predefined = tuple(names[place] for place in by_name)
        group_of = np.arange(len(outputs))
        if len(outputs) > n_relations:
            member = novel.chosen(outputs).scores(vectors).argmax(axis=1)
            group_of = merged(vectors, member, n_relations, seed=seed)
        linear, given = novel.chosen(outputs), np.arange(0)
        if unified is not None:
            # novel relations that η_l never predicts are left out; pre-defined ones stay, since they have names
            given = np.arange(len(names))
            chosen = np.isin(len(names) + outputs, unified.scores(vectors).argmax(axis=1))
            outputs, group_of = outputs[chosen], np.unique(group_of[chosen], return_inverse=True)[1]
            linear = unified.chosen(np.concatenate([given, len(names) + outputs]))
            group_of = np.concatenate([given, len(names) + group_of])
        groups = group_of[linear.scores(vectors).argmax(axis=1)]
        relation_of = np.argsort(largest_first(groups, int(group_of.max()) + 1))[group_of]
        return cls(linear, relation_of, predefined, relation_of[by_name] if len(given) else given)

    @property
    def n_relations(self) -> int:
        """Number of relations."""
        return int(self.relation_of.max()) + 1

    @property
    def names(self) -> dict[int, str]:
        """Names of the pre-defined relations among the outputs, by their number."""
        return dict(sorted(zip(self.numbers.tolist(), self.predefined, strict=False)))

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the share of each relation (N, K), float32, for vectors of unit length (N, D)."""
        return of_relations(self.linear.shares(vectors), self.relation_of)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields except the names as arrays, for saving."""
        of_linear: dict[str, NDArray[Any]] = {
            f"linear.{name}": array for name, array in vars(self.linear).items()
        }
        return {**of_linear, "relation_of": self.relation_of, "numbers": self.numbers}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], predefined: Sequence[str]) -> Self:
        """Return the classifiers that :meth:`arrays` saved; other arrays are ignored."""
        linear = Linear(**below("linear.", arrays))
        return cls(linear, arrays["relation_of"], tuple(predefined), arrays["numbers"])


class RoCORE(EncoderTraining):
    """Relation-oriented clustering: labelled relations show what clusters of other relations look like.

    Args:
        encoder: The :class:`TransformerEncoder` to start from; the bundled encoder by default.
        n_relations: Number of novel relations C_u, or ``"auto"`` to estimate it from the untrained representations.
        seed: Random seed.

    The other parameters are the fields of :class:`RoCORESettings`.

    Attributes:
        predefined_: Names of the labelled relations, sorted.
        names_: With ``incremental``, names of the labelled relations by number; ``predict`` may return their numbers.
        epochs_labels_: Output of η_u for each fitted instance after every epoch (E, N), int16 (int32 beyond 32,767
            relations), so that an experiment can evaluate other choices of the epoch; not saved.
        watched_labels_: The same for each instance of :meth:`watching` (E, n), int64, in the given order; not saved.
    """

    NAME: ClassVar[str] = "rocore"
    CITATION: ClassVar[str] = (
        "Zhao, Gui, Zhang, Zhou: A Relation-Oriented Clustering Method for Open Relation Extraction. EMNLP 2021"
    )
    SETTINGS: ClassVar[type[RoCORESettings]] = RoCORESettings
    LABELS: ClassVar[Labels] = "required"
    # Eq. 2 and 3 pool one layer at the mentions, `span-max@8` for BERT-base. For the small encoder, several layers
    # score higher (on dev-transfer-A). Of layer 5, which trains, only mentions are pooled; lower layers run once.
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(
        pooling="span-mean@3+span-mean@5+sentence@4+between@4"
    )

    predefined_: tuple[str, ...]
    epochs_labels_: NDArray[np.signedinteger[Any]]
    watched_labels_: NDArray[np.int64]
    _watched: ClassVar[tuple[RelationInstance, ...]] = ()

    @classmethod
    def watching(cls, instances: Sequence[RelationInstance]) -> type[Self]:
        """Return a RoCORE that also predicts unseen instances after every epoch, as ``watched_labels_``.

        It is for experiments that score every epoch on test instances once the fit has ended. The instances change
        nothing in the fit, and their gold relations are removed here.
        """
        bare = tuple(instance.without_relation() for instance in instances)
        return type(cls.__name__, (cls,), {"__module__": cls.__module__, "_watched": bare})

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        center: bool = RoCORESettings.center,
        reconstruction: bool = RoCORESettings.reconstruction,
        cross_entropy: bool = RoCORESettings.cross_entropy,
        incremental: bool = RoCORESettings.incremental,
        n_clusters: int = RoCORESettings.n_clusters,
        layers: str = RoCORESettings.layers,
        activation: Literal["relu", "leaky-relu"] = RoCORESettings.activation,
        initial: Literal["xavier", "normal"] = RoCORESettings.initial,
        reconstruction_scale: Literal["mean", "sum"] = RoCORESettings.reconstruction_scale,
        reconstruction_of: Literal["average", "labeled", "sum"] = RoCORESettings.reconstruction_of,
        center_weight: float = RoCORESettings.center_weight,
        weight_penalty: float = RoCORESettings.weight_penalty,
        pretrain_epochs: int = RoCORESettings.pretrain_epochs,
        pretrain_steps: int = RoCORESettings.pretrain_steps,
        pretrain_plateau: float = RoCORESettings.pretrain_plateau,
        pretrain_center: bool = RoCORESettings.pretrain_center,
        start: Start = RoCORESettings.start,
        fresh_starts: int = RoCORESettings.fresh_starts,
        margin: float = RoCORESettings.margin,
        batch: int = RoCORESettings.batch,
        epochs: int = RoCORESettings.epochs,
        epoch_steps: int = RoCORESettings.epoch_steps,
        learning_rate: float = RoCORESettings.learning_rate,
        encoder_learning_rate: float = RoCORESettings.encoder_learning_rate,
        trained_layers: int = RoCORESettings.trained_layers,
        training_dtype: Arithmetic = RoCORESettings.training_dtype,
        stop_change: float = RoCORESettings.stop_change,
        patience: int = RoCORESettings.patience,
        select: Literal["agreement", "last"] = RoCORESettings.select,
        ramp_up_weight: float = RoCORESettings.ramp_up_weight,
        ramp_up_epochs: int = RoCORESettings.ramp_up_epochs,
        max_relations: int = RoCORESettings.max_relations,
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
        """Find the novel relations of ``unlabeled`` with the help of ``labeled``.

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
        instances, order, n_relations = self._check_input(unlabeled)
        if n_relations != "auto":
            checked_n_clusters(self._settings.n_clusters, n_relations, len(unlabeled))
        known, left_out = canonical(labeled or ())
        base, options = trainable(self.NAME, self.encoder), self._settings
        tunable = TunableEncoder(
            base, trained_layers=options.trained_layers, arithmetic=options.training_dtype
        )
        lost: Counter[str] = Counter()
        prepared, prepared_known = (
            tunable.prepare(side, progress=progress, on_loss=lambda _, what: lost.update([what]))
            for side in (instances, known)
        )
        self.report_ = {"warnings": []}
        if n_relations == "auto":
            vectors = unit_length(tunable.encode(prepared, progress=progress))
            n_relations = self.estimated_number(vectors, largest=options.max_relations, progress=progress)
        names, classes = classes_of(known)
        watched = tunable.prepare(self._watched, progress=progress) if self._watched else None
        work = self._checkpoint(
            checkpoints,
            base.fingerprint,
            [*instances, *known, *self._watched],
            labelled=digest(classes),
            watched=len(self._watched),
        )
        n_clusters = checked_n_clusters(options.n_clusters, n_relations, len(instances))
        sides = Sides.of(prepared, prepared_known, classes, n_clusters)
        n_outputs = len(names) + (n_clusters if options.incremental else 0)
        network = Network(tunable, n_outputs, n_clusters, settings=options, seed=self.seed)
        training = JointTraining(options, network, sides, self.seed, progress, work, watched)
        training.run()
        self._pretrained = network.pretrained.cpu() if training.pretraining_loss else None
        self._trained = Trained(base.fingerprint, tunable.weights())
        # the same code path as transform and predict, so that these return exactly the same
        final = encode(self._ready_encoder(), instances, progress=progress)
        weights = network.state.weights()
        unified = Linear(**below("known.", weights)) if options.incremental else None
        self._classifiers = Classifiers.of(
            Linear(**below("novel.", weights)), unified, names, final, n_relations, seed=self.seed
        )
        self._count()
        # an estimate of the accuracy that needs no labels: the agreement of η_u with the clusters
        self._exponent = exponent_for(self._classifiers.shares(final), training.selector.agreement)
        self._set_results(self.probabilities_of(final), final, order)
        self.epochs_labels_ = training.selector.history()[:, np.argsort(order)]
        epochs = len(self.epochs_labels_)
        self.watched_labels_ = np.reshape(training.watched_labels, (epochs, -1)).astype(np.int64)
        why = "the others have no instances, or are classified as pre-defined"
        given = len(self.names_)
        fewer = self._fewer(n_relations, why, given=given) if given else self._fewer(n_relations)
        of_names = {"predefined_found": int(np.isin(list(self.names_), self.labels_).sum())}
        self.report_ |= {
            "labelled": len(known),
            "predefined": len(names),
            **(of_names if options.incremental else {}),
            **training.report(),
            "warnings": [*left_out, *loss_warnings(lost), *training.warnings, *fewer],
        }
        work.clear()
        return self

    def pretrained_codes(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        """Return the codes g(h) (N, Z), float32, of the instances after pre-training (appendix B).

        Raises:
            SettingError: This was not fitted here, or without pre-training.
        """
        if self._pretrained is None:
            raise SettingError(
                "the codes after pre-training are not available: they are not saved, and there is no pre-training "
                "without reconstruction or with pretrain_epochs and pretrain_steps 0; fit it again"
            )
        order = canonical_order(instances)
        base = trainable(self.NAME, self.encoder)
        # pre-training does not change the encoder
        vectors = base.encode([instances[place] for place in order])
        return scattered(outputs(self._pretrained, vectors, scale=base.scale), order)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the classifiers and the trained weights."""
        values = {
            "exponent": self._exponent,
            "predefined": list(self.predefined_),
            "trained_from": self._trained.fingerprint,
        }
        tensors = {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        return values, {**tensors, **self._classifiers.arrays()}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._classifiers = Classifiers.restored(arrays, [str(name) for name in values["predefined"]])
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self._exponent = float(values["exponent"])
        self._count()

    def _count(self) -> None:
        self.predefined_, self.names_ = self._classifiers.predefined, self._classifiers.names
        self.n_relations_ = self._classifiers.n_relations

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, D) that ``transform`` returned."""
        self._check_fitted()
        return softened(self._classifiers.shares(vectors), self._exponent)

    _pretrained: torch.nn.Module | None = None
    _classifiers: Classifiers
    _exponent: float
