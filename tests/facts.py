"""Facts of small data sets that models are built for in tests."""

import numpy as np

from vae.models.data import Data
from vae.probability.event import Event, Values


def facts(mean, values=None, *, num_classes=0, examples=None, **others):
    """`Data` of a mean example [*places, C] and 17 levels, or other values."""
    mean = np.asarray(mean, np.float32)
    event = Event(mean.shape, values or Values("levels", 16.0, 17))
    examples = examples or (lambda num: np.broadcast_to(mean, (num, *mean.shape)))
    return Data(event, mean, num_classes, examples, **others)
