"""Hugging Face models as relation encoders: mark, tokenise, run the layers that the pooling uses, pool."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, RelscoutError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders.cache import StoredSentence, VectorCache, empty_vectors
from relscout.encoders.inputs import (
    Input,
    Vocabulary,
    batches,
    by_sentence,
    collate,
    places_of,
    rows_by_content,
)
from relscout.encoders.layers import add_embeddings, check_length, drop_layers_above, overlay
from relscout.encoders.marking import TYPE_TOKENS, TYPES_INSTEAD
from relscout.encoders.pooling import (
    Pieces,
    Places,
    joined,
    n_slots,
    parse_pooling,
    pieces_of,
    reads_states,
    side_by_side,
    type_codes,
)
from relscout.encoders.settings import (
    Backend,
    Dtype,
    EncoderSettings,
    base_of,
    check_exists,
    choose_device,
    locate,
    merge,
    unknown_encoder,
)
from relscout.encoders.whitening import Whitening

if TYPE_CHECKING:
    import torch

    from relscout.encoders.backends import OpenVINOModel


#: Shapes of products of matrices whose compiled code is kept. Each has a cache of its own: oneDNN, and torch's binding
#: to it. A process of relscout may set other numbers.
_KEPT_SHAPES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "16"}
#: Values of ``dtype`` in which PyTorch multiplies matrices; other layers compute in float32.
_LOW_PRECISION = ("bfloat16", "float16")
#: Seconds in which the Hugging Face hub must answer at all.
_HUB_PATIENCE = 5.0
#: Increase this whenever a change of marking, cutting or pooling changes vectors.
_SCHEME = 1
#: Entries of a configuration that determine vectors and cannot be seen in the weights.
_CONFIGURATION = (
    "model_type",
    "hidden_act",
    "num_attention_heads",
    "layer_norm_eps",
    "position_embedding_type",
    "rope_theta",
    "sliding_window",
)


def fingerprint(settings: EncoderSettings, config: Any, tokenizer: Any, model: Any) -> str:
    """Return a hash of what determines a vector up to rounding: weights, vocabulary, marking, pooling and length.

    Args:
        settings: Settings of the encoder; device, size of batches and the model's name do not count.
        config: Configuration of the model.
        tokenizer: The tokenizer in use.
        model: The model in use: without unused layers, with the embeddings of new markers.
    """
    digest = blake2b(digest_size=16)
    shows_types = settings.marking == TYPE_TOKENS or settings.marking in TYPES_INSTEAD
    types = (tuple(sorted(settings.types)),) if shows_types and settings.types else ()
    scheme = (_SCHEME, settings.marking, settings.pooling, settings.max_length, *types)
    architecture = [str(getattr(config, name, "")) for name in _CONFIGURATION]
    digest.update(repr((*scheme, *architecture)).encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(model.state_dict().items()):
        if "pooler" not in name:  # unused, and random if the checkpoint has none
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()


def load_config(model: str) -> Any:
    """Return the configuration of a model.

    Args:
        model: A name that :func:`relscout.encoders.settings.locate` knows, a folder or a name on the hub.

    Raises:
        SettingError: There is no such model, or it does not encode text.
        ArtifactError: It is an adapter with a damaged configuration.
    """
    if (base := base_of(model)) is not None:
        return load_config(base)
    with _loading(model):
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(locate(model), trust_remote_code=False, **_only_local(model))
    if config.is_encoder_decoder or not hasattr(config, "vocab_size"):
        raise SettingError(
            f"{model!r} is a {config.model_type} model; expected one that only encodes text, like BERT"
        )
    return config


def load_tokenizer(model: str) -> Any:
    """Return the tokenizer of a model.

    Raises:
        SettingError: There is none, or it cannot be read.
    """
    if (base := base_of(model)) is not None:
        return load_tokenizer(base)
    with _loading(model):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(locate(model), trust_remote_code=False, **_only_local(model))


def load_weights(model: str) -> Any:
    """Return a model with its weights, float32, for evaluation; an adapter is merged into its base model.

    Raises:
        SettingError: The weights cannot be read or are not complete.
        ArtifactError: An adapter is damaged, or is for other weights than the base model's.
    """
    if (base := base_of(model)) is not None:
        merged = load_weights(base)
        merge(merged, model)
        return merged
    with _loading(model):
        import torch
        from transformers import AutoModel

        # a missing pooler is initialised with random numbers, which must not be taken from the program's
        with torch.random.fork_rng(devices=[]):
            loaded, info = AutoModel.from_pretrained(
                locate(model),
                dtype=torch.float32,
                trust_remote_code=False,
                output_loading_info=True,
                **_only_local(model),
            )
    # many checkpoints have no pooler, which is not used here
    if missing := sorted(name for name in info["missing_keys"] if "pooler" not in name):
        raise SettingError(
            f"the files of {model!r} lack {len(missing)} weights of a {loaded.config.model_type} model, "
            f"such as {missing[0]!r}; they would stay random"
        )
    return loaded.eval().requires_grad_(False)


def load_language_model(model: str) -> Any | None:
    """Return a model with its head for masked language modelling, float32; ``None`` if its files have no such head.

    For an adapter, this is its base model, without the adapter.

    Raises:
        SettingError: The weights cannot be read.
        ArtifactError: It is an adapter with a damaged configuration.
    """
    if (base := base_of(model)) is not None:
        return load_language_model(base)
    with _loading(model):
        import torch
        from transformers import AutoConfig, AutoModelForMaskedLM

        if type(AutoConfig.from_pretrained(locate(model))) not in AutoModelForMaskedLM._model_mapping:
            return None
        with torch.random.fork_rng(devices=[]):
            loaded, info = AutoModelForMaskedLM.from_pretrained(
                locate(model), dtype=torch.float32, trust_remote_code=False, output_loading_info=True
            )
    # missing weights would stay random
    return None if any("pooler" not in name for name in info["missing_keys"]) else loaded


def _only_local(model: str) -> dict[str, bool]:
    """Return what keeps transformers from asking the hub again and again where that cannot be reached.

    Raises:
        SettingError: The hub cannot be reached, and its model was not downloaded before.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    if Path(locate(model)).is_dir() or constants.HF_HUB_OFFLINE or _hub_answers(constants.ENDPOINT):
        return {}
    if not isinstance(try_to_load_from_cache(model, "config.json"), str):
        raise unknown_encoder(model, f"there is no such folder, and {constants.ENDPOINT} cannot be reached")
    return {"local_files_only": True}


@cache
def _hub_answers(address: str) -> bool:
    import httpx

    try:
        httpx.head(address, timeout=_HUB_PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True


@contextlib.contextmanager
def _loading(model: str) -> Iterator[None]:
    check_exists(model)
    with quiet():
        try:
            yield
        except RelscoutError:
            raise
        except Exception as error:
            # broken files raise any exception of the parser of their format, even a bare Exception
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise unknown_encoder(model, lines[0] if lines else type(error).__name__) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing progress bars and reports about the checkpoint."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()


#: Called with an instance that was cut to the encoder's length, and what was cut.
OnLoss = Callable[[RelationInstance, str], None]
#: Some instances of a shard: their positions in it, their vectors (N, D), and what was cut from each.
_Encoded = tuple[Sequence[int], NDArray[np.float32], Sequence[str]]
#: Number of vectors that are assembled at a time.
_JOINED = 2048


class TransformerEncoder:
    """Turns relation instances into vectors with a transformer whose weights do not change.

    The model is loaded when it is first used.

    Args:
        settings: Model, marking, pooling and the rest.
        cache: Stores vectors, so that nothing is encoded twice and interrupted work resumes; ``None`` stores nothing.
        weights: Weights trained by a method, by their names in the model, which replace the model's own.
        whitens: Whether vectors are whitened if the model's folder holds a whitening for this marking and pooling;
            with entity types in the pooling they are not.

    Attributes:
        parts: The parts of the pooling.
        weights: The trained weights by their names in the model.
    """

    def __init__(
        self,
        settings: EncoderSettings | None = None,
        *,
        cache: VectorCache | None = None,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
        whitens: bool = True,
    ) -> None:
        self.settings = settings or EncoderSettings()
        self.cache = cache
        self._whitens = whitens
        self.parts = parse_pooling(self.settings.pooling)
        self.weights = weights or {}
        #: Whether each part of a vector has the length of its weight; see :meth:`as_states`.
        self.of_unit_length = True
        self._states: TransformerEncoder | None = None

    def as_states(self) -> TransformerEncoder:
        """Return the encoder with vectors that are hidden states as they are, neither scaled nor whitened.

        Both share the model and the cache; the model is loaded.
        """
        if not self.of_unit_length:
            return self
        if self._states is None:
            _ = self._loaded
            self._states = copy.copy(self)
            self._states._whitens, self._states.of_unit_length = False, False
            for name in ("fingerprint", "whitening"):
                self._states.__dict__.pop(name, None)
        self._states.cache = self.cache
        return self._states

    def compute_with(self, *, backend: Backend | None = None, dtype: Dtype | None = None) -> None:
        """Change what runs the transformer, or the data type of its products; vectors change by rounding.

        The weights and the fingerprint stay the same, so that a loaded run may compute otherwise than when it was
        fitted. Call it before the encoder is used.

        Args:
            backend: The backend; ``None`` leaves it as it is.
            dtype: The data type; ``None`` leaves it as it is.

        Raises:
            SettingError: The backend does not compute in the data type, or not on the device.
        """
        settings = self.settings
        self.settings = replace(settings, backend=backend or settings.backend, dtype=dtype or settings.dtype)
        self._states = None
        for name in ("device", "_loaded", "model", "_narrow_model", "_compiled"):
            self.__dict__.pop(name, None)

    def __repr__(self) -> str:
        usual = EncoderSettings()
        given = [
            f"{field.name}={value!r}"
            for field in fields(self.settings)
            if (value := getattr(self.settings, field.name)) != getattr(usual, field.name)
        ]
        return f"TransformerEncoder(EncoderSettings({', '.join(given)}))"

    def with_types_of(self, instances: Iterable[RelationInstance]) -> TransformerEncoder:
        """Return the encoder with the entity types of instances, if its marking needs types and none are listed.

        Otherwise, the encoder itself is returned.

        Raises:
            SettingError: No instance has an entity type.
        """
        if self.settings.marking != TYPE_TOKENS or self.settings.types:
            return self
        types = sorted({kind for instance in instances for kind in instance.type_pair if kind is not None})
        if not types:
            raise SettingError(
                f"marking {TYPE_TOKENS!r} has a token for each entity type, and no instance has a type; "
                "give types with the data, or take another marking, such as 'markers'"
            )
        settings = replace(self.settings, types=tuple(types))
        typed = TransformerEncoder(settings, cache=self.cache, weights=self.weights, whitens=self._whitens)
        return typed if self.of_unit_length else typed.as_states()

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return sum(part.width(self._config.hidden_size) for part in self.parts)

    @property
    def scale(self) -> float:
        """Factor that brings the vectors, whose length the pooling sets, to a mean square of 1 (BERT's are near it)."""
        if not self.of_unit_length:
            return 1.0
        squared_length = sum(part.weight**2 for part in self.parts)
        return float((self.dimension / squared_length) ** 0.5)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what determines a vector up to rounding: weights, vocabulary, marking, pooling and length."""
        _ = self.vocabulary  # configures the tokenizer, which is hashed
        unwhitened = fingerprint(self.settings, self._config, self._tokenizer, self.model)
        if not self.of_unit_length:
            return blake2b(f"states {unwhitened}".encode(), digest_size=16).hexdigest()
        if self.whitening is None:
            return unwhitened
        digest = blake2b(unwhitened.encode(), digest_size=16)
        digest.update(self.whitening.directions.tobytes() + self.whitening.factors.tobytes())
        return digest.hexdigest()

    @cached_property
    def whitening(self) -> Whitening | None:
        """How vectors are whitened; ``None`` if they are not.

        Raises:
            ArtifactError: The file of the whitening is damaged, or is for vectors of other dimensions.
        """
        # Next to entity types it does harm: clusters of sentences of Re-DocRED and NYT+FB lose 2 to 7 points of B³ F1,
        # whatever the weight of the types (Ward's criterion, 900 sentences each).
        pooling = self.settings.pooling
        loaded = Whitening.load(Path(locate(self.settings.model))) if self._whitens else None
        if loaded is None or (loaded.marking, loaded.pooling) != (self.settings.marking, pooling):
            return None
        width = sum(part.width(self.hidden_size) for part in parse_pooling(pooling))
        if loaded.directions.shape[1] != width:
            raise ArtifactError(
                f"the whitening of {self.settings.model!r} is for vectors of {loaded.directions.shape[1]} dimensions, "
                f"but those of pooling {pooling!r} have {width}; get the adapter again"
            )
        return loaded

    @property
    def hidden_size(self) -> int:
        """Number of dimensions of a hidden state."""
        return int(self._config.hidden_size)

    @cached_property
    def device(self) -> torch.device:
        """Where the transformer runs."""
        return choose_device(self.settings.device if self.settings.backend == "torch" else "cpu")

    @cached_property
    def depth(self) -> int:
        """The highest hidden state that the pooling uses; 0 is the embeddings."""
        n_layers = int(self._config.num_hidden_layers)
        deepest = max(n_layers if part.layer is None else part.layer for part in self.parts)
        if deepest > n_layers:
            raise SettingError(
                f"pooling {self.settings.pooling!r} reads layer {deepest}, but {self.settings.model!r} has {n_layers}"
            )
        return deepest

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Turns instances into token ids."""
        settings = self.settings
        return Vocabulary(
            self._tokenizer, self._config.vocab_size, settings.marking, settings.max_length, settings.types
        )

    @cached_property
    def model(self) -> Any:
        """The Hugging Face model: without the layers above :attr:`depth`, with embeddings for new markers."""
        return self._loaded[0]

    @contextlib.contextmanager
    def computing(self) -> Iterator[Any]:
        """Yield the model as PyTorch runs it: it multiplies matrices in the ``dtype`` of the settings.

        Weights of other layers, sums and hidden states stay float32.
        """
        import torch

        if self.settings.dtype not in _LOW_PRECISION:
            yield self.model
            return
        with torch.autocast(self.device.type, getattr(torch, self.settings.dtype)):
            yield self._narrow_model

    @cached_property
    def _narrow_model(self) -> Any:
        """A copy of the model with narrow matrices, so that they are not converted for every batch."""
        import torch

        model = copy.deepcopy(self.model)
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                module.to(getattr(torch, self.settings.dtype))
        return model

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

        Batches depend on the set of instances only, so neither their order nor an interruption changes the result.
        Pairs with the same tokens, such as all pairs of a sentence with marking ``none``, share a pass through the
        transformer.

        Args:
            instances: The instances.
            progress: Called with the number of instances done, stage ``"encode"``.
            on_loss: Called with each instance that was cut, and what was cut.

        Returns:
            Vectors (N, :attr:`dimension`), float32, in the order of ``instances``; a memory map if they take more than
            1 GiB.

        Raises:
            SettingError: The model cannot be loaded or does not match the settings.
            ArtifactError: The bundled model or the cache is damaged.
            OutputError: There is no space for the vectors, in the cache or on disk.
        """
        vectors = empty_vectors(len(instances), self.dimension)
        rows = rows_by_content(instances)
        done = 0
        progress("encode", 0, len(instances))
        for shard in by_sentence(instances, rows):
            same = [rows[key] for _, key in shard]
            for places, encoded, lost in self._encode_shard(shard, [instances[first] for first, *_ in same]):
                vectors[[same[place][0] for place in places]] = encoded
                for place, vector, what in zip(places, encoded, lost, strict=True):
                    if len(same[place]) > 1:
                        vectors[same[place][1:]] = vector
                    done += len(same[place])
                    if what and on_loss is not None:
                        for row in same[place]:
                            on_loss(instances[row], what)
                progress("encode", done, len(instances))
        return vectors

    def _encode_shard(
        self, keys: Sequence[tuple[bytes, bytes]], instances: Sequence[RelationInstance]
    ) -> Iterator[_Encoded]:
        todo: Sequence[int] = range(len(keys))
        types: NDArray[np.int64] | None = None
        if not all(map(reads_states, self.parts)):
            pairs = [instance.type_pair for instance in instances]
            types = np.array([type_codes(head, tail) for head, tail in pairs], dtype=np.int64)
        if self.cache is not None:
            places, lost, pieces = self._stored(keys, self.cache)
            if pieces is not None:
                yield from self._joined(places, pieces, lost, types)
                known = set(places)
                todo = [place for place in todo if place not in known]
        for places, pieces, lost in self._passes([instances[place] for place in todo]):
            places = [todo[place] for place in places]
            if self.cache is not None:
                self.cache.store(
                    self._cache_name, _stored_sentences([keys[place] for place in places], pieces, lost)
                )
            yield from self._joined(places, pieces, lost, types)

    def _passes(self, instances: Sequence[RelationInstance]) -> Iterator[tuple[list[int], Pieces, list[str]]]:
        """Run the transformer once over every distinct input of the instances.

        Yields:
            For each batch the positions of its instances, their pooled states, and what was cut from each.
        """
        inputs = self.vocabulary.inputs(instances)
        pairs_of: dict[tuple[int, ...], list[int]] = {}
        for place, item in enumerate(inputs):
            pairs_of.setdefault(item.marked.ids, []).append(place)
        lengths = np.array([len(ids) for ids in pairs_of], dtype=np.int64) + self.vocabulary.overhead
        pairs = list(pairs_of.values())
        for batch in batches(lengths, self.settings.batch_tokens):
            places = [place for row in batch for place in pairs[row]]
            sentences = np.repeat(np.arange(len(batch)), [len(pairs[row]) for row in batch])
            pieces = self._run([inputs[place] for place in places], sentences)
            yield places, pieces, [inputs[place].lost for place in places]

    def _run(self, inputs: Sequence[Input], sentences: NDArray[np.int64]) -> Pieces:
        """Run the transformer once for each sentence; inputs (N,) are sorted by their sentences (N,)."""
        import torch

        first = np.flatnonzero(np.diff(sentences, prepend=-1)).tolist()
        ids, of_sentences = collate([inputs[place] for place in first], self.vocabulary, self.device)
        with torch.inference_mode():
            if self._compiled is None:
                states = self.hidden_states(ids, of_sentences)
            else:
                states = self._compiled(ids, self.model_inputs(ids, of_sentences)["attention_mask"])
            return pieces_of(states, places_of(inputs, self.vocabulary), self.parts, sentences=sentences)

    def _stored(
        self, keys: Sequence[tuple[bytes, bytes]], cache: VectorCache
    ) -> tuple[list[int], list[str], Pieces | None]:
        """Return the stored pairs of a shard: positions in it, what was cut from each, and their pooled states."""
        wanted: dict[bytes, dict[bytes, int]] = {}
        for place, (sentence, key) in enumerate(keys):
            wanted.setdefault(sentence, {})[key] = place
        stored = cache.load(self._cache_name, list(wanted), slots=n_slots(self.parts), width=self.hidden_size)
        places: list[int] = []
        lost: list[str] = []
        pieces: list[Pieces] = []
        for sentence, places_of_keys in wanted.items():
            if sentence not in stored:
                continue
            known = stored[sentence]
            rows = [row for row, key in enumerate(known.keys) if key in places_of_keys]
            places += [places_of_keys[known.keys[row]] for row in rows]
            lost += [known.lost[row] for row in rows]
            pieces.append(Pieces(known.pieces.states, known.pieces.uses[rows]))
        return places, lost, side_by_side(pieces) if places else None

    def _joined(
        self, places: Sequence[int], pieces: Pieces, lost: Sequence[str], types: NDArray[np.int64] | None
    ) -> Iterator[_Encoded]:
        """Yield the vectors of pairs of a shard, some at a time."""
        for start in range(0, len(places), _JOINED):
            chosen = np.arange(start, min(start + _JOINED, len(places)))
            some = places[start : start + _JOINED]
            of_types = None if types is None else types[some]
            few = Pieces(pieces.states, pieces.uses[chosen]) if len(places) > _JOINED else pieces
            vectors = joined(few, of_types, self.parts, of_unit_length=self.of_unit_length)
            if self.whitening is not None:
                vectors = self.whitening(vectors)
            yield some, vectors, lost[start : start + _JOINED]

    def hidden_states(self, ids: torch.Tensor, places: Places) -> Sequence[torch.Tensor]:
        """Return the hidden states of a batch, (B, T, D) each: the embeddings first, then after every layer.

        Args:
            ids: Token ids (B, T), int64.
            places: Positions of the parts of each sentence.
        """
        import torch

        with torch.inference_mode(), self.computing() as model:
            states: Sequence[torch.Tensor] = model(
                **self.model_inputs(ids, places), output_hidden_states=True
            ).hidden_states
        return states

    def model_inputs(self, ids: torch.Tensor, places: Places) -> dict[str, torch.Tensor | None]:
        """Return the inputs of the model for a batch; the attention mask is ``None`` if nothing is padded.

        Args:
            ids: Token ids (B, T), int64.
            places: Positions of the parts of each sentence.
        """
        import torch

        longest = ids.shape[1]
        attention = torch.arange(longest, device=self.device) < places.length[:, None]  # (B, T)
        padded = bool((places.length < longest).any())
        return {"input_ids": ids, "attention_mask": attention.long() if padded else None}

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Return the share of unknown tokens, in [0, 1], in a sample of texts.

        The sample depends on the set of texts only.
        """
        return self.vocabulary.unknown_share(texts)

    def unknown_shares(self, texts: Sequence[str]) -> dict[str, float | None]:
        """Return the sample of :meth:`unknown_share`, to be joined with those of other parts of a corpus.

        See :meth:`relscout.encoders.inputs.Vocabulary.unknown_shares`.
        """
        return self.vocabulary.unknown_shares(texts)

    @property
    def _cache_name(self) -> str:
        # the bytes of a vector depend on the arithmetic
        backend = f" {self.settings.backend}" * (self.settings.backend != "torch")
        how = f"{self.fingerprint} {self.settings.dtype} {self.device.type}{backend}"
        return blake2b(how.encode(), digest_size=16).hexdigest()

    @cached_property
    def _compiled(self) -> OpenVINOModel | None:
        """The model as another backend runs it; ``None`` for PyTorch."""
        if self.settings.backend == "torch":
            return None
        layers = {
            self.depth if part.layer is None else part.layer for part in self.parts if reads_states(part)
        }
        from relscout.encoders.backends import OpenVINOModel

        return OpenVINOModel(self.model, sorted(layers), dtype=self.settings.dtype)

    @cached_property
    def _config(self) -> Any:
        return load_config(self.settings.model)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.settings.model)

    @cached_property
    def _loaded(self) -> tuple[Any, int]:
        settings, depth = self.settings, self.depth
        device = self.device  # a missing device is reported before anything is loaded
        # read once, before the first product of matrices; with the defaults of 1,024 shapes each, training on sentences
        # of all lengths takes gigabytes
        for variable, shapes in _KEPT_SHAPES.items():
            os.environ.setdefault(variable, shapes)
        model = load_weights(settings.model)
        check_length(model, settings.max_length)
        n_layers = drop_layers_above(model, depth, n_layers=self._config.num_hidden_layers)
        if self.vocabulary.n_new_embeddings:
            add_embeddings(model, self.vocabulary.words_of_new, seed=settings.seed)
        overlay(model, self.weights)
        return model.to(device), n_layers


def _stored_sentences(
    keys: Sequence[tuple[bytes, bytes]], pieces: Pieces, lost: Sequence[str]
) -> dict[bytes, StoredSentence]:
    """Return the data to store for each sentence, by its key."""
    rows_of: dict[bytes, list[int]] = {}
    for row, (sentence, _) in enumerate(keys):
        rows_of.setdefault(sentence, []).append(row)
    return {
        sentence: StoredSentence([keys[row][1] for row in rows], [lost[row] for row in rows], pieces.of(rows))
        for sentence, rows in rows_of.items()
    }
