"""What a run would take: shapes, parameters, memory, operations and time. Nothing is written.

The model is traced, its training step is compiled as a run compiles it, and a few steps are taken,
of which the time is. What evaluations take is told by their operations, at the speed of the steps.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import jax
import ml_collections
import numpy as np

from vae import modalities, terminal
from vae.data.batches import Batches, HostBatch
from vae.data.examples import (
    ArrayExamples,
    Dataset,
    Examples,
    Raw,
    in_memory,
    read_complete,
    spread,
)
from vae.data.prepare import prepare as prepare_batch
from vae.evaluation.likelihood import useful_samples
from vae.experiment import Experiment, prepare
from vae.files import user_path
from vae.models.calls import Call, noted
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.terms import Batch, Terms
from vae.terminal import aligned, duration
from vae.train import call_batch, check, make_mapped_step
from vae.training import devices
from vae.training.allocation import memory, nbytes
from vae.training.flops import flops
from vae.training.loop import Flight

SECONDS, FEWEST, MOST = 3.0, 3, 50  # of the calls that are timed
READ = 64  # examples that stand for all of a split
LOOKED_AT = 20  # batches of ragged examples, whose mean length the time is for


def dry_run(config: ml_collections.ConfigDict, workdir: str | Path) -> tuple[str, dict[str, Any]]:
    """Tells what training an experiment would take, and writes nothing.

    Args:
      config: the experiment.
      workdir: the run directory, which is refused as `vae.train` refuses it.

    Returns:
      A text for a person, and the figures: bytes, operations and seconds.

    Raises:
      InputError: the experiment would be refused.
    """
    mesh = devices.make_mesh()
    check(config, user_path(workdir), mesh)
    experiment = prepare(config, _data(config.data))
    with experiment.batches() as batches:
        host = batches.batch(0)
        examples, terms, calls = _traced(experiment, host)
        figures = _measured(experiment, mesh, batches)
    figures |= _of_evaluation(experiment, host, figures, mesh.size)
    figures["data"] = experiment.dataset.description
    figures["parts"] = _parts(experiment)
    figures["calls"] = [call._asdict() for call in calls]
    return _text(examples, terms, calls, figures), figures


def _data(config: ml_collections.ConfigDict) -> Dataset:
    """Returns the data as training has them.

    Where it would first draw or decode all that it then keeps in memory, a few stand for all. Of
    ragged examples all are read, for their lengths decide how long a step takes.
    """
    dataset = modalities.load(config, whole=False)
    splits = {name: getattr(dataset, name) for name in ("train", "valid", "test")}
    if dataset.event.ragged:
        return modalities.load(config)
    if sum(examples.nbytes for examples in splits.values()) > config.device_bytes:
        return dataset
    return replace(dataset, **{name: _stand_in(examples) for name, examples in splits.items()})


def _stand_in(examples: Examples) -> ArrayExamples:
    """Returns as many examples in memory, of which a few are read, again and again."""
    if isinstance(examples, ArrayExamples):
        return examples
    raw, _ = read_complete(examples, spread(examples, READ))
    every = np.arange(len(examples))
    found = in_memory(raw.values, raw.labels).take(every % len(raw.values))
    return replace(found, resident=True, identities=examples.identities)


def _ask(
    experiment: Experiment, variables: Any, host: Any, table: Any, samples: int, *, train: bool
) -> tuple[Batch, Terms]:
    """Returns the batch as the model is given it, and what it answers."""
    config, dataset, model, _ = experiment
    keys = example_keys(jax.random.key(0), host.index)
    values = dataset.event.values
    batch = prepare_batch(host, table, values, config.data, keys=keys, train=train)
    return batch, model.terms(variables, batch, keys=sample_keys(keys, samples), train=train)


def _variables(experiment: Experiment) -> dict[str, Any]:
    state = experiment.shapes()
    return {"params": state.params, "statistics": state.statistics}


def _traced(experiment: Experiment, host: HostBatch) -> tuple[Batch, Terms, list[Call]]:
    """Returns the shapes of the batch of a step, and of what the model and its networks make."""
    calls: list[Call] = []

    def ask(variables: Any, host: Any, table: Any) -> tuple[Batch, Terms]:
        with noted(variables["params"]) as seen:
            answer = _ask(experiment, variables, host, table, samples, train=True)
        calls.extend(seen)
        return answer

    samples = experiment.config.objective.num_samples
    table = experiment.dataset.train.table()
    return *jax.eval_shape(ask, _variables(experiment), host, table), calls


def _parts(experiment: Experiment) -> dict[str, int]:
    """Returns the number of parameters of each part."""
    params = experiment.shapes().params
    return {part: sum(x.size for x in jax.tree.leaves(own)) for part, own in params.items()}


def _measured(experiment: Experiment, mesh: jax.sharding.Mesh, batches: Batches) -> dict[str, Any]:
    """Compiles the step, takes a few, and returns what they take."""
    config = experiment.config
    specs, per_call = experiment.specs(mesh), config.training.steps_per_call
    table = devices.replicate(experiment.dataset.train.table(), mesh)
    step: Any = make_mapped_step(experiment, mesh, specs)

    def batch(call: int) -> Any:
        spec = jax.sharding.PartitionSpec(None, devices.AXIS)
        return devices.shard(call_batch(batches, config, call * per_call), mesh, spec)

    started = time.perf_counter()
    with terminal.Progress("compiling the step"):
        first, shapes = batch(0), devices.shaped(experiment.shapes(), mesh, specs)
        traced = step.trace(shapes, first, table)
        compiled = traced.lower().compile()
    compiling = time.perf_counter() - started
    with terminal.Progress("taking steps"):
        state = experiment.initial_state(mesh, specs)
        state, report = jax.block_until_ready(compiled(state, first, table))
        calls, flight, started = 0, Flight(), time.perf_counter()
        while calls < FEWEST or (calls < MOST and time.perf_counter() - started < SECONDS):
            calls += 1
            # Ragged examples have batches of several lengths, each with a program of its own.
            following = batch(calls) if experiment.dataset.train.lengths is None else first
            state, report = compiled(state, following, table)
            flight.add(report)
        jax.block_until_ready(state)
    seconds = (time.perf_counter() - started) / calls / per_call
    figures = {
        "steps": config.training.steps,
        "devices": mesh.size,
        "timed_steps": calls * per_call,
        "seconds_per_step": seconds,
        "compile_seconds": compiling,
        "gflops_per_step": flops(traced.jaxpr) / per_call / 1e9,  # of one device
        "state_bytes": nbytes(shapes),
        "weights_bytes": nbytes(shapes.params),
        "data_bytes": nbytes(table) if table is not None else 0,
        "memory_present": memory(),
    }
    if (known := compiled.memory_analysis()) is not None:
        held = known.argument_size_in_bytes + known.output_size_in_bytes - known.alias_size_in_bytes
        figures["temporary_bytes"] = known.temp_size_in_bytes
        figures["step_bytes"] = held + known.temp_size_in_bytes
    if experiment.dataset.train.lengths is not None and experiment.model.any_length:
        figures |= _at_mean_length(batches, config, first, seconds)
    figures["training_seconds"] = figures["seconds_per_step"] * config.training.steps
    return figures


def _at_mean_length(
    batches: Batches, config: ml_collections.ConfigDict, first: HostBatch, seconds: float
) -> dict[str, float]:
    """Returns the seconds of a step at the mean length of batches, from those at the first's."""
    later = range(1, config.training.steps, max(1, config.training.steps // LOOKED_AT))
    lengths = [cast(Raw, batches.batch(step).raw).values.shape[1] for step in later[:LOOKED_AT]]
    timed = cast(Raw, first.raw).values.shape[2]  # of [S, B, T, ...]
    mean = float(np.mean(lengths or timed))
    return {
        "positions_timed": timed,
        "positions_mean": mean,
        "seconds_per_step": seconds * mean / timed,
    }


def _of_evaluation(
    experiment: Experiment, host: HostBatch, figures: dict[str, Any], number: int
) -> dict[str, float]:
    """Returns the seconds of the evaluations on `number` devices, by their operations.

    A further sample of z costs what two samples cost more than one.
    """
    config, dataset, model, _ = experiment
    speed = number * figures["gflops_per_step"] * 1e9 / figures["seconds_per_step"]
    if not model.encodes or not speed:
        return {}
    shapes, table = _variables(experiment), dataset.train.table()

    def operations(samples: int) -> float:
        ask = functools.partial(_ask, experiment, samples=samples, train=False)
        return flops(jax.make_jaxpr(ask)(shapes, host, table)) / len(host.index)

    one = operations(1)
    samples = useful_samples(model, config.evaluation.num_samples)
    further = (operations(2) - one) * (samples - 1) if samples > 1 else 0.0
    every = config.evaluation.every_steps
    times = -(-config.training.steps // every) if every else 0
    return {
        "validations": times,
        "validation_seconds": times * len(dataset.valid) * one / speed,
        "test_samples": samples,
        "test_seconds": len(dataset.test) * (one + further) / speed,
    }


def _text(batch: Batch, terms: Terms, calls: list[Call], figures: dict[str, Any]) -> str:
    """Returns the figures for a person."""
    known = {"x": batch.x, "y": batch.y, "mask": batch.mask}
    inputs = [(name, _shown(x.shape), str(x.dtype)) for name, x in known.items() if x is not None]
    blocks = [
        [figures["data"]],
        aligned([("batch", "shape", "type"), *inputs], ()),
        aligned(_of_parts(figures["parts"], calls, terms), (1,)),
        aligned([*_of_step(figures), *_of_time(figures)], ()),
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def _of_step(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns lines of the memory and the operations of a step."""
    held = {
        "weights and optimizer": figures["state_bytes"],
        "data": figures["data_bytes"],
        "temporary": figures.get("temporary_bytes", 0),
    }
    parts = ", ".join(f"{x / 1e6:,.1f} MB {name}" for name, x in held.items() if x)
    gflops, seconds = figures["gflops_per_step"], figures["seconds_per_step"]
    each = "" if figures["devices"] == 1 else f", on each of {figures['devices']} devices"
    return [
        ("memory", f"{parts}{each}; there are {figures['memory_present'] / 1e9:,.1f} GB"),
        ("a step", f"{gflops:,.4g} GFLOP of products and convolutions{each}"),
        ("", f"{1e3 * seconds:,.4g} ms, the mean of {figures['timed_steps']} steps"),
        ("", f"{gflops / seconds:,.4g} GFLOP/s{each}"),
    ]


def _of_time(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns lines of what a run takes."""
    lines = [
        ("compilation", duration(figures["compile_seconds"])),
        ("training", f"{duration(figures['training_seconds'])}, {figures['steps']:,} steps"),
    ]
    if "positions_timed" in figures:
        mean, timed = figures["positions_mean"], figures["positions_timed"]
        lines.append(("", f"from batches of {timed} positions; their mean is {mean:.0f}"))
    if "test_seconds" in figures:
        validations, test = duration(figures["validation_seconds"]), figures["test_seconds"]
        how = "told by their operations, at the speed of the steps"
        number = "once" if figures["validations"] == 1 else f"{figures['validations']} times"
        lines += [
            ("validation", f"{validations}, {number}; {how}"),
            ("test", f"{duration(test)}, {figures['test_samples']:,} samples of z; {how}"),
        ]
    return lines


def _of_parts(
    parts: dict[str, int], calls: list[Call], terms: Terms
) -> list[tuple[str, str, str, str]]:
    """Returns the rows of a table of the parts, in the order in which they are called."""
    made = {
        "posterior": ("z", jax.tree.leaves(terms.z)),
        "prior": ("log p(z)", [terms.log_pz]),
        "likelihood": ("log p(x | z)", [terms.log_px]),
    }
    rows = [("part", "parameters", "takes", "gives")]
    for part in dict.fromkeys([*(call.part for call in calls), *parts]):
        number = f"{parts[part]:,}" if part in parts else ""
        own = [(c.method, _list(c.takes), _list(c.gives)) for c in calls if c.part == part]
        if part in made:
            name, arrays = made[part]
            own.append(("", "", f"{name} {_list(x.shape for x in arrays)}"))
        for method, takes, gives in own or [("", "", "")]:
            rows.append((f"{part} {method}".strip(), number, takes, gives))
            number = ""
    return [*rows, ("all", f"{sum(parts.values()):,}", "", "")]


def _list(shapes: Iterable[tuple[int, ...]]) -> str:
    return ", ".join(map(_shown, shapes))


def _shown(shape: tuple[int, ...]) -> str:
    return str(list(shape))
