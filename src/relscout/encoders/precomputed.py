"""An encoder that has computed some vectors before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.cache import VectorCache, instance_key
from relscout.encoders.memory import empty_vectors
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.transformer import OnLoss, TransformerEncoder
from relscout.errors import InputError
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent


class Precomputed:
    """An encoder that returns given vectors for the instances that it knows, and encodes others.

    It stands for the wrapped encoder everywhere: methods that train take that one, and what is saved is that one.

    Args:
        encoder: Encodes whatever is not known; :attr:`encoder`.
        instances: What is known; an instance with the same text, offsets and types counts as the same one.
        vectors: Their vectors (N, D), float32, as ``encoder`` returned them. They are not copied.
        lost: What of each instance did not fit into the encoder's length (N,), see
            :func:`relscout.encoders.window.fit`; nothing where left out.

    Raises:
        InputError: There are more or fewer vectors than instances.
    """

    def __init__(
        self,
        encoder: TransformerEncoder,
        instances: Sequence[RelationInstance],
        vectors: NDArray[np.float32],
        *,
        lost: Sequence[str] | None = None,
    ) -> None:
        if len(instances) != len(vectors) or (lost is not None and len(lost) != len(instances)):
            raise InputError(
                f"{len(vectors)} vectors were given for {len(instances)} instances, expected one for each"
            )
        self.encoder = encoder
        self._rows = {instance_key(instance): row for row, instance in enumerate(instances)}
        self._vectors = vectors
        self._lost = lost

    @property
    def settings(self) -> EncoderSettings:
        """What rebuilds the encoder."""
        return self.encoder.settings

    @property
    def fingerprint(self) -> str:
        """Hash of everything but the instance that decides a vector."""
        return self.encoder.fingerprint

    @property
    def cache(self) -> VectorCache | None:
        """The cache of the wrapped encoder."""
        return self.encoder.cache

    @cache.setter
    def cache(self, cache: VectorCache | None) -> None:
        self.encoder.cache = cache

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances; errors are those of the wrapped encoder.

        Args:
            instances: What to encode.
            progress: Called with the number of instances done of those that are not known, stage ``"encode"``.
            on_loss: Called with each instance that did not fit whole, and what was lost.
        """
        known = [self._rows.get(instance_key(instance), -1) for instance in instances]
        new = [place for place, row in enumerate(known) if row < 0]
        if len(new) == len(instances):
            return self.encoder.encode(instances, progress=progress, on_loss=on_loss)
        # a copy: whoever asks may change the vectors in place
        vectors = empty_vectors(len(instances), self._vectors.shape[1])
        for place, row in enumerate(known):
            if row >= 0:
                vectors[place] = self._vectors[row]
                if on_loss is not None and self._lost is not None and self._lost[row]:
                    on_loss(instances[place], self._lost[row])
        if new:
            vectors[new] = self.encoder.encode(
                [instances[place] for place in new], progress=progress, on_loss=on_loss
            )
        return vectors


def underlying(encoder: object) -> TransformerEncoder | None:
    """Return the transformer that an encoder is or wraps; ``None`` where there is none."""
    if isinstance(encoder, Precomputed):
        encoder = encoder.encoder
    return encoder if isinstance(encoder, TransformerEncoder) else None
