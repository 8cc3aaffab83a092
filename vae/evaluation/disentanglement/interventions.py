"""Scores of what becomes of the codes where one factor is held fixed.

A factor is held fixed by taking examples that share its value, from those that there are. With z
[N, D] the codes,

    beta_vae    Higgins et al. 2017: the accuracy of a linear classifier that tells which factor was
                fixed from mean_l |z_l - z'_l| over L = 64 pairs that share its value
    factor_vae  Kim & Mnih 2018: the accuracy of a majority vote that tells it from the latent whose
                variance over L = 64 examples, relative to that over all examples, is the least;
                latents of a variance below .05 have no vote
    irs         Suter et al. 2019, the interventional robustness score: 1 - E_v[q_99 |z_d - E[z_d |
                g_f = v]|] / max |z_d - E[z_d]|, of the factor f for which it is the largest, and
                the mean of it over latents in proportion to the denominator

The first two learn from 10,000 draws of the first two thirds of the examples, and are measured with
5,000 draws of the rest (`split`). A value that one example has alone cannot be held fixed: it would
leave no variance at all, and is not drawn.

FactorVAE's and IRS are the same for codes in other units, as long as no latent falls below the
variance of .05; BetaVAE's is not, for its classifier is regularised.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vae.evaluation.disentanglement.predictors import logistic, split

LENGTH = 64  # L
LEAST_VARIANCE = 0.05
TRAIN, TEST = 10_000, 5_000
QUANTILE = 99
AT_ONCE = 500  # draws, to bound the memory


class Sharing:
    """Draws examples that share a factor's value.

    Args:
      factors: [N, F], classes from 0.
    """

    def __init__(self, factors: np.ndarray) -> None:
        self.order = [np.argsort(factor, kind="stable") for factor in factors.T]
        sizes = [np.bincount(factor) for factor in factors.T]
        self.size = [size[factor] for size, factor in zip(sizes, factors.T, strict=True)]
        self.begin = [
            (np.cumsum(size) - size)[factor] for size, factor in zip(sizes, factors.T, strict=True)
        ]
        self.place = [np.argsort(order) for order in self.order]
        self.drawable = [np.flatnonzero(size > 1) for size in self.size]

    def first(self, factor: int, number: int, rng: np.random.Generator) -> np.ndarray:
        """Draws examples [number] whose value of a factor others have, too."""
        return rng.choice(self.drawable[factor], number)

    def like(self, rows: np.ndarray, factor: int, rng: np.random.Generator) -> np.ndarray:
        """Draws an example with the factor's value of each of `rows`, in their shape."""
        return self._at(rows, factor, rng.random(rows.shape) * self.size[factor][rows])

    def other(self, rows: np.ndarray, factor: int, rng: np.random.Generator) -> np.ndarray:
        """Draws as `like`, but never the example itself.

        It would be drawn the more often the fewer share its value: a distance of 0 that tells which
        factor was held fixed.
        """
        return self._at(rows, factor, 1 + rng.random(rows.shape) * (self.size[factor][rows] - 1))

    def _at(self, rows: np.ndarray, factor: int, further: np.ndarray) -> np.ndarray:
        """Returns the examples so many places after `rows`, around those that share the value."""
        begin, size = self.begin[factor][rows], self.size[factor][rows]
        place = self.place[factor][rows] - begin + further.astype(np.intp)
        return self.order[factor][begin + place % size]


def beta_vae(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the BetaVAE score of codes [N, D] for factors [N, F]; 1/F is chance."""

    def points(z: np.ndarray, sharing: Sharing, factor: int, number: int) -> np.ndarray:
        rows = sharing.first(factor, number * LENGTH, rng).reshape(number, LENGTH)
        return np.abs(z[rows] - z[sharing.other(rows, factor, rng)]).mean(1)

    train, test = split(len(codes))
    x, which = _draws(points, codes[train], factors[train], TRAIN, rng)
    unseen, truth = _draws(points, codes[test], factors[test], TEST, rng)
    return float(np.mean(logistic(x, which).predict(unseen) == truth))


def factor_vae(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the FactorVAE score of codes [N, D] for factors [N, F]; 1/F is chance.

    Where no latent has a variance of .05 there is no vote, and the score is 0.
    """

    def points(z: np.ndarray, sharing: Sharing, factor: int, number: int) -> np.ndarray:
        rows = np.repeat(sharing.first(factor, number, rng)[:, None], LENGTH, axis=1)
        return z[sharing.like(rows, factor, rng)].var(1, ddof=1)

    train, test = split(len(codes))
    variances = codes[train].var(0, ddof=1)
    voting = variances >= LEAST_VARIANCE
    if not voting.any():
        return 0.0
    votes = []
    for part, number in ((train, TRAIN), (test, TEST)):
        local, which = _draws(points, codes[part][:, voting], factors[part], number, rng)
        least = (local / variances[voting]).argmin(1)
        count = np.bincount(which * voting.sum() + least, minlength=factors.shape[1] * voting.sum())
        votes.append(count.reshape(factors.shape[1], -1))
    learned = votes[0].argmax(0)
    return float(votes[1][learned, np.arange(len(learned))].sum() / votes[1].sum())


def _draws(
    points: Callable[[np.ndarray, Sharing, int, int], np.ndarray],
    codes: np.ndarray,
    factors: np.ndarray,
    number: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns points [number, D], and which factor was fixed for each."""
    sharing, which = Sharing(factors), rng.integers(0, factors.shape[1], number)
    x = np.empty((number, codes.shape[1]))
    for factor in range(factors.shape[1]):
        rows = np.flatnonzero(which == factor)
        for part in np.array_split(rows, -(-len(rows) // AT_ONCE)) if len(rows) else ():
            x[part] = points(codes, sharing, factor, len(part))
    return x, which


def irs(codes: np.ndarray, factors: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns IRS of codes [N, D] for factors [N, F], and that of each latent and factor [D, F].

    Latents of one value are left out of the score, and 0 in the matrix.
    """
    largest = np.abs(codes - codes.mean(0)).max(0)
    live = np.ptp(codes, axis=0) > 0
    moved = np.zeros((codes.shape[1], factors.shape[1]))
    for f, factor in enumerate(factors.T):
        values = np.unique(factor)
        for value in values:
            same = codes[factor == value]
            far = np.percentile(np.abs(same - same.mean(0)), QUANTILE, axis=0)
            moved[:, f] += far / len(values)
    scores = np.where(live[:, None], 1 - moved / np.where(live, largest, 1)[:, None], 0)
    if not live.any():
        return 0.0, scores
    return float(np.average(scores[live].max(1), weights=largest[live])), scores
