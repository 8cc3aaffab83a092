"""Likelihoods p(x | z) of images, given what the decoder puts out for every pixel.

A likelihood is a small frozen record. A decoder gives it P = `outputs(C)` numbers per pixel; what
it shares over all images (one scale) lives in its `variables`: `params` are learned by gradient,
`statistics` are running averages. It answers

    discrete                             whether p is a probability, so that bits per dimension have
                                         a meaning; a density has them on dequantised values only
    outputs(C)                           P, for images of C channels
    init()                               the initial variables
    to_outputs(mean)                     [H, W, P] with the mean [H, W, C]: where a decoder starts
    log_prob(outputs, x, variables)      log p(x | z) [..., B] in nats, summed over H, W, C, of
                                         outputs [..., B, H, W, P] and x [B, H, W, C]
    update(outputs, x, variables)        the statistics as a batch leaves them
    mean(outputs)                        the mean of p(x | z), [..., H, W, C]
    variance(outputs, variables)         the variance of every value, [..., H, W, C]
    sample(outputs, variables, *, key)   a draw from p(x | z), [..., H, W, C]

Where there are O numbers per value, P = O C, and the last axis holds the first of them for all
channels, then the second, ... Values are in the model's units: levels are equally spaced in [0, 1],
and a count is x times its `scale`.
"""

from vae.probability.likelihoods.bernoulli import Bernoulli, ContinuousBernoulli
from vae.probability.likelihoods.categorical import Categorical
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
    "MixtureOfLogistics",
    "NegativeBinomial",
    "Poisson",
]
