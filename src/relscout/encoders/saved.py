"""An encoder as a folder of its own: a Hugging Face model, with the marking and pooling it was trained with.

Such a folder goes wherever the name of an encoder goes, in relscout (``--encoder FOLDER``) and, being an ordinary
model folder, elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, OutputError, SettingError
from relscout.core.files import make_above, whole_folder
from relscout.encoders.layers import add_embeddings, overlay
from relscout.encoders.marking import NAMES
from relscout.encoders.settings import (
    CONFIGURATION,
    DESCRIPTION,
    WEIGHTS,
    absolute,
    describe,
    description,
    lineage,
    locate,
    weights_hash,
    write,
)
from relscout.encoders.transformer import TransformerEncoder, load_tokenizer, load_weights, quiet

#: The report of pre-training, written into the same folder.
_REPORT = "pretraining.json"
#: File names that a folder with an encoder or an adapter may hold, in addition to those that its description lists.
_CONTENTS = frozenset(
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
        CONFIGURATION,
        WEIGHTS,
        "README.md",
    }
)


def contents_of(folder: Path) -> frozenset[str]:
    """Return the file names that a folder may hold to be replaced by an encoder or adapter."""
    try:
        listed = description(str(folder.resolve())).get("files")
    except (ArtifactError, OSError):
        listed = None  # what cannot be read lists nothing
    return _CONTENTS.union(map(str, listed if isinstance(listed, list) else ()))


def check_adapter(folder: Path, encoder: TransformerEncoder) -> None:
    """Refuse to save an adapter that could not be loaded again; to be asked before long work begins.

    Args:
        folder: Where the adapter is to be written.
        encoder: The encoder that it is for.

    Raises:
        OutputError: The folder is that of the encoder's own model, or of one that this builds on.
        SettingError: The encoder has weights of its own, which no folder holds.
        ArtifactError: The encoder is an adapter with a damaged configuration.
    """
    for model in lineage(encoder.settings.model):
        place = Path(locate(model))
        if folder.is_dir() and place.is_dir() and folder.samefile(place):
            raise OutputError(
                f"cannot write {folder}: it holds the model that the adapter is for, which the adapter needs; "
                "choose another folder"
            )
    if encoder.weights:
        raise SettingError(
            "an adapter is for the weights that a model's files hold, and this encoder has others in place of those of "
            f"{encoder.settings.model!r}; save it first (save_encoder), and start from that folder"
        )


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
        folder: Where it is written; an older encoder or adapter in it is replaced, be it the encoder's own.
        encoder: The encoder, whose own weights are written where ``weights`` has none of the name.
        weights: Trained weights by their names in :attr:`TransformerEncoder.model`.
        made: How it was made, returned by :func:`about`; JSON values only.

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
    make_above(folder)
    with whole_folder(folder, contents=contents_of(folder)) as fresh, quiet():
        model.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        # large models come in pieces, and each tokenizer has files of its own
        describe(fresh, settings, made, files=sorted(entry.name for entry in fresh.iterdir()))
        for file in fresh.iterdir():  # safetensors lets nobody but the owner read its files
            if file.is_file():
                shutil.copymode(fresh / DESCRIPTION, file)


def _add_markers(tokenizer: Any, n_embeddings: int, count: int) -> None:
    """Give the marker tokens the ids that :func:`relscout.encoders.marking.assign` gave them."""
    # some models have more embeddings than tokens: the ids between them are filled, so that markers come after them
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
    flexible: bool = False,
) -> None:
    """Write an adapter of an encoder to a folder that loads like a model, whole or not at all.

    Args:
        folder: Where it is written; an older encoder or adapter in it is replaced, unless this one is for it.
        encoder: The encoder that it is for, with the weights that its model comes with.
        lora: The two factors of each changed weight, under the name of its module in
            :attr:`TransformerEncoder.model` and ``.lora_A.weight`` (r, inputs) or ``.lora_B.weight`` (outputs, r).
        rank: r, at least 1.
        alpha: α; a changed weight is W + α/r · B A.
        markers: Trained embeddings (D,) of marker tokens, by their ids.
        card: Text of a model card, Markdown.
        made: How it was made, returned by :func:`relscout.encoders.settings.about`; JSON values only.
        flexible: Whether it may be read in any way, so that each method reads it in its own; otherwise it is read as
            the encoder is.

    Raises:
        SettingError: Embeddings were trained of tokens for which the model has no place, or the encoder has weights
            that its model's files do not hold.
        OutputError: The folder holds other files or the encoder's own model, or cannot be written.
    """
    check_adapter(folder, encoder)
    model = load_weights(encoder.settings.model, dtype="float32")
    ids = sorted(markers or {})
    n_embeddings = model.get_input_embeddings().num_embeddings
    if ids and ids[-1] >= n_embeddings:
        raise SettingError(
            f"the vocabulary of {encoder.settings.model!r} has no place for marker tokens, so that an adapter "
            "cannot hold their embeddings; train and save the whole model"
        )
    rows = np.stack([markers[place] for place in ids]) if markers else None
    make_above(folder)
    with whole_folder(folder, contents=contents_of(folder)) as fresh:
        write(
            fresh,
            lora,
            base=absolute(encoder.settings.model),
            rank=rank,
            alpha=alpha,
            markers=rows,
        )
        if card is not None:
            (fresh / "README.md").write_text(card, encoding="utf-8")
        more = {"base_hash": weights_hash(model), **({"marker_ids": ids} if ids else {})}
        describe(fresh, encoder.settings, made, flexible=flexible, **more)
