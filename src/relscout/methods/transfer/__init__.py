"""Transfer: the encoder is trained on labelled relations and their inverses; adaptive clustering finds novel relations.

This is relscout's own combination: labelled relations shape the representation as in RoCORE (Zhao et al., EMNLP 2021),
and adaptive clustering is that of SelfORE (Hu et al., EMNLP 2020).

1. Train the encoder to classify labelled relations and their inverses (:mod:`relscout.training.cosine_classifier`).
2. With ``open_world``, separate pairs of no relation, of labelled relations and of novel relations
   (:mod:`relscout.methods.transfer.open_world`).
3. Cluster the novel ones (:mod:`relscout.methods.selfore`).
"""

from relscout.methods.transfer.estimator import Transfer
from relscout.methods.transfer.open_world import TransferSettings

__all__ = ["Transfer", "TransferSettings"]
