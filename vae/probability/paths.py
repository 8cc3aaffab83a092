"""Densities at the end of a path from noise to latents: flow matching and diffusion.

With u a latent and e ~ N(0, I), a path of Gaussians leads from u at t = 0 to noise at its end,

    x_t = alpha(t) u + sigma(t) e,    v = dx_t / dt = alpha'(t) u + sigma'(t) e.

A network v(x, t) learns the mean of v given x_t. Whatever the path, it says all there is to say:
both paths here have alpha sigma' - alpha' sigma = 1, so that

    u = sigma' x_t - sigma v,    e = alpha v - alpha' x_t,

and v sets the ordinary differential equation dx / dt = v(x, t), along which x_t has the densities
of the path. From noise backwards it draws latents, and forwards it gives their density (Lipman et
al., "Flow matching for generative modeling", 2023; Liu et al., "Flow straight and fast", 2023).

    line      alpha = 1 - t,    sigma = t        0 <= t <= 1         rectified flows
    circle    alpha = cos t,    sigma = sin t    0 <= t <= pi / 2    preserves the variance

Diffusion (Kingma et al., "Variational diffusion models", 2021) goes the same way at random, and
gives a bound. With l = log alpha^2 / sigma^2, the log-SNR, they have three parts (eq. 11 to 15)

    -log p(u) <= KL(q(x_1 | u) || N(0, I)) - E log p(u | x_0) + 1/2 int dl E |e - e(x, l)|^2.

Were the latents N(0, I), then v = 0 would be the mean at all t. Its three parts can be integrated,
with p(u | x_0) = N(alpha x_0, sigma^2 I), the exact posterior there, in place of one for discrete
values: they are -log N(u; 0, I) for any ends of the integral. Subtract them, with e - e(x, l) =
alpha (v - v(x, l)), and what is left is all that the latents differ from a Gaussian:

    log p(u) >= log N(u; 0, I) + 1/2 int dl alpha^2 E[2 v . v(x, l) - |v(x, l)|^2].

The bound holds for any ends. It has no noise where v(x, l) is 0, as before training, and beyond the
ends it loses 1/2 int dl alpha^2 E|E[v | x]|^2, which falls with e^2l below and e^-l above. The last
is why latents need a smooth density; q(z | x) has one. LSGM (Vahdat, Kreis & Kautz, "Score-based
generative modeling in latent space", 2021) trains encoder and decoder by this bound, too.

All this is about standardised latents u = (z - mean) / std; log p(z) = log p(u) - sum log std.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Density
from vae.probability.distributions import (
    draw_each,
    normal_log_prob,
    other_keys,
    standard_normal,
)
from vae.probability.solver import Solver

Array = jax.Array

CENTRE, SPREAD = 1.0, 1.5  # of the log-SNR at which half of the bound's samples are
UNTOLD = 0.1  # the share of examples in training whose condition is left out

# Names of the noise of an estimate, see `other_keys`.
NOISE, TIME, TOLD, PROBE = range(1, 5)


class Path(NamedTuple):
    """How much of a latent and of noise there is at a time.

    Attributes:
      at: t to (alpha, sigma, alpha', sigma').
      end: the time of pure noise.
      lowest, highest: the log-SNR between which a network tells times apart.
    """

    at: Callable[[Array], tuple[Array, Array, Array, Array]]
    end: float
    lowest: float
    highest: float

    def log_snr(self, t: Array) -> Array:
        """Returns log alpha^2 / sigma^2 at times t, between the ends that networks are given."""
        alpha, sigma, _, _ = self.at(t)
        ends = math.exp(0.5 * self.lowest), math.exp(0.5 * self.highest)
        return 2 * jnp.log(jnp.clip(alpha / jnp.maximum(sigma, 1e-9), *ends))


def _line(t: Array) -> tuple[Array, Array, Array, Array]:
    one = jnp.ones_like(t)
    return 1 - t, t, -one, one


def _circle(t: Array) -> tuple[Array, Array, Array, Array]:
    cos, sin = jnp.cos(t), jnp.sin(t)
    return cos, sin, -sin, cos


LINE = Path(_line, 1.0, -14.0, 14.0)
CIRCLE = Path(_circle, math.pi / 2, -6.0, 12.0)  # between them the bound is integrated


class PathDensity(Density, flax.struct.PyTreeNode):
    """The density of z = mean + std u, u at the end of a path from noise.

    Attributes:
      velocity: (x [N, D], log-SNR [N], code [N, C + 1] or None) to v [N, D]; a pytree. The last
        number of a code is 1 where the condition is known, and the code is zeros where it is not.
      mean, std: [D], constants in every gradient.
      code: [B, C + 1], the codes of the examples, or None without a condition.
      temperature: scales the noise from which samples come.
      solver: how the path is followed.
      train: whether `estimate` is for a training step.
    """

    velocity: Callable[..., Array]
    mean: Array
    std: Array
    code: Array | None
    temperature: Array | float = 1.0
    solver: Solver = flax.struct.field(pytree_node=False, default=Solver())
    train: bool = flax.struct.field(pytree_node=False, default=False)

    path = LINE
    estimated: ClassVar[str]  # see `Prior`

    @abstractmethod
    def estimate(self, z: Array, *, keys: Array) -> Array:
        """See `Density`."""

    def tempered(self, temperature: Array) -> Self:
        """Returns p whose samples start from noise with `temperature` times its deviation."""
        return self.replace(temperature=self.temperature * temperature)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B], along the path from noise."""
        x = self.temperature * standard_normal(keys, len(self.mean))
        x = self._followed(self._guided(self.code), x, self.path.end, 0.0)
        return self.mean + self.std * x

    def denoised(self, x: Array, t: Array) -> Array:
        """Returns E[u | x_t] [B, D] for x [B, D] at a time t, with the solver's guidance."""
        _, sigma, _, d_sigma = self.path.at(t)
        return d_sigma * x - sigma * self._guided(self.code)(x, t)

    def log_prob(self, z: Array) -> Array:
        """Returns log p(z) [...] of z [..., D] by the ODE, with the trace in full.

        It takes D gradients a step. The solver's error is all that it lacks.
        """

        def trace(pull: Callable[[Array], tuple[Array]], x: Array) -> Array:
            units = jnp.eye(x.shape[-1])
            rows = jax.vmap(lambda unit: pull(jnp.broadcast_to(unit, x.shape))[0] @ unit)(units)
            return rows.sum(0)

        return self._along(z, trace)

    def hutchinson(self, z: Array, *, keys: Array) -> Array:
        """Returns log p(z) [K, B] of z [K, B, D] by the ODE, with a random trace.

        E[n . J n] is the trace of J for signs n (Hutchinson 1989; Grathwohl et al., "FFJORD",
        2019): one gradient a step, with the same n along the path. The mean over keys [K, B] is
        `log_prob`.
        """
        shape = (z.shape[-1],)
        signs = draw_each(
            lambda key: jax.random.rademacher(key, shape, z.dtype), other_keys(keys, PROBE)
        ).reshape(-1, *shape)
        return self._along(z, lambda pull, x: (pull(signs)[0] * signs).sum(-1))

    def _along(self, z: Array, trace: Callable[..., Array]) -> Array:
        """Returns log p(z) [...]: log N(x_1; 0, I) + int div v dt - sum log std.

        `trace` is given the function that pulls vectors [N, D] back through v at x, and x [N, D].
        """
        u = self._standardised(z)
        field = self._guided(self._codes(z))

        def both(state: tuple[Array, Array], t: Array) -> tuple[Array, Array]:
            v, pull = jax.vjp(lambda x: field(x, t), state[0])
            return v, trace(pull, state[0])

        x, change = self._followed(both, (u, jnp.zeros(len(u))), 0.0, self.path.end)
        log_prob = normal_log_prob(x, 0.0, 0.0).sum(-1) + change - jnp.log(self.std).sum()
        return log_prob.reshape(z.shape[:-1])

    def _followed(
        self, field: Callable[[Any, Array], Any], x: Any, start: float, end: float
    ) -> Any:
        """Returns x at `end`, from x at `start`, by the solver.

        All evaluations of the field are turns of one compiled loop, on a CPU too: it doubles the
        time of a convolution there, but unrolled, tens of passes of a network take minutes to
        compile. Heun's method evaluates twice a step: before it, and where Euler's would end.
        """
        step = (end - start) / self.solver.steps
        evaluations = 1 if self.solver.method == "euler" else 2

        def turn(carry: tuple[Any, Any], i: Array) -> tuple[tuple[Any, Any], None]:
            x, before = carry
            first, last = i % evaluations == 0, (i + 1) % evaluations == 0
            ahead = jnp.where(first, 0.0, step)
            at = jax.tree.map(lambda x, slope: x + ahead * slope, x, before)
            slope = field(at, start + step * ((i + evaluations - 1) // evaluations))

            def moved(x: Array, before: Array, slope: Array) -> Array:
                mean = slope if evaluations == 1 else 0.5 * (before + slope)
                return jnp.where(last, x + step * mean, x)

            return (jax.tree.map(moved, x, before, slope), slope), None

        carry = (x, jax.tree.map(jnp.zeros_like, x))
        turns = jnp.arange(evaluations * self.solver.steps)
        return jax.lax.scan(turn, carry, turns)[0][0]

    def _guided(self, code: Array | None) -> Callable[[Array, Array], Array]:
        """Returns v(x [N, D], t), with guidance where it is not 1."""
        weight = self.solver.guidance

        def field(x: Array, t: Array) -> Array:
            log_snr = jnp.broadcast_to(self.path.log_snr(t), x.shape[:1])
            if code is None or weight == 1:
                return self.velocity(x, log_snr, code)
            if weight == 0:
                return self.velocity(x, log_snr, jnp.zeros_like(code))
            twice = (jnp.concatenate([a, b]) for a, b in ((x, x), (log_snr, log_snr)))
            v, free = jnp.split(self.velocity(*twice, jnp.concatenate([code, 0 * code])), 2)
            return free + weight * (v - free)

        return field

    def _standardised(self, z: Array) -> Array:
        """Returns u [N, D] of z [..., D]."""
        return ((z - self.mean) / self.std).reshape(-1, z.shape[-1])

    def _codes(self, z: Array, keys: Array | None = None) -> Array | None:
        """Returns the codes [N, C + 1] of z [..., B, D]; in training with some left out."""
        if self.code is None:
            return None
        code = jnp.broadcast_to(self.code, (*z.shape[:-1], self.code.shape[-1]))
        if self.train and keys is not None:
            told = draw_each(
                lambda key: jax.random.bernoulli(key, 1 - UNTOLD), other_keys(keys, TOLD)
            )
            code = code * told[..., None]
        return code.reshape(-1, code.shape[-1])

    def _compared(self, z: Array, t: Array, keys: Array) -> tuple[Array, Array, Array]:
        """Returns u, v and v(x_t, t) [N, D] of z [K, B, D], at times t [N] with noise from keys."""
        u = self._standardised(z)
        noise = standard_normal(other_keys(keys, NOISE).reshape(-1), u.shape[-1])
        alpha, sigma, d_alpha, d_sigma = (x[:, None] for x in self.path.at(t))
        x, v = alpha * u + sigma * noise, d_alpha * u + d_sigma * noise
        return u, v, self.velocity(x, self.path.log_snr(t), self._codes(z, keys))


class Matched(PathDensity):
    """p(z) by flow matching along the line."""

    path = LINE
    estimated = "log p(z) is estimated along an ODE: nll is -elbo, an estimate of an upper bound"

    def estimate(self, z: Array, *, keys: Array) -> Array:
        """Returns log p(z) [K, B] with a random trace; in training minus the matching loss.

        The loss is the mean over the numbers of z of |v - v(x_t, t)|^2, at one time t = sigmoid(n),
        n ~ N(0, 1), for each key: in the middle of the path v is hardest to know (Esser et al.,
        "Scaling rectified flow transformers", 2024). It is no bound on log p(z).
        """
        if not self.train:
            return self.hutchinson(z, keys=keys)
        t = jax.nn.sigmoid(draw_each(jax.random.normal, other_keys(keys, TIME)).reshape(-1))
        _, v, guess = self._compared(z, t, keys)
        return -((v - guess) ** 2).mean(-1).reshape(keys.shape)


class Diffusion(PathDensity):
    """p(z) by diffusion along the circle; `log_prob` is of its ODE."""

    path = CIRCLE
    estimated = "log p(z) is a random bound: nll is -elbo, in the mean an upper bound on -log p(x)"

    def estimate(self, z: Array, *, keys: Array) -> Array:
        """Returns a random number [K, B] whose mean over keys is a bound on log p(z), see above."""
        log_snr, weight = self._log_snr(other_keys(keys, TIME).reshape(-1))
        t = jnp.arctan(jnp.exp(-0.5 * log_snr))
        u, v, guess = self._compared(z, t, keys)
        gain = 0.5 * weight * jax.nn.sigmoid(log_snr) * ((2 * v - guess) * guess).sum(-1)
        log_prob = normal_log_prob(u, 0.0, 0.0).sum(-1) + gain - jnp.log(self.std).sum()
        return log_prob.reshape(keys.shape)

    def _log_snr(self, keys: Array) -> tuple[Array, Array]:
        """Draws the log-SNR from keys [N], and returns 1 over its density.

        Half are uniform between the ends, so that no weight is large, and half logistic, where
        latents that hold a few nats differ most from a Gaussian.
        """
        low, high = self.path.lowest, self.path.highest
        ends = [jax.nn.sigmoid((end - CENTRE) / SPREAD) for end in (low, high)]
        share, chosen = jnp.unstack(
            draw_each(lambda key: jax.random.uniform(key, (2,)), keys), axis=1
        )
        inside = ends[0] + share * (ends[1] - ends[0])
        peaked = CENTRE + SPREAD * (jnp.log(inside) - jnp.log1p(-inside))
        log_snr = jnp.where(chosen < 0.5, low + share * (high - low), peaked)
        rise = jax.nn.sigmoid((log_snr - CENTRE) / SPREAD)
        density = rise * (1 - rise) / SPREAD / (ends[1] - ends[0])
        return log_snr, 1 / (0.5 * density + 0.5 / (high - low))
