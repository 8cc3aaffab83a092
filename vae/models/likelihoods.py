"""Which likelihood a name in a config stands for, and whether it can be of the data's values."""

from __future__ import annotations

import logging
from typing import Any

import ml_collections

from vae.errors import InputError
from vae.probability import likelihoods
from vae.probability.event import Event

LIKELIHOODS = {
    "bernoulli": lambda config, event: likelihoods.Bernoulli(),
    "continuous_bernoulli": lambda config, event: likelihoods.ContinuousBernoulli(),
    "gaussian": lambda config, event: likelihoods.Gaussian(
        config.scale, config.scale_init, event.channels
    ),
    "laplace": lambda config, event: likelihoods.Laplace(
        config.scale, config.scale_init, event.channels
    ),
    "discretized_logistic": lambda config, event: likelihoods.DiscretizedLogistic(
        event.values.levels, config.scale, config.scale_init
    ),
    "mixture_of_logistics": lambda config, event: likelihoods.MixtureOfLogistics(
        event.values.levels, config.likelihood_components, config.scale_init
    ),
    "categorical": lambda config, event: (
        likelihoods.Tokens if event.values.kind == "tokens" else likelihoods.Categorical
    )(event.values.levels),
    "poisson": lambda config, event: likelihoods.Poisson(event.values.scale),
    "negative_binomial": lambda config, event: likelihoods.NegativeBinomial(event.values.scale),
}


def likelihood_of(config: ml_collections.ConfigDict, event: Event) -> Any:
    """The likelihood of a config's `model` section, of such an event as the model is given.

    Logs a warning where it is none: a Bernoulli's cross-entropy of grey values.

    Raises:
      InputError: it cannot be of these values.
    """
    likelihood = LIKELIHOODS[config.likelihood](config, event)
    if reason := likelihood.takes(event.values):
        raise InputError(f'model.likelihood = "{config.likelihood}" {reason}')
    if likelihood.discrete and likelihood.log_levels(event.values) is None:
        logging.warning(
            'model.likelihood = "%s" on grey values is not a likelihood: the figures compare with '
            'others of its kind only; data.binarize = "dynamic" gives one',
            config.likelihood,
        )
    return likelihood
