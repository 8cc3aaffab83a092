"""Normal posteriors in the Poincare ball (Mathieu et al. 2019)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.ball import between, exp_map
from vae.probability.hyperbolic import RiemannianNormal, WrappedNormal

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Hyperbolic(Posterior):
    """What both families have: a mean in the ball of the given `curvature`, -c.

    The encoder gives the direction in which the mean lies from the origin, and how far.
    """

    size: int
    curvature: float

    space = "ball"
    any_density = True

    def _mean(self, direction: Array) -> Array:
        return exp_map(jnp.zeros_like(direction), direction, self.curvature)

    def geodesic(self, a: np.ndarray, b: np.ndarray, shares: np.ndarray) -> np.ndarray:
        ends = jnp.asarray(a)[:, None], jnp.asarray(b)[:, None]
        return np.asarray(between(*ends, jnp.asarray(shares), self.curvature))


class Wrapped(Hyperbolic):
    """q(z | x) is a wrapped normal; the encoder also gives the log-variances."""

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> WrappedNormal:
        direction, log_variance = jnp.split(outputs, 2, axis=-1)
        return WrappedNormal(self._mean(direction), 0.5 * log_variance, self.curvature)


class Riemannian(Hyperbolic):
    """q(z | x) is a Riemannian normal; the encoder also gives log scale^2."""

    @property
    def outputs(self) -> int:
        return self.size + 1

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> RiemannianNormal:
        direction, log_variance = outputs[..., :-1], outputs[..., -1]
        return RiemannianNormal(self._mean(direction), 0.5 * log_variance, self.curvature)
