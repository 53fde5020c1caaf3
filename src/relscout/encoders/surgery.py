"""What is changed in a model before it encodes: layers that nobody reads go, embeddings of markers come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.errors import ArtifactError, SettingError
from relscout.seeding import generator

if TYPE_CHECKING:
    from torch import Tensor


def drop_layers_above(model: Any, wanted: int, *, n_layers: int) -> int:
    """Remove the layers above ``wanted`` where the hidden states up to it stay the same.

    Models that normalise after their last layer give another state there once it is not their last one: they
    keep one layer more. Where the layers cannot be told, all stay.

    Args:
        model: A Hugging Face model.
        wanted: The highest hidden state that is read; 0 is the embeddings.
        n_layers: Number of layers of the model.

    Returns:
        Number of layers that are left.
    """
    import torch

    place = find_layers(model, n_layers)
    if place is None:
        return n_layers
    owner, name = place
    layers = getattr(owner, name)
    expected = _hidden_states(model)[: wanted + 1]
    for kept in range(max(wanted, 1), min(wanted + 2, n_layers)):
        setattr(owner, name, layers[:kept])
        found = _hidden_states(model)
        if len(found) > wanted and all(map(torch.equal, expected, found)):
            return kept
    setattr(owner, name, layers)
    return n_layers


def find_layers(model: Any, n_layers: int) -> tuple[Any, str] | None:
    """Return the module that owns the list of layers, and the list's name there; ``None`` where it cannot be told."""
    import torch

    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == n_layers:
                return module, name
    return None


def _hidden_states(model: Any) -> Sequence[Tensor]:
    import torch

    with torch.inference_mode():
        ids = torch.arange(8)[None] % model.get_input_embeddings().num_embeddings
        states: Sequence[Tensor] = model(
            input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
        ).hidden_states
    return states


def add_embeddings(model: Any, count: int, *, seed: int) -> None:
    """Append embeddings for marker tokens, drawn around the mean of the known ones, as far out as they are."""
    import torch

    known = model.get_input_embeddings().weight.detach().float()  # (V, D)
    noise = generator(seed, "marker embeddings").standard_normal((count, known.shape[1]))
    model.resize_token_embeddings(len(known) + count, mean_resizing=False)
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight[-count:] = (known.mean(dim=0) + torch.from_numpy(noise) * known.std(dim=0)).to(weight.dtype)


def check_length(model: Any, max_length: int) -> None:
    """Check that a model has a position for each token of the longest input.

    Raises:
        SettingError: It has not.
    """
    import torch

    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its kin count positions from behind the padding's
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            longest = module.num_embeddings - first
            if max_length > longest:
                raise SettingError(
                    f"max_length is {max_length}, but the model reads at most {longest} tokens"
                )


def overlay(model: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Replace weights of a model by others of the same names and shapes.

    Raises:
        ArtifactError: The model has no weight of that name and shape.
    """
    import torch

    known = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            there = tuple(known[name].shape) if name in known else None
            if there != weight.shape:
                raise ArtifactError(
                    f"the model has {'no weight' if there is None else f'a weight of shape {there}'} named {name!r}, "
                    f"expected one of shape {weight.shape}; these weights were trained from another model"
                )
            known[name].copy_(torch.from_numpy(weight))
