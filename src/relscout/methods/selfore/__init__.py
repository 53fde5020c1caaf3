"""SelfORE: adaptive clustering gives pseudo labels, relation classification learns them, and again.

Hu, Wen, Xu, Zhang and Yu, "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction"
(EMNLP 2020). Built from the paper; where it is silent or its released code differs, the settings say so.
"""

from relscout.methods.selfore.estimator import SelfORE
from relscout.methods.selfore.settings import SelfORESettings

__all__ = ["SelfORE", "SelfORESettings"]
