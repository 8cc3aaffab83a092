"""The operators of a traced JAX function, as operators of ONNX.

`convert` goes through a jaxpr equation by equation. Each primitive has a function here that takes
the graph, the equation and the values of its inputs, and returns those of its outputs; those that
are one operator of ONNX stand in `SAME`. The plain forms of the layers (`strided.plain`) need no
other primitives. Names of the primitives are JAX's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from vae.export.onnx_graph import Graph, Unsupported, Value, known, numpy_type, onnx_type

FOLDED = 65_536  # known values up to this size are computed at once, whatever their inputs' size

SAME = {
    "add": "Add",
    "add_any": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "pow": "Pow",
    "max": "Max",
    "min": "Min",
    "neg": "Neg",
    "abs": "Abs",
    "sign": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "asin": "Asin",
    "acos": "Acos",
    "atan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "tanh": "Tanh",
    "asinh": "Asinh",
    "acosh": "Acosh",
    "atanh": "Atanh",
    "logistic": "Sigmoid",
    "erf": "Erf",
    "eq": "Equal",
    "lt": "Less",
    "le": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
}
LOGICAL = {"and": "And", "or": "Or", "xor": "Xor", "not": "Not"}
REDUCTIONS = {
    "reduce_sum": "ReduceSum",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
}
NOTHING = ("copy", "copy_p", "reduce_precision", "stop_gradient", "optimization_barrier")
LOOPS = ("scan", "while", "cond")
INLINE = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # where a primitive keeps the function it calls

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Registers a function for primitives of these names."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def convert(
    graph: Graph,
    jaxpr: Any,
    consts: Sequence[Any],
    inputs: Sequence[Value],
    read: Sequence[bool] | None = None,
) -> list[Any]:
    """Adds what a jaxpr computes to a graph and returns the values of its outputs.

    Args:
      graph: the graph.
      jaxpr: the traced function.
      consts: the values of its constants.
      inputs: those of its inputs.
      read: which outputs are read; all if None. The others are None.

    Raises:
      Unsupported: a primitive has no form in ONNX.
    """
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
    values |= zip(jaxpr.invars, inputs, strict=True)

    def value(atom: Any) -> Value:
        return np.asarray(atom.val) if isinstance(atom, jax.extend.core.Literal) else values[atom]

    outputs = [each for i, each in enumerate(jaxpr.outvars) if read is None or read[i]]
    for eqn, needed in _needed(jaxpr.eqns, outputs):
        given = [value(atom) for atom in eqn.invars]
        made = _computed(eqn, given)
        if made is None:
            made = _converted(graph, eqn, given, needed)
        values |= zip(eqn.outvars, made, strict=True)
    return [
        value(each) if read is None or read[i] else None for i, each in enumerate(jaxpr.outvars)
    ]


def _needed(eqns: Sequence[Any], outputs: Sequence[Any]) -> list[tuple[Any, list[bool]]]:
    """Returns the equations that outputs need, with which outputs of their own these need."""
    live = {each for each in outputs if not isinstance(each, jax.extend.core.Literal)}
    kept = []
    for eqn in reversed(eqns):
        needed = [variable in live for variable in eqn.outvars]
        if any(needed):
            kept.append((eqn, needed))
            live |= {x for x in eqn.invars if not isinstance(x, jax.extend.core.Literal)}
    return kept[::-1]


def _computed(eqn: Any, given: Sequence[Value]) -> list[np.ndarray] | None:
    """Returns the outputs of an equation whose inputs are known, unless they are large."""
    shapes = [var.aval.shape for var in eqn.outvars]
    arrays = [x for x in given if isinstance(x, np.ndarray)]
    static = all(isinstance(size, int) for shape in shapes for size in shape)
    if len(arrays) < len(given) or not static:
        return None
    if eqn.primitive.name == "platform_index":
        platforms = eqn.params["platforms"]
        return [np.array(len(platforms) - 1, np.int32)]  # the form for any platform
    size = sum(int(np.prod(shape)) for shape in shapes)
    large = size > max([FOLDED, *(x.size for x in arrays)])
    if large or _function(eqn) or eqn.primitive.name in LOOPS:
        return None
    made = eqn.primitive.bind(*arrays, **eqn.params)
    made = made if eqn.primitive.multiple_results else [made]
    keys = any(jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) for x in made)
    return None if keys else [np.asarray(x) for x in made]


def _converted(graph: Graph, eqn: Any, given: Sequence[Value], needed: Sequence[bool]) -> list[Any]:
    name = eqn.primitive.name
    if name in SAME:
        return [graph.node(SAME[name], *given)]
    if name in LOGICAL and eqn.invars[0].aval.dtype == bool:
        return [graph.node(LOGICAL[name], *given)]
    if name in NOTHING:
        return list(given)
    if name in REDUCTIONS:
        axes = np.array(eqn.params["axes"], np.int64)
        return [graph.node(REDUCTIONS[name], *given, axes, keepdims=0)] if len(axes) else [*given]
    if name in HANDLERS:
        made = HANDLERS[name](graph, eqn, *given)
        return made if isinstance(made, list) else [made]
    if function := _function(eqn):
        jaxpr = getattr(function, "jaxpr", function)
        return convert(graph, jaxpr, getattr(function, "consts", ()), given, needed)
    raise Unsupported(f"the operation {name!r}")


def _function(eqn: Any) -> Any:
    """Returns the function that an equation does nothing but call, or None."""
    if eqn.primitive.name in HANDLERS:
        return None
    return next((eqn.params[name] for name in INLINE if name in eqn.params), None)


def shape_of(eqn: Any, number: int = 0) -> tuple[Any, ...]:
    """Returns the shape of one of an equation's inputs."""
    return eqn.invars[number].aval.shape


def _one(like: Any) -> np.ndarray:
    return np.array(1, numpy_type(like.aval.dtype))


@handles("ne")
def _ne(graph: Graph, eqn: Any, x: Value, y: Value) -> Value:
    return graph.node("Not", graph.node("Equal", x, y))


@handles("rsqrt")
def _rsqrt(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.node("Reciprocal", graph.node("Sqrt", x))


@handles("square")
def _square(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.node("Mul", x, x)


@handles("integer_pow")
def _integer_pow(graph: Graph, eqn: Any, x: Value) -> Value:
    power = eqn.params["y"]
    return (
        graph.node("Mul", x, x)
        if power == 2
        else graph.node("Pow", x, np.array(power, numpy_type(eqn.invars[0].aval.dtype)))
    )


@handles("exp2")
def _exp2(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.node("Pow", np.array(2, np.float32), x)


@handles("log1p")
def _log1p(graph: Graph, eqn: Any, x: Value) -> Value:
    """log(1 + x) to the last digits: x log(u) / (u - 1), u = 1 + x (Kahan; Goldberg 1991)."""
    one = _one(eqn.invars[0])
    u = graph.node("Add", x, one)
    ratio = graph.node("Div", graph.node("Log", u), graph.node("Sub", u, one))
    # Where u is infinite, so is the logarithm.
    plain = graph.node("Or", graph.node("Equal", u, one), graph.node("IsInf", u))
    return graph.node("Where", plain, x, graph.node("Mul", x, ratio))


@handles("expm1")
def _expm1(graph: Graph, eqn: Any, x: Value) -> Value:
    """exp(x) - 1 to the last digits: x (u - 1) / log(u), u = exp(x), where that is defined."""
    one = _one(eqn.invars[0])
    u = graph.node("Exp", x)
    less = graph.node("Sub", u, one)
    near = graph.node("Less", graph.node("Abs", x), one)
    ratio = graph.node("Div", graph.node("Mul", x, less), graph.node("Log", u))
    small = graph.node("Where", graph.node("Equal", u, one), x, ratio)
    return graph.node("Where", near, small, less)


@handles("erfc")
def _erfc(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.node("Sub", _one(eqn.invars[0]), graph.node("Erf", x))


@handles("round")
def _round(graph: Graph, eqn: Any, x: Value) -> Value:
    if eqn.params["rounding_method"] == jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        return graph.node("Round", x)
    half = graph.node("Floor", graph.node("Add", graph.node("Abs", x), np.array(0.5, np.float32)))
    return graph.node("Mul", graph.node("Sign", x), half)


@handles("rem")
def _rem(graph: Graph, eqn: Any, x: Value, y: Value) -> Value:
    return graph.node("Mod", x, y, fmod=1)


@handles("is_finite")
def _is_finite(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.node("Not", graph.node("Or", graph.node("IsInf", x), graph.node("IsNaN", x)))


@handles("clamp")
def _clamp(graph: Graph, eqn: Any, low: Value, x: Value, high: Value) -> Value:
    return graph.node("Min", graph.node("Max", x, low), high)


@handles("select_n")
def _select(graph: Graph, eqn: Any, which: Value, *cases: Value) -> Value:
    if eqn.invars[0].aval.dtype == bool:
        return graph.node("Where", which, cases[1], cases[0]) if len(cases) == 2 else cases[0]
    chosen = cases[-1]
    for number, case in enumerate(cases[:-1]):
        chosen = graph.node(
            "Where", graph.node("Equal", which, np.array(number, np.int32)), case, chosen
        )
    return chosen


@handles("convert_element_type")
def _convert(graph: Graph, eqn: Any, x: Value) -> Value:
    new = eqn.params["new_dtype"]
    if onnx_type(eqn.invars[0].aval.dtype) == onnx_type(new):
        return known(x) if isinstance(x, np.ndarray) else x
    return graph.cast(x, new)


@handles("cumsum")
def _cumsum(graph: Graph, eqn: Any, x: Value) -> Value:
    axis = np.array(eqn.params["axis"], np.int64)
    return graph.node("CumSum", x, axis, reverse=int(eqn.params["reverse"]))


@handles("reduce_and", "reduce_or")
def _all_or_any(graph: Graph, eqn: Any, x: Value) -> Value:
    reduction = "ReduceMin" if eqn.primitive.name == "reduce_and" else "ReduceMax"
    axes = np.array(eqn.params["axes"], np.int64)
    numbers = graph.node(reduction, graph.cast(x, np.int32), axes, keepdims=0)
    return graph.cast(numbers, np.bool_)


@handles("argmax", "argmin")
def _argument(graph: Graph, eqn: Any, x: Value) -> Value:
    operator = {"argmax": "ArgMax", "argmin": "ArgMin"}[eqn.primitive.name]
    found = graph.node(operator, x, axis=eqn.params["axes"][0], keepdims=0)
    return graph.cast(found, eqn.params["index_dtype"])
