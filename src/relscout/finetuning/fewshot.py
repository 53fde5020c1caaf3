"""Few-shot relation classification: sentences of new relations, from a few examples of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.files import Artifact, make_above, save_artifact
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.seeding import checked_seed, generator
from relscout.core.settings import to_mapping
from relscout.encoders import EncoderParameter, OnLoss, TransformerEncoder, loss_warnings
from relscout.encoders.settings import Arithmetic, learnt_note
from relscout.finetuning.episodes import (
    Comparison,
    Episode,
    FewShotScore,
    accuracies,
    draw_episodes,
    large_enough,
    placed,
    probabilities,
)
from relscout.finetuning.fewshot_training import CHOSEN_BY, FewShotFit, FewShotSettings, Known, Seen, learn
from relscout.training.labels import canonical, classes_of
from relscout.training.stored import (
    Trained,
    below,
    load_kind,
    own_weights,
    portable,
    stored_transformer,
    whole,
)


class Vectors(Protocol):
    """A function from instances to vectors (N, D), float32."""

    def __call__(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        """Return the vectors in the order of the instances."""
        ...


@dataclass(frozen=True)
class Drawable:
    """Instances for episodes.

    Args:
        instances: The instances in canonical order, without repetitions.
        names: Names of the relations.
        classes: Relation of each instance (N,), int64.
        chosen: For each shape of episodes, the relations with enough instances, and warnings about the others.
        left_out: Descriptions of what else was left out.
    """

    instances: list[RelationInstance]
    names: list[str]
    classes: NDArray[np.int64]
    chosen: list[tuple[NDArray[np.int64], list[str]]]
    left_out: list[str]

    @classmethod
    def of(
        cls,
        instances: Sequence[RelationInstance],
        shapes: Sequence[Episode],
        *,
        seen: Sequence[Seen],
        known: Known,
    ) -> Self:
        """Return the instances for episodes of some shapes; see :func:`scores_of`.

        Raises:
            InputError: An instance has no gold relation, fewer relations than ways have enough instances, or some of
                them were seen.
        """
        unseen, left_out = list(instances), list[str]()
        for earlier in seen:
            unseen, warnings = earlier.apart(unseen, known, where="the test")
            left_out += warnings
        kept, repeated = canonical(unseen)
        names, classes = classes_of(kept)
        chosen = [large_enough(classes, names, shape) for shape in shapes]
        return cls(kept, names, classes, chosen, [*left_out, *repeated])


def scores_of(
    instances: Sequence[RelationInstance],
    shapes: Sequence[Episode],
    *,
    seen: Sequence[Seen],
    model: str | None,
    known: Known,
    episodes: int,
    seed: int,
    compared: Comparison,
    vectors: Vectors,
    progress: Progress,
) -> list[FewShotScore]:
    """Return the score of each shape of episodes.

    Args:
        instances: Instances with gold relations.
        shapes: Shapes of the episodes.
        seen: Relations and sentences of training, and of the choice of the weights.
        model: Name or folder of the encoder, which may have been trained on relations; ``None`` if it was not.
        known: Whether to raise an error for relations that were seen, drop them, or keep them.
        episodes: Number of episodes of each shape.
        seed: Random seed of the episodes.
        compared: How queries are compared with prototypes.
        vectors: Encodes the instances; called once.
        progress: Progress callback.

    Raises:
        InputError: An instance has no gold relation, fewer relations than ways have enough instances, or some of them
            were seen.
        SettingError: There are fewer than two episodes.
    """
    if episodes < 2:
        raise SettingError(f"episodes is {episodes}, expected at least 2: one episode has no standard error")
    # before the instances are encoded, which takes long, to report early if episodes cannot be drawn
    drawn_from = Drawable.of(instances, shapes, seen=seen, known=known)
    names, classes = drawn_from.names, drawn_from.classes
    streams = [generator(seed, f"episodes {shape}") for shape in shapes]
    lost: Counter[str] = Counter()
    encoded = vectors(drawn_from.instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
    scores = []
    for number, (shape, (relations, small), random) in enumerate(
        zip(shapes, drawn_from.chosen, streams, strict=True), 1
    ):
        drawn = draw_episodes(classes, relations, shape, episodes=episodes, random=random)
        right = accuracies(encoded, drawn, shots=shape.shots, compared=compared)
        note = None if model is None else learnt_note(model, [names[place] for place in relations])
        warnings = (*drawn_from.left_out, *loss_warnings(lost), *small, *([note] if note else ()))
        scores.append(FewShotScore.of(right, shape, relations=len(relations), warnings=warnings))
        progress("evaluate", number, len(shapes))
    return scores


_KIND = "few-shot"


def write(folder: Path, learnt: FewShotFit, encoder: TransformerEncoder, settings: Mapping[str, Any]) -> None:
    """Save a fit; missing folders above ``folder`` are created.

    Raises:
        OutputError: The folder holds other files or cannot be written.
    """
    trained = learnt.trained or Trained(encoder.fingerprint, {})
    tensors = {f"encoder.{name}": array for name, array in trained.weights.items()}
    if learnt.centre is not None:
        tensors["centre"] = learnt.centre
    described = {
        **settings,
        "relations": list(learnt.relations),
        "dev_relations": sorted(learnt.held.relations),
        "report": learnt.report,
        "encoder": portable(encoder),
        "encoder_fingerprint": trained.fingerprint,
    }
    seen = {"seen": learnt.seen.array(), "held": learnt.held.array()}
    make_above(folder)
    save_artifact(folder, Artifact(_KIND, described, {**tensors, **seen, **own_weights(encoder)}))


def read(folder: Path) -> tuple[FewShotFit, TransformerEncoder, dict[str, Any]]:
    """Read a fit from a folder; return it with its encoder and its settings.

    Raises:
        ArtifactError: The folder does not hold one.
    """
    artifact = load_kind(folder, _KIND)
    with whole(folder, _KIND):
        values = dict(artifact.settings)
        relations = tuple(str(name) for name in values.pop("relations"))
        held = values.pop("dev_relations")
        learnt = FewShotFit(
            relations,
            Trained(str(values.pop("encoder_fingerprint")), below("encoder.", artifact.tensors)),
            artifact.tensors.get("centre"),
            Seen.restored(artifact.tensors["seen"], relations),
            Seen.restored(artifact.tensors["held"], held, how=CHOSEN_BY),
            dict(values.pop("report")),
        )
        return learnt, stored_transformer(values.pop("encoder"), artifact.tensors), values


class FewShot(EncoderParameter[TransformerEncoder]):
    """Classifies sentences by the means of a few examples of each relation: a prototypical network.

    It works without :meth:`fit`. As in the paper, :meth:`fit` trains the encoder on labelled instances of other,
    pre-defined relations.

    Args:
        encoder: Encoder of the sentences; the bundled encoder by default.
        seed: Random seed.

    The other parameters are the fields of :class:`FewShotSettings`.

    Attributes:
        relations_: Names of the pre-defined relations, sorted; empty before ``fit``.
        report_: How training went, as JSON values: ``labelled``, ``predefined``, ``epochs``, ``chosen_epoch`` (0 for
            the untrained encoder), ``dev_untuned`` (accuracy before training), ``warnings``.
    """

    CITATION: ClassVar[str] = (
        "Snell, Swersky, Zemel: Prototypical Networks for Few-shot Learning. NIPS 2017; as in Peng et al.: Learning "
        "from Context or Names? An Empirical Study on Neural Relation Extraction. EMNLP 2020"
    )

    SETTINGS: ClassVar[type[FewShotSettings]] = FewShotSettings
    _ESTIMATOR_TYPE: ClassVar[str] = "classifier"

    def __init__(
        self,
        encoder: TransformerEncoder | None = None,
        *,
        seed: int = 0,
        similarity: str = FewShotSettings.similarity,
        unit_length: bool = FewShotSettings.unit_length,
        centred: bool = FewShotSettings.centred,
        refinements: int = FewShotSettings.refinements,
        objective: str = FewShotSettings.objective,
        iterations: int = FewShotSettings.iterations,
        learning_rate: float = FewShotSettings.learning_rate,
        dropout: float = FewShotSettings.dropout,
        trained_layers: int = FewShotSettings.trained_layers,
        inverses: bool = FewShotSettings.inverses,
        train_ways: int = FewShotSettings.train_ways,
        train_shots: int = FewShotSettings.train_shots,
        train_queries: int = FewShotSettings.train_queries,
        train_batch: int = FewShotSettings.train_batch,
        sharpness: float = FewShotSettings.sharpness,
        warm_up: float = FewShotSettings.warm_up,
        dtype: Arithmetic = FewShotSettings.dtype,
        check_every: int = FewShotSettings.check_every,
        dev_ways: int = FewShotSettings.dev_ways,
        dev_shots: int = FewShotSettings.dev_shots,
        dev_episodes: int = FewShotSettings.dev_episodes,
    ) -> None:
        self._store(locals())

    relations_: tuple[str, ...] = ()
    report_: Mapping[str, Any] = MappingProxyType({"warnings": ()})
    _learnt: FewShotFit = FewShotFit()

    def fit(
        self,
        labeled: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
        out: Path | None = None,
    ) -> Self:
        """Train the encoder on labelled instances of pre-defined relations.

        Args:
            labeled: Instances with gold relations. Repetitions count once; instances with contradictory labels are
                left out.
            dev: Instances with other gold relations, on which the best weights are selected, those before training
                included; without them, the last weights are used. Like ``labeled``, they cannot be scored later.
            progress: Progress callback.
            checkpoints: Folder for a checkpoint after each epoch, from which an interrupted fit resumes with the same
                result.
            out: Folder to save the fit in before its checkpoint is removed; an older fit in it is replaced.

        Raises:
            InputError: An instance has no gold relation, there are too few relations or instances of them, or
                ``labeled`` and ``dev`` share relations.
            DivergedError: The loss is no longer a number.
            OutputError: A folder cannot be written.
        """
        generator(self.seed, "check")
        learnt, work = learn(
            self._base,
            labeled,
            dev,
            self._settings,
            seed=self.seed,
            described=self.settings(),
            checkpoints=checkpoints,
            progress=progress,
        )
        self._take(learnt)
        if out is not None:
            self.save(out)
        work.clear()
        return self

    def evaluate(
        self,
        instances: Sequence[RelationInstance],
        *,
        ways: int,
        shots: int,
        queries: int = 1,
        episodes: int = 2000,
        seed: int | None = None,
        known: Known = "raise",
        progress: Progress = silent,
    ) -> FewShotScore:
        """Return the accuracy of classification from a few examples of each relation, over random episodes.

        See :meth:`evaluate_grid`.
        """
        return self.evaluate_grid(
            instances,
            ways=[ways],
            shots=[shots],
            queries=queries,
            episodes=episodes,
            seed=seed,
            known=known,
            progress=progress,
        )[0]

    def evaluate_grid(
        self,
        instances: Sequence[RelationInstance],
        *,
        ways: Sequence[int],
        shots: Sequence[int],
        queries: int = 1,
        episodes: int = 2000,
        seed: int | None = None,
        known: Known = "raise",
        progress: Progress = silent,
    ) -> list[FewShotScore]:
        """Return the score of every number of ways with every number of shots; instances are encoded once.

        The episodes depend on the instances and the seed only, not on the order of the instances or the names of the
        relations. A repeated sentence counts once, so that no query can be among its own examples.

        Args:
            instances: Instances with gold relations, which are novel.
            ways: Numbers of relations in an episode, each at least 2.
            shots: Numbers of examples of each relation, each at least 1.
            queries: Queries of each relation in an episode.
            episodes: Number of episodes for each score, at least 2.
            seed: Random seed of the episodes; that of the estimator by default.
            known: What to do with relations of ``labeled`` and ``dev``: ``raise`` an error, ``drop`` their instances,
                or ``keep`` them.
            progress: Progress callback.

        Raises:
            InputError: An instance has no gold relation, fewer relations than ways have enough instances, or ``fit``
                was given some of them.
            SettingError: A number is too small.
            ArtifactError: The encoder is not that of the fit.
        """
        return scores_of(
            instances,
            [Episode(n, k, queries) for n in ways for k in shots],
            seen=[self._learnt.seen, self._learnt.held],
            model=self.encoder.settings.model,
            known=known,
            episodes=episodes,
            seed=self.seed if seed is None else seed,
            compared=self._settings.of_comparison,
            vectors=self._vectors,
            progress=progress,
        )

    def classify(
        self,
        support: Sequence[RelationInstance],
        queries: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
    ) -> list[str]:
        """Return the relation of each query, one of those in ``support``.

        See :meth:`classify_proba`.
        """
        names, shares = self.classify_proba(support, queries, progress=progress)
        return [names[place] for place in shares.argmax(axis=1)]

    def classify_proba(
        self,
        support: Sequence[RelationInstance],
        queries: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Return the names of the relations, and the probability of each for each query (M, R), float32.

        Args:
            support: Examples with gold relations, any number of each; at least two relations.
            queries: Instances to classify; their gold relations are ignored.
            progress: Progress callback.
            on_loss: Called with each truncated instance and what was lost.

        Raises:
            InputError: An example has no gold relation, or there are fewer than two relations.
            ArtifactError: The encoder is not that of the fit.
        """
        examples, _ = canonical(support)
        names, classes = classes_of(examples)
        vectors = self._vectors([*examples, *queries], progress=progress, on_loss=on_loss)
        shares = probabilities(
            vectors[len(examples) :], vectors[: len(examples)], classes, compared=self._settings.of_comparison
        )
        return tuple(names), shares

    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        vectors = self.trained_encoder.encode(instances, progress=progress, on_loss=on_loss)
        return placed(vectors, self._learnt.centre, unit_length=self._settings.unit_length)

    @property
    def _base(self) -> TransformerEncoder:
        """The encoder before the fit, with vectors of the length that the settings ask for."""
        return self.encoder if self._settings.unit_length else self.encoder.as_states()

    @property
    def trained_encoder(self) -> TransformerEncoder:
        """The trained encoder; it can be used like any other.

        Raises:
            ArtifactError: The encoder is not that of the fit.
        """
        trained = self._learnt.trained
        return self._base if trained is None else trained.on(self._base)

    def settings(self) -> Mapping[str, Any]:
        """Return all settings that determine the fit, as JSON values."""
        options = to_mapping(self._settings)
        return {"seed": checked_seed(self.seed), **options, "encoder": to_mapping(self.encoder.settings)}

    def save(self, folder: Path) -> None:
        """Save the fit in a folder: the trained layers, the mean vector, hashes of the training data, and the report.

        Missing folders above it are created.

        Raises:
            OutputError: The folder holds other files or cannot be written.
        """
        write(folder, self._learnt, self._base, self.settings())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a fit that :meth:`save` saved.

        Raises:
            ArtifactError: The folder does not hold one.
        """
        learnt, encoder, settings = read(folder)
        with whole(folder, "few-shot"):
            loaded = cls(encoder, **settings)
        loaded._take(learnt)
        return loaded

    def _take(self, learnt: FewShotFit) -> None:
        self._learnt = learnt
        self.relations_, self.report_ = learnt.relations, learnt.report
