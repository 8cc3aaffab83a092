"""A causal Transformer over sequences of codes, of dense layers alone.

Every position sees itself and those before it. Their keys and values are kept in a memory, so that
the same network reads a whole sequence at once in training, and one code after the other in
sampling (Vaswani et al., "Attention is all you need", 2017; with the normalisation first, as in
Radford et al., "Language models are unsupervised multitask learners", 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.config.values import HEADS

Array = jax.Array
Memory = tuple[Array, Array]

SMALL = nn.initializers.normal(0.02)


class Transformer(nn.Module):
    """Codes to the logits of the code that follows each of them.

    Attributes:
      vocabulary: V, the number of codes; a further one, V, stands before the sequence.
      length: L, the number of positions.
      width: numbers for each position, a multiple of HEADS.
      layers: the number of blocks.
      dtype: the type of the arithmetic.
    """

    vocabulary: int
    length: int
    width: int
    layers: int
    dtype: jnp.dtype = jnp.float32

    def memory(self, batch: int) -> list[Memory]:
        """Returns an empty memory for each layer: keys and values, [B, L, heads, width / heads]."""
        empty = jnp.zeros((batch, self.length, HEADS, self.width // HEADS), self.dtype)
        return [(empty, empty) for _ in range(self.layers)]

    @nn.compact
    def __call__(
        self,
        codes: Array,
        memory: list[Memory],
        start: Array | int,
        told: Array | None = None,
    ) -> tuple[Array, list[Memory]]:
        """Reads the inputs at positions start, ..., start + T - 1.

        Args:
          codes: [B, T], the code before each of these positions.
          memory: keys and values of the positions before `start`.
          start: [] the first position.
          told: [B, C], the code of a condition, added to every input; or None.

        Returns:
          Logits [B, T, V] of the codes at these positions, float32, and the memory with them.
        """
        positions = self.param("positions", SMALL, (self.length, self.width))
        positions = jax.lax.dynamic_slice_in_dim(positions, start, codes.shape[1])
        # One product: an accelerator would sum the gradient of a look-up in any order.
        codes = jax.nn.one_hot(codes, self.vocabulary + 1, dtype=self.dtype)
        embed = nn.Dense(
            self.width, use_bias=False, kernel_init=SMALL, dtype=self.dtype, name="codes"
        )
        h = embed(codes) + positions.astype(self.dtype)
        if told is not None:
            condition = nn.Dense(
                self.width, use_bias=False, kernel_init=SMALL, dtype=self.dtype, name="code"
            )
            h = h + condition(told)[:, None]
        grown: list[Any] = []
        for layer, past in enumerate(memory):
            h, new = Block(self.dtype, name=f"block_{layer}")(h, past, start)
            grown.append(new)
        h = nn.LayerNorm(dtype=self.dtype)(h)
        # All codes are equally probable at first.
        head = nn.Dense(self.vocabulary, kernel_init=nn.initializers.zeros, name="head")
        return head(h.astype(jnp.float32)), grown


class Block(nn.Module):
    """h + attention(h), then h + MLP(h), each after a normalisation: [B, T, width] -> same."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(
        self,
        h: Array,
        memory: Memory | None = None,
        start: Array | int = 0,
        *,
        present: Array | None = None,
        drop: Callable[[Array], Array] = lambda h: h,
    ) -> tuple[Array, Memory | None]:
        """Reads the positions start, ..., start + T - 1.

        Args:
          h: [B, T, width].
          memory: keys and values of the positions before `start`, which each position sees beside
            those up to its own; None where every position sees all.
          start: [] the first position.
          present: [B, T], the positions that are seen; None if all are. It goes without a memory.
          drop: the dropout of what is added to h.

        Returns:
          The new h, and the memory with these positions.
        """
        batch, number, width = h.shape
        asked = nn.Dense(3 * width, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(h))
        query, *new = jnp.split(asked.reshape(batch, number, 3 * HEADS, -1), 3, axis=2)
        if memory is None:
            keys, values = new
            mask = None if present is None else present[:, None, None]
        else:
            keys, values = (
                jax.lax.dynamic_update_slice_in_dim(old, part, start, axis=1)
                for old, part in zip(memory, new, strict=True)
            )
            memory = keys, values
            seen = jnp.arange(keys.shape[1]) <= start + jnp.arange(number)[:, None]
            mask = seen[None, None]
        found = jax.nn.dot_product_attention(query, keys, values, mask=mask)
        h = h + drop(nn.Dense(width, dtype=self.dtype)(found.reshape(h.shape)))
        inner = nn.Dense(4 * width, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(h))
        return h + drop(nn.Dense(width, dtype=self.dtype)(nn.gelu(inner))), memory
