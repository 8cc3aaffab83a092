"""Adversaries: whom each loss reaches, what their discriminators learn, two time scales."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from configs import tiny
from drawn import drawn
from facts import checked, facts

from vae import models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.errors import InputError
from vae.models.losses.factors import Factors
from vae.networks.discriminators import VectorDiscriminator
from vae.probability.distributions import StandardNormal, normal_log_prob, sample_keys
from vae.probability.event import Values
from vae.probability.terms import Batch
from vae.rules.config import check_config
from vae.training.state import initial_state
from vae.training.step import make_step

VALUES = Values("levels", 16.0, 17)
DATA = facts(np.full((8, 8, 1), 0.5), num_classes=3)
X = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype(np.float32)
KEYS = sample_keys(jax.random.split(jax.random.key(1), 4), 2)

VAE_GAN = {
    "model__adversary": "images",
    "model__similarity": True,
    "model__likelihood": "gaussian",
    "model__scale": "optimal",
    "model__condition": "label",
    "model__spectral_norm": True,
    "model__r1_weight": 2.0,
}
PLAYERS = {  # what the adversarial loss reaches
    "images": (VAE_GAN, {"decoder"}),
    "latents": ({"model__adversary": "latents"}, {"encoder"}),
    "factors": ({"model__adversary": "factors"}, {"encoder"}),
    "latents of two layers": (
        {
            "model__name": "two_layer",
            "model__adversary": "latents",
            "model__top_dim": 2,
            "model__top_widths": (8,),
        },
        {"encoder", "top_encoder"},
    ),
    "images of codes": (
        {
            "model__name": "vq",
            "model__adversary": "images",
            "model__codebook_size": 8,
            "model__num_latents": 2,
            "model__transformer_width": 8,
            "model__transformer_layers": 1,
        },
        {"decoder"},
    ),
    "images without labels": (
        {"model__name": "semi_supervised", "model__adversary": "images"},
        {"decoder"},
    ),
    "images of a ladder": (
        {
            "model__name": "ladder",
            "model__adversary": "images",
            "model__condition": "label",
            "model__groups": (1, 1),
            "model__encoder_widths": (4, 4),
            "model__decoder_widths": (4, 4),
            "model__latent_dim": 2,
        },
        {"decoder"},
    ),
    "gan": (
        {
            "model__name": "gan",
            "model__adversary": "images",
            "model__likelihood": "bernoulli",
            "model__encoder_widths": (512,),
        },
        {"generator"},
    ),
}


def built(overrides):
    config = tiny(model__discriminator_widths=(6,), **overrides)
    check_config(config)
    model = models.build(config.model, DATA)
    return config, model


@functools.cache
def slopes(name):
    """For each loss the parts of the params that it reaches; the losses; the model's own names."""
    _, model = built(PLAYERS[name][0])
    variables = jax.jit(model.init)(key=jax.random.key(0))
    y = np.array([0, 1, 2, -1 if name == "images without labels" else 0])

    @jax.jit
    def gradients(params):
        def terms(params):
            batch = Batch(X, y)
            terms = model.terms(variables | {"params": params}, batch, keys=KEYS, train=True)
            return terms.losses | {"log_px": terms.log_px.mean(0)}

        losses, pull_back = jax.vjp(terms, params)
        zeros = jax.tree.map(jnp.zeros_like, losses)
        return losses, {
            loss: pull_back(zeros | {loss: jnp.ones_like(losses[loss])})[0] for loss in losses
        }

    losses, gradients = gradients(variables["params"])
    reached = {
        loss: {part for part, leaves in parts.items() if any(map(np.any, jax.tree.leaves(leaves)))}
        for loss, parts in gradients.items()
    }
    return reached, losses, model.loss_names


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name == "images of a ladder"))
        for name in PLAYERS
    ],
)
def test_each_loss_reaches_its_own_player(name):
    reached, losses, named = slopes(name)
    assert set(losses) - {"log_px"} == set(named)
    assert all(value.shape == (4,) for value in losses.values())
    assert reached["adversarial"] == PLAYERS[name][1]
    assert reached["discriminator"] == {"discriminator"}
    assert "discriminator" not in reached["log_px"]


def test_the_learned_similarity_is_a_density_of_the_features():
    assert slopes("images")[0]["log_px"] == {"encoder", "decoder"}
    _, model = built(VAE_GAN)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    batch = Batch(X, np.array([0, 1, 2, 0]))

    @functools.partial(jax.jit, static_argnames="train")
    def terms_of(train):
        return model.terms(variables, batch, keys=KEYS, train=train)

    terms, pixels = terms_of(train=True), terms_of(train=False)
    (adversary,) = model.losses
    discriminator = adversary.discriminator
    own = {kind: parts["discriminator"] for kind, parts in variables.items()}

    @jax.jit
    def features_of(x):
        return discriminator.judge(discriminator.ready(own), x, jax.nn.one_hot(batch.y, 3))[0]

    wanted = features_of(X)
    size = np.sqrt((wanted**2).mean(-1, keepdims=True))
    for z, log_px in zip(terms.z, terms.log_px, strict=True):
        reached = features_of(jax.jit(model.decode)(variables, z, batch.y))
        expected = normal_log_prob(wanted / size, reached / size, 0.0).sum(-1)
        np.testing.assert_allclose(log_px, expected, rtol=1e-4)
    assert not pixels.losses and not np.allclose(pixels.log_px, terms.log_px)
    tracked = [at.statistics["discriminator"] for at in (terms, pixels)]
    jax.tree.map(np.testing.assert_array_equal, tracked[1], own["statistics"])
    moved = [not np.array_equal(*two) for two in zip(*map(jax.tree.leaves, tracked), strict=True)]
    assert any(moved)


def test_the_total_correlation_of_a_gaussian():
    """At its best the logit is log q(z) - sum_d log q(z_d), whose mean is -log(1 - r^2) / 2."""
    correlation = 0.8
    adversary = Factors(VectorDiscriminator((64, 64)), size=2, weight=3.0)
    scale = np.linalg.cholesky([[1, correlation], [correlation, 1]])
    adam = optax.adam(2e-3)

    def losses(variables, key):
        keys = jax.random.split(key, (2, 512))
        z = StandardNormal(2).sample(keys=keys[0])[None] @ scale.T
        return adversary.charge(variables, drawn(z=z, keys=keys[1:])).losses

    def step(carry, key):
        variables, state = carry
        slope = jax.grad(
            lambda params: losses(variables | {"params": params}, key)["discriminator"].mean()
        )(variables["params"])
        updates, state = adam.update(slope, state)
        params = optax.apply_updates(variables["params"], updates)
        return (variables | {"params": params}, state), None

    variables = jax.jit(adversary.init)(key=jax.random.key(0))
    start = (variables, adam.init(variables["params"]))
    keys = jax.random.split(jax.random.key(1), 600)
    (variables, _), _ = jax.jit(lambda: jax.lax.scan(step, start, keys))()
    losses_of = jax.jit(losses)
    reached = [losses_of(variables, key)["adversarial"].mean() / 3.0 for key in keys[:10]]
    assert np.mean(reached) == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.05)
    z = np.array([[1.0, 1.0], [1.0, -0.5], [-0.3, 0.2]])
    exact = [
        normal_log_prob(b, correlation * a, 0.5 * np.log(1 - correlation**2))
        - normal_log_prob(b, 0.0, 0.0)
        for a, b in z
    ]
    np.testing.assert_allclose(adversary.module.apply(variables, z)[1], exact, atol=0.25)


def test_the_discriminator_has_a_time_scale_of_its_own():
    images = np.random.default_rng(0).integers(0, 17, (8, 8, 8, 1)).astype(np.uint8)
    batch = HostBatch(np.arange(8)[None], Raw(images[None], np.zeros((1, 8), np.int32)))

    def moved(**overrides):
        config, model = built(PLAYERS["latents"][0] | {"data__batch_size": 8} | overrides)
        step = make_step(model, config, VALUES, num_examples=8, axis=None)
        before = jax.jit(lambda: initial_state(model, config))()
        after, _ = jax.jit(step)(before, batch, None)
        return jax.tree.map(lambda a, b: a - b, after.params, before.params)

    once, thrice = moved(), moved(optimizer__discriminator_learning_rate=3e-3)
    once["discriminator"] = jax.tree.map(lambda leaf: 3 * leaf, once["discriminator"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), once, thrice)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__name": "gan"}, "needs model.adversary='images'"),
        (PLAYERS["gan"][0] | {"model__similarity": True}, "reconstructs nothing"),
        (PLAYERS["gan"][0] | {"model__likelihood": "gaussian"}, "no effect with model.name='gan'"),
        (PLAYERS["gan"][0] | {"model__posterior": "iaf"}, "no effect with model.name='gan'"),
        (PLAYERS["gan"][0] | {"model__prior": "uniform_categorical"}, "has no posterior"),
        (VAE_GAN | {"model__scale": "learned"}, "untrained: choose fixed or optimal"),
        (
            {"model__adversary": "factors", "model__r1_weight": 1.0},
            "only with images or patches or latents",
        ),
        ({"model__gan_loss": "hinge"}, "no effect with model.adversary='none'"),
        ({"optimizer__discriminator_learning_rate": 1e-3}, "no effect with model.adversary"),
        ({"model__adversary": "factors", "data__batch_size": 1}, "must be at least 2"),
        (
            {
                "model__adversary": "factors",
                "model__posterior": "vmf",
                "model__prior": "uniform_sphere",
            },
            "permutes the numbers of z",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        config = tiny(**overrides)
        if overrides.get("model__name") == "gan":
            config.model.encoder_widths = (512,)
            config.model.likelihood = overrides.get("model__likelihood", "bernoulli")
        checked(config, DATA)
