"""A ladder of groups: closed forms against samples, one path down for inference and generation."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.models.emission import Emission
from vae.models.ladder import Ladder
from vae.models.priors.mixture import Mixture
from vae.models.priors.paths import diffusion
from vae.networks.ladder import BottomUp, TopDown
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import BINARY, Event
from vae.probability.likelihoods import Bernoulli
from vae.probability.terms import Batch, log_weights


def ladder(shape, groups, *, stem_stride=1, width=6, channels=2, prior=None):
    common = {"groups": groups, "widths": (width,) * len(groups), "stem_stride": stem_stride}
    likelihood = Bernoulli()
    down = TopDown(
        channels=channels, places=shape[:-1], outputs=likelihood.outputs(shape[-1]), **common
    )
    emission = Emission(down, likelihood, Event(shape, BINARY))
    return Ladder(
        encoder=BottomUp(**common),
        emission=emission,
        prior=prior and prior(channels * math.prod(down.top), down.top),
    )


@functools.cache
def example(shape, groups, stem_stride=1):
    """A model, variables away from where they start (where q is p), and three images."""
    model, rng = ladder(shape, groups, stem_stride=stem_stride), np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: 0.2 * rng.normal(size=leaf.shape).astype(np.float32),
        jax.eval_shape(lambda: model.init(key=jax.random.key(0))),
    )
    return model, variables, Batch(rng.integers(0, 2, (3, *shape)).astype(np.float32))


def noise(num_samples, number=3, first=0):
    keys = example_keys(jax.random.key(0), jnp.arange(number))
    return sample_keys(keys, num_samples, first)


CASES = [((7, 5, 3), (1, 1, 2), 1), ((9, 1), (1, 1), 1), ((6, 3, 5, 1), (1, 1), 2)]


@pytest.mark.parametrize(("shape", "groups", "stem_stride"), CASES)
def test_generation_goes_down_the_path_of_inference(shape, groups, stem_stride):
    model, variables, batch = example(shape, groups, stem_stride)
    terms = jax.jit(model.terms)(variables, batch, keys=noise(2))
    assert terms.kl.shape == (sum(groups), 3) and terms.mean.shape == (3, 0)
    z = jax.tree.map(lambda leaf: leaf[1], terms.z)
    mean = jax.jit(model.decode)(variables, z)
    assert mean.shape == (3, *shape)
    log_px = jnp.log(jnp.where(batch.x == 1, mean, 1 - mean)).reshape(3, -1).sum(-1)
    np.testing.assert_allclose(log_px, terms.log_px[1], rtol=1e-4)

    centre = jax.jit(model.encode)(variables, batch).mean
    drawn = jax.jit(model.sample)(variables, keys=noise(1)[0])
    sizes = [leaf.shape for leaf in z]
    assert [leaf.shape for leaf in centre] == [leaf.shape for leaf in drawn] == sizes
    assert all(np.isfinite(leaf).all() for leaf in drawn)


def test_the_grids_are_halved_from_the_finest_up_to_the_top():
    model, variables, batch = example((7, 5, 3), (1, 1, 2))
    means = jax.eval_shape(model.encode, variables, batch).mean
    sizes = [leaf.shape[-1] for leaf in means]
    assert sizes == [2 * 2 * 2, 4 * 3 * 2, 7 * 5 * 2, 7 * 5 * 2]


def test_a_code_is_added_to_the_start():
    model, _, _ = example((7, 5, 3), (1, 1, 2))
    down, code = model.decoder, jnp.array([[1.0, -2.0, 0.5]])

    def decode(params, code=None):
        return down.apply({"params": params}, 1, None, lambda p, q: p.mean + 1.0, code)

    shapes = jax.eval_shape(
        lambda: down.init(jax.random.key(0), 1, None, lambda p, q: p.mean, code)
    )
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes["params"])
    told = jax.jit(decode)(params, code)
    kernel = params.pop("code")["kernel"]
    plain = jax.jit(decode)(params)
    params["start"] = params["start"] + code[0] @ kernel
    np.testing.assert_allclose(told, jax.jit(decode)(params), rtol=1e-4, atol=1e-4)
    assert np.abs(told - plain).max() > 0.1


def test_memory_of_a_sample_is_about_what_is_said():
    model, variables, batch = example((28, 28, 1), (1, 1), 2)
    compiled = jax.jit(model.terms).lower(variables, batch, keys=noise(2)).compile()
    held = compiled.memory_analysis().temp_size_in_bytes / (2 * 3)
    assert 0.5 < held / model.sample_bytes < 2


def test_closed_form_divergence_is_the_mean_of_the_sampled_one():
    model, variables, batch = example((3, 2, 1), (1, 2))
    terms = jax.jit(model.terms)(variables, batch, keys=noise(5_000))
    sampled = terms.log_qz - terms.log_pz
    error = np.std(sampled, axis=0) / np.sqrt(len(sampled))
    assert (terms.kl > 0.01).all()
    assert (np.abs(terms.kl.sum(0) - sampled.mean(0)) < 4 * error).all()


def topped(prior):
    """A ladder, the same with a prior of the topmost group, variables of both, and images."""
    plain, variables, batch = example((3, 4, 1), (1, 2))
    model = ladder((3, 4, 1), (1, 2), prior=prior)
    own = model.init(key=jax.random.key(1))
    own = {name: {**own[name], **variables[name]} for name in own}
    return plain, variables, model, own, batch


def test_a_diffusion_of_the_topmost_group_starts_at_its_gaussian():
    plain, variables, model, own, batch = topped(
        lambda size, grid: diffusion(size, grid, None, (8,), 1)
    )
    usual, terms = (
        jax.jit(each.terms)(of, batch, keys=noise(2000))
        for each, of in ((plain, variables), (model, own))
    )
    for name in ("z", "log_qz", "log_pz", "log_px"):
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4),
            *(getattr(each, name) for each in (terms, usual)),
        )
    np.testing.assert_allclose(terms.kl[1:], usual.kl[1:], rtol=1e-4)
    error = (usual.log_qz - usual.log_pz).std(0) / 2000**0.5  # more than that of one group's
    assert (np.abs(terms.kl[0] - usual.kl[0]) < 4 * error).all()
    assert terms.statistics["prior"]["batches"] == own["statistics"]["prior"]["batches"] + 1


def test_a_mixture_of_the_topmost_group_has_the_density_of_its_samples():
    *_, model, own, batch = topped(lambda size, grid: Mixture(size, 3))
    terms = jax.jit(model.terms)(own, batch, keys=noise(2))
    z = jax.tree.map(lambda leaf: leaf[1], terms.z)
    np.testing.assert_allclose(jax.jit(model.joint)(own, z)[0], terms.log_pz[1], rtol=1e-4)
    keys = example_keys(jax.random.key(3), jnp.arange(4000))
    top = jax.jit(model.sample)(own, keys=keys)[0]
    heads, p = [], model._top(own, None, train=False)
    model.emission.outputs(
        *(own, 1, None, lambda normal, q: heads.append(normal) or normal.mean, None)
    )
    u = model._freed(top, heads[0])
    np.testing.assert_allclose(model._placed(u, heads[0]), top, rtol=1e-4, atol=1e-5)
    mean = (jax.nn.softmax(p.logits)[:, None] * p.mean).sum(0)
    np.testing.assert_allclose(u.mean(0), mean, atol=5 * float(u.std()) / 4000**0.5)


def test_samples_do_not_depend_on_how_many_are_drawn():
    model, variables, batch = example((3, 2, 1), (1, 2))
    terms = jax.jit(model.terms)
    together = terms(variables, batch, keys=noise(4))
    apart = [terms(variables, batch, keys=noise(1, first=k)) for k in range(4)]
    np.testing.assert_allclose(
        log_weights(together), jnp.concatenate([log_weights(t) for t in apart]), rtol=1e-4
    )
    np.testing.assert_allclose(together.kl, sum(t.kl for t in apart) / 4, rtol=1e-4)


def test_a_deep_stack_starts_at_the_prior_with_a_moderate_gradient():
    model = ladder((2, 2, 1), (8,), width=4)
    batch = Batch(np.ones((3, 2, 2, 1), np.float32))

    variables = model.init(key=jax.random.key(0))  # eager: all groups are of the same few programs

    @jax.jit
    def first_step(variables):
        def loss(params):
            terms = model.terms(variables | {"params": params}, batch, keys=noise(1))
            return (terms.kl.sum(0) - terms.log_px.mean(0)).mean(), terms.kl

        (value, kl), grads = jax.value_and_grad(loss, has_aux=True)(variables["params"])
        return value, kl, sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)) ** 0.5

    value, kl, norm = first_step(variables)
    assert float(value) == pytest.approx(float(4 * np.log(2) + kl.sum(0).mean()), rel=0.1)
    assert kl.max() < 1 and norm < 100
