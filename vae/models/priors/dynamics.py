"""Priors p(z_t | z_<t) over latents that follow one another, see `vae/probability/dynamics.py`.

Linear: as in the Kalman VAE (Fraccaro et al. 2017), with one transition. Recurrent: as in Chung et
al. 2015, "A recurrent latent variable model", with latents that are encoded apart.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vae.errors import InputError
from vae.models import parts
from vae.models.priors.prior import Prior
from vae.networks.dynamics import Step
from vae.probability.density import Density, Variational
from vae.probability.distributions import DiagonalGaussian
from vae.probability.dynamics import LinearDynamics, Recurrent, beside
from vae.probability.terms import Batch

Array = jax.Array

KEPT = 0.9  # the share of a state's variance that is of the state before, at the start
SEEN = 0.5  # the share of a latent's variance that is of the state, at the start


@dataclasses.dataclass(frozen=True)
class Dynamics(Prior):
    """What both have: z of `channels` + `static` numbers at each of `length` places of time."""

    channels: int
    static: int
    length: int

    in_time = True

    def there(self, mask: Array | None) -> Array | None:
        """Returns the places of z that each example has, [B, T]; None where they are no frames."""
        if mask is None or mask.shape[1] != self.length:
            return None
        return mask.reshape(*mask.shape[:2], -1).any(-1)

    def left_out(self, q: Variational, mask: Array | None) -> Variational:
        there = self.there(mask)
        if there is None or not isinstance(q, DiagonalGaussian):
            return q
        moving = jnp.tile(there, (1, self.channels))  # z is laid out channel by channel
        each = jnp.pad(moving, ((0, 0), (0, self.static * self.length)), constant_values=True)
        mean, log_std = (jnp.where(each, leaf, 0.0) for leaf in (q.mean, q.log_std))
        return q.replace(mean=mean, log_std=log_std)


@dataclasses.dataclass(frozen=True)
class Linear(Dynamics):
    """A linear Gaussian state space of `states` numbers; each z_t starts as N(0, I), about."""

    states: int

    def init(self, *, key: Array) -> parts.Variables:
        turn, seen = jax.random.split(key)
        states, channels = self.states, self.channels
        orthogonal, _ = jnp.linalg.qr(jax.random.normal(turn, (states, states)))
        emission = jax.random.normal(seen, (channels, states)) * math.sqrt(SEEN / states)
        params = {
            "transition": math.sqrt(KEPT) * orthogonal,
            "emission": emission,
            "mean": jnp.zeros(states),
            "log_start": jnp.zeros(states),
            "log_step": jnp.full(states, 0.5 * math.log(1 - KEPT)),
            "log_noise": jnp.full(channels, 0.5 * math.log(1 - SEEN)),
        }
        return {"params": params, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> Density:
        there = self.there(batch.mask)
        moving = LinearDynamics(**variables["params"], length=self.length, there=there)
        return beside(moving, self.static)


@dataclasses.dataclass(frozen=True)
class Recurring(Dynamics):
    """Gaussians by a recurrent network; z_1 starts as N(0, I), about, others near those before."""

    network: Step

    def init(self, *, key: Array) -> parts.Variables:
        z = jnp.zeros((1, self.channels))
        return parts.of_module(self.network, self.network.blank(1, self.channels), z, key=key)

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> Density:
        step = jax.tree_util.Partial(self.network.apply, {"params": variables["params"]})
        moving = Recurrent(
            step,
            jnp.zeros(()),
            self.network.blank,
            channels=self.channels,
            length=self.length,
            there=self.there(batch.mask),
        )
        return beside(moving, self.static)


def linear_dynamics(
    size: int, grid: tuple[int, ...], widths: tuple[int, ...], static_channels: int = 0
) -> Linear:
    """Returns a linear prior, whose state has the first of `widths` numbers.

    Raises:
      InputError: z has no places along one axis, or nothing moves.
    """
    return Linear(*_laid_out("linear_dynamics", size, grid, static_channels), widths[0])


def recurrent(
    size: int, grid: tuple[int, ...], widths: tuple[int, ...], static_channels: int = 0
) -> Recurring:
    """Returns a recurrent prior, with a layer of each of `widths`.

    Raises:
      InputError: z has no places along one axis, or nothing moves.
    """
    return Recurring(*_laid_out("recurrent", size, grid, static_channels), Step(widths))


def _laid_out(name: str, size: int, grid: tuple[int, ...], static: int) -> tuple[int, int, int]:
    """Returns how many numbers of z move at each place of time, how many do not, and the places."""
    if len(grid) != 1:
        raise InputError(
            f"model.prior={name!r} is of latents that follow one another in time, and those of "
            "this model do not: choose 'per_frame' as model.encoder and model.decoder, of video, "
            "or 'grid', of sound."
        )
    if static >= size // grid[0]:
        raise InputError(
            f"model.static_channels={static} leaves none of the {size // grid[0]} numbers of a "
            "frame to move: set fewer."
        )
    return size // grid[0] - static, static, grid[0]
