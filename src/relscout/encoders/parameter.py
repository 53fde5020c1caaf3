"""The encoder as a parameter of estimators: built only when it is needed, if none was given."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, cast

from relscout.core.parameters import Parameters
from relscout.encoders import Encoder, EncoderSettings, TransformerEncoder

E = TypeVar("E", bound=Encoder)


class EncoderParameter(Parameters, Generic[E]):
    """Base class of estimators with a parameter ``encoder``."""

    #: The encoder that is used where none is given.
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()

    _given_encoder: E | None = None
    _default_encoder: TransformerEncoder | None = None

    @property
    def encoder(self) -> E:
        """The encoder of the representations."""
        if self._given_encoder is not None:
            return self._given_encoder
        if self._default_encoder is None:
            self._default_encoder = TransformerEncoder(self.ENCODER)
        return cast(E, self._default_encoder)

    @encoder.setter
    def encoder(self, encoder: E | None) -> None:
        self._given_encoder = encoder

    def _parameter(self, name: str) -> Any:
        return self._given_encoder if name == "encoder" else getattr(self, name)
