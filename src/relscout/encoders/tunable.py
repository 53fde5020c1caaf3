"""The top layers of an encoder, trained on states of the frozen layers below, which are computed once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.batching import batches, rows_by_content, shards
from relscout.encoders.collate import collate
from relscout.encoders.device import trains_in_bfloat16
from relscout.encoders.memory import empty_vectors
from relscout.encoders.narrowing import narrow, reads_few, tokens_read
from relscout.encoders.pooling import Places, pool_part
from relscout.encoders.prepared import Prepared
from relscout.encoders.skipping import LowestLayers, keep_states, set_dropout, skip_layers
from relscout.encoders.states import ContentVectors, HiddenStates
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

    Raises:
        SettingError: The encoder has not as many layers, or its layers cannot be told.
    """

    def __init__(
        self,
        encoder: TransformerEncoder,
        *,
        trained_layers: int,
        dropout: float | None = None,
        arithmetic: str = "float32",
    ) -> None:
        self.base = encoder
        # in float32 whatever the encoder computes in: steps as small as these are lost in the rounding of others
        self._model = copy.deepcopy(encoder.model).float()
        self.device = encoder.device
        self._low_precision = trains_in_bfloat16(arithmetic, self.device)
        self._training = False
        place = find_layers(self._model, encoder.n_layers)
        if place is None:
            raise SettingError(
                f"the layers of a {type(self._model).__name__} cannot be told, so it cannot be trained"
            )
        layers = list(getattr(*place))
        depth = encoder.depth
        if trained_layers != _ALL and not 1 <= trained_layers <= depth:
            raise SettingError(
                f"trained_layers is {trained_layers}, but the pooling {encoder.settings.pooling!r} reads {depth} "
                f"layers; expected 1 to {depth}, or {_ALL} for the whole model"
            )
        #: Hidden state that the lowest trained layer reads; -1 where the embeddings train too.
        self._boundary = _ALL if trained_layers == _ALL else depth - trained_layers
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

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return self.base.dimension

    @property
    def scale(self) -> float:
        """Factor that brings the vectors, whose length the pooling sets, to a mean square of 1 (BERT's are near it)."""
        squared_length = sum(part.weight**2 for part in self.base.parts)
        return float((self.dimension / squared_length) ** 0.5)

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return what trains."""
        return (parameter for _, parameter in self._named())

    def train(self, mode: bool = True) -> None:
        """Switch dropout on or off in the layers that train."""
        self._training = mode
        for module in self._trained:
            module.train(mode)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights that train, by their names in the model."""
        return {name: parameter.detach().cpu().float().numpy().copy() for name, parameter in self._named()}

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over weights as :meth:`weights` gives them."""
        import torch

        with torch.no_grad():
            for name, parameter in self._named():
                parameter.copy_(torch.from_numpy(weights[name]))

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
        import torch

        base, rows = self.base, rows_by_content(instances)
        keys = [key for shard in shards(instances, rows) for key in shard]
        row_of = np.empty(len(instances), dtype=np.int64)
        for content, key in enumerate(keys):
            row_of[rows[key]] = content
        inputs = []
        for start in range(0, len(keys), 8192):
            inputs += base.vocabulary.inputs([instances[rows[key][0]] for key in keys[start : start + 8192]])
        lengths = (
            np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + base.vocabulary.overhead
        )
        ids = np.empty(int(lengths.sum()), dtype=np.int64)
        ends = np.cumsum(lengths)
        fixed = torch.from_numpy(empty_vectors(len(keys), self._fixed_width))
        states = frozen = None
        if self._boundary != _ALL:
            states = HiddenStates(lengths, base.hidden_size)
            # nothing above the boundary is read here
            frozen = LowestLayers(base.model, self._boundary, n_layers=base.n_layers)
        found: list[Places] = []
        order: list[int] = []
        done = 0
        progress("encode", 0, len(instances))
        for batch in batches(lengths, base.settings.batch_tokens):
            tokens, places = collate([inputs[row] for row in batch], base.vocabulary, self.device)
            if frozen is not None:
                hidden = frozen(**base.model_inputs(tokens, places))
                self._fill(fixed, batch, hidden, places)
                kept = hidden[self._boundary].float().cpu().numpy()
            for place, row in enumerate(batch):
                length = int(lengths[row])
                ids[ends[row] - length : ends[row]] = tokens[place, :length].cpu().numpy()
                if states is not None:
                    states.write(row, kept[place, :length])
            found.append(places)
            order += batch.tolist()
            for row in batch:
                same = rows[keys[row]]
                done += len(same)
                if inputs[row].lost and on_loss is not None:
                    for one in same:
                        on_loss(instances[one], inputs[row].lost)
            progress("encode", done, len(instances))
        back = torch.from_numpy(np.argsort(order))
        places = Places(
            *(torch.cat([getattr(one, name) for one in found])[back] for name in Places.__slots__)
        )
        return Prepared(row_of, ids, ends, places, states, fixed.to(self.device))

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
            if self._is_fixed(part.layer):
                end = begin + part.width(self.base.hidden_size)
                pieces.append(prepared.fixed[contents, begin:end])
                begin = end
            else:
                state = output.last_hidden_state if part.layer is None else self._states[part.layer]
                pieces.append(pool_part(state, places, part))
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

    @property
    def _fixed_width(self) -> int:
        return sum(
            part.width(self.base.hidden_size) for part in self.base.parts if self._is_fixed(part.layer)
        )

    def _is_fixed(self, layer: int | None) -> bool:
        return layer is not None and layer <= self._boundary

    def _fill(
        self, fixed: torch.Tensor, batch: NDArray[np.int64], hidden: Sequence[torch.Tensor], places: Places
    ) -> None:
        begin = 0
        for part in self.base.parts:
            if part.layer is not None and self._is_fixed(part.layer):
                end = begin + part.width(self.base.hidden_size)
                fixed[batch, begin:end] = pool_part(hidden[part.layer], places, part).cpu()
                begin = end
