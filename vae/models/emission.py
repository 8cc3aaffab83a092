"""What an example is, given its latents: p(x | z).

The decoder makes the likelihood's outputs of z, and of the code of a condition where there is one.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.parts import Variables, part
from vae.probability.event import Event
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Emission:
    """p(x | z), whose variables are the parts "decoder" and "likelihood" of a model's.

    The `inputs` of its functions are what the decoder takes: z [..., B, D] and the code [B, C] of
    the condition, or None; those of a ladder's way down are its own. A decoder that is `causal`
    reads the example too, each value given those before it, and is given x [B, *places, C]:

        p(x | z) = prod_i p(x_i | z, x_1, ..., x_{i-1})

    Attributes:
      decoder: to the likelihood's outputs [..., B, *places, P].
      likelihood: see `probability/likelihoods/`.
      event: what an x is.
    """

    decoder: nn.Module
    likelihood: Any
    event: Event

    def init(self, *inputs: Any, key: Array) -> dict[str, Variables]:
        """The initial variables of the two parts, for inputs of one example."""
        read = self._read(parts.blank(self.event))
        decoder = parts.of_module(self.decoder, *inputs, key=key, **read)
        return {"decoder": decoder, "likelihood": self.likelihood.init()}

    def outputs(self, variables: Variables, *inputs: Any, x: Array | None = None) -> Array:
        """What the decoder says of p(x | z) at every place, [..., B, *places, P]."""
        decoder = {"params": variables["params"]["decoder"]}
        return self.decoder.apply(decoder, *inputs, **self._read(x))

    def log_prob(self, variables: Variables, outputs: Array, batch: Batch) -> Array:
        """log p(x | z) [..., B] of a batch, at the places of its mask."""
        own = part(variables, "likelihood")
        return self.likelihood.log_prob(outputs, batch.x, own, mask=batch.mask)

    def update(self, variables: Variables, outputs: Array, batch: Batch) -> dict[str, Array]:
        """The statistics of the likelihood as a batch leaves them."""
        own = part(variables, "likelihood")
        return self.likelihood.update(outputs, batch.x, own, mask=batch.mask)

    def decode(self, variables: Variables, *inputs: Any, keys: Array | None = None) -> Array:
        """What a person is shown of p(x | z) [B, *places, C], or with keys [B] draws of x."""
        if self.decoder.causal:
            return self._one_by_one(variables, *inputs, keys=keys)
        return self._chosen(variables, self.outputs(variables, *inputs), keys)

    def _chosen(self, variables: Variables, outputs: Array, keys: Array | None) -> Array:
        if keys is None:
            return self.likelihood.typical(outputs)
        own = part(variables, "likelihood")
        return jax.vmap(lambda o, key: self.likelihood.sample(o, own, key=key))(outputs, keys)

    def _one_by_one(
        self, variables: Variables, z: Array, code: Array | None = None, *, keys: Array | None
    ) -> Array:
        """Each value given those before it: drawn, or the nearest to what is shown of its p."""
        read = functools.partial(self.decoder.apply, {"params": variables["params"]["decoder"]})

        def step(carry: tuple, index: Array) -> tuple[tuple, Array]:
            before, memory = carry
            outputs, memory = read(before[:, None], memory, index, method="read")
            outputs = outputs.reshape(len(z), *(1 for _ in self.event.places), -1)  # of one value
            own = keys if keys is None else jax.vmap(jax.random.fold_in, (0, None))(keys, index)
            x = self._chosen(variables, outputs, own)
            number = self.decoder.to_numbers(x.reshape(-1))
            return (number, memory), number

        nothing = jnp.full(len(z), self.event.values.levels)
        start = nothing, read(z, code, method="begin")
        _, numbers = jax.lax.scan(step, start, jnp.arange(self.event.size))
        return self.decoder.from_numbers(numbers.T).reshape(-1, *self.event.shape)

    def _read(self, x: Array | None) -> dict[str, Array]:
        return {"x": x} if self.decoder.causal else {}
