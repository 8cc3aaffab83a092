"""Conditions of models of every kind: the densities by hand, and the tasks."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from configs import tiny
from facts import facts

import vae
from vae import models
from vae.data.scales import unit_scales
from vae.errors import InputError
from vae.models.condition import Condition, with_planes
from vae.models.parts import part
from vae.probability.distributions import sample_keys
from vae.probability.terms import Batch, log_weights
from vae.rules.config import check_config
from vae.tasks.evaluate import evaluate
from vae.tasks.interpolate import interpolate
from vae.tasks.reconstruct import reconstruct
from vae.tasks.sample import sample
from vae.tasks.transfer import transfer

CLASSES = 3
MODELS = {
    "two_layer": {"model__top_dim": 2, "model__top_widths": (8,)},
    "ladder": {
        "model__groups": (1, 1),
        "model__encoder_widths": (4, 4),
        "model__decoder_widths": (4, 4),
        "model__latent_dim": 2,
    },
    "vq": {
        "model__codebook_size": 3,
        "model__num_latents": 2,
        "model__latent_dim": 4,
        "model__transformer_width": 8,
        "model__transformer_layers": 1,
    },
    "fsq": {
        "model__levels": (3, 2),
        "model__num_latents": 2,
        "model__latent_dim": 4,
        "model__transformer_width": 8,
        "model__transformer_layers": 1,
    },
}
X = np.random.default_rng(0).integers(0, 17, (3, 8, 8, 1)).astype(np.float32) / 16
Y = np.array([0, 2, 1])
KEYS = sample_keys(jax.random.split(jax.random.key(1), 3), 2)


def config_of(name, **overrides):
    return tiny(model__name=name, model__condition="label", **MODELS[name], **overrides)


def built(name, scale=0.3, **overrides):
    """A model of digits of three classes, and variables away from where they start."""
    config = config_of(name, **overrides)
    check_config(config)
    model = models.build(config.model, facts(np.full((8, 8, 1), 0.5), num_classes=CLASSES))
    shapes = jax.eval_shape(lambda: model.init(key=jax.random.key(0)))
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: scale * rng.normal(size=leaf.shape).astype(np.float32), shapes["params"]
    )
    statistics = jax.jit(lambda: model.init(key=jax.random.key(0))["statistics"])()
    return model, {"params": params, "statistics": statistics}


def test_two_layers_by_hand():
    """y is told to q(z1 | x, y) and p(x | z1, y), and to nothing between the layers."""
    model, variables = built("two_layer")
    terms = jax.jit(model.terms)(variables, Batch(X, Y), keys=KEYS)
    code = np.eye(CLASSES, dtype=np.float32)[Y]
    planes = np.broadcast_to(code[:, None, None], (3, 8, 8, CLASSES))

    def normal(name, inputs):
        own = {"params": variables["params"][name]}
        mean, log_variance = np.split(getattr(model, name).apply(own, inputs), 2, axis=-1)
        return scipy.stats.norm(mean, np.exp(0.5 * log_variance))

    q1 = normal("encoder", np.concatenate([X, planes], axis=-1))
    for z1, z2, found in zip(*terms.z, log_weights(terms), strict=True):
        decoder = {"params": variables["params"]["decoder"]}
        outputs = model.emission.decoder.apply(decoder, np.concatenate([z1, code], axis=-1))
        log_px = model.likelihood.log_prob(outputs, X, part(variables, "likelihood"))
        log_pz = scipy.stats.norm.logpdf(z2).sum(-1)
        log_pz += normal("top_decoder", z2).logpdf(z1).sum(-1)
        log_qz = q1.logpdf(z1).sum(-1) + normal("top_encoder", z1).logpdf(z2).sum(-1)
        np.testing.assert_allclose(found, log_px + log_pz - log_qz, rtol=1e-4)


def test_the_codes_of_each_class_have_probabilities_that_sum_to_one():
    """Over all nine sequences; and as often as that they are drawn."""
    model, variables = built("vq", scale=1.0)
    own = part(variables, "prior")
    sequences = np.array(list(itertools.product(range(3), repeat=2)))

    @jax.jit
    def log_prob(label):
        code = model.condition.code(jnp.full(len(sequences), label))
        return model.code_prior.log_prob(sequences, own, code)

    probabilities = np.exp([log_prob(label) for label in range(CLASSES)])
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert np.abs(probabilities[0] - probabilities[1]).max() > 0.05

    keys, y = jax.random.split(jax.random.key(2), 4000), np.full(4000, 1)
    codes = jax.jit(lambda: model.code_prior.sample(own, model.condition.code(y), keys=keys))()
    shares = np.bincount(3 * codes[:, 0] + codes[:, 1], minlength=9) / 4000
    np.testing.assert_allclose(shares, probabilities[1], atol=0.03)


def test_codes_are_weighed_and_decoded_with_their_class():
    model, variables = built("vq")

    @jax.jit
    def of(y):
        terms = model.terms(variables, Batch(X, y), keys=KEYS)
        codes = model.encode(variables, Batch(X, y)).codes
        log_pz = model.code_prior.log_prob(codes, part(variables, "prior"), model.condition.code(y))
        z = jnp.moveaxis(terms.z[0], -1, 1).reshape(3, -1)
        outputs = model.emission.outputs(variables, z, model.condition.code(y))
        return terms, log_pz, model.emission.log_prob(variables, outputs, Batch(X, y))

    terms, log_pz, log_px = of(Y)
    np.testing.assert_allclose(terms.log_pz[0], log_pz, rtol=1e-5)
    np.testing.assert_allclose(terms.log_px[1], log_px, rtol=1e-5)
    others = of((Y + 1) % CLASSES)[0]
    assert not np.allclose(terms.log_px, others.log_px)


@pytest.mark.parametrize("to_encoder", [True, False])
def test_a_ladder_has_its_condition_on_both_ways(to_encoder):
    model, variables = built("ladder", model__encoder_told=to_encoder)
    kernel = variables["params"]["encoder"]["Conv_0"]["kernel"]
    assert kernel.shape[2] == 1 + CLASSES * to_encoder
    z = jax.jit(lambda: model.encode(variables, Batch(X, Y)).mean)()
    at = [jax.jit(model.joint)(variables, z, y) for y in (Y, (Y + 1) % CLASSES)]
    assert not np.allclose(at[0][0], at[1][0]) and not np.allclose(at[0][1], at[1][1])


@pytest.mark.parametrize(
    "name",
    ["two_layer", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ladder", "vq"))],
)
def test_tasks_of_a_conditional_model(name, tmp_path):
    config = config_of(
        name,
        data__batch_size=8,
        training__steps=2,
        log__every_steps=2,
        evaluation__every_steps=0,
        checkpoint__every_steps=0,
    )
    vae.train(config, tmp_path)
    run = vae.load(tmp_path)
    found = evaluate(run, num_samples=2).figures
    assert np.isfinite(found["metrics"]["test/condition_response"])
    assert set(found["condition"]) == {str(k) for k in range(10)}
    assert sample(run, num=4, labels=[3]).paths[0].is_file()
    assert reconstruct(run, num=2).paths[0].is_file()
    for task in (interpolate, transfer):
        paths = task(run, num=2).paths
        assert all(path.is_file() for path in paths)
    ones, twos = (run.sample(4, labels=np.full(4, label)) for label in (1, 2))
    assert np.isfinite(ones).all() and not np.allclose(ones, twos)


@pytest.mark.parametrize("places", [(), (5,), (2, 3, 4)])
def test_an_encoder_is_given_the_code_at_every_place(places):
    condition = Condition("label", CLASSES, unit_scales(CLASSES))
    x = np.random.default_rng(0).normal(size=(3, *places, 2)).astype(np.float32)
    told = with_planes(condition, x, Y)
    assert told.shape == (3, *places, 2 + CLASSES)
    np.testing.assert_array_equal(told[..., :2], x)
    ones = np.ones((3, *places, 1))
    code = np.eye(CLASSES)[Y].reshape(3, *(1 for _ in places), CLASSES)
    np.testing.assert_array_equal(told[..., 2:], code * ones)
    silent = Condition("label", CLASSES, unit_scales(CLASSES), to_encoder=False)
    assert with_planes(silent, x, Y) is x and with_planes(None, x, None) is x


def test_a_semi_supervised_model_has_its_condition_already():
    with pytest.raises(InputError, match="no effect with model"):
        check_config(tiny(model__name="semi_supervised", model__condition="label"))
