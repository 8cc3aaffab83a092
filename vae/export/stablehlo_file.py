"""StableHLO: the encoder and the decoder as JAX exports them, with a free batch dimension.

`jax.export` keeps such a file readable for six months back and forth, and the StableHLO in it
(`mlir_module()`) for five years. It is called without this package:

    decode = jax.export.deserialize(open("decoder.stablehlo", "rb").read()).call
"""

from __future__ import annotations

import jax

from vae.errors import InputError
from vae.export.functions import BATCH, Function, plain

PLATFORMS = ("cpu", "cuda", "tpu")


def content_of(function: Function) -> bytes:
    """Returns the file of a function, whose weights are constants in it.

    Raises:
      InputError: it cannot be exported.
    """
    (batch,) = jax.export.symbolic_shape(BATCH)
    call = plain(function)
    weights = jax.device_put(function.variables)

    def exported(*inputs: jax.Array) -> dict[str, jax.Array]:
        return dict(zip(function.outputs, call(weights, *inputs), strict=True))

    try:
        made = jax.export.export(jax.jit(exported), platforms=PLATFORMS)(*function.shapes(batch))
    except (TypeError, ValueError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"the {function.name} cannot be written as StableHLO: {why}") from None
    return bytes(made.serialize())
