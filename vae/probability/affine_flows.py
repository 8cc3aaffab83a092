"""Normalizing flows of affine layers, for densities: from z to noise in one pass.

    u_d = (z_d - shift_d) exp(-log_scale_d),    log |det du/dz| = -sum_d log_scale_d,

where shift_d and log_scale_d depend on dimensions before d only: on all of them in a masked
autoregressive flow (MAF; Papamakarios et al. 2017, eq. 3-5), on the part of z that the layer keeps
in a coupling layer (RealNVP; Dinh et al. 2017, eq. 7-8). The inverse iterates

    z_d = u_d exp(log_scale_d) + shift_d.

The first round is right in the dimensions that depend on none, the next in those that depend on
these, and so on: all of z is right after D rounds for MAF, after one for a coupling layer.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Density
from vae.probability.distributions import normal_log_prob, standard_normal

Array = jax.Array

LARGEST = 3.0  # of |log scale| in one layer, so that no step of training leaves the finite numbers


class AffineLayer(flax.struct.PyTreeNode):
    """One layer.

    Attributes:
      conditioner: z [..., D] to shift and log-scale (before its bound) [..., D, 2]; a pytree.
      rounds: the number of rounds after which the inverse is exact.
    """

    conditioner: Callable[[Array], Array]
    rounds: int = flax.struct.field(pytree_node=False)

    def forward(self, z: Array) -> tuple[Array, Array]:
        """Returns u [..., D] of z [..., D], and log |det du/dz| [...]."""
        shift, log_scale = self._shift_and_log_scale(z)
        return (z - shift) * jnp.exp(-log_scale), -log_scale.sum(-1)

    def inverse(self, u: Array) -> Array:
        """Returns z [..., D] of u [..., D]."""

        def refine(_: int, z: Array) -> Array:
            shift, log_scale = self._shift_and_log_scale(z)
            return u * jnp.exp(log_scale) + shift

        return jax.lax.fori_loop(0, self.rounds, refine, u)

    def _shift_and_log_scale(self, z: Array) -> tuple[Array, Array]:
        outputs = self.conditioner(z)
        return outputs[..., 0], LARGEST * jnp.tanh(outputs[..., 1] / LARGEST)


class AffineFlow(Density, flax.struct.PyTreeNode):
    """The density of z in R^`dim` that the layers map to N(0, I).

    The dimensions are reversed after every layer, so that the direction of dependence alternates.
    """

    layers: tuple[AffineLayer, ...]
    dim: int = flax.struct.field(pytree_node=False)

    def forward(self, z: Array) -> tuple[Array, Array]:
        """Returns the noise u [..., D] of z [..., D], and log |det du/dz| [...]."""
        log_det = jnp.zeros(z.shape[:-1])
        for layer in self.layers:
            z, change = layer.forward(z)
            z, log_det = z[..., ::-1], log_det + change
        return z, log_det

    def inverse(self, u: Array) -> Array:
        """Returns z [..., D] of noise u [..., D]."""
        for layer in reversed(self.layers):
            u = layer.inverse(u[..., ::-1])
        return u

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D]."""
        u, log_det = self.forward(z)
        return normal_log_prob(u, 0.0, 0.0).sum(-1) + log_det

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.inverse(standard_normal(keys, self.dim))

    def tempered(self, temperature: Array) -> TemperedFlow:
        """Returns the flow from N(0, temperature^2 I)."""
        return TemperedFlow(self, temperature)


class TemperedFlow(flax.struct.PyTreeNode):
    """A flow from N(0, temperature^2 I), for sampling alone."""

    flow: AffineFlow
    temperature: Array

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.flow.inverse(self.temperature * standard_normal(keys, self.flow.dim))
