"""A low-rank adapter that trains in place of a model's weights, and the embeddings of its marker tokens with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from relscout.encoders.low_rank import add_factors, alpha_of, is_factor, plain_name
from relscout.encoders.surgery import find_layers
from relscout.errors import SettingError


def add_adapter(model: Any, *, n_layers: int, rank: int, markers: Sequence[int], seed: int) -> None:
    """Put an adapter beside every layer of a model; it, and the embeddings of markers, are what trains.

    Args:
        model: A Hugging Face model on the CPU, which is changed.
        n_layers: Number of its layers.
        rank: r, at least 1.
        markers: Ids of the marker tokens.
        seed: Draws the factors.

    Raises:
        SettingError: The layers cannot be told.
        MissingExtraError: peft is not installed.
    """
    place = find_layers(model, n_layers)
    if place is None:
        raise SettingError(
            f"the layers of a {type(model).__name__} cannot be determined; set adapter_rank=0 to train the whole model"
        )
    add_factors(model, list(getattr(*place)), rank=rank, seed=seed)
    if markers:
        weight = model.get_input_embeddings().weight
        trains = torch.zeros((len(weight), 1), dtype=weight.dtype)
        trains[list(markers)] = 1
        weight.requires_grad_(True)
        weight.register_hook(lambda gradient: gradient * trains.to(gradient.device))


def factors(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return A (r, inputs) and B (outputs, r) of each linear map, by the names that an adapter is saved with."""
    return {
        plain_name(name): parameter.detach().cpu().numpy().copy()
        for name, parameter in model.named_parameters()
        if is_factor(name)
    }


def merged(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the linear maps with the adapter added, by their names in the model without it."""
    found: dict[str, NDArray[np.float32]] = {}
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "base_layer"):
                (down,), (up,) = module.lora_A.values(), module.lora_B.values()
                scale = alpha_of(down.weight.shape[0]) / down.weight.shape[0]
                # as it is merged when the saved adapter is loaded, to the last bit
                weight = module.base_layer.weight + scale * (up.weight @ down.weight)
                found[f"{name}.weight"] = weight.cpu().numpy().copy()
    return found
