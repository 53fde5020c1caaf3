"""Relation classifiers that learn without labels, from which entities occur together.

A classifier gives each sentence a probability for each of K relations, and the link predictor predicts each of the two
entities from the other one and the relation. Both are trained together: a relation is what makes entities predictable.

- ``march``: the discrete-state variational autoencoder of Marcheggiani and Titov, "Discrete-State Variational
  Autoencoders for Joint Discovery and Factorization of Relations" (TACL 2016). The classifier is log-linear on sparse
  features, and the entropy of its predictions is kept high.
- ``uie-march``, ``uie-pcnn`` and ``uie-bert``: Simon, Guigue and Piwowarski, "Unsupervised Information Extraction:
  Regularizing Discriminative Approaches with Relation Distribution Losses" (ACL 2019). The entropy of each prediction
  is kept low instead, and relations are kept equally frequent, so that neural classifiers can be trained, too. They
  read sparse features, words, or the vectors of a transformer (Hu et al. 2020).

:mod:`relscout.methods.uie.classifiers` has the classifiers, :mod:`relscout.methods.uie.training` the training, and
:mod:`relscout.methods.uie.estimators` the methods.
"""

from relscout.methods.uie.estimators import UIEBERT, UIEPCNN, March, UIEMarch

__all__ = ["UIEBERT", "UIEPCNN", "March", "UIEMarch"]
