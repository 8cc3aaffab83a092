"""How well clusters of features, found without labels, agree with classes.

Clusters are fitted to training examples, as many as there are classes, and test examples fall into
them. From the table n [K, C] of how many test examples of class c are in cluster k come

    accuracy    the share of test examples in the cluster that is matched to their class, under the
                best one-to-one matching (Kuhn 1955, "The Hungarian method"), which is found on the
                same examples (Xie et al., "Unsupervised deep embedding", 2016)
    ARI         the adjusted Rand index: 1 for the same partition, 0 in the mean for random ones
                (Hubert & Arabie, "Comparing partitions", 1985)
    NMI         the mutual information of cluster and class over the mean of their entropies

with standard errors over bootstrap samples of the test examples.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from vae.evaluation.readout import RESAMPLED, Sets, components, one_thread

MOST = 50  # features; of more, the first so many principal components are clustered
STARTS = 10  # of k-means; the best by its own loss is kept
MIXTURES = 3  # starts of a mixture
FLOOR = 1e-3  # of the variances of a mixture, relative to the mean variance of the features


@one_thread
def clusters(x: Sets, number: int, *, seed: int) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Returns the clusters [M] of test examples by k-means and by a mixture of Gaussians.

    The mixture's covariances are full or diagonal, which is chosen by the likelihood of validation
    examples.

    Args:
      x: features, see `readout.scaled`.
      number: how many clusters there are to be.
      seed: seed of the starts.

    Returns:
      For "k_means" and "gaussian_mixture", if there are as many training examples: the clusters,
      and what was chosen.
    """
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    if len(x.train) < number:
        return {}
    if x.train.shape[1] > MOST:
        x = components(x, MOST)
    with warnings.catch_warnings():  # fewer distinct examples than clusters, and slow convergence
        warnings.simplefilter("ignore")
        means = KMeans(number, n_init=STARTS, random_state=seed).fit(x.train)
        mixtures = {
            kind: GaussianMixture(
                number,
                covariance_type=kind,
                reg_covar=FLOOR,
                n_init=MIXTURES,
                init_params="k-means++",
                random_state=seed,
            ).fit(x.train)
            for kind in ("full", "diag")
        }
    kind = max(mixtures, key=lambda kind: mixtures[kind].score(x.valid))
    return {
        "k_means": (means.predict(x.test), {}),
        "gaussian_mixture": (mixtures[kind].predict(x.test), {"covariance": kind}),
    }


def agreement(found: np.ndarray, truth: np.ndarray, number: int) -> dict[str, float]:
    """Returns "accuracy", "ari" and "nmi" with their errors, of clusters [M] and classes [M]."""
    table = np.zeros((number, number))
    np.add.at(table, (found, truth), 1)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(truth), table.ravel() / len(truth), RESAMPLED)
    drawn = drawn.reshape(-1, *table.shape).astype(float)
    figures = {}
    measures: dict[str, Callable[[np.ndarray], float]] = {
        "accuracy": matched,
        "ari": adjusted_rand,
        "nmi": normalised_information,
    }
    for name, measure in measures.items():
        figures[name] = measure(table)
        figures[f"{name}_stderr"] = float(np.std([measure(each) for each in drawn], ddof=1))
    return figures


def matched(table: np.ndarray) -> float:
    """Returns the share of a table [K, C] on its diagonal under the best order of its rows."""
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / table.sum())


def adjusted_rand(table: np.ndarray) -> float:
    """Returns the adjusted Rand index of a table [K, C] of counts."""

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    rows, columns, every = pairs(table.sum(1)), pairs(table.sum(0)), pairs(table.sum())
    chance, most = rows * columns / every, (rows + columns) / 2
    return (pairs(table) - chance) / (most - chance) if most > chance else 1.0


def normalised_information(table: np.ndarray) -> float:
    """Returns the mutual information of a table [K, C] of counts, over the mean entropy."""

    def entropy(counts: np.ndarray) -> float:
        shares = counts[counts > 0] / table.sum()
        return -float((shares * np.log(shares)).sum())

    rows, columns, both = entropy(table.sum(1)), entropy(table.sum(0)), entropy(table)
    return (rows + columns - both) / ((rows + columns) / 2) if rows + columns > 0 else math.nan
