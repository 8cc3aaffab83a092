"""Codes a whole set of examples, batch by batch, and reads it back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from vae.compression.chains import Chain, blank_y
from vae.compression.stack import Exhausted, Stack, seeded
from vae.errors import InputError

BATCH = 256  # examples in a call, at most
BYTES = 2**28  # of the probabilities of a batch, at most
MARGIN = 1.1  # a batch may pop so much more than the last one did, for an example


class Coded(NamedTuple):
    """A set of examples.

    Attributes:
      words: the stack.
      rows: how many examples each batch has, in the order in which they were pushed.
      initial: the words below the first example.
    """

    words: np.ndarray
    rows: list[int]
    initial: int


def batch_of(chain: Chain, number: int) -> int:
    """Returns how many examples are computed at once."""
    emitted = chain.emitted
    return max(1, min(BATCH, number, BYTES // (4 * emitted.size * emitted.number)))


def encode(
    chain: Chain,
    numbers: np.ndarray,
    y: np.ndarray | None,
    batch: int,
    each: float,
    at: Callable[[int], None] = lambda number: None,
) -> Coded:
    """Codes numbers [N, L], which pop `each` bits; `at` is called with how many are coded.

    Below the first example are as many seeded bits as its latents take, and a batch has as many
    examples as the bits on the stack suffice for.
    """
    initial = 2 + math.ceil(MARGIN * each / 32)
    while True:
        try:
            return _encode(chain, numbers, y, batch, each, at, initial)
        except Exhausted:  # the estimate was too low
            initial += 4 + initial // 4


def popped_bits(chain: Chain, numbers: np.ndarray, y: np.ndarray | None, batch: int) -> float:
    """Returns about how many bits an example pops.

    The chain takes the width of its cells from these examples.
    """
    some, rows = slice(0, batch), min(batch, len(numbers))
    return _alone(chain, _filled(numbers[some], batch), _filled(y, batch, some), rows).popped / rows


def _alone(chain: Chain, numbers: np.ndarray, y: Any, rows: int) -> Stack:
    """Returns a stack of seeded bits and one batch."""
    size = 64
    while True:
        stack = Stack(seeded(size))
        try:
            chain.push(stack, numbers, y, rows)
        except Exhausted:
            size *= 4
        else:
            return stack


def _encode(
    chain: Chain,
    numbers: np.ndarray,
    y: np.ndarray | None,
    batch: int,
    each: float,
    at: Callable[[int], None],
    initial: int,
) -> Coded:
    rows: list[int] = []
    stack, done = Stack(seeded(initial)), 0
    while done < len(numbers):
        affordable = stack.bits / (MARGIN * each) if each else batch
        count = min(batch, len(numbers) - done, max(1, int(affordable)))
        popped, part = stack.popped, slice(done, done + count)
        stack.scramble(len(rows))
        chain.push(stack, _filled(numbers[part], batch), _filled(y, batch, part), count)
        each = (stack.popped - popped) / count
        rows.append(count)
        done += count
        at(done)
    return Coded(stack.words(), rows, initial)


def decode(
    chain: Chain,
    coded: Coded,
    y: np.ndarray | None,
    batch: int,
    at: Callable[[int], None] = lambda number: None,
) -> np.ndarray:
    """Returns the numbers [N, L] that were coded.

    Raises:
      InputError: the bits below the first example are not what they were.
    """
    stack, end = Stack(coded.words), sum(coded.rows)
    numbers = np.empty((end, chain.emitted.size), np.int32)
    for turn, count in reversed([*enumerate(coded.rows)]):
        part = slice(end - count, end)
        numbers[part] = chain.pop(stack, _filled(y, batch, part), count, batch)[:count]
        stack.scramble(turn)
        end -= count
        at(len(numbers) - end)
    if not np.array_equal(stack.words(), seeded(coded.initial)):
        raise InputError("the bits below the first example are not what they were.")
    return numbers


def fingerprint(model: Any, chain: Chain, batch: int) -> str:
    """Returns a digest of a coded batch of noise, which changes with the last bit of arithmetic."""
    emitted, end = chain.emitted, model.event.values.end
    numbers = np.random.default_rng(0).integers(0, emitted.number, (batch, emitted.size), np.int32)
    if end is not None:  # all of it is read
        numbers[numbers == end] = (end + 1) % emitted.number
    y = blank_y(model, batch)
    stack = _alone(chain, numbers, None if y is None else np.asarray(y), batch)
    return hashlib.blake2b(stack.words().tobytes(), digest_size=8).hexdigest()


def _filled(rows: np.ndarray | None, batch: int, part: slice = slice(None)) -> Any:
    """Returns a part of rows [N, ...] as [batch, ...]: the last one is repeated."""
    if rows is None:
        return None
    some = rows[part]
    return np.concatenate([some, np.repeat(some[-1:], batch - len(some), 0)])
