"""Priors at the end of a path from noise: diffusion and flow matching, see `probability.paths`.

A network over latents is learned; latents are standardised by running statistics: on a grid by
channel, else by number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.errors import InputError
from vae.models import parts
from vae.models.condition import Condition
from vae.models.priors.prior import Prior
from vae.networks.velocity import ResidualMLP, UNet
from vae.probability.density import Variational
from vae.probability.paths import Diffusion, Matched, Path, PathDensity
from vae.probability.solver import Solver
from vae.probability.terms import Batch

Array = jax.Array

DEFAULT = Solver()
SMALLEST = 1e-6  # of a standard deviation, so that a number that is constant divides nothing by 0
FORGETTING = 0.75  # batch n counts n^-0.75: an early one is forgotten, and noise averaged out


@dataclasses.dataclass(frozen=True)
class PathPrior(Prior):
    """p(z) at the end of a path, or p(z | y).

    Attributes:
      size, grid: see `Prior`.
      condition: what p(z) depends on, or None.
      network: see `networks.velocity`.
      density: `Diffusion` or `Matched`.
      solver: how samples are found.
    """

    size: int
    grid: tuple[int, ...]
    condition: Condition | None
    network: nn.Module
    density: type[PathDensity]
    solver: Solver = DEFAULT

    exact = False
    reads_condition = True

    def init(self, *, key: Array) -> parts.Variables:
        code = self._code(self.condition.unknown(1)) if self.condition else None
        x = self._laid_out(jnp.zeros((1, self.size)))
        drawn = parts.of_module(self.network, x, jnp.zeros(1), code, key=key)
        scales = jnp.zeros(self._channels), jnp.ones(self._channels)
        statistics = dict(zip(("mean", "square"), scales, strict=True))
        return drawn | {"statistics": {"batches": jnp.zeros(()), **statistics}}

    def tracked(self, variables: parts.Variables, z: Array) -> dict[str, Any]:
        """Returns the mean and mean square of each channel, or number, after another batch."""
        statistics = variables["statistics"]
        z = jax.lax.stop_gradient(z).reshape(-1, self._channels, self.size // self._channels)
        batches = statistics["batches"] + 1
        new = {"mean": z.mean((0, 2)), "square": (z**2).mean((0, 2))}
        share = batches**-FORGETTING
        averaged = {
            name: old + share * (new[name] - old) for name, old in statistics.items() if name in new
        }
        return {"batches": batches, **averaged}

    def with_solver(self, solver: Solver) -> Self:
        if solver.guidance != 1 and not self.condition:
            raise InputError(
                f"guidance={solver.guidance} weighs the condition of samples, and this model has "
                "none (model.condition='none'): leave guidance at 1."
            )
        return dataclasses.replace(self, solver=solver)

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> PathDensity:
        statistics = variables["statistics"]
        each = self.size // self._channels
        mean = statistics["mean"]
        std = jnp.sqrt(jnp.maximum(statistics["square"] - mean**2, SMALLEST**2))
        return self.density(
            velocity=jax.tree_util.Partial(self._velocity, variables["params"]),
            mean=jnp.repeat(mean, each),
            std=jnp.repeat(std, each),
            code=self._code(batch.y) if self.condition else None,
            solver=self.solver,
            train=train,
        )

    @property
    def estimated(self) -> str:  # type: ignore[override]
        return self.density.estimated

    @property
    def path(self) -> Path:  # type: ignore[override]  # None, where there is none
        return self.density.path

    @property
    def _channels(self) -> int:
        """How many numbers have a scale of their own."""
        return self.size // math.prod(self.grid) if self.grid else self.size

    def _velocity(self, params: Any, x: Array, log_snr: Array, code: Array | None) -> Array:
        v = parts.apply(self.network, params, self._laid_out(x), log_snr, code)
        return (jnp.moveaxis(v, -1, 1) if self.grid else v).reshape(x.shape)

    def _laid_out(self, x: Array) -> Array:
        """Returns latents [N, size] as the network takes them, [N, *grid, E] or [N, size]."""
        return jnp.moveaxis(x.reshape(len(x), -1, *self.grid), 1, -1) if self.grid else x

    def _code(self, y: Array) -> Array:
        """Returns the code of y and whether it is known, [B, C + 1]."""
        assert self.condition is not None  # the callers know
        code = self.condition.code(y)
        known = y >= 0 if self.condition.kind == "label" else jnp.ones(len(y))
        return jnp.concatenate([code, known.astype(code.dtype)[:, None]], axis=-1)


def diffusion(
    size: int,
    grid: tuple[int, ...],
    condition: Condition | None,
    widths: tuple[int, ...],
    blocks: int,
) -> PathPrior:
    """Returns a diffusion prior; it starts as a Gaussian with the scales of the latents."""
    return PathPrior(size, grid, condition, _network(grid, widths, blocks), Diffusion)


def flow_matching(
    size: int,
    grid: tuple[int, ...],
    condition: Condition | None,
    widths: tuple[int, ...],
    blocks: int,
) -> PathPrior:
    """Returns a prior by flow matching."""
    return PathPrior(size, grid, condition, _network(grid, widths, blocks), Matched)


def _network(grid: tuple[int, ...], widths: tuple[int, ...], blocks: int) -> nn.Module:
    return UNet(widths, blocks) if grid else ResidualMLP(widths, blocks)
