"""Samples of p(z | observed) ~ p(z) p(observed | z), where only part of an image is known.

Every chain starts from importance-weighted proposals, and goes on by Hamiltonian Monte Carlo:

    1. x' = E[x | observed, z] on average over z ~ p(z): a first filling
    2. z_1, ..., z_K ~ q(z | x');  w_k = p(z_k) p(observed | z_k) / q(z_k | x');  z = z_k with
       probability w_k / sum w;  x' = E[x | observed, z];  and again, for some rounds
    3. trajectories of leapfrog steps from z, the first half of which adapt the step size

(2 with one sample and without weights is the pseudo-Gibbs sampling of Rezende et al. 2014, app. F;
with weights it targets the right density: Mattei & Frellsen 2018, "Leveraging the exact likelihood
of deep latent variable models", section 3.) Steps are in proportion to the deviation of the
proposals, dimension by dimension. Every chain has its own key, proposals and step size, so a
sample depends neither on other examples nor on how many chains there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vae.models.parts import part
from vae.probability import hamiltonian
from vae.probability.distributions import example_keys, sample_keys, split, standard_normal
from vae.probability.hamiltonian import Point
from vae.probability.terms import Batch
from vae.training.devices import jit

Array = jax.Array
Report = Callable[[int, int, float], None]

PROPOSALS = 16  # K
ROUNDS = 5
LEAPFROGS = 10
FIRST_STEP = 0.3  # in deviations of the proposals
SMALLEST = 1e-4  # of such a deviation: proposals may all be one
DECODED = 512  # images decoded at once


class Posterior(NamedTuple):
    """What the chains of N examples say, M chains each, as numpy arrays.

    Attributes:
      mean: [N, H, W, C] E[x | observed], over the chains and the second half of their turns.
      fillings: [N, M, H, W, C] E[x | observed, z] for the last z of each chain.
      z: [S, N, M, D] the second half of each chain; the latents of several groups side by side.
      acceptance: [N, M] of these trajectories, in [0, 1].
      ess: [N, M] effective number of proposals a chain began with, (sum w)^2 / sum w^2, of K.
    """

    mean: np.ndarray
    fillings: np.ndarray
    z: np.ndarray
    acceptance: np.ndarray
    ess: np.ndarray


def why_not(model: Any) -> str | None:
    """What it is about a model that `make_sampler` cannot deal with; None where it can."""
    posterior = getattr(model, "posterior", None)
    if not hasattr(model, "joint"):
        return "has no density of its latents; 'vae', 'two_layer' and 'ladder' have one"
    if getattr(posterior, "space", "real") != "real":
        return "has latents that are not vectors of real numbers, which a 'gaussian' posterior has"
    if not getattr(posterior, "is_density", True):
        return "has a q(z | x) without a density; a 'gaussian' posterior has one"
    return None


def make_sampler(model: Any, variables: Any) -> Callable[..., Posterior]:
    """Compiles the sampler of a model for which `why_not` is None.

    Args:
      model: the model.
      variables: as many and as large as will be given to it.

    Returns:
      `sample(variables, observation, y, chains=M, turns=T, key=key, report=None)` of an observation
      (`probability/observations.py`) of N examples and their y [N, ...], as a model is given it;
      T trajectories of each chain. `report(turn, of how many, acceptance)` is called now and then.
    """
    ends, structure = _groups(model, variables)

    def flat(z: Any) -> Array:
        """Latents of one or several groups [..., D_g] as [..., D]."""
        return jnp.concatenate(jax.tree.leaves(z), axis=-1)

    def density(variables: Any, observation: Any, y: Array | None, z: Array) -> Any:
        """log p(z, observed) [..., N] and E[x | observed, z], for z [..., N, D]."""
        *leading, number, _ = z.shape
        groups = jnp.split(z.reshape(-1, z.shape[-1]), ends[:-1], axis=-1)
        groups = jax.tree.unflatten(structure, groups)
        log_pz, outputs = model.joint(variables, groups, _repeated(y, math.prod(leading)))
        outputs = outputs.reshape(*leading, number, *outputs.shape[1:])
        given = model.likelihood, outputs, part(variables, "likelihood")
        log_prob = log_pz.reshape(*leading, number) + observation.log_prob(*given)
        return log_prob, observation.expected(*given)

    def first_filling(variables: Any, observation: Any, y: Array | None, keys: Array) -> Array:
        keys = sample_keys(keys, PROPOSALS)
        z = flat(model.sample(variables, _repeated(y, PROPOSALS), keys=keys.reshape(-1)))
        z = z.reshape(*keys.shape, -1)
        return density(variables, observation, y, z)[1].mean(0)

    def propose(
        variables: Any, observation: Any, y: Array | None, x: Array, keys: Array, turn: Array
    ) -> tuple[Array, Array, Array, Array]:
        """One z [N, D] of K proposals, its filling, the deviations [N, D], and the ESS [N]."""
        draw_keys, choice_keys = split(sample_keys(keys, 1, turn)[0])
        terms = model.terms(variables, Batch(x, y), keys=sample_keys(draw_keys, PROPOSALS))
        z = flat(terms.z)
        log_prob, fillings = density(variables, observation, y, z)
        log_weights = log_prob - terms.log_qz
        chosen = jax.vmap(jax.random.categorical, in_axes=(0, 1))(choice_keys, log_weights)
        weights = jax.nn.softmax(log_weights, axis=0)
        deviation = jnp.maximum(z.std(0), SMALLEST)
        each = jnp.arange(len(x))
        return z[chosen, each], fillings[chosen, each], deviation, 1 / (weights**2).sum(0)

    def start(variables: Any, observation: Any, y: Array | None, z: Array) -> Point:
        return hamiltonian.point_at(lambda z: density(variables, observation, y, z)[0], z)

    def kick(deviation: Array, log_step: Array, keys: Array, turn: Array) -> tuple[Array, Array]:
        """The momentum and the steps [N, D] of a trajectory."""
        momentum_keys, step_keys = split(sample_keys(keys, 1, turn)[0], 3)[:2]
        # Lengths vary, lest a trajectory be just one period of some dimension.
        vary = jax.vmap(lambda key: jax.random.uniform(key, minval=0.8, maxval=1.2))(step_keys)
        step = deviation * (jnp.exp(log_step) * vary)[:, None]
        return standard_normal(momentum_keys, deviation.shape[-1]), step

    def leapfrog(
        variables: Any, observation: Any, y: Array | None, point: Point, momentum: Array, step: Any
    ) -> tuple[Point, Array]:
        def log_density(z: Array) -> Array:
            return density(variables, observation, y, z)[0]

        return hamiltonian.leapfrog(log_density, point, momentum, step)

    def accept(
        old: tuple[Point, Array],
        new: tuple[Point, Array],
        log_step: Array,
        keys: Array,
        turn: Array,
        burn_in: Array,
    ) -> tuple[Point, Array, Array]:
        keys = split(sample_keys(keys, 1, turn)[0], 3)[2]
        point, probability = hamiltonian.accept(*old, *new, keys=keys)
        adapted = hamiltonian.adapted(log_step, probability, turn)
        return point, jnp.where(turn < burn_in, adapted, log_step), probability

    first_filling, propose, start, kick, leapfrog, accept = map(
        jit, (first_filling, propose, start, kick, leapfrog, accept)
    )
    filling = jit(lambda *given: density(*given)[1])

    def sample_some(
        variables: Any, observation: Any, y: Array | None, turns: int, keys: Array, report: Any
    ) -> tuple[Array, ...]:
        """Chains [N] of as many examples: mean, last filling, z [S, N, D], acceptance, ESS."""
        given = variables, observation, y
        first_keys, proposal_keys, keys = split(keys, 3)
        x = first_filling(*given, first_keys)
        for i in range(ROUNDS):
            z, x, deviation, ess = propose(*given, x, proposal_keys, np.int32(i))
        point, burn_in = start(*given, z), turns // 2
        log_step = jnp.full(len(z), math.log(FIRST_STEP))
        mean, kept, acceptance = jnp.zeros_like(x), [], jnp.zeros(len(z))
        for turn in range(turns):
            momentum, step = kick(deviation, log_step, keys, np.int32(turn))
            end = point, momentum
            for _ in range(LEAPFROGS):
                end = leapfrog(*given, *end, step)
            point, log_step, probability = accept(
                (point, momentum), end, log_step, keys, np.int32(turn), np.int32(burn_in)
            )
            if turn >= burn_in:
                x = filling(*given, point.z)
                share = 1 / (turns - burn_in)
                mean, acceptance = mean + share * x, acceptance + share * probability
                kept.append(point.z)
            report(turn, probability)
        return mean, x, jnp.stack(kept), acceptance, ess

    def sample(
        variables: Any,
        observation: Any,
        y: np.ndarray | None,
        *,
        chains: int,
        turns: int,
        key: Array,
        report: Report | None = None,
    ) -> Posterior:
        number = len(jax.tree.leaves(observation)[0])
        size = min(number, max(1, DECODED // (PROPOSALS * chains)))
        batches, parts = math.ceil(number / size), []
        keys = sample_keys(example_keys(key, np.arange(number)), chains).T  # [N, M]
        for i in range(batches):
            # The last batch is filled up with its last example, so that shapes stay the same.
            rows = np.minimum(np.arange(i * size, (i + 1) * size), number - 1)
            each = rows.repeat(chains)
            part_keys = keys[rows].reshape(-1)
            observed, known = jax.tree.map(lambda leaf, each=each: leaf[each], (observation, y))

            def told(turn: int, probability: Array, i: int = i) -> None:
                if report and (turn % 5 == 4 or turn == turns - 1):
                    report(i * turns + turn + 1, batches * turns, float(probability.mean()))

            drawn = sample_some(variables, observed, known, turns, part_keys, told)
            parts.append(jax.device_get(drawn))
        mean, last, z, acceptance, ess = (
            [np.reshape(a, (*a.shape[:axis], size, chains, *a.shape[axis + 1 :])) for a in column]
            for column, axis in zip(zip(*parts, strict=True), (0, 0, 1, 0, 0), strict=True)
        )
        return Posterior(
            mean=np.concatenate(mean)[:number].mean(1),
            fillings=np.concatenate(last)[:number],
            z=np.concatenate(z, axis=1)[:, :number],
            acceptance=np.concatenate(acceptance)[:number],
            ess=np.concatenate(ess)[:number],
        )

    return sample


def _groups(model: Any, variables: Any) -> tuple[np.ndarray, Any]:
    """Where the groups of z end when they lie side by side, and the tree that they are."""

    def sample(variables: Any) -> Any:
        y = model.condition.unknown(1) if model.condition else None
        return model.sample(variables, y, keys=jax.random.split(jax.random.key(0), 1))

    leaves, structure = jax.tree.flatten(jax.eval_shape(sample, variables))
    return np.cumsum([leaf.shape[-1] for leaf in leaves]), structure


def _repeated(y: Array | None, times: int) -> Array | None:
    """y [N, ...] one after the other as often, [times N, ...]."""
    return None if y is None else jnp.tile(y, (times, *[1] * (y.ndim - 1)))
