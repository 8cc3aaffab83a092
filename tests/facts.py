"""Facts of small data sets that models are built for in tests."""

import numpy as np

from vae import models
from vae.models.data import Data
from vae.probability.event import Event, Values
from vae.rules.config import check_config
from vae.rules.data import check_data
from vae.rules.model import check_model


def facts(mean, values=None, *, num_classes=0, examples=None, **others):
    """`Data` of a mean example [*places, C] and 17 levels, or other values."""
    mean = np.asarray(mean, np.float32)
    event = Event(mean.shape, values or Values("levels", 16.0, 17))
    examples = examples or (lambda num: np.broadcast_to(mean, (num, *mean.shape)))
    return Data(event, mean, num_classes, examples, **others)


def checked(config, data):
    """The model of a config, for which every rule is asked; an objective may need an example."""
    check_config(config)
    attributes = ["a"] * data.num_attributes
    check_data(config, data.event, num_classes=data.num_classes, attributes=attributes)
    model = models.build(config.model, data)
    check_model(config, model, example=None)
    return model
