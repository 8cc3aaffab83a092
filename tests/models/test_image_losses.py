"""Losses of an image beside its likelihood."""

import jax
import numpy as np
import pytest
from configs import tiny

from vae import models
from vae.config import validate
from vae.errors import InputError
from vae.models.data import Data
from vae.probability.similarity import ms_ssim
from vae.probability.terms import Batch

FACTS = Data(
    mean_image=np.full((8, 8, 1), 0.4, np.float32),
    scale=16.0,
    levels=17,
    num_classes=10,
    images=lambda num: np.zeros((num, 8, 8, 1), np.float32),
)


def test_the_loss_is_that_of_the_mean_of_each_sample():
    config = tiny(
        model__image_loss="ms_ssim", model__image_loss_weight=0.5, model__likelihood="gaussian"
    )
    model = models.build(config.model, FACTS)
    variables = model.init(key=jax.random.key(0))
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    terms = model.terms(variables, Batch(x), keys=jax.random.split(jax.random.key(1), (2, 3)))
    similarities = [ms_ssim(model.decode(variables, z), x) for z in terms.z]
    expected = 0.5 * 64 * (1 - np.mean(similarities, axis=0))
    np.testing.assert_allclose(terms.losses["image"], expected, rtol=1e-4)


def test_a_weight_without_a_loss_is_refused():
    with pytest.raises(InputError, match=r"image_loss_weight=2\.0 has no effect"):
        validate(tiny(model__image_loss_weight=2.0))
