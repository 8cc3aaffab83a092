"""Loops over the leading axis, in the form that a backend runs fast, and in pieces that fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun

# The operations whose operands and results XLA holds in memory; it fuses the rest.
CONVOLUTION = "conv_general_dilated"
PRODUCTS = ("dot_general", CONVOLUTION, "triangular_solve")


def scan(body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """Runs `jax.lax.scan`; on a CPU a body with convolutions is unrolled in Python.

    There XLA runs a convolution in a loop tens of times slower than outside of one, also in a loop
    of a single step, and with `unroll`. The body is traced once: the trace shows whether it has a
    convolution, and either form is made of it.
    """
    if jax.default_backend() != "cpu":
        return jax.lax.scan(body, carry, xs)

    def turn(i: int) -> Any:
        return jax.tree.map(lambda x: x[i], xs)

    length = len(jax.tree.leaves(xs)[0])
    if length > 1:
        jaxpr, shapes = jax.make_jaxpr(body, return_shape=True)(carry, turn(0))
        evaluate, structure = jaxpr_as_fun(jaxpr), jax.tree.structure(shapes)

        def body(carry: Any, x: Any) -> tuple[Any, Any]:
            return jax.tree.unflatten(structure, evaluate(*jax.tree.leaves((carry, x))))

        if CONVOLUTION not in str(jaxpr):
            return jax.lax.scan(body, carry, xs)
    outputs = []
    for i in range(length):
        carry, output = body(carry, turn(i))
        outputs.append(output)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)


def unrolls(function: Callable[..., Any], *arguments: Any) -> bool:
    """Returns whether `scan` unrolls a body that calls this function: what is long is to be cut."""
    if jax.default_backend() != "cpu":
        return False
    return CONVOLUTION in str(jax.make_jaxpr(function)(*arguments))


def fits(function: Callable[[Any], Any], xs: Any, *, limit: int) -> bool:
    """Returns whether a gradient of `function(xs)` holds at most `limit` bytes (`held_bytes`)."""
    return held_bytes(jax.make_jaxpr(function)(xs)) <= limit


def in_pieces(function: Callable[[Any], Any], xs: Any, *, limit: int) -> Any:
    """Returns `function(xs)` of arrays [N, ...], whose rows it treats independently.

    Where a gradient would hold more than `limit` bytes, the function is applied to one piece of xs
    after another, and a gradient computes each piece again instead of keeping it. The pieces are a
    loop on a CPU too, though convolutions are slow in one: unrolled, XLA would run them side by
    side and hold as much as without pieces.
    """
    number = len(jax.tree.leaves(xs)[0])
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(xs)
    pieces = min(number, math.ceil(held_bytes(jaxpr) / limit))
    if pieces <= 1:
        outputs = jaxpr_as_fun(jaxpr)(*jax.tree.leaves(xs))
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)
    size = math.ceil(number / pieces)

    def cut(x: Any) -> Any:
        """Reshapes [N, ...] to [pieces, size, ...], filled up with the last row."""
        rows = jnp.minimum(jnp.arange(pieces * size), number - 1)
        return x[rows].reshape(pieces, size, *x.shape[1:])

    outputs = jax.lax.map(jax.checkpoint(function), jax.tree.map(cut, xs))
    return jax.tree.map(lambda y: y.reshape(-1, *y.shape[2:])[:number], outputs)


def held_bytes(jaxpr: Any) -> int:
    """Returns the bytes of what a trace multiplies and convolves, and of the results.

    This is about what a gradient holds. Arrays from outside the trace, such as weights, do not
    count.
    """
    return sum(_kept_and_passing(jaxpr, {*jaxpr.jaxpr.invars, *jaxpr.jaxpr.constvars}))


def _kept_and_passing(jaxpr: Any, outside: set[Any]) -> tuple[int, int]:
    """Returns the bytes kept for the gradient, and the most that are temporary and made again."""
    whole: set[Any] = set()
    kept, passing = 0, 0
    for equation in jaxpr.eqns:
        if equation.primitive.name in PRODUCTS:
            whole.update(v for v in (*equation.invars, *equation.outvars) if v not in outside)
        turns = equation.params.get("length", 1)  # of a scan
        for inner in jax.tree.leaves(list(equation.params.values())):
            if hasattr(inner, "eqns"):
                own, other = _kept_and_passing(inner, set())
                if equation.primitive.name.startswith(("remat", "checkpoint")):
                    own, other = 0, own + other
                kept, passing = kept + turns * own, max(passing, other)
    return kept + sum(v.aval.size * v.aval.dtype.itemsize for v in whole), passing
