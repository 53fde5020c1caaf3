"""The parts of a fit of SelfORE that are not clustering, timed one by one; and its trained layers alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from relscout import RelationInstance, TransformerEncoder
from relscout.clustering.kmeans import unit_length
from relscout.encoders.tunable import ContentVectors, Prepared, TunableEncoder
from relscout.training.classification import ClassificationSettings, Classifier


@dataclass(frozen=True)
class _Call:
    """A call of the layers that train: what the lowest was given, and how it was to compute."""

    given: tuple[Any, ...]
    named: dict[str, Any]
    trains: bool
    arithmetic: torch.dtype | None


class Ours:
    """The bundled encoder, its frozen layers computed once.

    Args:
        instances: What to train on.
        labels: Pseudo labels (N,), int64.
        settings: Settings of relation classification.
    """

    def __init__(
        self,
        instances: Sequence[RelationInstance],
        labels: NDArray[np.int64],
        settings: ClassificationSettings,
    ) -> None:
        self._base = TransformerEncoder()
        self._instances, self._labels, self._settings = instances, labels, settings
        self._tunable = self._tuned()
        self._prepared = self._tunable.prepare(instances)
        self._calls: list[_Call] = []
        contents = ContentVectors(len(self._prepared.lengths), self._tunable.dimension)
        self._tunable.encode(self._prepared, contents=contents)
        with self._listening():
            self._loop(self._tunable, self._prepared, contents)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sentence (N,)."""
        return self._prepared.lengths

    @property
    def in_bfloat16(self) -> bool:
        """Whether the layers that train compute in bfloat16."""
        return any(call.trains and call.arithmetic is torch.bfloat16 for call in self._calls)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part of a fit, the parts of one loop among them."""
        started = time.perf_counter()
        tunable = self._tuned()
        prepared = tunable.prepare(self._instances)
        found = {"frozen layers": time.perf_counter() - started}
        started = time.perf_counter()
        contents = ContentVectors(len(prepared.lengths), tunable.dimension)
        unit_length(tunable.encode(prepared, contents=contents))
        found["first features"] = time.perf_counter() - started
        found |= self._loop(tunable, prepared, contents)
        started = time.perf_counter()
        TransformerEncoder(self._base.settings, weights=tunable.weights()).encode(self._instances)
        found["last encoding"] = time.perf_counter() - started
        found["trained layers alone"] = self._alone()
        return found

    def _tuned(self) -> TunableEncoder:
        settings = self._settings
        return TunableEncoder(
            self._base, trained_layers=settings.trained_layers, arithmetic=settings.training_dtype
        )

    def _loop(
        self, tunable: TunableEncoder, prepared: Prepared, contents: ContentVectors
    ) -> dict[str, float]:
        classifier = Classifier(
            tunable, prepared, self._labels, int(self._labels.max()) + 1, settings=self._settings, seed=0
        )
        found = {"frozen epochs": 0.0, "other epochs": 0.0}
        started = time.perf_counter()
        for result in classifier.epochs(contents=contents):
            ended = time.perf_counter()
            kind = "frozen epochs" if result.epoch < self._settings.frozen_epochs else "other epochs"
            found[kind] += ended - started
            started = ended
        started = time.perf_counter()
        again = ContentVectors(len(prepared.lengths), tunable.dimension)
        unit_length(tunable.encode(prepared, contents=again))
        return {**found, "features": time.perf_counter() - started}

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take down every call of the layers that train."""

        def take_down(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            arithmetic = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
            self._calls.append(_Call(given, named, torch.is_grad_enabled(), arithmetic))

        # behind the hook that gives the lowest trained layer the states that were kept
        handle = self._tunable._trained[0].register_forward_pre_hook(take_down, with_kwargs=True)
        yield
        handle.remove()

    def _alone(self) -> float:
        """Return the seconds of the very calls of a loop, forward and, in training, backward, with nothing around."""
        layers = self._tunable._trained
        total = 0.0
        for call in self._calls:
            self._tunable.train(call.trains)
            started = time.perf_counter()
            with (
                torch.inference_mode(not call.trains),
                torch.autocast("cpu", dtype=call.arithmetic, enabled=call.arithmetic is not None),
            ):
                states, *others = call.given or (call.named["hidden_states"],)
                named = {name: one for name, one in call.named.items() if name != "hidden_states"}
                for layer in layers:
                    found = layer.forward(states, *others, **named)  # without the hooks that keep states
                    states = found[0] if isinstance(found, tuple) else found
            if call.trains:
                states.backward(torch.ones_like(states))
            total += time.perf_counter() - started
            for parameter in self._tunable.parameters():
                parameter.grad = None
        return total
