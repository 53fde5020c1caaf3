"""How a saved encoder is meant to be read, and how it was made: a file beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from relscout.encoders.model_files import locate
from relscout.encoders.settings import EncoderSettings
from relscout.errors import ArtifactError, SettingError
from relscout.files import whole_file

#: The file's name.
DESCRIPTION = "relscout.json"
_FORMAT = 1
#: What of an encoder's settings goes with its weights.
_READ_BY = ("marking", "pooling", "max_length")


def describe(
    folder: Path,
    settings: EncoderSettings,
    made: Mapping[str, Any],
    *,
    flexible: bool = False,
    **more: Any,
) -> None:
    """Write how an encoder is meant to be read.

    Args:
        folder: Folder of the encoder.
        settings: Its settings.
        made: How it was made; JSON values only.
        flexible: Whether it may be read in any way, so that each method reads it in its own.
        **more: What else is to be told; JSON values only.
    """
    # all of it, like the defaults of today or not: a method has defaults of its own, and defaults change
    read_by = {} if flexible else {name: getattr(settings, name) for name in _READ_BY}
    said = {"flexible": True} if flexible else {}
    told = {"format": _FORMAT, **more, "read_by": read_by, **said, "made": dict(made)}
    with whole_file(folder / DESCRIPTION) as partial:
        partial.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def description(model: str) -> dict[str, Any]:
    """Return what stands in a folder's description; nothing where ``model`` is not a folder with one.

    Raises:
        ArtifactError: The description is damaged, or was written by a newer relscout.
    """
    path = Path(locate(model)) / DESCRIPTION
    if not path.is_file():
        return {}
    try:
        told = dict(json.loads(path.read_text(encoding="utf-8")))
        if told["format"] != _FORMAT:
            raise ArtifactError(
                f"{path} has format {told['format']}, this relscout reads format {_FORMAT}; update relscout"
            )
        dict(told["read_by"]), dict(told["made"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged ({error}); save the encoder again") from error
    return told


def about(model: str) -> dict[str, Any]:
    """Return how a saved encoder was made; nothing where relscout did not save it.

    Raises:
        ArtifactError: Its description is damaged.
    """
    return dict(description(model).get("made", {}))


def settings_for(model: str, *, default: EncoderSettings | None = None, **given: Any) -> EncoderSettings:
    """Return the settings for an encoder: what is given, else what its folder says, else the default's.

    A folder that relscout saved says all, unless it was saved as flexible.

    Args:
        model: Name or folder.
        default: Settings for encoders that say nothing or are flexible; the usual ones when left out.
        **given: Fields of :class:`EncoderSettings`; ``None`` leaves one open.

    Raises:
        SettingError: A setting has a value that cannot work.
        ArtifactError: The folder's description is damaged.
    """
    told = description(model)
    read_by = {name: value for name, value in told.get("read_by", {}).items() if name in _READ_BY}
    if told and told.get("flexible") is not True:
        # what such a folder leaves out is as usual, not as a method has it
        read_by = {name: getattr(EncoderSettings(), name) for name in _READ_BY} | read_by
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return replace(default or EncoderSettings(), **{**read_by, **chosen}, model=model)
    except TypeError as error:
        raise SettingError(f"{model} cannot be read: {error}") from error
