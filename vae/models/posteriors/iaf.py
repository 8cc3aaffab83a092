"""Inverse autoregressive flows (Kingma et al. 2016)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.networks.made import MADE
from vae.probability.distributions import DiagonalGaussian
from vae.probability.flows import (
    InvertibleGaussian,
    inverse_autoregressive,
    undo_inverse_autoregressive,
)

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class IAF(Posterior):
    """z = f_F(... f_1(u)), u ~ N(mean(x), diag(std(x)^2)), with networks f given a context c(x).

    The encoder gives the mean, the log-variance and the context, which is as wide as the network's
    last hidden layer. The density at a z that is not q's own sample costs `size` passes.
    """

    size: int
    flows: int
    width: int
    activation: Callable[[Array], Array]

    any_density = True

    @property
    def density_passes(self) -> int:  # type: ignore[override]  # a field of others
        return self.size * self.flows

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.width

    @property
    def network(self) -> MADE:
        return MADE(2, (self.width, self.width), self.activation)

    def init(self, *, key: Array) -> parts.Variables:
        z, context = jnp.zeros((1, self.size)), jnp.zeros((1, self.width))
        keys = jax.random.split(key, self.flows)
        params = {
            f"flow_{i}": self.network.init(key, z, context)["params"] for i, key in enumerate(keys)
        }
        return {"params": params, "statistics": {}}

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> InvertibleGaussian:
        mean, log_variance, context = jnp.split(outputs, (self.size, 2 * self.size), axis=-1)
        weights = jax.tree.map(lambda leaf: leaf[None], variables["params"])
        steps = tuple((weights[f"flow_{i}"], context) for i in range(self.flows))
        base = DiagonalGaussian(mean, 0.5 * log_variance)
        shift = jnp.zeros((1, self.size))
        return InvertibleGaussian(base, steps, shift, self._transform, self._undo)

    def _outputs(self, step: tuple[parts.Variables, Array], z: Array) -> Array:
        weights, context = step
        params = jax.tree.map(lambda leaf: leaf[0], weights)
        return parts.apply(self.network, params, z, context)

    def _transform(self, step: tuple[parts.Variables, Array], z: Array) -> tuple[Array, Array]:
        return inverse_autoregressive(self._outputs(step, z), z)

    def _undo(self, step: tuple[parts.Variables, Array], z: Array) -> Array:
        return undo_inverse_autoregressive(lambda z: self._outputs(step, z), z)
