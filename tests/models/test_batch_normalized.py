"""The posterior with means normalised over the batch: its bound, its devices, its evaluation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts
from jax.sharding import PartitionSpec as P

from vae import models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.evaluation.diagnostics import ACTIVE_VARIANCE
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import Values
from vae.probability.terms import Batch
from vae.training.devices import AXIS
from vae.training.state import initial_state
from vae.training.step import make_step

DATA = facts(np.full((4, 4, 1), 0.5))
IMAGES = np.random.default_rng(0).integers(0, 17, (16, 4, 4, 1)).astype(np.uint8)
X = (IMAGES / 16).astype(np.float32)
KEYS = sample_keys(example_keys(jax.random.key(1), np.arange(16)), 1)
SIZE, SCALE = 4, 0.6
NAMED = {"model__posterior": "batch_normalized", "model__posterior_scale": SCALE}
LEAST = SIZE * SCALE**2 / 2


@functools.cache
def model():
    return models.build(tiny(**NAMED).model, DATA)


@functools.cache
def variables():
    return jax.jit(model().init)(key=jax.random.key(0))


def test_the_divergence_of_a_batch_has_a_least_value_whatever_the_encoder_gives():
    family, own = model().posterior, model().posterior.init(key=None)
    shift = jnp.array([0.5, 0.0, -1.0, 2.0])
    own["params"]["shift"] = shift
    scale = np.array([1e-4, 0.1, 1, 1e4, 0, 0, 0, 0])  # of the means; the variances are the prior's
    outputs = jax.random.normal(jax.random.key(3), (64, 8)) * scale + 3.0 * scale
    normal, _ = family.normalised(outputs, own, train=True)
    q = family.distribution(normal, own, train=True)
    np.testing.assert_allclose(q.mean.mean(0), shift, atol=1e-4)
    np.testing.assert_allclose(q.mean.std(0), SCALE, rtol=1e-4)
    terms = model().terms(variables(), Batch(X), keys=KEYS, train=True)
    expected = 0.5 * (SIZE * SCALE**2 + (shift**2).sum())
    divergence = 0.5 * (q.mean**2).sum(-1).mean()
    np.testing.assert_allclose(divergence, expected, rtol=1e-4)
    assert terms.kl.sum(0).mean() > LEAST


def test_several_devices_normalise_over_one_batch():
    def step(params, x, keys, axis):
        def loss(params):
            given = variables() | {"params": params}
            terms = model().terms(given, Batch(x), keys=keys, train=True, axis=axis)
            return (terms.kl.sum(0) - terms.log_px[0]).mean(), terms.statistics["posterior"]

        (loss, statistics), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        found = loss, statistics["mean"], statistics["variance"], gradient
        return found if axis is None else jax.lax.pmean(found, axis)

    params = variables()["params"]
    expected = jax.jit(lambda *given: step(*given, None))(params, X, KEYS)
    mesh = jax.make_mesh((4,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,))
    specs = (P(), P(AXIS), P(None, AXIS))
    mapped = jax.shard_map(
        lambda *given: step(*given, AXIS),
        mesh=mesh,
        in_specs=specs,
        out_specs=P(),
        check_vma=False,
    )
    jax.tree.map(
        lambda several, one: np.testing.assert_allclose(several, one, rtol=1e-4, atol=1e-5),
        jax.jit(mapped)(params, X, KEYS),
        expected,
    )


def trained(posterior):
    """The model and its variables after steps with a KL so dear that it vanishes if it can."""
    config = tiny(
        objective__beta=100.0,
        optimizer__learning_rate=1e-2,
        training__steps_per_call=150,
        data__batch_size=16,
        training__ema_decay=0.0,
        **posterior,
    )
    model = models.build(config.model, DATA)
    step = jax.jit(make_step(model, config, Values("levels", 16.0, 17), num_examples=16, axis=None))
    batch = HostBatch(np.arange(16), Raw(IMAGES, np.zeros(16, np.int32)))
    batches = jax.tree.map(lambda x: np.stack([x] * 150), batch)
    state, _ = step(jax.jit(lambda: initial_state(model, config))(), batches, None)
    given = {"params": state.params, "statistics": state.statistics}
    return jax.jit(model.terms)(given, Batch(X), keys=KEYS)


def test_evaluation_keeps_the_divergence_that_a_dear_one_takes_from_a_gaussian():
    kept, lost = trained(NAMED), trained({})
    divergence = kept.kl.sum(0).mean()
    assert divergence == pytest.approx(LEAST, rel=0.1)  # the origin took the shift away
    assert (kept.mean.var(0) > ACTIVE_VARIANCE).all()
    np.testing.assert_allclose(kept.mean.std(0), SCALE, rtol=0.1)
    assert lost.kl.sum(0).mean() < 0.1 * divergence


def test_examples_that_are_not_of_the_batch_do_not_change_its_moments():
    vamp = tiny(model__prior="vamp", model__prior_components=3, **NAMED)
    model = models.build(vamp.model, DATA)
    given = jax.jit(model.init)(key=jax.random.key(0))
    found = jax.jit(functools.partial(model.terms, train=True))(given, Batch(X), keys=KEYS)
    alone = jax.jit(lambda v: model._posterior(v, Batch(X), train=True, fit=True)[1])(given)
    np.testing.assert_allclose(
        found.statistics["posterior"]["variance"], alone["variance"], rtol=1e-6
    )
    assert np.abs(alone["variance"] - 1).max() > 1e-3
