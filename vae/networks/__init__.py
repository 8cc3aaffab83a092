"""Networks: pure Linen modules without mutable state, chosen by name in a config.

    Encoder(widths, outputs, activation, dtype, blocks)
        [B, *places, C] -> [B, outputs]
    Decoder(widths, places, outputs, activation, dtype, blocks, output_bias)
        z [..., D], code [..., c] or None -> [..., *places, outputs]

A code says what the model is told of each example. A decoder's `outputs` are all the numbers of one
place, its channels together. Both give float32, whatever the `dtype` of the arithmetic in their
body. Their `ranks` say for how many axes of places they are: an image has two, a sound has one, a
row of a table none. A `causal` decoder is given x, too, see `causal.py`.
"""

import functools

import flax.linen as nn
import jax.numpy as jnp

from vae.networks import causal, conv, grid, mlp, resnet
from vae.networks.fast_cpu import relu

ENCODERS = {
    "mlp": mlp.Encoder,
    "gated_mlp": functools.partial(mlp.Encoder, gated=True),
    "conv": conv.Encoder,
    "normalized_conv": functools.partial(conv.Encoder, normalized=True),
    "resnet": resnet.Encoder,
    "grid": grid.Encoder,
}
DECODERS = {
    "mlp": mlp.Decoder,
    "gated_mlp": functools.partial(mlp.Decoder, gated=True),
    "conv": conv.Decoder,
    "normalized_conv": functools.partial(conv.Decoder, normalized=True),
    "resnet": resnet.Decoder,
    "grid": grid.Decoder,
}
CAUSAL_DECODERS = {
    "causal_transformer": causal.Transformer,
    "lstm": functools.partial(causal.Recurrent, cell="lstm"),
    "gru": functools.partial(causal.Recurrent, cell="gru"),
}

ACTIVATIONS = {
    "relu": relu,
    "gelu": nn.gelu,
    "silu": nn.silu,
    "tanh": jnp.tanh,
    "softplus": nn.softplus,
    "leaky_relu": nn.leaky_relu,
}
