"""What can be read from features [N, F]: classes and numbers, by simple models of them.

    linear     multinomial logistic regression of a class, ridge regression of a number; the weight
               of the penalty is the one of the lowest loss on validation examples
    nearest    the class that most of the k nearest training examples have, or the mean of their
               numbers; k is chosen on validation examples
    few        logistic regression from n labelled examples of each class, in several draws; nothing
               is chosen, for that would take more labels (Oliver et al., "Realistic evaluation of
               deep semi-supervised learning algorithms", 2018)

Everything is fitted to training examples and measured on test examples. Features are centred and
divided by one number, which keeps distances and directions: no figure depends on the unit of the
features or on a rotation of them, and a latent that is not in use stays as small as it is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

MOST = 512  # features; of more, the first so many principal components are read
PENALTIES = 10.0 ** np.arange(-3, 4)  # C of the logistic regressions, until one is worse
RIDGES = 10.0 ** np.arange(-6, 2)  # relative to the mean variance of the features
NEIGHBOURS = (1, 3, 5, 10, 20)
FEW = (1, 5, 10, 100)  # labels of each class
DRAWS = 5
TINY = 1e-12  # the least probability in a loss
ITERATIONS = 300  # of a logistic regression
RESAMPLED = 200  # bootstrap samples of the test examples

# On so few numbers threads mostly wait for each other: on a busy machine they take 30 times longer.
one_thread = threadpool_limits.wrap(limits=1)


class Sets(NamedTuple):
    """An array for the examples of each split."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def each(self, function: Callable[[np.ndarray], np.ndarray]) -> Sets:
        """Returns what a function makes of each."""
        return Sets(*map(function, self))


def scaled(features: Sets) -> Sets:
    """Returns features [N, F] centred and divided by the root of their mean variance in training.

    More than MOST features become the principal components of the largest variance.
    """
    if features.train.shape[1] > MOST:
        features = components(features, MOST)
    mean = features.train.mean(0, dtype=np.float64)
    variance = float(features.train.var(0, dtype=np.float64).mean())
    return features.each(lambda x: (x - mean) / math.sqrt(variance or 1.0))


def components(features: Sets, number: int) -> Sets:
    """Returns the first principal components [N, number] of training features, of every split."""
    from sklearn.decomposition import PCA

    fitted = PCA(min(number, *features.train.shape), random_state=0).fit(features.train)
    return features.each(fitted.transform)


@one_thread
def linear(x: Sets, y: Sets, classes: int) -> tuple[np.ndarray, dict[str, float]]:
    """Returns a linear model's predictions [M] for test examples, and what was chosen.

    Args:
      x: features, see `scaled`.
      y: classes [N] or, where `classes` is 0, numbers [N].
      classes: how many classes there are.
    """
    if not classes:
        return _ridge(x, y)
    best, lowest, chosen = y.train[:1].repeat(len(x.test)), math.inf, math.nan
    if (y.train == y.train[0]).all():
        return best, {"C": chosen}
    model = _logistic(warm_start=True)
    for penalty in PENALTIES:
        model.set_params(C=penalty)
        _fit(model, x.train, y.train)
        given = model.predict_proba(x.valid)[y.valid[:, None] == model.classes_]
        loss = float(-np.log(np.maximum(given, TINY)).mean()) if len(given) else 0.0
        if loss > lowest:
            break
        best, lowest, chosen = model.predict(x.test), loss, float(penalty)
    return best, {"C": chosen}


def _logistic(**settings: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=ITERATIONS, **settings)


def _fit(model: Any, x: np.ndarray, y: np.ndarray) -> None:
    with warnings.catch_warnings():  # one that is still on its way is judged as it is
        warnings.simplefilter("ignore")
        model.fit(x, y)


def _ridge(x: Sets, y: Sets) -> tuple[np.ndarray, dict[str, float]]:
    """Returns the predictions of ridge regression, by one eigendecomposition for all penalties."""
    mean = y.train.mean()
    values, vectors = np.linalg.eigh(x.train.T @ x.train / len(x.train))
    along = vectors.T @ (x.train.T @ (y.train - mean)) / len(x.train)
    best, lowest, chosen = np.full(len(x.test), mean), math.inf, math.nan
    for ridge in RIDGES:
        weights = vectors @ (along / (np.maximum(values, 0) + ridge))
        error = float(((x.valid @ weights + mean - y.valid) ** 2).mean())
        if error < lowest:
            best, lowest, chosen = x.test @ weights + mean, error, float(ridge)
    return best, {"ridge": chosen}


@one_thread
def nearest_in(x: Sets) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest training examples, nearest first, of validation and of test examples.

    Each [N, k] has the indices of the most neighbours that `nearest` may choose.
    """
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=min(max(NEIGHBOURS), len(x.train))).fit(x.train)
    valid, test = (found.kneighbors(each, return_distance=False) for each in (x.valid, x.test))
    return valid, test


def nearest(
    neighbours: tuple[np.ndarray, np.ndarray], y: Sets, classes: int
) -> tuple[np.ndarray, dict[str, float]]:
    """Returns the neighbours' predictions [M] for test examples, and what was chosen.

    Args:
      neighbours: see `nearest_in`.
      y: as in `linear`.
      classes: as in `linear`.
    """

    def predicted(rows: np.ndarray, k: int) -> np.ndarray:
        found = y.train[rows[:, :k]]
        if not classes:
            return found.mean(1)
        weights = 1 - 1e-6 * np.arange(k)  # of classes with as many, the one with nearer ones
        votes = ((found[..., None] == np.arange(classes)) * weights[:, None]).sum(1)
        return votes.argmax(1)

    valid, test = neighbours
    losses = {}
    for k in (k for k in NEIGHBOURS if k <= valid.shape[1]):
        error = predicted(valid, k) - y.valid
        losses[k] = float((error != 0).mean() if classes else (error**2).mean())
    k = min(losses, key=losses.__getitem__)
    return predicted(test, k), {"k": k}


@one_thread
def few(x: Sets, y: Sets, classes: int, *, seed: int) -> dict[str, dict[str, float]]:
    """Returns the accuracy from few labels of each class, the mean and error over draws of these.

    Args:
      x: features, see `scaled`.
      y: classes [N].
      classes: how many classes there are.
      seed: seed of the draws, which are the same for all features.

    Returns:
      {"5": {"accuracy", "accuracy_stderr"}, ...} by the number of labels of each class that was
      seen in training, for the numbers that all of these have.
    """
    own = [np.flatnonzero(y.train == c) for c in range(classes)]
    own = [rows for rows in own if len(rows)]
    found: dict[str, dict[str, float]] = {}
    for number in (n for n in FEW if len(own) > 1 and n <= min(map(len, own))):
        shares = []
        for draw in range(DRAWS):
            rng = np.random.default_rng((seed, number, draw))
            rows = np.concatenate([rng.choice(each, number, replace=False) for each in own])
            model = _logistic(C=1.0)
            _fit(model, x.train[rows], y.train[rows])
            shares.append(float((model.predict(x.test) == y.test).mean()))
        error = float(np.std(shares, ddof=1)) / math.sqrt(DRAWS)
        found[str(number)] = {"accuracy": float(np.mean(shares)), "accuracy_stderr": error}
    return found


def figures(predicted: np.ndarray, truth: np.ndarray, classes: int) -> dict[str, float]:
    """Returns the accuracy of predicted classes [M], or R2 of numbers, with the standard error."""
    if classes:
        share = float((predicted == truth).mean())
        error = math.sqrt(share * (1 - share) / len(truth))
        return {"accuracy": share, "accuracy_stderr": error}
    count = np.random.default_rng(0).multinomial(
        len(truth), np.full(len(truth), 1 / len(truth)), RESAMPLED
    )
    drawn = r2(predicted, truth, count)
    all_once = r2(predicted, truth, np.ones((1, len(truth))))
    return {"r2": float(all_once[0]), "r2_stderr": float(np.nanstd(drawn, ddof=1))}


def r2(predicted: np.ndarray, truth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Returns R2 [B] of predictions [M] of numbers [M], each example counted count[b] times.

    It is NaN where the numbers do not vary.
    """
    number, middle = count.sum(1), truth.mean()
    predicted, truth = predicted - middle, truth - middle
    mean = count @ truth / number
    variance = count @ truth**2 / number - mean**2
    error = count @ (predicted - truth) ** 2 / number
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, 1 - error / variance, np.nan)
