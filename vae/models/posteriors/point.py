"""A posterior that is one point: the deterministic autoencoder.

With log q = 0 the objective is -log p(x | z) - beta log p(z) at z = z(x). Under a standard normal
prior it is, up to a constant, the reconstruction loss plus beta |z|^2 / 2. With beta = 0 this is a
plain autoencoder, and with `model.regularizer` a regularised one (Ghosh et al., "From variational
to deterministic autoencoders", 2020, eq. 11). It does not bound log p(x), since a point has no
density.
"""

from __future__ import annotations

import dataclasses

import flax.struct
import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.density import Variational

Array = jax.Array


class Delta(Variational, flax.struct.PyTreeNode):
    """All mass at mean [B, D]."""

    mean: Array

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Returns the mean as [K, B, D], and zeros [K, B], for keys [K, B]."""
        return jnp.broadcast_to(self.mean, (len(keys), *self.mean.shape)), jnp.zeros(keys.shape)

    def shifted(self, by: Array) -> Delta:
        """Returns the point at mean + by."""
        return Delta(self.mean + by)


@dataclasses.dataclass(frozen=True)
class Point(Posterior):
    """z = z(x); the encoder gives z itself."""

    size: int

    is_density = False

    @property
    def outputs(self) -> int:
        return self.size

    def distribution(self, outputs: Array, variables: parts.Variables, *, train: bool) -> Delta:
        return Delta(outputs)
