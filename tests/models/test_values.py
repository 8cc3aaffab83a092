"""Which likelihood can be of which values, and where bits per dimension have a meaning."""

import logging
import math

import numpy as np
import pytest

from vae.config import base
from vae.config.axes import AXES
from vae.errors import InputError
from vae.models.data import Data
from vae.models.likelihoods import grey_warning, likelihood_of
from vae.probability.event import BINARY, BYTES, Event, Values

DEQUANTISED = Values("real", 255.0, 256)
UNIT = Values("real")
FLOATS = Values("real", low=-10.0, high=9.0)
COUNTS = Values("counts", 3000.0, 3001)
TOKENS = Values("tokens", levels=90)
OF_LEVELS = (
    "discretized_logistic",
    "mixture_of_logistics",
    "categorical",
    "poisson",
    "negative_binomial",
)


def build(name, values):
    config = base().model
    config.likelihood = name
    data = Data(Event((2, 2, 1), values), None, 0, lambda number: np.zeros((number, 2, 2, 1)))
    return likelihood_of(config, data)


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        (FLOATS, ("bernoulli", "continuous_bernoulli"), r"range over \[-10, 9\]: rescale them"),
        (FLOATS, OF_LEVELS, r'levels, but .* continuous over \[-10, 9\]: use "gaussian"'),
        (DEQUANTISED, OF_LEVELS, "needs the levels, which data.dequantize takes away: set it to"),
        (COUNTS, ("bernoulli", "continuous_bernoulli"), "grey values, .* counts up to 3000: use"),
        (BINARY, ("continuous_bernoulli",), 'all 0 or 1: use "bernoulli"'),
        (TOKENS, set(AXES["model.likelihood"]) - {"categorical"}, 'tokens: use "categorical"'),
    ],
)
def test_what_a_likelihood_cannot_be_of_is_refused(values, names, message):
    for name in names:
        with pytest.raises(InputError, match=f'model.likelihood = "{name}" .*{message}'):
            build(name, values)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (BINARY, ("bernoulli", "gaussian", *OF_LEVELS)),
        (BYTES, ("continuous_bernoulli", "gaussian", "laplace", *OF_LEVELS)),
        (DEQUANTISED, ("continuous_bernoulli", "gaussian", "laplace")),
        (FLOATS, ("gaussian", "laplace")),
        (COUNTS, ("gaussian", "laplace", *OF_LEVELS)),
        (TOKENS, ("categorical",)),
    ],
)
def test_what_it_can_be_of_is_built_without_a_word(values, names, caplog):
    with caplog.at_level(logging.WARNING):
        for name in names:
            build(name, values)
    assert not caplog.records


@pytest.mark.parametrize("values", [BYTES, UNIT, DEQUANTISED])
def test_bernoulli_on_grey_values_is_said_to_be_none(values):
    config = base()
    config.model.likelihood = "bernoulli"
    assert build("bernoulli", values).log_levels(values) is None
    assert '"bernoulli" on grey values is not a likelihood' in grey_warning(config, values)
    assert grey_warning(config, BINARY) is None
    config.model.name = "gan"  # which has no likelihood
    assert grey_warning(config, values) is None


def test_bits_count_the_levels_of_dequantised_densities():
    for name in ("continuous_bernoulli", "gaussian", "laplace"):
        assert build(name, DEQUANTISED).log_levels(DEQUANTISED) == math.log(256)
        assert build(name, BYTES).log_levels(BYTES) is None
        assert build(name, UNIT).log_levels(UNIT) is None


def test_probabilities_have_bits_as_they_are():
    for values in (BINARY, BYTES, COUNTS):
        assert all(build(name, values).log_levels(values) == 0.0 for name in OF_LEVELS)
    assert build("bernoulli", BINARY).log_levels(BINARY) == 0.0
    assert build("categorical", TOKENS).log_levels(TOKENS) == 0.0
