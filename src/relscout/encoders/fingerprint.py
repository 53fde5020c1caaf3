"""What tells two encoders apart."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from relscout.encoders.settings import EncoderSettings

#: Raised whenever marking, fitting into the length or pooling changes what a vector is.
_SCHEME = 1
#: Entries of a configuration that decide vectors and that the weights do not show.
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
    """Return a hash of what decides a vector, up to rounding: weights, vocabulary, marking, pooling and length.

    Args:
        settings: Settings of the encoder; device, size of batches and the model's name are left out.
        config: Configuration of the model.
        tokenizer: Tokenizer as it is used.
        model: Model as it is used: without the layers that are not read, with the embeddings of new markers.
    """
    digest = blake2b(digest_size=16)
    told = (_SCHEME, settings.marking, settings.pooling, settings.max_length)
    how = [str(getattr(config, name, "")) for name in _CONFIGURATION]
    digest.update(repr((*told, *how)).encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(model.state_dict().items()):
        if "pooler" not in name:  # never read, and random where the checkpoint has none
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()
