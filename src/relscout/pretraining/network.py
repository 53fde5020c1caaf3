"""The network of pre-training: an encoder or an adapter of it, and the head that predicts masked words."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from relscout.core.errors import SettingError
from relscout.core.seeding import generator
from relscout.encoders import TransformerEncoder
from relscout.encoders.layers import add_factors, alpha_of, find_layers, is_factor, plain_name
from relscout.encoders.pooling import Places, pool_part
from relscout.encoders.transformer import load_language_model
from relscout.pretraining.settings import PretrainingSettings


def add_adapter(model: Any, *, n_layers: int, rank: int, markers: Sequence[int], seed: int) -> None:
    """Add an adapter to every layer of a model; only the adapter and the embeddings of markers train.

    Args:
        model: A Hugging Face model on the CPU, which is changed.
        n_layers: Number of its layers.
        rank: r, at least 1.
        markers: Ids of the marker tokens.
        seed: Random seed of the factors.

    Raises:
        SettingError: The layers are not recognised.
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
    """Return A (r, inputs) and B (outputs, r) of each linear map, by their names in saved adapters."""
    return {
        plain_name(name): parameter.detach().cpu().numpy().copy()
        for name, parameter in model.named_parameters()
        if is_factor(name)
    }


def merged(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the linear maps with the adapter added, by their names in the model without it."""
    weights: dict[str, NDArray[np.float32]] = {}
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "base_layer"):
                (down,), (up,) = module.lora_A.values(), module.lora_B.values()
                scale = alpha_of(down.weight.shape[0]) / down.weight.shape[0]
                # the same operations as for a saved adapter, so that the results are equal to the last bit
                weight = module.base_layer.weight + scale * (up.weight @ down.weight)
                weights[f"{name}.weight"] = weight.cpu().numpy().copy()
    return weights


#: Standard deviation of the initial weights of a new head, that of BERT.
_STD = 0.02


class OwnHead(nn.Module):
    """The head of a checkpoint, of any architecture.

    The encoder of the language model is replaced by a module that returns given hidden states. So the model's own code
    runs its head, and on the masked tokens only.

    Args:
        language_model: The model with its head, from :func:`load_language_model`.
        encoder: The model of the hidden states; the head uses its word embeddings if they are tied.
        seed: Random seed of the weights for new marker tokens, if they are not tied.
    """

    def __init__(self, language_model: Any, encoder: Any, *, seed: int) -> None:
        super().__init__()
        n_tokens = encoder.get_input_embeddings().num_embeddings
        if n_tokens != language_model.get_input_embeddings().num_embeddings:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(generator(seed, "mlm head of markers").integers(2**62)))
                language_model.resize_token_embeddings(n_tokens, mean_resizing=False)
        self._states = _Given()
        setattr(language_model, language_model.base_model_prefix, self._states)
        if getattr(language_model.config, "tie_word_embeddings", True):
            language_model.get_output_embeddings().weight = encoder.get_input_embeddings().weight
        self.language_model = language_model

    def forward(self, states: Tensor) -> Tensor:
        """Return the scores of all words (M, V) for hidden states (M, D)."""
        self._states.given = states[None]
        nothing = torch.zeros((1, 1), dtype=torch.long, device=states.device)
        scores: Tensor = self.language_model(input_ids=nothing).logits[0]
        return scores


class FreshHead(nn.Module):
    """A new head like BERT's, tied to the word embeddings: a dense layer, GELU, a normalisation, and a bias.

    Args:
        encoder: The model of the hidden states.
        seed: Random seed of the dense layer.
    """

    def __init__(self, encoder: Any, *, seed: int) -> None:
        super().__init__()
        embeddings = encoder.get_input_embeddings().weight
        hidden, width = encoder.config.hidden_size, embeddings.shape[1]
        self.dense = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=getattr(encoder.config, "layer_norm_eps", 1e-12))
        self.bias = nn.Parameter(torch.zeros(len(embeddings)))
        self._embeddings = [
            embeddings
        ]  # in a list, so that torch does not count them among the head's parameters
        drawn = generator(seed, "mlm head").standard_normal((width, hidden))
        with torch.no_grad():
            self.dense.weight.copy_(torch.from_numpy(_STD * drawn))
            self.dense.bias.zero_()

    def forward(self, states: Tensor) -> Tensor:
        """Return the scores of all words (M, V) for hidden states (M, D)."""
        projected = self.norm(nn.functional.gelu(self.dense(states)))  # (M, E)
        return nn.functional.linear(projected, self._embeddings[0], self.bias)


class _Given(nn.Module):
    """Stands where a language model has its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> BaseModelOutput:
        """Return the given states."""
        given, self.given = self.given, None
        return BaseModelOutput(last_hidden_state=given)


def language_head(model: str, encoder: Any, *, seed: int) -> tuple[nn.Module, bool]:
    """Return a head, and whether it is that of the checkpoint.

    Args:
        model: Name or folder of the checkpoint.
        encoder: The model of the hidden states.
        seed: Random seed of a new head, or of the weights for new marker tokens.
    """
    language_model = load_language_model(model)
    if language_model is None:
        return FreshHead(encoder, seed=seed), False
    return OwnHead(language_model, encoder, seed=seed), True


class Network:
    """A copy of an encoder in training; its weights are float32, whatever the arithmetic.

    Args:
        encoder: The encoder to start from, which does not change.
        settings: See :class:`PretrainingSettings`.
        as_states: Whether representations are hidden states (eq. 1), or the encoder's vectors of unit length.
        seed: Random seed of a new head and of an adapter.
        device: Device of the training.

    Attributes:
        head: Origin of the head that predicts masked words: ``checkpoint``, ``fresh`` or ``none``.
        markers: Ids of the marker tokens.

    Raises:
        MissingExtraError: An adapter needs peft, which is not installed.
    """

    def __init__(
        self,
        encoder: TransformerEncoder,
        settings: PretrainingSettings,
        *,
        as_states: bool,
        seed: int,
        device: torch.device,
    ) -> None:
        self._encoder, self._as_states = encoder, as_states
        self._model = copy.deepcopy(encoder.model).float().cpu()
        vocabulary = encoder.vocabulary
        self.markers = sorted(
            token for token in vocabulary.reserved if token not in (None, vocabulary.mask_id)
        )
        self._adapts = settings.adapter_rank > 0
        self.head = "none"
        self._head: nn.Module | None = None
        if settings.mlm_weight:
            self._head, is_own = language_head(encoder.settings.model, self._model, seed=seed)
            self.head = "checkpoint" if is_own else "fresh"
        if self._adapts:
            add_adapter(
                self._model,
                n_layers=encoder.n_layers,
                rank=settings.adapter_rank,
                markers=self.markers,
                seed=seed,
            )
        else:
            self._model.requires_grad_(True)
        self._model.to(device).train()
        if self._head is not None:
            self._head.requires_grad_(True)
            embeddings = self._model.get_input_embeddings().weight
            embeddings.requires_grad_(not self._adapts or bool(self.markers))
            self._head.to(device).train()

    def read(self, ids: Tensor, places: Places, asked: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the representations (B, R), float32, and the scores of all words for the asked tokens (M, V).

        Args:
            ids: Token ids (B, T), int64.
            places: Positions of the parts of each sentence.
            asked: Tokens to predict (B, T), bool; ``None`` for none.
        """
        longest = ids.shape[1]
        attention = torch.arange(longest, device=ids.device) < places.length[:, None]  # (B, T)
        parts = self._encoder.parts
        deep = any(part.layer is not None for part in parts)
        output = self._model(input_ids=ids, attention_mask=attention.long(), output_hidden_states=deep)
        last = output.last_hidden_state  # (B, T, D)
        x = torch.cat(
            [
                pool_part(
                    last if part.layer is None else output.hidden_states[part.layer],
                    places,
                    part,
                    of_unit_length=not self._as_states,
                )
                for part in parts
            ],
            dim=1,
        )
        if asked is None or self._head is None:
            return x, None
        return x, self._head(last[asked])

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters that train with their names, each once."""
        seen: set[int] = set()
        for prefix, module in (("encoder.", self._model), ("head.", self._head)):
            for name, parameter in module.named_parameters() if module is not None else ():
                # no representation uses the pooler
                if parameter.requires_grad and "pooler" not in name and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield prefix + name, parameter

    def head_hash(self) -> str:
        """Return a hash of the current weights of the head."""
        digest = blake2b(digest_size=12)
        for name, parameter in self._head.named_parameters() if self._head is not None else ():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(parameter.detach().cpu().numpy()).data)
        return digest.hexdigest()

    def decays(self, name: str) -> bool:
        """Return whether a parameter has weight decay: not embeddings of which only the markers train."""
        return not (self._adapts and name.startswith("encoder.") and ".lora_" not in name)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights that train, by name."""
        return {name: parameter.detach().cpu().numpy().copy() for name, parameter in self.named_parameters()}

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Load weights that :meth:`weights` returned."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.from_numpy(weights[name]))

    def encoder_weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the trained weights of the encoder by their names in its model, with an adapter merged into them."""
        own = "encoder."
        trained = {
            name.removeprefix(own): array
            for name, array in self.weights().items()
            if name.startswith(own) and ".lora_" not in name
        }
        return trained | (merged(self._model) if self._adapts else {})

    def adapter(self) -> tuple[dict[str, NDArray[np.float32]], dict[int, NDArray[np.float32]]] | None:
        """Return the factors of the adapter by name, and the embeddings of the markers by id; ``None`` without one."""
        if not self._adapts:
            return None
        embeddings: Any = self._model.get_input_embeddings().weight.detach().cpu().numpy()
        return factors(self._model), {token: embeddings[token].copy() for token in self.markers}
