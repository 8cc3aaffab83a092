"""The order in which a model's examples and latents are pushed and popped; see the package.

A chain codes batches of one size, of which only the first rows count: so a batch of one row gives
the bits that a batch of two can pop, and the file has no more bits below the first example than one
example pops.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from vae.compression import latents
from vae.compression.emissions import Emitted
from vae.compression.latents import at, blank_y, filled, in_cells, standard, wide, width_of
from vae.compression.numbers import batch_of
from vae.compression.stack import Distribution, Stack, categorical, near
from vae.errors import InputError
from vae.models.ladder import Ladder
from vae.models.model import Model
from vae.models.parts import part
from vae.models.quantized import Quantized
from vae.models.two_layer import TwoLayer
from vae.models.vae import VAE
from vae.probability.distributions import DiagonalGaussian
from vae.training.devices import jit

Array = jax.Array


class Chain(Protocol):
    """Codes batches of a model's examples.

    Attributes:
      width: of a cell where it is taken from the first examples, 0 before that; None where it is
        not. A reader sets it to the writer's.
      emitted: p(x | z).
    """

    width: float | None
    emitted: Emitted

    @abstractmethod
    def push(self, stack: Stack, numbers: np.ndarray, y: Any, rows: int) -> None:
        """Pushes the first so many rows of examples [B, L] with conditions y."""

    @abstractmethod
    def pop(self, stack: Stack, y: Any, rows: int, batch: int) -> np.ndarray:
        """Pops what `push` pushed; numbers after the first so many rows are -1."""


class OneLayer(Chain):
    """A VAE with one vector z: pop z ~ q(z | x), push x, push z."""

    def __init__(self, model: VAE, variables: Any, of: Callable[..., latents.Latents]) -> None:
        self.emitted, self._variables = Emitted(model, variables), variables
        self._latents = own = of(model, variables)

        def start(variables: Any, u: Array, y: Array | None, width: Array) -> Any:
            z = own.place(variables, u, y, width)
            return self.emitted.start(variables, *model.inputs(variables, z, y))

        self._start = jit(start)

    @property
    def width(self) -> float | None:  # type: ignore[override]  # a field of others
        return self._latents.width

    @width.setter
    def width(self, width: float | None) -> None:
        self._latents.width = width

    def push(self, stack: Stack, numbers: np.ndarray, y: Any, rows: int) -> None:
        u = filled(stack.pop(self._latents.q(numbers, y, rows)), len(numbers), rows)
        self.emitted.push(stack, self._started(u, y), numbers, rows)
        self._latents.push(stack, u, y, rows)

    def pop(self, stack: Stack, y: Any, rows: int, batch: int) -> np.ndarray:
        u = self._latents.pop(stack, y, batch, rows)
        numbers = self.emitted.pop(stack, self._started(u, y), batch, rows)
        stack.push(self._latents.q(numbers, y, rows), u[:rows])
        return numbers

    def _started(self, u: np.ndarray, y: Any) -> Any:
        return self._start(self._variables, u, y, np.float32(self.width or 0))


class BitSwap(Chain):
    """Two layers: pop z1 ~ q(z1 | x), push x, pop z2 ~ q(z2 | z1), push z1 and z2."""

    def __init__(self, model: TwoLayer, variables: Any) -> None:
        self.emitted, self._variables, self.width = Emitted(model, variables), variables, 0.0
        self._size = model.dims[1]
        unit = DiagonalGaussian(jnp.zeros(self._size), jnp.zeros(self._size))

        def q1(variables: Any, numbers: Array, y: Array | None) -> tuple[Array, Array]:
            return moments(model.q1(variables, batch_of(numbers, y, model.event)))

        def start(variables: Any, u1: Array, y: Array | None, width: Array) -> Any:
            z = width * u1, jnp.zeros((len(u1), self._size))
            return self.emitted.start(variables, *model.inputs(variables, z, y))

        def q2(variables: Any, u1: Array, width: Array) -> tuple[Array, Array]:
            return in_cells(model.q2(variables, width * u1), unit)

        def p1(variables: Any, u2: Array) -> tuple[Array, Array]:
            return moments(model.p1(variables, at(u2, unit)))

        self._q1, self._start, self._q2, self._p1 = jit(q1), jit(start), jit(q2), jit(p1)

    def push(self, stack: Stack, numbers: np.ndarray, y: Any, rows: int) -> None:
        batch = len(numbers)
        u1 = filled(stack.pop(self._given_x(numbers, y, rows)), batch, rows)
        self.emitted.push(stack, self._started(u1, y), numbers, rows)
        u2 = filled(stack.pop(self._above(u1, rows)), batch, rows)
        stack.push(self._below(u2, rows), u1[:rows])
        stack.push(standard(rows * self._size), u2[:rows])

    def pop(self, stack: Stack, y: Any, rows: int, batch: int) -> np.ndarray:
        u2 = filled(stack.pop(standard(rows * self._size)), batch, rows)
        u1 = filled(stack.pop(self._below(u2, rows)), batch, rows)
        stack.push(self._above(u1, rows), u2[:rows])
        numbers = self.emitted.pop(stack, self._started(u1, y), batch, rows)
        stack.push(self._given_x(numbers, y, rows), u1[:rows])
        return numbers

    def _given_x(self, numbers: np.ndarray, y: Any, rows: int) -> Distribution:
        mean, std = map(np.asarray, self._q1(self._variables, numbers, y))
        self.width = self.width or width_of(mean[:rows], std[:rows])
        return wide(mean[:rows], std[:rows], self.width, near)

    def _started(self, u1: np.ndarray, y: Any) -> Any:
        return self._start(self._variables, u1, y, np.float32(self.width))

    def _above(self, u1: np.ndarray, rows: int) -> Distribution:
        mean, std = self._q2(self._variables, u1, np.float32(self.width))
        return near(mean[:rows], std[:rows], latents.REACH)

    def _below(self, u2: np.ndarray, rows: int) -> Distribution:
        mean, std = map(np.asarray, self._p1(self._variables, u2))
        return wide(mean[:rows], std[:rows], self.width)


class TopDown(Chain):
    """A ladder: pop every z_g ~ q(z_g | z_<g, x), push x, push every z_g.

    The path down is taken a group at a time. A cell of a group's grid is a part of the standard
    deviation of p(z_g | z_<g), so that all u are N(0, 1) whatever is above them.
    """

    width = None

    def __init__(self, model: Ladder, variables: Any) -> None:
        self.emitted, self._variables = Emitted(model, variables), variables
        self._groups = sum(model.decoder.groups)

        def begin(variables: Any, number: int, y: Array | None) -> Array:
            return model.begin(variables, number, y)

        def up(variables: Any, numbers: Array, y: Array | None) -> list[Array]:
            return model.up(variables, batch_of(numbers, y, model.event))

        def q(variables: Any, n: int, h: Array, context: Array) -> tuple[Array, Array]:
            found: list[tuple[Array, Array]] = []

            def choose(p: DiagonalGaussian, q: Any) -> Array:
                found.append(in_cells(q, p))
                return p.mean

            model.group(variables, n, h, context, choose)
            return found[0]

        def advance(variables: Any, n: int, h: Array, u: Array) -> Array:
            return model.group(variables, n, h, None, lambda p, q: at(u, p))

        def start(variables: Any, h: Array) -> Any:
            return self.emitted.of_outputs(variables, model.finish(variables, h))

        self._up, self._start = jit(up), jit(start)
        self._begin, self._q, self._advance = (
            jit(f, static_argnums=1) for f in (begin, q, advance)
        )
        self._sizes = [
            z.shape[1]
            for z in jax.eval_shape(
                lambda v: model.sample(
                    v, blank_y(model, 1), keys=jax.random.split(jax.random.key(0), 1)
                ),
                variables,
            )
        ]

    def push(self, stack: Stack, numbers: np.ndarray, y: Any, rows: int) -> None:
        variables, h, drawn = self._variables, self._first(y, len(numbers)), []
        for n, context in enumerate(self._up(variables, numbers, y)):
            found = stack.pop(_moments_of(self._q(variables, n, h, context), rows))
            drawn.append(filled(found, len(numbers), rows))
            h = self._advance(variables, n, h, drawn[-1])
        self.emitted.push(stack, self._start(variables, h), numbers, rows)
        for u in reversed(drawn):
            stack.push(standard(u[:rows].size), u[:rows])

    def pop(self, stack: Stack, y: Any, rows: int, batch: int) -> np.ndarray:
        variables, before = self._variables, [self._first(y, batch)]
        drawn = [filled(stack.pop(standard(rows * size)), batch, rows) for size in self._sizes]
        for n, u in enumerate(drawn):
            before.append(self._advance(variables, n, before[-1], u))
        numbers = self.emitted.pop(stack, self._start(variables, before.pop()), batch, rows)
        contexts = self._up(variables, numbers, y)
        for n in reversed(range(self._groups)):
            q = _moments_of(self._q(variables, n, before[n], contexts[n]), rows)
            stack.push(q, drawn[n][:rows])
        return numbers

    def _first(self, y: Any, batch: int) -> Array:
        return self._begin(self._variables, batch, y)


class Certain(Chain):
    """Codes c, which q finds with certainty: push x, push c, each code given those before it."""

    width = None

    def __init__(self, model: Quantized, variables: Any) -> None:
        self.emitted, self._variables = Emitted(model, variables), variables
        network = model.code_prior.network
        self._length, self._none = network.length, network.vocabulary

        def encode(variables: Any, numbers: Array, y: Array | None) -> Array:
            codes = model.encode(variables, batch_of(numbers, y, model.event)).codes
            return codes.reshape(len(codes), -1)

        def start(variables: Any, codes: Array, y: Array | None) -> Any:
            own = part(variables, "quantizer")
            z = model.quantizer.look_up(codes.reshape(-1, *model.places), own)
            return self.emitted.start(variables, *model.inputs(variables, z, y))

        def read(variables: Any, before: Array, memory: Any, i: Array, y: Any) -> tuple[Array, Any]:
            logits, memory = model.next_code(variables, before, memory, i, y)
            return jax.nn.softmax(logits), memory

        self._encode, self._start = jit(encode), jit(start)
        self._read = jit(read, donate_argnums=2)
        self._memory = jit(network.memory, static_argnums=0)

    def push(self, stack: Stack, numbers: np.ndarray, y: Any, rows: int) -> None:
        codes = np.asarray(self._encode(self._variables, numbers, y))
        self.emitted.push(stack, self._start(self._variables, codes, y), numbers, rows)
        memory, coded = self._memory(len(codes)), []
        before = np.full(len(codes), self._none, np.int32)
        for i in range(self._length):
            p, memory = self._read(self._variables, before, memory, np.int32(i), y)
            before = np.ascontiguousarray(codes[:, i])
            coded.append((categorical(np.asarray(p)[:rows]), before[:rows]))
        for distribution, symbols in reversed(coded):
            stack.push(distribution, symbols)

    def pop(self, stack: Stack, y: Any, rows: int, batch: int) -> np.ndarray:
        memory, codes = self._memory(batch), np.zeros((batch, self._length), np.int32)
        before = np.full(batch, self._none, np.int32)
        for i in range(self._length):
            p, memory = self._read(self._variables, before, memory, np.int32(i), y)
            codes[:rows, i] = stack.pop(categorical(np.asarray(p)[:rows]))
            before = np.ascontiguousarray(codes[:, i])
        return self.emitted.pop(stack, self._start(self._variables, codes, y), batch, rows)


def moments(q: DiagonalGaussian) -> tuple[Array, Array]:
    """Returns the mean and the standard deviation."""
    return q.mean, jnp.exp(q.log_std)


def _moments_of(found: tuple[Array, Array], rows: int) -> Distribution:
    mean, std = found
    return near(mean[:rows], std[:rows], latents.REACH)


def chain_of(model: Model, variables: Any) -> Chain:
    """Returns the chain of a model.

    Raises:
      InputError: its examples cannot be coded.
    """
    if reason := why_not(model):
        raise InputError(f"examples cannot be compressed with this run: {reason}")
    match model:
        case VAE():
            coded = latents.of(model)
            assert coded is not None
            return OneLayer(model, variables, coded)
        case TwoLayer():
            return BitSwap(model, variables)
        case Ladder():
            return TopDown(model, variables)
    assert isinstance(model, Quantized)
    return Certain(model, variables)


def why_not(model: Model) -> str | None:
    """Returns a sentence that says why a model's examples cannot be coded, or None."""
    if not isinstance(model, VAE | TwoLayer | Ladder | Quantized):
        return (
            "its model has no code; 'vae', 'two_layer', 'ladder', 'vq' and 'fsq' of model.name do."
        )
    values, likelihood = model.event.values, model.likelihood
    if not likelihood.discrete or likelihood.log_levels(values) is None:
        return (
            f"its likelihood, {type(likelihood).__name__}, is no probability of "
            f"its values ({values.kind}), and only discrete values have a code."
        )
    if not (likelihood.by_value or likelihood.in_turn):
        return (
            "its likelihood has numbers that values share by their channels or an example by its "
            "sum; of counts, model.library='none' and model.dispersion='per_value' have a code."
        )
    if isinstance(model, Ladder) and model.prior:
        return "its topmost latents have no code, which those of a standard_normal prior have."
    if isinstance(model, VAE) and latents.of(model) is None:
        return (
            "its latents have no code: bits back is for q(z | x) that is a diagonal Gaussian with "
            "a Gaussian prior or a mixture of Gaussians, or for categorical latents."
        )
    return None
