"""What is pre-trained: the whole encoder, or an adapter of it, and the head that predicts masked words."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from relscout.encoders import TransformerEncoder
from relscout.encoders.pooling import Places, pool_part
from relscout.pretraining.adapter import add_adapter, factors, merged
from relscout.pretraining.head import language_head
from relscout.pretraining.settings import PretrainingSettings


class Network:
    """A copy of an encoder that trains, its own weights float32 whatever it computes in.

    Args:
        encoder: The encoder to start from, which stays as it is.
        settings: See :class:`PretrainingSettings`.
        as_states: Whether representations are what the hidden states say (eq. 1), or of unit length as the encoder
            gives them.
        seed: Draws a fresh head, and an adapter.
        device: Where it trains.

    Attributes:
        head: Whose head predicts masked words: ``checkpoint``, ``fresh`` or ``none``.
        markers: Ids of the marker tokens.

    Raises:
        MissingExtraError: An adapter is to be trained, and peft is not installed.
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
            places: Where the parts of each sentence lie.
            asked: Tokens that the head is to predict (B, T), bool; ``None`` where it is not to.
        """
        longest = ids.shape[1]
        attention = torch.arange(longest, device=ids.device) < places.length[:, None]  # (B, T)
        parts = self._encoder.parts
        deep = any(part.layer is not None for part in parts)
        output = self._model(input_ids=ids, attention_mask=attention.long(), output_hidden_states=deep)
        last = output.last_hidden_state
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
        """Yield what trains, with its name, every weight once."""
        seen: set[int] = set()
        for prefix, module in (("encoder.", self._model), ("head.", self._head)):
            for name, parameter in module.named_parameters() if module is not None else ():
                # no representation is read off a pooler
                if parameter.requires_grad and "pooler" not in name and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield prefix + name, parameter

    def head_hash(self) -> str:
        """Return a hash of the weights that the head has at the moment; of nothing where there is none."""
        digest = blake2b(digest_size=12)
        for name, parameter in self._head.named_parameters() if self._head is not None else ():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(parameter.detach().cpu().numpy()).data)
        return digest.hexdigest()

    def decays(self, name: str) -> bool:
        """Tell whether weight decay may act: where only markers' embeddings train, it would change the others."""
        return not (self._adapts and name.startswith("encoder.") and ".lora_" not in name)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of all that trains, by name."""
        return {name: parameter.detach().cpu().numpy().copy() for name, parameter in self.named_parameters()}

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Go back to where :meth:`arrays` was called."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.from_numpy(arrays[name]))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the encoder's weights that were trained, by their names in its model, an adapter merged."""
        own = "encoder."
        trained = {
            name.removeprefix(own): array
            for name, array in self.arrays().items()
            if name.startswith(own) and ".lora_" not in name
        }
        return trained | (merged(self._model) if self._adapts else {})

    def adapter(self) -> tuple[dict[str, NDArray[np.float32]], dict[int, NDArray[np.float32]]] | None:
        """Return the factors of the adapter by name, and the embeddings of the markers by id; ``None`` without one."""
        if not self._adapts:
            return None
        embeddings: Any = self._model.get_input_embeddings().weight.detach().cpu().numpy()
        return factors(self._model), {token: embeddings[token].copy() for token in self.markers}
