"""Where bits per dimension have a meaning, and what they count."""

import math

import pytest
from configs import tiny

from vae.config import CHOICES
from vae.data.dataset import BINARY, Values
from vae.evaluation.evaluator import log_levels_of
from vae.models.data import Data
from vae.models.likelihoods import LIKELIHOODS

LEVELS = Values(16.0, 17)
DENSITIES = ("continuous_bernoulli", "gaussian", "laplace")


@pytest.mark.parametrize("name", CHOICES["model.likelihood"])
def test_bits_per_dim_of_levels_and_of_dequantised_densities(name):
    config = tiny(model__likelihood=name)
    likelihood = LIKELIHOODS[name](config.model, Data(None, 16.0, 17, 0, None))
    if name in DENSITIES:
        assert log_levels_of(likelihood, LEVELS, config) is None
        config.data.dequantize = True
        assert log_levels_of(likelihood, LEVELS, config) == math.log(17)
    elif name == "bernoulli":
        assert log_levels_of(likelihood, LEVELS, config) is None
        assert log_levels_of(likelihood, BINARY, config) == 0.0
        config.data.binarize = "dynamic"
        assert log_levels_of(likelihood, LEVELS, config) == 0.0
    else:
        assert log_levels_of(likelihood, LEVELS, config) == 0.0
