"""Configuration files in YAML or JSON, such as presets and the settings of an encoder."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from relscout.core.errors import InputError, RelscoutError, SettingError


def read_config(path: Path) -> Any:
    """Return the content of a file as plain values: JSON if its name ends in ``.json``, else YAML.

    Raises:
        InputError: The file cannot be read, is malformed, or gives a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            return json.loads(text, object_pairs_hook=_once)
        # this loader is safe: it builds plain values only
        return yaml.load(text, Loader=_Loader)  # noqa: S506
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{path}{line}: {' '.join(str(problem or error).split())}") from error
    except _RepeatedKeyError as error:
        raise InputError(f"{path}: the key {error.args[0]!r} is given twice") from error
    except RecursionError as error:
        raise InputError(f"{path}: it is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits, a date that does not exist
        raise InputError(f"{path}: {error}") from error


@contextlib.contextmanager
def located(path: Path, *keys: str | int, place: str = "") -> Iterator[None]:
    """Put the file, and the line of the value, before the message of an error about a value.

    Args:
        path: The file, which :func:`read_config` reads.
        *keys: Keys and positions that lead to the value; those of the error follow.
        place: Name of the place of the value.
    """
    try:
        yield
    except RelscoutError as error:
        line = _line_of(path, (*keys, *getattr(error, "keys", ())))
        raise SettingError(", ".join(filter(None, (str(path), line, place))) + f": {error}") from error


def _line_of(path: Path, keys: tuple[str | int, ...]) -> str:
    """Return ``line N`` for the innermost key that is in the file; empty if there is none."""
    try:
        node: Any = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    line = None
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.value == key:
                    node, line = value_node, key_node.start_mark.line + 1
    return f"line {line}" if line else ""


class _RepeatedKeyError(Exception):
    """A key of a JSON object is given twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1:
            raise _RepeatedKeyError(key)
    return dict(pairs)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, except that a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)
