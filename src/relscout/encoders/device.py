"""Where the transformer runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relscout.errors import SettingError

if TYPE_CHECKING:
    import torch

#: What the layers that train may be asked to compute in.
ARITHMETICS = ("auto", "float32", "bfloat16")


def choose_device(asked: str) -> torch.device:
    """Return the device that was asked for; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        SettingError: There is no such device.
    """
    import torch

    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if asked == "auto":
        return torch.device("cuda" if n_cuda else "mps" if has_mps else "cpu")
    device = torch.device(asked)
    if device.type == "cuda" and (device.index or 0) >= n_cuda:
        raise SettingError(
            f"device {asked!r} was asked for, but torch sees {n_cuda} CUDA devices; 'auto' chooses an available device"
        )
    if device.type == "mps" and not has_mps:
        raise SettingError(
            "device 'mps' was asked for, but torch sees none; 'auto' chooses an available device"
        )
    return device


def trains_in_bfloat16(asked: str, device: torch.device) -> bool:
    """Tell whether the layers that train compute in bfloat16, their weights staying float32.

    Args:
        asked: ``float32``, ``bfloat16``, or ``auto``: where the device has instructions for it.
        device: Where the transformer runs.
    """
    import torch

    if asked != "auto":
        return asked == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # no public function tells; where this one is missing, float32 is what surely works
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())
