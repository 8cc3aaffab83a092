"""Networks: pure Linen modules without mutable state, chosen by name in a config.

    Encoder(widths, outputs, activation, dtype)
        [B, H, W, C] -> [B, outputs]
    Decoder(widths, image_shape, outputs, activation, dtype, output_bias)
        [..., D] -> [..., H, W, outputs]

Both give float32, whatever the `dtype` of the arithmetic in their body.
"""

import flax.linen as nn
import jax.numpy as jnp

from vae.networks import conv, grid, mlp

ENCODERS = {"mlp": mlp.Encoder, "conv": conv.Encoder, "grid": grid.Encoder}
DECODERS = {"mlp": mlp.Decoder, "conv": conv.Decoder, "grid": grid.Decoder}

ACTIVATIONS = {
    "relu": nn.relu,
    "gelu": nn.gelu,
    "silu": nn.silu,
    "tanh": jnp.tanh,
    "softplus": nn.softplus,
    "leaky_relu": nn.leaky_relu,
}
