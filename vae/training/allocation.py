"""The memory that a run needs, known before it is allocated.

Weights and optimizer state are counted exactly. A step is counted by what its products and
convolutions keep for the gradient, which no compiler can do without. A trace shows both without
computing anything. A run that is larger than the machine is refused with the numbers.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from vae.errors import InputError
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import Event
from vae.probability.loops import held_bytes
from vae.probability.terms import Batch
from vae.training.state import initial_state

logger = logging.getLogger(__name__)

CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_fits(
    model: Any, config: ml_collections.ConfigDict, label: jax.ShapeDtypeStruct, num_examples: int
) -> None:
    """Refuses a run that is larger than the memory of the devices.

    Args:
      model: the model.
      config: the whole config.
      label: the shape [...] and type of one example's y.
      num_examples: the size of the training set.

    Raises:
      InputError: the run does not fit; the message has the bytes needed and present.
    """
    batch_size = config.data.batch_size // config.training.accumulate
    if config.data.batch_size > num_examples:
        logger.warning(
            "data.batch_size=%d is more than the %d training examples: each is seen more than once "
            "in a step.",
            config.data.batch_size,
            num_examples,
        )
    present = memory()
    samples = config.objective.backward_samples or config.objective.num_samples
    if _small(config.model, model, batch_size * samples, present):
        return
    batch = _batch(model.event, label, batch_size)
    try:
        state = jax.eval_shape(lambda: initial_state(model, config))
        trace = jax.make_jaxpr(
            lambda variables, batch: model.terms(
                variables,
                batch,
                keys=sample_keys(example_keys(jax.random.key(0), batch.index), samples),
                train=True,
            )
        )({"params": state.params, "statistics": state.statistics}, batch)
    except (MemoryError, OverflowError) as error:
        raise InputError(
            f"a model of these sizes cannot be built: {error}; reduce the largest of model.*."
        ) from None
    copies = 1 if config.training.shard_state else jax.local_device_count()
    weights = (nbytes(state) + nbytes(state.params)) * copies  # and the gradient
    step = held_bytes(trace) + nbytes(batch.x)
    if weights + step > present:
        number = sum(x.size for x in jax.tree.leaves(state.params))
        raise InputError(
            f"the run does not fit into the memory of {_shown(present)}: it needs {_shown(weights)}"
            f" for {number:,} weights and their optimizer, and {_shown(step)} for a step with "
            f"data.batch_size={config.data.batch_size} and objective.num_samples="
            f"{config.objective.num_samples}; reduce the largest of these."
        )


def _batch(event: Event, label: jax.ShapeDtypeStruct, number: int) -> Batch:
    """Returns the shapes and types of a batch; ragged examples have their greatest length."""
    dtype = jnp.int32 if event.values.kind == "tokens" else jnp.float32
    mask = jax.ShapeDtypeStruct((number, *event.places), bool) if event.values.missing else None
    return Batch(
        jax.ShapeDtypeStruct((number, *event.shape), dtype),
        jax.ShapeDtypeStruct((number, *label.shape), label.dtype),
        mask,
        jax.ShapeDtypeStruct((number,), jnp.int32),
    )


def _small(config: ml_collections.ConfigDict, model: Any, examples: int, present: int) -> bool:
    """Returns whether a model is so small that it needs no trace, as nearly all are."""
    sizes = [n for value in config.values() for n in (value if _is_tuple(value) else (value,))]
    sizes = [n for n in sizes if isinstance(n, int)]
    sizes += [model.event.size, model.likelihood.outputs(model.event.channels)]
    classes = model.condition.size if model.condition else 1
    layers = 36 * config.blocks * max(len(config.encoder_widths), len(config.decoder_widths), 1)
    return 4 * max(sizes) ** 2 * (layers + examples * classes) < present / 64


def _is_tuple(value: Any) -> bool:
    return isinstance(value, tuple | list)


def memory() -> int:
    """Returns the bytes of all local devices, or of the machine if its cores are the devices."""
    if jax.default_backend() != "cpu":
        each = [
            (device.memory_stats() or {}).get("bytes_limit", 0) for device in jax.local_devices()
        ]
        return sum(each) if all(each) else 2**63
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(installed, int(CGROUP.read_text()))
    except (OSError, ValueError):  # no limit: the file is missing, or says "max"
        return installed


def nbytes(tree: Any) -> int:
    """Returns the bytes of a tree of arrays, or of their shapes."""
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def _shown(number: int) -> str:
    return f"{number / 1e9:,.1f} GB"
