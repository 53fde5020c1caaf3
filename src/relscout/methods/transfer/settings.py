"""Settings of transfer."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.config import from_mapping, to_mapping
from relscout.methods.selfore.settings import SelfORESettings
from relscout.training.teaching import TeachingSettings


@dataclass(frozen=True)
class TransferSettings(TeachingSettings, SelfORESettings):
    """Settings of the method ``transfer``: how labelled relations teach, then those of ``selfore``."""

    classification: bool = False
    """Whether SelfORE's loop of classification follows; without it, one clustering of the taught encoder."""

    def __post_init__(self) -> None:
        TeachingSettings.__post_init__(self)
        SelfORESettings.__post_init__(self)

    @property
    def of_clustering(self) -> SelfORESettings:
        """The settings of what follows."""
        known = SelfORESettings.__dataclass_fields__
        return from_mapping(
            SelfORESettings, {name: value for name, value in to_mapping(self).items() if name in known}
        )
