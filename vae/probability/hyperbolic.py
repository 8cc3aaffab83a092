"""Normal distributions in hyperbolic space, for a z in the Poincare ball (`ball.py`).

Both are densities with respect to hyperbolic volume. With r = d(mean, z),

    wrapped      z = exp_map(mean, v), v ~ N(0, diag(scale^2)):
                 q(z) = N(v; 0, diag(scale^2)) (sqrt(c) r / sinh(sqrt(c) r))^(D-1)
    Riemannian   q(z) = exp(-r^2 / (2 scale^2)) / Z(scale),    Z = int_0^inf g(r) dr |S^(D-1)|,
                 g(r) = exp(-r^2 / (2 scale^2)) (sinh(sqrt(c) r) / sqrt(c))^(D-1)

(Mathieu et al. 2019, section 3.1 and appendix B; Nagano et al. 2019 and Said et al. 2014.) log g is
concave, so one rule of `one_peak.py` gives Z for any D, where the sum in closed form cancels, and
draws r without rejection.
"""

from __future__ import annotations

import math

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.ball import exp_map, length, log_curved, log_map
from vae.probability.density import Density, Variational
from vae.probability.distributions import draw_each, normal_log_prob, split, standard_normal
from vae.probability.one_peak import OnePeak, pieces_of
from vae.probability.sphere import log_surface, uniform_direction

Array = jax.Array

WIDTHS = 9.0  # from the peak of g to the ends of the range, in scales
NEWTON_STEPS = 5


class WrappedNormal(Density, Variational, flax.struct.PyTreeNode):
    """A Gaussian at the origin of the directions at mean [B, D]; log_scale [B, D] are its stds."""

    mean: Array
    log_scale: Array
    curvature: float = flax.struct.field(pytree_node=False)

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] by reparameterisation, from keys [K, B]; log q(z) is [K, B]."""
        noise = standard_normal(keys, self.mean.shape[-1])
        v = jnp.exp(self.log_scale) * noise
        log_prob = (normal_log_prob(noise, 0.0, 0.0) - self.log_scale).sum(-1)
        return exp_map(self.mean, v, self.curvature), log_prob - self._log_volume(v)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D] in hyperbolic volume."""
        v = log_map(self.mean, z, self.curvature)
        return normal_log_prob(v, 0.0, self.log_scale).sum(-1) - self._log_volume(v)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.sample_and_log_prob(keys=keys)[0]

    def tempered(self, temperature: Array) -> WrappedNormal:
        """Returns the distribution with `temperature` times the standard deviations."""
        return self.replace(log_scale=self.log_scale + jnp.log(temperature))

    def _log_volume(self, v: Array) -> Array:
        return (v.shape[-1] - 1) * log_curved(length(v), self.curvature)


class _Radius:
    """g for scales [B], relative to its value at a point near the peak.

    At the peak r tanh(sqrt(c) r) = (D - 1) sqrt(c) scale^2; Newton's method solves it from below.
    """

    def __init__(self, scale: Array, dim: int, c: float) -> None:
        self.scale, self.dim, self.c = scale, dim, c
        constant, root = jax.lax.stop_gradient(scale), math.sqrt(c)
        wanted = (dim - 1) * root * constant**2
        r = jnp.maximum(wanted, jnp.sqrt(wanted / root))
        for _ in range(NEWTON_STEPS if dim > 1 else 0):
            t = jnp.tanh(root * r)
            r -= (r * t - wanted) / (t + root * r * (1 - t**2))
        self.peak = r
        start = jnp.maximum(r - WIDTHS * constant, 0.0)
        self.law = OnePeak(self.density, *pieces_of(start, r + WIDTHS * constant))

    def density(self, r: Array) -> Array:
        """Returns g(r) / g(peak) of r [..., B]."""
        exponent = (self.peak - r) * (self.peak + r) / (2 * self.scale**2)
        if self.dim > 1:
            exponent += (self.dim - 1) * (self._log_sinh(r) - self._log_sinh(self.peak))
        return jnp.exp(exponent)

    def log_total(self) -> Array:
        """Returns log Z [B]."""
        at_peak = -(self.peak**2) / (2 * self.scale**2)
        if self.dim > 1:
            at_peak += (self.dim - 1) * self._log_sinh(self.peak)
        return at_peak + jnp.log(self.law.pieces().sum(0)) + log_surface(self.dim)

    def _log_sinh(self, r: Array) -> Array:
        """Returns log (sinh(sqrt(c) r) / sqrt(c))."""
        return log_curved(r, self.c) + jnp.log(r)


class RiemannianNormal(Density, Variational, flax.struct.PyTreeNode):
    """The density exp(-d(mean, z)^2 / (2 scale^2)) up to a factor; [B, D] and log_scale [B]."""

    mean: Array
    log_scale: Array
    curvature: float = flax.struct.field(pytree_node=False)

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] from keys [K, B], with gradients; log q(z) is [K, B]."""
        radius_keys, direction_keys = split(keys)
        uniform = draw_each(jax.random.uniform, radius_keys)
        radius = self._radius()
        r = radius.law.quantile(uniform)
        v = r[..., None] * uniform_direction(direction_keys, self.mean.shape[-1])
        log_prob = -0.5 * (r / radius.scale) ** 2 - radius.log_total()
        return exp_map(self.mean, v, self.curvature), log_prob

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D] in hyperbolic volume."""
        radius = self._radius()
        r = length(log_map(self.mean, z, self.curvature))
        return -0.5 * (r / radius.scale) ** 2 - radius.log_total()

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.sample_and_log_prob(keys=keys[None])[0][0]

    def tempered(self, temperature: Array) -> RiemannianNormal:
        """Returns the distribution with `temperature` times the scale."""
        return self.replace(log_scale=self.log_scale + jnp.log(temperature))

    def _radius(self) -> _Radius:
        return _Radius(jnp.exp(self.log_scale), self.mean.shape[-1], self.curvature)
