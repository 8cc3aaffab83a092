"""Codes latents, one vector z for each example, given p(z) and q(z | x).

A real z is a whole number u of cells on a grid, z = m + s u: both densities give each cell the mass
that lies in it. Under a Gaussian p(z) = N(m, S^2) a cell is S / CELLS wide, and they reach 16 S to
both sides. Where p(z) is known only once z is (a mixture, or a layer above), the width of a cell
is a small part of the standard deviations of q, taken from the first examples and written into the
file. What is pushed and popped is exact whatever the width, which decides how near the cost comes
to that of the densities, -log p(z) + log q(z | x).

A mixture p(z) = sum_k w_k p_k(z) takes bits back, too: pop k from p(k | z), push z given p_k and k
given w.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from vae.compression.numbers import batch_of
from vae.compression.stack import (
    Distribution,
    Stack,
    categorical,
    near,
    normal,
    standard_normal,
    uniform,
)
from vae.models.vae import VAE
from vae.probability.categorical import Categorical, UniformCategorical
from vae.probability.density import Density
from vae.probability.distributions import DiagonalGaussian, StandardNormal
from vae.probability.mixtures import GaussianMixture, normal_log_probs
from vae.training.devices import jit

Array = jax.Array

CELLS = 256  # in a standard deviation of p(z)
REACH = 2**12  # cells to both sides: 16 standard deviations
FAR = 2**14  # cells to both sides, where their width is taken from q
FINE = 16  # cells in the standard deviation of q that only a twentieth of all lies below


class Latents(Protocol):
    """How the z of a model with one layer is coded; u [B, D] are whole numbers.

    Attributes:
      width: of a cell, where it is taken from q: 0 before it is known. None where it is not.
    """

    width: float | None

    @abstractmethod
    def place(self, variables: Any, u: Array, y: Array | None, width: Any) -> Array:
        """Returns z [B, D] as a decoder takes it, in a trace."""

    @abstractmethod
    def q(self, numbers: np.ndarray, y: Any, rows: int) -> Distribution:
        """Returns q(z | x) of the first so many rows of examples [B, L]."""

    @abstractmethod
    def push(self, stack: Stack, u: np.ndarray, y: Any, rows: int) -> None:
        """Pushes the first so many rows of u given p(z)."""

    @abstractmethod
    def pop(self, stack: Stack, y: Any, batch: int, rows: int) -> np.ndarray:
        """Pops u [B, D] given p(z); it is 0 after the first so many rows."""


class Gaussian(Latents):
    """q(z | x) and p(z) are diagonal Gaussians."""

    width = None

    def __init__(self, model: VAE, variables: Any) -> None:
        def q(variables: Any, numbers: Array, y: Array | None) -> tuple[Array, Array]:
            q: Any = model.encode(variables, batch_of(numbers, y, model.event))
            return in_cells(q, gaussian(model.latents(variables, y)))

        self._model, self._variables, self._q = model, variables, jit(q)
        self._size = model.posterior.size

    def place(self, variables: Any, u: Array, y: Array | None, width: Any) -> Array:
        return at(u, gaussian(self._model.latents(variables, y)))

    def q(self, numbers: np.ndarray, y: Any, rows: int) -> Distribution:
        mean, std = self._q(self._variables, numbers, y)
        return near(mean[:rows], std[:rows], REACH)

    def push(self, stack: Stack, u: np.ndarray, y: Any, rows: int) -> None:
        stack.push(standard(rows * self._size), u[:rows])

    def pop(self, stack: Stack, y: Any, batch: int, rows: int) -> np.ndarray:
        return filled(stack.pop(standard(rows * self._size)), batch, rows)


class Mixture(Latents):
    """q(z | x) is a diagonal Gaussian, and p(z) a mixture of such."""

    def __init__(self, model: VAE, variables: Any) -> None:
        def q(variables: Any, numbers: Array, y: Array | None) -> tuple[Array, Array]:
            q: Any = model.encode(variables, batch_of(numbers, y, model.event))
            return q.mean, jnp.exp(q.log_std)

        def mixture(variables: Any, y: Array | None) -> tuple[Array, Array, Array]:
            p: Any = model.latents(variables, y)
            return jax.nn.softmax(p.logits), p.mean, jnp.exp(p.log_std)

        def given(variables: Any, u: Array, y: Array | None, width: Array) -> Array:
            p: Any = model.latents(variables, y)
            log_w = jax.nn.log_softmax(p.logits)
            return jax.nn.softmax(log_w + normal_log_probs(width * u, p.mean, p.log_std))

        self._q, self._mixture, self._given = jit(q), jit(mixture), jit(given)
        self._variables, self.width = variables, 0.0

    def place(self, variables: Any, u: Array, y: Array | None, width: Any) -> Array:
        return width * u

    def q(self, numbers: np.ndarray, y: Any, rows: int) -> Distribution:
        mean, std = map(np.asarray, self._q(self._variables, numbers, y))
        self.width = self.width or width_of(mean[:rows], std[:rows])
        return wide(mean[:rows], std[:rows], self.width, near)

    def push(self, stack: Stack, u: np.ndarray, y: Any, rows: int) -> None:
        component = stack.pop(self._of_component(u, y, rows))
        weights, given = self._of_mixture(y, rows)
        stack.push(given(component), u[:rows])
        stack.push(weights, component)

    def pop(self, stack: Stack, y: Any, batch: int, rows: int) -> np.ndarray:
        weights, given = self._of_mixture(y, rows)
        component = stack.pop(weights)
        u = filled(stack.pop(given(component)), batch, rows)
        stack.push(self._of_component(u, y, rows), component)
        return u

    def _of_component(self, u: np.ndarray, y: Any, rows: int) -> Distribution:
        """Returns p(k | z)."""
        p = self._given(self._variables, u, y, np.float32(self.width))
        return categorical(np.asarray(p)[:rows])

    def _of_mixture(self, y: Any, rows: int) -> tuple[Distribution, Callable[..., Distribution]]:
        """Returns p(k), and p(z | k) as a function of k."""
        weights, mean, std = map(np.asarray, self._mixture(self._variables, y))
        weights = np.broadcast_to(weights, (*weights.shape[:-1], rows, weights.shape[-1]))
        return categorical(weights), lambda k: wide(mean[k], std[k], self.width)


class OneHot(Latents):
    """z is one-hot blocks: q(z | x) is categorical, and p(z) uniform."""

    width = None

    def __init__(self, model: VAE, variables: Any) -> None:
        def q(variables: Any, numbers: Array, y: Array | None) -> Array:
            q: Any = model.encode(variables, batch_of(numbers, y, model.event))
            return jax.nn.softmax(q.logits)

        self._q, self._variables = jit(q), variables
        p: Any = model.latents(variables, blank_y(model, 1))
        self._size, self._classes = p.dim, p.categories

    def place(self, variables: Any, u: Array, y: Array | None, width: Any) -> Array:
        return jax.nn.one_hot(u, self._classes).reshape(len(u), -1)

    def q(self, numbers: np.ndarray, y: Any, rows: int) -> Distribution:
        p = np.asarray(self._q(self._variables, numbers, y))
        return categorical(p[:rows].reshape(-1, self._classes))

    def push(self, stack: Stack, u: np.ndarray, y: Any, rows: int) -> None:
        stack.push(uniform(self._classes, rows * self._size), u[:rows])

    def pop(self, stack: Stack, y: Any, batch: int, rows: int) -> np.ndarray:
        return filled(stack.pop(uniform(self._classes, rows * self._size)), batch, rows)


def of(model: VAE) -> type[Latents] | None:
    """Returns how the latents of a model are coded, or None where they have no code here."""

    def densities(variables: Any) -> tuple[Any, Any]:
        y = blank_y(model, 1)
        numbers = jnp.zeros((1, model.event.size), jnp.int32)
        return model.encode(variables, batch_of(numbers, y, model.event)), model.latents(
            variables, y
        )

    q, p = jax.eval_shape(lambda: densities(model.init(key=jax.random.key(0))))
    match q, p:
        case DiagonalGaussian(), StandardNormal() | DiagonalGaussian():
            return Gaussian
        case DiagonalGaussian(), GaussianMixture() if p.logits.ndim == 1:
            return Mixture
        case Categorical(), UniformCategorical():
            return OneHot
    return None


def blank_y(model: Any, number: int) -> Array | None:
    """Returns the unknown condition of so many examples; None where there is no condition."""
    return model.condition.unknown(number) if model.condition else None


def gaussian(p: Density) -> DiagonalGaussian:
    """Returns a p(z) that is N(0, I) or a diagonal Gaussian as the latter."""
    if isinstance(p, StandardNormal):
        return DiagonalGaussian(jnp.zeros(p.dim), jnp.zeros(p.dim))
    assert isinstance(p, DiagonalGaussian)
    return p


def in_cells(q: DiagonalGaussian, p: DiagonalGaussian) -> tuple[Array, Array]:
    """Returns the mean and standard deviation of q in cells of p's grid, in a trace."""
    mean = CELLS * (q.mean - p.mean) * jnp.exp(-p.log_std)
    return mean, CELLS * jnp.exp(q.log_std - p.log_std)


def at(u: Array, p: DiagonalGaussian) -> Array:
    """Returns the z of cells u of p's grid, in a trace."""
    return p.mean + jnp.exp(p.log_std) * (u / CELLS)


def standard(number: int) -> Distribution:
    """Returns p(u) of so many numbers on the grid of a Gaussian p(z)."""
    return standard_normal(CELLS, REACH, number)


def wide(
    mean: np.ndarray, std: np.ndarray, width: float, kind: Callable[..., Distribution] = normal
) -> Distribution:
    """Returns Gaussians on a grid of cells of a width, `normal` or `near`."""
    return kind(mean.astype(np.float64) / width, std.astype(np.float64) / width, FAR)


def width_of(mean: np.ndarray, std: np.ndarray) -> float:
    """Returns a width of cells for q of some examples: a power of two that is fine and reaches."""
    fine = np.quantile(std, 0.05) / FINE
    reaches = 2 * (np.abs(mean) + 8 * std).max() / FAR
    return float(2.0 ** np.floor(np.log2(np.maximum(fine, reaches))))


def filled(symbols: np.ndarray, batch: int, rows: int) -> np.ndarray:
    """Returns symbols of so many rows as [B, D], with rows of zeros after them."""
    u = np.zeros((batch, len(symbols) // rows), np.int32)
    u[:rows] = symbols.reshape(rows, -1)
    return u
