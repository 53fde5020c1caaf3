"""Iterative joint training (RoCORE section 3.5, Algorithm 1): cluster, learn the clusters and the labels, and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.clustering.lloyd import check_finite, means
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.errors import InputError
from relscout.methods.rocore.network import Layers, Network
from relscout.methods.rocore.objectives import (
    center_loss,
    class_means,
    pairwise_loss,
    ramp_up,
    reconstruction_loss,
    same_cluster,
)
from relscout.methods.rocore.settings import RoCORESettings
from relscout.methods.rocore.sides import Pair, Sides
from relscout.methods.rocore.verdict import Verdict, judged
from relscout.progress import Progress
from relscout.seeding import generator
from relscout.training.loop import train
from relscout.training.terms import Terms
from relscout.training.work import Work

if TYPE_CHECKING:
    import torch

Labels = NDArray[np.int64]


@dataclass
class JointTraining:
    """The loop, and what happened in it.

    Args:
        settings: See :class:`RoCORESettings`.
        network: What trains.
        sides: The instances.
        seed: Draws everything random.
        progress: Told how far it is.
        work: Keeps what is done, so that an interrupted loop goes on.

    Attributes:
        verdict: What is known of every epoch, and which of them is kept.
        pretraining_loss: Loss of every epoch of pre-training.
        warnings: What a user should know.
        pretrained: Layers of g behind the pre-training; none where there was none.
    """

    settings: RoCORESettings
    network: Network
    sides: Sides
    seed: int
    progress: Progress
    work: Work
    verdict: Verdict = field(init=False)
    pretraining_loss: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pretrained: Layers = ()
    _pseudo: Labels = field(init=False)
    _terms: Terms = field(default_factory=Terms)
    _centroids: torch.Tensor | None = None

    def run(self) -> None:
        """Train; the network is left as it was in the epoch that is kept."""
        self.verdict = Verdict(self.settings)
        if (resumed := self.work.load()) is not None:
            state, arrays = resumed
            self.pretraining_loss, self.warnings = state["pretraining_loss"], state["warnings"]
            self.verdict.load(state["verdict"], arrays)
            self._pseudo = arrays["pseudo"]
            self.pretrained = [
                (arrays[f"pretrained.{number}.weight"], arrays[f"pretrained.{number}.bias"])
                for number in range(state["pretrained"])
            ]
            self.network.load(arrays)
        else:
            vectors = self._pretrain()
            self._pseudo = self._clustered(vectors, 0)
            self._keep()
        if not self.verdict.stopped:
            self._train()
        if self.verdict.best:
            self.network.load(self.verdict.best, goes_on=False)

        self.warnings += self.verdict.warnings()

    def report(self) -> dict[str, Any]:
        """Return what happened, as JSON values."""
        verdict = self.verdict
        told = {"stopped": verdict.stopped, "kept_epoch": verdict.kept + 1}
        return {**told, "pretraining_loss": self.pretraining_loss, "epochs": verdict.epochs}

    def _pretrain(self) -> NDArray[np.float32]:
        """Let g and d learn to give h back, which stays as it is; return the unlabelled vectors (M, D)."""
        settings, network, sides = self.settings, self.network, self.sides
        vectors = network.encoder.encode_contents(sides.unlabeled, progress=self.progress)
        if not settings.reconstruction or not (settings.pretrain_epochs or settings.pretrain_steps):
            return vectors
        labeled = network.encoder.encode_contents(sides.labeled, progress=self.progress)
        for encoded in (vectors, labeled):
            check_finite(encoded)

        def begin(epoch: int) -> Sequence[Pair]:
            if settings.center and settings.pretrain_center:
                self._centroids = self._class_means(labeled)
            return self._batches("pretrain", epoch)

        def loss(_: int, rows: Pair) -> torch.Tensor:
            h_u, h_l = network.h(vectors[rows[0]]), network.h(labeled[rows[1]])
            return self._clustering_loss(h_u, h_l, rows[1])

        n_batches = len(self._batches("pretrain", 0))
        epochs = max(settings.pretrain_epochs, -(-settings.pretrain_steps // n_batches))
        losses: list[float] = []
        for step in train(
            begin,
            loss,
            network.optimizer,
            epochs=epochs,
            warm_up=0.0,
            falls=False,
            seed=self._seed("pretrain"),
        ):
            self.progress("pre-train", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                self.pretraining_loss.append(round(float(np.mean(losses)), 6))
                losses = []
        self._terms.means()
        self._centroids = None
        self.pretrained = network.mapping()
        return vectors

    def _train(self) -> None:
        network, settings = self.network, self.settings
        labels = self._pseudo_labels()

        def begin(epoch: int) -> Sequence[Pair]:
            if settings.center:
                # encoded anew, by the encoder as it is now: what the last epoch saw was encoded while it changed and
                # with dropout, so that means of that would lie beside what g is to gather around them
                encoded = network.encoder.encode_contents(self.sides.labeled, progress=self.progress)
                self._centroids = self._class_means(encoded)
            return self._batches("train", epoch, least=settings.epoch_steps)

        def loss(epoch: int, rows: Pair) -> torch.Tensor:
            return self._joint_loss(epoch, rows, labels)

        for step in train(
            begin,
            loss,
            network.optimizer,
            epochs=settings.epochs,
            first_epoch=len(self.verdict.epochs),
            warm_up=0.0,
            falls=False,
            seed=self._seed("train"),
        ):
            self.progress("train", step.number, step.total)
            if step.ends_epoch:
                self._judge(step.epoch)
                labels = self._pseudo_labels()
                if self.verdict.stopped:
                    return

    def _joint_loss(self, epoch: int, rows: Pair, labels: torch.Tensor) -> torch.Tensor:
        """Return L_CLS + L_C (eq. 16 and 6) of a batch of each side."""
        import torch
        from torch.nn.functional import cross_entropy

        settings, network, sides = self.settings, self.network, self.sides
        encoder = network.encoder
        encoder.train(True)
        h_u = encoder(sides.unlabeled, rows[0]) * encoder.scale  # (B, D)
        with torch.set_grad_enabled(settings.cross_entropy):
            h_l = encoder(sides.labeled, rows[1]) * encoder.scale
        scores = network.novel(h_u)  # (B, C_u)
        same = same_cluster(labels[torch.from_numpy(rows[0])])
        total = self._terms("pairwise", pairwise_loss(scores, same, margin=settings.margin))
        if settings.cross_entropy:
            told = self._classes(rows[1])
            total = total + self._terms("cross_entropy", cross_entropy(network.known(h_l), told))
        if settings.incremental:
            weight = ramp_up(epoch + 1, weight=settings.ramp_up_weight, length=settings.ramp_up_epochs)
            novel = sides.n_known + scores.detach().argmax(
                dim=1
            )  # ŷ_j of eq. 14, behind the pre-defined ones
            total = total + weight * self._terms(
                "novel_cross_entropy", cross_entropy(network.known(h_u), novel)
            )
        return total + self._clustering_loss(h_u.detach(), h_l.detach(), rows[1])

    def _clustering_loss(self, h_u: torch.Tensor, h_l: torch.Tensor, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return L_C (eq. 6), with the reconstruction of both sides, each of them half (Algorithm 1, released code)."""
        settings, network = self.settings, self.network
        code_l = network.code(h_l)
        total = h_l.new_zeros(())
        if settings.reconstruction:
            scale = settings.reconstruction_scale
            of_l = reconstruction_loss(network.restore(code_l), h_l, scale=scale)
            of_u = reconstruction_loss(network.restore(network.code(h_u)), h_u, scale=scale)
            total = total + self._terms("reconstruction", (of_l + of_u) / 2)
        if self._centroids is not None:
            # Table 1 has λ = 0.005 for eq. 6, which sums over the dimensions. The released code has 0.005, too, but
            # averages over them: there the centre loss counts D/2 = 768 times as much. The default is what was run.
            center = center_loss(code_l, self._centroids[self._classes(rows)])
            total = total + settings.center_weight * self._terms("center", center)
        if settings.weight_penalty:
            total = total + settings.weight_penalty * network.penalty()
        return total

    def _judge(self, epoch: int) -> None:
        """Predict, cluster again, and take down what came of the epoch."""
        vectors = self.network.encoder.encode_contents(self.sides.unlabeled, progress=self.progress)
        scores = self.network.novel_scores(vectors)[self.sides.unlabeled.row_of]  # (N, C_u)
        self._pseudo = self._clustered(vectors, epoch + 1)
        self.verdict.add(judged(scores, self._pseudo), self._terms.means(), self.network.parts)
        self._keep()

    def _clustered(self, vectors: NDArray[np.float32], epoch: int) -> Labels:
        """Return the pseudo labels (N,) of an epoch: k-means on g(h) (eq. 7)."""
        codes = self.network.codes(vectors)[self.sides.unlabeled.row_of]
        n_clusters, seed = self.sides.n_novel, self._seed(f"k-means {epoch}")
        try:
            starts = self._starts(codes, epoch)
            return kmeans(codes, n_clusters, seed=seed, starts=starts, progress=self.progress).labels
        except InputError:
            if not epoch:
                raise
            # the codes have collapsed, which the centre loss alone leads to; the instances differ
            self.warnings.append(
                f"the codes g(h) of epoch {epoch} have collapsed, so that they make no {n_clusters} clusters; the "
                "pseudo labels of the epoch before stand in for theirs"
            )
            return self._pseudo

    def _starts(self, codes: NDArray[np.float32], epoch: int) -> NDArray[np.float32] | None:
        """Return where k-means starts (C_u, Z); ``None`` where it draws that itself."""
        n_clusters = self.sides.n_novel
        if epoch >= self.settings.fresh_starts:
            # the released code always starts anew; then clusters flip between partitions that are equally good, and the
            # classifier never settles. Carried on from the first epoch they settle in a worse one
            return means(codes, self._pseudo, n_clusters)
        if self.settings.start == "neighbours":
            return neighbour_seeds(codes, n_clusters, seed=self._seed(f"k-means {epoch}"))
        return None

    def _class_means(self, vectors: NDArray[np.float32]) -> torch.Tensor:
        import torch

        codes = torch.from_numpy(self.network.codes(vectors)).to(self.network.encoder.device)
        return class_means(codes, self._classes(np.arange(len(codes))), self.sides.n_known)

    def _pseudo_labels(self) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.sides.pseudo_labels(self._pseudo)).to(self.network.encoder.device)

    def _classes(self, rows: NDArray[np.int64]) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.sides.classes[rows]).to(self.network.encoder.device)

    def _batches(self, stage: str, epoch: int, *, least: int = 1) -> Sequence[Pair]:
        random = generator(self._seed(stage), f"batches {epoch}")
        return self.sides.batches(self.settings.batch, random, least=least)

    def _keep(self) -> None:
        told, arrays = self.verdict.state()
        state = {
            "verdict": told,
            "warnings": self.warnings,
            "pretraining_loss": self.pretraining_loss,
            "pretrained": len(self.pretrained),
        }
        for number, (weight, bias) in enumerate(self.pretrained):
            arrays |= {f"pretrained.{number}.weight": weight, f"pretrained.{number}.bias": bias}
        self.work.keep(state, {**arrays, "pseudo": self._pseudo, **self.network.arrays()})

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"rocore {purpose}").integers(2**31))
