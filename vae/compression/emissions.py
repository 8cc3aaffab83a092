"""Codes x given p(x | z).

The values of an example are coded in steps. Most models find all values at once: one step. The
channels of a mixture of logistics depend on each other: a step for each. A causal decoder reads the
values before each of them: a step for each value, and so where a token ends an example.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.compression.numbers import count_of, each_of
from vae.compression.stack import Distribution, Stack, categorical, uniform
from vae.errors import InputError
from vae.models.autoencoder import Autoencoder
from vae.models.parts import part
from vae.training.devices import jit

Array = jax.Array


class Emitted:
    """p(x | z) of a model, as chains use it."""

    def __init__(self, model: Autoencoder, variables: Any) -> None:
        self._emission, self._variables = model.emission, variables
        self._event = event = model.event
        self._each = jnp.asarray(each_of(event.values))
        self.number, self.size = count_of(event.values), event.size
        self._causal = model.causal
        self._in_turn = model.likelihood.in_turn and event.channels > 1
        self._read = jit(self._next, donate_argnums=2)
        self._channel = jit(self._of_channel)

    def start(self, variables: Any, *inputs: Any) -> Any:
        """Returns what `push` and `pop` need of what a decoder takes; call it in a jit."""
        if self._causal:
            return self._emission.begin(variables, *inputs)
        return self.of_outputs(variables, self._emission.outputs(variables, *inputs))

    def of_outputs(self, variables: Any, outputs: Array) -> Any:
        """Returns the same of a decoder's outputs: probabilities [B, L, V], or the outputs."""
        if self._in_turn:
            return outputs
        likelihood, channels = self._emission.likelihood, self._event.channels
        each = outputs.reshape(-1, outputs.shape[-1] // channels, channels)
        each = jnp.swapaxes(each, 1, 2).reshape(-1, each.shape[1])
        log_p = likelihood.log_each(each, self._each, part(variables, "likelihood"))
        return jnp.exp(log_p).reshape(len(outputs), -1, self.number)

    def push(self, stack: Stack, started: Any, numbers: np.ndarray, rows: int) -> None:
        """Pushes the numbers [B, L] of the first so many rows."""
        there = numbers >= 0
        there[rows:] = False
        end = self._event.values.end
        if end is not None and (there[:rows] != _before(numbers[:rows], end)).any():
            raise InputError("an example has no end, but is shorter than the others may be.")
        coded: list[tuple[Distribution, np.ndarray]] = []
        for slots, p in self._tables(started, numbers):
            here = there[:, slots]
            coded.append((categorical(np.asarray(p)[here]), numbers[:, slots][here]))
            if not there[:, slots.start + 1 :].any():
                break
        for distribution, symbols in reversed(coded):
            stack.push(distribution, symbols)
        if self._lengths:
            stack.push(self._lengths_of(rows), there[:rows].sum(1) // self._each_position)

    def pop(self, stack: Stack, started: Any, batch: int, rows: int) -> np.ndarray:
        """Pops the numbers [B, L] of the first so many rows; others are -1."""
        numbers = np.full((batch, self.size), -1, np.int32)
        there = np.zeros(numbers.shape, bool)
        there[:rows] = True
        if self._lengths:
            lengths = stack.pop(self._lengths_of(rows)) * self._each_position
            there[:rows] = np.arange(self.size) < lengths[:, None]
        end = self._event.values.end
        for slots, p in self._tables(started, numbers):
            here, some = there[:, slots], numbers[:, slots]
            some[here] = stack.pop(categorical(np.asarray(p)[here]))
            if end is not None:
                there[(some == end).any(1), slots.start + 1 :] = False
            if not there[:, slots.start + 1 :].any():
                break
        return numbers

    @property
    def _lengths(self) -> bool:
        """Whether lengths are coded: no token says where an example ends."""
        return self._event.values.missing and self._event.values.end is None

    @property
    def _each_position(self) -> int:
        """Returns how many values a position along the first axis has."""
        return self.size // self._event.shape[0]

    def _lengths_of(self, rows: int) -> Distribution:
        return uniform(self._event.shape[0] + 1, rows)

    def _tables(self, started: Any, numbers: np.ndarray) -> Iterator[tuple[slice, Any]]:
        """Yields the places of a step's values and their probabilities [B, l, V].

        Those of a step depend on the numbers of the steps before it alone.
        """
        if self._causal:
            before = np.full(len(numbers), self.number, np.int32)
            for i in range(self.size):
                p, started = self._read(self._variables, before, started, np.int32(i))
                yield slice(i, i + 1), p
                before = np.ascontiguousarray(numbers[:, i])
        elif self._in_turn:
            channels = self._event.channels
            for c in range(channels):
                before = numbers.reshape(len(numbers), -1, channels)[..., :c]
                yield slice(c, self.size, channels), self._channel(self._variables, started, before)
        elif self._event.values.end is None:
            yield slice(0, self.size), started
        else:
            table = np.asarray(started)
            for i in range(self.size):
                yield slice(i, i + 1), table[:, i : i + 1]

    def _next(self, variables: Any, before: Array, memory: Any, index: Array) -> tuple[Array, Any]:
        outputs, memory = self._emission.read(variables, before, memory, index)
        return jnp.exp(self._emission.log_each(variables, outputs))[:, None], memory

    def _of_channel(self, variables: Any, outputs: Array, before: Array) -> Array:
        flat = outputs.reshape(-1, outputs.shape[-1])
        x = self._each[jnp.maximum(before, 0)].reshape(len(flat), before.shape[-1])
        likelihood, own = self._emission.likelihood, part(variables, "likelihood")
        p = jnp.exp(likelihood.log_next(flat, x, self._each, own))
        return p.reshape(len(outputs), -1, self.number)


def _before(numbers: np.ndarray, end: int) -> np.ndarray:
    """Returns which of the numbers [N, L] stand before an end, or are the first one."""
    ends = numbers == end
    return ends.cumsum(1) - ends == 0
