"""A first stage's networks: shapes, what an output sees, tiles, recomputation."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variables import random_variables

from vae.networks import resnet
from vae.networks.spatial import Decoder, Encoder

ENCODER = Encoder((4, 6), 2 * 4 * 16, stem_stride=2, activation=nn.silu)  # 16x64 to 2 x 4x16
DECODER = Decoder((6, 4), (16, 64), 3, stem_stride=2, activation=nn.silu)


@pytest.mark.parametrize(
    ("shape", "stem_stride"), [((13, 2), 1), ((16, 10, 3), 2), ((5, 4, 3, 1), 2)]
)
def test_shapes(shape, stem_stride):
    decoder = Decoder((6, 4), shape[:-1], 5, stem_stride)
    encoder = Encoder((4, 6), 2 * np.prod(decoder.grid(shape[:-1])), stem_stride)
    assert encoder.grid(shape[:-1]) == decoder.grid(shape[:-1])
    key, x, code = jax.random.key(0), jnp.zeros((3, *shape)), jnp.zeros((3, 2))
    h, _ = jax.eval_shape(encoder.init_with_output, key, x)
    assert h.shape == (3, encoder.outputs) and h.dtype == jnp.float32
    z = jnp.zeros((2, *h.shape))
    y, variables = jax.eval_shape(decoder.init_with_output, key, z, code)
    assert y.shape == (2, 3, *shape[:-1], 5) and y.dtype == jnp.float32
    assert set(variables) == {"params"}


def test_an_output_sees_a_window_and_moves_with_it():
    x = jax.random.uniform(jax.random.key(0), (1, 16, 64, 3))
    variables, apply = random_variables(ENCODER, x), jax.jit(ENCODER.apply)
    h = apply(variables, x).reshape(2, 4, 16)
    changed = apply(variables, x.at[:, :, :4].add(5.0)).reshape(2, 4, 16)
    first = -(-(4 + ENCODER.reach) // 4)  # whose window starts behind what was changed
    np.testing.assert_array_equal(changed[..., first:], h[..., first:])
    assert (changed[..., first - 1] != h[..., first - 1]).any()
    moved = apply(variables, jnp.roll(x, 4, 2)).reshape(2, 4, 16)  # the stride of z
    np.testing.assert_allclose(moved[..., 6:11], h[..., 5:10], rtol=1e-5, atol=1e-5)


def test_a_tile_decodes_to_what_the_whole_does():
    z = jax.random.normal(jax.random.key(0), (1, 2, 4, 16))
    variables = random_variables(DECODER, z.reshape(1, -1))
    y = jax.jit(DECODER.apply)(variables, z.reshape(1, -1))
    tile, same = DECODER.clone(places=(16, 40)), 40 - DECODER.reach
    part = jax.jit(tile.apply)(variables, z[..., :10].reshape(1, -1))
    np.testing.assert_allclose(part[:, :, :same], y[:, :, :same], rtol=1e-5, atol=1e-5)
    assert not np.allclose(part[:, :, same], y[:, :, same], atol=1e-5)


@pytest.mark.parametrize(
    ("encoder", "size"),
    [
        (Encoder((4,), 32, stem_stride=2), 8),
        pytest.param(resnet.Encoder((4,), 8), 9, marks=pytest.mark.slow),
    ],  # 9x9: no attention
)
def test_blocks_that_are_computed_anew_change_nothing(encoder, size):
    x = jax.random.uniform(jax.random.key(0), (2, size, size, 3))
    variables, weights = random_variables(encoder, x), jnp.arange(1.0, 1 + encoder.outputs)

    def slope(remat):
        module = encoder.clone(remat=remat)
        return jax.jit(jax.grad(lambda v: jnp.sin(module.apply(v, x) * weights).sum()))(variables)

    kept, anew = slope(False), slope(True)
    assert jax.tree.structure(kept) == jax.tree.structure(anew)
    for a, b in zip(jax.tree.leaves(kept), jax.tree.leaves(anew), strict=True):
        assert np.isfinite(a).all() and np.abs(a).max() > 0
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(a).max())
