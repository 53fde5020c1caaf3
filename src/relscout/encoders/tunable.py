"""The top layers of an encoder, trained on states of the frozen layers below, which are computed once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.batching import batches
from relscout.encoders.device import trains_in_bfloat16
from relscout.encoders.low_rank import add_factors, alpha_of, plain_name
from relscout.encoders.memory import empty_vectors
from relscout.encoders.narrowing import narrow, reads_few, tokens_read
from relscout.encoders.pieces import pool
from relscout.encoders.pooling import PoolingPart, pool_part
from relscout.encoders.prepared import Prepared, prepare
from relscout.encoders.skipping import keep_states, set_dropout, skip_layers
from relscout.encoders.states import ContentVectors
from relscout.encoders.surgery import find_layers
from relscout.encoders.transformer import OnLoss, TransformerEncoder
from relscout.errors import SettingError
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent

if TYPE_CHECKING:
    import torch

#: The whole model trains.
_ALL = -1


class TunableEncoder:
    """A copy of an encoder whose top layers train.

    Dropout acts in the layers that train and in no other, so that what the frozen ones give can be computed once.

    Args:
        encoder: The encoder to start from, which stays as it is; :attr:`base`.
        trained_layers: How many layers train, counted from the highest that the pooling reads; -1 trains the whole
            model, embeddings included.
        dropout: Dropout rate of the trained layers, in [0, 1); ``None`` keeps the model's own.
        arithmetic: ``float32``, ``bfloat16`` or ``auto`` (see :func:`trains_in_bfloat16`): how the trained layers
            compute while dropout is on; their weights are float32, and so is what they compute without it.
        sampled: While dropout is on, the part ``between`` of the pooling reads this many tokens, drawn anew in every
            call, as HiURE does; 0 reads all, as is always done without dropout.
        rank: Train low-rank factors of this rank (and α twice as large) beside the weights, which then stay as they
            are, the embeddings, too; 0 trains the weights.
        seed: Draws the factors.

    Raises:
        SettingError: The encoder has not as many layers, its layers cannot be told, or tokens are to be sampled of a
            layer below those that train.
        MissingExtraError: There is a rank, and peft is not installed.
    """

    def __init__(
        self,
        encoder: TransformerEncoder,
        *,
        trained_layers: int,
        dropout: float | None = None,
        arithmetic: str = "float32",
        sampled: int = 0,
        rank: int = 0,
        seed: int = 0,
    ) -> None:
        self.base, self.rank = encoder, rank
        # in float32 whatever the encoder computes in: steps as small as these are lost in the rounding of others
        self._model = copy.deepcopy(encoder.model).float()
        self.device = encoder.device
        self._low_precision = trains_in_bfloat16(arithmetic, self.device)
        self._training = False
        self._sampled = sampled
        place = find_layers(self._model, encoder.n_layers)
        if place is None:
            raise SettingError(
                f"the layers of a {type(self._model).__name__} cannot be determined, so it cannot be trained"
            )
        layers = list(getattr(*place))
        depth = encoder.depth
        if trained_layers != _ALL and not 1 <= trained_layers <= depth:
            raise SettingError(
                f"trained_layers is {trained_layers}, but the pooling {encoder.settings.pooling!r} reads {depth} "
                f"layers; expected 1 to {depth}, or {_ALL} for the whole model"
            )
        if rank and trained_layers == _ALL:
            trained_layers = depth
        #: Hidden state that the lowest trained layer reads; -1 where the embeddings train too.
        self._boundary = _ALL if trained_layers == _ALL else depth - trained_layers
        for part in encoder.parts:
            if self._samples(part) and part.layer is not None and part.layer < self._boundary:
                raise SettingError(
                    f"the pooling {encoder.settings.pooling!r} reads 'between' of layer {part.layer}, but tokens can "
                    f"only be sampled from layer {self._boundary} on, whose states are stored; write "
                    f"'between@{self._boundary}', train more layers, or sample no words"
                )
        self._states: dict[int, torch.Tensor] = {}
        keep_states(layers, self._states, embeddings=self._boundary == _ALL)
        if self._boundary != _ALL:
            skip_layers(self._model, place, self._boundary, self._states)
        self._trained: list[torch.nn.Module] = (
            [self._model] if self._boundary == _ALL else layers[self._boundary : depth]
        )
        #: Which tokens the highest layer is read at, where these are few.
        self._read: dict[str, torch.Tensor] = {}
        self._narrowed = reads_few(encoder.parts, depth, encoder.n_layers) and narrow(
            layers[depth - 1], self._read
        )
        for module in self._trained:
            module.requires_grad_(True)
            if dropout is not None:
                set_dropout(module, dropout)
        if rank:
            add_factors(self._model, self._trained, rank=rank, seed=seed)

    @property
    def alpha(self) -> int:
        """α of the low-rank factors: a weight W becomes W + α/r · B A."""
        return alpha_of(self.rank)

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return self.base.dimension

    @property
    def scale(self) -> float:
        """See :attr:`TransformerEncoder.scale`."""
        return self.base.scale

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return what trains."""
        return (parameter for _, parameter in self._named())

    def train(self, mode: bool = True) -> None:
        """Switch dropout on or off in the layers that train."""
        self._training = mode
        for module in self._trained:
            module.train(mode)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights (or low-rank factors) that train, by their names in the model."""
        return {
            plain_name(name): parameter.detach().cpu().float().numpy().copy()
            for name, parameter in self._named()
        }

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over weights as :meth:`weights` gives them."""
        import torch

        with torch.no_grad():
            for name, parameter in self._named():
                parameter.copy_(torch.from_numpy(weights[plain_name(name)]))

    def prepare(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> Prepared:
        """Run the frozen layers once.

        Args:
            instances: What will be trained on.
            progress: Told the number of instances done, stage ``"encode"``.
            on_loss: Told each instance that did not fit whole, and what was lost.
        """
        fixed = [part for part in self.base.parts if self._is_fixed(part)]
        return prepare(
            self.base,
            instances,
            fixed=fixed,
            boundary=None if self._boundary == _ALL else self._boundary,
            progress=progress,
            on_loss=on_loss,
        )

    def __call__(self, prepared: Prepared, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents, from which gradients reach the trained layers."""
        import torch

        places = prepared.places[torch.from_numpy(contents).to(self.device)]
        lengths = prepared.lengths[contents]
        longest = int(lengths.max())
        tokens = np.full((len(contents), longest), self.base.vocabulary.pad_id, dtype=np.int64)
        for place, (content, length) in enumerate(zip(contents, lengths, strict=True)):
            end = prepared.ends[content]
            tokens[place, :length] = prepared.ids[end - length : end]
        if prepared.states is not None:
            self._states[self._boundary] = prepared.states.padded(contents).to(self.device)
        if self._narrowed:
            self._read["tokens"] = tokens_read(places, longest)
        attention = torch.arange(longest, device=self.device) < places.length[:, None]  # (B, T)
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self._training and self._low_precision
        ):
            output = self._model(
                input_ids=torch.from_numpy(tokens).to(self.device),
                attention_mask=attention.long() if bool((lengths < longest).any()) else None,
            )
        pieces, begin = [], 0
        for part in self.base.parts:
            if self._is_fixed(part):
                end = begin + part.width(self.base.hidden_size)
                pieces.append(prepared.fixed[contents, begin:end])
                begin = end
            else:
                state = output.last_hidden_state if part.layer is None else self._states[part.layer]
                if state.requires_grad or self._training:
                    sampled = self._sampled if self._training else 0
                    pieces.append(pool_part(state, places, part, sampled=sampled))
                else:
                    # vectors are to be those of the encoder bit for bit
                    pieces.append(pool([state], places, [replace(part, layer=None)]))
        self._states.clear()
        return torch.cat(pieces, dim=1)

    def encode(
        self,
        prepared: Prepared,
        *,
        into: NDArray[np.float32] | None = None,
        contents: ContentVectors | None = None,
        progress: Progress = silent,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, of all prepared instances, without dropout.

        Args:
            prepared: The instances.
            into: Where they are written; an array of its own where left out, on disk beyond 1 GiB.
            contents: Where those of the contents are written as well.
            progress: Told the number of contents done, stage ``"encode again"``.
        """
        vectors = empty_vectors(len(prepared.row_of), self.dimension) if into is None else into
        order = np.argsort(prepared.row_of, kind="stable")
        ends = np.cumsum(np.bincount(prepared.row_of, minlength=len(prepared.lengths)))
        for batch, found in self.encoded(prepared, progress):
            for content, vector in zip(batch, found, strict=True):
                vectors[order[ends[content - 1] if content else 0 : ends[content]]] = vector
                if contents is not None:
                    contents[content] = vector
        return vectors

    def encode_contents(self, prepared: Prepared, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return vectors (M, D), float32, of all prepared contents, without dropout; on disk beyond 1 GiB."""
        vectors = empty_vectors(len(prepared.lengths), self.dimension)
        for batch, found in self.encoded(prepared, progress):
            vectors[batch] = found
        return vectors

    def encoded(
        self, prepared: Prepared, progress: Progress
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield contents (B,) and their vectors (B, D), float32, without dropout."""
        import torch

        self.train(False)
        lengths, done = prepared.lengths, 0
        for batch in batches(lengths, self.base.settings.batch_tokens):
            with torch.inference_mode():
                found: NDArray[np.float32] = self(prepared, batch).cpu().numpy()
            yield batch, found
            done += len(batch)
            progress("encode again", done, len(lengths))

    def _named(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        for name, parameter in self._model.named_parameters():
            if parameter.requires_grad and "pooler" not in name:  # no vector is read off a pooler
                yield name, parameter

    def _is_fixed(self, part: PoolingPart) -> bool:
        return part.layer is not None and part.layer <= self._boundary and not self._samples(part)

    def _samples(self, part: PoolingPart) -> bool:
        return self._sampled > 0 and part.name == "between"
