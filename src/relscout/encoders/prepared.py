"""Instances as far as the layers of an encoder that stay as they are bring them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.batching import batches, rows_by_content, shards
from relscout.encoders.collate import collate
from relscout.encoders.memory import empty_vectors
from relscout.encoders.pieces import pool
from relscout.encoders.pooling import Places, PoolingPart
from relscout.encoders.skipping import LowestLayers
from relscout.encoders.states import HiddenStates
from relscout.encoders.transformer import OnLoss, TransformerEncoder
from relscout.instances import RelationInstance
from relscout.progress import Progress

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Prepared:
    """Instances as far as the frozen layers bring them, every content once; M contents.

    Args:
        row_of: Content of each instance (N,), int64.
        ids: Token ids of all contents, one after the other.
        ends: Where the ids of each content end (M,), int64.
        places: Where the parts of each sentence lie; tensors of M rows.
        states: What the lowest trained layer reads; ``None`` where the whole model trains.
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
        """Tokens of each content (M,)."""
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
        instances: What will be trained on.
        fixed: Parts of the pooling that no trained layer changes.
        boundary: Hidden state that the lowest trained layer reads; ``None`` where the whole model trains.
        progress: Told the number of instances done, stage ``"encode"``.
        on_loss: Told each instance that did not fit whole, and what was lost.
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
    # nothing above the boundary is read here
    frozen = LowestLayers(base.model, boundary, n_layers=base.n_layers) if boundary is not None else None
    found: list[Places] = []
    order: list[int] = []
    done = 0
    progress("encode", 0, len(instances))
    for batch in batches(lengths, base.settings.batch_tokens):
        tokens, places = collate([inputs[row] for row in batch], base.vocabulary, base.device)
        if boundary is not None and frozen is not None:
            hidden = frozen(**base.model_inputs(tokens, places))
            if fixed:
                vectors[batch] = pool(hidden, places, fixed).cpu()
            kept = hidden[boundary].float().cpu().numpy()
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
    places = Places(*(torch.cat([getattr(one, name) for one in found])[back] for name in Places.__slots__))
    return Prepared(row_of, ids, ends, places, states, vectors.to(base.device))
