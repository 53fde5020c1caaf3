"""Losses of a classifier without labels on the distribution of its predictions (Simon et al. 2019).

Simon, Guigue and Piwowarski, "Unsupervised Information Extraction: Regularizing Discriminative Approaches with Relation
Distribution Losses" (ACL 2019). A classifier that is trained by a link predictor alone tends to predict all relations
for every sentence, or one relation for all sentences. Skewness prevents the first, dispersion the second.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def skewness(logits: Tensor) -> Tensor:
    """Return L_S, the mean entropy of the predictions in nats, a scalar in [0, log R]: 0 if all are certain.

    Args:
        logits: Scores of the relations (B, R), whose softmax is the prediction for an instance.
    """
    log_p = logits.log_softmax(dim=1)
    entropy: Tensor = -(log_p.exp() * log_p).sum(dim=1).mean()
    return entropy


def dispersion(logits: Tensor) -> Tensor:
    """Return L_D = KL(p̄ ‖ U) in nats, a scalar in [0, log R]: 0 if all relations are predicted equally often.

    p̄ is the mean prediction of the batch, as in the paper, and U the uniform distribution.

    Args:
        logits: Scores of the relations (B, R), whose softmax is the prediction for an instance.
    """
    # clamped because the slope of p log p is infinite at a relation that is never predicted
    mean = logits.softmax(dim=1).mean(dim=0).clamp(min=1e-12)
    divergence: Tensor = (mean * mean.log()).sum() + math.log(logits.shape[1])
    return divergence
