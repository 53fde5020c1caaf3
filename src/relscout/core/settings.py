"""Settings: checks of their values, their documentation, and their conversion from and to plain values."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

from relscout.core.errors import SettingError, UnknownNameError


def check_choices(settings: Any, choices: Mapping[str, Sequence[str]]) -> None:
    """Check settings, by name, against their allowed values.

    Raises:
        UnknownNameError: A value is not allowed.
    """
    for name, known in choices.items():
        if (choice := getattr(settings, name)) not in known:
            raise UnknownNameError(name, choice, known)


def check_least(settings: Any, least: Mapping[str, float]) -> None:
    """Check settings, by name, against their minimum.

    Raises:
        SettingError: A value is below its minimum, or not a number.
    """
    for name, bound in least.items():
        if not (value := getattr(settings, name)) >= bound:
            raise SettingError(f"{name} is {value}, expected at least {bound}")


def check_above_zero(settings: Any, names: Iterable[str]) -> None:
    """Check settings that are above 0.

    Raises:
        SettingError: One is not.
    """
    for name in names:
        if not (value := getattr(settings, name)) > 0:
            raise SettingError(f"{name} is {value}, expected a number above 0")


def check_rates(settings: Any, names: Iterable[str]) -> None:
    """Check settings that are rates, from 0 to below 1.

    Raises:
        SettingError: One is not.
    """
    for name in names:
        if not 0 <= (value := getattr(settings, name)) < 1:
            raise SettingError(f"{name} is {value}, expected a rate from 0 to below 1")


def check_shares(settings: Any, names: Iterable[str]) -> None:
    """Check settings that are shares, from 0 to 1.

    Raises:
        SettingError: One is not.
    """
    for name in names:
        if not 0 <= (value := getattr(settings, name)) <= 1:
            raise SettingError(f"{name} is {value}, expected a share from 0 to 1")


def whole_numbers(name: str, text: str, *, what: str, example: str) -> tuple[int, ...]:
    """Read whole numbers from 1 to 99,999 joined by ``-``.

    Args:
        name: Name of the setting.
        text: Its value.
        what: What the numbers are, in plural.
        example: A value that can be read.

    Raises:
        SettingError: The text is not of that form.
    """
    if not re.fullmatch("[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})*", text):
        raise SettingError(f"{name} is {text!r}, expected {what} joined by '-', such as {example!r}")
    return tuple(int(number) for number in text.split("-"))


T = TypeVar("T")


def from_mapping(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a settings dataclass from plain values, which may be texts as a command line gives them.

    Raises:
        UnknownNameError: A key is not a field.
        SettingError: A value is not of its field's type.
    """
    return kind(**converted(kind, values))


def converted(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values as fields of a settings dataclass; see :func:`from_mapping`."""
    hints = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise UnknownNameError("setting", name, known)
    return {name: _converted(name, value, hints[name]) for name, value in values.items()}


def to_mapping(settings: Any) -> dict[str, Any]:
    """Return the fields of a settings dataclass as plain values."""
    return dataclasses.asdict(settings)


def documentation(kind: type[Any]) -> dict[str, tuple[str, Any, str]]:
    """Return, for every field of a settings dataclass, its type, default and the docstring under it."""
    texts: dict[str, str] = {}
    for ancestor in reversed(kind.__mro__):
        if dataclasses.is_dataclass(ancestor):
            texts |= _docstrings(ancestor)
    return {
        field.name: (str(field.type), field.default, texts.get(field.name, ""))
        for field in dataclasses.fields(kind)
    }


def _docstrings(kind: type[Any]) -> dict[str, str]:
    """Return the text under each field that a class itself declares; none where it was made from a constructor."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        return {}
    body = ast.parse(textwrap.dedent(source)).body[0]
    texts: dict[str, str] = {}
    name = ""
    for node in body.body if isinstance(body, ast.ClassDef) else []:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            texts[name] = inspect.cleandoc(str(node.value.value))
            name = ""
        else:
            name = ""
    return texts


def _converted(name: str, value: Any, kind: Any) -> Any:
    if isinstance(value, str) and kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            raise SettingError(f"{name} is {value!r}, expected {kind.__name__}") from None
    if isinstance(value, str) and kind is bool:
        if value.lower() not in ("true", "false"):
            raise SettingError(f"{name} is {value!r}, expected true or false")
        return value.lower() == "true"
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise SettingError(f"{name} is {value!r}, expected {kind.__name__}")
    return value
