"""The rows of Table 1: what makes a classifier like the one that is analysed, in any input format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from relscout.analysis.trainable import Maker

if TYPE_CHECKING:
    from relscout.finetuning.cnn import CNNClassifier
    from relscout.finetuning.supervised import RelationClassifier


def rows_like(
    model: RelationClassifier | CNNClassifier, *, cnn: bool = False
) -> tuple[dict[str, Maker], str]:
    """Return the rows of a table, by name, and a hash of the weights that training starts from.

    Args:
        model: A classifier; others like it have its settings and start from its encoder as that was before training.
            The marking makes the format, whatever the marking of the model is.
        cnn: Whether a convolutional network with default settings is a row, too.
    """
    from relscout.finetuning.supervised import RelationClassifier

    if not isinstance(model, RelationClassifier):
        return {"CNN": _cnn(model.settings())}, ""
    rows = {"CNN": _cnn({})} if cnn else {}
    return {**rows, Path(model.encoder.settings.model).name: _encoder(model)}, model.encoder.fingerprint


def _cnn(settings: Mapping[str, object]) -> Maker:
    from relscout.finetuning.cnn import CNNClassifier

    options = {name: value for name, value in settings.items() if name not in ("seed", "marking")}

    def make(format: str, seed: int) -> CNNClassifier:
        return CNNClassifier(seed=seed, marking=format, **options)

    return make


def _encoder(model: RelationClassifier) -> Maker:
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.supervised import RelationClassifier

    start = model.encoder.settings
    options = {name: value for name, value in model.settings().items() if name not in ("seed", "encoder")}

    def make(format: str, seed: int) -> RelationClassifier:
        # a cache would be filled with vectors that are read once
        return RelationClassifier(TransformerEncoder(replace(start, marking=format)), seed=seed, **options)

    return make
