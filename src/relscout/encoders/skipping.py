"""Let a model start in the middle, or end there: the layers that are left out pass on what they get."""

from __future__ import annotations

import copy
from collections.abc import Callable, MutableMapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from relscout.encoders.surgery import find_layers
from relscout.errors import SettingError

if TYPE_CHECKING:
    import torch


def keep_states(
    layers: Sequence[torch.nn.Module],
    states: MutableMapping[int, torch.Tensor],
    *,
    embeddings: bool = False,
) -> None:
    """Write the output of every layer into ``states`` when the model runs, the first one's under 1.

    Args:
        layers: The layers of a model.
        states: Where they are written.
        embeddings: Whether what the first layer reads is written as well, under 0.
    """
    for number, layer in enumerate(layers, start=1):
        layer.register_forward_hook(_keeper(states, number))

    def keep_read(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        states[0] = given[0] if given else named["hidden_states"]

    if embeddings:
        layers[0].register_forward_pre_hook(keep_read, with_kwargs=True)


def skip_layers(
    model: Any, place: tuple[Any, str], boundary: int, states: MutableMapping[int, torch.Tensor]
) -> None:
    """Leave out the lowest layers of a model; the next one reads the hidden state ``states[boundary]``.

    Args:
        model: A Hugging Face model.
        place: The module that owns the list of layers, and the list's name there.
        boundary: Number of layers that are left out, at least 0.
        states: Where the next layer finds what it reads, when the model runs.
    """
    owner, name = place
    layers = list(getattr(owner, name))

    def read(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if given:
            return (states[boundary], *given[1:]), named
        return given, {**named, "hidden_states": states[boundary]}

    _pass_on(model, place, range(boundary))
    layers[boundary].register_forward_pre_hook(read, with_kwargs=True)


class LowestLayers:
    """The lowest layers of a model, run alone; they share its weights, and the model stays as it is.

    Args:
        model: A Hugging Face model whose layers can be told.
        count: Number of layers that run, at least 0 and below ``n_layers``.
        n_layers: Number of layers of the model.
    """

    def __init__(self, model: Any, count: int, *, n_layers: int) -> None:
        shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
        self._model = copy.deepcopy(model, shared)
        self._states: list[torch.Tensor] = []
        place = find_layers(self._model, n_layers)
        if place is None:
            raise SettingError(
                f"the layers of a {type(model).__name__} cannot be determined, so they all run"
            )
        _pass_on(self._model, place, range(count, n_layers))
        for layer in list(getattr(*place))[: count + 1]:
            layer.register_forward_pre_hook(self._read, with_kwargs=True)

    def __call__(self, **inputs: Any) -> Sequence[torch.Tensor]:
        """Return the hidden states (B, T, D) from the embeddings (0) to what the last of the layers gives."""
        import torch

        self._states = []
        with torch.inference_mode():
            self._model(**inputs)
        states, self._states = self._states, []
        return states

    def _read(self, _: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._states.append(given[0] if given else named["hidden_states"])


def _pass_on(model: Any, place: tuple[Any, str], left_out: range) -> None:
    """Put, in the place of some layers, ones that give what they get."""
    import torch

    owner, name = place
    layers = list(getattr(owner, name))
    besides = _besides(model, layers[0])

    class Skipped(torch.nn.Module):
        def __init__(self, layer: torch.nn.Module) -> None:
            super().__init__()
            # some models ask a layer for its kind before they run it
            self.__dict__ |= {name: value for name, value in vars(layer).items() if name[0] != "_"}

        def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> Any:
            return hidden_states if besides is None else (hidden_states, *[None] * besides)

    # layers keep their numbers, by which some models choose their attention
    for number in left_out:
        layers[number] = Skipped(layers[number])
    setattr(owner, name, torch.nn.ModuleList(layers))


def set_dropout(module: torch.nn.Module, rate: float) -> None:
    """Set the rate of every dropout in a module."""
    import torch

    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = rate
        for name in ("dropout_prob", "attention_dropout"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, rate)


def _keeper(states: MutableMapping[int, torch.Tensor], number: int) -> Callable[[Any, Any, Any], None]:
    def keep(_: Any, __: Any, output: Any) -> None:
        states[number] = output[0] if isinstance(output, tuple) else output

    return keep


def _besides(model: Any, layer: Any) -> int | None:
    """Return how much a layer gives in a tuple behind the hidden states; ``None`` where it gives no tuple."""
    import torch

    seen: list[int | None] = []
    handle = layer.register_forward_hook(
        lambda _, __, output: seen.append(len(output) - 1 if isinstance(output, tuple) else None)
    )
    with torch.inference_mode():
        ids = torch.zeros((1, 4), dtype=torch.long, device=next(model.parameters()).device)
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    handle.remove()
    return seen[0]
