"""A Hugging Face model from its files: configuration, tokenizer and weights, without a word on the screen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from relscout.encoders.adapters import base_of, merge
from relscout.encoders.model_files import locate, unknown_encoder
from relscout.errors import RelscoutError, SettingError


def load_config(model: str) -> Any:
    """Return the configuration of a model.

    Args:
        model: A name that :func:`relscout.encoders.model_files.locate` knows, a folder or a name on the hub.

    Raises:
        SettingError: There is no such model, or it does not encode text.
        ArtifactError: It is an adapter with a damaged configuration.
    """
    if (base := base_of(model)) is not None:
        return load_config(base)
    with _loading(model):
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(locate(model), trust_remote_code=False)
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

        return AutoTokenizer.from_pretrained(locate(model), trust_remote_code=False)


def load_weights(model: str, *, dtype: str) -> Any:
    """Return a model with its weights, for evaluation; an adapter is merged into its base model.

    Raises:
        SettingError: The weights cannot be read or are not complete.
        ArtifactError: An adapter is damaged, or is for other weights than the base model's.
    """
    if (base := base_of(model)) is not None:
        import torch

        merged = load_weights(base, dtype="float32")
        merge(merged, model)
        return merged.to(getattr(torch, dtype))
    with _loading(model):
        import torch
        from transformers import AutoModel

        # a pooler that the checkpoint lacks is drawn, with random numbers that are the program's
        with torch.random.fork_rng(devices=[]):
            loaded, info = AutoModel.from_pretrained(
                locate(model), dtype=getattr(torch, dtype), trust_remote_code=False, output_loading_info=True
            )
    # many checkpoints come without a pooler, which nothing here reads
    if missing := sorted(name for name in info["missing_keys"] if "pooler" not in name):
        raise SettingError(
            f"the files of {model!r} lack {len(missing)} weights of a {loaded.config.model_type} model, "
            f"such as {missing[0]!r}; they would stay random"
        )
    return loaded.eval().requires_grad_(False)


def load_language_model(model: str) -> Any | None:
    """Return a model with its head for masked language modelling, float32; ``None`` where its files have no such head.

    The head of an adapter is that of its base model, which is returned as it is.

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
    # what is missing would stay random
    return None if any("pooler" not in name for name in info["missing_keys"]) else loaded


@contextlib.contextmanager
def _loading(model: str) -> Iterator[None]:
    with quiet():
        try:
            yield
        except RelscoutError:
            raise
        except Exception as error:
            # broken files raise whatever the parser of their format raises, down to a bare Exception
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
