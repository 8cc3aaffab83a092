"""Steps in latent space that turn an attribute on. Arrays only; no model.

Latents z [N, D] and their attributes y [N, A], as shares of their ranges, give a step d_a [D] for
each attribute a: z + d_a is z with the attribute turned on, from 0 to 1, and z + 2 d_a goes twice
as far. The attributes `keep` stay as they are, but for the others of a's own field, of which an
example has one (`fields`, the columns of each). There are two methods:

    means    E[z | y_a = 1, y_keep] - E[z | y_a = 0, y_keep]: the difference between the means of
             latents with and without the attribute, at fixed values of the attributes to keep. It
             is the coefficient of y_a in the least-squares fit of z by y_a, y_keep and 1, which
             Gram-Schmidt on the columns of y leaves to y_a alone.

    linear   the normal w_a of the boundary of a linear classifier (logistic regression; ridge
             regression for an attribute between 0 and 1), minus its projection on the span of the
             normals of the attributes to keep: their scores w_j . z do not change along the step
             (Shen et al. 2020, "Interpreting the latent space of GANs for semantic face editing",
             section 3.2, conditional manipulation, for any number of conditions). Their z has the
             prior N(0, I); here z is whitened first, since a normal leans towards the dimensions
             that vary least. The step moves the attribute's own score as far as that by means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SMALLEST = 1e-3  # a smaller share of a direction's length counts as nothing
NARROWEST = 1e-6  # the least variance that z is taken to have, as a share of its largest


def means(
    z: np.ndarray, y: np.ndarray, keep: Sequence[int], fields: Sequence[Sequence[int]] = ()
) -> np.ndarray:
    """Returns the steps [A, D] by means; zeros where the kept attributes determine an attribute."""
    z, y = (z - z.mean(0)).astype(np.float64), (y - y.mean(0)).astype(np.float64)
    steps = np.zeros((y.shape[1], z.shape[1]), np.float32)
    for a in range(len(steps)):
        own = apart(y[:, a], y[:, _others(a, keep, fields)].T)
        if own.any():
            steps[a] = own @ z / (own @ own)
    return steps


def linear(
    z: np.ndarray, y: np.ndarray, keep: Sequence[int], fields: Sequence[Sequence[int]] = ()
) -> np.ndarray:
    """Returns the steps [A, D] by classifiers; zeros where the kept normals span an attribute's."""
    slopes = means(z, y, keep, fields)
    centred = (z - z.mean(0)).astype(np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(z))
    stds = np.sqrt(np.maximum(variances, NARROWEST * variances[-1]))
    whitened = centred @ axes / stds
    normals = np.stack([_normal(whitened, values) for values in y.T])
    steps = np.zeros_like(slopes)
    for a, normal in enumerate(normals):
        left = apart(normal, normals[_others(a, keep, fields)])
        if left.any():
            moved = normal @ (slopes[a] @ axes / stds)  # how far the step by means moves its score
            steps[a] = axes @ (stds * left) * moved / (normal @ left)
    return steps


METHODS = {"means": means, "linear": linear}


def apart(direction: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the part [D] of a direction [D] at right angles to all of the others [M, D].

    It is the residual of the direction's least-squares fit by the others, which Gram-Schmidt leaves
    in any order; zeros where the others span the direction.
    """
    coefficients = np.linalg.lstsq(others.T, direction, rcond=1e-6)[0]
    left = direction - others.T @ coefficients
    if np.linalg.norm(left) <= SMALLEST * np.linalg.norm(direction):
        return np.zeros_like(direction)
    return left


def _others(a: int, keep: Sequence[int], fields: Sequence[Sequence[int]]) -> list[int]:
    own = next((columns for columns in fields if a in columns), (a,))
    return [k for k in keep if k not in own]


def _normal(z: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns the unit normal [D] of a linear classifier of values [N]; zeros if all are equal."""
    from sklearn.linear_model import LogisticRegression, Ridge  # takes a second to import

    different = np.unique(values)
    if len(different) < 2:
        return np.zeros(z.shape[1])
    if len(different) == 2:
        model = LogisticRegression(max_iter=1000, class_weight="balanced")
        weights = model.fit(z, values == different[1]).coef_[0]
    else:
        weights = Ridge().fit(z, values).coef_
    return weights / max(float(np.linalg.norm(weights)), 1e-12)
