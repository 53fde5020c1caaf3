from __future__ import annotations

import pytest

from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.settings import documentation, from_mapping, settings_class, to_mapping


@settings_class
class Oven:
    """How to bake."""

    degrees: int = 180
    """Temperature in °C,
    from 50 to 250."""
    hours: float = 0.5
    """How long."""
    fan: bool = False
    """Whether air moves."""
    shelf: str = "middle"

    def __post_init__(self) -> None:
        if self.degrees > 250:
            raise SettingError(f"degrees is {self.degrees}, the oven goes to 250")


def test_nothing_given_gives_the_defaults() -> None:
    assert from_mapping(Oven, {}) == Oven()


def test_values_survive_the_way_there_and_back() -> None:
    oven = Oven(degrees=220, hours=1.25, fan=True, shelf="top")
    assert from_mapping(Oven, to_mapping(oven)) == oven


def test_texts_of_a_command_line_become_values() -> None:
    texts = {"degrees": "200", "hours": "1.5", "fan": "True", "shelf": "7"}
    assert from_mapping(Oven, texts) == Oven(200, 1.5, True, "7")


def test_a_whole_number_may_stand_for_a_decimal_one() -> None:
    hours = from_mapping(Oven, {"hours": 2}).hours
    assert (hours, type(hours)) == (2.0, float)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("degrees", "hot", "a whole number"),
        ("degrees", "1.5", "a whole number"),
        ("degrees", 1.5, "a whole number"),
        ("degrees", True, "a whole number"),
        ("degrees", None, "a whole number"),
        ("hours", "long", "a number"),
        ("hours", False, "a number"),
        ("fan", "yes", "true or false"),
        ("fan", 1, "true or false"),
        ("shelf", 2, "a text"),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, value: object, expected: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is {value!r}, expected {expected}"):
        from_mapping(Oven, {name: value})


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown setting 'degree': did you mean 'degrees'"):
        from_mapping(Oven, {"degree": 200})


def test_the_settings_own_check_is_kept() -> None:
    with pytest.raises(SettingError, match="the oven goes to 250"):
        from_mapping(Oven, {"degrees": "300"})


def test_the_text_under_a_field_documents_it() -> None:
    assert documentation(Oven) == {
        "degrees": ("integer", 180, "Temperature in °C,\nfrom 50 to 250."),
        "hours": ("number", 0.5, "How long."),
        "fan": ("boolean", False, "Whether air moves."),
        "shelf": ("string", "middle", ""),
    }
