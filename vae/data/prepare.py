"""Turns raw values into x, inside the compiled step.

All noise is drawn from one key an example, so x does not depend on the device that computes it or
on the other examples of the batch. For raw values v of L levels (0..L-1):

    plain           x = v / scale
    binarised       x ~ Bernoulli(v / scale), anew at every visit       (Burda et al., 2016)
    dequantised     x = (v + u) / L,  u ~ U[0, 1)                       (Theis et al., 2016)
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace
from typing import Any, cast

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax import Array

from vae.data.batches import HostBatch
from vae.data.examples import Dataset, Raw, read_complete
from vae.probability.distributions import example_keys
from vae.probability.event import BINARY, Values
from vae.probability.terms import Batch


def prepare(
    batch: HostBatch,
    table: Raw | None,
    values: Values,
    config: ml_collections.ConfigDict,
    *,
    train: bool,
    keys: Array,
) -> Batch:
    """Returns the examples as a model is given them, x [B, *places, C].

    Args:
      batch: the examples, or where they stand in the table.
      table: the raw examples that `batch.index` [B] points into; None where they are `batch.raw`.
      values: what the raw values mean.
      config: the section `data`.
      train: whether to mirror at random, where the config says so.
      keys: [B] typed PRNG keys, one an example.
    """
    raw = cast(Raw, batch.raw) if table is None else table.at(batch.index)
    if keys.shape != raw.labels.shape[:1]:
        raise ValueError(f"{keys.shape} keys for {len(raw.labels)} examples; give one an example.")

    def one(raw: Any, key: Array) -> Array:
        flip_key, noise_key = jax.random.split(key)
        if config.flip and train:
            mirror = jax.random.bernoulli(flip_key)
            raw = jnp.where(mirror, raw[..., ::-1, :], raw)
        if config.binarize == "none" and not config.dequantize:
            return values.to_x(raw)
        noise = jax.random.uniform(noise_key, raw.shape)
        if config.binarize == "dynamic":
            return (noise < values.to_x(raw)).astype(jnp.float32)
        return (raw.astype(jnp.float32) + noise) / cast(int, values.levels)

    x, mask = jax.vmap(one)(raw.values, keys), None
    if values.missing:
        mask = values.there(values.to_x(raw.values))
        x = jnp.where(mask[..., None], x, -1 if values.kind == "tokens" else 0.0)
    return Batch(x, raw.labels, mask, batch.index)


def first_examples(
    dataset: Dataset, split: str, num: int, config: ml_collections.ConfigDict
) -> Batch:
    """Returns the first `num` examples of a split as `Run` takes them, x [num, *places, C].

    They are what a model is given, but for missing positions, which are marked.
    """
    examples = getattr(dataset, split)
    index = np.arange(min(num, len(examples)), dtype=np.int32)
    raw, _ = read_complete(examples, index)
    prepared = jax.jit(
        functools.partial(prepare, values=dataset.event.values, config=config.data, train=False)
    )
    keys = example_keys(jax.random.key(0), index)
    batch = jax.device_get(prepared(HostBatch(index, raw), None, keys=keys))
    return batch._replace(x=dataset.event.values.marked(batch.x, batch.mask), mask=None)


def prepared_values(values: Values, config: ml_collections.ConfigDict) -> Values:
    """Returns what the values of x mean after `prepare`; `config` is the section `data`."""
    if config.binarize == "dynamic":
        return replace(BINARY, missing=values.missing)
    if config.dequantize:
        return replace(values, kind="real", low=0.0, high=1.0)
    return values


def on_levels(x: np.ndarray, levels: int) -> np.ndarray:
    """Rounds x [N, *places, C] to the nearest of L levels, and warns if that changes it.

    A likelihood over levels gives values between them no probability.
    """
    nearest = np.rint(x * np.float32(levels - 1)) / np.float32(levels - 1)
    if (moved := np.abs(nearest - x).max()) > 1e-3 / (levels - 1):
        warnings.warn(
            f"values are rounded, by up to {moved:.2g}, to the {levels} levels of this run's "
            "likelihood",
            stacklevel=4,
        )
    return nearest
