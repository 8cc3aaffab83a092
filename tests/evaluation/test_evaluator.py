"""Where bits per dimension have a meaning, and what they count."""

import math

import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae.config import CHOICES
from vae.data.prepare import prepared_values
from vae.evaluation.evaluator import log_levels_of
from vae.models.likelihoods import LIKELIHOODS
from vae.probability.event import BINARY, Values

LEVELS = Values("levels", 16.0, 17)
DENSITIES = ("continuous_bernoulli", "gaussian", "laplace")


@pytest.mark.parametrize("name", CHOICES["model.likelihood"])
def test_bits_per_dim_of_levels_and_of_dequantised_densities(name):
    config = tiny(model__likelihood=name)
    likelihood = LIKELIHOODS[name](config.model, facts(np.zeros((8, 8, 1)), LEVELS))
    if name in DENSITIES:
        assert log_levels_of(likelihood, LEVELS) is None
        config.data.dequantize = True
        noisy = prepared_values(LEVELS, config.data)
        assert log_levels_of(likelihood, noisy) == math.log(17)
    elif name == "bernoulli":
        assert log_levels_of(likelihood, LEVELS) is None
        assert log_levels_of(likelihood, BINARY) == 0.0
        config.data.binarize = "dynamic"
        assert log_levels_of(likelihood, prepared_values(LEVELS, config.data)) == 0.0
    else:
        assert log_levels_of(likelihood, LEVELS) == 0.0
