"""Which likelihood a name in a config stands for, and whether it can be of the data's values."""

from __future__ import annotations

import logging

import ml_collections

from vae.config.build import build
from vae.errors import InputError
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood


def likelihood_of(config: ml_collections.ConfigDict, event: Event) -> Likelihood:
    """The likelihood of a config's `model` section, of such an event as the model is given.

    Logs a warning where it is none: a Bernoulli's cross-entropy of grey values.

    Raises:
      InputError: it cannot be of these values.
    """
    likelihood = build(
        "model",
        config,
        "likelihood",
        Likelihood,
        event=event,
        channels=event.channels,
        levels=event.values.levels,
        largest=event.values.scale,
    )
    if reason := likelihood.takes(event.values):
        raise InputError(f'model.likelihood = "{config.likelihood}" {reason}')
    if likelihood.discrete and likelihood.log_levels(event.values) is None:
        logging.warning(
            'model.likelihood = "%s" on grey values is not a likelihood: the figures compare with '
            'others of its kind only; data.binarize = "dynamic" gives one',
            config.likelihood,
        )
    return likelihood
