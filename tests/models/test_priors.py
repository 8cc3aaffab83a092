import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from configs import tiny
from facts import checked, facts

from vae import models
from vae.config.axes import AXES
from vae.errors import InputError
from vae.models.parts import part
from vae.models.posteriors.gaussian import Gaussian
from vae.probability.distributions import DiagonalGaussian, sample_keys
from vae.probability.event import BYTES
from vae.probability.mixtures import EqualMixture
from vae.probability.terms import Batch

IMAGES = np.random.default_rng(0).uniform(size=(7, 4, 4, 1)).astype(np.float32)
DATA = facts(IMAGES.mean(0), BYTES, num_classes=3, examples=lambda num: IMAGES[:num])
KEYS = jax.random.split(jax.random.key(9), 2)


def build(prior, **overrides):
    overrides = {"model__prior_components": 4, "model__prior_widths": (8,)} | overrides
    model = models.build(tiny(model__prior=prior, **overrides).model, DATA)
    return model, jax.jit(model.init)(key=jax.random.key(0))


def prior_of(model, variables, batch, *, train=False):
    return model.prior.distribution(
        part(variables, "prior"), batch, lambda other: model.encode(variables, other), train=train
    )


DYNAMICS = ("linear_dynamics", "recurrent")  # see test_dynamics.py
PATHS = ("diffusion", "flow_matching")  # whose last layers start at 0, see test_second_stage.py
FIXED = ("uniform_sphere", "wrapped_normal", "riemannian_normal", "uniform_categorical")
LEARNED = [name for name in AXES["model.prior"] if name not in (*FIXED, *PATHS, *DYNAMICS)]


@pytest.mark.parametrize("name", LEARNED)
def test_every_prior_has_a_gradient_in_all_it_learns(name):
    model, variables = build(name, model__condition="label" if name == "conditional" else "none")
    batch = Batch(IMAGES[:2], jnp.array([0, 2]), index=jnp.array([0, 5]))

    def loss(params):
        terms = model.terms(
            variables | {"params": params}, batch, keys=sample_keys(KEYS, 3), train=True
        )
        return -terms.log_pz.sum()

    slopes = jax.jit(jax.grad(loss))(variables["params"])["prior"]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(slopes))
    drawn = jax.jit(model.sample)(variables, jnp.array([0, 1]), keys=KEYS)
    assert drawn.shape == (2, 4)


def test_vamp_is_the_mean_of_the_posteriors_of_its_images():
    model, variables = build("vamp")
    u = jax.nn.sigmoid(variables["params"]["prior"]["logits"])
    np.testing.assert_allclose(u, np.clip(IMAGES[:4], 0.01, 0.99), rtol=1e-5)
    q = jax.jit(model.encode)(variables, Batch(u))
    z = jax.random.normal(jax.random.key(1), (5, 2, 4))
    densities = [
        scipy.stats.norm.pdf(z, mean, np.exp(log_std)).prod(-1)
        for mean, log_std in zip(q.mean, q.log_std, strict=True)
    ]

    @jax.jit
    def log_probs(variables, q, z):
        p = prior_of(model, variables, Batch(IMAGES[:2]))
        return p.log_prob(z), EqualMixture(q, 4).log_prob(z)

    log_prob, general = log_probs(variables, q, z)
    np.testing.assert_allclose(log_prob, np.log(np.mean(densities, axis=0)), rtol=1e-4)
    np.testing.assert_allclose(log_prob, general, rtol=1e-4)


def test_an_exemplar_is_left_out_of_its_own_prior_in_training_only():
    model, variables = build("exemplar")
    variables["params"]["prior"]["log_std"] = jnp.array(-0.5)
    batch = Batch(IMAGES[[2, 6]], index=jnp.array([2, 6]))  # the second is no exemplar
    means = np.asarray(jax.jit(model.encode)(variables, Batch(IMAGES[:4])).mean)
    z = np.asarray(jax.random.normal(jax.random.key(1), (5, 2, 4)))
    each = scipy.stats.norm.logpdf(z[..., None, :], means, np.exp(-0.5)).sum(-1)
    whole = scipy.special.logsumexp(each, axis=-1) - np.log(4)
    without = scipy.special.logsumexp(np.delete(each[:, 0], 2, axis=-1), axis=-1) - np.log(3)

    @functools.partial(jax.jit, static_argnames="train")
    def log_prob(variables, z, train):
        return prior_of(model, variables, batch, train=train).log_prob(z)

    trained = log_prob(variables, z, train=True)
    np.testing.assert_allclose(trained[:, 0], without, rtol=1e-5)
    np.testing.assert_allclose(trained[:, 1], whole[:, 1], rtol=1e-5)
    evaluated = log_prob(variables, z, train=False)
    np.testing.assert_allclose(evaluated, whole, rtol=1e-5)


def test_a_conditional_prior_is_that_of_the_label():
    model, variables = build("conditional", model__condition="label")
    own = variables["params"]["prior"]
    own["mean"], own["log_std"] = jnp.full((3, 4), 0.1), jnp.full((3, 4), -9.0)
    own["mean"] = own["mean"].at[2].set(5.0)
    y = jnp.array([2, 0])
    np.testing.assert_allclose(
        jax.jit(model.sample)(variables, y, keys=KEYS), [[5.0] * 4, [0.1] * 4], atol=0.01
    )
    unknown = prior_of(model, variables, Batch(None, jnp.array([-1])))
    np.testing.assert_array_equal(unknown.mean, 0)
    np.testing.assert_array_equal(unknown.log_std, 0)
    terms = jax.jit(model.terms)(variables, Batch(IMAGES[:2], y), keys=sample_keys(KEYS, 1))
    assert isinstance(terms.p, DiagonalGaussian) and terms.kl.shape == (4, 2)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__prior": "conditional"}, "needs model.condition='label'"),
        ({"model__prior": "vamp", "model__prior_components": 8}, "more than the 7 examples"),
        ({"model__prior": "exemplar", "model__prior_components": 1}, "must be at least 2"),
        (
            {"model__prior": "coupling", "model__latent_dim": 1},
            "latent_dim must be at least 2",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        checked(tiny(**overrides), DATA)


def test_a_prior_of_posteriors_needs_their_density(monkeypatch):
    monkeypatch.setattr(Gaussian, "any_density", False)
    with pytest.raises(InputError, match="made of densities"):
        checked(tiny(model__prior="vamp", model__prior_components=4), DATA)


LADDER = {
    "model__name": "ladder",
    "model__groups": (1, 1),
    "model__encoder_widths": (4, 4),
    "model__decoder_widths": (4, 4),
}


@pytest.mark.parametrize(
    ("prior", "overrides", "message"),
    [
        ("flow_matching", {}, "no bound for objective.name='elbo'"),
        ("diffusion", {"model__name": "semi_supervised"}, "p.z. of all classes at once"),
        ("diffusion", {"model__posterior": "point"}, "would shrink latents to a point"),
        ("diffusion", {"objective__name": "iwae", "objective__num_samples": 2}, "a bound on"),
        ("diffusion", {"objective__name": "wae"}, "draws from the prior at every step"),
        ("vamp", LADDER | {"model__prior_components": 4}, "that of the topmost group"),
        ("uniform_sphere", LADDER, "that of the topmost group"),
        ("diffusion", LADDER | {"objective__name": "iwae", "objective__num_samples": 2}, "a bound"),
    ],
)
def test_what_a_prior_at_the_end_of_a_path_cannot_do_is_refused(prior, overrides, message):
    with pytest.raises(InputError, match=message):
        checked(tiny(model__prior=prior, **overrides), DATA)
