"""What pythae's losses have otherwise than ours, by intent of either; `parity.MEMBERS` names it.

An `excess` is a function of a `Case` to what our loss has and pythae's has not. A `patch` puts
pythae's formula in the place of ours, as a context.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from vae.models.parts import Variables
from vae.models.posteriors.hamiltonian import Hamiltonian
from vae.models.posteriors.iaf import IAF
from vae.probability import (
    distributions,
    flows,
    hamiltonian_flow,
    riemannian,
    riemannian_flow,
)
from vae.probability.distributions import LOG_2PI, DiagonalGaussian
from vae.probability.objectives import aggregate
from vae.probability.terms import Batch, Terms, log_weights

Array = jax.Array
Context = contextlib.AbstractContextManager


class Case(NamedTuple):
    """A batch and what was made of it; `objective` is the section of the config."""

    objective: ml_collections.ConfigDict
    model: Any
    variables: Variables
    batch: Batch
    terms: Terms


def nothing(case: Case) -> float:
    return 0.0


def normal_constant(case: Case) -> float:
    """Returns the part of log N(x; mean, scale^2) that does not depend on the mean."""
    likelihood, pixels = case.model.likelihood, case.model.event.size
    return pixels * (0.5 * LOG_2PI + math.log(likelihood.scale_init))


def point_constants(case: Case) -> Array:
    """The constants of log p(x | z) and of beta log p(z)."""
    return normal_constant(case) + 0.5 * case.objective.beta * case.terms.z.shape[-1] * LOG_2PI


def weight_decay(case: Case) -> Array:
    """The same, and the squared weights: pythae's optimizer has their gradient."""
    return point_constants(case) + jax.lax.stop_gradient(case.terms.losses["regularizer"])


def other_penalty(case: Case) -> Array:
    """The same, and our penalty of the decoder's slope less |d (sum of decode(encode(x))) / dx|^2.

    That is the gradient with respect to x, and of the sum of the image's values.
    """

    def total(x: Array) -> Array:
        z = case.model.encode(case.variables, Batch(x)).mean
        return case.model.decode(case.variables, z).sum()

    squares = (jax.grad(total)(case.batch.x) ** 2).reshape(len(case.batch.x), -1).sum(-1)
    (own,) = case.model.losses
    return point_constants(case) + case.terms.losses["regularizer"] - own.weight * squares


def bound_less_average(case: Case, groups: int) -> Array:
    """-log mean_l w_l less -sum_l v_l log w_l, v = w / sum w a constant: log L - H(v), [B]."""
    weights = log_weights(case.terms)
    log_v = jax.nn.log_softmax(weights.reshape(groups, -1, weights.shape[-1]), axis=1)
    entropy = -(jnp.exp(log_v) * log_v).sum(1).mean(0)
    return jax.lax.stop_gradient(math.log(log_v.shape[1]) - entropy)


def of_iwae(case: Case) -> Array:
    return bound_less_average(case, groups=1)


def of_miwae(case: Case) -> Array:
    return bound_less_average(case, groups=case.objective.groups)


def of_piwae(case: Case) -> Array:
    """Half of it for each of the two losses, whose sum is compared."""
    return 0.5 * (of_iwae(case) + of_miwae(case))


def of_ciwae(case: Case) -> Array:
    return (1 - case.objective.ciwae_weight) * of_iwae(case)


def squared_noise(case: Case) -> Array:
    """-1/2 of the squared noise of z_0 and of the momentum, which pythae leaves out."""
    shape, size = case.terms.log_qz, case.terms.z.shape[-1]  # in the place of keys, see `given`
    noise = (module.standard_normal(shape, size) for module in (distributions, hamiltonian_flow))
    return -0.5 * sum((each**2).sum((0, 2)) for each in noise)


def squared_momentum(case: Case) -> Array:
    """The same of the momentum alone."""
    noise = hamiltonian_flow.standard_normal(case.terms.log_qz, case.terms.z.shape[-1])
    return -0.5 * (noise**2).sum((0, 2))


def unchanged() -> Context:
    return contextlib.nullcontext()


def one_kernel() -> Context:
    """One width of the kernel instead of seven."""
    return mock.patch.object(aggregate, "SCALES", (1.0,))


def affine_steps() -> Context:
    """An autoregressive flow exp(s) z + m, and the order of dimensions reversed before it."""

    def transform(family: IAF, step: Any, z: Array) -> tuple[Array, Array]:
        z, (weights, context) = z[..., ::-1], step
        params = jax.tree.map(lambda leaf: leaf[0], weights)
        m, s = jnp.moveaxis(family.network.apply({"params": params}, z, context), -1, 0)
        return jnp.exp(s) * z + m, s.sum(-1)

    return mock.patch.object(IAF, "_transform", transform)


def determinant_off_zero() -> Context:
    """A planar flow's log (|1 + r tanh'(a)| + 1e-4)."""

    def log_det(one_plus_r: Array, tanh: Array) -> Array:
        return jnp.log(one_plus_r + (1 - one_plus_r) * tanh**2 + 1e-4)

    return mock.patch.object(flows, "_log_one_plus", log_det)


def steps_apart() -> Context:
    """A Hamiltonian posterior with pythae's steps, and its standard deviation of z_0."""

    def moved(log_joint, z, noise, step, tempering, *, num):  # type: ignore[no-untyped-def]
        def slope(z: Array) -> Array:
            constant = jax.grad(lambda z: log_joint(z).sum())(z) + z  # of log p(x | z)
            return jax.lax.stop_gradient(constant) - z

        momentum = noise / jnp.sqrt(tempering[0])
        for _ in range(num):
            half = momentum + 0.5 * step * slope(z)
            z = z + step * momentum
            momentum = half + 0.5 * step * slope(z)
        return z, momentum

    class Start(DiagonalGaussian):
        def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
            noise = distributions.standard_normal(keys, self.mean.shape[-1])
            _, log_prob = super().sample_and_log_prob(keys=keys)
            return self.mean + jax.nn.softplus(2 * self.log_std) * noise, log_prob

    def distribution(family: Hamiltonian, outputs: Array, variables: Any, *, train: bool) -> Start:
        mean, log_variance = jnp.split(outputs, 2, axis=-1)
        return Start(mean, 0.5 * log_variance)

    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(hamiltonian_flow, "moved", moved))
    stack.enter_context(mock.patch.object(Hamiltonian, "distribution", distribution))
    return stack


def metric_apart() -> Context:
    """A Riemannian Hamiltonian posterior with pythae's start and steps."""

    def moved(log_joint, metric, z, noise, step, tempering, *, num):  # type: ignore[no-untyped-def]
        shape, metric = z.shape, jax.tree.map(lambda leaf: leaf[0], metric)
        z, noise = (x.reshape(-1, shape[-1]) for x in (z, noise))

        def energy(z: Array, r: Array) -> Array:
            kinetic = 0.5 * (r * metric.raised(z, r, metric.projected(r))).sum(-1)
            log_pxz = log_joint(z.reshape(shape)).reshape(-1)
            return (kinetic - log_pxz - 0.5 * metric.log_det(z)).sum()

        first, *factors = hamiltonian_flow.coolings(tempering, num)
        start = first * jnp.einsum("nij,nj->ni", metric.factors[: len(z)], noise)
        half, momentum = 0.5 * step[0], lambda z: start
        for factor in factors:
            slope = jnp.zeros_like(z)
            for _ in range(3):

                def of_z(z: Array, slope: Array = slope, momentum: Any = momentum) -> Array:
                    return energy(z, momentum(z) - half * slope)

                slope = jax.lax.stop_gradient(jax.grad(of_z)(z))
            r = momentum(z) - half * slope
            z = z + step[0] * jax.lax.stop_gradient(metric.raised(z, r, metric.projected(r)))

            def momentum(z: Array, r: Array = r, factor: Array = factor) -> Array:
                return factor * (r - half * jax.grad(energy)(z, r))

        r = momentum(z)
        root = metric.root(z)
        left = jnp.einsum("nij,ni->nj", root, r)
        volume = 0.5 * riemannian.log_det_of(root)
        return z.reshape(shape), left.reshape(shape), volume.reshape(shape[:-1])

    return mock.patch.object(riemannian_flow, "moved", moved)


def minibatch_weighted() -> Context:
    """q(z) = 1 / (N n) sum_j q(z | x_j) (Chen et al. 2018, eq. 3)."""
    return _weighted(lambda n, examples: np.full((n, n), 1 / (n * examples)))


def first_as_own() -> Context:
    """The stratified weights, with the batch's first example in the place of z's own."""

    def weights(n: int, examples: int) -> np.ndarray:
        others = n - 1
        last = (examples - others) / (examples * others)
        matrix = np.full((n, n), 1 / others)
        matrix[:, 0], matrix[:, 1] = 1 / examples, last
        matrix[n - 2, 0] = last
        return matrix

    return _weighted(weights)


def _weighted(weights: Callable[[int, int], np.ndarray]) -> Context:
    """`aggregate.decomposition` with other weights [n, n] of the batch's n examples in q(z_i)."""

    def decomposition(terms: Terms, *, num_examples: int, axis: None) -> tuple[Array, ...]:
        log_q = terms.q.log_prob_per_dim(terms.z[:, :, None])  # [K, B, n, D]
        log_weight = jnp.log(weights(log_q.shape[2], num_examples))
        joint = jax.nn.logsumexp(log_weight + log_q.sum(-1), axis=-1)
        product = jax.nn.logsumexp(log_weight[..., None] + log_q, axis=-2).sum(-1)
        return terms.log_qz - joint, joint - product, product - terms.log_pz

    return mock.patch.object(aggregate, "decomposition", decomposition)
