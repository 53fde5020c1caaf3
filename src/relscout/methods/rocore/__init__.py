"""RoCORE: what labelled relations teach is carried over to relations that nobody has labelled.

Zhao, Gui, Zhang and Zhou, "A Relation-Oriented Clustering Method for Open Relation Extraction" (EMNLP 2021). Built from
the paper; where it is silent or its released code differs, the settings say so.
"""

from relscout.methods.rocore.estimator import RoCORE
from relscout.methods.rocore.network import RoCORESettings

__all__ = ["RoCORE", "RoCORESettings"]
