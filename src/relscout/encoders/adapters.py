"""Low-rank adapters: a small file that makes another model of one, merged into its weights when it is loaded.

Hu et al.: "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022: a weight W becomes W + α/r · B A. Merged, an
adapter costs nothing when the encoder runs. The files are laid out as peft lays them out, which reads them, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.description import description
from relscout.encoders.model_files import absolute, locate
from relscout.errors import ArtifactError
from relscout.files import whole_file

CONFIGURATION, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
#: In front of the names of weights in peft's files.
_PREFIX = "base_model.model."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
#: Embeddings of marker tokens, which peft passes over.
_EMBEDDINGS = "marker_embeddings"
#: What a configuration may say and is not done here, with the value that says that it is not asked for.
_NOT_READ = {
    "use_dora": False,
    "use_rslora": False,
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "bias": "none",
}
#: The same, where nothing is written of it: other ranks and scales for some weights, layers that come more than once.
_MUST_BE_EMPTY = ("rank_pattern", "alpha_pattern", "layer_replication")


def base_of(model: str) -> str | None:
    """Return the model that an adapter is for; ``None`` where ``model`` is no adapter.

    Raises:
        ArtifactError: The adapter's configuration is damaged, it is one of a kind that is not read here, or it is in
            the end for itself.
    """
    _, *below = lineage(model)
    return below[0] if below else None


def lineage(model: str) -> list[str]:
    """Return a model and, as long as it is an adapter, what that is for, down to a whole model.

    Raises:
        ArtifactError: As :func:`base_of`.
    """
    found, places = [model], {absolute(locate(model))}
    while (base := _told_base(found[-1])) is not None:
        place = absolute(locate(base))
        if place in places:
            raise ArtifactError(
                f"the adapter {found[-1]!r} is for {base!r}, which leads back to it, so that there is no model below; "
                "give the folder of a whole model as 'base_model_name_or_path' in its adapter_config.json"
            )
        found.append(base)
        places.add(place)
    return found


def _told_base(model: str) -> str | None:
    path = Path(locate(model)) / CONFIGURATION
    if not path.is_file():
        return None
    told = _configuration(path)
    base = told.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ArtifactError(f"{path} names no base model: give it as 'base_model_name_or_path'")
    return base


def weights_hash(model: Any) -> str:
    """Return a hash of a model's weights, those of a pooler left out, which nothing reads."""
    digest = blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        if "pooler" not in name:
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()


def merge(model: Any, adapter: str) -> None:
    """Add an adapter to the weights of its base model, which is in float32.

    Raises:
        ArtifactError: The adapter is for another model, or its files are damaged.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file  # which knows bfloat16, unlike that of NumPy

    folder = Path(locate(adapter))
    told = _configuration(folder / CONFIGURATION)
    expected = description(adapter).get("base_hash")
    if expected is not None and (found := weights_hash(model)) != expected:
        raise ArtifactError(
            f"the adapter {folder} is for weights of {told['base_model_name_or_path']!r} with hash {expected}, "
            f"but that model has hash {found}; get the model that it was trained on, or train the adapter again"
        )
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{folder / WEIGHTS} is missing or damaged ({error})") from error
    rows = tensors.pop(_EMBEDDINGS, None)
    known = dict(model.named_parameters())
    scale = told["lora_alpha"] / told["r"]
    with torch.no_grad():
        for name in sorted(tensors):
            module = name.removeprefix(_PREFIX).removesuffix(_DOWN).removesuffix(_UP)
            weight = known.get(f"{module}.weight")
            down, up = (tensors.get(f"{_PREFIX}{module}{end}") for end in (_DOWN, _UP))
            if down is None or up is None or not _go_together(weight, down, up, rank=told["r"]):
                raise ArtifactError(
                    f"the adapter {folder} has {name!r} of shape {tuple(tensors[name].shape)} and rank {told['r']}, "
                    f"which does not go with {told['base_model_name_or_path']!r}; it is for another model"
                )
            if name.endswith(_UP):
                weight += scale * (up.float() @ down.float())
        if rows is not None:
            embeddings = model.get_input_embeddings().weight
            ids = description(adapter).get("marker_ids")
            if not _are_places(ids, len(embeddings)) or rows.shape != (len(ids), embeddings.shape[1]):
                raise ArtifactError(
                    f"the adapter {folder} has embeddings of shape {tuple(rows.shape)} for the marker tokens {ids}, "
                    f"expected {embeddings.shape[1]} numbers for each, and tokens below {len(embeddings)}; "
                    "save it again"
                )
            embeddings[torch.tensor(ids)] = rows.float()


def _go_together(weight: Any, down: Any, up: Any, *, rank: int) -> bool:
    if weight is None or weight.dim() != 2:
        return False
    outputs, inputs = weight.shape
    return bool(down.shape == (rank, inputs) and up.shape == (outputs, rank))


def _are_places(ids: Any, count: int) -> TypeGuard[list[int]]:
    return isinstance(ids, list) and all(type(place) is int and 0 <= place < count for place in ids)


def write(
    folder: Path,
    lora: Mapping[str, NDArray[np.float32]],
    *,
    base: str,
    rank: int,
    alpha: float,
    markers: NDArray[np.float32] | None,
) -> None:
    """Write an adapter's files as peft does.

    Args:
        folder: Where they are written.
        lora: The two factors of each changed weight, under the name of its module and ``.lora_A.weight`` (r, inputs) or
            ``.lora_B.weight`` (outputs, r).
        base: Name or folder of the base model.
        rank: r, at least 1.
        alpha: α.
        markers: Embeddings of marker tokens (M, D), if some were trained.
    """
    from safetensors.numpy import save_file

    modules = sorted({name.removesuffix(_DOWN).removesuffix(_UP) for name in lora})
    told = {
        "peft_type": "LORA",
        "task_type": "FEATURE_EXTRACTION",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": modules,
        "inference_mode": True,
        **_NOT_READ,
    }
    with whole_file(folder / CONFIGURATION) as partial:
        partial.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    tensors = {f"{_PREFIX}{name}": np.ascontiguousarray(array) for name, array in lora.items()}
    if markers is not None:
        tensors[_EMBEDDINGS] = np.ascontiguousarray(markers)
    with whole_file(folder / WEIGHTS) as partial:
        save_file(tensors, partial, {"format": "pt"})


def _configuration(path: Path) -> dict[str, Any]:
    try:
        told = dict(json.loads(path.read_text(encoding="utf-8")))
        rank, alpha = told["r"], told["lora_alpha"]
        of_use = (
            type(rank) is int and rank >= 1 and type(alpha) in (int, float) and math.isfinite(alpha) and alpha
        )
        if told.get("peft_type") != "LORA" or not of_use:
            raise ValueError(f"peft_type is {told.get('peft_type')!r}, r {rank!r}, lora_alpha {alpha!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} does not describe a low-rank adapter ({error}); expected one of LoRA"
        ) from error
    for name, usual in {**_NOT_READ, **dict.fromkeys(_MUST_BE_EMPTY)}.items():
        if told.get(name) and told[name] != usual:
            raise ArtifactError(
                f"{path} has {name} {told[name]!r}, which is not read here; merge that adapter with peft, save the "
                "model, and give its folder"
            )
    return told
