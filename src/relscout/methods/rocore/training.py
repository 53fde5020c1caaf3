"""Iterative joint training (RoCORE section 3.5, Algorithm 1), its equations, and the selection of the epoch.

D_u are the unlabelled instances, to be clustered into C_u novel relations; D_l are the labelled ones, of C_l
pre-defined relations. The encoder f maps an instance to h (eq. 1–3), the mapping g maps h to a code h′, and d maps it
back. Two linear classifiers read h: η_l for pre-defined and η_u for novel relations.

1. Pre-train g and d to reconstruct h, for L epochs (:meth:`JointTraining._pretrain`).
2. Cluster the codes of D_u by k-means; the clusters are pseudo labels ŷ (eq. 7, :meth:`JointTraining._clustered`).
3. For one epoch, each step takes a batch of D_u and one of D_l:

   - L_C (eq. 4–6) trains g and d: codes of a pre-defined relation move towards their mean
     (:meth:`JointTraining._clustering_loss`).
   - L_CLS = L_CE + L_BCE (eq. 8–16) trains f, η_l and η_u: two instances of D_u should get the same output of η_u if
     they have the same pseudo label (:meth:`JointTraining._joint_loss`).

4. Repeat from step 2 until the predictions argmax η_u(h) (eq. 14) are stable.

To stop and to select the epoch, the released code uses the gold relations of D_u. Here, :class:`EpochSelector` uses
the agreement of two views of h instead: the predictions of η_u and the clusters of g(h).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive import effective_number, is_plateau
from relscout.clustering.kmeans import check_finite, kmeans, means, starting_centroids
from relscout.core.errors import InputError
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.encoders.tunable import Prepared
from relscout.methods.rocore.network import Network, Pair, RoCORESettings, Sides, outputs, scaled
from relscout.metrics import align
from relscout.training.loop import Terms, train
from relscout.training.stored import Checkpoints

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def center_loss(codes: Tensor, centroids: Tensor) -> Tensor:
    """Return ½ · mean ‖h′_i − c_{y_i}‖² (eq. 4), a scalar.

    Args:
        codes: h′ (N, Z).
        centroids: The centroid of each instance's relation (N, Z).
    """
    return (codes - centroids).square().sum(dim=1).mean() / 2


def class_means(codes: Tensor, classes: Tensor, n_classes: int) -> Tensor:
    """Return the centroids c_r of the pre-defined relations (eq. 5).

    Args:
        codes: h′ of the labelled instances (N, Z).
        classes: Their relations (N,), int64, every one from 0 to C - 1 among them.
        n_classes: C.

    Returns:
        Centroids (C, Z).
    """
    import torch

    sums = torch.zeros((n_classes, codes.shape[1]), dtype=codes.dtype, device=codes.device)
    sums.index_add_(0, classes, codes)
    return sums / torch.bincount(classes, minlength=n_classes)[:, None]


def reconstruction_loss(restored: Tensor, given: Tensor, *, scale: str = "sum") -> Tensor:
    """Return the reconstruction error (first term of eq. 6), a scalar.

    Args:
        restored: d(h′) (N, D).
        given: h (N, D).
        scale: ``sum`` for ½ · mean ‖d(h′_i) − h_i‖² (paper), or ``mean`` for the mean over instances and dimensions
            (released code), which is 2/D times as much.
    """
    squared = (restored - given).square()
    return squared.mean() if scale == "mean" else squared.sum(dim=1).mean() / 2


def same_cluster(labels: Tensor) -> Tensor:
    """Return q_ij (eq. 8), whether i and j have the same pseudo label (B, B), bool, for labels (B,)."""
    return labels[:, None] == labels[None, :]


def divergences(logits: Tensor) -> Tensor:
    """Return D_KL(P*_i ‖ P_j) (eq. 10) of all pairs (B, B); no gradient flows through P*_i.

    Args:
        logits: Scores of the novel relations (B, C), whose softmax is P.
    """
    log_q = logits.log_softmax(dim=1)  # (B, C)
    log_p = log_q.detach()
    p = log_p.exp()
    return (p * log_p).sum(dim=1, keepdim=True) - p @ log_q.T


def hinge(divergence: Tensor, margin: float) -> Tensor:
    """Return max(0, σ − e) (eq. 12) of each divergence e."""
    return (margin - divergence).clamp(min=0)


def pairwise_loss(logits: Tensor, same: Tensor, *, margin: float) -> Tensor:
    """Return the mean of L_BCE (eq. 9, 11, 13) over all pairs (i, j) of a batch, a scalar.

    The paper does not say which pairs; here they are all, including i = j, whose loss is 0. Eq. 9 and 11 have a term
    for (i, j) and one for (j, i), which have the same sum over all pairs; hence the factor 2.

    Args:
        logits: Scores of the novel relations (B, C).
        same: q (B, B), bool.
        margin: σ.
    """
    divergence = divergences(logits)
    return 2 * divergence.where(same, hinge(divergence, margin)).mean()


def ramp_up(epoch: int, *, weight: float, length: int) -> float:
    """Return μ(t) = μ₀ · exp(−5 (1 − t/T)²) (eq. 17), and μ₀ after T.

    Args:
        epoch: t, from 1.
        weight: μ₀.
        length: T.
    """
    return weight * math.exp(-5 * (1 - min(epoch, length) / length) ** 2)


Labels = NDArray[np.int64]


@dataclass
class JointTraining:
    """Algorithm 1, with a checkpoint after pre-training and after each epoch.

    Args:
        settings: See :class:`RoCORESettings`.
        network: The networks to train.
        sides: The instances of D_u and D_l.
        seed: Random seed.
        progress: Progress callback.
        work: Keeps the checkpoint.
        watched: Instances that are predicted after each epoch and change nothing, if any.

    Attributes:
        selector: Records every epoch, and selects the one to keep.
        watched_labels: argmax η_u of each watched instance (n,) after each epoch.
        pretraining_loss: Loss of every epoch of pre-training.
        warnings: What a user should know.
    """

    settings: RoCORESettings
    network: Network
    sides: Sides
    seed: int
    progress: Progress
    work: Checkpoints
    watched: Prepared | None = None
    selector: EpochSelector = field(init=False)
    watched_labels: list[Labels] = field(default_factory=list)
    pretraining_loss: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: ŷ (N,): pseudo label of each unlabelled instance.
    _pseudo: Labels = field(init=False)
    #: c (C_l, Z): mean code of each pre-defined relation; ``None`` without centre loss.
    _centroids: torch.Tensor | None = None
    _terms: Terms = field(default_factory=Terms)

    def run(self) -> None:
        """Train; at the end, the network has the weights of the selected epoch."""
        self.selector = EpochSelector(self.settings)
        if (resumed := self.network.state.resume(self.work)) is not None:
            state, arrays = resumed
            self.pretraining_loss, self.warnings = state["pretraining_loss"], state["warnings"]
            self.selector.load(state["selector"], arrays)
            self._pseudo = arrays["pseudo"]
            self.watched_labels = list(arrays.get("watched", ()))
        else:
            vectors = self._pretrain()
            self._pseudo = self._clustered(vectors, 0)
            self._save()
        if not self.selector.stopped:
            self._train()
        if self.selector.best:
            self.network.state.restore(self.selector.best)
        self.warnings += self.selector.warnings()

    def report(self) -> dict[str, Any]:
        """Return the record of the training, as JSON values."""
        selector = self.selector
        return {
            "stopped": selector.stopped,
            "kept_epoch": selector.kept + 1,
            "pretraining_loss": self.pretraining_loss,
            "epochs": selector.epochs,
        }

    def _pretrain(self) -> NDArray[np.float32]:
        """Train g and d to reconstruct h, with a frozen encoder; return the unlabelled vectors (M, D)."""
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
            encoder = network.encoder
            h_u, h_l = (
                scaled(encoded[chosen], encoder.scale, encoder.device)  # (B, D)
                for encoded, chosen in zip((vectors, labeled), rows, strict=True)
            )
            return self._clustering_loss(h_u, h_l, rows[1])

        n_batches = len(self._batches("pretrain", 0))
        epochs = max(settings.pretrain_epochs, -(-settings.pretrain_steps // n_batches))
        losses: list[float] = []
        for step in train(
            begin,
            loss,
            network.state.optimizer,
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
                if step.epoch + 1 >= settings.pretrain_epochs and is_plateau(
                    self.pretraining_loss, settings.pretrain_plateau
                ):
                    break
        self._terms.means()
        self._centroids = None
        network.pretrained.load_state_dict(network.g.state_dict())
        return vectors

    def _train(self) -> None:
        network, settings = self.network, self.settings
        labels = self._pseudo_labels()

        def begin(epoch: int) -> Sequence[Pair]:
            if settings.center:
                # encoded again: the vectors of the last epoch's steps had dropout and came from earlier weights, so
                # their means would not be the centres of the current codes
                encoded = network.encoder.encode_contents(self.sides.labeled, progress=self.progress)
                self._centroids = self._class_means(encoded)
            return self._batches("train", epoch, least=settings.epoch_steps)

        def loss(epoch: int, rows: Pair) -> torch.Tensor:
            return self._joint_loss(epoch, rows, labels)

        for step in train(
            begin,
            loss,
            network.state.optimizer,
            epochs=settings.epochs,
            first_epoch=len(self.selector.epochs),
            warm_up=0.0,
            falls=False,
            seed=self._seed("train"),
        ):
            self.progress("train", step.number, step.total)
            if step.ends_epoch:
                self._end_epoch(step.epoch)
                labels = self._pseudo_labels()
                if self.selector.stopped:
                    return

    def _joint_loss(self, epoch: int, rows: Pair, labels: torch.Tensor) -> torch.Tensor:
        """Return L_CLS + L_C (eq. 16 and 6) of a batch of each side, a scalar."""
        import torch
        from torch.nn.functional import cross_entropy

        settings, network, sides = self.settings, self.network, self.sides
        encoder = network.encoder
        encoder.train(True)
        h_u = encoder(sides.unlabeled, rows[0]) * encoder.scale  # (B, D)
        with torch.set_grad_enabled(settings.cross_entropy):
            h_l = encoder(sides.labeled, rows[1]) * encoder.scale  # (B, D)
        scores = network.novel(h_u)  # η_u (B, C_u)
        same = same_cluster(labels[torch.from_numpy(rows[0])])
        total = self._terms("pairwise", pairwise_loss(scores, same, margin=settings.margin))
        if settings.cross_entropy:
            classes = self._classes(rows[1])
            total = total + self._terms("cross_entropy", cross_entropy(network.known(h_l), classes))
        if settings.incremental:
            weight = ramp_up(epoch + 1, weight=settings.ramp_up_weight, length=settings.ramp_up_epochs)
            novel = sides.n_known + scores.detach().argmax(dim=1)  # ŷ_j of eq. 14, after the pre-defined ones
            total = total + weight * self._terms(
                "novel_cross_entropy", cross_entropy(network.known(h_u), novel)
            )
        return total + self._clustering_loss(h_u.detach(), h_l.detach(), rows[1])

    def _clustering_loss(self, h_u: torch.Tensor, h_l: torch.Tensor, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return L_C (eq. 6) of a batch of each side, a scalar."""
        settings, network = self.settings, self.network
        code_l = network.g(h_l)  # (B, Z)
        total = h_l.new_zeros(())
        if settings.reconstruction:
            scale = settings.reconstruction_scale
            error = reconstruction_loss(network.d(code_l), h_l, scale=scale)
            # Eq. 6 sums over the N labelled instances. The released code averages both sides, which halves the labelled
            # error relative to the centre loss, and keeps g from forgetting what only novel relations have.
            if settings.reconstruction_of != "labeled":
                error = error + reconstruction_loss(network.d(network.g(h_u)), h_u, scale=scale)
            if settings.reconstruction_of == "average":
                error = error / 2
            total = total + self._terms("reconstruction", error)
        if self._centroids is not None:
            # Table 1 has λ = 0.005 for eq. 6, which sums over the dimensions. The released code has 0.005, too, but
            # averages over them, so that the centre loss has D/2 = 768 times the weight. The default is as released.
            center = center_loss(code_l, self._centroids[self._classes(rows)])
            total = total + settings.center_weight * self._terms("center", center)
        if settings.weight_penalty:
            total = total + settings.weight_penalty * network.penalty()
        return total

    def _end_epoch(self, epoch: int) -> None:
        """Predict (eq. 14), cluster again (eq. 7), and record the epoch."""
        vectors = self.network.encoder.encode_contents(self.sides.unlabeled, progress=self.progress)
        scores = self._outputs(self.network.novel, vectors)[self.sides.unlabeled.row_of]  # (N, C_u)
        self._pseudo = self._clustered(vectors, epoch + 1)
        if self.watched is not None:
            seen = self.network.encoder.encode_contents(self.watched, progress=self.progress)
            outputs_of_seen = self._outputs(self.network.novel, seen)[self.watched.row_of]  # (n, C_u)
            self.watched_labels.append(outputs_of_seen.argmax(axis=1))
        self.selector.add(epoch_stats(scores, self._pseudo), self._terms.means(), self.network.state.weights)
        self._save()

    def _clustered(self, vectors: NDArray[np.float32], epoch: int) -> Labels:
        """Return the pseudo labels (N,) of an epoch: k-means on g(h) (eq. 7)."""
        codes = self._outputs(self.network.g, vectors)[self.sides.unlabeled.row_of]  # (N, Z)
        n_clusters, seed = self.sides.n_novel, self._seed(f"k-means {epoch}")
        try:
            starts = self._starts(codes, epoch)
            return kmeans(codes, n_clusters, seed=seed, starts=starts, progress=self.progress).labels
        except InputError:
            if not epoch:
                raise
            # the codes have collapsed, as happens with the centre loss alone
            self.warnings.append(
                f"the codes g(h) of epoch {epoch} have collapsed and cannot be divided into {n_clusters} clusters; the "
                "pseudo labels of the epoch before are used again"
            )
            return self._pseudo

    def _starts(self, codes: NDArray[np.float32], epoch: int) -> NDArray[np.float32] | None:
        """Return the centroids from which k-means starts (C_u, Z); ``None`` for k-means++."""
        n_clusters = self.sides.n_novel
        if epoch >= self.settings.fresh_starts:
            # If every clustering starts anew, as in the released code, clusters alternate between equally good
            # partitions, and the classifier never settles. If none does, they settle in a worse partition.
            return means(codes, self._pseudo, n_clusters)
        seed = self._seed(f"k-means {epoch}")
        return starting_centroids(codes, n_clusters, start=self.settings.start, seed=seed)

    def _class_means(self, vectors: NDArray[np.float32]) -> torch.Tensor:
        import torch

        codes = torch.from_numpy(self._outputs(self.network.g, vectors)).to(self.network.encoder.device)
        return class_means(codes, self._classes(np.arange(len(codes))), self.sides.n_known)

    def _outputs(self, network: torch.nn.Module, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return outputs(network, vectors, scale=self.network.encoder.scale)

    def _pseudo_labels(self) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.sides.pseudo_labels(self._pseudo)).to(self.network.encoder.device)

    def _classes(self, rows: NDArray[np.int64]) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.sides.classes[rows]).to(self.network.encoder.device)

    def _batches(self, stage: str, epoch: int, *, least: int = 1) -> Sequence[Pair]:
        random = generator(self._seed(stage), f"batches {epoch}")
        return self.sides.batches(self.settings.batch, random, least=least)

    def _save(self) -> None:
        selected, arrays = self.selector.state()
        state = {
            "selector": selected,
            "warnings": self.warnings,
            "pretraining_loss": self.pretraining_loss,
        }
        if self.watched_labels:
            arrays["watched"] = np.stack(self.watched_labels)
        self.network.state.save(self.work, state, {**arrays, "pseudo": self._pseudo})

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"rocore {purpose}").integers(2**31))


Arrays = dict[str, NDArray[Any]]
_BEST = "best."
#: η_u has collapsed if the effective number of its relations is below this share of that of the clusters.
_COLLAPSED = 0.5


@dataclass(frozen=True)
class EpochStats:
    """Statistics of one epoch.

    Args:
        predicted: argmax η_u of each instance (N,), int64 (eq. 14).
        agreement: Share of the instances in which η_u and k-means on g(h) agree, matched one to one, in [0, 1].
        entropy: Mean entropy of η_u divided by log C_u, in [0, 1]; 1 if all relations are equally likely.
        effective_relations: Number of relations of equal size that would be as diverse as the predictions.
        effective_clusters: The same for the clusters.
    """

    predicted: NDArray[np.int64]
    agreement: float
    entropy: float
    effective_relations: float
    effective_clusters: float


def epoch_stats(scores: NDArray[np.float32], clusters: NDArray[np.int64]) -> EpochStats:
    """Compare the scores of η_u (N, C_u) with the clusters (N,) of g(h)."""
    predicted = scores.argmax(axis=1).astype(np.int64)
    shares = scores.astype(np.float64)
    shares -= shares.max(axis=1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    entropies = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
    n_relations = scores.shape[1]
    return EpochStats(
        predicted,
        align(predicted, clusters).accuracy,
        float(entropies.mean() / np.log(n_relations)) if n_relations > 1 else 0.0,
        effective_number(predicted),
        effective_number(clusters),
    )


@dataclass
class EpochSelector:
    """Records every epoch, selects the one to keep, and decides when training stops.

    Args:
        settings: See :class:`RoCORESettings`.

    Attributes:
        epochs: Record of each epoch, as JSON values.
        predictions: argmax η_u of each epoch (N,).
        stopped: Why training ended; empty until then.
        kept: The epoch that is kept, from 0; -1 before the first.
        best: The weights of that epoch; empty if it is the last.
    """

    settings: RoCORESettings
    epochs: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[NDArray[np.int64]] = field(default_factory=list)
    stopped: str = ""
    kept: int = -1
    best: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, stats: EpochStats, losses: Mapping[str, float], weights: Callable[[], Arrays]) -> None:
        """Record an epoch, keep its weights if it is the best, and decide whether training stops.

        Args:
            stats: Statistics of the epoch.
            losses: Mean of each term of the loss.
            weights: Returns the weights that it ended with.
        """
        changed = None
        if self.predictions:
            changed = round(float((stats.predicted != self.predictions[-1]).mean()), 6)
        earlier = self.epochs[self._first - 1 :]
        highest = max((record["agreement"] for record in earlier), default=-1.0)
        agreement = round(stats.agreement, 6)
        record = {
            "agreement": agreement,
            "changed": changed,
            "entropy": round(stats.entropy, 6),
            "effective_relations": round(stats.effective_relations, 3),
            "effective_clusters": round(stats.effective_clusters, 3),
            "losses": dict(losses),
        }
        self.epochs.append(record)
        self.predictions.append(stats.predicted)
        if self.settings.select == "last":
            self.kept = len(self.epochs) - 1
        elif agreement > highest and len(self.epochs) >= self._first:
            self.kept, self.best = len(self.epochs) - 1, weights()
        self._stop()

    @property
    def _first(self) -> int:
        """First epoch, from 1, that may be kept; before it, novel relations lack their full weight in η_l (eq. 17)."""
        settings = self.settings
        return min(settings.ramp_up_epochs, settings.epochs) if settings.incremental else 1

    def _stop(self) -> None:
        settings, done = self.settings, len(self.epochs)
        latest = [record["changed"] for record in self.epochs[-settings.patience :]]
        settled = [changed for changed in latest if changed is not None and changed < settings.stop_change]
        if len(settled) == settings.patience and done >= self._first:
            self.stopped = (
                f"after {done} epochs: fewer than {settings.stop_change:.1%} of the predictions changed in each of "
                f"the last {settings.patience}"
            )
        elif done >= settings.epochs:
            self.stopped = f"after {done} epochs, the most that were allowed"

    @property
    def agreement(self) -> float:
        """Agreement of η_u and the clusters in the epoch that is kept, in [0, 1]."""
        return float(self.epochs[self.kept]["agreement"])

    def warnings(self) -> list[str]:
        """Return what a user should know about the selected epoch."""
        kept = self.epochs[self.kept]
        predicted, expected = kept["effective_relations"], kept["effective_clusters"]
        if predicted >= _COLLAPSED * expected:
            return []
        return [
            f"the classifier of novel relations has collapsed: its predictions have the entropy of {predicted:.1f} "
            f"equal relations, the clusters that of {expected:.1f}; train longer, or with another learning rate or "
            "margin"
        ]

    def history(self) -> NDArray[np.signedinteger[Any]]:
        """Return the predictions of all epochs (E, N), in the smallest type of 16 bits or more that holds them."""
        predictions = np.stack(self.predictions)
        return predictions.astype(np.int16 if predictions.max() < 2**15 else np.int32)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Return the fields as JSON values and arrays, for saving."""
        arrays: Arrays = {f"{_BEST}{name}": array for name, array in self.best.items()}
        if self.predictions:
            arrays["predictions"] = self.history()
        return {"epochs": self.epochs, "stopped": self.stopped, "kept": self.kept}, arrays

    def load(self, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned; other arrays are ignored."""
        self.epochs, self.stopped, self.kept = list(state["epochs"]), state["stopped"], state["kept"]
        self.predictions = [row.astype(np.int64) for row in arrays.get("predictions", ())]
        self.best = {
            name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)
        }
