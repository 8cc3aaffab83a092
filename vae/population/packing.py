"""Packing: how many runs are worth training in one program, measured on the devices at hand.

An accelerator that one small model leaves idle trains many for little more than the time of one. A
CPU's cores are busy with one already, and `vmap` over models only costs them time. The step of one
run is therefore timed, then that of 4 together, of 16, and so on, while a run's share of the time
falls and the program fits the memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import ml_collections
from jax.sharding import PartitionSpec as P

from vae import terminal
from vae.annotations import Count
from vae.experiment import Experiment, prepare
from vae.experiments import ExperimentFile
from vae.population import stacked
from vae.tasks.output import Output
from vae.train import call_batch, make_mapped_step
from vae.training import devices, directory

GROWTH = 4  # factor between the numbers of members tried
GAIN = 0.9  # of a run's share of the time: a smaller fall is not worth the memory
MEMORY = 0.8  # share of a device's memory; the rest is for evaluations and pictures
MOST = 64  # most runs tried in one program
SECONDS = 0.5  # of timed steps, after those that warm up


class Packing(NamedTuple):
    """What was measured.

    Attributes:
      members: how many runs to train in one program; 1 if packing does not pay.
      alone: seconds for a step of one run by itself.
      together: seconds for a step of them all.
      device_bytes: memory that their program needs on one device.
    """

    members: int
    alone: float
    together: float
    device_bytes: int


def measure(config: ml_collections.ConfigDict, most: int) -> Packing:
    """Measures how many runs of a config, at most `most`, are worth training in one program.

    Raises:
      InputError: the config or its data are wrong.
    """
    experiment = prepare(config)
    best = _timed(experiment, 0)
    alone, limit = best.alone, _memory()
    members = GROWTH
    while best.members < members <= most:
        packed = _timed(experiment, members)._replace(alone=alone)
        pays = packed.together / members < GAIN * best.together / best.members
        if not pays or packed.device_bytes > limit:
            break
        best = packed
        fitting = members * limit / max(packed.device_bytes, 1)
        members = int(min(GROWTH * members, fitting, most))
    return best


def packing(
    experiment: ExperimentFile,
    *,
    members: Count = MOST,
    workdir: Path | None = None,
    cpu_devices: Count | None = None,
) -> Output:
    """Measures how many runs of an experiment are worth training in one program.

    A CPU's cores are busy with one run already, so packing never pays there.

    Examples:
      vae packing --config=experiments/digits.py
      vae packing --config=experiments/digits.py --members=16

    Args:
      experiment: the experiment.
      members: The number of runs that are tried together, at most.
      workdir: The directory that packing.json is written into; none if absent.
      cpu_devices: Makes the CPU appear as so many devices.

    Raises:
      InputError: the config or its data are wrong.
    """
    if cpu_devices:
        devices.simulate_cpu_devices(cpu_devices)
    found = {"members": 1}
    if jax.default_backend() != "cpu":
        found = measure(experiment.config, members)._asdict()
    found["device"] = jax.devices()[0].device_kind
    if workdir is None:
        return Output([], found)
    workdir.mkdir(parents=True, exist_ok=True)
    directory.write_json(workdir / "packing.json", found)
    return Output([workdir / "packing.json"], found)


@terminal.shown("measuring packed runs")
def _timed(experiment: Experiment, members: int) -> Packing:
    """Times the step of so many runs together, or of one by itself if `members` is 0."""
    mesh = devices.make_mesh(max(members, 1))
    table = devices.replicate(experiment.dataset.train.table(), mesh)
    config = experiment.config
    with experiment.batches(cut=False) as batches:  # of the greatest length, which has to fit
        if members:
            step: Any = stacked.make_step(experiment, mesh)
            state = stacked.initial_states(experiment, mesh, [config] * members)
            batch = stacked.make_batch(config, mesh, [batches] * members, [0] * members)
        else:
            specs = experiment.specs(mesh)
            step = make_mapped_step(experiment, mesh, specs)
            state = experiment.initial_state(mesh, specs)
            batch = call_batch(batches, config, 0)
            batch = devices.shard(batch, mesh, P(None, devices.AXIS))
    compiled = step.lower(state, batch, table).compile()
    seconds = _seconds(compiled, state, batch, table) / config.training.steps_per_call
    used = compiled.memory_analysis()
    used = used.argument_size_in_bytes + used.temp_size_in_bytes
    return Packing(max(members, 1), seconds, seconds, used)


def _seconds(step: Callable[..., Any], state: Any, batch: Any, table: Any) -> float:
    """Returns the mean seconds of a call, over `SECONDS` of calls."""
    state, report = step(state, batch, table)
    jax.block_until_ready(report)
    calls, started = 0, time.monotonic()
    while (elapsed := time.monotonic() - started) < SECONDS or calls < 3:
        state, report = step(state, batch, table)
        jax.block_until_ready(report)
        calls += 1
    return elapsed / calls


def _memory() -> float:
    """Returns the bytes that may be used on a device; infinite if the device does not say."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    return MEMORY * statistics.get("bytes_limit", float("inf"))
