"""A vector for each of V numbers: what a network reads by, and what it answers by.

    e(n) = W[n]              the vector of the number n; zeros if n is none of 0, ..., V - 1
    l = h W^T                the logits of all numbers, with the same table ("tied")

(Press and Wolf, "Using the output embedding to improve language models", 2017.) With thousands of
words the product of one-hot vectors with W would take as long as the logits. A CPU therefore
gathers the rows, and its gradient scatters them. An accelerator would sum a scattered gradient in
any order, and its products are cheap: there it stays a product.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

Array = jax.Array

# The share of z has a variance of about 1 at first; a smaller embedding would be drowned by it.
SCALE = 0.5
FEW = 1024  # of so many rows a product is as fast as a gather


class Embedding(nn.Module):
    """The table W [V, width], and how it is read.

    Attributes:
      number: V.
      width: numbers in a vector.
      tied: whether `logits` is used: W is then small enough for both, and vectors are scaled up.
      dtype: the type of the vectors, and of the factors of the logits' products.
    """

    number: int
    width: int
    tied: bool = False
    dtype: jnp.dtype = jnp.float32

    def setup(self) -> None:
        scale = SCALE / math.sqrt(self.width) if self.tied else SCALE
        self.kernel = self.param("kernel", nn.initializers.normal(scale), (self.number, self.width))

    def __call__(self, numbers: Array) -> Array:
        """Returns the vectors of numbers [...], [..., width]."""
        vectors = look_up(self.kernel, numbers, self.dtype)
        return vectors * math.sqrt(self.width) if self.tied else vectors

    def logits(self, h: Array, bias: Array) -> Array:
        """Returns the logits [..., V] for h [..., width] and a bias [V], float32."""
        flat = h.reshape(-1, self.width).astype(jnp.float32)
        logits = scores(flat, self.kernel, self.dtype) + bias
        return logits.reshape(*h.shape[:-1], self.number)


def look_up(table: Array, numbers: Array, dtype: jnp.dtype = jnp.float32) -> Array:
    """Returns the rows of a table [V, width] at numbers [...], [..., width]; others are zeros."""

    def product(table: Array, numbers: Array) -> Array:
        one_hot = jax.nn.one_hot(numbers, len(table), dtype=dtype)
        return jnp.tensordot(one_hot, table.astype(dtype), 1)

    def gather(table: Array, numbers: Array) -> Array:
        inside = jnp.where(numbers < 0, len(table), numbers)  # -1 is no last row
        return jnp.take(table, inside, axis=0, mode="fill", fill_value=0).astype(dtype)

    if len(table) <= FEW:
        return product(table, numbers)
    by_platform: dict[str, Callable[..., Array]] = {"cpu": gather}
    return jax.lax.platform_dependent(table, numbers, **by_platform, default=product)


_product = functools.partial(jax.lax.dot_general, preferred_element_type=jnp.float32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def scores(h: Array, table: Array, dtype: jnp.dtype) -> Array:
    """Returns h W^T [N, V], float32, for h [N, F] and W [V, F]; factors have the `dtype`.

    So do those of the gradient's products: the three are what a model with many words spends its
    time on.
    """
    return _scores(h, table, dtype)[0]


def _scores(h: Array, table: Array, dtype: jnp.dtype) -> tuple[Array, tuple[Array, Array]]:
    factors = h.astype(dtype), table.astype(dtype)
    return _product(*factors, (((1,), (1,)), ((), ()))), factors


def _slopes(dtype: jnp.dtype, factors: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    h, table = factors
    slope = slope.astype(dtype)
    to_h = _product(slope, table, (((1,), (0,)), ((), ())))
    return to_h, _product(slope, h, (((0,), (0,)), ((), ())))


scores.defvjp(_scores, _slopes)
