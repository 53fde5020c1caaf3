"""The presets: one YAML file is one experiment, checked against the code when it is read."""

from __future__ import annotations

from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from relscout.errors import UnknownNameError
from relscout.experiments.checks import TRIVIAL, check
from relscout.experiments.parsing import SCORES, parse
from relscout.experiments.schema import SCORINGS, Figure, Preset, Published, Row, Sweep
from relscout.experiments.sections import Section, load

__all__ = [
    "SCORES",
    "SCORINGS",
    "TRIVIAL",
    "Figure",
    "Preset",
    "Published",
    "Row",
    "Sweep",
    "preset",
    "presets",
]


def presets() -> list[str]:
    """Return the names of the presets that come with relscout, sorted."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _shipped().iterdir())


def preset(name_or_path: str | Path) -> Preset:
    """Read a preset that comes with relscout, by its name, or one of the user's own, by the path of its file.

    Raises:
        UnknownNameError: No preset has that name, and no file is there.
        InputError: The file cannot be read or is no YAML.
        SettingError: Something in it is wrong: a key or a name that is not known, a value of the wrong type, a
            setting that cannot work.
    """
    name = str(name_or_path)
    if name in presets():
        with as_file(_shipped() / f"{name}.yaml") as path:
            return _checked(load(path), name)
    path = Path(name_or_path)
    if not path.is_file() and path.suffix not in (".yaml", ".yml"):
        raise UnknownNameError("preset", name, presets())
    return _checked(load(path), path.stem)


def _shipped() -> Traversable:
    return files("relscout.experiments") / "presets"


def _checked(section: Section, name: str) -> Preset:
    parsed = parse(section, name)
    check(parsed, section)
    return parsed
