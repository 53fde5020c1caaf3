"""A YAML file as sections that hand out their keys by name and type, and say where a wrong one stands."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from relscout.errors import InputError, RelscoutError, SettingError, UnknownNameError

T = TypeVar("T")
_REQUIRED: Any = object()
_NAMES = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a mapping"}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses a key that is given twice instead of taking the last one."""

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


def load(path: Path) -> Section:
    """Read a YAML file that is one mapping.

    Raises:
        InputError: The file cannot be read, or is no YAML.
        SettingError: It holds something else than a mapping.
    """
    try:
        # the loader is a safe one: it makes plain values only
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{path}{line}: {' '.join(str(problem or error).split())}") from error
    return Section(str(path), content)


@dataclass(frozen=True)
class Section:
    """A mapping of a file.

    Args:
        place: The file and the way to the mapping in it, for error messages.
        values: What stands there; checked to be a mapping with texts as keys.

    Raises:
        SettingError: It is something else.
    """

    place: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        _check_kind(self.place, self.values, dict)
        for key in self.values:
            if not isinstance(key, str):
                raise SettingError(f"{self.place}: the key {key!r} is no text; put it into quotes")

    @contextlib.contextmanager
    def located(self, key: str = "") -> Iterator[None]:
        """Put the place before the message of an error about what stands here."""
        try:
            yield
        except RelscoutError as error:
            raise SettingError(f"{self._place(key)}: {error}") from error

    def check_keys(self, known: Collection[str]) -> None:
        """Refuse keys that are not known.

        Raises:
            SettingError: There is one; the message names the nearest known key.
        """
        with self.located():
            for key in self.values:
                if key not in known:
                    raise UnknownNameError("key", key, known)

    def take(self, key: str, kind: type[T], default: T = _REQUIRED) -> T:
        """Return the value of a key.

        Raises:
            SettingError: The key is missing and has no default, or its value is not of that kind.
        """
        if key not in self.values:
            if default is _REQUIRED:
                raise SettingError(f"{self.place}: the key {key!r} is missing")
            return default
        value = self.values[key]
        if kind is float and type(value) is int:
            value = float(value)
        _check_kind(self._place(key), value, kind)
        if value == "" or (isinstance(value, list) and not value and default is _REQUIRED):
            raise SettingError(f"{self._place(key)} is empty")
        return value  # type: ignore[no-any-return]

    def texts(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """Return a list of texts."""
        return self._items(key, str, default)

    def integers(self, key: str, default: tuple[int, ...] = _REQUIRED) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        return self._items(key, int, default)

    def section(self, key: str) -> Section | None:
        """Return the mapping of a key; ``None`` where the key is not given."""
        return Section(self._place(key), self.values[key]) if key in self.values else None

    def sections(self, key: str, default: tuple[Section, ...] = _REQUIRED) -> tuple[Section, ...]:
        """Return the mappings of a list."""
        if key not in self.values and default is not _REQUIRED:
            return default
        items = self.take(key, list)
        return tuple(Section(f"{self._place(key)}[{place}]", item) for place, item in enumerate(items))

    def _items(self, key: str, kind: type[T], default: tuple[T, ...]) -> tuple[T, ...]:
        if key not in self.values and default is not _REQUIRED:
            return default
        items = self.take(key, list)
        for place, item in enumerate(items):
            _check_kind(f"{self._place(key)}[{place}]", item, kind)
        if len(set(items)) < len(items):
            raise SettingError(f"{self._place(key)} holds a value twice: {items}")
        return tuple(items)

    def _place(self, key: str) -> str:
        return f"{self.place}, {key}" if key else self.place


def _check_kind(place: str, value: Any, kind: type[Any]) -> None:
    if type(value) is not kind:
        raise SettingError(f"{place} is {value!r}, expected {_NAMES[kind]}")
