"""Scikit-learn's interface of estimators: parameters by name, copies, and a readable representation."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self, get_type_hints

from relscout.core.errors import UnknownNameError
from relscout.core.settings import from_mapping, settings_class


@settings_class
class NoSettings:
    """Settings of an estimator that has none."""


class Parameters:
    """Base class of estimators: ``get_params``, ``set_params``, ``repr``, and copies by ``sklearn.base.clone``.

    The parameters are those of the constructor, which stores each under its name and checks nothing; they are checked
    when they are used. An estimator that names no ``SETTINGS`` gets them from the parameters of its constructor.
    """

    seed: int
    #: Dataclass of the settings: their types, defaults and documentation.
    SETTINGS: ClassVar[type[Any]] = NoSettings
    #: Parameters that are no settings.
    _NOT_SETTINGS: ClassVar[frozenset[str]] = frozenset({"encoder", "n_relations", "seed"})
    #: What scikit-learn calls this kind of estimator.
    _ESTIMATOR_TYPE: ClassVar[str] = "clusterer"

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__init__" in vars(cls) and "SETTINGS" not in vars(cls):
            parameters = [*inspect.signature(cls).parameters.values()]
            cls.SETTINGS = _settings_of(cls, parameters, cls._NOT_SETTINGS)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters by name.

        Args:
            deep: Whether to include the parameters of nested estimators, as ``name__parameter``.
        """
        values: dict[str, Any] = {}
        for name in sorted(inspect.signature(type(self)).parameters):
            values[name] = value = self._parameter(name)
            if deep and isinstance(value, Parameters):
                values |= {
                    f"{name}__{inner}": inner_value for inner, inner_value in value.get_params().items()
                }
        return values

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name; ``name__parameter`` belongs to a nested estimator.

        Raises:
            UnknownNameError: There is no such parameter.
        """
        known = inspect.signature(type(self)).parameters
        for name, value in parameters.items():
            outer, _, inner = name.partition("__")
            if outer not in known:
                raise UnknownNameError("parameter", name, known)
            if inner:
                self._parameter(outer).set_params(**{inner: value})
            else:
                setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = [
            f"{name}={value!r}"
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if (value := self._parameter(name)) is not parameter.default and value != parameter.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted estimator with the same parameters; both share the encoder."""
        given = self.get_params(deep=False)
        return type(self)(
            **{
                name: value.__sklearn_clone__() if isinstance(value, Parameters) else value
                for name, value in given.items()
            }
        )

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        classifies = self._ESTIMATOR_TYPE == "classifier"
        return Tags(
            estimator_type=self._ESTIMATOR_TYPE,
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags() if classifies else None,
        )

    def _store(self, parameters: Mapping[str, Any]) -> None:
        """Store the parameters of a constructor under their names, given all its local variables."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    def _parameter(self, name: str) -> Any:
        return getattr(self, name)

    @property
    def _settings(self) -> Any:
        """The settings as ``SETTINGS``.

        Raises:
            SettingError: A setting has an invalid value.
        """
        names = [field.name for field in dataclasses.fields(self.SETTINGS)]
        return from_mapping(self.SETTINGS, {name: getattr(self, name) for name in names})


def _settings_of(cls: type[Any], parameters: list[inspect.Parameter], others: frozenset[str]) -> type[Any]:
    """Return a dataclass of the parameters of a constructor that are settings."""
    try:
        hints = get_type_hints(cls.__init__, include_extras=True)
    except (NameError, TypeError):  # an annotation that only a type checker can resolve
        hints = {}
    fields = [
        (parameter.name, hints.get(parameter.name, Any), dataclasses.field(default=parameter.default))
        for parameter in parameters
        if parameter.name not in others and parameter.default is not inspect.Parameter.empty
    ]
    return settings_class(dataclasses.make_dataclass(f"{cls.__name__}Settings", fields, frozen=True))
