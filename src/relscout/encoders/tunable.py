"""Train the top layers of an encoder on hidden states of the frozen layers, which are computed once."""

from __future__ import annotations

import copy
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import OutputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders.cache import empty_vectors
from relscout.encoders.inputs import batches, collate, rows_by_content, shards
from relscout.encoders.layers import (
    LowestLayers,
    add_factors,
    alpha_of,
    find_layers,
    keep_states,
    narrow,
    plain_name,
    reads_few,
    set_dropout,
    skip_layers,
    tokens_read,
)
from relscout.encoders.pooling import Places, PoolingPart, encodes_direction, pool, pool_part, turned
from relscout.encoders.settings import trains_in_bfloat16
from relscout.encoders.transformer import OnLoss, TransformerEncoder

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def can_turn(encoder: TransformerEncoder) -> bool:
    """Return whether :func:`turned_by` is exact: whether only the pooling depends on which mention is the head."""
    return encoder.settings.marking == "none" and encodes_direction(encoder.parts)


def turned_by(encoder: TransformerEncoder, vectors: Tensor) -> Tensor:
    """Return the vectors (B, D) of the same sentences with head and tail exchanged."""
    return turned(vectors, encoder.parts, encoder.hidden_size)


#: Bytes above which states are stored on disk.
_IN_MEMORY = 1 << 28
#: The same for vectors of contents, because others of the same size are clustered at the same time.
_VECTORS_IN_MEMORY = 1 << 24


class HiddenStates:
    """Hidden states of sentences of different lengths, one after the other.

    More than ``in_memory`` bytes are stored in an unnamed file in ``TMPDIR``, which is deleted with this object. It is
    read, not mapped, so that memory does not grow with the corpus.

    Args:
        lengths: Number of tokens of each sentence (N,), int64.
        width: Dimensions D of a state.
        in_memory: Largest number of bytes in memory.

    Raises:
        OutputError: The disk does not have enough space.
    """

    def __init__(self, lengths: NDArray[np.int64], width: int, *, in_memory: int = _IN_MEMORY) -> None:
        self.lengths = lengths
        self.width = width
        self._ends = np.cumsum(lengths)
        n_bytes = int(self._ends[-1] if len(lengths) else 0) * width * 4
        self._array: NDArray[np.float32] | None = None
        self._file: IO[bytes] | None = None
        if n_bytes <= in_memory:
            self._array = np.empty((n_bytes // (4 * width), width), dtype=np.float32)
            return
        try:
            # unbuffered, so that closing the file does not try again to write what a full disk refused
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
            weakref.finalize(self, self._file.close)
            self._file.truncate(n_bytes)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), 0, n_bytes)
        except OSError as error:
            raise _no_space(n_bytes, error) from error

    def write(self, row: int, states: NDArray[np.float32]) -> None:
        """Store the states (length, D) of a sentence.

        Raises:
            OutputError: The disk is full.
        """
        end = int(self._ends[row])
        start = end - int(self.lengths[row])
        if self._array is not None:
            self._array[start:end] = states
            return
        file: Any = self._file
        try:
            file.seek(start * self.width * 4)
            left = np.ascontiguousarray(states, dtype=np.float32).data.cast("B")
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise _no_space(int(self._ends[-1]) * self.width * 4, error) from error

    def padded(self, rows: Sequence[int] | NDArray[np.int64], longest: int | None = None) -> torch.Tensor:
        """Return the states of some sentences (B, T, D), float32, zero after the end of each.

        Args:
            rows: The sentences.
            longest: T; by default the length of the longest of them.
        """
        import torch

        longest = longest or int(self.lengths[rows].max())
        out = np.zeros((len(rows), longest, self.width), dtype=np.float32)
        for place, row in enumerate(rows):
            end, length = int(self._ends[row]), int(self.lengths[row])
            if self._array is not None:
                out[place, :length] = self._array[end - length : end]
            else:
                file: Any = self._file
                file.seek((end - length) * self.width * 4)
                left = out[place, :length].data.cast("B")
                while left:
                    left = left[file.readinto(left) :]
        return torch.from_numpy(out)


class ContentVectors:
    """Vectors of contents, read by the batch; above 16 MiB they are stored on disk.

    Args:
        count: Number of contents M.
        dimension: Dimensions D of a vector.
        in_memory: Largest number of bytes in memory.

    Raises:
        OutputError: The disk does not have enough space.
    """

    def __init__(self, count: int, dimension: int, *, in_memory: int = _VECTORS_IN_MEMORY) -> None:
        self._rows = HiddenStates(np.ones(count, dtype=np.int64), dimension, in_memory=in_memory)

    def __setitem__(self, content: int, vector: NDArray[np.float32]) -> None:
        """Store the vector (D,) of a content."""
        self._rows.write(content, vector[None])

    def __getitem__(self, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return the vectors (B, D), float32, of some contents."""
        return self._rows.padded(contents)[:, 0]


def _no_space(n_bytes: int, error: OSError) -> OutputError:
    return OutputError(
        f"cannot store {n_bytes / 1e9:.1f} GB of hidden states in {tempfile.gettempdir()}: {error.strerror or error}; "
        "set TMPDIR to a folder with more space, or train more layers, whose states are not stored"
    )


@dataclass(frozen=True)
class Prepared:
    """The output of the frozen layers for some instances, with M distinct contents.

    Args:
        row_of: Content of each instance (N,), int64.
        ids: Token ids of all contents, one after the other.
        ends: End of the ids of each content (M,), int64.
        places: Positions of the parts of each content; tensors of M rows.
        states: Input of the lowest trained layer; ``None`` if the whole model trains.
        fixed: The parts of the vectors that no trained layer changes, side by side (M, their widths), float32.
    """

    row_of: NDArray[np.int64]
    ids: NDArray[np.int64]
    ends: NDArray[np.int64]
    places: Places
    states: HiddenStates | None
    fixed: torch.Tensor

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each content (M,)."""
        return np.diff(self.ends, prepend=0)


def prepare(
    base: TransformerEncoder,
    instances: Sequence[RelationInstance],
    *,
    fixed: Sequence[PoolingPart],
    boundary: int | None,
    progress: Progress,
    on_loss: OnLoss | None,
) -> Prepared:
    """Run the frozen layers of an encoder once.

    Args:
        base: The encoder.
        instances: The instances to train on.
        fixed: Parts of the pooling that no trained layer changes.
        boundary: Number of the hidden state that the lowest trained layer reads; ``None`` if the whole model trains.
        progress: Called with the number of instances done, stage ``"encode"``.
        on_loss: Called with each instance that was cut, and what was cut.
    """
    import torch

    rows = rows_by_content(instances)
    keys = [key for shard in shards(instances, rows) for key in shard]
    row_of = np.empty(len(instances), dtype=np.int64)
    for content, key in enumerate(keys):
        row_of[rows[key]] = content
    inputs = []
    for start in range(0, len(keys), 8192):
        inputs += base.vocabulary.inputs([instances[rows[key][0]] for key in keys[start : start + 8192]])
    lengths = np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + base.vocabulary.overhead
    ids = np.empty(int(lengths.sum()), dtype=np.int64)
    ends = np.cumsum(lengths)
    vectors = torch.from_numpy(empty_vectors(len(keys), sum(part.width(base.hidden_size) for part in fixed)))
    states = HiddenStates(lengths, base.hidden_size) if boundary is not None else None
    with base.computing() as model:
        frozen = None if boundary is None else LowestLayers(model, boundary, n_layers=base.n_layers)
    places_of_batches: list[Places] = []
    order: list[int] = []
    done = 0
    progress("encode", 0, len(instances))
    for batch in batches(lengths, base.settings.batch_tokens):
        tokens, places = collate([inputs[row] for row in batch], base.vocabulary, base.device)
        if boundary is not None and frozen is not None:
            with base.computing():
                hidden = frozen(**base.model_inputs(tokens, places))
            if fixed:
                vectors[batch] = pool(hidden, places, fixed, of_unit_length=base.of_unit_length).cpu()
            kept = hidden[boundary].float().cpu().numpy()
        for place, row in enumerate(batch):
            length = int(lengths[row])
            ids[ends[row] - length : ends[row]] = tokens[place, :length].cpu().numpy()
            if states is not None:
                states.write(row, kept[place, :length])
        places_of_batches.append(places)
        order += batch.tolist()
        for row in batch:
            same = rows[keys[row]]
            done += len(same)
            if inputs[row].lost and on_loss is not None:
                for place in same:
                    on_loss(instances[place], inputs[row].lost)
        progress("encode", done, len(instances))
    back = torch.from_numpy(np.argsort(order))
    columns = ([getattr(places, name) for places in places_of_batches] for name in Places.__slots__)
    places = Places(*(torch.cat(column)[back] for column in columns))
    return Prepared(row_of, ids, ends, places, states, vectors.to(base.device))


#: The whole model trains.
_ALL = -1
#: Lengths of training batches that are grouped by length are multiples of this.
_MULTIPLE = 16


class TunableEncoder:
    """A copy of an encoder whose top layers train.

    Only trained layers have dropout, so that the output of the frozen layers can be computed once.

    Args:
        encoder: The encoder to start from, which does not change; :attr:`base`.
        trained_layers: Number of layers that train, counted from the highest that the pooling uses; -1 trains the whole
            model with its embeddings.
        dropout: Dropout rate of the trained layers, in [0, 1); ``None`` keeps the model's own.
        arithmetic: ``float32``, ``bfloat16`` or ``auto`` (see :func:`trains_in_bfloat16`): arithmetic of the trained
            layers while dropout is on. Their weights, and computations without dropout, are float32.
        sampled: While dropout is on, the part ``between`` of the pooling uses this many tokens, drawn in every call, as
            in HiURE. 0, or no dropout, uses all.
        rank: Train low-rank factors of this rank (with α twice the rank) and keep weights and embeddings frozen;
            0 trains the weights.
        seed: Random seed of the factors.

    Raises:
        SettingError: The encoder has fewer layers, its layers are not recognised, or tokens would be sampled from a
            layer below the trained ones.
        MissingExtraError: ``rank`` is above 0, and peft is not installed.
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
        # always float32: other types round away steps as small as those of the training
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
        #: Number of the hidden state that the lowest trained layer reads; -1 if the embeddings train too.
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
        #: Tokens of the highest layer that the pooling uses, if these are few.
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
        """Return the parameters that train."""
        return (parameter for _, parameter in self._named())

    def train(self, mode: bool = True) -> None:
        """Switch dropout on or off in the layers that train."""
        self._training = mode
        for module in self._trained:
            module.train(mode)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the trained weights or low-rank factors, by their names in the model."""
        return {
            plain_name(name): parameter.detach().cpu().float().numpy().copy()
            for name, parameter in self._named()
        }

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set the weights to those that :meth:`weights` returned."""
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
            instances: The instances to train on.
            progress: Called with the number of instances done, stage ``"encode"``.
            on_loss: Called with each instance that was cut, and what was cut.
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

    def by_length(self, prepared: Prepared, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return what calling it returns, up to rounding and other draws of dropout, with less padding.

        Contents of different lengths, such as sentences and their neighbours, run in groups of similar length. Lengths
        are padded to multiples of 16: for each shape that it has not seen, oneDNN compiles code and keeps it.
        """
        import torch

        groups = list(batches(prepared.lengths[contents], self.base.settings.batch_tokens))
        vectors = torch.cat([self(prepared, contents[rows], multiple=_MULTIPLE) for rows in groups])
        back = np.argsort(np.concatenate(groups))
        return vectors[torch.from_numpy(back).to(self.device)]

    def __call__(self, prepared: Prepared, contents: NDArray[np.int64], *, multiple: int = 1) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents, with gradients for the trained layers.

        Args:
            prepared: The instances.
            contents: Some of their contents (B,).
            multiple: The length of the batch in tokens is padded to a multiple of this, up to the maximum length.
        """
        import torch

        places = prepared.places[torch.from_numpy(contents).to(self.device)]
        lengths = prepared.lengths[contents]
        longest = int(lengths.max())
        longest = max(longest, min(-(-longest // multiple) * multiple, self.base.settings.max_length))
        tokens = np.full((len(contents), longest), self.base.vocabulary.pad_id, dtype=np.int64)
        for place, (content, length) in enumerate(zip(contents, lengths, strict=True)):
            end = prepared.ends[content]
            tokens[place, :length] = prepared.ids[end - length : end]
        if prepared.states is not None:
            self._states[self._boundary] = prepared.states.padded(contents, longest).to(self.device)
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
        unit = self.base.of_unit_length
        for part in self.base.parts:
            if self._is_fixed(part):
                end = begin + part.width(self.base.hidden_size)
                pieces.append(prepared.fixed[contents, begin:end])
                begin = end
            else:
                state = output.last_hidden_state if part.layer is None else self._states[part.layer]
                if state.requires_grad or self._training:
                    sampled = self._sampled if self._training else 0
                    pieces.append(pool_part(state, places, part, sampled=sampled, of_unit_length=unit))
                else:
                    # the vectors must equal the encoder's to the last bit
                    pieces.append(pool([state], places, [replace(part, layer=None)], of_unit_length=unit))
        self._states.clear()
        vectors = torch.cat(pieces, dim=1)
        whitening = self.base.whitening
        if whitening is None:
            return vectors
        if vectors.requires_grad or self._training:
            return whitening.of_tensor(vectors)
        return torch.from_numpy(whitening(vectors.cpu().numpy())).to(vectors.device)  # like the encoder's

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
            into: Array for the vectors; by default a new one, above 1 GiB on disk.
            contents: Receives the vectors of the contents as well.
            progress: Called with the number of contents done, stage ``"encode again"``.
        """
        vectors = empty_vectors(len(prepared.row_of), self.dimension) if into is None else into
        order = np.argsort(prepared.row_of, kind="stable")
        ends = np.cumsum(np.bincount(prepared.row_of, minlength=len(prepared.lengths)))
        for batch, encoded in self.encoded(prepared, progress):
            for content, vector in zip(batch, encoded, strict=True):
                vectors[order[ends[content - 1] if content else 0 : ends[content]]] = vector
                if contents is not None:
                    contents[content] = vector
        return vectors

    def encode_contents(self, prepared: Prepared, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return vectors (M, D), float32, of all prepared contents, without dropout; above 1 GiB on disk."""
        vectors = empty_vectors(len(prepared.lengths), self.dimension)
        for batch, encoded in self.encoded(prepared, progress):
            vectors[batch] = encoded
        return vectors

    def encoded(
        self, prepared: Prepared, progress: Progress, *, contents: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield contents (B,) and their vectors (B, D), float32, without dropout.

        Args:
            prepared: The instances.
            progress: Called with the number of contents done, stage ``"encode again"``.
            contents: The contents to encode; all by default.
        """
        import torch

        self.train(False)
        contents = np.arange(len(prepared.lengths)) if contents is None else contents
        lengths, done = prepared.lengths[contents], 0
        for rows in batches(lengths, self.base.settings.batch_tokens):
            batch = contents[rows]
            with torch.inference_mode():
                vectors: NDArray[np.float32] = self(prepared, batch).cpu().numpy()
            yield batch, vectors
            done += len(batch)
            progress("encode again", done, len(lengths))

    def _named(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        for name, parameter in self._model.named_parameters():
            if parameter.requires_grad and "pooler" not in name:  # no pooling uses the pooler
                yield name, parameter

    def _is_fixed(self, part: PoolingPart) -> bool:
        return part.layer is not None and part.layer <= self._boundary and not self._samples(part)

    def _samples(self, part: PoolingPart) -> bool:
        return self._sampled > 0 and part.name == "between"
