"""Scores of how well classifiers predict the factors from the codes.

    sap           Kumar et al. 2018: the mean over factors of the difference between the test
                  accuracies of the two latents that a linear support vector machine (C = .01,
                  classes weighted equally) predicts the factor from best, each alone
    explicitness  Ridgeway & Mozer 2018: the mean over factors, and over the classes of each, of the
                  area under the ROC of a logistic regression from all latents, standardised; .5 is
                  chance
    infoe         Hsu et al. 2023: the mean over factors of 1 - H(f | z) / H(f), the share of the
                  entropy that a logistic regression, not regularised, takes away from those
                  examples that it learned from. Classes weigh equally, so H(f) is the logarithm of
                  their number. The authors' code weighs them in the fit alone, so that a rare class
                  can make the share negative.

Classifiers learn from the first two thirds of the examples, and the first two are measured on the
rest. SAP depends on the units of the codes, for its machine is regularised.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.special import log_softmax
from scipy.stats import rankdata


def split(number: int) -> tuple[slice, slice]:
    """Returns the rows that are learned from, two thirds, and those that are measured on."""
    edge = -(-2 * number // 3)
    return slice(edge), slice(edge, number)


def logistic(x: np.ndarray, y: np.ndarray, **settings: Any) -> Any:
    """Returns a logistic regression of classes y [N] by x [N, D], scikit-learn's.

    It takes the steps that scikit-learn takes by default: where classes can be told apart without
    fail and nothing regularises, no number would be enough.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(**settings).fit(x, y)


def standardised(codes: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Returns codes [N, D] in units of the standard deviations of others; those of one value: 0."""
    std = like.std(0)
    live = np.ptp(like, axis=0) > 0
    return np.where(live, (codes - like.mean(0)) / np.where(live, std, 1), 0)


def sap(codes: np.ndarray, factors: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns SAP of codes [N, D] for factors [N, F], and the accuracies [D, F].

    Where there is one latent, the second is one that says nothing: the commonest class is guessed.
    """
    from sklearn.svm import LinearSVC

    train, test = split(len(codes))
    accuracies = np.empty((codes.shape[1], factors.shape[1]))
    for f, factor in enumerate(factors.T):
        for d, z in enumerate(codes.T):
            machine = LinearSVC(C=0.01, class_weight="balanced", dual=False)
            machine.fit(z[train, None], factor[train])
            accuracies[d, f] = np.mean(machine.predict(z[test, None]) == factor[test])
    ranked = np.sort(accuracies, axis=0)
    if len(ranked) == 1:
        guess = [np.bincount(factor[train]).argmax() for factor in factors.T]
        ranked = np.vstack([(factors[test] == guess).mean(0), ranked])
    return float(np.mean(ranked[-1] - ranked[-2])), accuracies


def explicitness(codes: np.ndarray, factors: np.ndarray) -> float:
    """Returns the explicitness of codes [N, D] for factors [N, F]."""
    train, test = split(len(codes))
    x, unseen = (standardised(codes[part], codes[train]) for part in (train, test))
    found = []
    for factor in factors.T:
        model = logistic(x, factor[train])
        truth = factor[test][:, None] == model.classes_
        known = truth.any(0) & ~truth.all(0)
        found.append(_area(model.predict_proba(unseen)[:, known], truth[:, known]).mean())
    return float(np.mean(found))


def _area(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns the area under the ROC of scores [N, K] for what is so, [N, K] bool: [K]."""
    ranks, some = rankdata(scores, axis=0), truth.sum(0)
    above = (ranks * truth).sum(0) - some * (some + 1) / 2
    return above / (some * (len(truth) - some))


def infoe(codes: np.ndarray, factors: np.ndarray) -> float:
    """Returns InfoE of codes [N, D] for factors [N, F]."""
    train, _ = split(len(codes))
    x, shares = standardised(codes[train], codes[train]), []
    for factor in factors[train].T:
        classes, y = np.unique(factor, return_inverse=True)
        model = logistic(x, y, C=np.inf, class_weight="balanced")
        weights = 1 / np.bincount(y)[y]
        scores = model.decision_function(x)
        if scores.ndim == 1:  # of two classes
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        right = log_softmax(scores, axis=1)[np.arange(len(y)), y]
        shares.append(1 + np.average(right, weights=weights) / np.log(len(classes)))
    return float(np.mean(shares))
