"""How the values of an x are found when p(x | z) = prod_i p(x_i | z, x_1, ..., x_{i-1}).

Ancestral sampling draws each value from its probabilities given those before it. What a person
reads is often better without the many improbable values, which are drawn now and then: a
temperature T makes the probabilities p^(1/T), normalised; a nucleus keeps the fewest values that
have the probability `top_p` together (Holtzman et al., "The curious case of neural text
degeneration", 2020). Beam search draws nothing: it keeps the B most probable beginnings, and finds
the most probable whole of those that it came by.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.errors import InputError, whole_number
from vae.probability.event import Event

Array = jax.Array
# (the number before [N], memory, index []) to the outputs of a value [N, ...], and the memory with
# it, whose leaves are [N, ...].
Read = Callable[[Array, Any, Array], tuple[Array, Any]]

AT_ONCE = (
    "this model finds all values of an x at once, so top_p, beam and the decoder's temperature "
    "have no effect; a decoder that reads x, such as model.decoder='lstm', has them."
)


@dataclasses.dataclass(frozen=True)
class Decoding:
    """Which values a causal decoder takes.

    Attributes:
      temperature: T; at 0 each value is the most probable one, given those before it.
      top_p: the probability of the nucleus, in (0, 1].
      beam: the number of beginnings that beam search keeps; 1 is greedy, None draws. Probabilities
        are those of whole examples: they are not divided by the length.

    Raises:
      InputError: a number is out of its range, or beam search is to draw.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    beam: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"the decoder's temperature={self.temperature} must be from 0.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p={self.top_p} must be above 0 and at most 1.")
        if self.beam is not None:
            whole_number(self.beam, "beam", 1)
        if self.beam is not None and (self.temperature, self.top_p) != (1, 1):
            raise InputError(
                "beam search draws nothing, so beam does not go with top_p or the decoder's "
                "temperature: choose one."
            )

    @property
    def named(self) -> str:
        """Returns how x is found, for titles; "" if it is drawn from p(x | z) as it is."""
        if self.beam:
            return f"x found by beam search, {self.beam} wide"
        how = [
            f"nucleus {self.top_p:g}" if self.top_p < 1 else "",
            f"temperature {self.temperature:g} of the decoder" if self.temperature != 1 else "",
        ]
        return ", ".join(["x drawn from p(x | z)", *filter(None, how)] if any(how) else [])

    def draw(self, log_p: Array, keys: Array) -> Array:
        """Draws one of V values [N] by their log-probabilities [N, V], from keys [N]."""
        if self.temperature == 0:
            return log_p.argmax(-1)
        log_p = jax.nn.log_softmax(log_p / self.temperature)
        if self.top_p < 1:
            log_p = jnp.where(nucleus(jnp.exp(log_p), self.top_p), log_p, -jnp.inf)
        return jax.vmap(jax.random.categorical)(keys, log_p)


def nucleus(probabilities: Array, mass: float) -> Array:
    """Returns which values are in the smallest set that has this mass, [N, V].

    A set of the most probable values is all those from some probability on. The bits of a positive
    float, read as a whole number, are in the order of the floats: 31 halvings find that probability
    exactly, on a CPU tens of times faster than sorting ten thousand values does. The first of
    equally probable values are taken.

    Args:
      probabilities: [N, V].
      mass: in (0, 1).
    """
    bits = jax.lax.bitcast_convert_type(probabilities, jnp.int32)

    def from_(least: Array) -> Array:
        return jnp.where(bits >= least[:, None], probabilities, 0.0).sum(-1)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = low + (high - low) // 2
        enough = from_(middle) >= mass
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    start = jnp.zeros_like(bits[:, 0]), jnp.full_like(bits[:, 0], 0x7F800000)
    least, _ = jax.lax.fori_loop(0, 31, halve, start)
    above, equal = bits > least[:, None], bits == least[:, None]
    missing = mass - from_(least + 1)
    earlier = (jnp.cumsum(equal, -1) - equal) * jnp.where(equal, probabilities, 0.0)
    return above | (equal & (earlier < missing[:, None]))


def in_turn(
    read: Read, memory: Any, choose: Callable[[Array, Array], Array], event: Event
) -> Array:
    """Finds each value given those before it.

    Args:
      read: see `Read`.
      memory: before the first value.
      choose: (outputs [N, ...], index []) to the numbers of the values [N], int32.
      event: the shape of an x and what its values mean.

    Returns:
      The numbers [N, L] of the values; -1 after the end.
    """
    length, end = event.size, event.values.end

    def more(carry: tuple) -> Array:
        index, _, _, ended, _ = carry
        return (index < length) & ~ended.all()

    def step(carry: tuple) -> tuple:
        index, numbers, before, ended, memory = carry
        outputs, memory = read(before, memory, index)
        number = choose(outputs, index)
        kept = jnp.where(ended, -1, number)
        numbers = jax.lax.dynamic_update_index_in_dim(numbers, kept, index, 1)
        ended = ended if end is None else ended | (number == end)
        return index + 1, numbers, number, ended, memory

    count = jax.tree.leaves(memory)[0].shape[0]
    assert event.values.levels is not None  # by the rules of a causal decoder
    before = jnp.full(count, event.values.levels, jnp.int32)
    numbers = jnp.full((count, length), -1, jnp.int32)
    start = jnp.int32(0), numbers, before, jnp.zeros(count, bool), memory
    return jax.lax.while_loop(more, step, start)[1]


def beam_search(
    read: Read, memory: Any, score: Callable[[Array], Array], beam: int, event: Event
) -> Array:
    """Finds a most probable example of those whose beginnings are among the `beam` most probable.

    It ends when no other can be more probable: a beginning only loses by what follows it.

    Args:
      read: see `Read`.
      memory: before the first value.
      score: outputs [N, ...] to log p of each of V values [N, V].
      beam: B, how many beginnings are kept.
      event: the shape of an x and what its values mean.

    Returns:
      The numbers [N, L] of the values; -1 after the end.
    """
    length, end, levels = event.size, event.values.end, event.values.levels
    assert levels is not None  # by the rules of a causal decoder
    count = jax.tree.leaves(memory)[0].shape[0]
    rows = jnp.arange(count)[:, None]
    stay = jnp.where(jnp.arange(levels) == 0, 0.0, -jnp.inf)  # what has ended goes on in one way

    def more(carry: tuple) -> Array:
        index, _, _, ended, _, _ = carry
        return (index < length) & ~ended[:, 0].all()

    def step(carry: tuple) -> tuple:
        index, numbers, before, ended, scores, memory = carry
        outputs, memory = read(before.reshape(-1), memory, index)
        log_p = score(outputs).reshape(count, beam, levels)
        log_p = jnp.where(ended[..., None], stay, log_p)
        scores, chosen = jax.lax.top_k((scores[..., None] + log_p).reshape(count, -1), beam)
        parent, number = jnp.divmod(chosen, levels)
        numbers, ended = numbers[rows, parent], ended[rows, parent]
        numbers = numbers.at[..., index].set(jnp.where(ended, -1, number))
        ended = ended if end is None else ended | (number == end)
        own = (rows * beam + parent).reshape(-1)
        memory = jax.tree.map(lambda leaf: leaf[own], memory)
        return index + 1, numbers, number, ended, scores, memory

    scores = jnp.where(jnp.arange(beam) == 0, 0.0, -jnp.inf) + jnp.zeros((count, 1))
    start = (
        jnp.int32(0),
        jnp.full((count, beam, length), -1, jnp.int32),
        jnp.full((count, beam), levels, jnp.int32),
        jnp.zeros((count, beam), bool),
        scores,
        jax.tree.map(lambda leaf: jnp.repeat(leaf, beam, 0), memory),
    )
    return jax.lax.while_loop(more, step, start)[1][:, 0]
