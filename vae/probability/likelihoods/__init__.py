"""Likelihoods p(x | z) of examples, given the decoder's outputs at every position.

An example is [*places, C]: the places of an image are (H, W), of a sound (T,); a row of a table has
none. A likelihood is a small frozen dataclass; `base.py` has its contract. A decoder gives it P =
`outputs(C)` numbers at each position; what all examples share (one scale) is in its `variables`.

With O numbers per value, P = O C: the last axis holds the first number of all channels, then the
second, and so on. Values are in the model's units: levels are equally spaced in [0, 1], a count is
x times its `scale`, and tokens are whole numbers, which have neither mean nor variance.
"""

from vae.probability.likelihoods.base import Likelihood
from vae.probability.likelihoods.bernoulli import Bernoulli, ContinuousBernoulli
from vae.probability.likelihoods.categorical import Categorical, Tokens
from vae.probability.likelihoods.counts import (
    NegativeBinomial,
    Poisson,
    ZeroInflatedNegativeBinomial,
)
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
    "ZeroInflatedNegativeBinomial",
]
