"""What distributions of latents answer: p(z), and q(z | x).

Both are pytrees of arrays, as a `flax.struct.dataclass` is; one of one's own is a subclass.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, Self

import jax

Array = jax.Array

SPACES = {  # where the latents of a model are
    "real": "R^D",
    "sphere": "the unit sphere",
    "categorical": "one-hot blocks",
    "layers": "layers, each given those above it",
    "codes": "a finite set of codes",
}


class Density(Protocol):
    """p(z)."""

    @abstractmethod
    def log_prob(self, z: Array) -> Array:
        """log p(z) [...] of z [..., size]; [..., B] where p differs with the example."""

    @abstractmethod
    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, size], one from each key [B]."""

    def tempered(self, temperature: Array) -> Any:
        """The same with `temperature` times its standard deviation; None without that meaning.

        A Gaussian's is scaled around its mean, a mixture's within each component, a flow's where
        it starts.
        """
        return None


class Variational(Protocol):
    """q(z | x) of a batch: its arrays are [B, ...], or [1, ...] where all examples share them.

    Attributes:
      mean: [B, size] its centre, from which an example is reconstructed.
      log_std: [B, size] where that is known, else None.
    """

    mean: Array
    log_std: Array | None = None

    @abstractmethod
    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """z [K, B, size] from keys [K, B], with gradients, and log q(z | x) [K, B]."""

    def shifted(self, by: Array) -> Self:
        """The distribution of z + by [size] or [B, size]; needed of latents in R^D alone."""
        raise NotImplementedError("q(z | x) of latents in R^D needs `shifted`")

    def log_prob(self, z: Array) -> Array | None:
        """log q(z | x) [K, B] at any z [K, B, size]; None where it is known at q's samples only."""
        return None

    def log_prob_per_dim(self, z: Array) -> Array | None:
        """[..., size] where q is a product over the dimensions, else None.

        The leaves of a q that is one are [B, ...].
        """
        return None

    def kl(self, p: Density) -> Array | None:
        """KL(q || p) [G, B] in closed form for G groups of dimensions; None where there is none."""
        return None
