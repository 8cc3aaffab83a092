"""The origin of the latents of each condition: what y says is put behind z, not into it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.data.scales import unit_scales
from vae.models import regression
from vae.models.condition import Condition
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import Values
from vae.probability.terms import Batch
from vae.training.state import initial_state
from vae.training.step import make_step

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
    data = facts(np.full((4, 4, 1), 0.5), num_classes=3, num_attributes=2, scales=unit_scales(2))
    config = tiny(model__condition=kind, model__posterior=posterior, model__posterior_width=5)
    model = models.build(config.model, data)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    y = Y[kind][:16]
    batch = Batch(RNG.random((16, 4, 4, 1), np.float32), y)
    keys = sample_keys(example_keys(jax.random.key(1), np.arange(16)), 2)
    terms = jax.jit(model.terms)

    moments, code = seen(model.condition, y, np.float32(RNG.normal(size=(16, 4))))
    own = variables["statistics"]["posterior"] | {f"origin_{k}": x for k, x in moments.items()}
    shifted = variables | {"statistics": variables["statistics"] | {"posterior": own}}
    before, after = (terms(v, batch, keys=keys) for v in (variables, shifted))
    by = regression.shift(moments, code)
    assert np.abs(by).max() > 0.1
    np.testing.assert_allclose(after.z, before.z - by, atol=1e-5)
    np.testing.assert_allclose(after.log_px, before.log_px, rtol=1e-4)
    other = jnp.roll(y, 1, axis=0)
    images = [model.decode(v, after.z[0], other) for v in (variables, shifted)]
    assert np.abs(images[0] - images[1]).max() > 1e-4  # but y changes more than it did


def test_an_encoder_that_is_not_told_sees_the_image_alone():
    data = facts(np.full((4, 4, 1), 0.5), num_classes=3)
    x, y = RNG.random((6, 4, 4, 1), np.float32), np.arange(6, dtype=np.int32) % 3
    for told in (True, False):
        config = tiny(model__condition="label", model__encoder_told=told)
        model = models.build(config.model, data)
        variables = jax.jit(model.init)(key=jax.random.key(0))
        means = [model.encode(variables, Batch(x, labels)).mean for labels in (y, (y + 1) % 3)]
        assert np.array_equal(*means) is not told


def response(monkeypatch=None):
    """Trains a model whose encoder copies the label, and whose decoder does not look at it.

    Returns the share of the difference of the classes' mean images by which the decoded images
    change where another label is told.
    """
    if monkeypatch:
        monkeypatch.setattr(regression, "update", lambda moments, code, u: moments)
    rng, y = np.random.default_rng(0), np.int32(np.arange(48) % 3)
    images = np.uint8(rng.integers(3, 9, (3, 4, 4, 1))[y] + rng.integers(-3, 4, (48, 4, 4, 1)))
    data = facts(np.full((4, 4, 1), 0.5), num_classes=3)
    config = tiny(
        model__condition="label",
        model__likelihood="gaussian",
        model__scale="optimal",
        data__batch_size=48,
        training__steps_per_call=100,
        training__ema_decay=0.0,
    )
    model = models.build(config.model, data)
    state = jax.jit(lambda: initial_state(model, config))()
    encoder, decoder = state.params["encoder"], state.params["decoder"]
    hidden = np.array(encoder["DenseLayer_0"]["Dense_0"]["kernel"]).reshape(16, 4, 16)
    hidden[..., :3] = 0
    hidden[:, 1:, :3] = np.eye(3) / 16  # three hidden units are the planes of the label
    encoder["DenseLayer_0"]["Dense_0"]["kernel"] = jnp.array(hidden.reshape(64, 16))
    encoder["head"]["kernel"] = encoder["head"]["kernel"].at[:3, :3].set(3 * np.eye(3))
    kernel = decoder["DenseLayer_0"]["Dense_0"]["kernel"]
    decoder["DenseLayer_0"]["Dense_0"]["kernel"] = kernel.at[4:].set(0)

    step = jax.jit(make_step(model, config, Values("levels", 16.0, 17), num_examples=48, axis=None))
    batch = HostBatch(np.arange(48, dtype=np.int32), Raw(images, y))
    state, _ = step(state, jax.tree.map(lambda x: np.stack([x] * 100), batch), None)
    variables = {"params": state.params, "statistics": state.statistics}
    x = np.float32(images) / 16
    z = model.encode(variables, Batch(x, y)).mean
    change = model.decode(variables, z, (y + 1) % 3) - model.decode(variables, z, y)
    wanted = np.stack([x[y == k].mean(0) for k in range(3)])
    wanted = wanted[(y + 1) % 3] - wanted[y]
    return float((change * wanted).sum() / (wanted**2).sum())


def test_a_decoder_that_ignored_what_the_encoder_copies_comes_to_heed_it(monkeypatch):
    assert response() > 0.5
    assert response(monkeypatch) < 0.2
