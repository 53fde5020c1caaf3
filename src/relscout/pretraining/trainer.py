"""The steps of pre-training, in one process or several.

Each step has random numbers of its own, so that a resumed training gives the same result.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from relscout.core.errors import ArtifactError, DivergedError, MissingExtraError, SettingError
from relscout.core.seeding import generator
from relscout.pretraining.batch import Group, Preparation
from relscout.pretraining.corpus import Corpus
from relscout.pretraining.network import Network
from relscout.pretraining.objectives import Contrast, Read, backpropagate, contrast
from relscout.pretraining.settings import PretrainingSettings
from relscout.training.checkpointing import TrainingState
from relscout.training.loop import RandomStream, devices_of, share_of_rate
from relscout.training.stored import Checkpoints

#: Representations have collapsed if their spread is below this share of that of the first epoch.
_LEAST_SPREAD = 0.05
_SUMS = ("steps", "contrast", "words", "hits", "anchors", "spread", "sentences", "seconds")


class Watch:
    """Statistics of the steps and epochs, which a checkpoint can save.

    Args:
        kept: Saved statistics, from :meth:`kept`.
    """

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        kept = kept or {}
        self.epochs: list[dict[str, Any]] = list(kept.get("epochs", []))
        self._sums: dict[str, float] = dict(kept.get("sums", dict.fromkeys(_SUMS, 0.0)))
        self.seconds = float(kept.get("seconds", 0.0))
        self.sentences = float(kept.get("sentences", 0.0))

    def kept(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "epochs": self.epochs,
            "sums": self._sums,
            "seconds": self.seconds,
            "sentences": self.sentences,
        }

    def see(self, **statistics: float) -> None:
        """Add the statistics of a step."""
        for name, value in {**statistics, "steps": 1}.items():
            self._sums[name] += value
        self.seconds += statistics["seconds"]
        self.sentences += statistics["sentences"]

    def end_epoch(self, *, words: bool) -> None:
        """Record the epoch that ends, and begin another.

        Args:
            words: Whether masked words were predicted.
        """
        sums = self._sums
        steps = sums["steps"]
        epoch = {
            "steps": int(steps),
            "contrast": round(sums["contrast"] / steps, 6),
            "mlm": round(sums["words"] / steps, 6) if words else None,
            "nearest_is_positive": round(sums["hits"] / max(sums["anchors"], 1), 4),
            "spread": round(sums["spread"] / steps, 4),
            "sentences_per_second": round(sums["sentences"] / max(sums["seconds"], 1e-9), 1),
        }
        self.epochs.append(epoch)
        self._sums = dict.fromkeys(_SUMS, 0.0)

    def warnings(self) -> list[str]:
        """Return warnings for the user."""
        first, last = (self.epochs[place]["spread"] for place in (0, -1))
        if last < _LEAST_SPREAD * first:
            return [
                f"the representations have collapsed: sentences of a batch differ by {last:.4f}, in the first epoch by "
                f"{first:.4f}; lower learning_rate, or give larger batches"
            ]
        return []


def spread(x: Tensor) -> float:
    """Return how much representations (B, R) differ: from 0 if all are equal to 1 if they have all directions.

    The root of the sum, over the dimensions, of the variances of representations of unit length (SimSiam, section 4.1).
    """
    from torch.nn.functional import normalize

    mean = normalize(x.detach().float(), dim=1).mean(dim=0)
    return float((1 - mean.square().sum()).clamp(min=0).sqrt())


#: Environment variable that ``accelerate launch`` sets, also for one process.
_LAUNCHED = "ACCELERATE_MIXED_PRECISION"
_DTYPES = {"bf16": "bfloat16", "fp16": "float16"}


class Processes(Protocol):
    """Process ``rank`` of ``count``, and its communication with the others."""

    rank: int
    count: int
    device: torch.device
    #: Arithmetic if the setting is ``auto``.
    dtype: str

    def gather(self, mine: Tensor, n: int) -> Tensor:
        """Return the rows of all processes (n, R); this one has every ``count``-th row from ``rank`` on."""
        ...

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        ...


class Alone:
    """A single process.

    Args:
        device: Device of the computation.
    """

    rank, count, dtype = 0, 1, "float32"

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def gather(self, mine: Tensor, n: int) -> Tensor:  # noqa: ARG002 - all rows are its own
        """Return its own rows."""
        return mine

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Do nothing."""


class Together:
    """One of the processes that ``accelerate launch`` started.

    Args:
        accelerator: An ``accelerate.Accelerator``.
    """

    def __init__(self, accelerator: Any) -> None:
        self._accelerator = accelerator
        self.rank: int = accelerator.process_index
        self.count: int = accelerator.num_processes
        self.device: torch.device = accelerator.device
        self.dtype = _DTYPES.get(accelerator.mixed_precision, "float32")

    def gather(self, mine: Tensor, n: int) -> Tensor:
        """Return the rows of all processes, in the order of the batch."""
        import torch

        most = -(-n // self.count)
        padded = torch.zeros((most, mine.shape[1]), dtype=mine.dtype, device=mine.device)
        padded[: len(mine)] = mine
        pieces = self._accelerator.gather(padded).reshape(self.count, most, -1)
        # piece p has the rows p, p + count, …, so that the transposed pieces are in the order of the batch
        return torch.as_tensor(pieces.transpose(0, 1).reshape(self.count * most, -1)[:n])

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        for tensor in tensors:
            tensor.copy_(self._accelerator.reduce(tensor, reduction="sum"))


def arithmetic(settings: PretrainingSettings, processes: Processes) -> str:
    """Return the arithmetic of the training: ``float32``, ``bfloat16`` or ``float16``."""
    return processes.dtype if settings.dtype == "auto" else settings.dtype


def check_batch(batch: int, processes: Processes) -> None:
    """Check that every process gets sentences of every batch.

    Args:
        batch: Number of pairs of sentences in a step.
        processes: The processes that share it.

    Raises:
        SettingError: There are more processes than pairs.
    """
    if batch < processes.count:
        raise SettingError(
            f"batch is {batch}, but {processes.count} processes share it; give a batch of at least {processes.count}, "
            "or start fewer processes"
        )


def check_same_step(done: int, processes: Processes) -> None:
    """Check that all processes resume at the same step.

    Args:
        done: Number of steps that this process has done.
        processes: The processes.

    Raises:
        ArtifactError: They do not, since not all of them see the same checkpoints.
    """
    import torch

    mine = torch.tensor([[done]], device=processes.device)
    steps = sorted(set(processes.gather(mine, processes.count)[:, 0].tolist()))
    if len(steps) > 1:
        raise ArtifactError(
            f"the processes would resume from different steps ({', '.join(map(str, steps))}): not all of them see the "
            "same checkpoints; write to a folder that they share, or remove the checkpoints to start again"
        )


def is_first() -> bool:
    """Return whether this process is the only one or the first of several, which prints messages."""
    return os.environ.get("RANK", "0") == "0"


def processes(device: torch.device, *, accelerated: bool | None = None) -> Processes:
    """Return this process, which may be one of several.

    Args:
        device: Device of a single process.
        accelerated: Whether to use accelerate; by default, if ``accelerate launch`` started the program.

    Raises:
        MissingExtraError: accelerate is needed and not installed.
    """
    if accelerated is None:
        accelerated = _LAUNCHED in os.environ or int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not accelerated:
        return Alone(device)
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise MissingExtraError("pre-training in several processes", "pretrain") from error
    return Together(Accelerator(cpu=device.type == "cpu"))


Ints = NDArray[np.int64]


class Pairs(Protocol):
    """Draws the pairs of an epoch."""

    count: int

    def pairs(self, epoch: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the pairs (P, 2), int64, of an epoch, and which of them are positive (P,), bool."""
        ...


class Trainer:
    """Trains a network, a step at a time.

    Args:
        network: The network to train.
        corpus: The sentences.
        pairs: Draws pairs of sentences.
        preparation: Prepares the sentences for the encoder.
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`.
        seed: Random seed of blanks, masks and dropout.
        processes: This process and the others.
        work: Checkpoint.
    """

    def __init__(
        self,
        network: Network,
        corpus: Corpus,
        pairs: Pairs,
        preparation: Preparation,
        *,
        objective: str,
        settings: PretrainingSettings,
        seed: int,
        processes: Processes,
        work: Checkpoints,
    ) -> None:
        self._network, self._corpus, self._pairs, self._preparation = network, corpus, pairs, preparation
        self._objective, self._settings, self._seed = objective, settings, seed
        self._processes, self._work = processes, work
        self.per_epoch = -(-pairs.count // settings.batch)
        self.total = settings.steps or settings.epochs * self.per_epoch
        named = list(network.named_parameters())
        self._parameters = [parameter for _, parameter in named]
        groups: list[dict[str, Any]] = [
            {
                "params": [p for name, p in named if network.decays(name) is decays],
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for decays in (True, False)
        ]
        self._optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=settings.learning_rate, fused=True
        )
        self._state = TrainingState({"network": network}, self._optimizer)
        self.dtype = arithmetic(settings, processes)
        self._scaler = torch.amp.GradScaler(processes.device.type, enabled=self.dtype == "float16")
        self._planned: tuple[int, list[Ints], Ints, NDArray[np.bool_]] | None = None
        self._done = 0
        self.watch = Watch()

    def steps(self) -> Iterator[int]:
        """Train, or resume from a checkpoint, and yield the number of steps done after each of them."""
        self._resume()
        yield self._done
        while self._done < self.total:
            began = time.perf_counter()
            self._step(self._done, began)
            self._done += 1
            if self._done % self.per_epoch == 0 or self._done == self.total:
                self.watch.end_epoch(words=self._network.head != "none")
            if self._done % self._settings.checkpoint_steps == 0 and self._done < self.total:
                self._keep()
            yield self._done

    def _step(self, number: int, began: float) -> None:
        settings, processes = self._settings, self._processes
        pairs, same = self._batch(number)
        rows = pairs.ravel()
        random = generator(self._seed, f"step {number}")
        groups = self._preparation.groups(rows, random, rank=processes.rank, count=processes.count)
        wanted = contrast(
            self._corpus,
            pairs,
            same,
            objective=self._objective,
            settings=settings,
            device=processes.device,
        )
        n_words = torch.tensor(
            [float(sum(len(group.words) for group in groups if group.words is not None))],
            device=processes.device,
        )
        processes.add_up([n_words])
        reading: Read = _Reading(self, groups, number, float(n_words))
        rising = min(float(settings.warm_up_steps), settings.warm_up_most * self.total)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * share_of_rate(number + 1, self.total, rising=rising)
        self._optimizer.zero_grad()
        objective = _Arranged(wanted, groups, processes, len(rows))
        n_mine = sum(len(group.rows) for group in groups)
        contrastive, words = backpropagate(
            reading,
            [len(group.rows) for group in groups],
            objective,
            at_once=n_mine <= settings.micro_batch,
            scaled=self._scaler.scale,
        )
        self._update()
        processes.add_up([words])
        value = float(contrastive) + float(words)
        if not np.isfinite(value):
            raise DivergedError(
                f"pre-training diverged in step {number + 1}: the loss is {value}; lower learning_rate"
            )
        hits, anchors = wanted.hits(objective.seen)
        self.watch.see(
            contrast=float(contrastive),
            words=float(words) / settings.mlm_weight if settings.mlm_weight else 0.0,
            hits=hits,
            anchors=anchors,
            spread=spread(objective.seen),
            sentences=len(rows),
            seconds=time.perf_counter() - began,
        )

    def _update(self) -> None:
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self._processes.add_up([p.grad for p in self._parameters if p.grad is not None])
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()

    def read(
        self, group: Group, number: int, place: int, *, words: bool, n_words: float
    ) -> tuple[Tensor, Tensor | None]:
        """Encode a group; its dropout depends on its step and its place only (see :class:`Read`)."""
        seed = generator(self._seed, f"dropout {number} {place} {self._processes.rank}").integers(2**62)
        stream = RandomStream(int(seed), devices_of(self._optimizer))
        low = self.dtype != "float32"
        with (
            stream.isolated_rng(),
            torch.autocast(
                self._processes.device.type,
                dtype=getattr(torch, self.dtype) if low else None,
                enabled=low,
                cache_enabled=False,
            ),
        ):
            x, scores = self._network.read(group.ids, group.places, group.asked if words else None)
        if scores is None or group.words is None or not n_words:
            return x, None
        loss = cross_entropy(scores.float(), group.words, reduction="sum") / n_words
        return x, self._settings.mlm_weight * loss

    def _batch(self, number: int) -> tuple[Ints, NDArray[np.bool_]]:
        epoch, place = divmod(number, self.per_epoch)
        if self._planned is None or self._planned[0] != epoch:
            pairs, same = self._pairs.pairs(epoch)
            self._planned = epoch, np.array_split(np.arange(len(pairs)), self.per_epoch), pairs, same
        _, parts, pairs, same = self._planned
        return pairs[parts[place]], same[parts[place]]

    def _keep(self) -> None:
        if self._processes.rank == 0:
            record = {"done": self._done, "watch": self.watch.kept(), "scaler": self._scaler.state_dict()}
            self._state.save(self._work, record)

    def _resume(self) -> None:
        if (resumed := self._state.resume(self._work)) is not None:
            record, _ = resumed
            self._scaler.load_state_dict(record["scaler"])
            self._done, self.watch = int(record["done"]), Watch(record["watch"])
        check_same_step(self._done, self._processes)


class _Reading:
    """Encodes the groups of a step."""

    def __init__(self, trainer: Trainer, groups: list[Group], number: int, n_words: float) -> None:
        self._trainer, self._groups, self._number, self._n_words = trainer, groups, number, n_words

    def __call__(self, group: int, *, words: bool) -> tuple[Tensor, Tensor | None]:
        return self._trainer.read(
            self._groups[group], self._number, group, words=words, n_words=self._n_words
        )


class _Arranged:
    """The objective of a step, for representations of this process in the order of its groups."""

    def __init__(self, wanted: Contrast, groups: list[Group], processes: Processes, n: int) -> None:
        self._wanted, self._processes, self._n = wanted, processes, n
        self._order = np.concatenate([group.rows for group in groups])
        self.seen: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        back = torch.from_numpy(np.argsort(self._order)).to(x.device)
        mine = x[back]
        everything = self._processes.gather(mine.detach(), self._n)
        self.seen = everything
        if self._processes.count > 1:
            # gradients reach the rows of this process only; the other processes compute those of theirs
            at = torch.arange(self._processes.rank, self._n, self._processes.count, device=x.device)
            everything = everything.index_copy(0, at, mine)
        else:
            everything = mine
        return self._wanted.loss(everything)
