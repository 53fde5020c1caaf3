"""A low-rank adapter that trains in place of a model's weights (Hu et al. 2022), through peft."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from relscout.errors import MissingExtraError
from relscout.seeding import generator
from relscout.training.dice import Dice

_NAME = "default"


def add_adapter(model: Any, *, rank: int, alpha: float, markers: list[int], seed: int) -> None:
    """Put an adapter beside every dense layer of a model; it, and the embeddings of markers, are what trains.

    Args:
        model: A Hugging Face model on the CPU, which is changed.
        rank: r, at least 1.
        alpha: α; a weight changes by α / r · B A.
        markers: Ids of the marker tokens.
        seed: Draws A; B starts at 0.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtraError("training an adapter", "pretrain") from error
    model.requires_grad_(False)
    dense = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and "pooler" not in name
    ]
    settings = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=dense)
    with Dice(int(generator(seed, "adapter").integers(2**62)), [torch.device("cpu")]).thrown():
        inject_adapter_in_model(settings, model, adapter_name=_NAME)
    if markers:
        weight = model.get_input_embeddings().weight
        trains = torch.zeros((len(weight), 1), dtype=weight.dtype)
        trains[markers] = 1
        weight.requires_grad_(True)
        weight.register_hook(lambda gradient: gradient * trains.to(gradient.device))


def factors(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return A (r, inputs) and B (outputs, r) of each dense layer, as ``LAYER.lora_A.weight`` and ``lora_B``."""
    return {
        name.replace(f".{_NAME}.weight", ".weight"): parameter.detach().cpu().numpy().copy()
        for name, parameter in model.named_parameters()
        if ".lora_A." in name or ".lora_B." in name
    }


def merged(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the dense layers with the adapter added, by their names in the model without it."""
    found: dict[str, NDArray[np.float32]] = {}
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "get_delta_weight") and hasattr(module, "base_layer"):
                weight = module.base_layer.weight + module.get_delta_weight(_NAME)
                found[f"{name}.weight"] = weight.cpu().numpy().copy()
    return found
