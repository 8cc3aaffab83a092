"""PSNR, SSIM and MS-SSIM against loops over windows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.probability.similarity import WEIGHTS, ms_ssim, num_scales, of_features, psnr, ssim

C1, C2 = 1e-4, 9e-4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def windows(x, y, size=11):
    """(l, cs) at every place of a grey pair [H, W], window by window."""
    radius = np.arange(size) - size // 2
    weights = np.exp(-(radius[:, None] ** 2 + radius**2) / (2 * 1.5**2))
    weights /= weights.sum()
    result = []
    for i in range(x.shape[0] - size + 1):
        for j in range(x.shape[1] - size + 1):
            a, b = x[i : i + size, j : j + size], y[i : i + size, j : j + size]
            m, n = (weights * a).sum(), (weights * b).sum()
            v, w = (weights * (a - m) ** 2).sum(), (weights * (b - n) ** 2).sum()
            c = (weights * (a - m) * (b - n)).sum()
            luminance = (2 * m * n + C1) / (m**2 + n**2 + C1)
            result.append((luminance, (2 * c + C2) / (v + w + C2)))
    return np.array(result).T


def test_psnr_of_a_known_error():
    x = jnp.zeros((2, 3, 3, 1))
    np.testing.assert_allclose(psnr(x, x + jnp.array([0.1, 1.0])[:, None, None, None]), [20, 0])
    assert np.isposinf(psnr(x, x)).all()


@pytest.mark.parametrize(("shape", "size"), [((14, 12, 3), 11), ((8, 9, 1), 7)])
def test_ssim_is_that_of_a_loop_over_windows(rng, shape, size):
    x = rng.random((2, *shape)).astype(np.float32)
    y = (0.7 * x + 0.3 * rng.random(x.shape)).astype(np.float32)
    expected = [
        np.mean([np.prod(windows(a[..., c], b[..., c], size), 0) for c in range(shape[-1])])
        for a, b in zip(x.astype(float), y.astype(float), strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y), expected, atol=1e-5)
    np.testing.assert_allclose(ssim(x, x), 1, atol=1e-5)


def test_ssim_of_constant_images_is_their_luminances():
    x, y = jnp.full((1, 16, 16, 1), 0.2), jnp.full((1, 16, 16, 1), 0.8)
    expected = (2 * 0.16 + C1) / (0.04 + 0.64 + C1)
    np.testing.assert_allclose(ssim(x, y), expected, rtol=2e-4)
    np.testing.assert_allclose(
        ms_ssim(x, y), expected, rtol=2e-4
    )  # float32 leaves variances of 1e-7


def test_scales_are_as_large_as_the_window():
    assert [num_scales(n, n) for n in (8, 11, 21, 22, 64, 128, 176, 1000)] == [
        *(1, 1, 1, 2, 3, 4, 5, 5)
    ]
    assert num_scales(64, 22) == 2


def test_ms_ssim_is_that_of_a_loop_over_scales(rng):
    x = rng.random((1, 24, 22, 1)).astype(np.float32)
    y = (0.5 * x + 0.5 * rng.random(x.shape)).astype(np.float32)
    a, b = x[0, ..., 0].astype(float), y[0, ..., 0].astype(float)
    fine = windows(a, b)[1].mean()
    a, b = (n.reshape(12, 2, 11, 2).mean((1, 3)) for n in (a, b))
    coarse = np.prod(windows(a, b), 0).mean()
    w = np.array(WEIGHTS[:2]) / sum(WEIGHTS[:2])
    np.testing.assert_allclose(ms_ssim(x, y), fine ** w[0] * coarse ** w[1], atol=1e-5)
    np.testing.assert_allclose(ms_ssim(x, x), 1, atol=1e-5)


def test_the_gradient_is_finite_where_nothing_is_alike(rng):
    x = rng.random((2, 22, 22, 1)).astype(np.float32)
    gradient = jax.jit(jax.grad(lambda y: ms_ssim(x, y).sum()))
    for y in (1 - x, np.zeros_like(x), x):
        assert np.isfinite(gradient(y)).all()


def test_distance_of_features_counts_their_directions_layer_by_layer():
    """Features at right angles are sqrt(2) apart, opposite ones 2, whatever their lengths."""
    u = [np.zeros((1, 2, 2, 3)), np.zeros((1, 5, 3))]  # a grid, and a line
    u[0][..., 0], u[1][..., 1] = 7, 0.1
    v = [np.array(each) for each in u]
    v[0][0, 1, 0] = [0, 3, 0]
    v[1][0, 2:4] = [0, -50, 0]
    np.testing.assert_allclose(of_features(u, v), [2 / 4 + 2 * 4 / 5], rtol=1e-5)
    np.testing.assert_allclose(of_features(u, u), [0], atol=1e-6)
