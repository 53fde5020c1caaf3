"""Layers that train by low-rank factors beside their weights, which stay as they are (LoRA; Hu et al., ICLR 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from relscout.errors import MissingExtraError
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch

#: peft's name for the one adapter that a model gets here.
_ADAPTER = "default"


def add_factors(
    model: torch.nn.Module, layers: Sequence[torch.nn.Module], *, rank: int, alpha: int, seed: int
) -> None:
    """Put two factors beside the weight of every linear map in some layers of a model: W x + α/r · B (A x).

    B starts at zero, so that the model is at first what it was.

    Args:
        model: A Hugging Face model.
        layers: Some of its layers.
        rank: r, at least 1.
        alpha: α, at least 1.
        seed: Draws A.

    Raises:
        MissingExtraError: peft is not installed.
    """
    import torch

    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtraError("training a low-rank adapter", "pretrain") from error
    inside = {id(part) for layer in layers for part in layer.modules()}
    targets = [
        name
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear) and id(part) in inside
    ]
    # dropout stays that of the model; what is drawn here leaves the program's random numbers alone
    settings = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "low-rank factors").integers(2**62)))
        inject_adapter_in_model(settings, model, adapter_name=_ADAPTER)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_factor(name))


def is_factor(name: str) -> bool:
    """Tell whether a parameter is one of the factors that :func:`add_factors` put there."""
    return name.endswith((f".lora_A.{_ADAPTER}.weight", f".lora_B.{_ADAPTER}.weight"))


def plain_name(name: str) -> str:
    """Return the name of a factor without the adapter's, as :func:`relscout.encoders.saved.save_adapter` takes it."""
    return name.replace(f".{_ADAPTER}.weight", ".weight")
