"""What models lose beside the likelihood: one tuple, of every model, and what it refuses."""

import dataclasses

import jax
import numpy as np
import pytest
from configs import tiny
from facts import facts

import vae
from vae import models
from vae.errors import InputError
from vae.models.losses.drawn import Charge
from vae.models.losses.loss import Loss
from vae.probability.distributions import sample_keys
from vae.probability.event import Values
from vae.probability.terms import Batch
from vae.rules.config import check_config

TRANSFORMER = {"model__transformer_width": 8, "model__transformer_layers": 1}
MODELS = {
    "vae": {},
    "two_layer": {"model__top_dim": 2, "model__top_widths": (8,)},
    "ladder": {
        "model__groups": (1, 1),
        "model__encoder_widths": (4, 4),
        "model__decoder_widths": (4, 4),
        "model__latent_dim": 2,
    },
    "vq": {"model__codebook_size": 8, "model__num_latents": 2, **TRANSFORMER},
    "fsq": {"model__levels": (3, 3), "model__num_latents": 2, **TRANSFORMER},
    "semi_supervised": {},
}
ALL = {
    "model__regularizer": "l2",
    "model__adversary": "images",
    "model__discriminator_widths": (4,),
    "model__image_loss": "ms_ssim",
}
X = np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)).astype(np.float32) / 16
BATCH = Batch(X, np.array([0, 1, 2, 0]))
KEYS = sample_keys(jax.random.split(jax.random.key(1), 4), 2)


def built(shape=(8, 8, 1), values=None, **overrides):
    config = tiny(**overrides)
    check_config(config)
    return models.build(config.model, facts(np.full(shape, 0.5), values, num_classes=3))


@dataclasses.dataclass(frozen=True)
class Distance(Loss):
    """A loss of one's own: |mean - x|^2, which in training is also the likelihood."""

    names = ("distance",)
    part = "distance"

    def init(self, *, key):
        return {"params": {}, "statistics": {"steps": jax.numpy.zeros(())}}

    def charge(self, variables, drawn):
        squared = (drawn.mean(drawn.z) - drawn.batch.x) ** 2
        each = squared.reshape(*drawn.keys.shape, -1).sum(-1)
        steps = {"steps": variables["statistics"]["steps"] + 1}
        return Charge({"distance": each.mean(0)}, steps, log_px=-each)


@pytest.mark.parametrize("name", ["vae", "two_layer", "ladder", "vq"])
def test_a_loss_of_ones_own_is_applied_in_training(name):
    model = built(model__name=name, **MODELS[name])
    model = dataclasses.replace(model, losses=(Distance(),))
    variables = jax.jit(lambda: model.init(key=jax.random.key(0)))()

    @jax.jit
    def both():
        terms = [model.terms(variables, BATCH, keys=KEYS, train=train) for train in (True, False)]
        means = [
            model.decode(variables, jax.tree.map(lambda leaf, k=k: leaf[k], terms[0].z), BATCH.y)
            for k in range(2)
        ]
        return *[one._replace(q=None, p=None) for one in terms], means

    training, without, means = both()
    expected = ((np.array(means) - X) ** 2).reshape(2, 4, -1).sum(-1)
    np.testing.assert_allclose(training.log_px, -expected, rtol=1e-4)
    np.testing.assert_allclose(training.losses["distance"], expected.mean(0), rtol=1e-4)
    assert model.loss_names[-1] == "distance" and "distance" not in without.losses
    assert not np.allclose(without.log_px, training.log_px)
    counted = [one.statistics["distance"]["steps"] for one in (training, without)]
    assert counted == [1, 0]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_applies_the_whole_tuple(name):
    model = built(model__name=name, **MODELS[name], **ALL)

    def asked(train):
        variables = model.init(key=jax.random.key(0))
        terms = model.terms(variables, BATCH, keys=KEYS, train=train)
        return terms.log_px, terms.losses, terms.statistics, variables["statistics"]

    log_px, lost, after, before = jax.eval_shape(lambda: asked(True))
    assert log_px.shape == (2, 4) and {loss.shape for loss in lost.values()} == {(4,)}
    assert set(lost) == set(model.loss_names)
    assert set(model.loss_names) >= {"regularizer", "adversarial", "discriminator", "image"}
    assert jax.tree.map(np.shape, after) == jax.tree.map(np.shape, before)
    beside = {"regularizer", "adversarial", "discriminator", "image"}
    assert set(jax.eval_shape(lambda: asked(False))[1]) == set(lost) - beside


COMBINATIONS = {
    "two_layer, latents": {"model__name": "two_layer", "model__adversary": "latents"},
    "two_layer, gradient_penalty": {
        "model__name": "two_layer",
        "model__regularizer": "gradient_penalty",
        "model__adversary": "images",
        "model__condition": "label",
    },
    "ladder, images": {
        "model__name": "ladder",
        "model__adversary": "images",
        "model__condition": "label",
        "model__regularizer": "gradient_penalty",
    },
    "ladder, latents": {"model__name": "ladder", "model__adversary": "latents"},
    "vq, images": {
        "model__name": "vq",
        "model__adversary": "images",
        "model__similarity": True,
        "model__likelihood": "gaussian",
        "model__scale": "fixed",
        "model__condition": "label",
        "model__spectral_norm": True,
    },
    "fsq, perceptual": {
        "model__name": "fsq",
        "model__image_loss": "perceptual",
        "model__regularizer": "gradient_penalty",
        "model__condition": "label",
    },
    "semi_supervised, images": {
        "model__name": "semi_supervised",
        "model__adversary": "images",
        "model__spectral_norm": True,
        "data__labelled": 300,
    },
    "semi_supervised, latents": {
        "model__name": "semi_supervised",
        "model__adversary": "latents",
        "data__labelled": 300,
    },
}
SLOW = (
    *("two_layer, gradient_penalty", "ladder, images", "ladder, latents", "fsq, perceptual"),
    *("two_layer, latents", "semi_supervised, latents"),
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in COMBINATIONS]
)
def test_combinations_train(name, tmp_path):
    overrides = COMBINATIONS[name]
    if "model__adversary" in overrides:
        overrides = {"model__discriminator_widths": (4,), **overrides}
    config = tiny(
        **MODELS[overrides["model__name"]],
        **overrides,
        data__batch_size=8,
        training__steps=2,
        log__every_steps=2,
        evaluation__every_steps=0,
        evaluation__num_samples=2,
        checkpoint__every_steps=0,
    )
    result = vae.train(config, tmp_path)
    assert result["status"] == "completed" and np.isfinite(result["metrics"]["test/elbo"])


REFUSED = {
    "factors of layers": (
        MODELS["two_layer"] | {"model__name": "two_layer", "model__adversary": "factors"},
        "model.adversary='factors' permutes the numbers of z.*is in layers",
    ),
    "latents of codes": (
        MODELS["vq"] | {"model__name": "vq", "model__adversary": "latents"},
        "the prior of codes is fitted to these",
    ),
    "factors of labels": (
        {"model__name": "semi_supervised", "model__adversary": "factors"},
        "weighs them by the probability of their label",
    ),
    "an image of a row": (
        {"shape": (5,), "model__image_loss": "ms_ssim"},
        "model.image_loss='ms_ssim' is of images.*have 0 axes",
    ),
    "an image of a sound": (
        {"shape": (9, 1), "model__image_loss": "perceptual"},
        "model.image_loss='perceptual' is of images.*have 1 axes",
    ),
    "an image of any range": (
        {
            "values": Values("real", low=-3.0, high=2.0),
            "model__likelihood": "gaussian",
            "model__image_loss": "ms_ssim",
        },
        r"is of values in \[0, 1\], but the data range over \[-3, 2\]",
    ),
    "an adversary of a row": (
        {"shape": (5,), "model__adversary": "images"},
        "model.adversary='images' is for examples with 1, 2 or 3 axes",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_mathematics_do_not_allow_is_refused(name):
    overrides, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        built(**overrides)


OF_X = {
    "vae": {
        "model__image_loss": "ms_ssim",
        "model__regularizer": "gradient_penalty",
        "model__likelihood": "gaussian",
        "model__scale": "fixed",
        "model__similarity": True,
    },
    "gan": {"model__likelihood": "bernoulli", "model__encoder_widths": (512,)},
}


@pytest.mark.parametrize(("name", "part"), [("vae", "decoder"), ("gan", "generator")])
def test_no_loss_looks_at_places_outside_the_mask(name, part):
    adversary = {"model__adversary": "images", "model__discriminator_widths": (4,)}
    model = built(model__name=name, **adversary, **OF_X[name])
    variables = jax.jit(lambda: model.init(key=jax.random.key(0)))()
    mask = np.ones((4, 8, 8), bool)
    mask[:, 3:, 5:] = False

    @jax.jit
    @jax.grad
    def slopes(bias):
        weights = variables["params"][part]
        weights = weights | {"head": weights["head"] | {"bias": bias}}
        moved = variables | {"params": variables["params"] | {part: weights}}
        terms = model.terms(moved, BATCH._replace(mask=mask), keys=KEYS, train=True)
        return terms.log_px.sum() + sum(loss.sum() for loss in terms.losses.values())

    found = slopes(variables["params"][part]["head"]["bias"]).reshape(8, 8)
    np.testing.assert_array_equal(found != 0, mask[0])
