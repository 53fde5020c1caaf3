"""Contrastive training of HiURE: two views of each instance, and prototypes that are found again in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.errors import InputError
from relscout.methods.hiure.objectives import cluster_temperatures, instance_contrast, prototype_contrast
from relscout.methods.hiure.settings import HiURESettings
from relscout.methods.vectors import unit_length
from relscout.progress import Progress
from relscout.seeding import generator
from relscout.training.batching import batches_by_length
from relscout.training.loop import train
from relscout.training.memory import memory, restore_memory
from relscout.training.terms import Terms
from relscout.training.work import Work

if TYPE_CHECKING:
    import torch

#: Prototypes need not settle: the encoder moves on in the next epoch.
_ITERATIONS = 20


@dataclass(frozen=True)
class _Granularity:
    """Prototypes of one granularity: ``prototypes`` (C, D), ``temperatures`` (C,), ``labels`` (M,)."""

    prototypes: torch.Tensor
    temperatures: torch.Tensor
    labels: torch.Tensor


@dataclass
class HiURETraining:
    """The loop, and what happened in it.

    Args:
        settings: See :class:`HiURESettings`.
        encoder: What trains.
        prepared: The instances.
        seed: Draws everything random.
        progress: Told how far it is.
        work: Keeps what is done, so that an interrupted loop goes on.

    Attributes:
        epochs: What is known of each, as JSON values.
        warnings: What a user should know.
    """

    settings: HiURESettings
    encoder: TunableEncoder
    prepared: Prepared
    seed: int
    progress: Progress
    work: Work
    epochs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _granularities: Sequence[_Granularity] = ()
    _labels: NDArray[np.int64] | None = None
    _agreement: float | None = None
    _terms: Terms = field(default_factory=Terms)

    def run(self) -> None:
        """Train the encoder.

        Raises:
            DivergedError: The loss is no longer a number.
            InputError: Some representations are not finite.
        """
        import torch

        settings = self.settings
        if (count := len(self.prepared.lengths)) < 2:
            self.warnings.append(
                f"there is {count} different instance, and nothing to contrast it with: the encoder is unchanged"
            )
            return
        optimizer = torch.optim.AdamW(
            list(self.encoder.parameters()),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        if (resumed := self.work.load()) is not None:
            state, arrays = resumed
            self.epochs, self.warnings = state["epochs"], state["warnings"]
            self._labels = arrays.get("labels")
            weights = {name: array for name, array in arrays.items() if name.startswith("encoder.")}
            self.encoder.load({name.removeprefix("encoder."): array for name, array in weights.items()})
            restore_memory(optimizer, arrays)
        for step in train(
            self._begin,
            self._loss,
            optimizer,
            epochs=settings.epochs,
            first_epoch=len(self.epochs),
            warm_up=0.0,
            falls=False,
            seed=self._seed("train"),
        ):
            self.progress("train", step.number, step.total)
            if step.ends_epoch:
                self._keep(optimizer)

    def _begin(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        settings = self.settings
        if settings.prototypes and epoch >= settings.warm_up_epochs:
            self._find_prototypes(epoch)
        random = generator(self.seed, f"batches {epoch}")
        return batches_by_length(self.prepared.lengths, settings.batch, random, least=2)

    def _find_prototypes(self, epoch: int) -> None:
        """Cluster the contents, as the encoder sees them now, at every granularity."""
        import torch

        vectors = unit_length(self.encoder.encode_contents(self.prepared, progress=self.progress))
        # prototypes that are nearly as many as the instances tell nothing that these do not tell themselves
        counts = [count for count in self.settings.counts if 2 * count <= len(vectors)] or [2]
        found: list[_Granularity] = []
        device = self.encoder.device
        for count in counts:
            try:
                clusters = kmeans(
                    vectors,
                    count,
                    seed=self._seed(f"prototypes {epoch} {count}"),
                    n_init=1,
                    max_iterations=_ITERATIONS,
                    progress=self.progress,
                )
            except InputError:
                # fewer instances than these read differently; two must, or there is nothing to learn
                if count == counts[0]:
                    raise
                continue
            prototypes = unit_length(clusters.centroids)
            temperatures = cluster_temperatures(
                vectors,
                prototypes,
                clusters.labels,
                smoothing=self.settings.smoothing,
                mean=self.settings.temperature,
            )
            arrays = (prototypes, temperatures, clusters.labels)
            found.append(_Granularity(*(torch.from_numpy(array).to(device) for array in arrays)))
        self._granularities = found
        told = tuple(len(one.prototypes) for one in found)
        if told != self.settings.counts:
            few = (
                f"prototypes were found at the granularities {', '.join(map(str, told))} only: there are "
                f"{len(vectors)} different instances"
            )
            self.warnings += [few] if few not in self.warnings else []
        labels = np.stack([one.labels.cpu().numpy() for one in found])  # (G, M)
        same = self._labels is not None and self._labels.shape == labels.shape
        self._agreement = _agreement(self._labels, labels) if same and self._labels is not None else None
        self._labels = labels

    def _loss(self, _: int, rows: NDArray[np.int64]) -> torch.Tensor:
        import torch
        from torch.nn.functional import dropout, normalize

        settings = self.settings
        self.encoder.train(True)
        # one pass for both views: dropout and sampled words are drawn anew for each row
        views = self.encoder(self.prepared, np.concatenate([rows, rows]))
        views = normalize(dropout(views, settings.vector_dropout), dim=1)
        first, second = views[: len(rows)], views[len(rows) :]
        total = self._terms("instances", instance_contrast(first, second, temperature=settings.temperature))
        if not self._granularities:
            return total
        own = torch.from_numpy(np.concatenate([rows, rows])).to(self.encoder.device)
        of_prototypes = [
            prototype_contrast(views, one.prototypes, one.temperatures, one.labels[own])
            for one in self._granularities
        ]
        return total + settings.prototype_weight * self._terms(
            "prototypes", torch.stack(of_prototypes).mean()
        )

    def _keep(self, optimizer: torch.optim.Optimizer) -> None:
        """Take down what came of an epoch, and keep it."""
        temperatures = [one.temperatures for one in self._granularities]
        self.epochs.append(
            {
                "losses": self._terms.means(),
                "granularities": [len(one) for one in temperatures],
                "temperatures": [
                    [round(float(x), 4) for x in (one.min(), one.max())] for one in temperatures
                ],
                "agreement": self._agreement,
            }
        )
        arrays = {f"encoder.{name}": array for name, array in self.encoder.weights().items()}
        labels = {} if self._labels is None else {"labels": self._labels}
        state = {"epochs": self.epochs, "warnings": self.warnings}
        self.work.keep(state, {**arrays, **labels, **memory(optimizer)})

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"hiure {purpose}").integers(2**31))


def _agreement(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Return the mean adjusted Rand index of clusters (G, M) with those of the epoch before."""
    from sklearn.metrics import adjusted_rand_score

    return round(float(np.mean([adjusted_rand_score(*pair) for pair in zip(before, now, strict=True)])), 6)
