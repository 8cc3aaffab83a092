"""Many runs as one: their states stacked, and one compiled step for all of them.

    states [M, ...], batches [M, S, b, ...], table  ->  states [M, ...], reports [M]

The M members are spread over the devices by the mesh's axis `member`, the examples by `data`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vae.data.batches import Batches, stack
from vae.experiment import Experiment
from vae.train import call_batch
from vae.training import devices
from vae.training.state import State, new_state, starting_point

BATCH = P(devices.MEMBER, None, devices.AXIS)  # the layout of a batch


def make_step(experiment: Experiment, mesh: Mesh) -> Callable[[State, Any, Any], Any]:
    """Returns the compiled step of all members, (states, batch, table) -> (states, reports)."""
    return devices.map_shards(
        jax.vmap(experiment.step(mesh), in_axes=(0, 0, None)),
        mesh,
        in_specs=(P(devices.MEMBER), BATCH, P()),
        out_specs=(P(devices.MEMBER), P(devices.MEMBER)),
        donate=(0,),
    )


def make_batch(
    config: ml_collections.ConfigDict, mesh: Mesh, batches: Sequence[Batches], steps: Sequence[int]
) -> Any:
    """Returns the members' batches of a call, each from its own step on; leaves [M, S, b, ...]."""

    @functools.cache  # members with the same order of the data share the batch
    def of_call(batches: Batches, step: int) -> Any:
        return call_batch(batches, config, step)

    parts = list(map(of_call, batches, steps))
    return devices.shard(stack(parts), mesh, BATCH)


def initial_states(
    experiment: Experiment, mesh: Mesh, configs: Sequence[ml_collections.ConfigDict]
) -> State:
    """Returns the states before the first step."""
    starts = jax.tree.map(lambda *x: np.stack(x), *map(starting_point, configs))
    new = functools.partial(new_state, experiment.model, experiment.config)
    initialise = jax.vmap(new, in_axes=(0, 0, None))
    return devices.run_once(initialise, mesh, P(devices.MEMBER), *starts, experiment.pretrained())


def unstacked(tree: Any, number: int) -> list[Any]:
    """Splits a tree of host arrays [M, ...] into M trees."""
    return [jax.tree.map(lambda x, m=m: x[m], tree) for m in range(number)]
