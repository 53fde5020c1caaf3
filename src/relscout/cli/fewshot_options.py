"""Options shared by the commands of ``relscout fewshot``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relscout.cli import options
from relscout.errors import SettingError

if TYPE_CHECKING:
    from relscout.encoders import EncoderSettings
    from relscout.finetuning.fewshot import FewShot

#: Where no other encoder is named.
ENCODER = "minilm"

EncoderName = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="relation, minilm, directory or hub name.",
        show_default=ENCODER,
        rich_help_panel="Encoder",
    ),
]
Model = Annotated[Path | None, typer.Option(metavar="DIR", help="Output of 'relscout fewshot train'.")]
Dev = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Other relations to select the weights on; repeatable."),
]
Settings = Annotated[
    str | None, typer.Option("--set", metavar="SETTINGS", help="Settings, e.g. similarity=dot,iterations=0.")
]


def new(described: EncoderSettings, settings: str | None, *, seed: int = 0) -> FewShot:
    """Return a few-shot classifier that has learnt nothing, with the settings that are given.

    Raises:
        SettingError: A setting cannot work.
    """
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.fewshot import FewShot

    return FewShot(TransformerEncoder(described), seed=seed, **options.assignments_of(settings, "--set"))


def learnt(folder: Path, given: Mapping[str, object], *, device: str) -> FewShot:
    """Return the few-shot classifier of a folder.

    Args:
        folder: What 'relscout fewshot train' has written.
        given: Options that have no effect with a loaded model → their value; ``None`` if not given.
        device: Where its encoder computes.

    Raises:
        SettingError: One of them is given.
        ArtifactError: The folder does not hold a few-shot classifier.
    """
    from relscout.encoders import TransformerEncoder
    from relscout.finetuning.fewshot import FewShot

    for option, value in given.items():
        if value is not None:
            raise SettingError(
                f"{option} has no effect with --model, which stores its own; leave out one of them"
            )
    loaded = FewShot.load(folder)
    loaded.encoder = TransformerEncoder(replace(loaded.encoder.settings, device=device))
    return loaded


def numbers(text: str, option: str) -> list[int]:
    """Read whole numbers joined by commas, each once, in ascending order.

    Raises:
        SettingError: The text is not like that.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isascii() and piece.isdecimal() and 0 < len(piece) < 6 for piece in pieces):
        raise SettingError(f"{option} is {text!r}; expected whole numbers joined by commas, such as 5,10")
    return sorted({int(piece) for piece in pieces})
