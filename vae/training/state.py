"""The training state: everything that decides how a run continues, and nothing else."""

import functools
from collections.abc import Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from clu import metrics as clu_metrics
from jax.sharding import Mesh
from jax.typing import ArrayLike

from vae.config import get
from vae.config.traced import traced
from vae.probability.objectives import objective_of
from vae.training import devices
from vae.training.optimizers import encoder_first, gradient_transformation

Array = jax.Array

RATES = ("learning_rate", "discriminator_learning_rate")  # of `State.hyper`


class Guard(flax.struct.PyTreeNode):
    """Counts of updates that were not applied.

    Attributes:
      skipped: how many since the start.
      streak: how many of the latest in a row were not finite.
      diverged_at: the step at which a streak first reached the limit; -1 if none has.
      retries: how often the run has gone back to a checkpoint.
    """

    skipped: Array
    streak: Array
    diverged_at: Array
    retries: Array


class State(flax.struct.PyTreeNode):
    """The state after `step` updates; with the config it resumes a run bit for bit.

    Attributes:
      step: [] int32.
      key: random state; the noise of a step is drawn from fold_in(key, step).
      params, statistics: the model's variables.
      ema: averaged params, or None.
      opt_state: the state of optax.
      hyper: name -> [] float32, what a sweep may vary without compiling again.
      guard: counts of skipped updates.
      metrics: running sums since the last log line, here so that the log of a resumed run is the
        same, too.
    """

    step: Array
    key: Array
    params: Any
    statistics: Any
    ema: Any
    opt_state: Any
    hyper: dict[str, Array]
    guard: Guard
    metrics: clu_metrics.Collection


def hyperparameters(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the traced numbers of a config, by their names in `State.hyper`."""
    values = {name: get(config, key) for key, name in traced(config).items()}
    if RATES[1] in values:
        values[RATES[1]] = values[RATES[1]] or values[RATES[0]]
    return values


def initial_state(model: Any, config: ml_collections.ConfigDict) -> State:
    """Returns the state before the first step: a pure function of the config."""
    key, hyper = starting_point(config)
    return new_state(model, config, key, hyper)


def starting_point(config: ml_collections.ConfigDict) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns what `new_state` depends on: the data of the key, and the hyperparameters."""
    with jax.ensure_compile_time_eval():  # concrete numbers, also amid a trace
        key = np.asarray(jax.random.key_data(jax.random.key(config.seed)))
    return key, {k: np.asarray(v, np.float32) for k, v in hyperparameters(config).items()}


def new_state(
    model: Any,
    config: ml_collections.ConfigDict,
    key: ArrayLike,
    hyper: Mapping[str, ArrayLike],
    variables: Any = None,
) -> State:
    """Returns the state before the first step, for a `starting_point`; it may be traced.

    Runs that differ in nothing else then share what is compiled. Parts that the given `variables`
    lack are drawn.
    """
    init_key, noise_key = jax.random.split(jax.random.wrap_key_data(jnp.asarray(key)))
    drawn = model.init(key=init_key)
    variables = {c: parts | (variables or drawn)[c] for c, parts in drawn.items()}
    params = variables["params"]
    names = metric_names(model, objective_of(config.objective).learns)
    zero = jnp.zeros((), jnp.int32)
    return State(
        step=zero,
        key=noise_key,
        params=params,
        statistics=variables["statistics"],
        ema=jax.tree.map(jnp.copy, params) if config.training.ema_decay else None,
        opt_state=transformation_of(model, config).init(params),
        hyper={name: jnp.asarray(value) for name, value in hyper.items()},
        guard=Guard(skipped=zero, streak=zero, diverged_at=zero - 1, retries=zero),
        metrics=train_metrics(names, {}, counted=False),
    )


def transformation_of(model: Any, config: ml_collections.ConfigDict) -> Any:
    """Returns the optimizer of a whole config for a model, an optax transformation."""
    chosen = gradient_transformation(config.optimizer)
    if not config.training.aggressive_steps:
        return chosen
    return encoder_first(chosen, model.inference)


def metric_names(model: Any, learns: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns the names of a model's training metrics.

    They are its losses, and its ELBO if it has one. Where an objective `learns` a part alone,
    nothing is decoded, and there is no ELBO.
    """
    if learns:
        return ("loss", "grad_norm")
    bound = ("elbo", "reconstruction", "kl") if model.encodes else ()
    return ("loss", *bound, *model.loss_names, "grad_norm")


@functools.cache
def _averages(names: tuple[str, ...]) -> type[clu_metrics.Collection]:
    """Returns the collection that averages these metrics over the updates that were applied."""
    averages = {name: clu_metrics.Average.from_output(name) for name in names}
    return clu_metrics.Collection.create(**averages)


def train_metrics(
    names: tuple[str, ...], values: dict[str, Array], *, counted: Array | bool
) -> clu_metrics.Collection:
    """Returns the metrics of one step from scalars; they are empty if it is not `counted`."""
    values = {name: jnp.zeros((1,)) for name in names} | {
        name: jnp.reshape(value, (1,)) for name, value in values.items()
    }
    mask = jnp.reshape(counted, (1,))
    return _averages(names).single_from_model_output(**values, mask=mask)


def state_specs(state: State, mesh: Mesh) -> State:
    """Returns how the arrays of a state lie on the devices if the large ones are spread."""
    large = ("params", "ema", "opt_state")
    return jax.tree.map(lambda _: devices.WHOLE, state).replace(
        **{name: devices.spread(getattr(state, name), mesh) for name in large}
    )


def evaluation_variables(state: State) -> dict[str, Any]:
    """Returns the variables to evaluate: with the averaged weights if there are any."""
    params = state.params if state.ema is None else state.ema
    return {"params": params, "statistics": state.statistics}
