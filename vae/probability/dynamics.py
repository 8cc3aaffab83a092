"""Densities of latents that follow one another: p(z_1, ..., z_T) = prod_t p(z_t | z_1, ..., z_t-1).

z has E numbers at each of T places, laid out channel by channel, [E, T], flattened.

    linear     s_1 ~ N(m, diag(a)^2),   s_t = A s_t-1 + diag(q) w_t,   z_t = C s_t + diag(r) v_t,
               with noise w, v ~ N(0, I) and a state s that is not seen. z is Gaussian, and the
               filter of Kalman (1960) gives p(z_t | z_<t) and so p(z) exactly.
    recurrent  p(z_t | z_<t) = N(mean_t, diag(std_t)^2), both of a network that has read z_<t.

Beside these there may be numbers that stay: the last S channels of z, N(0, I) at every place, of
which the first place alone has a use (`vae/networks/per_frame.py`).

Beside what every density answers, these have

    log_probs(z)            log p(z_t | z_<t) [T, ...] of z [..., E T]
    given(z, seen, keys)    draws z [B, E T] from p(z | z_t where seen [T]), one from each key [B]
    foresees                whether `given` takes any frames; else the first ones alone
    there                   [B, T] bool, the places that each of B examples has; None: all of them.
                            At others z_t ~ N(0, I), whatever is before, as in q(z | x): this is the
                            density of the latents that there are, and log p - log q is theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Density
from vae.probability.distributions import (
    einsum,
    normal_log_prob,
    other_keys,
    standard_normal,
)

Array = jax.Array

STAYS = 4  # names the noise of channels that stay, see `other_keys`
LARGEST = 3.0  # of |log std| of a recurrent density, so that training leaves no finite numbers


def in_time(z: Array, length: int) -> Array:
    """Returns z [..., E T] as [T, ..., E]."""
    return jnp.moveaxis(z.reshape(*z.shape[:-1], -1, length), -1, 0)


def flattened(z: Array) -> Array:
    """Returns z [T, ..., E] as [..., E T]."""
    z = jnp.moveaxis(z, 0, -1)
    return z.reshape(*z.shape[:-2], -1)


def _of_those_there(log_probs: Array, frames: Array, there: Array | None) -> Array:
    """Returns log p(z_t | z_<t) [T, ..., B] of z [T, ..., B, E], where some are not `there`."""
    if there is None:
        return log_probs
    places, examples = there.T.shape
    there = there.T.reshape(places, *[1] * (log_probs.ndim - 2), examples)
    return jnp.where(there, log_probs, normal_log_prob(frames, 0.0, 0.0).sum(-1))


class LinearDynamics(Density, flax.struct.PyTreeNode):
    """A linear Gaussian state space; the letters are those above.

    Attributes:
      transition: A [S, S].
      emission: C [E, S].
      mean: m [S].
      log_start, log_step, log_noise: log a [S], log q [S] and log r [E].
      length: T.
      there: see above.
    """

    transition: Array
    emission: Array
    mean: Array
    log_start: Array
    log_step: Array
    log_noise: Array
    length: int = flax.struct.field(pytree_node=False)
    there: Array | None = None

    foresees = True

    def log_prob(self, z: Array) -> Array:
        """Returns log p(z) [...] of z [..., E T]."""
        return self.log_probs(z).sum(0)

    def log_probs(self, z: Array) -> Array:
        """Returns log p(z_t | z_<t) [T, ...] of z [..., E T]."""
        frames = in_time(z, self.length)
        log_probs = self._filtered(frames, jnp.ones(self.length, bool))[1][-1]
        return _of_those_there(log_probs, frames, self.there)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, E T], one from each key [B]."""
        states = len(self.mean)
        noise = in_time(
            standard_normal(keys, self.length * (states + len(self.log_noise))), self.length
        )
        w, v = noise[..., :states], noise[..., states:]

        def step(state: Array, w: Array) -> tuple[Array, Array]:
            after = einsum("ij,...j->...i", self.transition, state)
            state = after + jnp.exp(self.log_step) * w
            return state, state

        first = self.mean + jnp.exp(self.log_start) * w[0]
        _, others = jax.lax.scan(step, first, w[1:])
        return flattened(self._emitted(jnp.concatenate([first[None], others]), v))

    def tempered(self, temperature: Array) -> LinearDynamics:
        """Returns the density whose noise has `temperature` times the standard deviation."""
        scaled = {
            name: getattr(self, name) + jnp.log(temperature)
            for name in ("log_start", "log_step", "log_noise")
        }
        return self.replace(**scaled)

    def given(self, z: Array, seen: Array, *, keys: Array) -> Array:
        """Draws z [B, E T] given the numbers of z [B, E T] at the places that are `seen` [T].

        States are drawn from the last to the first, each given the one after it and what was seen
        until then (Carter and Kohn 1994; Fruhwirth-Schnatter 1994).
        """
        frames, states = in_time(z, self.length), len(self.mean)
        (_, _), (means, covariances, _) = self._filtered(frames, seen)
        noise = in_time(
            standard_normal(keys, self.length * (states + len(self.log_noise))), self.length
        )
        w, v = noise[..., :states], noise[..., states:]
        last = means[-1] + _scaled(covariances[-1], w[-1])

        def step(after: Array, known: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            mean, covariance, w = known
            crossed = covariance @ self.transition.T
            ahead = self.transition @ crossed + jnp.diag(jnp.exp(2 * self.log_step))
            gain = jnp.linalg.solve(ahead, crossed.T).T
            missed = after - einsum("ij,...j->...i", self.transition, mean)
            left = covariance - gain @ crossed.T
            state = mean + einsum("ij,...j->...i", gain, missed) + _scaled(left, w)
            return state, state

        before = means[:-1], covariances[:-1], w[:-1]
        _, others = jax.lax.scan(step, last, before, reverse=True)
        drawn = self._emitted(jnp.concatenate([others, last[None]]), v)
        return flattened(jnp.where(seen.reshape(-1, *[1] * (z.ndim)), frames, drawn))

    def _emitted(self, states: Array, noise: Array) -> Array:
        """Returns z [T, ..., E] of states [T, ..., S]."""
        return einsum("es,...s->...e", self.emission, states) + jnp.exp(self.log_noise) * noise

    def _filtered(self, frames: Array, seen: Array) -> Any:
        """Filters z [T, ..., E], of which the places that are `seen` [T] are known.

        Returns:
          The mean and covariance of the state after the last place; and for each place the mean
          [T, ..., S] and covariance [T, S, S] of its state given what is seen until then, and
          log p(z_t | what is seen before) [T, ...].
        """
        emission, identity = self.emission, jnp.eye(len(self.log_noise))
        step_noise = jnp.diag(jnp.exp(2 * self.log_step))
        noise = jnp.diag(jnp.exp(2 * self.log_noise))

        def step(carry: Any, place: tuple[Array, Array]) -> Any:
            mean, covariance = carry
            z, known = place
            crossed = einsum("ij,ej->ie", covariance, emission)
            root = jnp.linalg.cholesky(einsum("ei,if->ef", emission, crossed) + noise)
            inverse = jax.lax.linalg.triangular_solve(root, identity, left_side=True, lower=True)
            whitened = einsum("ef,...f->...e", inverse, z - einsum("es,...s->...e", emission, mean))
            log_prob = normal_log_prob(whitened, 0.0, 0.0).sum(-1) - jnp.log(jnp.diag(root)).sum()
            gain = einsum("ie,fe->if", crossed, inverse)  # of what is whitened
            mean = mean + jnp.where(known, einsum("if,...f->...i", gain, whitened), 0.0)
            covariance = covariance - jnp.where(known, einsum("if,jf->ij", gain, gain), 0.0)
            ahead = einsum("ij,jk,lk->il", self.transition, covariance, self.transition)
            after = einsum("ij,...j->...i", self.transition, mean), ahead + step_noise
            return after, (mean, covariance, log_prob)

        mean = jnp.broadcast_to(self.mean, (*frames.shape[1:-1], len(self.mean)))
        first = mean, jnp.diag(jnp.exp(2 * self.log_start))
        return jax.lax.scan(step, first, (frames, seen))


def _scaled(covariance: Array, noise: Array) -> Array:
    """Returns noise [..., S] ~ N(0, I) as N(0, covariance [S, S]), also where that is singular."""
    values, vectors = jnp.linalg.eigh(covariance)
    return einsum("ij,j,...j->...i", vectors, jnp.sqrt(jnp.maximum(values, 0.0)), noise)


class Recurrent(Density, flax.struct.PyTreeNode):
    """A product of Gaussians, each given by a network that has read what is before.

    Attributes:
      step: (memory, z_t-1 [N, E]) to (memory, mean and log std of z_t [N, 2 E]); a pytree. Before
        the first place z is 0.
      blank: a number of rows N, and E, to the memory before the first place.
      channels: E.
      length: T.
      log_temperature: of the standard deviations.
      there: see above.
    """

    step: Callable[[Any, Array], tuple[Any, Array]]
    log_temperature: Array
    blank: Callable[[int, int], Any] = flax.struct.field(pytree_node=False)
    channels: int = flax.struct.field(pytree_node=False)
    length: int = flax.struct.field(pytree_node=False)
    there: Array | None = None

    foresees = False

    def log_prob(self, z: Array) -> Array:
        """Returns log p(z) [...] of z [..., E T]."""
        return self.log_probs(z).sum(0)

    def log_probs(self, z: Array) -> Array:
        """Returns log p(z_t | z_<t) [T, ...] of z [..., E T]."""
        frames = in_time(z.reshape(-1, z.shape[-1]), self.length)

        def step(carry: Any, after: Array) -> Any:
            memory, before = carry
            memory, mean, log_std = self._next(memory, before)
            return (memory, after), normal_log_prob(after, mean, log_std).sum(-1)

        _, log_prob = jax.lax.scan(step, self._first(frames.shape[1]), frames)
        log_probs = log_prob.reshape(-1, *z.shape[:-1])
        return _of_those_there(log_probs, in_time(z, self.length), self.there)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, E T], one from each key [B]."""
        nothing = jnp.zeros((len(keys), self.channels * self.length))
        return self.given(nothing, jnp.zeros(self.length, bool), keys=keys)

    def tempered(self, temperature: Array) -> Recurrent:
        """Returns the density in which every step has `temperature` times the deviation."""
        return self.replace(log_temperature=self.log_temperature + jnp.log(temperature))

    def given(self, z: Array, seen: Array, *, keys: Array) -> Array:
        """Draws z [B, E T] after the numbers of z [B, E T] at the first places, `seen` [T]."""
        noise = in_time(standard_normal(keys, self.channels * self.length), self.length)

        def step(carry: Any, place: tuple[Array, Array, Array]) -> Any:
            memory, before = carry
            known, is_seen, noise = place
            memory, mean, log_std = self._next(memory, before)
            drawn = jnp.where(is_seen, known, mean + jnp.exp(log_std) * noise)
            return (memory, drawn), drawn

        places = in_time(z, self.length), seen, noise
        return flattened(jax.lax.scan(step, self._first(len(z)), places)[1])

    def _first(self, number: int) -> Any:
        return self.blank(number, self.channels), jnp.zeros((number, self.channels))

    def _next(self, memory: Any, before: Array) -> tuple[Any, Array, Array]:
        memory, outputs = self.step(memory, before)
        mean, log_std = jnp.split(outputs, 2, axis=-1)
        return memory, mean, LARGEST * jnp.tanh(log_std / LARGEST) + self.log_temperature


class Beside(Density, flax.struct.PyTreeNode):
    """A density of the channels that move, and N(0, I) of those that stay.

    Attributes:
      moving: the density of the first E - S channels.
      static: S.
      log_temperature: of the standard deviation of those that stay.
    """

    moving: Any
    log_temperature: Array
    static: int = flax.struct.field(pytree_node=False)

    @property
    def foresees(self) -> bool:
        return self.moving.foresees

    def log_prob(self, z: Array) -> Array:
        """Returns log p(z) [...] of z [..., E T]."""
        return self.log_probs(z).sum(0)

    def log_probs(self, z: Array) -> Array:
        """Returns log p(z_t | z_<t) [T, ...] of z [..., E T]."""
        moving, static = self._split(z)
        stays = normal_log_prob(in_time(static, self.moving.length), 0.0, self.log_temperature)
        return self.moving.log_probs(moving) + stays.sum(-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, E T], one from each key [B]."""
        noise = standard_normal(other_keys(keys, STAYS), self.static * self.moving.length)
        static = jnp.exp(self.log_temperature) * noise
        return jnp.concatenate([self.moving.sample(keys=keys), static], -1)

    def tempered(self, temperature: Array) -> Beside:
        """Returns the density in which all noise has `temperature` times the deviation."""
        log_temperature = self.log_temperature + jnp.log(temperature)
        return self.replace(
            moving=self.moving.tempered(temperature), log_temperature=log_temperature
        )

    def given(self, z: Array, seen: Array, *, keys: Array) -> Array:
        """Draws z [B, E T] given those at places that are `seen` [T], of which the first is one."""
        moving, static = self._split(z)
        return jnp.concatenate([self.moving.given(moving, seen, keys=keys), static], -1)

    def _split(self, z: Array) -> tuple[Array, Array]:
        moving, static = jnp.split(z, [z.shape[-1] - self.static * self.moving.length], -1)
        return moving, static


def beside(moving: Any, static: int) -> Any:
    """Returns the density of latents in time with so many channels that stay."""
    return Beside(moving, jnp.zeros(()), static) if static else moving
