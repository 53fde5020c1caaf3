"""The rows of Table 1: what makes a classifier like the one that is analysed, in any input format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from relscout.analysis.table_one import Maker
from relscout.encoders import TransformerEncoder
from relscout.finetuning.supervised import RelationClassifier


def like(model: RelationClassifier) -> tuple[str, Maker]:
    """Return the name and the maker of classifiers with the settings and the encoder of one, as before it was trained.

    The marking of the encoder makes the format; its pooling stays.
    """
    start = model.encoder.settings
    options = {name: value for name, value in model.settings().items() if name not in ("seed", "encoder")}

    def make(format: str, seed: int) -> RelationClassifier:
        encoder = TransformerEncoder(replace(start, marking=format), cache=model.encoder.cache)
        return RelationClassifier(encoder, seed=seed, **options)

    return Path(start.model).name, make
