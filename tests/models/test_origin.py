"""The mean of the latents: a shift that changes no reconstruction, and is kept at the prior's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.evaluation.diagnostics import off_centre
from vae.models import origin
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import Values
from vae.probability.terms import Batch
from vae.training.state import initial_state
from vae.training.step import make_step

DATA = facts(np.full((4, 4, 1), 0.5), num_classes=3)
IMAGES = np.random.default_rng(0).integers(0, 17, (16, 4, 4, 1)).astype(np.uint8)
X, Y = (IMAGES / 16).astype(np.float32), np.arange(16, dtype=np.int32) % 3
KEYS = sample_keys(example_keys(jax.random.key(1), np.arange(16)), 2)


def built(**overrides):
    small = {"posterior_flows": 2, "posterior_width": 5} if "iaf" in overrides.values() else {}
    names = {f"model__{name}": value for name, value in (small | overrides).items()}
    model = models.build(tiny(**names).model, DATA)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    return model, variables, jax.jit(model.terms, static_argnames="train")


def moved(variables, to):
    posterior = variables["statistics"]["posterior"] | {"origin": to}
    return variables | {"statistics": variables["statistics"] | {"posterior": posterior}}


@pytest.mark.parametrize("name", ["gaussian", "full_gaussian", "planar", "iaf", "point"])
def test_a_shift_changes_the_latents_and_no_reconstruction(name):
    model, variables, terms = built(posterior=name)
    by = jnp.array([1.0, -2.0, 0.5, 3.0])
    before, after = (terms(v, Batch(X, Y), keys=KEYS) for v in (variables, moved(variables, by)))
    np.testing.assert_allclose(after.z, before.z - by, atol=1e-5)
    np.testing.assert_allclose(after.mean, before.mean - by, atol=1e-5)
    np.testing.assert_allclose(after.log_px, before.log_px, rtol=1e-4)
    np.testing.assert_allclose(after.log_qz, before.log_qz, atol=1e-5)
    if name != "point":
        density = after.q.log_prob(after.z) if model.posterior.any_density else after.log_qz
        np.testing.assert_allclose(density, after.log_qz, atol=1e-4)


@pytest.mark.parametrize("name", ["gaussian", "full_gaussian"])
def test_at_the_mean_of_the_latents_the_divergence_falls_by_half_its_square(name):
    _, variables, terms = built(posterior=name)
    variables = moved(variables, jnp.array([1.0, -2.0, 0.5, 3.0]))
    before = terms(variables, Batch(X, Y), keys=KEYS)
    mu = before.mean.mean(0)
    o = variables["statistics"]["posterior"]["origin"] + mu
    after = terms(moved(variables, o), Batch(X, Y), keys=KEYS)
    gain = (before.kl.sum(0) - after.kl.sum(0)).mean()
    np.testing.assert_allclose(gain, (mu**2).sum() / 2, rtol=1e-5)
    assert gain > 5


@pytest.mark.parametrize("name", ["vae", "semi_supervised"])
def test_the_origin_follows_the_mean_of_the_samples(name):
    _, variables, terms = built(name=name)
    by = jnp.array([1.0, -2.0, 0.5, 3.0])
    variables = moved(variables, by)
    out = terms(variables, Batch(X, Y), keys=KEYS, train=True)
    z = out.z
    if name == "semi_supervised":  # all labels are known: of each image the z of its own
        z = z[1][:, np.arange(16), Y]
    expected = by + (1 - origin.MOMENTUM) * z.mean((0, 1))
    np.testing.assert_allclose(out.statistics["posterior"]["origin"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("posterior", "prior"), [("vmf", "uniform_sphere"), ("categorical", "uniform_categorical")]
)
def test_latents_of_other_spaces_have_no_origin(posterior, prior):
    _, variables, _ = built(posterior=posterior, prior=prior)
    assert variables["statistics"]["posterior"] == {}


def trained(accumulate=1):
    """A state after steps from where the latents' mean is 2 in each dimension, and the model."""
    config = tiny(
        training__steps_per_call=60,
        training__accumulate=accumulate,
        data__batch_size=16,
        training__ema_decay=0.0,
    )
    model = models.build(config.model, DATA)
    step = jax.jit(make_step(model, config, Values("levels", 16.0, 17), num_examples=16, axis=None))
    state = jax.jit(lambda: initial_state(model, config))()
    state.params["encoder"]["head"]["bias"] += jnp.array([2.0] * 4 + [0.0] * 4)
    batch = HostBatch(np.arange(16), Raw(IMAGES, Y))
    state, _ = step(state, jax.tree.map(lambda x: np.stack([x] * 60), batch), None)
    variables = {"params": state.params, "statistics": state.statistics}
    return variables, off_centre(np.asarray(model.encode(variables, Batch(X)).mean))


def test_training_keeps_the_mean_at_0_where_descent_alone_leaves_it(monkeypatch):
    variables, kept = trained()
    assert kept < 0.05
    again, _ = trained(accumulate=2)
    origins = [v["statistics"]["posterior"]["origin"] for v in (variables, again)]
    np.testing.assert_allclose(*origins, rtol=1e-3)
    assert np.abs(origins[0]).min() > 1
    monkeypatch.setattr(origin, "start", lambda *given: {})
    assert trained()[1] > 2
