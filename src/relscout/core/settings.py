"""Settings: dataclasses whose values pydantic checks, their documentation, and their conversion from plain values."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeVar, cast, dataclass_transform, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from relscout.core.errors import SettingError, UnknownNameError

#: Largest whole number that a setting may have.
LARGEST: Final = 10**9
#: Largest width of a layer: the weights between two such layers fit into memory.
WIDEST: Final = 9_999

AtLeast0 = Annotated[int, Field(ge=0, le=LARGEST)]
AtLeast1 = Annotated[int, Field(ge=1, le=LARGEST)]
AtLeast2 = Annotated[int, Field(ge=2, le=LARGEST)]
Width = Annotated[int, Field(ge=1, le=WIDEST)]
#: Layers of an encoder, counted from the highest that is read; -1 for the whole encoder.
TrainedLayers = Annotated[int, Field(ge=-1, le=LARGEST)]
AboveZero = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
#: Whole numbers from 1 to 9,999 joined by ``-``; see :func:`numbers_of`.
Numbers = Annotated[str, Field(pattern="^[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})*$")]

_CONFIG = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)
#: Pydantic's name of an error → what was expected.
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "literal_error": "a text",
    "string_too_short": "a text that is not empty",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_exact_type": "a mapping",
    "too_short": "a list that is not empty",
}
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Restricts a text to names, such as the keys of a table."""

    names: Iterable[str]

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema, for pydantic."""
        return core_schema.literal_schema(list(self.names))


@dataclasses.dataclass(frozen=True)
class _FromMapping:
    """Builds nested settings from a mapping."""

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema, for pydantic."""

        def built(value: Any) -> Any:
            if not isinstance(value, Mapping):
                return value
            check_fields(kind, value)
            return kind(**value)

        return core_schema.no_info_before_validator_function(built, handler(kind))


def _without_repeats(values: tuple[T, ...]) -> tuple[T, ...]:
    if any(value in values[:place] for place, value in enumerate(values)):
        raise SettingError(f"holds a value twice: {list(values)}")
    return values


Text = Annotated[str, Field(min_length=1)]
#: Nested settings, which may be given as a mapping.
Nested = Annotated[T, _FromMapping()]
#: Values that may be given as a list.
Listed = Annotated[tuple[T, ...], Field(strict=False)]
#: The same, without repeats.
Distinct = Annotated[tuple[T, ...], Field(strict=False), AfterValidator(_without_repeats)]


@dataclass_transform(frozen_default=True)
def settings_class(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass that checks its values by the types of its fields.

    Numbers must be finite, and no value is converted, except that a whole number may stand for a decimal one. A check
    of several fields together belongs in ``__post_init__``. The constructor raises :class:`SettingError` for an invalid
    value, and :class:`UnknownNameError` for an unknown field or name.
    """
    made: Any = dataclass(frozen=True, config=_CONFIG)(kind)
    checked = made.__init__

    @functools.wraps(checked)
    def __init__(self: T, *given: Any, **named: Any) -> None:  # noqa: N807
        try:
            checked(self, *given, **named)
        except ValidationError as error:
            raise refusal(type(self), error.errors(include_url=False)[0]) from None

    made.__init__ = __init__
    return cast(type[T], made)


def refusal(kind: type[Any], error: ErrorDetails) -> SettingError:
    """Convert an error of pydantic to one of ours, which says what was given and what was expected.

    Args:
        kind: The class that refused a value.
        error: The error of pydantic.
    """
    keys, given = error["loc"], error["input"]
    name = "".join(f"[{key}]" if isinstance(key, int) else f", {key}" for key in keys).removeprefix(", ")
    raised = error.get("ctx", {}).get("error")
    known = schema(kind)["properties"].get(keys[0], {}) if keys else {}
    refused: SettingError
    match error["type"]:
        case "value_error" if isinstance(raised, SettingError) and not keys:
            return raised
        case "value_error":
            refused = SettingError(f"{name}: {raised}" if name else str(raised))
            keys += getattr(raised, "keys", ())
        case "unexpected_keyword_argument":
            refused = UnknownNameError("setting", name, [field.name for field in dataclasses.fields(kind)])
        case "missing":
            refused = SettingError(f"{name} is missing")
        case "literal_error" if isinstance(given, str):
            refused = UnknownNameError(name, given, known["enum"])
        case other:
            refused = SettingError(f"{name} is {given!r}, expected {_expected(other, error, known)}")
    refused.keys = keys
    return refused


def _expected(what: str, error: ErrorDetails, known: Mapping[str, Any]) -> str:
    """Return what was expected in place of a value, in words."""
    if what == "string_pattern_mismatch":
        return f"whole numbers from 1 to {WIDEST:,} joined by '-', such as {known['default']!r}"
    if what.startswith(("greater", "less")):
        number = known.get("items") or known.get("additionalProperties") or known
        return _range(number, is_too_large=what.startswith("less"))
    return _EXPECTED.get(what, error["msg"])


def _range(number: Mapping[str, Any], *, is_too_large: bool) -> str:
    """Return the range of a number in words; for a whole number, only the bound that it exceeds."""
    least, above = number.get("minimum"), number.get("exclusiveMinimum")
    most, below = number.get("maximum"), number.get("exclusiveMaximum")
    if number["type"] == "integer":
        return f"at most {most:,}" if is_too_large else f"at least {least}"
    if most is None and below is None:
        return f"at least {least}" if above is None else f"a number above {above}"
    if above is None:
        return f"a number from {least} to " + (f"below {below}" if most is None else f"{most}")
    return f"a number above {above} and " + (f"below {below}" if most is None else f"up to {most}")


def numbers_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a setting of the type :data:`Numbers`."""
    return tuple(int(number) for number in text.split("-"))


def from_mapping(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build settings from plain values, which may be texts as a command line gives them.

    Raises:
        UnknownNameError: A key is not a field.
        SettingError: A value is not of its field's type.
    """
    hints = get_type_hints(kind)
    check_fields(kind, values)
    return kind(**{name: _read(value, hints[name]) for name, value in values.items()})


def converted(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values as fields of settings, each checked on its own; see :func:`from_mapping`."""
    hints, plain = get_type_hints(kind, include_extras=True), get_type_hints(kind)
    check_fields(kind, values)
    read = {}
    for name, value in values.items():
        try:
            read[name] = TypeAdapter(hints[name], config=_CONFIG).validate_python(_read(value, plain[name]))
        except ValidationError as error:
            raise refusal(kind, {**error.errors()[0], "loc": (name,)}) from None
    return read


def check_fields(kind: type[Any], names: Iterable[object]) -> None:
    """Refuse names that are no fields of settings.

    Raises:
        UnknownNameError: No field has that name; the error suggests the nearest.
        SettingError: A name is not a text.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for name in names:
        if not isinstance(name, str):
            raise SettingError(f"the key {name!r} is not a text; put it in quotes")
        if name not in known:
            raise UnknownNameError("setting", name, known)


def to_mapping(settings: Any) -> dict[str, Any]:
    """Return the fields of settings as plain values."""
    return dataclasses.asdict(settings)


def schema(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON schema of settings: types, bounds, defaults, and the text under each field."""
    made = TypeAdapter(kind).json_schema()
    texts: dict[str, str] = {}
    for ancestor in reversed(kind.__mro__):
        if dataclasses.is_dataclass(ancestor):
            texts |= _docstrings(ancestor)
    for name, known in made["properties"].items():
        known.pop("title", None)
        known["description"] = texts.get(name, "")
    return made


def documentation(kind: type[Any]) -> dict[str, tuple[str, Any, str]]:
    """Return, for every field of settings, its type, default and the docstring under it."""
    return {
        name: (known.get("type", "any"), known.get("default"), known["description"])
        for name, known in schema(kind)["properties"].items()
    }


def _docstrings(kind: type[Any]) -> dict[str, str]:
    """Return the text under each field that a class itself declares; empty if it was made from a constructor."""
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


def _read(value: Any, kind: Any) -> Any:
    """Convert a text to the number or truth value that it stands for; return anything else unchanged."""
    if not isinstance(value, str):
        return value
    if kind is bool:
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        return kind(value) if kind in (int, float) else value
    except ValueError:
        return value
