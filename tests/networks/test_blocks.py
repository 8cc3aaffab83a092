"""Blocks against direct computations in numpy, and as the identity at the start."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variables import random_variables

from vae.networks import blocks
from vae.networks.blocks import Attention, DenseLayer, ResidualBlock, Stage, num_groups


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def initialise(module, *inputs):
    return jax.jit(module.init)(jax.random.key(0), *inputs)


def group_norm(x, scale, bias):
    """With groups of 8 channels, which is what 16 and 24 channels get."""
    groups = x.reshape(x.shape[0], -1, x.shape[-1] // 8, 8)
    mean, var = (f(groups, axis=(1, 3), keepdims=True) for f in (np.mean, np.var))
    return ((groups - mean) / np.sqrt(var + 1e-6)).reshape(x.shape) * scale + bias


def test_gated_layer():
    layer, x = DenseLayer(4, gated=True), normal(0, 3, 5)
    variables = random_variables(layer, x)
    weights = variables["params"]["Dense_0"]
    a, b = np.split(np.asarray(x @ weights["kernel"] + weights["bias"]), 2, axis=1)
    np.testing.assert_allclose(layer.apply(variables, x), a / (1 + np.exp(-b)), rtol=1e-5)


def test_gated_layers_keep_the_scale():
    layer, x = DenseLayer(512, gated=True), normal(0, 64, 512)
    y = layer.apply(initialise(layer, x), x)
    assert float(jnp.mean(y**2)) == pytest.approx(1, abs=0.1)


def test_groups_divide_the_channels_and_leave_enough_of_them():
    expected = {1: 1, 3: 1, 8: 1, 13: 1, 16: 2, 24: 3, 36: 4, 64: 8, 256: 32, 512: 32}
    assert {channels: num_groups(channels) for channels in expected} == expected


def test_attention():
    attention, x = Attention(), normal(0, 2, 3, 2, 16)
    variables = random_variables(attention, x)
    p = jax.tree.map(np.asarray, variables["params"])

    h = group_norm(np.asarray(x), **p["GroupNorm_0"]).reshape(2, 6, 16)
    q, k, v = np.split(
        h @ p["query_key_value"]["kernel"] + p["query_key_value"]["bias"], 3, axis=-1
    )
    logits = q @ k.transpose(0, 2, 1) / np.sqrt(16)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    h = weights @ v @ p["projection"]["kernel"] + p["projection"]["bias"]
    np.testing.assert_allclose(
        attention.apply(variables, x), x + h.reshape(x.shape), rtol=1e-4, atol=1e-4
    )


class Norm(nn.Module):
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x):
        return blocks.group_norm(x, self.dtype)


def test_group_norm_with_float32_statistics():
    # Near 1000 a bfloat16 counts in steps of 4, and of its squares in steps of 4096.
    x = (1000 + 32 * normal(0, 2, 4, 4, 16)).astype(jnp.bfloat16)
    variables = random_variables(Norm(), x)
    expected = group_norm(np.asarray(x, np.float64), **variables["params"]["GroupNorm_0"])
    y = Norm().apply(variables, x.astype(jnp.float32))
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3)
    y = Norm(jnp.bfloat16).apply(variables, x)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(jnp.float32), expected, rtol=0.01, atol=0.01)


@pytest.mark.parametrize(("grid", "kernel"), [((2, 2), (1, 1)), ((1, 3), (3, 3))])
def test_blocks_start_as_the_identity(grid, kernel):
    x, context = normal(0, 2, *grid, 16), normal(1, 2, *grid, 3)
    stage, block = Stage(16), ResidualBlock(16)
    np.testing.assert_array_equal(stage.apply(initialise(stage, x), x), x)
    variables = initialise(block, x, context)
    np.testing.assert_array_equal(block.apply(variables, x, context), x)
    assert variables["params"]["Conv_0"]["kernel"].shape == (*kernel, 19, 16)
    assert variables["params"]["Conv_1"]["kernel"].shape == (*kernel, 16, 16)


def test_a_block_uses_its_context():
    x, context = normal(0, 2, 3, 3, 16), normal(1, 2, 3, 3, 3)
    block = ResidualBlock(16)
    variables = random_variables(block, x, context)
    gradient = jax.jit(jax.grad(lambda c: jnp.sum(jnp.sin(block.apply(variables, x, c)))))(context)
    assert jnp.isfinite(gradient).all() and jnp.all(jnp.any(gradient != 0, axis=(0, 1, 2)))


def test_residual_block():
    block, x = ResidualBlock(24), normal(0, 2, 1, 1, 16)  # 1x1 kernels: every place alone
    variables = random_variables(block, x)
    p = jax.tree.map(np.asarray, variables["params"])
    h = np.asarray(x)
    for i in range(2):
        h = np.maximum(group_norm(h, **p[f"GroupNorm_{i}"]), 0)
        h = h @ p[f"Conv_{i}"]["kernel"][0, 0] + p[f"Conv_{i}"]["bias"]
    expected = x @ p["skip"]["kernel"] + p["skip"]["bias"] + h
    np.testing.assert_allclose(block.apply(variables, x), expected, rtol=1e-4, atol=1e-4)


def test_attention_stands_on_small_grids_of_several_places():
    def layers(*grid):
        return set(random_variables(Stage(8), normal(0, 1, *grid, 8))["params"])

    assert blocks.ATTENTION_PLACES == 64
    assert layers(8, 8) == layers(2, 1) == {"ResidualBlock_0", "Attention_0"}
    assert layers(9, 8) == layers(1, 1) == {"ResidualBlock_0"}
