"""DCI: whether each latent matters for one factor, each factor for one latent, and how well.

Eastwood & Williams 2018, "A framework for the quantitative evaluation of disentangled
representations", as Locatello et al. 2019 measure it: boosted trees predict each factor from all
latents, and R [D, F] is the importance of each latent. With p(f | d) and p(d | f) the shares of R
in its rows and columns, and entropies to the base of the number of outcomes,

    disentanglement   sum_d w_d (1 - H(p(. | d))), w_d the share of latent d in all of R
    completeness      sum_f w_f (1 - H(p(. | f))), w_f the share of factor f
    informativeness   the mean over factors of the share of test examples that are predicted right
"""

from __future__ import annotations

import numpy as np

from vae.evaluation.disentanglement.predictors import split
from vae.evaluation.disentanglement.trees import STEPS, boosted


def dci(
    codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator, *, steps: int = STEPS
) -> tuple[np.ndarray, float]:
    """Returns R [D, F] and the informativeness of codes [N, D] for factors [N, F]."""
    train, test = split(len(codes))
    importance = np.empty((codes.shape[1], factors.shape[1]))
    right = []
    for f, factor in enumerate(factors.T):
        learned = boosted(codes[train], factor[train], codes[test], rng, steps=steps)
        importance[:, f] = learned.importance
        right.append(np.mean(learned.predicted == factor[test]))
    return importance, float(np.mean(right))


def purity(importance: np.ndarray) -> float:
    """Returns the mean of 1 - H over rows of R [A, B] with B > 1, each in proportion to its sum.

    It is the disentanglement of R [D, F], and the completeness of its transpose. Where no latent
    matters at all it is 0.
    """
    total = importance.sum(1)
    p = importance / np.where(total > 0, total, 1)[:, None]
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(1) / np.log(importance.shape[1])
    return float((total * (1 - entropy)).sum() / (total.sum() or 1.0))
