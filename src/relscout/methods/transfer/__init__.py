"""Transfer: labelled relations and their inverses teach the encoder, adaptive clustering finds the others.

relscout's own combination, compared with the papers it builds on: labelled relations shape the representation as in
RoCORE (Zhao et al., EMNLP 2021), and what is then clustered is clustered as in SelfORE (Hu et al., EMNLP 2020).
"""

from relscout.methods.transfer.estimator import Transfer
from relscout.methods.transfer.open_world import TransferSettings

__all__ = ["Transfer", "TransferSettings"]
