"""The origin of the latents of each condition: what y says is put behind z, not into it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny

from vae import models
from vae.models import regression
from vae.models.condition import Condition
from vae.models.data import Data, unit_scales
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.terms import Batch

RNG = np.random.default_rng(0)
LABEL = Condition("label", 3, unit_scales(3))
ATTRIBUTES = Condition("attributes", 2, unit_scales(2))
Y = {"label": RNG.integers(0, 3, 400), "attributes": RNG.random((400, 2)).astype(np.float32)}
Y["attributes"][:, 1] += Y["attributes"][:, 0]  # they go together


def seen(condition, y, u, batches=1):
    moments, code = regression.start(condition, u.shape[1]), condition.code(y)
    for _ in range(batches):
        moments = regression.update(moments, code, u)
    return moments, code


@pytest.mark.parametrize("batches", [1, 300])
def test_of_classes_it_is_the_difference_of_the_means(batches):
    y, u = Y["label"], np.float32(RNG.normal(size=(400, 5)))
    u += 3 * np.eye(3, 5)[y]
    moments, code = seen(LABEL, y, u, batches)
    means = np.stack([u[y == k].mean(0) for k in range(3)]) - u.mean(0)
    np.testing.assert_allclose(regression.shift(moments, code), means[y], atol=0.02)
    unknown = LABEL.code(jnp.array([-1]))
    np.testing.assert_array_equal(regression.shift(moments, unknown), np.zeros((1, 5)))


@pytest.mark.parametrize("batches", [1, 300])
def test_of_attributes_it_is_their_least_squares(batches):
    y, slopes = Y["attributes"], np.array([[1.0, -2, 0, 0, 5], [0, 1, 1, 0, -3]])
    u = np.float32(y @ slopes + 0.1 * RNG.normal(size=(400, 5)))
    moments, code = seen(ATTRIBUTES, y, u, batches)
    wanted = (y - y.mean(0)) @ slopes
    np.testing.assert_allclose(regression.shift(moments, code), wanted, atol=0.1)


def test_before_the_first_step_there_is_no_shift():
    for condition, y in ((LABEL, Y["label"]), (ATTRIBUTES, Y["attributes"])):
        shift = regression.shift(regression.start(condition, 4), condition.code(y))
        np.testing.assert_array_equal(shift, np.zeros((400, 4)))


@pytest.mark.parametrize("posterior", ["gaussian", "iaf"])
@pytest.mark.parametrize("kind", ["label", "attributes"])
def test_it_is_taken_off_the_latents_and_changes_no_reconstruction(kind, posterior):
    data = Data(np.full((4, 4, 1), 0.5, np.float32), 16.0, 17, 3, None, 2, unit_scales(2))
    config = tiny(model__condition=kind, model__posterior=posterior, model__posterior_width=5)
    model = models.build(config.model, data)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    y = Y[kind][:16]
    batch = Batch(RNG.random((16, 4, 4, 1), np.float32), y)
    keys = sample_keys(example_keys(jax.random.key(1), np.arange(16)), 2)
    terms = jax.jit(model.terms)

    moments, code = seen(model.condition, y, np.float32(RNG.normal(size=(16, 4))))
    own = variables["statistics"]["posterior"] | {"origin_by_condition": moments}
    shifted = variables | {"statistics": variables["statistics"] | {"posterior": own}}
    before, after = (terms(v, batch, keys=keys) for v in (variables, shifted))
    by = regression.shift(moments, code)
    assert np.abs(by).max() > 0.1
    np.testing.assert_allclose(after.z, before.z - by, atol=1e-5)
    np.testing.assert_allclose(after.log_px, before.log_px, rtol=1e-4)
    other = jnp.roll(y, 1, axis=0)
    images = [model.decode(v, after.z[0], other) for v in (variables, shifted)]
    assert np.abs(images[0] - images[1]).max() > 1e-4  # but y changes more than it did
