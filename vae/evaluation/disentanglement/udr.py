"""UDR: how alike models of one kind are to each other, latent by latent. It needs no factors.

Duan et al., "Unsupervised model selection for variational disentangled representation learning",
2020: models that disentangle find the same latents, up to their order and sign, whatever the seed,
and models that do not differ. For two models a and b, R(a, b) [D_a, D_b] holds how strongly each
latent of a goes with each of b, by

    lasso      the absolute weights of a lasso regression, penalty .1, that predicts b of a
    spearman   the absolute rank correlations

of standardised codes. Only latents whose mean KL to the prior exceeds .01 nats count. A latent is
worth most where it goes with one other alone (their eq. 3, with r the largest entry of its row or
column):

    UDR(a, b) = (mean_j r_j^2 / sum_i R(i, j) + mean_i r_i^2 / sum_j R(i, j)) / 2

as the authors' code has it; their equation weighs the two means by the numbers of latents, which
are mostly equal. The score of b is the median over all other models a. Equal codes have 1 by rank
correlations; the lasso's penalty takes a tenth of every weight, so by it they have .9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PENALTY = 0.1  # of the lasso
INFORMATIVE = 0.01  # nats
METHODS = ("lasso", "spearman")


def strengths(a: np.ndarray, b: np.ndarray, method: str) -> np.ndarray:
    """Returns how strongly latents of a [N, D_a] go with those of b [N, D_b], R(a, b) [D_a, D_b].

    Args:
      a: the codes of one model.
      b: the codes of the same examples by another.
      method: one of METHODS.
    """
    if method == "spearman":
        a, b = _ranks(a), _ranks(b)
    a, b = _standardised(a), _standardised(b)
    if method == "spearman":
        return np.abs(a.T @ b) / len(a)
    from sklearn.linear_model import Lasso  # takes a second to import

    weights = Lasso(alpha=PENALTY).fit(a, b).coef_
    return np.abs(weights).reshape(b.shape[1], a.shape[1]).T


def similarity(strength: np.ndarray) -> float:
    """Returns UDR(a, b) of R(a, b) [D_a, D_b] between latents that count; 0 where there are none.

    A latent that goes with no other is worth 0.
    """
    if not strength.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        shares = [np.nan_to_num(strength.max(i) ** 2 / strength.sum(i)).mean() for i in (0, 1)]
    return float(np.mean(shares))


def similarities(
    codes: Sequence[np.ndarray], nats: Sequence[np.ndarray], method: str
) -> np.ndarray:
    """Returns UDR(a, b) of all pairs of M models, [M, M], 0 on the diagonal.

    Args:
      codes: of each model [N, D], for the same N examples; D may differ.
      nats: of each model [D], the mean KL of each latent.
      method: one of METHODS.
    """
    kept = [code[:, kl > INFORMATIVE] for code, kl in zip(codes, nats, strict=True)]
    found = np.zeros((len(kept), len(kept)))
    for i, a in enumerate(kept):
        for j, b in enumerate(kept):
            if i != j and a.shape[1] and b.shape[1]:
                found[i, j] = similarity(strengths(a, b, method))
    return found


def udr(similar: np.ndarray, groups: Sequence[object]) -> np.ndarray:
    """Returns the score of each model [M], NaN for one that is alone in its group.

    Args:
      similar: [M, M], see `similarities`.
      groups: the group of each model, such as its hyperparameters: it is compared with the others
        of it. One group for all is what the authors call UDR-A2A.
    """
    scores = np.full(len(similar), np.nan)
    for b, group in enumerate(groups):
        others = [a for a, other in enumerate(groups) if other == group and a != b]
        if others:
            scores[b] = np.median(similar[others, b])
    return scores


def _ranks(codes: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(codes, axis=0)


def _standardised(codes: np.ndarray) -> np.ndarray:
    """Returns codes [N, D] with mean 0 and variance 1; a constant one is 0."""
    centred = np.asarray(codes, np.float64) - codes.mean(0)
    spread = centred.std(0)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
