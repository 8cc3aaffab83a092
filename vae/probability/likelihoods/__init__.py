"""Likelihoods p(x | z) of examples, given what the decoder puts out for every place.

An example is [*places, C]: an image has the places (H, W), a sound (T,), a row of a table none. A
likelihood is a small frozen record; what it answers stands in `base.py`. A decoder gives it P =
`outputs(C)` numbers a place; what it shares over all examples (one scale) lives in its `variables`.

Where there are O numbers per value, P = O C, and the last axis holds the first of them for all
channels, then the second, ... Values are in the model's units: levels are equally spaced in [0, 1],
a count is x times its `scale`, and tokens are whole numbers, which have neither mean nor variance.
"""

from vae.probability.likelihoods.base import Likelihood
from vae.probability.likelihoods.bernoulli import Bernoulli, ContinuousBernoulli
from vae.probability.likelihoods.categorical import Categorical, Tokens
from vae.probability.likelihoods.counts import NegativeBinomial, Poisson
from vae.probability.likelihoods.location_scale import Gaussian, Laplace
from vae.probability.likelihoods.logistic import DiscretizedLogistic, MixtureOfLogistics

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "MixtureOfLogistics",
    "NegativeBinomial",
    "Poisson",
    "Tokens",
]
