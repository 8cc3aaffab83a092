"""The two functions of a model that other programs can call: its encoder and its decoder.

    encoder   x [B, *places, C], and y -> the mean of q(z | x), and its log_std where it is Gaussian
    decoder   z, and y                 -> x as p(x | z) is shown

Latents that are one vector are called `mean` and `z`; those of several groups have a number each,
`mean_0` and `z_0` the topmost. The batch B is of any size.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vae.config import own
from vae.errors import InputError
from vae.models.parts import Variables
from vae.networks import strided
from vae.probability.terms import Batch
from vae.run import Run

Array = jax.Array

BATCH = "batch"  # the name of the free dimension


class Input(NamedTuple):
    """What a function takes: its name, and the shape and type of one example."""

    name: str
    shape: tuple[int, ...]
    dtype: Any


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of arrays, as it is exported.

    Attributes:
      name: "encoder" or "decoder".
      call: takes the variables and the arrays of `inputs`; returns a tuple of arrays [B, ...].
      variables: the model's.
      inputs: what it takes.
      outputs: the names of what it returns.
    """

    name: str
    call: Callable[..., tuple[Array, ...]]
    variables: Variables
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]

    def shapes(self, batch: Any) -> list[jax.ShapeDtypeStruct]:
        """Returns the shapes and types of the inputs for so many examples."""
        return [jax.ShapeDtypeStruct((batch, *each.shape), each.dtype) for each in self.inputs]

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Returns the outputs for arrays, as the run's own compiled layers compute them."""
        return [np.asarray(x) for x in self._compiled(self.variables, *inputs)]

    @functools.cached_property
    def _compiled(self) -> Callable[..., tuple[Array, ...]]:
        return jax.jit(self.call)


def functions_of(run: Run) -> dict[str, Function]:
    """Returns the functions of a run's model by name; some models have no encoder."""
    return ({"encoder": _encoder(run)} if run.model.encodes else {}) | {"decoder": decoder_of(run)}


def _encoder(run: Run) -> Function:
    model = run.model

    def encode(variables: Variables, x: Array, y: Array | None = None) -> tuple[Array, ...]:
        x, mask = model.event.values.known(x)
        q = model.encode(variables, Batch(x, y, mask))
        log_std = getattr(q, "log_std", None)
        return (*jax.tree.leaves(q.mean), *(() if log_std is None else (log_std,)))

    dtype = np.int32 if run.event.values.kind == "tokens" else np.float32
    inputs = (Input("x", run.event.shape, dtype), *_told(run, model.condition))
    with_log_std = jax.eval_shape(
        encode, run.variables, *(jax.ShapeDtypeStruct((1, *i.shape), i.dtype) for i in inputs)
    )
    names = _numbered("mean", len(_latents(run)))
    if len(with_log_std) > len(names):
        names = (*names, "log_std")
    return Function("encoder", encode, run.variables, inputs, names)


def decoder_of(run: Run) -> Function:
    """Returns the function from z to x as p(x | z) is shown.

    A causal decoder finds each value given those before it: the most probable, or the nearest to
    the mean.
    """
    model = run.model
    latents, condition = _latents(run), model.condition
    structure = jax.tree.structure(run.compiled.latents(run.variables))

    def decode(variables: Variables, *inputs: Array) -> tuple[Array, ...]:
        z = jax.tree.unflatten(structure, inputs[: len(latents)])
        y = inputs[len(latents)] if len(inputs) > len(latents) else None
        if y is None and condition:
            y = jnp.broadcast_to(condition.unknown(1), (inputs[0].shape[0], *_y_shape(condition)))
        return (model.decode(variables, z, y),)

    inputs = tuple(
        Input(name, leaf.shape[1:], leaf.dtype)
        for name, leaf in zip(_numbered("z", len(latents)), latents, strict=True)
    )
    told = _told(run, condition if condition and condition.to_decoder else None)
    return Function("decoder", decode, run.variables, (*inputs, *told), ("x",))


def _latents(run: Run) -> list[Any]:
    """Returns the shapes and types of one example's latents, [1, ...] each."""
    return jax.tree.leaves(run.compiled.latents(run.variables))


def _told(run: Run, condition: Any) -> tuple[Input, ...]:
    if condition is None:
        return ()
    return (Input("y", _y_shape(condition), np.int32 if condition.kind == "label" else np.float32),)


def _y_shape(condition: Any) -> tuple[int, ...]:
    return () if condition.kind == "label" else (condition.size,)


def _numbered(name: str, number: int) -> tuple[str, ...]:
    return (name,) if number == 1 else tuple(f"{name}_{i}" for i in range(number))


def plain(function: Function) -> Callable[..., tuple[Array, ...]]:
    """Returns its `call` with layers that are ordinary `lax` operations.

    It raises InputError where a layer needs to know how many examples there are.
    """

    def call(*arguments: Any) -> tuple[Array, ...]:
        try:
            with strided.plain():
                return function.call(*arguments)
        except (TypeError, jax.errors.JAXTypeError) as error:
            where = own.told(error, f"the {function.name} for any number of examples")
            raise InputError(f"{where}; write x.shape[0] where it has len(x).") from None

    return call


def examples_of(run: Run, function: Function, number: int) -> list[np.ndarray]:
    """Returns inputs of so many examples to try a function with: draws of the model itself."""
    condition = run.model.condition
    keys = jax.random.split(jax.random.key(0), number)
    y = None
    if condition:
        y = condition.unknown(number)
        if condition.kind == "label":
            y = jnp.arange(number, dtype=jnp.int32) % condition.size
    z = jax.jit(lambda variables: run.model.sample(variables, y, keys=keys))(run.variables)
    told = [] if y is None or function.inputs[-1].name != "y" else [np.asarray(y)]
    if function.name == "decoder":
        return [*map(np.asarray, jax.tree.leaves(z)), *told]
    if run.model.causal:
        x = np.arange(number * run.event.size) % max(run.event.values.levels or 1, 1)
        x = x.reshape(number, *run.event.shape)
        scale = 1 if run.event.values.kind == "tokens" else max(x.max(), 1)
        return [(x / scale).astype(function.inputs[0].dtype), *told]
    return [np.asarray(run.decode(z, None if y is None else np.asarray(y))), *told]
