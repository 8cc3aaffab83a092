"""Loops over the leading axis, in the form that a backend runs fast, and in pieces that fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun

# What XLA has whole, before and after; the rest it fuses.
PRODUCTS = ("dot_general", "conv_general_dilated", "triangular_solve")


def scan(body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """`jax.lax.scan`; on a CPU a body with convolutions is written out, turn by turn.

    There XLA runs a convolution in a loop tens of times slower than outside of one, also in a loop
    of a single turn, and with `unroll`. Whether the body has one is seen in its trace, of which
    either form is then made, so that the body is traced once.
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

        if "conv_general_dilated" not in str(jaxpr):
            return jax.lax.scan(body, carry, xs)
    outputs = []
    for i in range(length):
        carry, output = body(carry, turn(i))
        outputs.append(output)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)


def fits(function: Callable[[Any], Any], xs: Any, *, limit: int) -> bool:
    """Whether a gradient of `function(xs)` holds no more than `limit` bytes (`held_bytes`)."""
    return held_bytes(jax.make_jaxpr(function)(xs)) <= limit


def in_pieces(function: Callable[[Any], Any], xs: Any, *, limit: int) -> Any:
    """`function(xs)` of arrays [N, ...], which it takes one independently of the other.

    Where a gradient would hold more than `limit` bytes, it is applied to pieces of xs in turn, and
    a gradient computes each piece again instead of keeping it. Else it is the call alone. The turns
    are a loop on a CPU too, where convolutions are slow in one: written out, XLA runs them side by
    side, and holds as much as without pieces.
    """
    number = len(jax.tree.leaves(xs)[0])
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(xs)
    pieces = min(number, math.ceil(held_bytes(jaxpr) / limit))
    if pieces <= 1:
        outputs = jaxpr_as_fun(jaxpr)(*jax.tree.leaves(xs))
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)
    size = math.ceil(number / pieces)

    def cut(x: Any) -> Any:
        """[N, ...] to [pieces, size, ...]; the last row fills up."""
        rows = jnp.minimum(jnp.arange(pieces * size), number - 1)
        return x[rows].reshape(pieces, size, *x.shape[1:])

    outputs = jax.lax.map(jax.checkpoint(function), jax.tree.map(cut, xs))
    return jax.tree.map(lambda y: y.reshape(-1, *y.shape[2:])[:number], outputs)


def held_bytes(jaxpr: Any) -> int:
    """Bytes of what a trace multiplies and convolves, and gets of it: about what a gradient holds.

    What goes into the trace from outside, as weights do, is not counted.
    """
    return sum(_kept_and_passing(jaxpr, {*jaxpr.jaxpr.invars, *jaxpr.jaxpr.constvars}))


def _kept_and_passing(jaxpr: Any, outside: set[Any]) -> tuple[int, int]:
    """Bytes that are kept for the gradient, and most that are there for a while, and made again."""
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
