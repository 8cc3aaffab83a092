"""Which likelihood a name in a config stands for, and whether it can be of the data's values."""

from __future__ import annotations

import logging
from typing import Any

import ml_collections

from vae.errors import InputError
from vae.probability import likelihoods
from vae.probability.event import Values

LIKELIHOODS = {
    "bernoulli": lambda config, values: likelihoods.Bernoulli(),
    "continuous_bernoulli": lambda config, values: likelihoods.ContinuousBernoulli(),
    "gaussian": lambda config, values: likelihoods.Gaussian(config.scale, config.scale_init),
    "laplace": lambda config, values: likelihoods.Laplace(config.scale, config.scale_init),
    "discretized_logistic": lambda config, values: likelihoods.DiscretizedLogistic(
        values.levels, config.scale, config.scale_init
    ),
    "mixture_of_logistics": lambda config, values: likelihoods.MixtureOfLogistics(
        values.levels, config.likelihood_components, config.scale_init
    ),
    "categorical": lambda config, values: (
        likelihoods.Tokens if values.kind == "tokens" else likelihoods.Categorical
    )(values.levels),
    "poisson": lambda config, values: likelihoods.Poisson(values.scale),
    "negative_binomial": lambda config, values: likelihoods.NegativeBinomial(values.scale),
}


def likelihood_of(config: ml_collections.ConfigDict, values: Values) -> Any:
    """The likelihood of a config's `model` section, of such values as the model is given.

    Logs a warning where it is none: a Bernoulli's cross-entropy of grey values.

    Raises:
      InputError: it cannot be of these values.
    """
    likelihood = LIKELIHOODS[config.likelihood](config, values)
    if reason := likelihood.takes(values):
        raise InputError(f'model.likelihood = "{config.likelihood}" {reason}')
    if likelihood.discrete and likelihood.log_levels(values) is None:
        logging.warning(
            'model.likelihood = "%s" on grey values is not a likelihood: the figures compare with '
            'others of its kind only; data.binarize = "dynamic" gives one',
            config.likelihood,
        )
    return likelihood
