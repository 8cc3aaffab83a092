"""Codes whose disentanglement is known, of every combination of factors, three times over.

Two combinations are learned from and one is measured on, so that factors are independent exactly,
and scores are what their formulas say without sampling.
"""

import itertools

import numpy as np

HALF = np.sqrt(0.5)


def grid(*sizes, times=3):
    """All combinations [N, F] of classes from 0."""
    every = np.array(list(itertools.product(*map(range, sizes))))
    return np.concatenate([every] * times)


def perfect(factors):
    """A latent for each factor, of mean 0 and variance 1."""
    codes = factors.astype(np.float64)
    return (codes - codes.mean(0)) / codes.std(0)


def rotated(factors):
    """As `perfect`, with the first two latents turned by 45 degrees."""
    codes = perfect(factors)
    codes[:, :2] = codes[:, :2] @ np.array([[HALF, -HALF], [HALF, HALF]])
    return codes
