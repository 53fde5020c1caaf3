"""The probability that a sentence expresses a relation between two of its entities.

Small networks over the encoder's vectors and the pair's features (:mod:`relscout.text.pair_features`), and boosted
trees over the features alone, are averaged on the logit scale and calibrated. A pair also sees the pairs of its
sentence with which it shares an entity: of two that compete, usually one is expressed. Everything is evaluated with
NumPy from arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

#: Pairs that pass through the trees at once.
_ROWS = 4096


def in_text_order_of(
    instances: Sequence[RelationInstance], vectors: NDArray[np.float32], parts: Sequence[tuple[int, bool]]
) -> NDArray[np.float32]:
    """Return vectors (N, D) in which the entity that the text names first stands first.

    Args:
        instances: The pairs.
        vectors: Their vectors, head before tail.
        parts: Width of each part, and whether it is a head half and a tail half.
    """
    turned = np.array([in_text_order(one)[0] is not one.head for one in instances], dtype=bool)
    if not turned.any():
        return vectors
    places, begin = np.arange(vectors.shape[1]), 0
    for width, two_sided in parts:
        if two_sided:
            places[begin : begin + width] = np.roll(places[begin : begin + width], width // 2)
        begin += width
    found = vectors.copy()
    found[turned] = vectors[turned][:, places]
    return found


def entity_numbers(instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
    """Return the numbers (N, 2) of the first and the second entity of each pair; no two sentences share any."""
    found = np.zeros((len(instances), 2), dtype=np.int64)
    count = 0
    for places in sentence_groups(instances):
        known: dict[tuple[int, int], int] = {}
        for place in places:
            for side, mention in enumerate(in_text_order(instances[place])):
                span = mention.start, mention.end
                found[place, side] = known.setdefault(span, count + len(known))
        count += len(known)
    return found


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
    around = np.maximum.reduceat(
        hidden[order % len(hidden)], begins
    )  # (entities, H): the strongest of its pairs
    number = np.zeros(int(spread.max()) + 1, dtype=np.int64)
    number[spread[order][begins]] = np.arange(len(begins))
    joined = np.hstack([hidden, around[number[nodes[:, 0]]], around[number[nodes[:, 1]]]])
    top = _layer(network, "second", joined)
    logits: NDArray[np.float32] = (top @ network["out.weight"] + network["out.bias"])[:, 0]
    return logits


def tree_sums(trees: Mapping[str, NDArray[Any]], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums (N,) of the trees' leaves.

    Args:
        trees: ``feature``, ``threshold``, ``left``, ``right``, ``value``, each (trees, nodes).
        features: (N, F).
    """
    n_trees = len(trees["feature"])
    every = np.arange(n_trees)
    found = np.zeros(len(features))
    for begin in range(0, len(features), _ROWS):
        rows = features[begin : begin + _ROWS]
        at = np.zeros((len(rows), n_trees), dtype=np.int64)
        while True:
            asked = np.take_along_axis(rows, trees["feature"][every, at].astype(np.int64), axis=1)
            low = asked <= trees["threshold"][every, at]
            onward = np.where(low, trees["left"][every, at], trees["right"][every, at])
            if (onward == at).all():
                break
            at = onward.astype(np.int64)
        found[begin : begin + _ROWS] = trees["value"][every, at].sum(axis=1, dtype=np.float64)
    return found


def _layer(
    network: Mapping[str, NDArray[np.float32]], name: str, inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.maximum(inputs @ network[f"{name}.weight"] + network[f"{name}.bias"], 0)
    return found


_KIND = "relatedness"
_BUNDLED = Path(__file__).parent.parent / "data" / "relatedness" / "model"
_LAYERS = ("project", "first", "second", "out")
_TREES = ("feature", "threshold", "left", "right", "value")
#: How strongly re-calibration is held to what the model says: the weight of one judged example is 1.
_PRIOR_SLOPE, _PRIOR_SHIFT = 4.0, 0.5
#: What float32 may take off a precision.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Relatedness:
    """A trained relatedness model.

    Args:
        encoder: Plain settings of the encoder whose vectors it reads: ``EncoderSettings(**encoder)``.
        parts: Width of each part of such a vector, and whether it is a head half and a tail half.
        networks: Weights of each network: ``project`` (vector to few dimensions), ``first`` (with the features),
            ``second`` (with the neighbours), ``out``; each a ``weight`` (inputs, outputs) and a ``bias`` (outputs,).
        trees: Boosted trees: ``feature``, ``threshold``, ``left``, ``right``, ``value``, each (trees, nodes); a leaf
            leads to itself.
        tree_share: Share of the trees in the mean logit, 0 to 1.
        base: What is added to the sum of the trees.
        calibration: Slope and shift of the logit with syntax, and the same without.
        scale: Factor of the vectors.
        judged: Slope and shift that judged examples gave; (1, 0) where there were none.
        card: What is known of the model, such as its calibration error; JSON values only.
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
        """Load a model: the one that comes with relscout by default.

        Raises:
            ArtifactError: The folder is missing or damaged, or its model was made by another version of relscout.
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
            raise ArtifactError(f"{place} is no whole relatedness model ({error}); save it again") from error

    def save(self, folder: Path) -> None:
        """Write the model to a folder of safetensors and JSON, which appears whole or not at all.

        Raises:
            OutputError: The folder holds other files or cannot be written.
        """
        save_artifact(folder, Artifact(_KIND, self._settings, self._tensors))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that decides a probability."""
        found = blake2b(repr(sorted(self._settings.items())).encode(), digest_size=16)
        for name, array in sorted(self._tensors.items()):
            found.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector that it reads."""
        return sum(width for width, _ in self.parts)

    def probabilities(
        self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return for each pair the probability that its sentence expresses a relation between the two.

        Whole sentences, and where there are any whole documents, should be given at once: a pair is judged in view of
        the other pairs of its sentence. Which entity is the head makes no difference, nor does the order of the pairs.

        Args:
            instances: The pairs, with a parse where there is one.
            vectors: Their vectors (N, :attr:`dimension`), as the encoder of :attr:`encoder` gives them.

        Returns:
            (N,), float32, between 0 and 1.

        Raises:
            InputError: The vectors do not go with the instances or the model.
        """
        logits = self._logits(instances, vectors)
        slope, shift = self.judged
        return _sigmoid(slope * logits + shift).astype(np.float32)

    def recalibrated(
        self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32], judged: Sequence[bool]
    ) -> Self:
        """Return the model with its calibration moved by judged pairs; a handful is enough to move it a little.

        Slope and shift of the logit are fitted anew (Platt scaling) and held to what they are by a penalty that some
        few examples outweigh. The order of probabilities stays.

        Args:
            instances: The pairs that were judged, with the other pairs of their sentences left out.
            vectors: Their vectors, as in :meth:`probabilities`.
            judged: For each, whether its sentence expresses a relation between the two.

        Raises:
            InputError: There are not as many judgements as pairs.
        """
        if len(judged) != len(instances):
            raise InputError(f"{len(judged)} judgements for {len(instances)} pairs; give one for each")
        if not len(instances):
            return self
        return replace(self, judged=refitted(self._logits(instances, vectors), judged))

    def logits(
        self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the mean logit of the networks (N,), the logit of the trees (N,), and which pairs have syntax (N,).

        Raises:
            InputError: The vectors do not go with the instances or the model.
        """
        if vectors.shape != (len(instances), self.dimension):
            raise InputError(
                f"the vectors have shape {vectors.shape}, expected ({len(instances)}, {self.dimension}): encode the "
                "pairs with the encoder that the relatedness model names"
            )
        features = pair_features(instances)
        ordered = in_text_order_of(instances, vectors, self.parts) * np.float32(self.scale)
        nodes = entity_numbers(instances)
        of_networks = np.zeros(len(instances))
        for network in self.networks:
            of_networks += network_logits(network, ordered, features, nodes) / len(self.networks)
        of_trees = self.base + tree_sums(self.trees, features)
        has_syntax = np.array([instance.parse is not None for instance in instances], dtype=bool)
        return of_networks, of_trees, has_syntax

    def _logits(
        self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        of_networks, of_trees, has_syntax = self.logits(instances, vectors)
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
        found: dict[str, NDArray[Any]] = {f"trees.{name}": self.trees[name] for name in _TREES}
        for number, network in enumerate(self.networks):
            found |= {f"network{number}.{name}": array.astype(np.float16) for name, array in network.items()}
        return found


def threshold_for(probabilities: NDArray[np.float32], precision: float) -> float:
    """Return the lowest threshold at which the mean probability of what is kept reaches a precision.

    Where the probabilities are calibrated, that share of the kept pairs (those with a probability of at least the
    threshold) is expected to be right.

    Args:
        probabilities: (N,), of the pairs at hand.
        precision: Expected share of right pairs among those kept, 0 to 1.

    Returns:
        0 where all may be kept; just above the highest probability, so that none is kept, where even the surest pairs
        do not reach the precision; 1 where there are no pairs.
    """
    if not len(probabilities):
        return 1.0
    falling = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    means = np.cumsum(falling) / np.arange(1, len(falling) + 1)
    # of equal probabilities all are kept or none
    last_of_its_kind = np.append(falling[1:] < falling[:-1], True)
    enough = np.flatnonzero(last_of_its_kind & (means >= precision - _ROUNDING))
    if not len(enough):
        return float(np.nextafter(np.float32(falling[0]), np.float32(2)))
    return 0.0 if enough[-1] == len(falling) - 1 else float(falling[enough[-1]])


def refitted(logits: NDArray[np.float64], judged: Sequence[bool]) -> tuple[float, float]:
    """Return the slope and the shift that judged examples give, starting from 1 and 0.

    Args:
        logits: (N,), calibrated.
        judged: (N,).
    """
    from scipy.optimize import minimize

    signs = np.where(np.asarray(judged, dtype=bool), 1.0, -1.0)

    def loss(at: NDArray[np.float64]) -> float:
        slope, shift = float(np.exp(at[0])), float(at[1])
        fit = float(np.logaddexp(0, -signs * (slope * logits + shift)).sum())
        return fit + _PRIOR_SLOPE * float(at[0] ** 2) + _PRIOR_SHIFT * float(at[1] ** 2)

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-2, 2), (-10, 10)]).x
    return float(np.exp(found[0])), float(found[1])


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))))
