"""Likelihoods with a location and a scale for every value, and the five kinds of scale.

| `scale`     | what it is                                                                    |
|-------------|-------------------------------------------------------------------------------|
| fixed       | `scale_init`                                                                  |
| learned     | one number for all values, learned by gradient (a calibrated decoder)         |
| per_channel | one for each channel, learned by gradient, where columns differ in their noise |
| per_pixel   | a second output of the decoder, within a factor of 148 of `scale_init`        |
| optimal     | one number for all values, the maximum-likelihood scale                       |

The optimum is sigma^2 = E[(x - mean)^2] for a Gaussian (Rybkin et al. 2021, "Simple and effective
VAE training with calibrated decoders", eq. 9) and b = E|x - mean| for a Laplace density. The
network's gradient is the same whether the scale is that optimum inside the graph or a constant
equal to it, so the optimum is kept as a running average. This keeps p(x | z) a density whose scale
does not depend on x, and a reported likelihood a likelihood.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Self

import jax
import jax.numpy as jnp

from vae.probability.distributions import normal_log_prob
from vae.probability.likelihoods.base import Array, Likelihood, Variables, bounded, sum_values

MOMENTUM = 0.9  # of the running average, which follows the error within tens of steps
LOWEST = 1e-4  # a perfectly fitted batch (all black) must not make the density infinite


class LocationScale(Likelihood):
    """A location for every value, and a scale.

    A subclass is a dataclass with the fields `scale` and `scale_init`, in units of x, and the
    number of `channels` if each has its own scale. It gives the log-probability of one value,
    `_log_prob(x, location, log_scale)`; the noise of location 0 and scale 1, `_noise(key, shape)`;
    and its variance, `_noise_variance`. An optimal scale is E[|x - location|^power]^(1 / power).
    """

    scale: str
    scale_init: float
    channels: int
    power: int
    _log_prob: Callable[[Array, Array, Array], Array]
    _noise: Callable[..., Array]
    _noise_variance: float

    def outputs(self, channels: int) -> int:
        return 2 * channels if self.scale == "per_pixel" else channels

    def init(self) -> Variables:
        variables = super().init()
        match self.scale:
            case "learned":
                variables["params"]["log_scale"] = jnp.float32(math.log(self.scale_init))
            case "per_channel":
                each = jnp.full((self.channels,), math.log(self.scale_init), jnp.float32)
                variables["params"]["log_scale"] = each
            case "optimal":
                variables["statistics"]["error"] = jnp.float32(self.scale_init**self.power)
        return variables

    def to_outputs(self, mean: Array) -> Array:
        parts = [mean, jnp.zeros_like(mean)] if self.scale == "per_pixel" else [mean]
        return jnp.concatenate(parts, axis=-1)

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        location, log_scale = self._location(outputs), self._log_scale(outputs, variables)
        if self.scale == "per_channel":
            log_scale = jnp.broadcast_to(log_scale, location.shape)
        return sum_values(self._log_prob, x, location, log_scale, mask=mask)

    def update(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> dict[str, Array]:
        if self.scale != "optimal":
            return {}
        where = None if mask is None else mask[..., None]
        error = jax.lax.stop_gradient(jnp.mean(jnp.abs(x - outputs) ** self.power, where=where))
        average = MOMENTUM * variables["statistics"]["error"] + (1 - MOMENTUM) * error
        return {"error": jnp.maximum(average, LOWEST**self.power)}

    def mean(self, outputs: Array) -> Array:
        return self._location(outputs)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        variance = self._noise_variance * jnp.exp(2 * self._log_scale(outputs, variables))
        return jnp.broadcast_to(variance, self._location(outputs).shape)

    def of_deviation(self, deviation: float) -> Self:
        """Returns the likelihood of a fixed scale whose noise has this standard deviation."""
        scale_init = max(deviation / math.sqrt(self._noise_variance), LOWEST)
        return dataclasses.replace(self, scale="fixed", scale_init=scale_init)  # type: ignore[type-var]

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        location = self._location(outputs)
        noise = self._noise(key, location.shape)
        return location + jnp.exp(self._log_scale(outputs, variables)) * noise

    def _location(self, outputs: Array) -> Array:
        return jnp.split(outputs, 2, axis=-1)[0] if self.scale == "per_pixel" else outputs

    def _log_scale(self, outputs: Array, variables: Variables) -> Array:
        match self.scale:
            case "learned" | "per_channel":
                return variables["params"]["log_scale"]
            case "optimal":
                return jnp.log(variables["statistics"]["error"]) / self.power
            case "per_pixel":
                return math.log(self.scale_init) + bounded(jnp.split(outputs, 2, axis=-1)[1])
        return jnp.float32(math.log(self.scale_init))


@dataclasses.dataclass(frozen=True)
class Gaussian(LocationScale):
    """x ~ N(mean, scale^2)."""

    scale: str = "learned"
    scale_init: float = 0.1
    channels: int = 1

    discrete = False
    power = 2
    _log_prob = staticmethod(normal_log_prob)
    _noise = staticmethod(jax.random.normal)
    _noise_variance = 1.0


@dataclasses.dataclass(frozen=True)
class Laplace(LocationScale):
    """p(x) = exp(-|x - mean| / scale) / (2 scale)."""

    scale: str = "learned"
    scale_init: float = 0.1
    channels: int = 1

    discrete = False
    power = 1
    _noise = staticmethod(jax.random.laplace)
    _noise_variance = 2.0

    @staticmethod
    def _log_prob(x: Array, location: Array, log_scale: Array) -> Array:
        return -jnp.abs(x - location) * jnp.exp(-log_scale) - log_scale - math.log(2)
