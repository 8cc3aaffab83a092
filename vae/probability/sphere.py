"""The von Mises-Fisher distribution on the unit sphere S^(D-1), and the uniform distribution.

    q(z) = exp(kappa mean.z - L(kappa)) / |S|,    |S| = 2 pi^(D/2) / Gamma(D/2)
    L(kappa) = log E exp(kappa z_1), z uniform    = log [Gamma(v+1) (2/kappa)^v I_v(kappa)],

v = D/2 - 1, with I_v the modified Bessel function (Davidson et al. 2018, eq. 3-4). All of it
follows from the density of the angle t between z and the mean, on [0, pi],

    g(t) = exp(kappa cos t) sin(t)^(D-2),    L(kappa) = log int g - log int sin(t)^(D-2)

(Poisson's integral of I_v). g is smooth with one peak (`one_peak.py`), for any kappa and D; the
inverse of its distribution function draws an angle, without the rejection of the paper.
"""

from __future__ import annotations

import math

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Density, Variational
from vae.probability.distributions import draw_each, einsum, split, standard_normal
from vae.probability.one_peak import OnePeak, pieces_of

Array = jax.Array

PI = 3.14159  # just below: rounding must not make the sine of an angle negative
REACH = 12.0  # from the peak to the ends of the range, in widths of the peak


class _Angle:
    """g for concentrations kappa [B], relative to its value at a point near the peak.

    The point and the range are constants to differentiation.

        cos = 2 kappa / (D - 2 + r),  sin^2 = 2 (D - 2) / (D - 2 + r),  r^2 = (D - 2)^2 + 4 kappa^2

    is the peak, where -(log g)'' = r for D > 2; for D = 2 it is r / 2.
    """

    def __init__(self, kappa: Array, dim: int) -> None:
        self.kappa, self.dim = kappa, dim
        constant = jax.lax.stop_gradient(kappa)
        root = jnp.hypot(dim - 2.0, 2 * constant)
        self.cos = 2 * constant / (dim - 2 + root)
        self.sin = jnp.sqrt(2 * (dim - 2) / (dim - 2 + root))
        self.peak = jnp.arctan2(self.sin, self.cos)
        reach = REACH / jnp.sqrt(root)
        start = jnp.maximum(self.peak - reach, 0.0)
        pieces = pieces_of(start, jnp.minimum(self.peak + reach, PI))
        self.law = OnePeak(self.density, *pieces)

    def density(self, t: Array) -> Array:
        """Returns g(t) / g(peak) of t [..., B]."""
        difference = -2 * jnp.sin((t + self.peak) / 2) * jnp.sin((t - self.peak) / 2)  # of cosines
        exponent = self.kappa * difference
        if self.dim > 2:
            exponent += (self.dim - 2) * jnp.log(jnp.sin(t) / self.sin)
        return jnp.exp(exponent)


def log_expectation(kappa: Array, dim: int) -> Array:
    """Returns L(kappa) - kappa [B] of kappa [B]: log E exp(kappa (z_1 - 1)), z uniform."""
    angle = _Angle(kappa, dim)
    peak = -kappa * angle.sin**2 / (1 + angle.cos)  # kappa (cos - 1)
    if dim > 2:
        peak += (dim - 2) * jnp.log(angle.sin)
    integral = angle.law.pieces().sum(0)
    beta = math.lgamma((dim - 1) / 2) + math.lgamma(0.5) - math.lgamma(dim / 2)
    return peak + jnp.log(integral) - beta


def sample_angle(kappa: Array, dim: int, uniform: Array) -> Array:
    """Returns the angle t [K, B] where the distribution function is `uniform` [K, B] in [0, 1)."""
    return _Angle(kappa, dim).law.quantile(uniform)


def turned_to(mean: Array, x: Array) -> Array:
    """Rotates x [..., D] so that the first axis e goes to the unit vector `mean` [..., D].

    The result is -s H x, with s = +-1 the sign of mean_1 and H the reflection along mean + s e.
    That vector is never short, so the gradient is bounded.
    """
    s = jnp.where(mean[..., :1] < 0, -1.0, 1.0)
    e = jnp.eye(mean.shape[-1])[0]
    normal = mean + s * e  # its square is 2 (1 + |mean_1|)
    along = einsum("...d,...d->...", normal, x)[..., None] / (1 + s * mean[..., :1])
    return s * (normal * along - x)


class VonMisesFisher(Variational, flax.struct.PyTreeNode):
    """The density exp(kappa mean.z) up to a factor; unit vectors mean [B, D], kappa [B]."""

    mean: Array
    kappa: Array

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] from keys [K, B], with gradients; log q(z) is [K, B]."""
        dim = self.mean.shape[-1]
        angle_keys, axis_keys = split(keys)
        t = sample_angle(self.kappa, dim, draw_each(jax.random.uniform, angle_keys))[..., None]
        around = jnp.sin(t) * uniform_direction(axis_keys, dim - 1)
        z = turned_to(self.mean, jnp.concatenate([jnp.cos(t), around], axis=-1))
        return z, self.log_prob(z)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of unit vectors z [..., D] on the sphere."""
        dim = self.mean.shape[-1]
        one_minus_cos = 0.5 * ((z - self.mean) ** 2).sum(-1)  # exact where kappa is large
        return -self.kappa * one_minus_cos - log_expectation(self.kappa, dim) - log_surface(dim)

    def kl(self, p: Density) -> Array | None:
        """Returns KL(self || p) [1, B] in closed form, or None where there is none.

        KL(q || uniform) = kappa L'(kappa) - L(kappa), for L' is the mean of z along `mean`.
        """
        if not isinstance(p, UniformSphere):
            return None
        log_expected, slope = jax.jvp(
            lambda kappa: log_expectation(kappa, self.mean.shape[-1]),
            (self.kappa,),
            (jnp.ones_like(self.kappa),),
        )
        return (self.kappa * slope - log_expected)[None]


class UniformSphere(Density, flax.struct.PyTreeNode):
    """The uniform density on the unit sphere in `dim` dimensions."""

    dim: int = flax.struct.field(pytree_node=False)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of unit vectors z [..., D] on the sphere."""
        return jnp.full(z.shape[:-1], -log_surface(self.dim))

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return uniform_direction(keys, self.dim)


def log_surface(dim: int) -> float:
    """Returns log |S^(D-1)|."""
    return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(dim / 2)


def uniform_direction(keys: Array, dim: int) -> Array:
    """Draws uniform unit vectors [..., D], one from each key [...]."""
    noise = standard_normal(keys, dim)
    return noise / jnp.linalg.norm(noise, axis=-1, keepdims=True)
