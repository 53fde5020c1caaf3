"""Any Hugging Face encoder as a relation encoder: mark, tokenise, run the layers that are needed, pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from relscout.encoders.pooling import Places, parse_pooling, pool
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.surgery import add_embeddings, check_length, drop_layers_above, overlay
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
        weights: Weights by name that a method trained, in place of the model's own.

    Attributes:
        parts: The parts of the pooling.
        weights: Weights that were trained, by their names in the model.
    """

    def __init__(
        self,
        settings: EncoderSettings | None = None,
        *,
        cache: VectorCache | None = None,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self.settings = settings or EncoderSettings()
        self.cache = cache
        self.parts = parse_pooling(self.settings.pooling)
        self.weights = weights or {}

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return sum(part.width(self._config.hidden_size) for part in self.parts)

    @property
    def scale(self) -> float:
        """Factor that brings the vectors, whose length the pooling sets, to a mean square of 1 (BERT's are near it)."""
        squared_length = sum(part.weight**2 for part in self.parts)
        return float((self.dimension / squared_length) ** 0.5)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what decides a vector, up to rounding: weights, vocabulary, marking, pooling and length."""
        _ = self.vocabulary  # sets the tokenizer up, which is part of what is hashed
        return fingerprint(self.settings, self._config, self._tokenizer, self.model)

    @property
    def hidden_size(self) -> int:
        """Number of dimensions of a hidden state."""
        return int(self._config.hidden_size)

    @cached_property
    def device(self) -> torch.device:
        """Where the transformer runs."""
        return choose_device(self.settings.device)

    @cached_property
    def depth(self) -> int:
        """The highest hidden state that the pooling reads; 0 is the embeddings."""
        n_layers = int(self._config.num_hidden_layers)
        deepest = max(n_layers if part.layer is None else part.layer for part in self.parts)
        if deepest > n_layers:
            raise SettingError(
                f"pooling {self.settings.pooling!r} reads layer {deepest}, but {self.settings.model!r} has {n_layers}"
            )
        return deepest

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What turns instances into token ids."""
        return Vocabulary(
            self._tokenizer, self._config.vocab_size, self.settings.marking, self.settings.max_length
        )

    @cached_property
    def model(self) -> Any:
        """The Hugging Face model: without the layers above :attr:`depth`, with embeddings for new markers."""
        return self._loaded[0]

    @property
    def n_layers(self) -> int:
        """Number of layers of :attr:`model`, at least :attr:`depth`."""
        return self._loaded[1]

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
        inputs = self.vocabulary.inputs([instances[place] for place in todo])
        lengths = (
            np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + self.vocabulary.overhead
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

        ids, places = collate(inputs, self.vocabulary, self.device)
        with torch.inference_mode():
            states = self.hidden_states(ids, places)
            vectors: NDArray[np.float32] = pool(states, places, self.parts).cpu().numpy()
        return vectors

    def hidden_states(self, ids: torch.Tensor, places: Places) -> Sequence[torch.Tensor]:
        """Return the hidden states of a batch, (B, T, D) each: the embeddings first, then after every layer.

        Args:
            ids: Token ids (B, T), int64.
            places: Where the parts of each sentence lie.
        """
        import torch

        with torch.inference_mode():
            states: Sequence[torch.Tensor] = self.model(
                **self.model_inputs(ids, places), output_hidden_states=True
            ).hidden_states
        return states

    def model_inputs(self, ids: torch.Tensor, places: Places) -> dict[str, torch.Tensor | None]:
        """Return what the model is given for a batch; no attention mask where nothing is padded.

        Args:
            ids: Token ids (B, T), int64.
            places: Where the parts of each sentence lie.
        """
        import torch

        longest = ids.shape[1]
        attention = torch.arange(longest, device=self.device) < places.length[:, None]  # (B, T)
        padded = bool((places.length < longest).any())
        return {"input_ids": ids, "attention_mask": attention.long() if padded else None}

    @cached_property
    def _cache_name(self) -> str:
        # other arithmetic gives other bytes for the same vector
        how = f"{self.fingerprint} {self.settings.dtype} {self.device.type}"
        return blake2b(how.encode(), digest_size=16).hexdigest()

    @cached_property
    def _config(self) -> Any:
        return load_config(self.settings.model)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.settings.model)

    @cached_property
    def _loaded(self) -> tuple[Any, int]:
        settings, depth = self.settings, self.depth
        device = self.device  # a device that is not there is told before anything is loaded
        model = load_weights(settings.model, dtype=settings.dtype)
        check_length(model, settings.max_length)
        n_layers = drop_layers_above(model, depth, n_layers=self._config.num_hidden_layers)
        if self.vocabulary.n_new_embeddings:
            add_embeddings(model, self.vocabulary.n_new_embeddings, seed=settings.seed)
        overlay(model, self.weights)
        return model.to(device), n_layers
