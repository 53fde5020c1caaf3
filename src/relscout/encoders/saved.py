"""Save an encoder to a folder: a Hugging Face model, with the marking and pooling that it was trained with.

Such a folder can be given wherever relscout takes the name of an encoder (``--encoder FOLDER``). It is an ordinary
model folder, so other programs can load it, too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, OutputError, SettingError
from relscout.core.files import make_above, whole_folder
from relscout.encoders.layers import add_embeddings, overlay
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
from relscout.encoders.whitening import WHITENING, Whitening

#: The report of pre-training, written into the same folder.
REPORT = "pretraining.json"
#: Names of files that a folder with an encoder or an adapter may have, in addition to those that its description lists.
_CONTENTS = frozenset(
    {
        DESCRIPTION,
        REPORT,
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
        WHITENING,
        "README.md",
    }
)


def contents_of(folder: Path) -> frozenset[str]:
    """Return the names of the files that may be in a folder that an encoder or adapter replaces."""
    try:
        listed = description(str(folder.resolve())).get("files")
    except (ArtifactError, OSError):
        listed = None
    return _CONTENTS.union(map(str, listed if isinstance(listed, list) else ()))


def check_adapter(folder: Path, encoder: TransformerEncoder) -> None:
    """Check that an adapter could be loaded again after saving it. Call this before long work begins.

    Args:
        folder: Output folder of the adapter.
        encoder: The encoder that it is for.

    Raises:
        OutputError: The folder holds the encoder's own model, or a model that this one builds on.
        SettingError: The encoder has trained weights, which no folder holds.
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
    report: Mapping[str, Any] | None = None,
) -> None:
    """Write an encoder, completely or not at all, to a folder that loads like any Hugging Face model.

    All layers of the model are written; those that the pooling does not use are unchanged. Marker tokens that are not
    in the vocabulary are added to it.

    Args:
        folder: Output folder; an older encoder or adapter in it is replaced, even the encoder's own.
        encoder: The encoder. Its own weights are written if ``weights`` does not have them.
        weights: Trained weights by their names in :attr:`TransformerEncoder.model`.
        made: How it was made, see :func:`relscout.encoders.settings.about`; JSON values only.
        report: Report of the training, written to ``pretraining.json``; JSON values only.

    Raises:
        ArtifactError: The model has no weight of a name and shape in ``weights``.
        OutputError: The folder holds other files or cannot be written.
    """
    settings = encoder.settings
    model = load_weights(settings.model)
    tokenizer = load_tokenizer(settings.model)
    if new := encoder.vocabulary.new_tokens:
        _add_markers(tokenizer, model.get_input_embeddings().num_embeddings, new)
        add_embeddings(model, encoder.vocabulary.words_of_new, seed=settings.seed)
    overlay(model, {**encoder.weights, **(weights or {})})
    make_above(folder)
    with whole_folder(folder, contents=contents_of(folder)) as fresh, quiet():
        model.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        if encoder.whitening is not None:
            encoder.whitening.save(fresh)
        # large models are saved in several files, and each tokenizer has its own files
        describe(fresh, settings, made, files=sorted(entry.name for entry in fresh.iterdir()))
        _write_report(fresh, report)
        for file in fresh.iterdir():  # safetensors makes its files readable for the owner only
            if file.is_file():
                shutil.copymode(fresh / DESCRIPTION, file)


def _add_markers(tokenizer: Any, n_embeddings: int, names: Sequence[str]) -> None:
    """Add marker tokens with the ids of :func:`relscout.encoders.marking.assign`."""
    # some models have more embeddings than tokens: tokens without a name fill the gap, so that the ids match
    unnamed = [f"[unnamed{number}]" for number in range(n_embeddings - len(tokenizer))]
    tokenizer.add_tokens([*unnamed, *names], special_tokens=True)


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
    whitening: Whitening | None = None,
    report: Mapping[str, Any] | None = None,
) -> None:
    """Write an adapter of an encoder, completely or not at all, to a folder that loads like a model.

    Args:
        folder: Output folder; an older encoder or adapter in it is replaced, unless the adapter is for that model.
        encoder: The encoder that it is for, with the original weights of its model.
        lora: The two factors of each changed weight, by the name of its module in
            :attr:`TransformerEncoder.model` with ``.lora_A.weight`` (r, inputs) or ``.lora_B.weight`` (outputs, r).
        rank: r, at least 1.
        alpha: α; a changed weight is W + α/r · B A.
        markers: Trained embeddings (D,) of marker tokens, by their ids.
        card: Text of a model card, Markdown.
        made: How it was made, see :func:`relscout.encoders.settings.about`; JSON values only.
        report: Report of the training, written to ``pretraining.json``; JSON values only.
        flexible: Whether each method may use its own marking and pooling with it; otherwise those of the encoder apply.
        whitening: How its vectors are whitened; by default like those of ``encoder``.

    Raises:
        SettingError: The model has no embeddings for the marker tokens, or the encoder has weights that the files of
            its model do not hold.
        OutputError: The folder holds other files or the encoder's own model, or cannot be written.
    """
    check_adapter(folder, encoder)
    model = load_weights(encoder.settings.model)
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
        if whitening := whitening or encoder.whitening:
            whitening.save(fresh)
        _write_report(fresh, report)


def _write_report(folder: Path, report: Mapping[str, Any] | None) -> None:
    if report is not None:
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        (folder / REPORT).write_text(text, encoding="utf-8")
