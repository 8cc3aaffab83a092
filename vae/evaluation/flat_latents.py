"""The latents of a model as one vector for each example, as Markov chains move them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.probability.distributions import sample_keys

Array = jax.Array

DRAWS = 32  # for the standard deviations of p(z)
SMALLEST = 1e-4  # least such standard deviation


class FlatLatents:
    """Latents z [N, D] of a model with `joint`; several groups lie side by side.

    Args:
      model: the model.
      variables: variables of the shapes that it will be given.

    Attributes:
      size: D.
    """

    def __init__(self, model: Any, variables: Any) -> None:
        def sample(variables: Any) -> Any:
            y = model.condition.unknown(1) if model.condition else None
            return model.sample(variables, y, keys=jax.random.split(jax.random.key(0), 1))

        self._model = model
        self._like = jax.eval_shape(sample, variables)
        self.size = sum(leaf.size for leaf in jax.tree.leaves(self._like))

    def sample(self, variables: Any, y: Array | None, *, keys: Array) -> Array:
        """Draws z [N, D] from p(z) with keys [N]."""
        return parts.vectors(self._model.sample(variables, y, keys=keys), 1)

    def spread(self, variables: Any, y: Array | None, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [N, D] from p(z), and estimates its standard deviations [N, D]; keys are [N]."""
        keys = sample_keys(keys, DRAWS)
        repeated = None if y is None else jnp.tile(y, (DRAWS, *[1] * (y.ndim - 1)))
        z = self.sample(variables, repeated, keys=keys.reshape(-1)).reshape(*keys.shape, -1)
        return z[0], jnp.maximum(z.std(0, ddof=1), SMALLEST)

    def unpacked(self, z: Array) -> Any:
        """Returns z [N, D] as the model takes it."""
        return parts.unpacked(z, self._like)

    def joint(
        self, variables: Any, z: Array, y: Array | None, x: Array | None = None
    ) -> tuple[Array, Array]:
        """Returns log p(z) [N] and the outputs of p(x | z), see `Model.joint`."""
        return self._model.joint(variables, self.unpacked(z), y, x)
