"""The probability that a sentence expresses a relation between two of its entities.

Small networks over the encoder's vectors and the features of a pair (:mod:`relscout.text.pair_features`) and boosted
trees over the features alone are averaged on the logit scale and calibrated. The networks also see the other pairs of
the sentence that share an entity: of competing pairs, usually one is expressed. Inference uses NumPy only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputError
from relscout.core.files import Artifact, load_artifact, save_artifact
from relscout.core.instances import RelationInstance
from relscout.text.pair_features import PAIR_FEATURES, in_text_order, pair_features, sentence_groups

#: Number of pairs in a batch for the trees.
_ROWS = 4096


def in_text_order_of(
    instances: Sequence[RelationInstance], vectors: NDArray[np.float32], parts: Sequence[tuple[int, bool]]
) -> NDArray[np.float32]:
    """Return vectors (N, D) with the half of the first entity of the text first.

    Args:
        instances: The pairs.
        vectors: Their vectors, head before tail.
        parts: Width of each part, and whether it has a head half and a tail half.
    """
    turned = np.array([in_text_order(instance)[0] is not instance.head for instance in instances], bool)
    if not turned.any():
        return vectors
    places, begin = np.arange(vectors.shape[1]), 0
    for width, two_sided in parts:
        if two_sided:
            places[begin : begin + width] = np.roll(places[begin : begin + width], width // 2)
        begin += width
    ordered = vectors.copy()
    ordered[turned] = vectors[turned][:, places]
    return ordered


def entity_numbers(instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
    """Return the numbers of both entities of each pair (N, 2); entities of different sentences differ."""
    numbers = np.zeros((len(instances), 2), dtype=np.int64)
    count = 0
    for places in sentence_groups(instances):
        known: dict[tuple[int, int], int] = {}
        for place in places:
            for side, mention in enumerate(in_text_order(instances[place])):
                span = mention.start, mention.end
                numbers[place, side] = known.setdefault(span, count + len(known))
        count += len(known)
    return numbers


def network_logits(
    network: Mapping[str, NDArray[np.float32]],
    vectors: NDArray[np.float32],
    features: NDArray[np.float32],
    nodes: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the logits (N,) of one network.

    Args:
        network: Its weights.
        vectors: (N, D), scaled, in the order of the text.
        features: (N, F).
        nodes: (N, 2), numbers of the entities of each pair.
    """
    if not len(vectors):
        return np.zeros(0, dtype=np.float32)
    projected = _layer(network, "project", vectors)
    hidden = _layer(network, "first", np.hstack([projected, features]))  # (N, H)
    spread = np.concatenate([nodes[:, 0], nodes[:, 1]])
    order = np.argsort(spread, kind="stable")
    begins = np.flatnonzero(np.diff(spread[order], prepend=-1))
    around = np.maximum.reduceat(hidden[order % len(hidden)], begins)  # (entities, H): maximum over its pairs
    number = np.zeros(int(spread.max()) + 1, dtype=np.int64)
    number[spread[order][begins]] = np.arange(len(begins))
    joined = np.hstack([hidden, around[number[nodes[:, 0]]], around[number[nodes[:, 1]]]])
    top = _layer(network, "second", joined)
    logits: NDArray[np.float32] = (top @ network["out.weight"] + network["out.bias"])[:, 0]
    return logits


def tree_sums(trees: Mapping[str, NDArray[Any]], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums of the leaf values of all trees (N,).

    Args:
        trees: ``feature``, ``threshold``, ``left``, ``right``, ``value``, each (trees, nodes).
        features: (N, F).
    """
    n_trees = len(trees["feature"])
    every = np.arange(n_trees)
    sums = np.zeros(len(features))
    for begin in range(0, len(features), _ROWS):
        rows = features[begin : begin + _ROWS]
        at = np.zeros((len(rows), n_trees), dtype=np.int64)
        while True:
            values = np.take_along_axis(rows, trees["feature"][every, at].astype(np.int64), axis=1)
            low = values <= trees["threshold"][every, at]
            onward = np.where(low, trees["left"][every, at], trees["right"][every, at])
            if (onward == at).all():
                break
            at = onward.astype(np.int64)
        sums[begin : begin + _ROWS] = trees["value"][every, at].sum(axis=1, dtype=np.float64)
    return sums


def _layer(
    network: Mapping[str, NDArray[np.float32]], name: str, inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    outputs: NDArray[np.float32] = np.maximum(inputs @ network[f"{name}.weight"] + network[f"{name}.bias"], 0)
    return outputs


_KIND = "relatedness"
_BUNDLED = Path(__file__).parent.parent / "data" / "relatedness" / "model"
_LAYERS = ("project", "first", "second", "out")
_TREES = ("feature", "threshold", "left", "right", "value")
#: Penalties that keep the recalibration near the model; a labelled example has weight 1.
_PRIOR_SLOPE, _PRIOR_SHIFT = 4.0, 0.5
#: Tolerance for float32 rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Relatedness:
    """A trained relatedness model.

    Args:
        encoder: Settings of its encoder: ``EncoderSettings(**encoder)``.
        parts: Width of each part of a vector, and whether it has a head half and a tail half.
        networks: Weights of each network: ``project`` (vector to few dimensions), ``first`` (with the features),
            ``second`` (with the neighbours), ``out``; each a ``weight`` (inputs, outputs) and a ``bias`` (outputs,).
        trees: Boosted trees: ``feature``, ``threshold``, ``left``, ``right``, ``value``, each (trees, nodes); the
            children of a leaf are the leaf itself.
        tree_share: Weight of the trees in the mean logit, 0 to 1.
        base: Constant added to the sum of the trees.
        calibration: Slope and shift of the logit with syntax, and without.
        scale: Factor of the vectors.
        judged: Slope and shift from labelled examples; (1, 0) without any.
        card: Facts about the model, such as its calibration error; JSON values.
    """

    encoder: Mapping[str, Any]
    parts: tuple[tuple[int, bool], ...]
    networks: tuple[Mapping[str, NDArray[np.float32]], ...]
    trees: Mapping[str, NDArray[Any]]
    tree_share: float
    base: float
    calibration: tuple[tuple[float, float], tuple[float, float]]
    scale: float = 20.0
    judged: tuple[float, float] = (1.0, 0.0)
    card: Mapping[str, Any] | None = None

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Load a model, by default the bundled one.

        Raises:
            ArtifactError: The folder is missing, damaged, or of another version of relscout.
        """
        place = folder or _BUNDLED
        artifact = load_artifact(place)
        if artifact.kind != _KIND:
            raise ArtifactError(
                f"{place} holds a saved {artifact.kind!r}, expected {_KIND!r}; give the folder of a relatedness model"
            )
        settings, tensors = artifact.settings, artifact.tensors
        try:
            if tuple(settings["features"]) != PAIR_FEATURES:
                raise ArtifactError(
                    f"{place} was trained on other features than this relscout computes; "
                    "train it again (make train-relatedness) or update relscout"
                )
            networks = tuple(
                {
                    f"{layer}.{what}": tensors[f"network{number}.{layer}.{what}"].astype(np.float32)
                    for layer in _LAYERS
                    for what in ("weight", "bias")
                }
                for number in range(int(settings["networks"]))
            )
            with_syntax, without = ((float(slope), float(shift)) for slope, shift in settings["calibration"])
            slope, shift = settings["judged"]
            return cls(
                encoder=dict(settings["encoder"]),
                parts=tuple((int(width), bool(sides)) for width, sides in settings["parts"]),
                networks=networks,
                trees={name: tensors[f"trees.{name}"] for name in _TREES},
                tree_share=float(settings["tree_share"]),
                base=float(settings["base"]),
                calibration=(with_syntax, without),
                scale=float(settings["scale"]),
                judged=(float(slope), float(shift)),
                card=settings["card"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"{place} is not a complete relatedness model ({error}); save it again"
            ) from error

    def save(self, folder: Path) -> None:
        """Write the model to a folder of safetensors and JSON, completely or not at all.

        Raises:
            OutputError: The folder holds other files or cannot be written.
        """
        save_artifact(folder, Artifact(_KIND, self._settings, self._tensors))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that determines a probability."""
        digest = blake2b(repr(sorted(self._settings.items())).encode(), digest_size=16)
        for name, array in sorted(self._tensors.items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def dimension(self) -> int:
        """Number of dimensions of its vectors."""
        return sum(width for width, _ in self.parts)

    def probabilities(
        self,
        instances: Sequence[RelationInstance],
        vectors: NDArray[np.float32],
        *,
        sets: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability that the sentence of each pair expresses a relation between its entities.

        Pass all pairs of a sentence at once, and all sentences of a document if there are any: the other pairs matter.
        Neither the direction nor the order of the pairs does.

        Args:
            instances: The pairs, with a parse if available.
            vectors: Their vectors (N, :attr:`dimension`) from the encoder of :attr:`encoder`.
            sets: Number of the set of each pair (N,), int64, such as that of a request: pairs of other sets do not
                matter, even those of a document with the same name. By default, all are one set.

        Returns:
            (N,), float32, between 0 and 1.

        Raises:
            InputError: The shape of the vectors does not match the instances or the model.
        """
        from scipy.special import expit

        logits = self._logits(instances, vectors, sets)
        slope, shift = self.judged
        return np.asarray(expit(slope * logits + shift), dtype=np.float32)

    def recalibrated(
        self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32], judged: Sequence[bool]
    ) -> Self:
        """Return the model recalibrated on labelled pairs; a handful changes it a little.

        Slope and shift of the logit are refitted (Platt scaling) with a penalty that a few examples outweigh. The order
        of the probabilities stays the same.

        Args:
            instances: The labelled pairs.
            vectors: Their vectors, as in :meth:`probabilities`.
            judged: Whether the sentence of each pair expresses a relation between its entities.

        Raises:
            InputError: The numbers of labels and pairs differ.
        """
        if len(judged) != len(instances):
            raise InputError(f"{len(judged)} judgements for {len(instances)} pairs; give one for each")
        if not len(instances):
            return self
        return replace(self, judged=refitted(self._logits(instances, vectors), judged))

    def logits(
        self,
        instances: Sequence[RelationInstance],
        vectors: NDArray[np.float32],
        *,
        sets: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the mean logit of the networks (N,), the logit of the trees (N,), and which pairs have syntax (N,).

        For the arguments, see :meth:`probabilities`.

        Raises:
            InputError: The shape of the vectors does not match the instances or the model.
        """
        if vectors.shape != (len(instances), self.dimension):
            raise InputError(
                f"the vectors have shape {vectors.shape}, expected ({len(instances)}, {self.dimension}): encode the "
                "pairs with the encoder that the relatedness model names"
            )
        features = np.zeros((len(instances), len(PAIR_FEATURES)), dtype=np.float32)
        nodes = np.zeros((len(instances), 2), dtype=np.int64)
        n_nodes = 0
        for places in _places_of(sets, len(instances)):
            some = [instances[place] for place in places]
            features[places] = pair_features(some)
            nodes[places] = entity_numbers(some) + n_nodes
            n_nodes = int(nodes[places].max()) + 1
        ordered = in_text_order_of(instances, vectors, self.parts) * np.float32(self.scale)
        of_networks = np.zeros(len(instances))
        for network in self.networks:
            of_networks += network_logits(network, ordered, features, nodes) / len(self.networks)
        of_trees = self.base + tree_sums(self.trees, features)
        has_syntax = np.array([instance.parse is not None for instance in instances], dtype=bool)
        return of_networks, of_trees, has_syntax

    def _logits(
        self,
        instances: Sequence[RelationInstance],
        vectors: NDArray[np.float32],
        sets: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        of_networks, of_trees, has_syntax = self.logits(instances, vectors, sets=sets)
        mixed = (1 - self.tree_share) * of_networks + self.tree_share * of_trees
        (slope, shift), (bare_slope, bare_shift) = self.calibration
        return np.where(has_syntax, slope * mixed + shift, bare_slope * mixed + bare_shift)

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "encoder": dict(self.encoder),
            "parts": [list(part) for part in self.parts],
            "networks": len(self.networks),
            "tree_share": self.tree_share,
            "base": self.base,
            "calibration": [list(both) for both in self.calibration],
            "scale": self.scale,
            "judged": list(self.judged),
            "card": self.card,
            "features": list(PAIR_FEATURES),
        }

    @property
    def _tensors(self) -> dict[str, NDArray[Any]]:
        tensors: dict[str, NDArray[Any]] = {f"trees.{name}": self.trees[name] for name in _TREES}
        for number, network in enumerate(self.networks):
            tensors |= {
                f"network{number}.{name}": array.astype(np.float16) for name, array in network.items()
            }
        return tensors


def threshold_for(probabilities: NDArray[np.float32], precision: float) -> float:
    """Return the lowest threshold at which the mean probability of the kept pairs reaches a precision.

    With calibrated probabilities, this is the expected share of right pairs among those at or above the threshold.

    Args:
        probabilities: Probabilities of the pairs (N,).
        precision: Expected share of right pairs, 0 to 1.

    Returns:
        0 if all pairs can be kept; just above the highest probability, which keeps none, if the precision is out of
        reach; 1 without pairs.
    """
    if not len(probabilities):
        return 1.0
    falling = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    means = np.cumsum(falling) / np.arange(1, len(falling) + 1)
    # pairs with equal probabilities are kept together
    last_of_its_kind = np.append(falling[1:] < falling[:-1], True)
    enough = np.flatnonzero(last_of_its_kind & (means >= precision - _ROUNDING))
    if not len(enough):
        return float(np.nextafter(np.float32(falling[0]), np.float32(2)))
    return 0.0 if enough[-1] == len(falling) - 1 else float(falling[enough[-1]])


def refitted(logits: NDArray[np.float64], judged: Sequence[bool]) -> tuple[float, float]:
    """Return slope and shift of the calibrated logits (N,) for labelled examples (N,), near 1 and 0."""
    from scipy.optimize import minimize

    signs = np.where(np.asarray(judged, dtype=bool), 1.0, -1.0)

    def loss(at: NDArray[np.float64]) -> float:
        slope, shift = float(np.exp(at[0])), float(at[1])
        fit = float(np.logaddexp(0, -signs * (slope * logits + shift)).sum())
        return fit + _PRIOR_SLOPE * float(at[0] ** 2) + _PRIOR_SHIFT * float(at[1] ** 2)

    fitted = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-2, 2), (-10, 10)]).x
    return float(np.exp(fitted[0])), float(fitted[1])


def _places_of(sets: NDArray[np.int64] | None, count: int) -> Iterator[list[int]]:
    """Yield the positions of the members of each set that has any."""
    if sets is None:
        if count:
            yield list(range(count))
        return
    for number in np.unique(sets):
        yield np.flatnonzero(sets == number).tolist()
