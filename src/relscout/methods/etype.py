"""EType and EType+: relations from the types of the two entities alone, the words of the sentence unread.

Tran, Le and Ananiadou, "Revisiting Unsupervised Relation Extraction" (ACL 2020). Built from the paper. They show that
the types explain most of what systems reached on NYT+FB, so that any method that reads text has to beat them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import AboveZero, AtLeast1, AtLeast2, NotNegative, Width, settings_class
from relscout.encoders import Encoder
from relscout.methods.estimator import NRelations
from relscout.methods.features import FeatureMethod, check_distinguished
from relscout.training.distribution_losses import dispersion, skewness

if TYPE_CHECKING:
    from relscout.training.link_predictor import EntityPairs

TypePair = tuple[str | None, str | None]

_CITATION = "Tran, Le, Ananiadou: Revisiting Unsupervised Relation Extraction. ACL 2020"
#: What distinguishes instances, in errors.
_FEATURES = "pairs of entity types"


@settings_class
class ETypeSettings:
    """Settings of the method ``etype``."""

    annotate: bool = True
    """Whether missing entity types are those of the default spaCy pipeline, if the texts look English."""
    max_relations: AtLeast1 = 128
    """Largest number of relations if it is estimated, as the number of pairs of entity types; at least 1."""


class EType(FeatureMethod):
    """Make each pair of entity types a relation.

    With fewer relations than pairs, the most frequent pairs are relations. Any other pair belongs to the relation that
    shares most of its types, and of several to the largest.

    Args:
        encoder: Not run; part of the interface of methods.
        n_relations: Number of relations K, or ``"auto"`` for the number of pairs.
        seed: Changes nothing; part of the interface of methods.

    The other parameters are the fields of :class:`ETypeSettings`.
    """

    NAME: ClassVar[str] = "etype"
    CITATION: ClassVar[str] = _CITATION
    SETTINGS: ClassVar[type[ETypeSettings]] = ETypeSettings

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        annotate: bool = ETypeSettings.annotate,
        max_relations: int = ETypeSettings.max_relations,
    ) -> None:
        self._store(locals())

    def learn(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        progress: Progress,
    ) -> None:
        """Count the pairs of types; see :meth:`FeatureMethod.learn`."""
        progress("cluster", 0, None)
        counts = Counter(instance.type_pair for instance in instances)
        check_distinguished(n_relations, len(counts), len(instances), _FEATURES)
        number = self._settings.max_relations if n_relations == "auto" else n_relations
        frequent = sorted(counts, key=lambda pair: (-counts[pair], _sortable(pair)))[:number]
        self._counts = {pair: counts[pair] for pair in frequent}

    def shares(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32; see :meth:`FeatureMethod.shares`."""
        known: dict[TypePair, NDArray[np.float32]] = {}
        return np.array([_row(instance.type_pair, self._counts, known) for instance in instances], np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the pairs that are relations, with their numbers of instances."""
        pairs = [[head, tail, count] for (head, tail), count in self._counts.items()]
        return {**self.fitted_features(), "pairs": pairs}, {}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002
        """Restore what :meth:`state` returned."""
        self._counts = {(head, tail): int(count) for head, tail, count in values["pairs"]}
        self.restore_features(values)


def _row(
    pair: TypePair, counts: Mapping[TypePair, int], known: dict[TypePair, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the probability of each relation (K,) for a pair of types.

    One pseudo-instance, spread evenly, keeps the probability of a rare pair below that of a frequent one. For a pair
    that is no relation, relations count by their size, times 100 for each type that they share.
    """
    if pair not in known:
        row = np.full(len(counts), 1 / len(counts))
        if pair in counts:
            row[list(counts).index(pair)] += counts[pair]
        else:
            shared = [(pair[0] == head) + (pair[1] == tail) for head, tail in counts]
            row += np.array(list(counts.values())) * 100.0 ** np.array(shared)
        known[pair] = (row / row.sum()).astype(np.float32)
    return known[pair]


def _sortable(pair: TypePair) -> tuple[tuple[bool, str], ...]:
    return tuple((kind is not None, kind or "") for kind in pair)


@settings_class
class ETypePlusSettings:
    """Settings of the method ``etype-plus``."""

    skewness_weight: NotNegative = 0.5
    """Weight α of the loss of skewness, which makes each pair of types sure of a relation; at least 0."""
    dispersion_weight: NotNegative = 1.0
    """Weight β of the loss of dispersion, which uses all relations equally; at least 0."""
    width: Width = 10
    """Width of the embeddings of the entities in the link predictor, at least 1."""
    negatives: AtLeast1 = 5
    """Random entities in place of the head, and of the tail, of each instance; at least 1."""
    steps: AtLeast1 = 1000
    """Steps of each training, at least 1."""
    batch: AtLeast2 = 100
    """Instances in a step, at least 2."""
    learning_rate: AboveZero = 1e-2
    """Learning rate of Adam; above 0."""
    n_init: AtLeast1 = 3
    """Trainings from different first weights, of which that with the lowest loss is kept; at least 1."""
    annotate: bool = True
    """Whether missing entity types are those of the default spaCy pipeline, if the texts look English."""
    max_relations: AtLeast1 = 128
    """Largest number of relations if it is estimated, as the number of pairs of entity types; at least 1."""


class ETypePlus(FeatureMethod):
    """Learn a relation for each pair of entity types by predicting the entities themselves.

    Args:
        encoder: Not run; part of the interface of methods.
        n_relations: Number of relations K, or ``"auto"`` for the number of pairs of types.
        seed: Random seed of first weights, batches and negatives.

    The other parameters are the fields of :class:`ETypePlusSettings`.
    """

    NAME: ClassVar[str] = "etype-plus"
    CITATION: ClassVar[str] = _CITATION
    SETTINGS: ClassVar[type[ETypePlusSettings]] = ETypePlusSettings

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        skewness_weight: float = ETypePlusSettings.skewness_weight,
        dispersion_weight: float = ETypePlusSettings.dispersion_weight,
        width: int = ETypePlusSettings.width,
        negatives: int = ETypePlusSettings.negatives,
        steps: int = ETypePlusSettings.steps,
        batch: int = ETypePlusSettings.batch,
        learning_rate: float = ETypePlusSettings.learning_rate,
        n_init: int = ETypePlusSettings.n_init,
        annotate: bool = ETypePlusSettings.annotate,
        max_relations: int = ETypePlusSettings.max_relations,
    ) -> None:
        self._store(locals())

    def learn(
        self, instances: Sequence[RelationInstance], n_relations: NRelations, progress: Progress
    ) -> None:
        """Train the classifier of types; see :meth:`FeatureMethod.learn`."""
        from relscout.training.link_predictor import EntityPairs

        n_pairs = len({instance.type_pair for instance in instances})
        check_distinguished(n_relations, n_pairs, len(instances), _FEATURES)
        options: ETypePlusSettings = self._settings
        number = min(n_pairs, options.max_relations) if n_relations == "auto" else n_relations
        self._types = tuple(
            sorted({str(kind) for instance in instances if (kind := instance.type_pair[side]) is not None})
            for side in (0, 1)
        )
        columns = self._columns(instances)
        pairs = EntityPairs.of(instances)
        trainings = []
        for start in range(options.n_init):
            progress("train", start, options.n_init)
            random = generator(self.seed, f"etype-plus {start}")
            trainings.append(_trained(columns, pairs, number, settings=options, random=random))
        best = min(trainings, key=lambda training: training[1]["total"])
        self._weights, self.report_["losses"] = best

    def shares(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        """Return P(r | types) (N, K), float32: a softmax layer on the two types."""
        head, tail = self._columns(instances).T
        logits = (self._weights[head] + self._weights[tail] + self._weights[-1]).astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the known types, and the weights of the classifier."""
        return {**self.fitted_features(), "types": list(self._types)}, {"weights": self._weights}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._types = tuple(list(map(str, kinds)) for kinds in values["types"])
        self._weights = arrays["weights"]
        self.restore_features(values)

    def _columns(self, instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
        """Return the rows of the weights for the types of head and tail (N, 2), int64.

        The weights are those of the head's types, of an unknown head's type, of the tail's types, of an unknown tail's
        type, and the bias.
        """
        heads = {kind: column for column, kind in enumerate(self._types[0])}
        shift = len(heads) + 1
        tails = {kind: shift + column for column, kind in enumerate(self._types[1])}
        none = shift + len(tails)
        return np.array(
            [
                (heads.get(head or "", len(heads)), tails.get(tail or "", none))
                for head, tail in (instance.type_pair for instance in instances)
            ],
            dtype=np.int64,
        )


#: Number of last steps over which the losses of a training are averaged.
_AVERAGED = 100


def _trained(
    columns: NDArray[np.int64],
    pairs: EntityPairs,
    n_relations: int,
    *,
    settings: ETypePlusSettings,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Return the weights of a training (rows of :meth:`ETypePlus._columns`, K), float32, and its last losses.

    L = L_LP + α L_S + β L_D, minimised by Adam.
    """
    import torch

    from relscout.training.link_predictor import LinkPredictor

    predictor = LinkPredictor(
        pairs.n_entities, n_relations, dimension=settings.width, seed=int(random.integers(2**31))
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(random.integers(2**62)))
        weights = torch.nn.Parameter(torch.randn(int(columns.max()) + 2, n_relations))
    optimizer = torch.optim.Adam([weights, *predictor.parameters()], lr=settings.learning_rate)
    of_types, heads, tails = (torch.from_numpy(array) for array in (columns, pairs.heads, pairs.tails))
    size = min(settings.batch, len(columns))
    last: list[dict[str, float]] = []
    for step in range(settings.steps):
        rows = random.choice(len(columns), size, replace=False)
        negatives = torch.from_numpy(pairs.negatives(size, settings.negatives, random))
        logits = weights[of_types[rows]].sum(dim=1) + weights[-1]  # (B, K)
        losses = {
            "link_prediction": predictor.loss(logits.softmax(dim=1), heads[rows], tails[rows], negatives),
            "skewness": skewness(logits),
            "dispersion": dispersion(logits),
        }
        losses["total"] = (
            losses["link_prediction"]
            + settings.skewness_weight * losses["skewness"]
            + settings.dispersion_weight * losses["dispersion"]
        )
        optimizer.zero_grad()
        losses["total"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step >= settings.steps - _AVERAGED:
            last.append({name: float(loss.detach()) for name, loss in losses.items()})
    means = {name: round(sum(entry[name] for entry in last) / len(last), 6) for name in last[0]}
    return weights.detach().numpy().copy(), means
