"""Few-shot relation classification: a handful of examples of each novel relation, then new sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.config import to_mapping
from relscout.encoders import EncoderSettings, OnLoss, TransformerEncoder
from relscout.finetuning.episodes import Episode, FewShotScore
from relscout.finetuning.fewshot_evaluation import scores_of
from relscout.finetuning.fewshot_learning import Learnt, learn
from relscout.finetuning.fewshot_settings import FewShotSettings
from relscout.finetuning.fewshot_storage import read, write
from relscout.finetuning.prototypes import placed, probabilities
from relscout.finetuning.seen import Known
from relscout.instances import RelationInstance
from relscout.parameters import Parameters
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.labels import canonical, classes_of
from relscout.training.stored import whole


class FewShot(Parameters):
    """Tells relations by the means of a few examples of each: a prototypical network.

    It works as it is, with the encoder given; :meth:`fit` teaches the encoder by labelled instances of other,
    pre-defined relations, as the paper does.

    Args:
        encoder: Gives the representations; the bundled encoder when left out.
        seed: Draws everything random.
        **settings: Fields of :class:`FewShotSettings`.

    Attributes:
        relations_: Names of the pre-defined relations that were learnt, sorted; none before ``fit``.
        report_: How training went, as JSON values: ``labelled``, ``predefined``, ``epochs``, ``chosen_epoch`` (0 for
            the encoder as it was), ``dev_untuned`` (accuracy before training), ``warnings``.
    """

    CITATION: ClassVar[str] = (
        "Snell, Swersky, Zemel: Prototypical Networks for Few-shot Learning. NIPS 2017; as in Peng et al.: Learning "
        "from Context or Names? An Empirical Study on Neural Relation Extraction. EMNLP 2020"
    )

    SETTINGS: ClassVar[type[FewShotSettings]] = FewShotSettings
    _ESTIMATOR_TYPE: ClassVar[str] = "classifier"

    def __init__(self, encoder: TransformerEncoder | None = None, *, seed: int = 0, **settings: Any) -> None:
        self.encoder = encoder if encoder is not None else TransformerEncoder(EncoderSettings())
        self.seed = seed
        self._store(settings)
        self._take(Learnt())

    def fit(
        self,
        labeled: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
        out: Path | None = None,
    ) -> Self:
        """Learn from labelled instances of pre-defined relations.

        Args:
            labeled: Instances with gold relations; what repeats counts once, what contradicts itself not at all.
            dev: Instances of other relations, with gold ones, on which the best weights are chosen, those before
                training among them; without, the last ones are taken. They are not scored later, as those learnt from.
            progress: Told how far it is.
            checkpoints: Folder that keeps what is done after each epoch, so that an interrupted fit goes on there and
                ends as it would have.
            out: Folder to save it in before what ``checkpoints`` keeps is removed; an older one in it is replaced.

        Raises:
            InputError: An instance has no gold relation, there are too few relations or instances of them, or relations
                are labelled in ``dev``, too.
            DivergedError: The loss is no longer a number.
            OutputError: A folder cannot be written.
        """
        generator(self.seed, "check")
        learnt, work = learn(
            self.encoder,
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
        """Return how well sentences are told by a few examples of each relation, over episodes drawn at random.

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

        Which episodes are drawn is decided by the instances and the seed, not by their order or relations' names. A
        sentence that is there twice counts once, so that no query can be among its own examples.

        Args:
            instances: Instances of novel relations, with gold ones.
            ways: Numbers of relations in an episode, each at least 2.
            shots: Numbers of examples of each relation, each at least 1.
            queries: Queries of each relation in an episode.
            episodes: Number of episodes for each score, at least 2.
            seed: Draws the episodes; the estimator's own where left out.
            known: Of relations that ``fit`` was given, in ``dev`` as well, ``raise`` an error, ``drop`` their
                instances, or ``keep`` them.
            progress: Told how far it is.

        Raises:
            InputError: An instance has no gold relation, there are fewer relations (with instances enough) than ways,
                or ``fit`` was given some of them.
            SettingError: A number is too small.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        return scores_of(
            instances,
            [Episode(n, k, queries) for n in ways for k in shots],
            seen=[self._learnt.seen, self._learnt.held],
            model=self.encoder.settings.model,
            known=known,
            episodes=episodes,
            seed=self.seed if seed is None else seed,
            similarity=self._settings.similarity,
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
        """Return the relation of each query, of those that ``support`` has examples of.

        See :meth:`classify_proba`.
        """
        names, found = self.classify_proba(support, queries, progress=progress)
        return [names[place] for place in found.argmax(axis=1)]

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
            support: Examples with gold relations, as many of each as there are; of two relations at least.
            queries: What is asked; gold relations in it are not read.
            progress: Told how far it is.
            on_loss: Told each instance that did not fit whole, and what was lost.

        Raises:
            InputError: An example has no gold relation, or there are fewer than two relations.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        examples, _ = canonical(support)
        names, classes = classes_of(examples)
        vectors = self._vectors([*examples, *queries], progress=progress, on_loss=on_loss)
        options = self._settings
        found = probabilities(
            vectors[len(examples) :],
            vectors[: len(examples)],
            classes,
            similarity=options.similarity,
            sharpness=options.sharpness,
        )
        return tuple(names), found

    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        vectors = self.trained_encoder.encode(instances, progress=progress, on_loss=on_loss)
        return placed(vectors, self._learnt.centre)

    @property
    def trained_encoder(self) -> TransformerEncoder:
        """The encoder as it was tuned; it can be used like any other.

        Raises:
            ArtifactError: The encoder is not the one that was fitted with.
        """
        trained = self._learnt.trained
        return self.encoder if trained is None else trained.on(self.encoder)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        told = to_mapping(self._settings)
        return {"seed": int(self.seed), **told, "encoder": to_mapping(self.encoder.settings)}

    def save(self, folder: Path) -> None:
        """Write it to a folder: the layers that were tuned, the mean, what it has seen, and how training went.

        Folders above it are made where they are missing.

        Raises:
            OutputError: The folder holds other files or cannot be written.
        """
        write(folder, self._learnt, self.encoder, self.settings())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read from a folder what :meth:`save` wrote.

        Raises:
            ArtifactError: The folder does not hold that.
        """
        learnt, encoder, settings = read(folder)
        with whole(folder, "few-shot"):
            loaded = cls(encoder, **settings)
        loaded._take(learnt)
        return loaded

    def _take(self, learnt: Learnt) -> None:
        self._learnt = learnt
        self.relations_, self.report_ = learnt.relations, learnt.report
