"""The contracts of latent distributions: p(z), and q(z | x).

Both are pytrees of arrays, as a `flax.struct.dataclass` is. Subclass one to write your own.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, Self

import jax

Array = jax.Array

SPACES = {  # where the latents of a model are
    "real": "R^D",
    "sphere": "the unit sphere",
    "ball": "the Poincare ball",
    "categorical": "one-hot blocks",
    "layers": "layers, each given those above it",
    "codes": "a finite set of codes",
}


class Density(Protocol):
    """A prior p(z)."""

    @abstractmethod
    def log_prob(self, z: Array) -> Array:
        """Returns log p(z) [...] of z [..., size]; [..., B] where p differs between examples."""

    @abstractmethod
    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, size], one from each key [B]."""

    def estimate(self, z: Array, *, keys: Array) -> Array:
        """Returns what stands for log p(z) [K, B] in training and figures, with noise from keys.

        Where log p(z) takes an integral that is too long to compute, this is a random number whose
        mean over the keys [K, B] is at most log p(z). In training it may be another random number,
        which rises as p comes closer to the latents.
        """
        return self.log_prob(z)

    def tempered(self, temperature: Array) -> Any:
        """Returns p with `temperature` times its standard deviation; None if that means nothing.

        A Gaussian is scaled around its mean, a mixture within each component, a flow in its base
        distribution.
        """
        return None


class Variational(Protocol):
    """q(z | x) of a batch: its arrays are [B, ...], or [1, ...] where all examples share them.

    Attributes:
      mean: [B, size], the centre of q, from which an example is reconstructed.
      log_std: [B, size], or None where it is not known.
    """

    mean: Array
    log_std: Array | None = None

    @abstractmethod
    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, size] from keys [K, B], with gradients; log q(z | x) is [K, B]."""

    def shifted(self, by: Array) -> Self:
        """Returns the distribution of z + by [size] or [B, size]; only latents in R^D need it."""
        reason = f"{type(self).__name__} of latents in R^D needs `shifted`"
        raise NotImplementedError(reason)

    def log_prob(self, z: Array) -> Array | None:
        """Returns log q(z | x) [K, B] at z [K, B, size]; None if only q's own samples have one."""
        return None

    def log_prob_per_dim(self, z: Array) -> Array | None:
        """Returns the log-densities [..., size] if q is a product over the dimensions, else None.

        If it is, the leaves of q are [B, ...].
        """
        return None

    def kl(self, p: Density) -> Array | None:
        """Returns KL(q || p) [G, B] in closed form for G groups of dimensions, else None."""
        return None
