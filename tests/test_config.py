from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from relscout.core.config_files import located
from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.settings import (
    AboveZero,
    Distinct,
    Listed,
    Nested,
    Numbers,
    Share,
    Text,
    Width,
    documentation,
    from_mapping,
    schema,
    settings_class,
    to_mapping,
)


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


@settings_class
class Bakery:
    """Several ovens."""

    ovens: Annotated[Listed[Nested[Oven]], Field(min_length=1)]
    """The ovens."""
    spare: Nested[Oven] | None = None
    widths: Numbers = "3-2"
    names: Distinct[Text] = ()
    share: Share = 0.5
    width: Width = 100
    rate: AboveZero = 1.0


@pytest.mark.parametrize(
    ("values", "said", "keys"),
    [
        ({}, "ovens is missing", ("ovens",)),
        ({"ovens": []}, "ovens is [], expected a list that is not empty", ("ovens",)),
        ({"ovens": [3]}, "ovens[0] is 3, expected a mapping", ("ovens", 0)),
        ({"ovens": [{"degrees": "hot"}]}, "ovens[0]: degrees is 'hot', expected a whole number", ("ovens", 0)),
        ({"ovens": [{}, {"fans": 2}]}, "ovens[1]: unknown setting 'fans': did you mean 'fan'?", ("ovens", 1)),
        ({"ovens": [{3: 2}]}, "ovens[0]: the key 3 is not a text; put it in quotes", ("ovens", 0)),
        ({"ovens": [{"degrees": 251}]}, "ovens[0]: degrees is 251, the oven goes to 250", ("ovens", 0)),
        ({"ovens": [{}], "spare": {"fan": 1}}, "spare: fan is 1, expected true or false", ("spare", "fan")),
        ({"ovens": [{}], "names": ["a", 2]}, "names[1] is 2, expected a text", ("names", 1)),
        ({"ovens": [{}], "names": ["a", "a"]}, "names: holds a value twice: ['a', 'a']", ("names",)),
        ({"ovens": [{}], "widths": "3,2"}, "widths is '3,2', expected whole numbers from 1 to 9,999", ("widths",)),
        ({"ovens": [{}], "share": 1.5}, "share is 1.5, expected a number from 0 to 1", ("share",)),
        ({"ovens": [{}], "share": math.nan}, "share is nan, expected a finite number", ("share",)),
        ({"ovens": [{}], "rate": math.inf}, "rate is inf, expected a finite number", ("rate",)),
        ({"ovens": [{}], "rate": 0}, "rate is 0, expected a number above 0", ("rate",)),
        ({"ovens": [{}], "width": 0}, "width is 0, expected at least 1", ("width",)),
        ({"ovens": [{}], "width": 10**12}, "width is 1000000000000, expected at most 9,999", ("width",)),
    ],
)  # fmt: skip
def test_an_error_names_the_value_what_was_expected_and_the_keys(
    values: dict[str, Any], said: str, keys: tuple[str | int, ...]
) -> None:
    with pytest.raises(SettingError) as caught:
        Bakery(**values)
    assert str(caught.value).startswith(said)
    assert caught.value.keys[: len(keys)] == keys


def test_settings_inside_others_are_built_from_mappings() -> None:
    bakery = Bakery(ovens=[{"degrees": 200}, Oven()], spare={"fan": True})  # type: ignore[arg-type, list-item]
    assert (bakery.ovens, bakery.spare) == ((Oven(200), Oven()), Oven(fan=True))


def test_a_schema_has_types_bounds_defaults_and_descriptions() -> None:
    known = schema(Bakery)
    assert known["required"] == ["ovens"]
    assert known["properties"]["share"] == {
        "default": 0.5, "description": "", "maximum": 1, "minimum": 0, "type": "number",
    }  # fmt: skip
    assert known["properties"]["ovens"]["description"] == "The ovens."


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", "x: 1\nrows:\n- a: 1\n  b: 2\n"), ("a.json", '{"x": 1,\n"rows": \n[{"a": 1,\n "b": 2}]}')],
)
def test_an_error_about_a_file_names_its_line(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    error = SettingError("b is 2")
    error.keys = ("b",)
    with (
        pytest.raises(SettingError, match=r"line 4, rows\[0\]: b is 2"),
        located(tmp_path / name, "rows", 0, place="rows[0]"),
    ):
        raise error
