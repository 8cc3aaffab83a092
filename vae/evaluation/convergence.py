"""Whether Markov chains have mixed, and how many independent draws their draws are worth.

Each of M chains of S draws is first cut in two, so that a chain that still travels shows. Draws are
then replaced by the normal quantiles of their ranks, so that heavy tails do no harm. With the
variance W within chains and V = (S - 1) / S W + the variance of the chains' means,

    R-hat = sqrt(V / W)       near 1 when chains have mixed; the larger of that of the draws and
                              that of their distances from the median (means alike, spreads not)
    ESS   = S M / tau,        tau = -1 + 2 sum_t (rho_2t + rho_2t+1)
            rho_t = 1 - (W - the mean autocovariance at lag t) / V

where the sum ends at the first pair below 0 and pairs are kept from growing (Geyer 1992). (Vehtari,
Gelman, Simpson, Carpenter & Buerkner 2021, "Rank-normalization, folding, and localization: an
improved R-hat for assessing convergence of MCMC"; the ESS is their bulk-ESS.)
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

MIXED = 1.1  # chains below this R-hat count as mixed
LOOKED_AT = 1024  # values of an example whose R-hat is found, evenly spaced if it has more


def some_values(unknown: np.ndarray, channels: int) -> np.ndarray:
    """Returns which values [N, P] of flat examples to look at, evenly over `unknown` [N, *places].

    P is the same for all examples, so one with fewer values has some of them several times. An
    example without any has the first value, which never changes.
    """
    unknown = np.repeat(np.reshape(unknown, (len(unknown), -1)), channels, axis=1)
    rows = [np.flatnonzero(row) if row.any() else np.zeros(1, int) for row in unknown]
    number = min(LOOKED_AT, max(map(len, rows)))
    even = [row[np.linspace(0, len(row) - 1, number).astype(int)] for row in rows]
    return np.stack(even)


def split_rhat(draws: np.ndarray) -> np.ndarray:
    """Returns the rank-normalised split R-hat [...] of draws [S, M, ...], S > 3; 1 if all equal."""
    halves = _halves(draws)
    folded = np.abs(halves - np.median(halves, (0, 1)))
    return np.maximum(_rhat(_normalised(halves)), _rhat(_normalised(folded)))


def bulk_ess(draws: np.ndarray) -> np.ndarray:
    """Returns the bulk-ESS [...] of draws [S, M, ...], S > 3; S M where all are equal."""
    draws = _normalised(_halves(draws))
    length, chains = draws.shape[:2]
    within, total = _variances(draws)
    centred = draws - draws.mean(0)
    power = np.abs(np.fft.rfft(centred, 2 * length, axis=0)) ** 2
    covariance = np.fft.irfft(power, 2 * length, axis=0)[:length].mean(1) / length
    rho = 1 - (within - covariance) / np.where(total > 0, total, 1.0)
    rho[0] = 1.0
    pairs = rho[: length // 2 * 2].reshape(length // 2, 2, *rho.shape[1:]).sum(1)
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    tau = -1 + 2 * (np.minimum.accumulate(pairs, axis=0) * positive).sum(0)
    # Bounds the ESS: draws that alternate may be worth more than their number, but not any number.
    tau = np.maximum(tau, 1 / np.log10(length * chains))
    return length * chains / np.where(total > 0, tau, 1.0)


def _halves(draws: np.ndarray) -> np.ndarray:
    """Cuts chains into their first and last halves, [S // 2, 2 M, ...]."""
    half = len(draws) // 2
    return np.concatenate([draws[:half], draws[-half:]], axis=1)


def _normalised(draws: np.ndarray) -> np.ndarray:
    """Returns the normal quantiles of the ranks of all draws; ties share their mean rank."""
    from scipy.stats import rankdata  # half a second of imports, and training needs none of it

    number = draws.shape[0] * draws.shape[1]
    ranks = rankdata(draws.reshape(number, -1), axis=0)
    return ndtri((ranks - 0.375) / (number + 0.25)).reshape(draws.shape)


def _variances(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns W and V; both are 0 where all draws are equal."""
    within = draws.var(0, ddof=1).mean(0)
    return within, (len(draws) - 1) / len(draws) * within + draws.mean(0).var(0, ddof=1)


def _rhat(draws: np.ndarray) -> np.ndarray:
    within, total = _variances(draws)
    # Chains that stand still, each elsewhere, have W = 0 and an infinite R-hat.
    ratio = np.divide(total, within, out=np.where(total > 0, np.inf, 1.0), where=within > 0)
    return np.sqrt(ratio)
