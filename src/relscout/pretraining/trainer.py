"""The steps of pre-training: random numbers are each step's own, so that it goes on at any as if never stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from relscout.errors import DivergedError
from relscout.pretraining.batch import Group, Preparation
from relscout.pretraining.contrast import Contrast, contrast
from relscout.pretraining.corpus import Corpus
from relscout.pretraining.gradients import Read, backpropagate
from relscout.pretraining.network import Network
from relscout.pretraining.processes import Processes, arithmetic, check_same_step
from relscout.pretraining.settings import PretrainingSettings
from relscout.pretraining.watch import Watch, spread
from relscout.seeding import generator
from relscout.training.dice import Dice, devices_of
from relscout.training.loop import share_of_rate
from relscout.training.memory import memory, restore_memory
from relscout.training.work import Work

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
        network: What trains.
        corpus: The sentences.
        pairs: Draws them.
        preparation: Makes them what the encoder reads.
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`.
        seed: Draws blanks, masks and dropout.
        processes: This one among its fellows.
        work: Where work in progress is kept.
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
        work: Work,
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
        self.dtype = arithmetic(settings, processes)
        self._scaler = torch.amp.GradScaler(processes.device.type, enabled=self.dtype == "float16")
        self._planned: tuple[int, list[Ints], Ints, NDArray[np.bool_]] | None = None
        self._done = 0
        self.watch = Watch()

    def steps(self) -> Iterator[int]:
        """Take the steps that are left, from work in progress on if there is some; yield how many are done."""
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
        found, words = backpropagate(
            reading,
            [len(group.rows) for group in groups],
            objective,
            at_once=n_mine <= settings.micro_batch,
            scaled=self._scaler.scale,
        )
        self._update()
        processes.add_up([words])
        value = float(found) + float(words)
        if not np.isfinite(value):
            raise DivergedError(
                f"pre-training diverged in step {number + 1}: the loss is {value}; lower learning_rate"
            )
        hits, anchors = wanted.hits(objective.seen)
        self.watch.see(
            contrast=float(found),
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
        """Run one group, with the dropout that its step and place decide (see :class:`Read`)."""
        seed = generator(self._seed, f"dropout {number} {place} {self._processes.rank}").integers(2**62)
        dice = Dice(int(seed), devices_of(self._optimizer))
        low = self.dtype != "float32"
        with (
            dice.thrown(),
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
            state = {"done": self._done, "watch": self.watch.kept(), "scaler": self._scaler.state_dict()}
            self._work.keep(state, {**self._network.arrays(), **memory(self._optimizer)})

    def _resume(self) -> None:
        if (kept := self._work.load()) is not None:
            state, arrays = kept
            self._network.load(arrays)
            restore_memory(self._optimizer, arrays)
            self._scaler.load_state_dict(state["scaler"])
            self._done, self.watch = int(state["done"]), Watch(state["watch"])
        check_same_step(self._done, self._processes)


class _Reading:
    """Reads the groups of a step."""

    def __init__(self, trainer: Trainer, groups: list[Group], number: int, n_words: float) -> None:
        self._trainer, self._groups, self._number, self._n_words = trainer, groups, number, n_words

    def __call__(self, group: int, *, words: bool) -> tuple[Tensor, Tensor | None]:
        return self._trainer.read(
            self._groups[group], self._number, group, words=words, n_words=self._n_words
        )


class _Arranged:
    """The objective of a step on representations in the order of its groups, those of other processes put beside."""

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
            # gradients go to its own rows; each of the others sends one to its own
            at = torch.arange(self._processes.rank, self._n, self._processes.count, device=x.device)
            everything = everything.index_copy(0, at, mine)
        else:
            everything = mine
        return self._wanted.loss(everything)
