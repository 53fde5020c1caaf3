"""Training of RSN on labelled pairs and, optionally, on unlabelled ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import check_finite, unit_length
from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.encoders import Encoder, OnLoss
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.methods.rsn.network import Network, RSNSettings, Similarity
from relscout.methods.rsn.words import WordNetwork
from relscout.methods.vectors import encode
from relscout.training.checkpointing import CheckpointedTraining, EpochResult, TrainingState, Weights
from relscout.training.labels import canonical, classes_of
from relscout.training.loop import train
from relscout.training.stored import Checkpoints, trainable

if TYPE_CHECKING:
    import torch
    from torch import Tensor


#: Length of the random step from which the direction of the strongest change is estimated, in units of the vectors.
_PROBE = 1e-2


def conditional_entropy(logits: Tensor) -> Tensor:
    """Return the mean of −p log p − (1 − p) log(1 − p), a scalar: 0 if all p are 0 or 1, log 2 if all are ½."""
    return _cross_entropy(logits.sigmoid(), logits)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return the mean of KL(p‖p′) = p log(p / p′) + (1 − p) log((1 − p) / (1 − p′)), for logits of p and p′ (P,)."""
    p = logits.sigmoid()
    return _cross_entropy(p, others) - _cross_entropy(p, logits)


def adversarial_divergence(
    logit: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor, *, length: float
) -> Tensor:
    """Return KL(p(x)‖p(x + r)), a scalar, for the small step r that increases it most (Miyato et al. 2018).

    The direction of r is estimated by one step of the power method from a random one. Gradients flow through p(x + r)
    only.

    Args:
        logit: Maps both vectors of each pair to a logit (P,).
        left: First vector of each pair (P, D).
        right: Second vector of each pair (P, D).
        length: Root mean square of r.
    """
    import torch

    with torch.no_grad():
        clean = logit(left, right)
    fixed = [left.detach(), right.detach()]
    probes = [_scaled(torch.randn_like(side), _PROBE).requires_grad_(True) for side in fixed]
    changed = divergence(clean, logit(*(side + probe for side, probe in zip(fixed, probes, strict=True))))
    steepest = torch.autograd.grad(changed, probes)
    moved = [side + _scaled(way, length) for side, way in zip((left, right), steepest, strict=True)]
    return divergence(clean, logit(*moved))


def _cross_entropy(p: Tensor, logits: Tensor) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, p)


def _scaled(vectors: Tensor, length: float) -> Tensor:
    root_mean_square = vectors.square().mean(dim=1, keepdim=True).sqrt()
    return vectors * (length / root_mean_square.clamp(min=1e-30))


Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of instances.

    Args:
        left: Row of the first instance of each pair (P,).
        right: Row of the second instance of each pair (P,).
        same: Whether they express the same relation (P,), bool; empty for unlabelled pairs.
    """

    left: Rows
    right: Rows
    same: NDArray[np.bool_]

    def split(self, n_parts: int) -> list[Pairs]:
        """Return parts of equal size, or almost."""
        arrays = (np.array_split(array, n_parts) for array in (self.left, self.right, self.same))
        return [Pairs(*parts) for parts in zip(*arrays, strict=True)]


class LabelledPairs:
    """Pairs of labelled instances, as many of the same relation as of two different ones.

    Few of all pairs are of the same relation. A uniform sample would train the network to predict "different" always.

    Args:
        relations: Relation of each instance (N,), int64, from 0; the order of the numbers does not matter.

    Raises:
        InputError: There is only one relation, or no relation has two instances.
    """

    def __init__(self, relations: Rows) -> None:
        # sorted by relation: the row at each place, and the size and the first place of its relation
        self._order = np.argsort(relations, kind="stable")  # (N,)
        sizes = np.bincount(relations)
        of_place = relations[self._order]
        self._size = sizes[of_place]  # (N,)
        self._start = (np.cumsum(sizes) - sizes)[of_place]  # (N,)
        self._partnered = np.flatnonzero(self._size > 1)
        if len(np.unique(relations)) < 2:
            raise InputError(
                f"the {len(relations)} labelled instances have one relation; give at least two, so that some pairs are "
                "of different ones"
            )
        if not len(self._partnered):
            raise InputError(
                f"each of the {len(sizes)} labelled relations has one instance; give at least two of some, so that "
                "there are pairs of the same relation"
            )

    @property
    def n_alone(self) -> int:
        """Number of relations with one instance, which only occur in pairs of different relations."""
        return len(self._size) - len(self._partnered)

    def draw(self, count: int, random: np.random.Generator) -> Pairs:
        """Return ``count`` shuffled pairs, half of them (rounded down) of the same relation.

        The first of such a pair is drawn from the instances that share their relation, the second from its others.
        """
        n_same = count // 2
        of_same = random.choice(self._partnered, n_same)
        # one of the others of the relation: skip the place itself
        within = random.integers(self._size[of_same] - 1)
        partner = self._start[of_same] + within
        partner += partner >= of_same
        of_different = random.integers(len(self._order), size=count - n_same)
        # one of all the others: skip the places of the relation
        other = random.integers(len(self._order) - self._size[of_different])
        other += self._size[of_different] * (other >= self._start[of_different])
        shuffled = random.permutation(count)
        left = np.concatenate([of_same, of_different])[shuffled]
        right = np.concatenate([partner, other])[shuffled]
        return Pairs(self._order[left], self._order[right], shuffled < n_same)


def unlabelled_pairs(rows: Rows, count: int, random: np.random.Generator) -> Pairs:
    """Return ``count`` uniformly drawn pairs of two different rows; none if there is only one row."""
    if len(rows) < 2:
        none = np.empty(0, dtype=np.int64)
        return Pairs(none, none, none.astype(bool))
    left = random.integers(len(rows), size=count)
    right = random.integers(len(rows) - 1, size=count)
    right += right >= left
    return Pairs(rows[left], rows[right], np.empty(0, dtype=bool))


#: Number of labelled pairs with which :meth:`Network.balance` sets w and c.
_BALANCED_ON = 1000
#: Maps contents (B,) to their vectors h (B, D), scaled to a mean square of 1.
Represent = Callable[[Rows], "torch.Tensor"]


def frozen(vectors: NDArray[np.float32], network: Network) -> Represent:
    """Represent contents by fixed vectors of unit length (M, D), float32."""
    import torch

    def represent(rows: Rows) -> torch.Tensor:
        h: torch.Tensor = torch.from_numpy(np.asarray(vectors[rows])).to(network.device) * network.scale
        return h

    return represent


def trained(encoder: TunableEncoder | WordNetwork, prepared: Any, network: Network) -> Represent:
    """Represent contents by the vectors of an encoder that trains."""
    from torch.nn.functional import normalize

    def represent(rows: Rows) -> torch.Tensor:
        encoder.train(True)
        h: torch.Tensor = normalize(encoder(prepared, rows), dim=1) * network.scale
        return h

    return represent


@dataclass(frozen=True)
class Material:
    """Training data, as contents of a :data:`Represent`.

    Args:
        labelled: Content of each labelled instance (N,).
        pairs: Pairs of labelled instances.
        unlabelled: Contents of the unlabelled instances, each once; used in semi-supervised training only.
    """

    labelled: Rows
    pairs: LabelledPairs
    unlabelled: Rows

    def balance(self, network: Network, represent: Represent, random: np.random.Generator) -> None:
        """Set the first w and c of a network from labelled pairs (see :meth:`Network.balance`)."""
        places = self.pairs.draw(_BALANCED_ON, random)
        network.balance(represent(self.labelled[places.left]), represent(self.labelled[places.right]))

    def drawn(self, settings: RSNSettings, random: np.random.Generator) -> list[tuple[Pairs, Pairs]]:
        """Return labelled and unlabelled pairs for each step of an epoch, as contents; the latter may be empty."""
        n_steps = max(1, round(settings.pairs / settings.batch))
        places = self.pairs.draw(settings.pairs, random)
        known = Pairs(self.labelled[places.left], self.labelled[places.right], places.same)
        rows = self.unlabelled if settings.semi_supervised else self.unlabelled[:0]
        unknown = unlabelled_pairs(rows, settings.pairs, random)
        return list(zip(known.split(n_steps), unknown.split(n_steps), strict=True))


class Learner:
    """Trains the network, and layers of the encoder with it.

    Args:
        network: The network to train.
        represent: Computes the vectors.
        material: The training data.
        encoder: The encoder to train; ``None`` if it is frozen.
        settings: See :class:`RSNSettings`.
        seed: Random seed of pairs, dropout and perturbations.
    """

    def __init__(
        self,
        network: Network,
        represent: Represent,
        material: Material,
        *,
        encoder: TunableEncoder | WordNetwork | None,
        settings: RSNSettings,
        seed: int,
    ) -> None:
        import torch

        self._network, self._represent, self._material = network, represent, material
        self._encoder, self._settings, self._seed = encoder, settings, seed
        groups = [
            {"params": list(network.w.parameters()), "lr": settings.similarity_learning_rate},
            {"params": list(network.f.parameters()), "lr": settings.learning_rate},
        ]
        if encoder is not None:
            groups.append({"params": list(encoder.parameters()), "lr": settings.encoder_learning_rate})
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        parts: dict[str, Weights | torch.nn.Module] = {"f": network.f, "w": network.w}
        if encoder is not None:
            parts["encoder"] = encoder
        #: What a checkpoint restores.
        self.state = TrainingState(parts, optimizer)
        self._correct = 0

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        """Train, and yield the result of each epoch; between epochs, :attr:`state` can be saved.

        Args:
            first: The first epoch to train, above 0 when resuming.
            progress: Called with the steps done, stage ``"train"``.

        Yields:
            Results whose ``accuracy`` is the share of labelled pairs that were classified correctly.
        """
        losses: list[float] = []
        for step in train(
            lambda epoch: self._material.drawn(self._settings, generator(self._seed, f"pairs {epoch}")),
            self._loss,
            self.state.optimizer,
            epochs=self._settings.epochs,
            first_epoch=first,
            warm_up=self._settings.warm_up,
            seed=self._seed,
        ):
            progress("train", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                yield EpochResult(step.epoch, float(np.mean(losses)), self._correct / self._settings.pairs)
                losses, self._correct = [], 0

    def _loss(self, _: int, batch: tuple[Pairs, Pairs]) -> torch.Tensor:
        """Return the loss of labelled and unlabelled pairs, a scalar."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        network, settings = self._network, self._settings
        known, unknown = batch
        # a content that is in several pairs is encoded once
        rows, place = np.unique(
            np.concatenate([known.left, unknown.left, known.right, unknown.right]), return_inverse=True
        )
        h = self._represent(rows)  # (B, D)
        left, right = torch.from_numpy(place).to(h.device).chunk(2)
        codes = network.f(h)  # (B, Z)
        logits = network.logit(codes[left], codes[right], dropout=settings.dropout)  # (P,), labelled first
        n_known = len(known.left)
        same = torch.from_numpy(known.same).to(h.device)
        self._correct += int(((logits[:n_known] > 0) == same).sum())
        loss = binary_cross_entropy_with_logits(logits[:n_known], same.to(logits.dtype))
        if settings.entropy_weight and len(unknown.left):
            loss = loss + settings.entropy_weight * conditional_entropy(logits[n_known:])
        if settings.adversarial_weight:
            loss = loss + settings.adversarial_weight * adversarial_divergence(
                lambda a, b: network.logit(network.f(a), network.f(b)),
                h[left],
                h[right],
                length=settings.perturbation,
            )
        return loss


class LabelledData:
    """Labelled instances for training: each content once, in canonical order.

    Args:
        labeled: Instances with gold relations.

    Attributes:
        instances: The instances to train on.
        classes: Relation of each (N,), int64, from 0.
        pairs: Their pairs.
        warnings: What a user should know about the labelled instances.

    Raises:
        InputError: Relations are missing, or there is only one relation, or only one instance of each.
    """

    def __init__(self, labeled: Sequence[RelationInstance]) -> None:
        self.instances, self.warnings = canonical(labeled)
        _, self.classes = classes_of(self.instances)
        self.pairs = LabelledPairs(self.classes)
        if alone := self.pairs.n_alone:
            self.warnings.append(
                f"{alone} labelled {'relation has' if alone == 1 else 'relations have'} one instance only, which "
                "taught the network what is different, not what is the same"
            )


@dataclass(frozen=True)
class TrainedSimilarity:
    """The trained similarity function.

    Args:
        similarity: Returns how likely two instances express the same relation.
        weights: Weights of the encoder's layers that trained, by name; empty if none did.
        words: The convolutional network that trained; ``None`` where the encoder is read.
        epochs: Record of each epoch of training.
    """

    similarity: Similarity
    weights: dict[str, NDArray[np.float32]]
    words: WordNetwork | None
    epochs: list[dict[str, Any]]


def transfer(
    encoder: Encoder,
    data: LabelledData,
    unlabeled: Sequence[RelationInstance],
    *,
    settings: RSNSettings,
    seed: int,
    progress: Progress,
    on_loss: OnLoss,
    work: Checkpoints,
) -> TrainedSimilarity:
    """Train the similarity on labelled instances.

    Args:
        encoder: The encoder to start from.
        data: The labelled instances.
        unlabeled: The unlabelled instances, each content once.
        settings: See :class:`RSNSettings`.
        seed: Random seed.
        progress: Progress callback.
        on_loss: Called with each labelled instance that was truncated, and what was lost.
        work: Keeps a checkpoint after each epoch.
    """
    instances = [*data.instances, *unlabeled]
    labelled = {id(instance) for instance in data.instances}

    def report_labelled(instance: RelationInstance, what: Any) -> None:
        if id(instance) in labelled:
            on_loss(instance, what)

    tunable: Any
    prepared: Any
    if settings.reads == "words":
        tunable = WordNetwork.untrained(instances, settings=settings, seed=seed)
        prepared = tunable.prepare(instances, on_loss=report_labelled)
    else:
        tunable, prepared = _prepared(
            encoder, instances, settings=settings, progress=progress, on_loss=report_labelled
        )
    if tunable is None or prepared is None:
        # each side separately, so that prediction encodes the same batches and computes exactly the same vectors
        sides = [
            encode(encoder, side, progress=progress, on_loss=report_labelled)
            for side in (data.instances, unlabeled)
        ]
        vectors, rows = np.concatenate(sides), np.arange(len(instances))
    else:
        vectors, rows = tunable.encode_contents(prepared, progress=progress), prepared.row_of
        check_finite(vectors)
        unit_length(vectors)
    network = Network(vectors, settings=settings, seed=seed, device=tunable.device if tunable else None)
    count = len(data.instances)
    material = Material(rows[:count], data.pairs, np.unique(rows[count:]))
    represent = frozen(vectors, network)
    material.balance(network, represent, generator(seed, "balance"))
    if tunable is not None and prepared is not None:
        represent = trained(tunable, prepared, network)
    learner = Learner(
        network,
        represent,
        material,
        encoder=tunable,
        settings=settings,
        seed=int(generator(seed, "rsn training").integers(2**31)),
    )
    training = CheckpointedTraining(learner, work)
    training.run(progress)
    words = tunable if isinstance(tunable, WordNetwork) else None
    weights = tunable.weights() if tunable is not None and words is None else {}
    return TrainedSimilarity(network.similarity(), weights, words, training.epochs)


def _prepared(
    encoder: Encoder,
    instances: Sequence[RelationInstance],
    *,
    settings: RSNSettings,
    progress: Progress,
    on_loss: OnLoss,
) -> tuple[TunableEncoder, Prepared] | tuple[None, None]:
    """Return the encoder with layers to train, and the instances prepared for it; ``None`` if all are frozen."""
    if not settings.trained_layers:
        return None, None
    base, arithmetic = trainable("rsn", encoder), settings.training_dtype
    tunable = TunableEncoder(base, trained_layers=settings.trained_layers, arithmetic=arithmetic)
    return tunable, tunable.prepare(instances, progress=progress, on_loss=on_loss)
