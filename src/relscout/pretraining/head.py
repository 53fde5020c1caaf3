"""What predicts masked words from hidden states: the checkpoint's own head, or a fresh one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from relscout.encoders.loading import load_language_model
from relscout.seeding import generator

#: Standard deviation of a fresh head's first weights, BERT's own.
_STD = 0.02


class OwnHead(nn.Module):
    """The head that a checkpoint comes with, whatever its architecture.

    The language model is kept without its encoder: in its place stands what hands on the states that are given, so that
    the model's own code runs its head, and on the masked tokens only.

    Args:
        language_model: The model with its head, as :func:`load_language_model` gives it.
        encoder: The model whose states are read; its embeddings of words are those of the head where the two are tied.
        seed: Draws what a head that is not tied has for new marker tokens.
    """

    def __init__(self, language_model: Any, encoder: Any, *, seed: int) -> None:
        super().__init__()
        n_tokens = encoder.get_input_embeddings().num_embeddings
        if n_tokens != language_model.get_input_embeddings().num_embeddings:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(generator(seed, "mlm head of markers").integers(2**62)))
                language_model.resize_token_embeddings(n_tokens, mean_resizing=False)
        self._states = _Given()
        setattr(language_model, language_model.base_model_prefix, self._states)
        if getattr(language_model.config, "tie_word_embeddings", True):
            language_model.get_output_embeddings().weight = encoder.get_input_embeddings().weight
        self.language_model = language_model

    def forward(self, states: Tensor) -> Tensor:
        """Return the scores of all words (M, V) for hidden states (M, D)."""
        self._states.given = states[None]
        nothing = torch.zeros((1, 1), dtype=torch.long, device=states.device)
        scores: Tensor = self.language_model(input_ids=nothing).logits[0]
        return scores


class FreshHead(nn.Module):
    """A head as BERT has it, tied to the embeddings of words: a dense layer, GELU, a normalisation, and a bias.

    Args:
        encoder: The model whose states are read.
        seed: Draws the dense layer.
    """

    def __init__(self, encoder: Any, *, seed: int) -> None:
        super().__init__()
        embeddings = encoder.get_input_embeddings().weight
        hidden, width = encoder.config.hidden_size, embeddings.shape[1]
        self.dense = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=getattr(encoder.config, "layer_norm_eps", 1e-12))
        self.bias = nn.Parameter(torch.zeros(len(embeddings)))
        self._embeddings = [embeddings]  # in a list: they belong to the encoder
        drawn = generator(seed, "mlm head").standard_normal((width, hidden))
        with torch.no_grad():
            self.dense.weight.copy_(torch.from_numpy(_STD * drawn))
            self.dense.bias.zero_()

    def forward(self, states: Tensor) -> Tensor:
        """Return the scores of all words (M, V) for hidden states (M, D)."""
        found = self.norm(nn.functional.gelu(self.dense(states)))
        return nn.functional.linear(found, self._embeddings[0], self.bias)


class _Given(nn.Module):
    """Stands where a language model has its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> BaseModelOutput:
        """Hand on the states that were given."""
        given, self.given = self.given, None
        return BaseModelOutput(last_hidden_state=given)


def language_head(model: str, encoder: Any, *, seed: int) -> tuple[nn.Module, bool]:
    """Return a head, and whether it is the checkpoint's own.

    Args:
        model: Name or folder of the checkpoint.
        encoder: The model whose states are read.
        seed: Draws a fresh head, or what the checkpoint's has for new marker tokens.
    """
    language_model = load_language_model(model)
    if language_model is None:
        return FreshHead(encoder, seed=seed), False
    return OwnHead(language_model, encoder, seed=seed), True
