"""Changes to the layers of a model: remove or skip them, narrow them to some tokens, add low-rank factors."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, MissingExtraError, SettingError
from relscout.core.seeding import generator
from relscout.encoders.pooling import Places, PoolingPart

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def drop_layers_above(model: Any, wanted: int, *, n_layers: int) -> int:
    """Remove the layers above ``wanted`` if the hidden states up to it do not change.

    Models that normalise after their last layer return another state for a layer that becomes the last, so they keep
    one layer more. If the layers are not recognised, all stay.

    Args:
        model: A Hugging Face model.
        wanted: The highest hidden state that is used; 0 is the embeddings.
        n_layers: Number of layers of the model.

    Returns:
        Number of remaining layers.
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
        states = _hidden_states(model)
        if len(states) > wanted and all(map(torch.equal, expected, states)):
            return kept
    setattr(owner, name, layers)
    return n_layers


def find_layers(model: Any, n_layers: int) -> tuple[Any, str] | None:
    """Return the module that owns the list of layers, and the list's name there; ``None`` if it is not recognised."""
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


#: Size of the random part of an embedding that is initialised from words, as a share of the usual one.
_RANDOM_PART = 0.1


def add_embeddings(model: Any, words: Sequence[Sequence[int]], *, seed: int) -> None:
    """Append embeddings for marker tokens.

    An embedding without words is random, with the mean and standard deviation of the known ones. One with words is
    their mean, plus a small random part that distinguishes the tokens of the same words, such as the four markers of a
    type. That part is the same for all types, so that an embedding does not depend on the other types.

    Args:
        model: The model.
        words: For each new token, the ids of its words.
        seed: Random seed.
    """
    import torch

    count = len(words)
    known = model.get_input_embeddings().weight.detach().float()  # (V, D)
    noise = torch.from_numpy(generator(seed, "marker embeddings").standard_normal((count, known.shape[1])))
    model.resize_token_embeddings(len(known) + count, mean_resizing=False)
    weight = model.get_input_embeddings().weight
    mean, std = known.mean(dim=0), known.std(dim=0)
    with torch.no_grad():
        alike: Counter[tuple[int, ...]] = Counter()
        for row, ids in enumerate(words):
            place, alike[tuple(ids)] = alike[tuple(ids)] % 4, alike[tuple(ids)] + 1
            fresh = (
                known[list(ids)].mean(dim=0) + _RANDOM_PART * noise[place] * std
                if ids
                else mean + noise[row] * std
            )
            weight[len(known) + row] = fresh.to(weight.dtype)


def check_length(model: Any, max_length: int) -> None:
    """Check that a model has a position for each token of the longest input.

    Raises:
        SettingError: The model has fewer positions.
    """
    import torch

    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its relatives count positions from the one after the padding's
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            longest = module.num_embeddings - first
            if max_length > longest:
                raise SettingError(
                    f"max_length is {max_length}, but the model reads at most {longest} tokens"
                )


def overlay(model: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Replace weights of a model by others with the same names and shapes.

    Raises:
        ArtifactError: The model has no weight of such a name and shape.
    """
    import torch

    known = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            shape = tuple(known[name].shape) if name in known else None
            if shape != weight.shape:
                raise ArtifactError(
                    f"the model has {'no weight' if shape is None else f'a weight of shape {shape}'} named {name!r}, "
                    f"expected one of shape {weight.shape}; these weights were trained from another model"
                )
            known[name].copy_(torch.from_numpy(weight))


def keep_states(
    layers: Sequence[torch.nn.Module],
    states: MutableMapping[int, torch.Tensor],
    *,
    embeddings: bool = False,
) -> None:
    """Store the output of every layer in ``states`` whenever the model runs, by its number from 1.

    Args:
        layers: The layers of a model.
        states: Receives the outputs.
        embeddings: Whether to store the input of the first layer as well, under 0.
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
    """Skip the lowest layers of a model; the next layer reads the hidden state ``states[boundary]``.

    Args:
        model: A Hugging Face model.
        place: The module that owns the list of layers, and the list's name there.
        boundary: Number of skipped layers, at least 0.
        states: Has the input of the next layer whenever the model runs.
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
    """The lowest layers of a model, run alone. They share its weights; the model itself does not change.

    Args:
        model: A Hugging Face model whose layers are recognised.
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
        """Return the hidden states (B, T, D) from the embeddings (0) to the output of the last of these layers."""
        import torch

        self._states = []
        with torch.inference_mode():
            self._model(**inputs)
        states, self._states = self._states, []
        return states

    def _read(self, _: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._states.append(given[0] if given else named["hidden_states"])


def _pass_on(model: Any, place: tuple[Any, str], left_out: range) -> None:
    """Replace some layers by layers that return their input."""
    import torch

    owner, name = place
    layers = list(getattr(owner, name))
    n_others = _n_other_outputs(model, layers[0])

    class Skipped(torch.nn.Module):
        def __init__(self, layer: torch.nn.Module) -> None:
            super().__init__()
            # some models look at attributes of a layer before they run it
            self.__dict__ |= {name: value for name, value in vars(layer).items() if name[0] != "_"}

        def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> Any:
            return hidden_states if n_others is None else (hidden_states, *[None] * n_others)

    # layers keep their numbers, because some models choose the attention by them
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


def _n_other_outputs(model: Any, layer: Any) -> int | None:
    """Return how many items follow the hidden states in a layer's output; ``None`` if it is not a tuple."""
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


#: Implementations of attention that compute the plain formula, with a mask of one row for each query.
_PLAIN = frozenset({"eager", "sdpa"})
#: Classes with BERT's attention. Others have the same parts and normalise elsewhere (RoBERTa-PreLayerNorm, …).
_LIKE_BERT = frozenset(
    f"{name}Attention" for name in ("Bert", "Camembert", "Electra", "Roberta", "XLMRoberta")
)
#: Parts of a pooling that use a few tokens of each sentence.
_FEW = frozenset({"start", "span-mean", "span-max"})


def reads_few(parts: Sequence[PoolingPart], depth: int, n_layers: int) -> bool:
    """Return whether pooling uses only mentions, or their starts, of the highest hidden state ``depth``."""
    highest = [part for part in parts if (n_layers if part.layer is None else part.layer) == depth]
    return bool(highest) and all(part.name in _FEW for part in highest)


def tokens_read(places: Places, longest: int) -> torch.Tensor:
    """Return which tokens are used by the parts of :func:`reads_few` (B, T), bool."""
    import torch

    position = torch.arange(longest, device=places.length.device)  # (T,)
    spans = places.spans[:, :, :, None]  # (B, 2, 2, 1)
    within = (position >= spans[:, :, 0]) & (position < spans[:, :, 1])  # (B, 2, T)
    return (within | (position == places.starts[:, :, None])).any(dim=1)


def narrow(layer: Any, read: MutableMapping[str, torch.Tensor]) -> bool:
    """Make a layer skip the computations that only serve unused tokens: five sixths of the work for each of these.

    Two thirds of a layer's multiplications are in its feed-forward half. Another sixth are the queries and the output
    of the attention, which are skipped during training. The output for the tokens of ``read["tokens"]`` (B, T) stays
    the same up to rounding; for others it is zero.

    Args:
        layer: A layer of BERT, or one with the same parts (RoBERTa, ELECTRA, …).
        read: Has, under ``"tokens"``, the mask of the used tokens (B, T) whenever the layer runs.

    Returns:
        Whether the layer has these parts; any other layer stays unchanged.
    """
    whole = getattr(layer, "feed_forward_chunk", None)
    # chunks of a sentence would not match the mask
    if whole is None or layer.chunk_size_feed_forward:
        return False

    def narrowed(states: torch.Tensor) -> torch.Tensor:
        chosen = read["tokens"]
        outputs: torch.Tensor = whole(states[chosen])  # (used tokens, D)
        return _among_zeros(outputs, chosen)

    layer.feed_forward_chunk = narrowed
    if _attends_plainly(layer):
        _narrow_attention(layer.attention, read)
    return True


def _attends_plainly(layer: Any) -> bool:
    """Return whether a layer has BERT's attention, in an implementation of :data:`_PLAIN`."""
    attention = getattr(layer, "attention", None)
    inner: Any = getattr(attention, "self", None)
    config = getattr(inner, "config", None)
    return (
        type(attention).__name__ in _LIKE_BERT
        and not getattr(layer, "is_decoder", False)
        and getattr(inner, "position_embedding_type", "absolute") == "absolute"
        and getattr(config, "_attn_implementation", "") in _PLAIN
    )


def _narrow_attention(attention: Any, read: MutableMapping[str, torch.Tensor]) -> None:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    inner, whole = attention.self, attention.forward

    def heads(states: torch.Tensor) -> torch.Tensor:
        split = states.view(*states.shape[:2], inner.num_attention_heads, -1)  # (B, T, H, D/H)
        return split.transpose(1, 2)

    def attend(hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **others: Any) -> Any:
        if not inner.training:
            # matrices of another shape round differently, and vectors must equal the encoder's to the last bit
            return whole(hidden_states, attention_mask, **others)
        chosen = read["tokens"]  # (B, T)
        most = int(chosen.sum(dim=1).max())
        # sentences with fewer used tokens are filled up with unused ones
        places = chosen.byte().argsort(dim=1, descending=True, stable=True)[:, :most]  # (B, M)
        few = hidden_states.gather(1, places[:, :, None].expand(-1, -1, hidden_states.shape[2]))
        attended = scaled_dot_product_attention(
            heads(inner.query(few)),
            heads(inner.key(hidden_states)),
            heads(inner.value(hidden_states)),
            # only padding is masked, in the same way for every query
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            dropout_p=inner.dropout.p,
        )
        output: torch.Tensor = attention.output(attended.transpose(1, 2).flatten(2), few)  # (B, M, D)
        is_read = torch.arange(most, device=places.device) < chosen.sum(dim=1)[:, None]
        return _among_zeros(output[is_read], chosen), None

    attention.forward = attend


def _among_zeros(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return (B, T, D) with the values at the chosen tokens (B, T), and zeros elsewhere."""
    import torch

    shape = (*chosen.shape, values.shape[1])
    return torch.zeros(shape, dtype=values.dtype, device=values.device).index_put(
        torch.nonzero(chosen, as_tuple=True), values
    )


#: peft's name for the only adapter of a model.
_ADAPTER = "default"


def alpha_of(rank: int) -> int:
    """Return α = 2 r for factors of rank r: a weight W becomes W + α/r · B A."""
    return 2 * rank


def add_factors(model: torch.nn.Module, layers: Sequence[torch.nn.Module], *, rank: int, seed: int) -> None:
    """Add two factors to the weight of every linear map in some layers of a model: W x + α/r · B (A x).

    For α see :func:`alpha_of`. B starts at zero, so the model's output does not change at first.

    Args:
        model: A Hugging Face model.
        layers: Some of its layers.
        rank: r, at least 1.
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
    # dropout stays that of the model; the fork keeps the random numbers of the program unchanged
    settings = LoraConfig(r=rank, lora_alpha=alpha_of(rank), lora_dropout=0.0, target_modules=targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "low-rank factors").integers(2**62)))
        inject_adapter_in_model(settings, model, adapter_name=_ADAPTER)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_factor(name))


def is_factor(name: str) -> bool:
    """Return whether a parameter is a factor that :func:`add_factors` added."""
    return name.endswith((f".lora_A.{_ADAPTER}.weight", f".lora_B.{_ADAPTER}.weight"))


def plain_name(name: str) -> str:
    """Return the name of a factor without the adapter's name, for :func:`relscout.encoders.saved.save_adapter`."""
    return name.replace(f".{_ADAPTER}.weight", ".weight")
