"""The Riemannian Hamiltonian posterior (Chadebec, Mantoux & Allassonniere 2020)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.density import Variational
from vae.probability.distributions import DiagonalGaussian, strictly_lower
from vae.probability.riemannian import Metric
from vae.probability.riemannian_flow import RiemannianFlow, riemannian_flow

Array = jax.Array

LARGEST = 0.1  # step size


@dataclasses.dataclass(frozen=True)
class RiemannianHamiltonian(Posterior):
    """z is where `flows` leapfrog steps in a metric lead from a Gaussian's sample.

    The encoder gives the Gaussian, and of each example a lower triangular matrix L, whose diagonal
    is positive. The metric is made of the means and the L of the last `centroids` examples of the
    training batches, this one's first, which get its gradient; the paper takes those of the batch
    in training, and of the whole training set afterwards. Learned beside it are the step size and
    the tempering; `temperature` and `regularization` are the metric's. See `riemannian_flow.py`.
    """

    size: int
    flows: int
    centroids: int = 100
    temperature: float = 1.5
    regularization: float = 0.01

    uses_joint = True

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.size * (self.size + 1) // 2

    def init(self, *, key: Array) -> parts.Variables:
        """Returns a step size of a hundredth of the largest, and a metric without centroids.

        Each centroid adds to G^-1, so that a step of 0.01 moves z about as far as q_0 is wide.
        """
        params = {"step": -jnp.log(99.0), "tempering": jnp.zeros(())}
        shape = (self.centroids, self.size)
        statistics = {"centroids": jnp.zeros(shape), "factors": jnp.zeros((*shape, self.size))}
        return {"params": params, "statistics": statistics}

    def normalised(
        self, outputs: Array, variables: parts.Variables, *, train: bool, axis: str | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Returns the outputs, and the centroids with those of a training batch of all devices."""
        before = variables["statistics"]
        if not train:
            return outputs, before
        mean, _, flat = self._split(outputs)
        diagonal, below = jnp.exp(flat[..., : self.size]), flat[..., self.size :]
        factors = diagonal[..., None] * jnp.eye(self.size) + strictly_lower(below, self.size)
        new = {"centroids": mean, "factors": factors}
        if axis is not None:
            new = jax.tree.map(lambda x: jax.lax.all_gather(x, axis, tiled=True), new)
        old = {name: before[name] for name in new}
        kept = jax.tree.map(lambda x, y: jnp.concatenate([x, y])[: self.centroids], new, old)
        return outputs, before | kept

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> DiagonalGaussian:
        mean, log_variance, _ = self._split(outputs)
        return DiagonalGaussian(mean, 0.5 * log_variance)

    def moved(
        self, q: Variational, variables: parts.Variables, log_joint: Callable[[Array], Array]
    ) -> RiemannianFlow:
        metric = jax.tree.map(lambda x: x[None], self.metric(variables["statistics"]))
        params = variables["params"]
        step = LARGEST * jax.nn.sigmoid(params["step"])[None]
        tempering = jax.nn.sigmoid(params["tempering"])[None]
        return riemannian_flow(q, log_joint, metric, step, tempering, num=self.flows)

    def metric(self, statistics: dict[str, Any]) -> Metric:
        """Returns G of the family's statistics."""
        centroids, factors = statistics["centroids"], statistics["factors"]
        return Metric(centroids, factors, self.temperature, self.regularization)

    def _split(self, outputs: Array) -> list[Array]:
        return jnp.split(outputs, (self.size, 2 * self.size), axis=-1)
