"""An encoder as a folder of its own: a Hugging Face model, and beside it how it is meant to be read.

Such a folder goes wherever the name of an encoder goes, in relscout (``--encoder FOLDER``) and, being an ordinary
model folder, elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import adapters
from relscout.encoders.description import DESCRIPTION, describe
from relscout.encoders.loading import load_tokenizer, load_weights, quiet
from relscout.encoders.marker_tokens import NAMES
from relscout.encoders.surgery import add_embeddings, overlay
from relscout.encoders.transformer import TransformerEncoder
from relscout.errors import SettingError
from relscout.files import whole_folder

#: How pre-training went, which it writes beside what it saves.
_REPORT = "pretraining.json"
#: Every file name that a folder with an encoder may hold.
CONTENTS = frozenset(
    {
        DESCRIPTION,
        _REPORT,
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
    }
)
#: Every file name that a folder with an adapter may hold.
ADAPTER_CONTENTS = frozenset({DESCRIPTION, _REPORT, adapters.CONFIGURATION, adapters.WEIGHTS, "README.md"})


def save_encoder(
    folder: Path,
    encoder: TransformerEncoder,
    *,
    weights: Mapping[str, NDArray[np.float32]] | None = None,
    made: Mapping[str, Any],
) -> None:
    """Write an encoder to a folder that loads like any Hugging Face model, whole or not at all.

    All layers of the model are written, those that the pooling does not read as they were. Marker tokens for which the
    vocabulary kept no place are added to it.

    Args:
        folder: Where it is written; an older encoder in it is replaced.
        encoder: The encoder, whose own weights are written where ``weights`` has none of the name.
        weights: Trained weights by their names in :attr:`TransformerEncoder.model`.
        made: How it was made, which :func:`about` tells; JSON values only.

    Raises:
        ArtifactError: The model has no weight of a name and shape in ``weights``.
        OutputError: The folder holds other files or cannot be written.
    """
    settings = encoder.settings
    model = load_weights(settings.model, dtype="float32")
    tokenizer = load_tokenizer(settings.model)
    n_new = encoder.vocabulary.n_new_embeddings
    if n_new:
        _add_markers(tokenizer, model.get_input_embeddings().num_embeddings, n_new)
        add_embeddings(model, n_new, seed=settings.seed)
    overlay(model, {**encoder.weights, **(weights or {})})
    with whole_folder(folder, contents=CONTENTS) as fresh, quiet():
        model.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        describe(fresh, settings, made)


def _add_markers(tokenizer: Any, n_embeddings: int, count: int) -> None:
    """Give the marker tokens the ids that :func:`relscout.encoders.marker_tokens.assign` gave them."""
    # some models have more embeddings than tokens: the ids between them are filled, so that markers come behind
    unnamed = [f"[unnamed{number}]" for number in range(n_embeddings - len(tokenizer))]
    tokenizer.add_tokens(unnamed + list(NAMES[:count]), special_tokens=True)


def save_adapter(
    folder: Path,
    encoder: TransformerEncoder,
    lora: Mapping[str, NDArray[np.float32]],
    *,
    rank: int,
    alpha: float,
    markers: Mapping[int, NDArray[np.float32]] | None = None,
    card: str | None = None,
    made: Mapping[str, Any],
) -> None:
    """Write an adapter of an encoder to a folder that loads like a model, whole or not at all.

    Args:
        folder: Where it is written; an older adapter in it is replaced.
        encoder: The encoder that it is for, with the weights that its model comes with.
        lora: The two factors of each changed weight, under the name of its module in
            :attr:`TransformerEncoder.model` and ``.lora_A.weight`` (r, inputs) or ``.lora_B.weight`` (outputs, r).
        rank: r, at least 1.
        alpha: α; a changed weight is W + α/r · B A.
        markers: Trained embeddings (D,) of marker tokens, by their ids.
        card: Text of a model card, Markdown.
        made: How it was made, which :func:`relscout.encoders.description.about` tells; JSON values only.

    Raises:
        SettingError: Embeddings were trained of tokens for which the model has no place.
        OutputError: The folder holds other files or cannot be written.
    """
    model = load_weights(encoder.settings.model, dtype="float32")
    ids = sorted(markers or {})
    n_embeddings = model.get_input_embeddings().num_embeddings
    if ids and ids[-1] >= n_embeddings:
        raise SettingError(
            f"the vocabulary of {encoder.settings.model!r} has no place for marker tokens, so that an adapter "
            "cannot hold their embeddings; train and save the whole model"
        )
    rows = np.stack([markers[place] for place in ids]) if markers else None
    base = Path(encoder.settings.model)
    with whole_folder(folder, contents=ADAPTER_CONTENTS) as fresh:
        adapters.write(
            fresh,
            lora,
            base=str(base.resolve()) if base.is_dir() else encoder.settings.model,
            rank=rank,
            alpha=alpha,
            markers=rows,
        )
        if card is not None:
            (fresh / "README.md").write_text(card, encoding="utf-8")
        more = {"marker_ids": ids} if ids else {}
        describe(fresh, encoder.settings, made, base_hash=adapters.weights_hash(model), **more)
