"""Training with a checkpoint after each epoch: it resumes with the same result, and keeps the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from relscout.core.progress import Progress, silent
from relscout.training.stored import Checkpoints, below

if TYPE_CHECKING:
    import torch

Arrays = dict[str, NDArray[Any]]
_OPTIMIZER, _BEST = "optimizer", "best."


@runtime_checkable
class Weights(Protocol):
    """A model that trains some of its weights only, such as an encoder whose lowest layers are frozen."""

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights that train, by name."""
        ...

    def load(self, weights: Mapping[str, NDArray[np.float32]], /) -> None:
        """Load weights that :meth:`weights` returned."""
        ...


class TrainingState:
    """Everything that changes during training: the weights and the state of the optimizer.

    Args:
        parts: Models that train, by name.
        optimizer: The optimizer that trains them.
    """

    def __init__(
        self, parts: Mapping[str, Weights | torch.nn.Module], optimizer: torch.optim.Optimizer
    ) -> None:
        self._parts, self.optimizer = parts, optimizer

    def weights(self) -> Arrays:
        """Return a copy of all weights, each as ``part.weight``."""
        return {
            f"{part}.{name}": array
            for part, module in self._parts.items()
            for name, array in _weights(module).items()
        }

    def arrays(self) -> Arrays:
        """Return a copy of the weights and of the state of the optimizer."""
        memory = self.optimizer.state_dict()["state"]
        return self.weights() | {
            f"{_OPTIMIZER}.{number}.{name}": tensor.detach().cpu().float().numpy().copy()
            for number, entry in memory.items()
            for name, tensor in entry.items()
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`arrays` returned; other arrays are ignored."""
        import torch

        for part, module in self._parts.items():
            weights = below(f"{part}.", arrays)
            if isinstance(module, Weights):
                module.load(weights)
            else:
                module.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in weights.items()})
        memory: dict[int, dict[str, torch.Tensor]] = {}
        for key, array in below(f"{_OPTIMIZER}.", arrays).items():
            number, name = key.split(".")
            memory.setdefault(int(number), {})[name] = torch.from_numpy(array.copy())
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": memory})

    def save(
        self,
        checkpoints: Checkpoints,
        record: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Save a checkpoint of this moment.

        Args:
            checkpoints: Where to save it.
            record: More values to save with it, as JSON values.
            arrays: More arrays to save with it; their names do not begin with that of a part.

        Raises:
            OutputError: The folder cannot be written.
        """
        if checkpoints.enabled:
            checkpoints.keep(record, {**self.arrays(), **(arrays or {})})

    def resume(self, checkpoints: Checkpoints) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]] | None:
        """Restore the last checkpoint, and return its record and all of its arrays; ``None`` without one.

        Raises:
            ArtifactError: The checkpoint is damaged.
        """
        if (kept := checkpoints.load()) is not None:
            self.restore(kept[1])
        return kept


def _weights(module: Weights | torch.nn.Module) -> Arrays:
    if isinstance(module, Weights):
        return {**module.weights()}
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in module.state_dict().items()}


@dataclass(frozen=True)
class EpochResult:
    """The loss and accuracy of one epoch.

    Args:
        epoch: Its number, from 0.
        loss: Mean loss of its steps.
        accuracy: Share of the labels that were predicted correctly during training, in [0, 1].
    """

    epoch: int
    loss: float
    accuracy: float


class Trainer(Protocol):
    """A training that runs in epochs."""

    @property
    def state(self) -> TrainingState:
        """What a checkpoint restores."""
        ...

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        """Train from epoch ``first`` on, and yield the result of each epoch."""
        ...


@dataclass
class CheckpointedTraining:
    """A training with a checkpoint after each epoch; after :meth:`run`, the models have the best weights.

    Args:
        trainer: The training.
        checkpoints: Where progress is saved.
        score: Returns the score of the current weights, at least 0. The weights with the highest score are the best;
            without a score, the last ones are.
        untrained_competes: Whether the weights before training may be the best.

    Attributes:
        epochs: Record of each epoch, as JSON values.
        best: Number of epochs after which the best weights were reached; 0 for those before training.
        untrained: Score before training; ``None`` if it was not computed.
    """

    trainer: Trainer
    checkpoints: Checkpoints
    score: Callable[[Progress], float] | None = None
    untrained_competes: bool = False
    epochs: list[dict[str, float]] = field(default_factory=list)
    best: int = 0
    untrained: float | None = None

    def run(self, progress: Progress) -> Arrays:
        """Train, or resume an interrupted run, and return the best weights, each as ``part.weight``.

        Raises:
            DivergedError: The loss is no longer a number.
            ArtifactError: The checkpoint is damaged.
        """
        state = self.trainer.state
        resumed = state.resume(self.checkpoints)
        chosen = state.weights()
        if resumed is not None:
            record, arrays = resumed
            self.epochs, self.best, self.untrained = (
                record[name] for name in ("epochs", "best", "untrained")
            )
            chosen = below(_BEST, arrays) or chosen
        elif self.score is not None and self.untrained_competes:
            self.untrained = round(self.score(progress), 6)
        for result in self.trainer.epochs(first=len(self.epochs), progress=progress):
            epoch = {"loss": round(result.loss, 6), "accuracy": round(result.accuracy, 6)}
            if self.score is not None:
                epoch["dev"] = round(self.score(progress), 6)
            # of epochs with equal scores, the first is kept
            better = self.score is None or epoch["dev"] > self._highest()
            self.epochs.append(epoch)
            if better:
                self.best, chosen = len(self.epochs), state.weights()
            best = {} if better else {_BEST + name: array for name, array in chosen.items()}
            record = {"epochs": self.epochs, "best": self.best, "untrained": self.untrained}
            state.save(self.checkpoints, record, best)
        if self.best < len(self.epochs):
            state.restore({**state.arrays(), **chosen})
        return chosen

    def history(self) -> dict[str, list[float]]:
        """Return the ``loss`` and the ``accuracy`` of every epoch."""
        return {name: [epoch[name] for epoch in self.epochs] for name in ("loss", "accuracy")}

    def _highest(self) -> float:
        untrained = -1.0 if self.untrained is None else self.untrained
        return max([untrained, *(epoch["dev"] for epoch in self.epochs)])
