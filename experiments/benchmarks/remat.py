"""What the gradient of a first stage's networks keeps, with `model.remat` and without.

    python experiments/benchmarks/remat.py

It is compiled, not run.
"""

import jax
import jax.numpy as jnp

from vae.networks.spatial import Decoder, Encoder

SIDE, WIDTHS, MIB = 256, (32, 128), 2**20


def memory(blocks, remat):
    """The MiB that the backward pass is given, and those that the compiled gradient holds."""
    own = {"stem_stride": 2, "activation": jax.nn.silu, "blocks": blocks, "remat": remat}
    z = 4 * (SIDE // 4) ** 2
    encoder = Encoder(WIDTHS, 2 * z, **own)
    decoder = Decoder(WIDTHS[::-1], (SIDE, SIDE), 3, **own)
    x = jax.ShapeDtypeStruct((4, SIDE, SIDE, 3), jnp.float32)
    key = jax.random.key(0)
    params = (
        jax.eval_shape(encoder.init, key, x),
        jax.eval_shape(decoder.init, key, jax.ShapeDtypeStruct((4, z), jnp.float32)),
    )

    def loss(params, x):
        mean = encoder.apply(params[0], x)[:, :z]
        return ((decoder.apply(params[1], mean) - x) ** 2).sum()

    def given(params, x):
        return jax.vjp(lambda params: loss(params, x), params)[1]

    kept = jax.tree.leaves(jax.eval_shape(given, params, x))
    compiled = jax.jit(jax.grad(loss)).lower(params, x).compile()
    held = compiled.memory_analysis().temp_size_in_bytes
    return sum(array.size * array.dtype.itemsize for array in kept) / MIB, held / MIB


def main():
    print("| `model.blocks` | `model.remat` | given, MiB | held, MiB |\n|---|---|---|---|")
    for blocks in (1, 2):
        for remat in (False, True):
            given, held = memory(blocks, remat)
            print(f"| {blocks} | {remat} | {given:,.0f} | {held:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
