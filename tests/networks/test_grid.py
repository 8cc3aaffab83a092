import jax
import jax.numpy as jnp
import numpy as np
from variables import random_variables

from vae.networks.grid import Decoder, Encoder


def test_a_latent_sees_its_own_place_first():
    shape = (12, 8, 1)  # a grid of 3 x 2
    x = jax.random.uniform(jax.random.key(0), (1, *shape))
    encoder = Encoder((4, 4), outputs=5 * 6)
    e, variables = jax.jit(encoder.init_with_output)(jax.random.key(1), x)
    assert e.shape == (1, 30) and e.dtype == jnp.float32
    changed = jax.jit(encoder.apply)(variables, x.at[0, 0, 0].add(1.0))
    moved = np.abs(changed - e).reshape(5, 3, 2).sum(0)
    assert moved[0, 0] > 0 and moved[2, 1] == 0


def test_a_latent_paints_at_its_own_place():
    decoder = Decoder((4, 6), (23, 7), outputs=2)
    z = jax.random.normal(jax.random.key(0), (2, 5, 4 * 12))
    y, variables = jax.jit(decoder.init_with_output)(jax.random.key(1), z)
    assert y.shape == (2, 5, 23, 7, 2)
    grid = z.reshape(2, 5, 4, 6, 2).at[..., 0, 0].add(1.0)
    moved = np.abs(jax.jit(decoder.apply)(variables, grid.reshape(z.shape)) - y).sum((0, 1, 4))
    assert moved[0, 0] > 0 and moved[-1, -1] == 0


def test_a_code_is_a_channel_of_every_place():
    decoder = Decoder((4,), (6, 5, 4), outputs=2)  # a grid of 3 x 3 x 2
    z, code = jax.random.normal(jax.random.key(0), (2, 3, 18)), jnp.array([[1.0], [2.0], [-1.0]])
    variables = random_variables(decoder, z, code)
    planes = jnp.broadcast_to(code, (2, 3, 18))
    expected = jax.jit(decoder.apply)(variables, jnp.concatenate([z, planes], axis=-1))
    y = jax.jit(decoder.apply)(variables, z, code)
    np.testing.assert_array_equal(y, expected)
    assert y.shape == (2, 3, 6, 5, 4, 2)
