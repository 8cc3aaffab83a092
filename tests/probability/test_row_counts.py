"""Negative binomials of rows of counts: library sizes, dispersions, zeros that are failures."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vae.config import base
from vae.errors import InputError
from vae.models.data import Data
from vae.models.likelihoods import likelihood_of
from vae.probability.event import Event, Values
from vae.probability.likelihoods import NegativeBinomial, ZeroInflatedNegativeBinomial
from vae.training.devices import jit

S, F, TOTAL = 50.0, 4, 80.0
RNG = np.random.default_rng(0)
COUNTS = np.array([[0, 3, 50, 7], [1, 0, 0, 0], [200, 90, 0, 4]])
KINDS = (NegativeBinomial, ZeroInflatedNegativeBinomial)
DISPERSIONS = ("per_value", "per_channel", "per_class")


def made(kind, library, dispersion):
    """A likelihood, its variables, codes [3, 2], and outputs [2, 3, P] with what codes add."""
    one = kind(S, library, dispersion, F, 2, TOTAL)
    variables = one.init()
    variables["params"] = {
        name: jnp.asarray(RNG.normal(size=x.shape), jnp.float32)
        for name, x in variables["params"].items()
    }
    code = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    outputs = jnp.asarray(RNG.normal(size=(2, 3, one.outputs(F))), jnp.float32)
    more = one.of_code(code, variables)
    if more is not None:
        outputs = jnp.concatenate([outputs, jnp.broadcast_to(more, (2, 3, F))], -1)
    return one, variables, code, outputs


def of_scipy(one, variables, code, outputs, size):
    """The mean of the negative binomial, r and p0, each [2, 3, F], as the docstrings say."""
    outputs, params = (
        np.float64(outputs),
        {k: np.float64(v) for k, v in variables["params"].items()},
    )
    raw, rest = outputs[..., :F], outputs[..., F:]
    share = np.exp(raw) / np.exp(raw).sum(-1, keepdims=True)
    mean = size * share if one.library == "observed" else S / (1 + np.exp(-raw))
    log_r = {
        "per_value": lambda: rest[..., :F],
        "per_channel": lambda: params["log_r"],
        "per_class": lambda: params["log_r"] + np.float64(code) @ params["log_r_of_class"],
    }[one.dispersion]()
    r = np.broadcast_to(np.exp(10 * np.tanh(log_r / 10)), mean.shape)
    first = F if one.dispersion == "per_value" else 0
    zero = rest[..., first : first + F] if one.inflated else np.full(mean.shape, -np.inf)
    return mean, r, 1 / (1 + np.exp(-zero))


@pytest.mark.parametrize(
    ("kind", "library", "dispersion"),
    list(itertools.product(KINDS, ("none", "observed"), DISPERSIONS)),
)
def test_log_p_is_that_of_scipy(kind, library, dispersion):
    one, variables, code, outputs = made(kind, library, dispersion)
    found = jit(one.log_prob)(outputs, jnp.asarray(COUNTS / S, jnp.float32), variables)
    mean, r, p0 = of_scipy(one, variables, code, outputs, COUNTS.sum(1, keepdims=True))
    nb = scipy.stats.nbinom.pmf(COUNTS, r, r / (r + mean))
    expected = np.log(p0 * (COUNTS == 0) + (1 - p0) * nb).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-4)


def test_moments_are_those_of_the_mixture_and_samples_have_them():
    one, variables, code, outputs = made(ZeroInflatedNegativeBinomial, "observed", "per_class")
    mean, r, p0 = of_scipy(one, variables, code, outputs, TOTAL)  # of a typical row
    np.testing.assert_allclose(one.typical(outputs) * S, mean, rtol=1e-5)
    first, spread = scipy.stats.nbinom.stats(r, r / (r + mean), moments="mv")
    second = (1 - p0) * (spread + first**2)
    first = (1 - p0) * first
    np.testing.assert_allclose(one.mean(outputs) * S, first, rtol=1e-4)
    variance = one.variance(outputs, variables) * S**2
    np.testing.assert_allclose(variance, second - first**2, rtol=1e-3)
    many = jnp.broadcast_to(outputs[0, 0], (4000, outputs.shape[-1]))
    drawn = S * np.float64(jit(one.sample)(many, variables, key=jax.random.key(0)))
    np.testing.assert_allclose(drawn, np.rint(drawn), atol=1e-3)
    assert (np.abs(drawn.mean(0) - first[0, 0]) < 5 * np.sqrt(variance[0, 0] / 4000)).all()
    zeros = p0 + (1 - p0) * scipy.stats.nbinom.pmf(0, r, r / (r + mean))
    np.testing.assert_allclose((drawn == 0).mean(0), zeros[0, 0], atol=0.03)


def test_a_mask_leaves_positions_out():
    one = ZeroInflatedNegativeBinomial(S, dispersion="per_channel", channels=F)
    outputs = jnp.asarray(RNG.normal(size=(2, 5, 2 * F)), jnp.float32)
    x = jnp.asarray(RNG.poisson(3.0, (2, 5, F)) / S, jnp.float32)
    mask = jnp.asarray(RNG.random((2, 5)) < 0.5)
    log_prob = jit(one.log_prob)
    each = log_prob(outputs.reshape(10, -1), x.reshape(10, F), one.init()).reshape(2, 5)
    found = log_prob(outputs, x, one.init(), mask)
    np.testing.assert_allclose(found, (each * mask).sum(1), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_starts_at_the_mean_row(kind):
    mean = np.array([0.4, 0.0, 1.0, 0.2])
    one = kind(S, "observed", "per_value", F, 0, float(S * mean.sum()))
    found = one.mean(one.to_outputs(jnp.asarray(mean, jnp.float32)))
    np.testing.assert_allclose(found, mean * found[0] / mean[0] + found * (mean == 0), rtol=1e-5)
    assert 0 < found[1] < 0.15 and abs(found.sum() - mean.sum() * (1 - one.inflated * 0.047)) < 2e-2


def test_a_row_without_counts_and_one_of_many_are_finite():
    one, variables, _, outputs = made(NegativeBinomial, "observed", "per_channel")
    x = jnp.asarray([[0, 0, 0, 0], [1, 0, 0, 0], [2e6, 1e6, 0, 5]], jnp.float32) / S
    assert np.isfinite(jit(one.log_prob)(outputs, x, variables)).all()


@pytest.mark.parametrize(
    ("keys", "values", "reason"),
    [
        ({"library": "observed"}, Values("counts", scale=9.0, levels=10), "rows of counts"),
        ({"dispersion": "per_class"}, Values("counts", scale=9.0, levels=10), "needs a condition"),
        ({}, Values("real"), "equally spaced levels"),
    ],
)
def test_what_cannot_be_is_refused(keys, values, reason):
    assert reason in NegativeBinomial(9.0, **keys).takes(values)


def test_the_config_names_it():
    model = base().model
    model.likelihood, model.library = "zero_inflated_negative_binomial", "observed"
    model.dispersion, model.condition = "per_class", "label"
    values = Values("counts", scale=9.0, levels=10, total=30.0)
    data = Data(Event((7,), values), None, 3, lambda n: np.zeros((n, 7)))
    assert likelihood_of(model, data) == ZeroInflatedNegativeBinomial(
        9.0, "observed", "per_class", 7, 3, 30.0
    )
    model.decoder_told = False
    with pytest.raises(InputError, match="needs a condition that the decoder is told"):
        likelihood_of(model, data)
