"""One training step: a pure function of one device's shard.

    (state, batch, table) -> (state, report)

    keys  = fold_in(fold_in(key, step), example)        noise belongs to an example
    loss  = mean over the batch of objective(terms(x))
    g     = pmean over devices of its gradient; the parts of q may have a loss of their own
    theta = theta - lr(step) (direction(g) + weight decay theta)     a discriminator has its own lr

An update with a non-finite loss or gradient is counted and not applied. So is one whose gradient is
larger than `optimizer.skip_norm` (Child, "Very deep VAEs", 2021, appendix), but that is no sign of
divergence.

In the first `training.aggressive_steps` steps only every `training.encoder_updates`-th updates the
parts that q is not made of (after He et al., "Lagging inference networks and posterior collapse in
variational autoencoders", 2019). In the paper the encoder is updated until its loss on fresh
batches stops falling, at most 100 times, before each update of the decoder alone, and all this ends
when the mutual information on the validation set stops rising. Here both numbers are given, so that
a step stays a pure function of its number, and the encoder takes part in the update of the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
from clu.metrics import Collection

from vae.config.build import settings_of
from vae.data.prepare import prepare
from vae.probability import schedules
from vae.probability.distributions import example_keys, sample_keys, split
from vae.probability.event import Values
from vae.probability.loops import scan
from vae.probability.objectives import objective_of
from vae.probability.objectives.importance import at_samples, resample
from vae.probability.objectives.objective import reading
from vae.probability.objectives.variational import divergence
from vae.probability.terms import Terms, log_weights
from vae.training.devices import WHOLE, gather, mean, norm
from vae.training.optimizers import decays
from vae.training.state import (
    RATES,
    Guard,
    State,
    metric_names,
    train_metrics,
    transformation_of,
)

Array = jax.Array


class Report(NamedTuple):
    """What the host may read after a step: averages since the last log line, and the guard."""

    metrics: Collection
    guard: Guard
    learning_rate: Array


def objective_settings(
    config: ml_collections.ConfigDict, hyper: dict[str, Array], step: Array
) -> dict[str, Any]:
    """Returns the settings that an objective may read at a step: floats are traced."""
    rise = schedules.rise(config.beta_schedule, step, hyper["beta_warmup_steps"])
    scheduled = {
        "beta": hyper["beta"] * rise,
        "capacity": hyper["capacity"] * schedules.warmup(step, config.capacity_steps),
    }
    return dict(config.items()) | settings_of(config, "name") | hyper | scheduled


def decoder_turn(config: ml_collections.ConfigDict, step: Array) -> Array:
    """Returns whether a step updates the parts that q is not made of; `config` is `training`."""
    return (step >= config.aggressive_steps) | ((step + 1) % config.encoder_updates == 0)


def make_step(
    model: Any,
    config: ml_collections.ConfigDict,
    values: Values,
    *,
    num_examples: int,
    axis: str | None,
    specs: Any = WHOLE,
) -> Callable[[State, Any, Any], tuple[State, Report]]:
    """Builds the step of a config.

    Args:
      model: the model to train.
      config: the whole config; `State.hyper` replaces the values that it has.
      values: what a raw value of the data means.
      num_examples: the size of the training set.
      axis: name of the mapped axis, None without mapping.
      specs: how the parameters lie on the devices, see `devices.spread`.

    Returns:
      `step(state, batch, table)` with batch leaves [S, b, ...], S = `training.steps_per_call` steps
      of this device's b examples, and `table` the data set where it lives on the device, else None.
    """
    objective = objective_of(config.objective)
    transformation = transformation_of(model, config)
    training = config.training
    names = metric_names(model, objective.learns)
    logged = [name for name in names if name != "grad_norm"]
    learns = objective.learns

    def mean_over_devices(tree: Any) -> Any:
        return tree if axis is None else mean(tree, (specs, WHOLE, WHOLE))

    def micro_gradient(state: State, batch: Any, table: Any) -> tuple[Any, dict[str, Array], Any]:
        """Returns the gradient, the outputs and the statistics of one micro-batch."""
        keys = example_keys(jax.random.fold_in(state.key, state.step), batch.index)
        data_keys, noise_keys, own_keys = split(keys, 3)
        examples = prepare(batch, table, values, config.data, keys=data_keys, train=True)
        sampled = sample_keys(noise_keys, config.objective.num_samples)

        learned = {name: state.params[name] for name in learns or state.params}

        def terms_of(learned: Any, keys: Array) -> Terms:
            variables = {"params": state.params | learned, "statistics": state.statistics}
            return model.terms(variables, examples, keys=keys, train=True, axis=axis)

        settings = objective_settings(config.objective, state.hyper, state.step)
        settings |= {"axis": axis, "keys": own_keys, "num_examples": num_examples}
        number = config.objective.backward_samples
        if number:
            terms = terms_of(learned, sampled)
            weights = log_weights(terms)
            chosen = resample(weights, keys=own_keys, number=number)
            sampled = sampled[chosen, jnp.arange(len(keys))]
            _, pull_back = jax.vjp(lambda learned: terms_of(learned, sampled), learned)
        else:
            terms, pull_back = jax.vjp(lambda learned: terms_of(learned, sampled), learned)

        def gradient_of(objective: Callable[..., Array]) -> tuple[Array, Any]:
            loss_of = reading(objective, settings)
            loss, slope = jax.value_and_grad(lambda terms: loss_of(terms).mean(), allow_int=True)(
                terms
            )
            return loss, pull_back(at_samples(slope, chosen, weights) if number else slope)[0]

        loss, grads = gradient_of(objective.loss)
        if objective.inference_loss is not None:
            _, own = gradient_of(objective.inference_loss)
            grads = {
                name: own[name] if name in model.inference else grad for name, grad in grads.items()
            }
        reconstruction, kl = terms.log_px.mean(), divergence(terms).sum(0).mean()
        known = {"elbo": reconstruction - kl, "reconstruction": reconstruction, "kl": kl}
        known |= {"loss": loss} | {name: value.mean() for name, value in terms.losses.items()}
        if learns:
            grads = jax.tree.map(jnp.zeros_like, state.params) | grads
        return grads, {name: known[name] for name in logged}, terms.statistics

    def gradient(state: State, batch: Any, table: Any) -> tuple[Any, dict[str, Array], Any]:
        def add(sums: Any, micro_batch: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, sums, micro_gradient(state, micro_batch, table)), None

        parts = training.accumulate
        micro_batches = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), batch)
        nothing = (state.params, dict.fromkeys(logged, 0.0), state.statistics)
        nothing = jax.tree.map(jnp.zeros_like, nothing)
        sums, _ = scan(add, nothing, micro_batches)
        return jax.tree.map(lambda x: x / parts, sums)

    def update(
        state: State, grads: Any, grad_norm: Array, statistics: Any, rates: dict[str, Array]
    ) -> State:
        more, share = {"norm": grad_norm}, dict.fromkeys(learns or state.params, 1.0)
        if training.aggressive_steps:
            more["turn"] = turn = decoder_turn(training, state.step)
            share |= {part: 1.0 * turn for part in share if part not in model.inference}
        directions, opt_state = transformation.update(grads, state.opt_state, state.params, **more)
        if decays(config.optimizer):
            decay = state.hyper["weight_decay"]
            directions = jax.tree.map(lambda d, p: d + decay * p, directions, state.params)

        def moved(part: str) -> Any:
            rate = share[part] * rates[RATES[part == "discriminator"]]
            return jax.tree.map(lambda p, d: p - rate * d, state.params[part], directions[part])

        def averaged(rate: Array, ema: Any, params: Any) -> Any:
            return jax.tree.map(lambda e, p: rate * e + (1 - rate) * p, ema, params)

        params = state.params | {part: moved(part) for part in share}
        # What is not learned stays as it is, to the bit: means over devices are rounded.
        statistics = state.statistics | {part: statistics[part] for part in learns or statistics}
        ema = state.ema
        if ema is not None:
            # The average is short at first, so that it forgets the initial weights.
            rate = jnp.minimum(training.ema_decay, (1 + state.step) / (10 + state.step))
            ema = ema | {part: averaged(rate, ema[part], params[part]) for part in share}
        return state.replace(params=params, statistics=statistics, ema=ema, opt_state=opt_state)

    def one_step(state: State, batch: Any, table: Any) -> tuple[State, Array]:
        complete = state.replace(params=gather(state.params, specs))
        grads, outputs, statistics = mean_over_devices(gradient(complete, batch, table))
        grad_norm = norm(grads, specs)
        finite = jnp.isfinite(outputs["loss"]) & jnp.isfinite(grad_norm)
        applied = finite & (grad_norm <= (config.optimizer.skip_norm or jnp.inf))
        rates = {
            name: state.hyper[name]
            * schedules.warmup(state.step, state.hyper["warmup_steps"])
            * schedules.decay(config.optimizer.schedule, state.step, training.steps)
            for name in RATES
            if name in state.hyper
        }
        # A branch: choosing value by value would read and write the whole state once more.
        state = jax.lax.cond(
            applied,
            lambda state: update(state, grads, grad_norm, statistics, rates),
            lambda state: state,
            state,
        )

        streak = jnp.where(finite, 0, state.guard.streak + 1)
        diverged = (streak >= training.max_nonfinite) & (state.guard.diverged_at < 0)
        guard = state.guard.replace(
            skipped=state.guard.skipped + jnp.where(applied, 0, 1),
            streak=streak,
            diverged_at=jnp.where(diverged, state.step, state.guard.diverged_at),
        )
        window_starts = state.step % config.log.every_steps == 0
        metrics = jax.tree.map(
            lambda zero, total: jnp.where(window_starts, zero, total),
            train_metrics(names, {}, counted=False),
            state.metrics,
        ).merge(train_metrics(names, {**outputs, "grad_norm": grad_norm}, counted=applied))
        return state.replace(step=state.step + 1, guard=guard, metrics=metrics), rates[RATES[0]]

    def step(state: State, batch: Any, table: Any) -> tuple[State, Report]:
        state, rates = scan(lambda state, batch: one_step(state, batch, table), state, batch)
        return state, Report(state.metrics, state.guard, rates[-1])

    return step
