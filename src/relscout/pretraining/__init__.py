"""Pre-training of an encoder on a corpus: sentences of one relation, or of one entity pair, become similar."""

from relscout.pretraining.run import READ_BY, Pretrained, pretrain
from relscout.pretraining.settings import OBJECTIVES, PRESETS, PretrainingSettings, settings_of

__all__ = [
    "OBJECTIVES",
    "PRESETS",
    "READ_BY",
    "Pretrained",
    "PretrainingSettings",
    "pretrain",
    "settings_of",
]
