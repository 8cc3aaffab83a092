"""A prior over sequences of codes, an autoregressive one:

log p(c) = sum_i log p(c_i | c_1, ..., c_{i-1})
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.networks.transformer import Transformer

Array = jax.Array

COLDEST = 1e-3  # as good as the most probable code


@dataclasses.dataclass(frozen=True)
class CodePrior:
    """p(c) of codes 0, ..., V - 1 at L positions.

    Attributes:
      network: gives the logits of each code given those before it.
    """

    network: Transformer

    def init(self, told: Array | None = None, *, key: Array) -> parts.Variables:
        """Draws the initial variables, with which all sequences are equally probable.

        `told` is the code [1, C] of a condition, or None where there is none.
        """
        memory = self.network.memory(1)
        return parts.of_module(self.network, jnp.zeros((1, 1), jnp.int32), memory, 0, told, key=key)

    def log_prob(
        self, codes: Array, variables: parts.Variables, told: Array | None = None
    ) -> Array:
        """Returns log p(c) [B] of codes [B, L], or log p(c | y) where `told` [B, C] is y's code."""
        before = jnp.pad(codes[:, :-1], ((0, 0), (1, 0)), constant_values=self.network.vocabulary)
        logits, _ = self._network(variables, before, self.network.memory(len(codes)), 0, told)
        log_prob = jnp.take_along_axis(jax.nn.log_softmax(logits), codes[..., None], axis=-1)
        return log_prob.sum((-2, -1))

    def sample(
        self,
        variables: parts.Variables,
        told: Array | None = None,
        *,
        keys: Array,
        temperature: Array | float = 1.0,
    ) -> Array:
        """Draws codes [B, L], one sequence from each key [B]; logits are divided by temperature."""
        temperature = jnp.maximum(temperature, COLDEST)

        def draw(carry: tuple, place: Array) -> tuple[tuple, Array]:
            before, memory = carry
            logits, memory = self.read(variables, before, memory, place, told)
            place_keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, place)
            code = jax.vmap(jax.random.categorical)(place_keys, logits / temperature)
            return (code, memory), code

        start = jnp.full(len(keys), self.network.vocabulary)
        carry = (start, self.network.memory(len(keys)))
        _, codes = jax.lax.scan(draw, carry, jnp.arange(self.network.length))
        return codes.T

    def read(
        self,
        variables: parts.Variables,
        before: Array,
        memory: Any,
        place: Array,
        told: Array | None = None,
    ) -> tuple[Array, Any]:
        """Returns the logits [B, V] of the code at a place, and the memory with the one before.

        Args:
          variables: the prior's own.
          before: [B], the code before it; V before the first.
          memory: `network.memory(B)`, or that of the last call.
          place: [], 0, ..., L - 1.
          told: [B, C], see `init`.
        """
        logits, memory = self._network(variables, before[:, None], memory, place, told)
        return logits[:, 0], memory

    def _network(self, variables: parts.Variables, *inputs: object) -> tuple:
        return parts.apply(self.network, variables["params"], *inputs)
