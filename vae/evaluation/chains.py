"""Examples in batches of one size, each example for several chains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from vae.probability.distributions import example_keys, sample_keys

Array = jax.Array


def batches(
    observation: Any, y: np.ndarray | None, *, size: int, chains: int, key: Array
) -> Iterator[tuple[Any, Any, Array]]:
    """Yields the observation, y and keys of `size` examples, every example M times in a row.

    The last batch is filled up with the last example, so that shapes stay the same.

    Args:
      observation: arrays [N, ...].
      y: [N, ...] or None.
      size: examples in a batch.
      chains: M, chains for each example.
      key: every chain of every example gets a key of its own from it.
    """
    number = len(jax.tree.leaves(observation)[0])
    keys = sample_keys(example_keys(key, np.arange(number)), chains).T  # [N, M]
    for start in range(0, number, size):
        rows = np.minimum(np.arange(start, start + size), number - 1)
        each = rows.repeat(chains)
        seen, known = jax.tree.map(lambda leaf, each=each: leaf[each], (observation, y))
        yield seen, known, keys[rows].reshape(-1)
