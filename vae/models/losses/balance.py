"""The adversarial loss weighed by gradients: as large, where they meet, as that of the rest.

With o the decoder's outputs, r the gradient of all that compares them with x and g that of the
adversarial loss, each over the whole batch, the decoder is trained on

    r + lambda g,   lambda = weight |r| / |g|

(Esser et al., "Taming transformers for high-resolution image synthesis", 2021, eq. 7.) In the paper
both gradients are those of the decoder's last layer, which takes two backward passes. Here they are
those of its outputs, where they meet in one: o is handed out twice, and the backward pass scales
what comes back from the second. So lambda needs no bound: the second part is never larger than
`weight` times the first.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

TINY = 1e-20


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def balanced(outputs: Array, weight: float, axis: str | None) -> tuple[Array, Array]:
    """Returns the outputs twice: for what compares them with x, and for an adversary.

    Args:
      outputs: the decoder's.
      weight: the norm of the second's gradient, in units of that of the first.
      axis: the name of the mapped axis over which the batch is spread, or None.
    """
    return outputs, outputs


def _forward(outputs: Array, weight: float, axis: str | None) -> tuple[Any, None]:
    return (outputs, outputs), None


def _backward(weight: float, axis: str | None, _: None, slopes: tuple[Array, Array]) -> Any:
    squares = jnp.stack([(slope.astype(jnp.float32) ** 2).sum() for slope in slopes])
    own, adversarial = squares if axis is None else jax.lax.psum(squares, axis)
    scale = weight * jnp.sqrt(own / (adversarial + TINY))
    return (slopes[0] + scale.astype(slopes[1].dtype) * slopes[1],)


balanced.defvjp(_forward, _backward)
