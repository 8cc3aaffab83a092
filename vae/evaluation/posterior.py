"""Samples of p(z | observed) ~ p(z) p(observed | z), where only part of an example is known.

Every chain goes from the prior to the posterior by degrees, in sweeps of Hamiltonian Monte Carlo
(`probability/hamiltonian.py`), each a trajectory of leapfrog steps:

    1. z ~ p(z)
    2. a quarter of the sweeps, each for p(z) p(observed | z)^beta, where beta grows from 1e-4 to 1
       in equal ratios (annealing: Neal 2001, "Annealed importance sampling", without its weights)
    3. a quarter at beta = 1, and then half of the sweeps, which are kept

The chains start far apart and independently, so what still differs between them at the end shows
that they have not mixed: see `convergence.py`.

A sharp p(x | z) leaves some directions of z a hundredth of the room that it leaves others, so
chains move in coordinates where all have about as much. The precision of z is about

    Lambda = diag(1 / Var p(z)) + beta J' diag(1 / v) J

with the Jacobian J of the mean of what is observed, given z, and its variances v. For a Gaussian
likelihood this is the Gauss-Newton matrix, for others about the Fisher information (Girolami &
Calderhead 2011, "Riemann manifold Langevin and Hamiltonian Monte Carlo methods", who use it at
every step). J is found by finite differences, anew every few sweeps in the first half; after that
neither the coordinates nor the step sizes change. With more than `DENSE` latents only the diagonal
is found.

Every chain has its own key, coordinates and step size, so a sample depends neither on other
examples nor on how many chains there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vae import terminal
from vae.evaluation.chains import batches
from vae.evaluation.convergence import bulk_ess, some_values, split_rhat
from vae.evaluation.flat_latents import FlatLatents
from vae.models.parts import part
from vae.probability import hamiltonian
from vae.probability.distributions import (
    einsum,
    sample_keys,
    split,
    standard_normal,
)
from vae.probability.hamiltonian import Point
from vae.training.devices import jit

Array = jax.Array

SWEEPS = 200
LEAPFROGS = 6
FIRST_BETA = 1e-4
FIRST_STEP = 0.2  # in the coordinates, in standard deviations of z
LONGEST_STEP = 0.35  # a trajectory is then a third of a period: longer ones would lead back
RENEWED = 5  # sweeps between new coordinates while beta grows
RENEWED_LATER = 10  # the same at beta = 1
DENSE = 256  # latents up to which every direction has a scale; beyond, every dimension
PROBES = 32  # draws for the estimate of a diagonal
DIFFERENCE = 0.1  # step of the finite differences, in standard deviations of p(z)
SMALLEST = 1e-4  # least standard deviation of what is observed
CHAINS = 32  # at once
BYTES = 2**28  # of their Jacobians


class Posterior(NamedTuple):
    """M samples for each of N examples, as numpy arrays: the results of chains.

    Where they are found along the path of a prior (`guided.py`), they are no chains: S is 1, the
    mean is theirs, and what tells how chains have mixed is None.

    Attributes:
      mean: [N, *places, C] E[x | observed], over the chains and the second half of their sweeps.
      samples: [N, M, *places, C] E[x | observed, z] for the last z of each chain.
      z: [S, N, M, D] the second half of each chain; the latents of several groups side by side.
      acceptance: [N, M] acceptance of these trajectories, in [0, 1].
      rhat: [N] the largest R-hat of an unknown value of E[x | observed, z] over these sweeps; NaN
        if there are fewer than 4.
      ess: [N] the smallest bulk-ESS of such a value, from S M draws; NaN likewise.
    """

    mean: np.ndarray
    samples: np.ndarray
    z: np.ndarray
    acceptance: np.ndarray | None = None
    rhat: np.ndarray | None = None
    ess: np.ndarray | None = None


def why_not(model: Any) -> str | None:
    """Returns why `make_sampler` cannot sample a model; None if it can."""
    if not (model.has_joint and model.encodes):
        return "has no density of its latents; 'vae', 'two_layer' and 'ladder' have one"
    if model.causal:
        return "has a decoder that reads x, which is known in part only; 'conv' reads z alone"
    if model.posterior and model.posterior.space != "real":
        return "has latents that are not vectors of real numbers, which a 'gaussian' posterior has"
    if not model.is_density:
        return "has a q(z | x) without a density; a 'gaussian' posterior has one"
    if model.prior and not (model.prior.exact or (model.prior.path and model.posterior)):
        return "has a prior whose log p(z) is only estimated; a 'mixture' or 'maf' has it"
    return None


def make_sampler(model: Any, variables: Any) -> Callable[..., Posterior]:
    """Compiles the sampler of a model for which `why_not` is None.

    Args:
      model: the model.
      variables: variables of the shapes that will be given to the sampler.

    Returns:
      `sample(variables, observation, y, chains=M, sweeps=T, key=key)` for an observation
      (`probability/observations.py`) of N examples and their y [N, ...], as a model is given it; T
      is the number of sweeps of each chain, `SWEEPS` where None.
    """
    latents = FlatLatents(model, variables)
    dim, spread = latents.size, jit(latents.spread)

    def decoded(variables: Any, y: Array | None, z: Array) -> tuple[Array, Any]:
        """Returns log p(z) [N] for z [N, D], and the arguments of a likelihood."""
        log_pz, outputs = latents.joint(variables, z, y)
        return log_pz, (model.likelihood, outputs, part(variables, "likelihood"))

    def density(variables: Any, observation: Any, y: Array | None, beta: Array) -> Callable:
        """Returns log p(z) p(observed | z)^beta [N] as a function of z [N, D]."""

        def log_density(z: Array) -> Array:
            log_pz, given = decoded(variables, y, z)
            return log_pz + beta * observation.log_prob(*given)

        return log_density

    def moments(variables: Any, observation: Any, y: Array | None, z: Array) -> Any:
        """Returns the mean and standard deviation [N, n] of what is observed, given z."""
        mean, variance = observation.moments(*decoded(variables, y, z)[1])
        mean, variance = jnp.broadcast_arrays(mean, jnp.maximum(variance, SMALLEST**2))
        return mean.reshape(len(z), -1), jnp.sqrt(variance).reshape(len(z), -1)

    @jit
    def column(
        variables: Any, observation: Any, y: Array | None, base: Any, z: Array, at: Array, by: Array
    ) -> Array:
        """Returns the column [N, n] of diag(1 / sqrt v) J diag(by) for dimension `at`."""
        away = z.at[:, at].add(DIFFERENCE * by[:, at])
        mean, deviation = base
        return (moments(variables, observation, y, away)[0] - mean) / (DIFFERENCE * deviation)

    @jit
    def probe(
        variables: Any, observation: Any, y: Array | None, z: Array, keys: Array, at: Array
    ) -> Array:
        """Draws [N, D] whose square is the diagonal of J' diag(1 / v) J on average."""
        deviation = moments(variables, observation, y, z)[1]
        _, pull = jax.vjp(lambda z: moments(variables, observation, y, z)[0] / deviation, z)
        return pull(standard_normal(sample_keys(keys, 1, at)[0], deviation.shape[-1]))[0]

    @jit
    def whole(columns: list[Array]) -> Array:
        jacobian = jnp.stack(columns, axis=1)
        return jnp.nan_to_num(einsum("nik,njk->nij", jacobian, jacobian))

    def information(given: tuple, z: Array, deviation: Array, keys: Array, sweep: int) -> Array:
        """Returns J' diag(1 / v) J, scaled by the prior's deviations: [N, D, D] or its diagonal."""
        if dim <= DENSE:
            base = base_of(*given, z)
            return whole([column(*given, base, z, np.int32(i), deviation) for i in range(dim)])
        first = sweep * PROBES
        squares = [
            (probe(*given, z, keys, np.int32(first + i)) * deviation) ** 2 for i in range(PROBES)
        ]
        return jnp.nan_to_num(jnp.asarray(sum(squares)) / PROBES)

    @jit
    def scale(information: Array, deviation: Array, beta: Array) -> Array:
        """Returns S with S S' = Lambda^-1, as `hamiltonian.leapfrog` takes it."""
        if information.ndim == 2:
            return deviation / jnp.sqrt(1 + beta * information)
        precision = jnp.eye(dim) + beta * information
        identity = jnp.broadcast_to(jnp.eye(dim), precision.shape)
        inverse = jax.lax.linalg.triangular_solve(
            jnp.linalg.cholesky(precision), identity, left_side=True, lower=True
        )
        diagonal = jnp.eye(dim) / jnp.sqrt(jnp.diagonal(precision, axis1=-2, axis2=-1))[:, None]
        sound = jnp.isfinite(inverse).all((-2, -1), keepdims=True)
        return deviation[:, :, None] * jnp.where(sound, inverse.mT, diagonal)

    @jit
    def point_at(variables: Any, observation: Any, y: Array | None, beta: Any, z: Array) -> Point:
        return hamiltonian.point_at(density(variables, observation, y, beta), z)

    @jit
    def kick(log_step: Array, keys: Array, sweep: Array) -> tuple[Array, Array]:
        """Draws the momentum [N, D] and the step sizes [N] of a trajectory."""
        keys = split(sample_keys(keys, 1, sweep)[0], 3)[:2]
        return hamiltonian.kick(log_step, dim, keys=keys)

    @jit
    def leapfrog(
        variables: Any,
        observation: Any,
        y: Array | None,
        beta: Array,
        point: Point,
        momentum: Array,
        step: Array,
        scale: Array,
    ) -> tuple[Point, Array]:
        log_density = density(variables, observation, y, beta)
        return hamiltonian.leapfrog(log_density, point, momentum, step, scale)

    @jit
    def accept(
        old: tuple[Point, Array], new: tuple[Point, Array], keys: Array, sweep: Array
    ) -> tuple[Point, Array]:
        keys = split(sample_keys(keys, 1, sweep)[0], 3)[2]
        return hamiltonian.accept(*old, *new, keys=keys)

    @jit
    def adapt(log_step: Array, probability: Array, since: Array) -> Array:
        log_step = hamiltonian.adapted(log_step, probability, since)
        return jnp.minimum(log_step, math.log(LONGEST_STEP))

    base_of = jit(moments)
    expected = jit(
        lambda variables, observation, y, z: observation.expected(*decoded(variables, y, z)[1])
    )

    @jit
    def tally(sums: tuple, new: tuple[Array, Array], shown: Array, share: float) -> tuple:
        """Adds a share of (x, the acceptance) to their sums; also returns x where it is shown."""
        trace = jnp.take_along_axis(jnp.reshape(new[0], (len(shown), -1)), shown, axis=1)
        return jax.tree.map(lambda total, each: total + share * each, sums, new), trace

    def sample_some(
        variables: Any, observation: Any, y: Array | None, sweeps: int, keys: Array, tell: Any
    ) -> tuple[Any, ...]:
        """Runs a chain for each of N: mean, last x, z [S, N, D], acceptance, traces of x."""
        given = variables, observation, y
        start_keys, probe_keys, keys = split(keys, 3)
        z, deviation = spread(variables, y, keys=start_keys)
        betas, burn_in = schedule(sweeps)
        shown = some_values(observation.unknown, model.event.channels)
        log_step, since = jnp.full(len(z), math.log(FIRST_STEP)), 0
        sums: Any = None
        kept, traces = [], []
        for sweep, beta in enumerate(betas):
            renewed = RENEWED if beta < 1 else RENEWED_LATER
            if sweep == 0 or (sweep <= burn_in and (since == renewed or sweep == burn_in)):
                known, since = information(given, z, deviation, probe_keys, sweep), 0
            if sweep == 0 or since == 0 or beta < 1 or betas[sweep - 1] < 1:
                coordinates = scale(known, deviation, beta)
                point = point_at(*given, beta, z)
            momentum, step = kick(log_step, keys, np.int32(sweep))
            end = point, momentum
            for _ in range(LEAPFROGS):
                end = leapfrog(*given, beta, *end, step, coordinates)
            point, probability = accept((point, momentum), end, keys, np.int32(sweep))
            z = point.z
            if sweep < burn_in:
                log_step, since = adapt(log_step, probability, np.int32(since)), since + 1
            else:
                x = expected(*given, z)
                new = x, probability
                sums = sums or tuple(np.zeros(each.shape, each.dtype) for each in new)
                sums, trace = tally(sums, new, shown, 1 / (sweeps - burn_in))
                kept.append(z)
                traces.append(trace)
            tell(sweep, probability)
        (mean, acceptance), x, z, traces = jax.device_get((sums, x, kept, traces))
        return mean, x, np.stack(z), acceptance, np.stack(traces)

    def sample(
        variables: Any,
        observation: Any,
        y: np.ndarray | None,
        *,
        chains: int,
        sweeps: int | None,
        key: Array,
    ) -> Posterior:
        sweeps = SWEEPS if sweeps is None else sweeps
        number = len(jax.tree.leaves(observation)[0])
        jacobian = 4 * min(dim, DENSE) * model.event.size
        size = min(number, max(1, min(CHAINS, BYTES // jacobian) // chains))
        parts = []
        with terminal.Progress("sampling", math.ceil(number / size) * sweeps, "sweeps") as progress:
            for i, (observed, known, part_keys) in enumerate(
                batches(observation, y, size=size, chains=chains, key=key)
            ):

                def told(sweep: int, probability: Array, i: int = i) -> None:
                    if sweep % 5 == 4 or sweep == sweeps - 1:
                        accepted = {"acceptance": float(probability.mean())}
                        progress.at(i * sweeps + sweep + 1, accepted)

                drawn = sample_some(variables, observed, known, sweeps, part_keys, told)
                mean, last, z, acceptance, traces = (
                    np.reshape(a, (*a.shape[:axis], size, chains, *a.shape[axis + 1 :]))
                    for a, axis in zip(drawn, (0, 0, 1, 0, 1), strict=True)
                )
                enough, traces = len(traces) > 3, traces.swapaxes(1, 2)  # [S, M, N, P]
                rhat = split_rhat(traces).max(-1) if enough else np.full(size, np.nan)
                ess = bulk_ess(traces).min(-1) if enough else np.full(size, np.nan)
                parts.append((mean.mean(1), last, z.swapaxes(0, 1), acceptance, rhat, ess))
        mean, samples, z, *rest = (
            np.concatenate(column)[:number] for column in zip(*parts, strict=True)
        )
        return Posterior(mean, samples, z.swapaxes(0, 1), *rest)

    return sample


def schedule(sweeps: int) -> tuple[np.ndarray, int]:
    """Returns the beta of every sweep, and the first sweep that is kept."""
    burn_in = sweeps // 2
    annealed = burn_in // 2
    betas = np.ones(sweeps, np.float32)
    betas[:annealed] = np.geomspace(FIRST_BETA, 1, annealed, endpoint=False)
    return betas, burn_in
