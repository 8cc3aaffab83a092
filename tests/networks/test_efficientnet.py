"""EfficientNet-Lite0, its depthwise convolutions and the file that its weights are in."""

import pickle

import jax
import numpy as np
import pytest

from vae.errors import InputError
from vae.networks import efficientnet, lite0_weights, strided
from vae.networks.torch_file import read_tensors

# Some of the reference's 1,280 numbers, and the sum of all.
WHERE = [6, 171, 367, 536, 721, 922, 1108]
EXPECTED = [0.570717, 5.93862, 2.74551, 1.14108, 0.59724, 0.566305, 6.0]
SUM = 1064.399


@pytest.mark.skipif(not lite0_weights.installed(), reason="the extra `perceptual` is not installed")
def test_outputs_are_those_of_the_reference():
    """Those of efficientnet-lite-pytorch 0.1.0 in PyTorch 2.13, for one image by procedure."""
    row, column, channel = np.ogrid[:64, :64, :3]
    x = (0.5 + 0.5 * np.sin(0.3 * row + 0.2 * column * (channel + 1) + channel))[None]
    found = jax.jit(efficientnet.pooled)(x.astype(np.float32))
    assert found.shape == (1, 1280)
    np.testing.assert_allclose(found[0, WHERE], EXPECTED, atol=1e-4)
    np.testing.assert_allclose(found.sum(), SUM, rtol=1e-5)


@pytest.mark.skipif(not lite0_weights.installed(), reason="the extra `perceptual` is not installed")
def test_a_grey_image_is_as_three_equal_channels():
    x = np.random.default_rng(0).random((1, 7, 5, 1)).astype(np.float32)
    grey, coloured = (efficientnet.features(each, 1)[0] for each in (x, x.repeat(3, -1)))
    np.testing.assert_array_equal(grey, coloured)


@pytest.mark.parametrize(
    ("places", "taps", "stride"),
    [((7, 10), 3, 2), ((2, 3), 5, 1), pytest.param((1, 1), 5, 2, marks=pytest.mark.slow)],
)
def test_depthwise_convolutions_and_their_gradients_are_those_of_lax(places, taps, stride):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, *places, 3)), rng.normal(size=(taps, taps, 3))

    def all_of(x, kernel, g):
        def slopes(x, kernel):
            y, back = jax.vjp(lambda *a: strided.depthwise(*a, stride), x, kernel)
            return y, back(g)

        value, back = jax.vjp(slopes, x, kernel)  # and the gradients of gradients
        return value, back(value)

    g = rng.normal(size=(2, *strided.strided_places(places, stride), 3))
    x, kernel, g = (a.astype(np.float32) for a in (x, kernel, g))
    with strided.plain():
        expected = jax.jit(all_of)(x, kernel, g)
    for one, other in zip(
        *map(jax.tree.leaves, (jax.jit(all_of)(x, kernel, g), expected)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(InputError, match=r"weights\.pth .*builtins\.print is no part of a tensor"):
        read_tensors(path)
