"""Annealed importance sampling of log p(x), and bidirectional Monte Carlo, which brackets it.

    p_t(z) ~ p(z) p(x | z)^beta_t,   0 = beta_0 < ... < beta_T = 1
    forward    z_0 ~ p(z), and z_t is drawn from z_{t-1} by a transition that leaves p_t as it is
    reverse    z_{T-1} ~ p(z | x), and then the transitions of p_{T-1}, ..., p_1, one after another
    log w = sum_t (beta_t - beta_{t-1}) log p(x | z_{t-1})

A forward chain has E[w] = p(x) (Neal 2001, "Annealed importance sampling"), so the logarithm of a
mean over chains is a lower bound on log p(x) in the mean. A reverse chain has E[1 / w] = 1 / p(x),
so minus the logarithm of a mean of 1 / w is an upper bound in the mean (Grosse, Ghahramani & Adams
2015, "Sandwiching the marginal likelihood using bidirectional Monte Carlo"). It needs a z from
p(z | x) itself, which is at hand where x was drawn from the model: it is the z that x was drawn
from. All reverse chains of an x start there; 1 / w of each is unbiased, and so is their mean. Both
bounds meet as T grows (Wu, Burda, Salakhutdinov & Grosse 2017, "On the quantitative analysis of
decoder-based generative models", whose sigmoidal schedule this is).

Chains start from the prior and not from q(z | x), though that is nearer: an estimate is then
independent of the encoder, and shows what q misses; and it is there without an encoder.

A transition is a trajectory of Hamiltonian Monte Carlo (`probability/hamiltonian.py`). Its step
size must not depend on where its own chain has been: a chain would then leave p_t as it is only
nearly, and E[w] = p(x) would no longer hold. So each chain has a pilot, a shorter chain with noise
of its own, that finds its step size for every temperature; after that they are constants. The
coordinates, the standard deviations of p(z), are from draws of their own, too.

Every chain has keys of its own, so that its weight depends neither on other examples nor on how
many chains there are. The terms of log w are summed in float64 on the host.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vae import terminal
from vae.evaluation.chains import batches
from vae.evaluation.flat_latents import FlatLatents
from vae.models.parts import part
from vae.probability import hamiltonian, loops
from vae.probability.distributions import draw_each, normal_log_prob, sample_keys, split
from vae.probability.likelihoods.base import sum_values
from vae.training.devices import AXIS, divisible, jit, map_shards

Array = jax.Array

LEAPFROGS = 5
FIRST_STEP = 0.1  # in standard deviations of p(z)
LONGEST_STEP = 0.5 * math.pi / LEAPFROGS  # a quarter of a period of p(z)
GAIN = 0.2  # of a pilot: constant, for what it looks for moves with the temperature
PILOT = 10  # a chain has so many times the temperatures of its pilot,
SHORTEST = 50  # which has at least so many
STEEPNESS = 4.0  # of the sigmoid
TURNS = 25  # transitions in one call


class Weights(NamedTuple):
    """The chains of N examples, M each.

    Attributes:
      forward: [N, M] log w in nats, float64.
      reverse: the same of reverse chains; None where there are none.
      acceptance: [N, M] the mean acceptance of the forward trajectories, in [0, 1].
    """

    forward: np.ndarray
    reverse: np.ndarray | None
    acceptance: np.ndarray


def why_not(model: Any, noise: float | None, *, drawn: bool = False) -> str | None:
    """Returns why log p(x) cannot be found by annealing; None if it can.

    Args:
      model: the model.
      noise: the stated standard deviation of x around its mean given z; None for the model's own
        p(x | z).
      drawn: whether x is to be drawn from the model.
    """
    family = model.posterior or model.prior
    if not model.has_joint:
        return "has no density of real latents; 'vae', 'two_layer', 'ladder' and 'gan' have one"
    if family and family.space != "real":
        return "has latents that are not all of R^D, as those of a 'gaussian' posterior are"
    if model.prior and not model.prior.exact:
        return "has a prior whose log p(z) is only estimated; a 'mixture' or 'maf' has it"
    if noise is None and not model.encodes:
        return "has no p(x | z); --noise=0.1 states one, by the deviation of x from what is made"
    if noise is not None and (model.causal or model.event.values.kind == "tokens"):
        return "has no mean of p(x | z) around which x could have noise; leave --noise out"
    if drawn and noise is None and model.likelihood.reads_sum():
        return "has a p(x | z) of counts given their sum, which it does not draw; use --method=ais"
    return None


def schedule(number: int) -> np.ndarray:
    """Returns beta_0, ..., beta_T of T = `number`, float64 of float32 numbers, by a sigmoid."""
    at = 1 / (1 + np.exp(-STEEPNESS * np.linspace(-1, 1, number + 1)))
    return ((at - at[0]) / (at[-1] - at[0])).astype(np.float32).astype(np.float64)


class Annealer(NamedTuple):
    """The compiled chains of a model.

    Attributes:
      simulate: (variables, (y, keys [N])) to examples x [N, *places, C] that are drawn from the
        model, and the latents z [N, D] that they were drawn from.
      anneal: (variables, x, y, z, chains=M, temperatures=T, key=key) to the `Weights` of examples x
        [N, *places, C], with their missing positions marked, and y [N, ...]. With z [N, D] drawn
        from p(z | x) there are reverse chains.
    """

    simulate: Callable[..., tuple[Array, Array]]
    anneal: Callable[..., Weights]


class _Given(NamedTuple):
    """What is known of R chains, each [R, ...]: example and y; the scale of z, and the keys."""

    x: Any
    y: Any
    scale: Any
    keys: Any


class _At(NamedTuple):
    """Where R chains are: z [R, D], and the logarithm of a pilot's step size [R]."""

    z: Any
    log_step: Any


class _Turns(NamedTuple):
    """S transitions: their numbers and beta [S], and the logarithms of their step sizes [S, R]."""

    number: Any
    beta: Any
    log_step: Any


class _Found(NamedTuple):
    """What S transitions left, [S, R]: log p(x | z) before each, log step size and acceptance."""

    log_px: Any
    log_step: Any
    acceptance: Any


def make_annealer(
    model: Any, variables: Any, mesh: Mesh, *, noise: float | None, max_bytes: int
) -> Annealer:
    """Compiles the chains of a model for which `why_not` is None.

    Args:
      model: the model.
      variables: variables of the shapes that will be given.
      mesh: devices over which chains are spread.
      noise: see `why_not`.
      max_bytes: bound on the decoded examples that one device holds at once.
    """
    latents = FlatLatents(model, variables)
    outputs_each = model.likelihood.outputs(model.event.channels)
    each = max(4 * math.prod(model.event.places) * outputs_each, model.sample_bytes)

    def densities(variables: Any, given: _Given, z: Array) -> tuple[Array, Array]:
        """Returns log p(z) and log p(x | z) [R] for z [R, D]."""
        x, mask = model.event.values.known(given.x)
        log_pz, outputs = latents.joint(variables, z, given.y, x)
        if noise is None:
            own = part(variables, "likelihood")
            return log_pz, model.likelihood.log_prob(outputs, x, own, mask)
        log_prob = functools.partial(normal_log_prob, log_std=math.log(noise))
        return log_pz, sum_values(log_prob, x, model.likelihood.mean(outputs), mask=mask)

    @jit
    def simulate(variables: Any, inputs: tuple[Array | None, Array]) -> tuple[Array, Array]:
        y, keys = inputs
        z_keys, x_keys = split(keys)
        z = latents.sample(variables, y, keys=z_keys)
        if noise is None:
            return model.decode(variables, latents.unpacked(z), y, keys=x_keys), z
        mean = model.likelihood.mean(latents.joint(variables, z, y)[1])
        drawn = draw_each(lambda key: jax.random.normal(key, mean.shape[1:]), x_keys)
        return mean + noise * drawn, z

    def start(variables: Any, y: Array | None, keys: Array) -> tuple[Array, Array, Array]:
        """Draws where a pilot starts, [R, D], the scale of z, and where a forward chain starts."""
        pilot_keys, forward_keys = split(keys)
        z, scale = latents.spread(variables, y, keys=pilot_keys)
        return z, scale, latents.sample(variables, y, keys=forward_keys)

    def move(
        variables: Any, given: _Given, at: _At, turns: _Turns, pilot: Array
    ) -> tuple[_At, _Found]:
        """Moves chains by S transitions, by their step sizes or, in a `pilot`, looking for them."""

        def turn(at: _At, turn: _Turns) -> tuple[_At, _Found]:
            def log_density(z: Array) -> Array:
                log_pz, log_px = densities(variables, given, z)
                return log_pz + turn.beta * log_px

            log_px = densities(variables, given, at.z)[1]
            log_step = jnp.where(pilot, at.log_step, turn.log_step)
            z, acceptance = hamiltonian.transition(
                log_density,
                at.z,
                log_step,
                given.scale,
                leapfrogs=LEAPFROGS,
                keys=sample_keys(given.keys, 1, turn.number)[0],
            )
            moved = log_step + GAIN * (acceptance - hamiltonian.TARGET)
            moved = jnp.minimum(moved, math.log(LONGEST_STEP))
            return _At(z, moved), _Found(log_px, log_step, acceptance)

        return loops.scan(turn, at, turns)

    rows, columns = P(AXIS), P(None, AXIS)
    starts = map_shards(start, mesh, in_specs=(P(), rows, rows), out_specs=rows)
    moves = map_shards(
        move,
        mesh,
        in_specs=(P(), rows, rows, _Turns(P(), P(), columns), P()),
        out_specs=(rows, columns),
    )

    def chain(
        variables: Any,
        given: _Given,
        z: Array,
        betas: np.ndarray,
        log_steps: np.ndarray | None,
        progress: terminal.Progress,
    ) -> _Found:
        """Runs chains from z [R, D] through transitions at betas [S].

        Without their log step sizes [S, R] it is a pilot, which looks for them.
        """
        pilot, number = log_steps is None, len(betas)
        at = _At(z, jnp.full(len(z), math.log(FIRST_STEP)))
        together = 1 if loops.unrolls(densities, variables, given, z) else TURNS
        found = []
        for first in range(0, number, together):
            index = np.arange(first, first + together, dtype=np.int32)
            here = np.minimum(index, number - 1)  # transitions beyond the last do not count
            steps = np.zeros((together, len(z))) if log_steps is None else log_steps[here]
            turns = _Turns(index, np.float32(betas[here]), np.float32(steps))
            at, one = moves(variables, given, at, turns, np.bool_(pilot))
            found.append(jax.device_get(one))
            accepted = {"acceptance": float(one.acceptance.mean())}
            progress.at(progress.done + min(together, number - first), accepted)
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:number], *found)

    def anneal(
        variables: Any,
        x: np.ndarray,
        y: np.ndarray | None,
        z: np.ndarray | None = None,
        *,
        chains: int,
        temperatures: int,
        key: Array,
    ) -> Weights:
        betas, number = schedule(temperatures), len(x)
        steps, reverse = np.diff(betas), z is not None
        pilot = schedule(min(temperatures, max(SHORTEST, temperatures // PILOT)))
        held = mesh.shape[AXIS] * max_bytes // (each * chains)
        size = divisible(min(number, max(1, held)), mesh)
        turns = len(pilot) - 1 + temperatures * (1 + reverse)
        parts = []
        with terminal.Progress("annealing", math.ceil(number / size) * turns) as progress:
            for (x_some, z_some), y_some, keys in batches(
                (x, z), y, size=size, chains=chains, key=key
            ):
                start_keys, *chain_keys = split(keys, 4)
                pilot_z, scale, forward_z = starts(variables, y_some, start_keys)
                given = [_Given(x_some, y_some, scale, own) for own in chain_keys]
                found = chain(variables, given[0], pilot_z, pilot[1:], None, progress)
                log_steps = _at_temperatures(found.log_step, temperatures)
                found = chain(variables, given[1], forward_z, betas[1:], log_steps, progress)
                columns = [steps @ np.float64(found.log_px), found.acceptance.mean(0)]
                if reverse:
                    # From beta_T down: a transition of p_t has the step size of the forward one.
                    back = log_steps[np.maximum(np.arange(temperatures - 2, -2, -1), 0)]
                    found = chain(variables, given[2], z_some, betas[-2::-1], back, progress)
                    columns.append(steps[::-1] @ np.float64(found.log_px))
                parts.append([column.reshape(size, chains) for column in columns])
        forward, acceptance, *others = (
            np.concatenate(column)[:number] for column in zip(*parts, strict=True)
        )
        return Weights(forward, others[0] if reverse else None, acceptance)

    return Annealer(simulate, anneal)


def _at_temperatures(pilot: np.ndarray, number: int) -> np.ndarray:
    """Returns a pilot's log step sizes [P, R] at T = `number` temperatures, [T, R]."""
    at = np.arange(1, number + 1) / number * len(pilot) - 1
    lower = np.clip(np.floor(at).astype(int), 0, max(0, len(pilot) - 2))
    upper = np.minimum(lower + 1, len(pilot) - 1)
    share = np.clip(at - lower, 0, 1)[:, None]
    return (1 - share) * pilot[lower] + share * pilot[upper]
