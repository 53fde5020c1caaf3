"""Tune an encoder for few-shot classification epoch by epoch, keep what is done, and choose the best on ``dev``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import OnLoss, TransformerEncoder
from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.encoders.turning import can_turn
from relscout.finetuning.episodes import draw_episodes, large_enough
from relscout.finetuning.episodic import EpisodicTraining
from relscout.finetuning.fewshot_settings import FewShotSettings
from relscout.finetuning.prototypes import accuracies, placed
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.classification import EpochResult
from relscout.training.labels import classes_of, digest
from relscout.training.stored import below
from relscout.training.teaching import Teacher
from relscout.training.work import Work

_ENCODER, _BEST = "encoder.", "best."


class Trainer(Protocol):
    """What trains an encoder: by all relations at once, or by episodes."""

    @property
    def n_epochs(self) -> int:
        """Number of epochs in all."""
        ...

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        """Train, and yield how each epoch went."""
        ...

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return all that is needed to go on."""
        ...

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Go back to where :meth:`arrays` was called."""
        ...


@dataclass(frozen=True)
class DevEpisodes:
    """Episodes of held-out relations, by which the best weights are chosen.

    The mean of the labelled instances, which would have to be encoded once more each time, is not taken off here.

    Args:
        prepared: The held-out instances.
        episodes: Places in them (E, N, K + 1).
        shots: K.
        similarity: How a query is compared with a prototype.
    """

    prepared: Prepared
    episodes: NDArray[np.int64]
    shots: int
    similarity: str

    def accuracy(self, encoder: TunableEncoder, progress: Progress) -> float:
        """Return the share of the queries that the encoder, as it is now, tells right."""
        vectors = placed(encoder.encode(self.prepared, progress=progress), None)
        found = accuracies(vectors, self.episodes, shots=self.shots, similarity=self.similarity)
        return round(float(found.mean()), 6)


@dataclass
class Tuning:
    """Tuning of one encoder; :meth:`run` leaves it with the weights that were chosen.

    Args:
        encoder: What is tuned.
        trainer: How.
        dev: What the weights are chosen on; ``None`` takes those at the end.
        work: Where progress is kept.
        epochs: How each epoch went, as JSON values.
        best: Epochs behind which the chosen weights were; 0 where the encoder is best as it was.
    """

    encoder: TunableEncoder
    trainer: Trainer
    dev: DevEpisodes | None
    work: Work
    epochs: list[dict[str, float]] = field(default_factory=list)
    best: int = 0
    dev_untuned: float | None = None

    def run(self, progress: Progress) -> dict[str, NDArray[np.float32]]:
        """Train to the end, from where an interrupted run stopped, and return the weights that were chosen.

        Raises:
            DivergedError: The loss is no longer a number.
            ArtifactError: What was kept is damaged.
        """
        chosen = self.encoder.weights()
        if (kept := self.work.load()) is not None:
            state, arrays = kept
            self.epochs, self.best, self.dev_untuned = state["epochs"], state["best"], state["dev_untuned"]
            self.trainer.load(arrays)
            chosen = below(_BEST, arrays) or below(_ENCODER, arrays)
        elif self.dev is not None:
            self.dev_untuned = self.dev.accuracy(self.encoder, progress)
        for result in self.trainer.epochs(first=len(self.epochs), progress=progress):
            told = {"loss": round(result.loss, 6), "accuracy": round(result.accuracy, 6)}
            if self.dev is not None:
                told["dev"] = self.dev.accuracy(self.encoder, progress)
            better = self.dev is None or told["dev"] > self._best_so_far()
            self.epochs.append(told)
            arrays = self.trainer.arrays()
            if better:
                self.best, chosen = len(self.epochs), below(_ENCODER, arrays)
            older = {} if better else {_BEST + name: array for name, array in chosen.items()}
            self.work.keep(
                {"epochs": self.epochs, "best": self.best, "dev_untuned": self.dev_untuned},
                {**arrays, **older},
            )
        self.encoder.load(chosen)
        return chosen if self.best else {}

    def _best_so_far(self) -> float:
        return max([self.dev_untuned or 0.0, *(one["dev"] for one in self.epochs)])


def tune(
    base: TransformerEncoder,
    known: Sequence[RelationInstance],
    held: Sequence[RelationInstance] | None,
    settings: FewShotSettings,
    *,
    seed: int,
    described: Mapping[str, Any],
    checkpoints: Path | None,
    progress: Progress,
    on_loss: OnLoss,
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32], dict[str, Any], Work]:
    """Tune an encoder; return the weights chosen, vectors of ``known`` (N, D) with them, how it went, and its work.

    The work is to be cleared once the result is safe.

    Args:
        base: What training starts from.
        known: Labelled instances in an order that they decide, each content once.
        held: The same of other relations, on which the best weights are chosen; or ``None``.
        settings: How.
        seed: Draws everything random.
        described: What decides the training beside the instances, as JSON values.
        checkpoints: Folder that keeps what is done.
        progress: Told how far it is.
        on_loss: Told each instance of ``known`` that did not fit whole, and what was lost.

    Raises:
        InputError: ``known`` or ``held`` have not enough relations with instances enough for an episode.
        SettingError: The encoder cannot be tuned.
        DivergedError: The loss is no longer a number.
    """
    names, classes = classes_of(known)
    settings = replace(settings, inverses=settings.inverses and can_turn(base))
    encoder = TunableEncoder(base, trained_layers=settings.trained_layers, arithmetic=settings.dtype)
    episodes, warnings = None, list[str]()
    dev_names, dev_classes = classes_of(held or ())
    if held is not None:
        shape = settings.of_dev
        chosen, small = large_enough(dev_classes, dev_names, shape)
        warnings += [f"dev: {one}" for one in small]
        random = generator(seed, "dev episodes")
        episodes = draw_episodes(dev_classes, chosen, shape, episodes=settings.dev_episodes, random=random)
    prepared = encoder.prepare(known, progress=progress, on_loss=on_loss)
    trainer: Trainer
    if settings.objective == "episodes":
        trainer = EpisodicTraining(encoder, prepared, classes, names, settings=settings, seed=seed)
        warnings += trainer.warnings
    else:
        trainer = Teacher(encoder, prepared, classes, settings=settings.of_teaching, seed=seed)
    dev = None
    if held is not None and episodes is not None:
        dev = DevEpisodes(
            encoder.prepare(held, progress=progress), episodes, settings.dev_shots, settings.similarity
        )
    work = Work.of(
        checkpoints,
        settings={**described, "kind": "few-shot", "classes": digest(classes), "dev": digest(dev_classes)},
        fingerprint=base.fingerprint,
        instances=[*known, *(held or ())],
    )
    tuning = Tuning(encoder, trainer, dev, work)
    weights = tuning.run(progress)
    vectors = encoder.encode(prepared, progress=progress)
    told = {"epochs": tuning.epochs, "chosen_epoch": tuning.best, "dev_untuned": tuning.dev_untuned}
    return weights, vectors, {**told, "inverses": settings.inverses, "warnings": warnings}, work
