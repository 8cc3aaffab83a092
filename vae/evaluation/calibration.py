"""Whether a score's p-values mean what they say, on examples that nothing was fitted to.

The p-value of a score s, under scores v_1, ..., v_n of validation examples, is

    p(s) = (1 + #{i : v_i >= s}) / (1 + n)

An example drawn as these were has P(p <= a) <= a at every level a, and about a where ties are rare
(Vovk et al., "Algorithmic learning in a random world", 2005): its score has one of n + 1 equally
probable ranks. So over test examples p is uniform, and an alarm at p <= a is false for a share a of
them. How far that holds is measured by

    KS distance           the largest difference between the two distribution functions of scores;
                          samples of one distribution have about .87 sqrt(1/n + 1/m) of it, too
    false positive rate   the share of m test examples with p <= a

A false alarm at a has a probability that varies by a (1 - a) / (n + 2) with the validation examples
(it has a Beta distribution), and its rate is a share of m examples: the variances add up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

LEVELS = (0.01, 0.05)  # at which false positive rates are measured
RESAMPLED = 200  # bootstrap samples of both sets
CHANCE = math.sqrt(math.pi / 2) * math.log(2)  # the mean of Kolmogorov's distribution, .8687


def p_values(known: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns p-values of scores [M] under those of n validation examples; NaN where one is."""
    ordered = np.sort(known)
    above = len(ordered) - np.searchsorted(ordered, scores, "left")
    values = (1 + above) / (1 + len(ordered))
    return np.where(np.isnan(scores) | np.isnan(known).any(), np.nan, values)


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the Kolmogorov-Smirnov distance of two samples; NaN if a value is."""
    if np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    every = np.concatenate([a, b])
    shares = [np.searchsorted(np.sort(x), every, "right") / len(x) for x in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


def ks_error(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> float:
    """Returns the standard error of the distance over bootstrap samples of both."""
    rng = np.random.default_rng(seed)
    drawn = [ks_distance(*(rng.choice(x, len(x)) for x in (a, b))) for _ in range(RESAMPLED)]
    return float(np.std(drawn, ddof=1))


def ks_chance(n: int, m: int) -> float:
    """Returns the mean distance of two large samples of one distribution."""
    return CHANCE * math.sqrt(1 / n + 1 / m)


def false_positives(p: np.ndarray, n: int, level: float) -> tuple[float, float]:
    """Returns the share of test examples with p <= level, and its standard error.

    Args:
      p: [M] p-values of test examples.
      n: the number of validation examples.
      level: a.
    """
    if np.isnan(p).any():
        return math.nan, math.nan
    share = float((p <= level).mean())
    variance = share * (1 - share) / len(p) + level * (1 - level) / (n + 2)
    return share, math.sqrt(variance)


def reliability(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns levels and the share of p-values [M] up to each, from (0, 0) to (1, 1)."""
    levels, counts = np.unique(p, return_counts=True)
    shares = np.cumsum(counts) / len(p)
    return np.concatenate([[0.0], levels, [1.0]]), np.concatenate([[0.0], shares, [1.0]])


def measure(
    known: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Returns how far p-values are uniform on test examples, by metric and score.

    Args:
      known: score -> values [n] of validation examples.
      scores: score -> values [M] of test examples.

    Returns:
      {"ks": {score: distance, score_stderr: ...}, "fpr_1%": {...}, ...}, without the levels that
      are below 1 / (1 + n), which no p-value reaches.
    """
    found: dict[str, dict[str, float]] = {"ks": {}}
    for name, values in scores.items():
        own, p = known[name], p_values(known[name], values)
        found["ks"] |= {name: ks_distance(own, values), f"{name}_stderr": ks_error(own, values)}
        for level in (each for each in LEVELS if each >= 1 / (1 + len(own))):
            rates = found.setdefault(f"fpr_{level:.0%}", {})
            rates[name], rates[f"{name}_stderr"] = false_positives(p, len(own), level)
    return found
