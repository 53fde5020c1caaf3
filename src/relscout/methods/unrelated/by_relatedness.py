"""Detection of unrelated pairs with the relatedness model, for text in which every pair of entities is a candidate."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.files import Artifact, load_artifact, save_artifact
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress
from relscout.core.settings import from_mapping
from relscout.encoders import Encoder, EncoderSettings, TransformerEncoder, cache_of, underlying
from relscout.encoders.pooling import parse_pooling
from relscout.methods.unrelated.detector import Share
from relscout.methods.vectors import scattered
from relscout.text.pair_features import in_connected_text
from relscout.text.relatedness import Relatedness, threshold_for
from relscout.training.stored import below

#: Smallest number of pairs above the common threshold for which a relation gets a threshold of its own.
_LEAST_FOR_OWN = 10
#: Lowest threshold of a relation, as a share of the common one.
_LOWEST_OWN = 0.6
_EPSILON = 1e-6
_PRIOR_STEPS = 100
#: Slope and shift that turn the log odds that a sentence expresses a relation, according to the evidence noted by
#: annotators, into the log odds that a pair in one sentence is related at all. Most relations of Re-DocRED have no
#: noted evidence, so the former counts many correct facts as wrong. Fitted to out-of-fold predictions for its ``dev``.
_HOLDS = (1.05, 1.32)
_HALF = 0.5
#: The same for single sentences, where facts that were read by hand were related more often than expected without it.
_SENTENCES_HOLD = (1.0, 0.4)
#: Number of judgements that the model as it is weighs as much as, in a recalibration by a review. A reader who answers
#: thirty questions moves it by a quarter of the way.
_PRIOR_JUDGEMENTS = 100.0
#: Least slope of a recalibration.
_LEAST_SLOPE = 0.1
#: Log odds by which a threshold is lowered, more than the rounding of float32, so that the pair at it is kept.
_SLACK = 1e-5
#: Share of related pairs in the training data of a model whose card does not have it.
_BASE_RATE = 0.13


def is_connected(instances: Sequence[RelationInstance]) -> bool:
    """Return whether at least half of the pairs are from connected text, as opposed to a list of sentences."""
    return bool(instances) and float(in_connected_text(instances).mean()) >= _HALF


class RelatednessDetector:
    """Rejects pairs below a threshold of a :class:`relscout.text.relatedness.Relatedness`.

    Args:
        model: The relatedness model.
        thresholds: Lowest probability of a related pair: (1,) for all relations, or (K,), one for each.
        share: Share of the corpus that is unrelated.
        precision: Expected share of related pairs among the kept ones, if the threshold is set by one.
        connected: Whether the corpus is connected text, see :func:`is_connected`. A precision corresponds to other
            probabilities there than in a list of sentences.
    """

    def __init__(
        self,
        model: Relatedness,
        *,
        thresholds: NDArray[np.float64] | None = None,
        share: float = 0.0,
        precision: float | None = None,
        connected: bool = True,
    ) -> None:
        self.model = model
        self.thresholds = np.array([0.5]) if thresholds is None else thresholds
        self.share = share
        self.precision = precision
        self.connected = connected
        # shared with the detectors that `expecting` returns
        self._own_encoders: list[TransformerEncoder] = []

    @classmethod
    def bundled(cls, *, precision: float | None = None) -> Self:
        """Return a detector for connected text with the bundled relatedness model; for ``precision``, see the class.

        Raises:
            ArtifactError: The model is missing or damaged.
            SettingError: The precision is invalid.
        """
        checked = None if precision is None else checked_precision(precision)
        return cls(Relatedness.load(), precision=checked)

    def expecting(self, precision: float, *, connected: bool) -> Self:
        """Return a detector for other text with the same model and encoder, which are not loaded again.

        Raises:
            SettingError: The precision is invalid.
        """
        other = copy.copy(self)
        other.precision, other.connected = checked_precision(precision), connected
        return other

    def probabilities(
        self,
        instances: Sequence[RelationInstance],
        *,
        encoder: Encoder,
        progress: Progress,
        sets: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability (N,), float32, that each sentence expresses a relation between its pair.

        Args:
            instances: The pairs.
            encoder: The method's encoder, which is used if the relatedness model needs the same vectors.
            progress: Progress callback.
            sets: Number of the set of each pair (N,), int64: pairs of other sets do not matter. By default, all are
                one set.
        """
        order = canonical_order(instances)
        ordered = [instances[place] for place in order]
        vectors = self.vectors(ordered, encoder=encoder, progress=progress)
        in_order = None if sets is None else sets[order]
        return scattered(self.model.probabilities(ordered, vectors, sets=in_order)[:, None], order)[:, 0]

    def vectors(
        self, instances: Sequence[RelationInstance], *, encoder: Encoder, progress: Progress
    ) -> NDArray[np.float32]:
        """Return the vectors (N, D), float32, that the relatedness model reads; see :meth:`probabilities`."""
        reader = self._encoder(encoder)
        vectors = reader.encode(instances, progress=progress)
        width = sum(part.width(reader.hidden_size) for part in parse_pooling(self._settings.pooling))
        of_text = vectors[:, :width]
        # vectors that hold entity types as well are not whitened, those that the model was trained on are
        if reader.whitening is None and (whitening := self._own.whitening) is not None:
            return whitening(of_text)
        return of_text

    def set_threshold(self, probabilities: NDArray[np.float32], wanted: Share | None) -> None:
        """Set the common threshold from the probabilities of the corpus.

        Args:
            probabilities: Probabilities of all pairs (N,).
            wanted: Share of the corpus that is unrelated. ``"auto"`` estimates it: expectation maximisation adjusts the
                probabilities to the share of related pairs in the corpus (Saerens, Latinne, Decaestecker: "Adjusting
                the Outputs of a Classifier to New a Priori Probabilities", Neural Computation 2002), and pairs below
                one half are rejected. ``None`` uses the expected precision.
        """
        if wanted is None:
            line = 0.5 if self.precision is None else self._line(probabilities, self.precision)
        elif wanted == "auto":
            line = _adjusted_threshold(
                probabilities, float((self.model.card or {}).get("base_rate", _BASE_RATE))
            )
        else:
            left_out = round(float(wanted) * len(probabilities))
            in_order = np.sort(probabilities.astype(np.float64))
            line = 0.0 if not left_out else float(in_order[left_out - 1 : left_out + 1].mean())
        self.thresholds = np.array([line])
        self.share = float((probabilities < line).mean())

    def set_own_thresholds(
        self, probabilities: NDArray[np.float32], relations: NDArray[np.int64], n_relations: int
    ) -> None:
        """Set a threshold for each relation, at which its own pairs reach the expected precision.

        It is lower than the common threshold for a relation whose pairs are mostly related, and higher for a relation
        whose pairs are mostly unrelated.

        Args:
            probabilities: Probabilities of all pairs (N,).
            relations: The most probable relation of each pair (N,), related or not.
            n_relations: Number of relations K.
        """
        if self.precision is None:
            return
        common = float(self.thresholds[0])
        own = np.full(n_relations, common)
        for relation in range(n_relations):
            members = probabilities[relations == relation]
            if (members >= common).sum() >= _LEAST_FOR_OWN:
                own[relation] = max(self._line(members, self.precision), _LOWEST_OWN * common)
        self.thresholds = own
        self.share = float((probabilities < own[relations]).mean())

    def judged_line(
        self, odds: NDArray[np.float64], related: Sequence[bool], *, corpus: NDArray[np.float64]
    ) -> tuple[float, float]:
        """Return slope and shift of the log odds for judged pairs, near 1 and 0 for a few.

        Platt scaling (Platt: "Probabilistic Outputs for Support Vector Machines", 1999). The prior is that the model is
        right, with the weight of 100 judgements of pairs that are drawn by their probabilities. People judge whether
        the pair is related at all, so the log odds are compared as those of the thresholds.

        Args:
            odds: Log odds of the judged pairs (J,), before any recalibration.
            related: Whether each is related (J).
            corpus: Log odds of all pairs of the corpus (N,), before any recalibration.
        """
        from sklearn.linear_model import LogisticRegression

        slope, shift = self._holds
        # pairs with about the same log odds together: as exact as a few judgements can need
        places, counts = np.unique(np.round(slope * corpus + shift, 1), return_counts=True)
        expected = _logistic(places)
        weights = counts * expected
        weights *= _PRIOR_JUDGEMENTS / weights.sum()
        points = np.concatenate([places, places, slope * odds + shift])
        labels = np.concatenate(
            [np.ones(len(places)), np.zeros(len(places)), np.asarray(related, dtype=np.float64)]
        )
        learner = LogisticRegression(C=np.inf).fit(
            points[:, None],
            labels,
            sample_weight=np.concatenate([weights * expected, weights * (1 - expected), np.ones(len(odds))]),
        )
        # a negative slope would turn the order of the pairs
        own_slope = max(float(learner.coef_[0, 0]), _LEAST_SLOPE)
        return own_slope, ((own_slope - 1) * shift + float(learner.intercept_[0])) / slope

    def rescaled(
        self, slope: float, shift: float, *, probabilities: NDArray[np.float32], wanted: Share | None
    ) -> Self:
        """Return the detector with other log odds, and thresholds that keep what it is to keep by the new ones.

        The common threshold is set again. Thresholds of relations keep their distances from it, in the old log odds.

        Args:
            slope: Factor of the log odds.
            shift: What is added to them.
            probabilities: Probabilities of all pairs of the corpus (N,), as of this detector.
            wanted: As for :meth:`set_threshold`.
        """
        before, after = copy.copy(self), copy.copy(self)
        model_slope, model_shift = self.model.judged
        after.model = replace(self.model, judged=(slope * model_slope, slope * model_shift + shift))
        before.set_threshold(probabilities, wanted)
        after.set_threshold(rescaled(probabilities, slope, shift), wanted)
        moved = log_odds(after.thresholds) - (slope * log_odds(before.thresholds) + shift)
        after.thresholds = _logistic(slope * log_odds(self.thresholds) + shift + moved - _SLACK)
        return after

    @property
    def _holds(self) -> tuple[float, float]:
        """Slope and shift that turn the log odds into those that a pair is related at all."""
        of_documents = (self.model.card or {}).get("holds", _HOLDS)
        slope, shift = of_documents if self.connected else _SENTENCES_HOLD
        return float(slope), float(shift)

    def _line(self, probabilities: NDArray[np.float32], precision: float) -> float:
        """Return the lowest probability of a kept pair at which the kept pairs reach the expected precision."""
        slope, shift = self._holds
        holds = _logistic(slope * log_odds(probabilities) + shift).astype(np.float32)
        line = threshold_for(holds, precision)
        if line == 0 or not len(holds):
            return line
        # one of the probabilities: converting the threshold back could exclude the pair at it by rounding
        kept = probabilities[holds >= line]
        highest = probabilities.max()
        return float(kept.min() if len(kept) else np.nextafter(highest, np.float32(2), dtype=np.float32))

    def none(self, probabilities: NDArray[np.float32], relations: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the evidence for no relation (N,), float32, in [0, 1]; above one half, a pair is unrelated.

        Args:
            probabilities: Probabilities that the pairs are related (N,).
            relations: The most probable relation of each (N,).
        """
        lines = self.thresholds[
            relations if len(self.thresholds) > 1 else np.zeros(len(relations), dtype=np.int64)
        ]
        margin = log_odds(lines) - log_odds(probabilities)
        # a pair at its threshold is kept
        return np.where(
            probabilities >= lines,
            np.minimum(_logistic(margin), 0.5),
            np.maximum(_logistic(margin), np.nextafter(np.float32(0.5), np.float32(1))),
        ).astype(np.float32)

    @cached_property
    def _settings(self) -> EncoderSettings:
        return from_mapping(EncoderSettings, dict(self.model.encoder))

    def _encoder(self, encoder: Encoder) -> TransformerEncoder:
        settings, transformer = self._settings, underlying(encoder)
        if transformer is not None and not transformer.weights:
            theirs = transformer.settings
            same = all(
                getattr(settings, name) == getattr(theirs, name)
                for name in ("model", "marking", "max_length")
            )
            # the method's pooling may have further parts after those of the model
            if same and f"{theirs.pooling}+".startswith(f"{settings.pooling}+"):
                return transformer
        self._own.cache = cache_of(encoder)
        return self._own

    @property
    def _own(self) -> TransformerEncoder:
        if not self._own_encoders:
            self._own_encoders.append(TransformerEncoder(self._settings))
        return self._own_encoders[0]

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return JSON values and arrays, for saving."""
        with tempfile.TemporaryDirectory() as place:
            self.model.save(Path(place) / "model")
            saved = load_artifact(Path(place) / "model")
        values = {
            "kind": saved.kind,
            "settings": dict(saved.settings),
            "share": self.share,
            "precision": self.precision,
            "connected": self.connected,
        }
        tensors = {f"model.{name}": array for name, array in saved.tensors.items()}
        return values, {"thresholds": self.thresholds, **tensors}

    @classmethod
    def restored(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build a detector from what :meth:`state` returned."""
        with tempfile.TemporaryDirectory() as place:
            saved = Artifact(str(values["kind"]), values["settings"], below("model.", arrays))
            save_artifact(Path(place) / "model", saved)
            model = Relatedness.load(Path(place) / "model")
        named = {name: values[name] for name in ("share", "precision", "connected")}
        return cls(model, thresholds=arrays["thresholds"], **named)


def checked_precision(precision: float) -> float:
    """Return an expected precision as a plain ``float``.

    Raises:
        SettingError: It is not a number above 0 and up to 1.
    """
    number = isinstance(precision, int | float | np.floating) and not isinstance(precision, bool)
    if not number or not 0 < float(precision) <= 1:
        raise SettingError(f"precision is {precision!r}, expected a share above 0 and up to 1, such as 0.8")
    return float(precision)


def _adjusted_threshold(probabilities: NDArray[np.float32], base_rate: float) -> float:
    """Return the original probability at which the adjusted one is one half."""
    odds = np.exp(log_odds(probabilities))
    before = base_rate / (1 - base_rate)
    share = base_rate
    for _ in range(_PRIOR_STEPS):
        factor = share / (1 - share) / before
        adjusted = odds * factor / (1 + odds * factor)
        share = float(np.clip(adjusted.mean(), 0.01, 0.99))
    factor = share / (1 - share) / before
    return 1 / (1 + factor)


def rescaled(probabilities: NDArray[np.float32], slope: float, shift: float) -> NDArray[np.float32]:
    """Return probabilities (N,), float32, with slope and shift of their log odds changed."""
    return _logistic(slope * log_odds(probabilities) + shift).astype(np.float32)


def log_odds(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the log odds (N,), float64, of probabilities (N,), from -14 to 14."""
    from scipy.special import logit

    return np.asarray(logit(np.clip(np.asarray(values, dtype=np.float64), _EPSILON, 1 - _EPSILON)))


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import expit

    return np.asarray(expit(values))
