"""Pre-training: an encoder learns, from a corpus, what sentences of one relation have in common."""

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
