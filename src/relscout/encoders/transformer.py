"""Any Hugging Face encoder as a relation encoder: mark, tokenise, run the layers that are needed, pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.batching import batches, shards
from relscout.encoders.cache import VectorCache, instance_key
from relscout.encoders.model_files import locate, unknown_encoder
from relscout.encoders.pooling import Places, parse_pooling, pool
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.vocabulary import Input, Vocabulary
from relscout.errors import SettingError
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

#: Called with an instance and what of it did not fit into the encoder's length.
OnLoss = Callable[[RelationInstance, str], None]


class TransformerEncoder:
    """Turns relation instances into vectors with a transformer whose weights stay as they are.

    Args:
        settings: Model, marking, pooling and the rest.
        cache: Keeps vectors, so that nothing is encoded twice and interrupted work goes on; ``None`` keeps nothing.
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
        digest = blake2b(digest_size=16)
        settings = self.settings
        told = (settings.marking, settings.pooling, settings.max_length)
        digest.update(repr(told).encode())
        _ = self._vocabulary  # sets the tokenizer up, which is part of what is hashed
        digest.update(self._tokenizer.backend_tokenizer.to_str().encode("utf-8", "surrogatepass"))
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Encode instances.

        The work is planned from the set of instances alone, so that neither their order nor an interruption changes
        the result.

        Args:
            instances: What to encode.
            progress: Told the number of instances done, stage ``"encode"``.
            on_loss: Told each instance that did not fit whole, and what was lost.

        Returns:
            Vectors (N, :attr:`dimension`), float32, in the order of ``instances``.
        """
        vectors = np.empty((len(instances), self.dimension), dtype=np.float32)
        done = 0
        progress("encode", 0, len(instances))
        for shard in shards(instances):
            for rows, found, lost in self._encode_shard([instances[row] for row in shard]):
                vectors[shard[rows]] = found
                done += len(rows)
                progress("encode", done, len(instances))
                if on_loss is not None:
                    for row, what in zip(rows, lost, strict=True):
                        if what:
                            on_loss(instances[shard[row]], what)
        return vectors

    def _encode_shard(
        self, instances: Sequence[RelationInstance]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], Sequence[str]]]:
        keys = [instance_key(instance) for instance in instances] if self.cache else []
        kept = self.cache.load(self._cache_name, keys) if self.cache else {}
        if self.cache and len(kept) == len(set(keys)):
            everything = np.arange(len(instances))
            yield everything, np.stack([kept[key][0] for key in keys]), [kept[key][1] for key in keys]
            return
        inputs = self._vocabulary.inputs(instances)
        overhead = len(self._vocabulary.before) + len(self._vocabulary.after)
        lengths = np.array([len(item.marked.ids) + overhead for item in inputs])
        for rows in batches(lengths, self.settings.batch_tokens):
            lost = [inputs[row].lost for row in rows]
            if self.cache and all(keys[row] in kept for row in rows):
                yield rows, np.stack([kept[keys[row]][0] for row in rows]), lost
                continue
            found = self._run([inputs[row] for row in rows], int(lengths[rows].max()))
            if self.cache:
                self.cache.store(self._cache_name, [keys[row] for row in rows], found, lost)
            yield rows, found, lost

    def _run(self, inputs: Sequence[Input], longest: int) -> NDArray[np.float32]:
        import torch

        vocabulary = self._vocabulary
        shift = len(vocabulary.before)
        ids = np.full((len(inputs), longest), vocabulary.pad_id, dtype=np.int64)
        length = np.empty(len(inputs), dtype=np.int64)
        for row, item in enumerate(inputs):
            whole = (*vocabulary.before, *item.marked.ids, *vocabulary.after)
            ids[row, : len(whole)] = whole
            length[row] = len(whole)
        starts = np.array([(item.marked.head_start, item.marked.tail_start) for item in inputs]) + shift
        spans = np.array([(item.marked.head, item.marked.tail) for item in inputs]) + shift
        mask = np.array([item.mask for item in inputs]) + shift
        device = self._device
        places = Places(*(torch.from_numpy(array).to(device) for array in (length, starts, spans, mask)))
        with torch.inference_mode():
            attention = torch.arange(longest, device=device) < places.length[:, None]
            padded = bool((length < longest).any())
            states: Sequence[Tensor] = self._model(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=attention.long() if padded else None,
                output_hidden_states=True,
            ).hidden_states
            vectors: NDArray[np.float32] = pool(states, places, self._parts).cpu().numpy()
        return vectors

    @cached_property
    def _device(self) -> Any:
        import torch

        asked = self.settings.device
        if asked == "auto":
            asked = (
                "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
            )
        if asked.startswith("cuda") and not torch.cuda.is_available():
            raise SettingError(
                f"device {asked!r} was asked for, but torch sees no CUDA device; use 'auto' or 'cpu'"
            )
        if asked == "mps" and not torch.backends.mps.is_available():
            raise SettingError("device 'mps' was asked for, but torch sees none; use 'auto' or 'cpu'")
        return torch.device(asked)

    @cached_property
    def _cache_name(self) -> str:
        # other arithmetic gives other bytes for the same vector
        how = f"{self.fingerprint} {self.settings.dtype} {self._device.type}"
        return blake2b(how.encode(), digest_size=16).hexdigest()

    @cached_property
    def _config(self) -> Any:
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(locate(self.settings.model))
        except (OSError, ValueError) as error:
            raise unknown_encoder(self.settings.model, str(error).strip().splitlines()[0]) from error

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        _ = self._config
        try:
            return AutoTokenizer.from_pretrained(locate(self.settings.model))
        except (OSError, ValueError) as error:
            raise unknown_encoder(self.settings.model, str(error).strip().splitlines()[0]) from error

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(
            self._tokenizer, self._config.vocab_size, self.settings.marking, self.settings.max_length
        )

    @cached_property
    def _model(self) -> Any:
        import torch
        from transformers import AutoModel

        n_layers = self._config.num_hidden_layers
        deepest = max((n_layers if part.layer is None else part.layer) for part in self._parts)
        if deepest > n_layers:
            raise SettingError(
                f"pooling {self.settings.pooling!r} reads layer {deepest}, but {self.settings.model!r} has {n_layers}"
            )
        try:
            model = AutoModel.from_pretrained(
                locate(self.settings.model), dtype=getattr(torch, self.settings.dtype)
            )
        except (OSError, ValueError) as error:
            raise unknown_encoder(self.settings.model, str(error).strip().splitlines()[0]) from error
        _drop_layers_above(model, deepest, n_layers)
        if self._vocabulary.n_new_embeddings:
            _add_embeddings(model, self._vocabulary.n_new_embeddings, self.settings.seed)
        return model.eval().requires_grad_(False).to(self._device)


def _drop_layers_above(model: Any, wanted: int, n_layers: int) -> None:
    import torch

    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == n_layers:
                setattr(module, name, child[:wanted])
                return


def _add_embeddings(model: Any, count: int, seed: int) -> None:
    """Append seeded marker embeddings near the mean of the known ones, as far out as they are."""
    import torch

    known = model.get_input_embeddings().weight.detach().float()
    noise = torch.randn(count, known.shape[1], generator=torch.Generator().manual_seed(seed))
    model.resize_token_embeddings(len(known) + count, mean_resizing=False)
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight[-count:] = (known.mean(dim=0) + noise * known.std(dim=0)).to(weight.dtype)
