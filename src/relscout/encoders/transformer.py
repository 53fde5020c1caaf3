"""Any Hugging Face encoder as a relation encoder: mark, tokenise, run the layers that are needed, pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.batching import batches, rows_by_content, shards
from relscout.encoders.cache import VectorCache
from relscout.encoders.collate import collate
from relscout.encoders.device import choose_device
from relscout.encoders.fingerprint import fingerprint
from relscout.encoders.loading import load_config, load_tokenizer, load_weights
from relscout.encoders.memory import empty_vectors
from relscout.encoders.pooling import parse_pooling, pool
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.surgery import add_embeddings, check_length, drop_layers_above
from relscout.encoders.vocabulary import Input, Vocabulary
from relscout.errors import SettingError
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent

if TYPE_CHECKING:
    import torch

#: Called with an instance and what of it did not fit into the encoder's length.
OnLoss = Callable[[RelationInstance, str], None]
#: Some instances of a shard: their places in it, their vectors (N, D), and what of each did not fit.
_Encoded = tuple[Sequence[int], Sequence[NDArray[np.float32]], Sequence[str]]


class TransformerEncoder:
    """Turns relation instances into vectors with a transformer whose weights stay as they are.

    Nothing is loaded before it is needed.

    Args:
        settings: Model, marking, pooling and the rest.
        cache: Keeps vectors, so that nothing is encoded twice and interrupted work goes on; ``None`` keeps none.
    """

    def __init__(self, settings: EncoderSettings | None = None, *, cache: VectorCache | None = None) -> None:
        self.settings = settings or EncoderSettings()
        self.cache = cache
        self._parts = parse_pooling(self.settings.pooling)

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return sum(part.width(self._config.hidden_size) for part in self._parts)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what decides a vector, up to rounding: weights, vocabulary, marking, pooling and length."""
        _ = self._vocabulary  # sets the tokenizer up, which is part of what is hashed
        return fingerprint(self.settings, self._config, self._tokenizer, self._model)

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Encode instances.

        The work is planned from the set of instances alone, so that neither their order nor an interruption
        changes the result. What reads the same is encoded once.

        Args:
            instances: What to encode.
            progress: Told the number of instances done, stage ``"encode"``.
            on_loss: Told each instance that did not fit whole, and what was lost.

        Returns:
            Vectors (N, :attr:`dimension`), float32, in the order of ``instances``; a memory map where they take
            more than 1 GiB.

        Raises:
            SettingError: The model cannot be loaded or does not go with the settings.
            ArtifactError: The bundled model or the cache is damaged.
            OutputError: There is no room for the vectors, in the cache or on disk.
        """
        vectors = empty_vectors(len(instances), self.dimension)
        rows = rows_by_content(instances)
        done = 0
        progress("encode", 0, len(instances))
        for keys in shards(instances, rows):
            for places, found, lost in self._encode_shard(keys, [instances[rows[key][0]] for key in keys]):
                for place, vector, what in zip(places, found, lost, strict=True):
                    same = rows[keys[place]]
                    vectors[same] = vector
                    done += len(same)
                    if what and on_loss is not None:
                        for row in same:
                            on_loss(instances[row], what)
                progress("encode", done, len(instances))
        return vectors

    def _encode_shard(
        self, keys: Sequence[bytes], instances: Sequence[RelationInstance]
    ) -> Iterator[_Encoded]:
        todo: Sequence[int] = range(len(keys))
        if self.cache is not None:
            kept = self.cache.load(self._cache_name, keys, dimension=self.dimension)
            known = [place for place in todo if keys[place] in kept]
            yield known, [kept[keys[place]][0] for place in known], [kept[keys[place]][1] for place in known]
            todo = [place for place in todo if keys[place] not in kept]
        inputs = self._vocabulary.inputs([instances[place] for place in todo])
        lengths = (
            np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + self._vocabulary.overhead
        )
        for batch in batches(lengths, self.settings.batch_tokens):
            places = [todo[row] for row in batch]
            lost = [inputs[row].lost for row in batch]
            found = self._run([inputs[row] for row in batch])
            if self.cache is not None:
                self.cache.store(self._cache_name, [keys[place] for place in places], found, lost)
            yield places, list(found), lost

    def _run(self, inputs: Sequence[Input]) -> NDArray[np.float32]:
        import torch

        ids, places = collate(inputs, self._vocabulary, self._device)
        longest = ids.shape[1]
        with torch.inference_mode():
            attention = torch.arange(longest, device=self._device) < places.length[:, None]  # (B, T)
            padded = bool((places.length < longest).any())
            states: Sequence[torch.Tensor] = self._model(
                input_ids=ids, attention_mask=attention.long() if padded else None, output_hidden_states=True
            ).hidden_states
            vectors: NDArray[np.float32] = pool(states, places, self._parts).cpu().numpy()
        return vectors

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.settings.device)

    @cached_property
    def _cache_name(self) -> str:
        # other arithmetic gives other bytes for the same vector
        how = f"{self.fingerprint} {self.settings.dtype} {self._device.type}"
        return blake2b(how.encode(), digest_size=16).hexdigest()

    @cached_property
    def _config(self) -> Any:
        return load_config(self.settings.model)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.settings.model)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(
            self._tokenizer, self._config.vocab_size, self.settings.marking, self.settings.max_length
        )

    @cached_property
    def _model(self) -> Any:
        settings, n_layers = self.settings, self._config.num_hidden_layers
        deepest = max(n_layers if part.layer is None else part.layer for part in self._parts)
        if deepest > n_layers:
            raise SettingError(
                f"pooling {settings.pooling!r} reads layer {deepest}, but {settings.model!r} has {n_layers}"
            )
        device = self._device  # a device that is not there is told before anything is loaded
        model = load_weights(settings.model, dtype=settings.dtype)
        check_length(model, settings.max_length)
        drop_layers_above(model, deepest, n_layers=n_layers)
        if self._vocabulary.n_new_embeddings:
            add_embeddings(model, self._vocabulary.n_new_embeddings, seed=settings.seed)
        return model.to(device)
