"""Checks of settings: each refuses what cannot work, with the setting's name, what it is and what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from relscout.errors import SettingError, UnknownNameError


def check_choices(settings: Any, choices: Mapping[str, Sequence[str]]) -> None:
    """Check settings, by name, that are one of some words.

    Raises:
        UnknownNameError: One is another word.
    """
    for name, known in choices.items():
        if (choice := getattr(settings, name)) not in known:
            raise UnknownNameError(name, choice, known)


def check_least(settings: Any, least: Mapping[str, float]) -> None:
    """Check settings, by name, that have a least value.

    Raises:
        SettingError: One is below, or no number.
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
