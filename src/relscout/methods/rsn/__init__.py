"""RSN: a siamese network learns from labelled relations whether two sentences express the same relation.

Wu, Yao, Han, Xie, Liu, Lin, Lin and Sun, "Open Relation Extraction: Relational Knowledge Transfer from Supervised Data
to Unsupervised Data" (EMNLP 2019), on a convolutional network on words (:mod:`relscout.methods.rsn.words`). The default
is RSN-BERT, the variant on a transformer that Zhao et al., "A Relation-Oriented Clustering Method for Open Relation
Extraction" (EMNLP 2021), compare with; the settings say what was chosen here.

1. Train p(a, b) = σ(w · |f(a) − f(b)| + c), the probability that two instances express the same relation, on labelled
   pairs and, optionally, on unlabelled ones (:mod:`relscout.methods.rsn.training`).
2. Cluster the unlabelled instances by p of all pairs, with HAC or Louvain, and keep some members of each cluster as its
   prototypes (:mod:`relscout.methods.rsn.estimator`).
3. An instance belongs to the relation whose prototypes it is most similar to, on average.

:mod:`relscout.methods.rsn.network` has the settings and the network.
"""

from relscout.methods.rsn.estimator import RSN
from relscout.methods.rsn.network import RSNSettings

__all__ = ["RSN", "RSNSettings"]
