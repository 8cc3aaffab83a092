"""From raw values to x, inside the compiled step; and what cannot be made of such values.

All noise is drawn from one key an example, so x does not depend on where or beside which other
examples it is computed. With raw values v of L levels (0..L-1):

    plain           x = v / scale
    binarised       x ~ Bernoulli(v / scale), anew at every visit       (Burda et al., 2016)
    dequantised     x = (v + u) / L,  u ~ U[0, 1)                       (Theis et al., 2016)
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace

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
    batch: HostBatch, table: Raw | None, values: Values, config, *, train: bool, keys: Array
) -> Batch:
    """Returns the examples as a model is given them, x [B, *places, C].

    `table` holds the raw examples that batch.index [B] points into; where it is None they are
    batch.raw. `config` is the section `data`; `train` allows random mirroring; `keys` [B] are typed
    PRNG keys, one an example.
    """
    raw = batch.raw if table is None else table.at(batch.index)
    if keys.shape != raw.labels.shape[:1]:
        raise ValueError(f"{keys.shape} keys for {len(raw.labels)} examples; give one an example.")

    def one(raw: Array, key: Array) -> Array:
        flip_key, noise_key = jax.random.split(key)
        if config.flip and train:
            mirror = jax.random.bernoulli(flip_key)
            raw = jnp.where(mirror, raw[..., ::-1, :], raw)
        if config.binarize == "none" and not config.dequantize:
            return values.to_x(raw)
        noise = jax.random.uniform(noise_key, raw.shape)
        if config.binarize == "dynamic":
            return (noise < values.to_x(raw)).astype(jnp.float32)
        return (raw.astype(jnp.float32) + noise) / values.levels

    return Batch(jax.vmap(one)(raw.values, keys), raw.labels, raw.mask, batch.index)


def first_examples(
    dataset: Dataset, split: str, num: int, config: ml_collections.ConfigDict
) -> Batch:
    """The first `num` examples of a split as a model is given them, x [num, *places, C]."""
    examples = getattr(dataset, split)
    index = np.arange(min(num, len(examples)), dtype=np.int32)
    raw, _ = read_complete(examples, index)
    prepared = jax.jit(
        functools.partial(prepare, values=dataset.event.values, config=config.data, train=False)
    )
    keys = example_keys(jax.random.key(0), index)
    return jax.device_get(prepared(HostBatch(index, raw), None, keys=keys))


def prepared_values(values: Values, config) -> Values:
    """What the values of x mean after `prepare`; `config` is the section `data`."""
    if config.binarize == "dynamic":
        return BINARY
    if config.dequantize:
        return replace(values, kind="real", low=0.0, high=1.0)
    return values


def on_levels(x: np.ndarray, levels: int) -> np.ndarray:
    """Returns x [N, *places, C] on the nearest of L levels, with a warning if it is moved.

    A likelihood of levels has no probability for what lies between them.
    """
    nearest = np.rint(x * np.float32(levels - 1)) / np.float32(levels - 1)
    if (moved := np.abs(nearest - x).max()) > 1e-3 / (levels - 1):
        warnings.warn(
            f"values are rounded, by up to {moved:.2g}, to the {levels} levels that the likelihood "
            "of this run is of",
            stacklevel=4,
        )
    return nearest
