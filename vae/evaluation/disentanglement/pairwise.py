"""The mutual information of each latent with each factor, and the scores that are made of it.

Factors are discrete, latents continuous, so that an estimate is needed. Two are used, in nats:

    histogram   each latent is cut into 20 bins of one width, and I is that of the counts
                (Locatello et al. 2019, appendix C). It is biased upwards, by about (bins - 1)
                (classes - 1) / 2N, so scores compare at one N only.
    nearest     Ross 2014, "Mutual information between discrete and continuous data sets": with d_i
                the distance from z_i to the k-th nearest of its own class, n_i the number of
                others of its class and m_i of all others that are no farther than d_i, and N_i
                the size of its class,

                    I = psi(N) + mean_i[psi(n_i) - psi(N_i) - psi(m_i)].

                Without ties n_i = k. With them it is more (Gao et al. 2017, "Estimating mutual
                information for discrete-continuous mixtures"), and counting it keeps the estimate
                right for codes of few values; scikit-learn's `mutual_info_classif` breaks ties by a
                noise that rounding turns into ties again, and for a rare class returns many times
                the entropy of the factor. What is found here is cut to between 0 and that entropy.

The matrix I [D, F] makes, with H the factors' entropies:

    mig          mean_f (I_1f - I_2f) / H_f of the two latents that say most about factor f (Chen et
                 al. 2018)
    modularity   mean_d 1 - sum_{f != f*} I_df^2 / (I_df*^2 (F - 1)), f* the factor that latent d
                 says most about (Ridgeway & Mozer 2018, with I by histogram as Locatello et al.)
    infom        mean_d (max_f N_df / sum_f N_df - 1/F) / (1 - 1/F), N = I / H by the 10 nearest
    infoc        mean_f (max_d N_df / sum_d N_df - 1/D) / (1 - 1/D); both are over latents whose
                 range is above a 20th of the largest range (Hsu et al. 2023, "Disentanglement via
                 latent quantization")

A latent or a factor with no information at all has no preference and counts 0. Latents of one value
are left out of the means over latents.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

BINS = 20
NEIGHBOURS = 10
NARROWEST = 1 / 20  # of the largest range: latents of a smaller one are not used


def entropies(factors: np.ndarray) -> np.ndarray:
    """Returns the entropies [F] of factors [N, F] of classes from 0."""
    shares = [np.bincount(factor) / len(factors) for factor in factors.T]
    return np.array([-(p[p > 0] * np.log(p[p > 0])).sum() for p in shares])


def binned(codes: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Returns the bins [N, D] of codes [N, D], of one width from the least to the largest value."""
    cut = [np.digitize(z, np.histogram_bin_edges(z, bins)[1:-1]) for z in codes.T]
    return np.stack(cut, axis=1)


def by_histogram(codes: np.ndarray, factors: np.ndarray, *, bins: int = BINS) -> np.ndarray:
    """Returns the mutual information [D, F] of codes [N, D], in bins, with factors [N, F]."""
    cut, number = binned(codes, bins), len(codes)
    found = np.empty((codes.shape[1], factors.shape[1]))
    for f, factor in enumerate(factors.T):
        classes = factor.max() + 1
        for d, z in enumerate(cut.T):
            joint = np.bincount(z * classes + factor, minlength=bins * classes) / number
            joint = joint.reshape(bins, classes)
            apart = joint.sum(1, keepdims=True) * joint.sum(0)
            some = joint > 0
            found[d, f] = (joint[some] * np.log(joint[some] / apart[some])).sum()
    return np.maximum(found, 0)


def bias(number: int, classes: int, *, bins: int = BINS) -> float:
    """Returns about how many nats `by_histogram` finds in N examples where there are none."""
    return (bins - 1) * (classes - 1) / (2 * number)


def by_nearest(codes: np.ndarray, factors: np.ndarray, *, k: int = NEIGHBOURS) -> np.ndarray:
    """Returns the mutual information [D, F] of codes [N, D] with factors [N, F] by neighbours."""
    found = np.array([[_nearest(z, factor, k) for factor in factors.T] for z in codes.T])
    return np.clip(found, 0, entropies(factors))


def _nearest(z: np.ndarray, factor: np.ndarray, k: int) -> float:
    """Returns Ross's estimate for one latent and one factor, [N] each.

    A class of one example tells nothing of distances within it, and is left out.
    """
    sizes = np.bincount(factor)
    some = sizes[factor] > 1
    z, factor = z[some], factor[some]
    if not len(z):
        return 0.0
    order = np.lexsort((z, factor))
    z, factor = z[order], factor[order]
    size = sizes[factor]
    ends = np.cumsum(np.bincount(factor))[factor]
    row, begins, near = np.arange(len(z)), ends - size, np.minimum(k, size - 1)
    # In the order of one class the nearest k lie within k + 1 neighbours in a row.
    distance = np.full(len(z), np.inf)
    for left in range(k + 1):
        low, high = row - left, row - left + near
        within = (left <= near) & (low >= begins) & (high < ends)
        low, high = np.where(within, low, row), np.where(within, high, row)
        widest = np.maximum(z - z[low], z[high] - z)
        distance = np.where(within, np.minimum(distance, widest), distance)
    distance += 4 * np.finfo(z.dtype).eps * np.abs(z).max()  # as far as z +- distance is rounded
    everyone = np.sort(z)
    others = _within(everyone, z, distance)
    own = np.empty(len(z))
    for begin in np.unique(begins):
        part = slice(begin, begin + size[begin])
        own[part] = _within(z[part], z[part], distance[part])
    terms = digamma(own) - digamma(size) - digamma(others)
    return float(digamma(len(z)) + terms.mean())


def _within(everyone: np.ndarray, z: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Returns how many others of `everyone`, in order, lie within a distance of each z."""
    last = np.searchsorted(everyone, z + distance, side="right")
    return last - np.searchsorted(everyone, z - distance, side="left") - 1


def mig(information: np.ndarray, entropies: np.ndarray) -> float:
    """Returns the mutual information gap of I [D, F] and H [F]; a missing second latent says 0."""
    most = np.sort(np.vstack([np.zeros_like(entropies), information]), axis=0)
    return float(np.mean((most[-1] - most[-2]) / entropies))


def modularity(information: np.ndarray, live: np.ndarray) -> float:
    """Returns the modularity of the live latents, [D] bool, of I [D, F] with F > 1."""
    squares = information[live] ** 2
    most = squares.max(1)
    others = squares.sum(1) - most
    share = others / np.where(most > 0, most, 1) / (squares.shape[1] - 1)
    return float(np.mean(np.where(most > 0, 1 - share, 0)))


def wide(codes: np.ndarray) -> np.ndarray:
    """Returns the latents, [D] bool, of codes [N, D] that InfoM and InfoC are taken over."""
    ranges = np.ptp(codes, axis=0)
    return ranges > NARROWEST * ranges.max()


def preference(information: np.ndarray) -> float:
    """Returns how much one of B columns has of each row's information [A, B], from 0 to 1.

    InfoM is that of the normalised I [D, F], and InfoC of its transpose.
    """
    total, number = information.sum(1), information.shape[1]
    share = information.max(1) / np.where(total > 0, total, 1)
    share = np.where(total > 0, share, 1 / number)
    return float((share.mean() - 1 / number) / (1 - 1 / number))
