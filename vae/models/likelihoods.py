"""Makes the likelihood that a config names, and checks it against the data's values."""

from __future__ import annotations

import ml_collections

from vae.config.build import build
from vae.config.reads import is_read
from vae.errors import InputError
from vae.models.condition import condition_of, of_decoder
from vae.models.data import Data
from vae.probability.event import Values
from vae.probability.likelihoods import Bernoulli, Likelihood


def likelihood_of(config: ml_collections.ConfigDict, data: Data) -> Likelihood:
    """Returns the likelihood of a config's `model` section for the event of the data.

    Raises:
      InputError: it does not take the event's values.
    """
    event, condition = data.event, of_decoder(condition_of(config, data))
    likelihood = build(
        "model",
        config,
        "likelihood",
        Likelihood,
        event=event,
        channels=event.channels,
        levels=event.values.levels,
        largest=event.values.scale,
        total=event.values.total,
        classes=condition.size if condition else 0,
    )
    if reason := likelihood.takes(event.values):
        raise InputError(f'model.likelihood = "{config.likelihood}" {reason}')
    return likelihood


def grey_warning(config: ml_collections.ConfigDict, values: Values) -> str | None:
    """Returns a sentence where `model.likelihood` is none (a Bernoulli on grey values), or None."""
    if config.model.likelihood != "bernoulli" or not is_read(config, "model.likelihood"):
        return None
    if Bernoulli().log_levels(values) is not None:
        return None
    return (
        'model.likelihood = "bernoulli" on grey values is not a likelihood: the figures compare '
        'with others of its kind only; data.binarize = "dynamic" gives one'
    )
