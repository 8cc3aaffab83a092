"""The distribution of an example given its latents: p(x | z).

From z, and the code of a condition where there is one, the decoder makes the likelihood's outputs.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from vae.errors import InputError
from vae.models import parts
from vae.models.one_by_one import AT_ONCE, Decoding, beam_search, in_turn
from vae.models.parts import Variables, part
from vae.networks.blocks import with_code
from vae.networks.ladder import TopDown
from vae.networks.network import Decoder
from vae.probability.distributions import other_keys
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Emission:
    """p(x | z), whose variables are the parts "decoder" and "likelihood" of a model's.

    The `inputs` of its functions are what the decoder takes: z [..., B, D], and the code [B, C] of
    the condition or None; a ladder's path down has inputs of its own, with the code at the end. A
    decoder that is `causal` also reads the example x [B, *places, C], for each value those before:

        p(x | z) = prod_i p(x_i | z, x_1, ..., x_{i-1})

    Attributes:
      decoder: makes the likelihood's outputs [..., B, *places, P].
      likelihood: see `probability/likelihoods/`.
      event: the shape of an x and what its values mean.
      decoding: how a causal decoder's values are taken; drawn from p(x | z) as it is if None.
    """

    decoder: Decoder | TopDown
    likelihood: Likelihood
    event: Event
    decoding: Decoding | None = None

    def init(self, *inputs: Any, key: Array) -> dict[str, Variables]:
        """Returns the initial variables of the two parts, for inputs of one example."""
        read = self._read(parts.blank(self.event))
        decoder = parts.of_module(self.decoder, *inputs, key=key, **read)
        return {"decoder": decoder, "likelihood": self.likelihood.init()}

    def outputs(
        self,
        variables: Variables,
        *inputs: Any,
        x: Array | None = None,
        keys: Array | None = None,
    ) -> Array:
        """Returns what the likelihood reads for p(x | z) at every position, [..., B, *places, P].

        A decoder that is `random` has noise from keys [B] in training.
        """
        params = variables["params"]["decoder"]
        noise = {} if keys is None else {"keys": keys}
        outputs = parts.apply(self.decoder, params, *inputs, **self._read(x), **noise)
        told = self.likelihood.of_code(inputs[-1], part(variables, "likelihood"))
        return with_code(outputs, told, len(self.event.places))

    def noise(self, keys: Array, *, train: bool) -> Array | None:
        """Returns the keys [B] of a random decoder in training, from those of samples [K, B]."""
        return other_keys(keys[0], 2) if train and self.decoder.random else None

    def log_prob(self, variables: Variables, outputs: Array, batch: Batch) -> Array:
        """Returns log p(x | z) [..., B] of a batch, summed over the positions of its mask."""
        own = part(variables, "likelihood")
        return self.likelihood.log_prob(outputs, batch.x, own, mask=batch.mask)

    def update(self, variables: Variables, outputs: Array, batch: Batch) -> dict[str, Array]:
        """Returns the likelihood's statistics after a batch."""
        own = part(variables, "likelihood")
        return self.likelihood.update(outputs, batch.x, own, mask=batch.mask)

    def decode(self, variables: Variables, *inputs: Any, keys: Array | None = None) -> Array:
        """Returns x as p(x | z) is shown, [B, *places, C]; draws from it with keys [B]."""
        if self.decoder.causal:
            return self._one_by_one(variables, *inputs, keys=keys)
        return self._chosen(variables, self.outputs(variables, *inputs), keys)

    def with_decoding(self, decoding: Decoding) -> Emission:
        """Returns the same p(x | z), whose values are taken by `decoding`.

        Raises:
          InputError: its values are not found one by one, or have no probabilities.
        """
        if not self.decoder.causal:
            raise InputError(AT_ONCE)
        if self.likelihood.log_levels(self.event.values) is None:
            raise InputError(
                "top_p, beam and the decoder's temperature choose by the probability of each "
                "value, but this model's likelihood has a density; one with "
                "model.likelihood='categorical' has probabilities."
            )
        return dataclasses.replace(self, decoding=decoding)

    def _chosen(self, variables: Variables, outputs: Array, keys: Array | None) -> Array:
        if keys is None:
            return self.likelihood.typical(outputs)
        own = part(variables, "likelihood")
        return jax.vmap(lambda o, key: self.likelihood.sample(o, own, key=key))(outputs, keys)

    def _one_by_one(
        self, variables: Variables, z: Array, code: Array | None = None, *, keys: Array | None
    ) -> Array:
        """Draws or chooses each value given those before it, [B, *places, C].

        Where tokens have an end, the positions after it are missing.
        """
        decoder: Any = self.decoder
        read = functools.partial(self.read, variables)

        def choose(outputs: Array, index: Array) -> Array:
            own = keys if keys is None else jax.vmap(jax.random.fold_in, (0, None))(keys, index)
            if self.decoding and own is not None:
                return self.decoding.draw(self.log_each(variables, outputs), own)
            return decoder.to_numbers(self._chosen(variables, outputs, own).reshape(-1))

        memory = self.begin(variables, z, code)
        if self.decoding and self.decoding.beam:
            score = functools.partial(self.log_each, variables)
            numbers = beam_search(read, memory, score, self.decoding.beam, self.event)
        else:
            numbers = in_turn(read, memory, choose, self.event)
        return decoder.from_numbers(numbers).reshape(-1, *self.event.shape)

    def begin(self, variables: Variables, z: Array, code: Array | None = None) -> Any:
        """Returns the memory of a causal decoder before the first value."""
        decoder: Any = self.decoder
        return parts.apply(decoder, variables["params"]["decoder"], z, code, method="begin")

    def read(
        self, variables: Variables, before: Array, memory: Any, index: Array
    ) -> tuple[Array, Any]:
        """Returns the outputs [N, 1, ..., O] of a causal decoder's next value, and its memory.

        Args:
          variables: the model's.
          before: [N], the number of the value before; V before the first of all.
          memory: from `begin` or the last call.
          index: [], of the value among the L of an example.
        """
        decoder: Any = self.decoder
        inputs = before[:, None], memory, index
        params = variables["params"]["decoder"]
        outputs, memory = parts.apply(decoder, params, *inputs, method="read")
        return outputs.reshape(before.shape[0], *(1 for _ in self.event.places), -1), memory

    def log_each(self, variables: Variables, outputs: Array) -> Array:
        """Returns log p of each of V values [N, V], for the outputs of one, [N, 1, ..., O].

        Its decoder is causal.
        """
        decoder: Any = self.decoder
        x = decoder.from_numbers(jnp.arange(decoder.number))
        return self.likelihood.log_each(outputs, x, part(variables, "likelihood"))

    def _read(self, x: Array | None) -> dict[str, Any]:
        return {"x": x} if self.decoder.causal else {}
