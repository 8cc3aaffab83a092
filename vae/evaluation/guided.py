"""Samples of p(z | observed) where p(z) is the end of a path from noise (`probability/paths.py`).

Given x_t, a latent u has some distribution whose mean E[u | x_t] a network knows. With an
observation y beside it, the path that leads from noise to p(u | y) is followed in the same way, by
E[u | x_t, y] in place of E[u | x_t] (for y and x_t are independent given u). Here, at each step,

    1. u = E[u | x_t], and u given x_t is taken as N(u, r^2 I), r^2 = sigma^2 / (alpha^2 + sigma^2),
       which is exact where p(u) = N(0, I)
    2. u_y maximises log N(u_y; u, r^2 I) + log N(y; m(u_y), v), where m and v are the mean and
       variance of what is observed. The decoder is linear around the last step's u_y: one
       Gauss-Newton step, whose equations conjugate gradients solve without a matrix.
    3. x_s = alpha_s u_y + sigma_s (sqrt(1 - c^2) e + c n) at the next time s, with the noise
       e = (x_t - alpha_t u_y) / sigma_t that is left, new noise n, and c^2 = 1 - (alpha_t sigma_s
       / alpha_s sigma_t)^2, the ancestral sampling of diffusion; steps shorten towards the data

This is the guidance of Song et al., "Pseudoinverse-guided diffusion models for inverse problems"
(2023), by the proximal step of Zhu et al., "Denoising diffusion models for plug-and-play image
restoration" (2023), in latent space (Rout et al., "Solving linear inverse problems provably via
posterior sampling with latent diffusion models", 2023). New noise takes back errors of earlier
steps. For a linear decoder and p(u) = N(0, I) samples are exact, but for the length of the steps
(with 50 their standard deviation is 6% too small); else no figure says how far they are off.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae import terminal
from vae.evaluation.chains import batches
from vae.evaluation.posterior import Posterior
from vae.models.parts import part
from vae.networks import strided
from vae.probability.distributions import sample_keys, standard_normal
from vae.training.devices import jit

Array = jax.Array

STEPS = 50
SOLVED = 10  # iterations of conjugate gradients at each step
AT_ONCE = 32  # samples
SMALLEST = 1e-8  # of a denominator


def make_guided(model: Any) -> Callable[..., Posterior]:
    """Compiles the sampler of a model whose prior has a path; the results are as of `make_sampler`.

    Returns:
      `sample(variables, observation, y, chains=M, sweeps=T, key=key)`, T the number of steps.
    """

    def decoded(variables: Any, y: Array | None, u: Array) -> tuple[Any, Array, Any]:
        """Returns the arguments of an observation's functions, for standardised latents u."""
        p = model.latents(variables, y)
        outputs = model.outputs(variables, p.mean + p.std * u, y)
        return model.likelihood, outputs, part(variables, "likelihood")

    @jit
    def denoised(variables: Any, y: Array | None, x: Array, t: Array) -> Array:
        return model.latents(variables, y).denoised(x, t)

    def observed(variables: Any, observation: Any, y: Array | None, u: Array) -> Array:
        """Returns the mean of what is observed, [B, n]."""
        mean, _ = observation.moments(*decoded(variables, y, u))
        return mean.reshape(len(u), -1)

    @jit
    def missed(variables: Any, observation: Any, y: Array | None, u: Array) -> tuple[Array, Array]:
        """Returns what is seen minus its mean, and 1 / sqrt v, [B, n]; 0 where nothing is."""
        mean, variance = observation.moments(*decoded(variables, y, u))
        mean, variance = jnp.broadcast_arrays(mean, variance)
        there = jnp.isfinite(variance)
        error = jnp.where(there, jnp.asarray(observation.seen) - mean, 0.0)
        weight = jnp.where(there, jax.lax.rsqrt(jnp.maximum(variance, SMALLEST)), 0.0)
        return error.reshape(len(u), -1), weight.reshape(len(u), -1)

    @jit
    def pulled(
        variables: Any, observation: Any, y: Array | None, at: Array, given: Array, weight: Array
    ) -> Array:
        """Returns J' W^2 e for e [B, n]."""
        _, pull = jax.vjp(lambda u: observed(variables, observation, y, u), at)
        return pull(weight**2 * given)[0]

    @jit
    def solved(
        variables: Any,
        observation: Any,
        y: Array | None,
        at: Array,
        weight: Array,
        precision: Array,
        state: tuple[Array, Array, Array],
    ) -> tuple[Array, Array, Array]:
        """Returns the next solution, residual and direction [B, D], of (I / r^2 + J'W^2 J) d."""
        solution, residual, direction = state
        with strided.plain():
            _, push = jax.linearize(lambda u: observed(variables, observation, y, u), at)
            (back,) = jax.linear_transpose(push, at)(weight**2 * push(direction))
        along = precision * direction + back

        def dot(a: Array, b: Array) -> Array:
            return (a * b).sum(-1, keepdims=True)

        before = dot(residual, residual)
        step = before / jnp.maximum(dot(direction, along), SMALLEST)
        left = residual - step * along
        share = dot(left, left) / jnp.maximum(before, SMALLEST)
        return solution + step * direction, left, left + share * direction

    @jit
    def advance(
        variables: Any, y: Array | None, x: Array, u: Array, t: Array, s: Array, noise: Array
    ) -> Array:
        path = model.prior.path
        alpha, sigma = path.at(t)[:2]
        new_alpha, new_sigma = path.at(s)[:2]
        left = (x - alpha * u) / sigma
        kept = alpha * new_sigma / (new_alpha * sigma)
        return new_alpha * u + new_sigma * (kept * left + jnp.sqrt(1 - kept**2) * noise)

    @jit
    def shown(variables: Any, observation: Any, y: Array | None, u: Array) -> tuple[Array, Array]:
        p = model.latents(variables, y)
        return observation.expected(*decoded(variables, y, u)), p.mean + p.std * u

    @jit
    def noise(keys: Array, step: Array) -> Array:
        return standard_normal(sample_keys(keys, 1, step)[0], model.posterior.size)

    def sample_some(
        variables: Any, observation: Any, y: Array | None, steps: int, keys: Array, tell: Any
    ) -> tuple[Array, Array]:
        """Returns x and z for a sample from each key."""
        given = variables, observation, y
        path = model.prior.path
        times = np.float32(path.end) * np.linspace(1, 0, steps + 1, dtype=np.float32) ** 2
        x = noise(keys, np.int32(0))
        at = jnp.zeros_like(x)
        for i, (t, s) in enumerate(itertools.pairwise(times)):
            alpha, sigma = (float(each) for each in path.at(jnp.asarray(t))[:2])
            precision = np.float32((alpha**2 + sigma**2) / sigma**2)
            mean = denoised(variables, y, x, t)
            # With d = u_y - at, (I / r^2 + J' W^2 J) d = (u - at) / r^2 + J' W^2 (y - m(at)).
            error, weight = missed(*given, at)
            right = precision * (mean - at) + pulled(*given, at, error, weight)
            state = jnp.zeros_like(x), right, right
            for _ in range(SOLVED):
                state = solved(*given, at, weight, precision, state)
            at = at + state[0]
            x = advance(variables, y, x, at, t, s, noise(keys, np.int32(i + 1)))
            tell(i)
        return shown(*given, at)

    def sample(
        variables: Any,
        observation: Any,
        y: np.ndarray | None,
        *,
        chains: int,
        sweeps: int | None,
        key: Array,
    ) -> Posterior:
        steps = STEPS if sweeps is None else sweeps
        number = len(jax.tree.leaves(observation)[0])
        size = min(number, max(1, AT_ONCE // chains))
        parts = []
        with terminal.Progress("sampling", math.ceil(number / size) * steps, "steps") as progress:
            for i, (seen, known, part_keys) in enumerate(
                batches(observation, y, size=size, chains=chains, key=key)
            ):
                drawn = sample_some(
                    variables,
                    seen,
                    known,
                    steps,
                    part_keys,
                    lambda step, i=i: progress.at(i * steps + step + 1),
                )
                parts.append([np.reshape(a, (size, chains, *a.shape[1:])) for a in drawn])
        samples, z = (np.concatenate(column)[:number] for column in zip(*parts, strict=True))
        return Posterior(samples.mean(1), samples, z[None])

    return sample
