"""RSN-BERT: a siamese network learns from labelled relations whether two sentences express the same relation.

Wu, Yao, Han, Xie, Liu, Lin, Lin and Sun, "Open Relation Extraction: Relational Knowledge Transfer from Supervised Data
to Unsupervised Data" (EMNLP 2019). This is the variant on a transformer, with which Zhao et al., "A Relation-Oriented
Clustering Method for Open Relation Extraction" (EMNLP 2021), compare; what was chosen here, the settings say.
"""

from relscout.methods.rsn.estimator import RSN
from relscout.methods.rsn.network import RSNSettings

__all__ = ["RSN", "RSNSettings"]
