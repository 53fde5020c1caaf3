"""RoCORE: labelled relations show what clusters of unlabelled, novel relations look like.

Zhao, Gui, Zhang and Zhou, "A Relation-Oriented Clustering Method for Open Relation Extraction" (EMNLP 2021). Built from
the paper; where it is silent or its released code differs, the settings say so.

Read :mod:`relscout.methods.rocore.training` first: it has Algorithm 1 and its equations.
:mod:`relscout.methods.rocore.network` has the settings and the networks, :mod:`relscout.methods.rocore.estimator` turns
the trained classifiers into relations.
"""

from relscout.methods.rocore.estimator import RoCORE
from relscout.methods.rocore.network import RoCORESettings

__all__ = ["RoCORE", "RoCORESettings"]
