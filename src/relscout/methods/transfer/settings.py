"""Settings of transfer."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.config import from_mapping, to_mapping
from relscout.errors import SettingError
from relscout.methods.selfore.settings import SelfORESettings
from relscout.training.teaching import TeachingSettings


@dataclass(frozen=True)
class TransferSettings(TeachingSettings, SelfORESettings):
    """Settings of the method ``transfer``: how labelled relations teach, then those of ``selfore``."""

    classification: bool = False
    """Whether SelfORE's loop of classification follows; without it, one clustering of the trained encoder."""
    open_world: bool = False
    """Whether instances of labelled relations may be in the corpus; they get the labelled names."""
    none_mistakes: float = 0.05
    """Share of labelled instances that may be classified as no relation, in [0, 1); 0 disables the class."""
    novel_mistakes: float = 0.1
    """Share of labelled instances that may be classified as novel, in [0, 1)."""
    neighbours: int = 20
    """Number of nearest neighbours among which labelled ones are counted, at least 1."""
    shrinkage: float = 0.1
    """Shrinkage of the within-class covariance, above 0 to 1; 1 disables the normalisation."""

    def __post_init__(self) -> None:
        TeachingSettings.__post_init__(self)
        SelfORESettings.__post_init__(self)
        if self.open_world and self.classification:
            raise SettingError(
                "open_world is true and so is classification, which trains an encoder that knows novel relations only; "
                "switch one of them off"
            )
        if not 0 <= self.none_mistakes < 1:
            raise SettingError(f"none_mistakes is {self.none_mistakes}, expected a share from 0 to below 1")
        if not 0 <= self.novel_mistakes < 1:
            raise SettingError(f"novel_mistakes is {self.novel_mistakes}, expected a share from 0 to below 1")
        if self.neighbours < 1:
            raise SettingError(f"neighbours is {self.neighbours}, expected at least 1")
        if not 0 < self.shrinkage <= 1:
            raise SettingError(f"shrinkage is {self.shrinkage}, expected a share above 0, and at most 1")

    @property
    def of_clustering(self) -> SelfORESettings:
        """The settings of what follows."""
        known = SelfORESettings.__dataclass_fields__
        return from_mapping(
            SelfORESettings, {name: value for name, value in to_mapping(self).items() if name in known}
        )
