"""Likelihoods p(x | z) of examples, given what the decoder puts out for every place.

An example is [*places, C]: an image has the places (H, W), a sound (T,), a row of a table none. A
likelihood is a small frozen record. A decoder gives it P = `outputs(C)` numbers a place; what it
shares over all examples (one scale) lives in its `variables`: `params` are learned by gradient,
`statistics` are running averages. It answers

    takes(values)                        why x cannot be of such values, None where it can: it goes
                                         on from 'model.likelihood = "name" ...'
    discrete                             whether p is a probability, and not a density
    log_levels(values)                   what log p(x) lacks of the log-probability of a level, in
                                         nats a value; None where it has none, and so bits per
                                         dimension have no meaning
    outputs(C)                           P, for examples of C channels
    init()                               the initial variables
    to_outputs(mean)                     [*places, P] of this mean [*places, C]: where a decoder
                                         starts
    log_prob(outputs, x, variables,      log p(x | z) [..., B] in nats, of outputs
             mask=None)                  [..., B, *places, P] and x [B, *places, C], summed over
                                         the values at the places where mask [B, *places] is True,
                                         or over all
    update(outputs, x, variables,        the statistics as these values of a batch leave them
           mask=None)
    typical(outputs)                     what a person is shown of p(x | z), [..., *places, C]: its
                                         mean, and of tokens the most probable ones
    mean(outputs)                        the mean of p(x | z), [..., *places, C]
    variance(outputs, variables)         the variance of every value, [..., *places, C]
    sample(outputs, variables, *, key)   a draw from p(x | z), [..., *places, C]

Where there are O numbers per value, P = O C, and the last axis holds the first of them for all
channels, then the second, ... Values are in the model's units: levels are equally spaced in [0, 1],
a count is x times its `scale`, and tokens are whole numbers, which have neither mean nor variance.
"""

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
    "MixtureOfLogistics",
    "NegativeBinomial",
    "Poisson",
    "Tokens",
]
