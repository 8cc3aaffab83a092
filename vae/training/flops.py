"""The floating-point operations of a program, counted in its trace.

Products and convolutions count, an operation for each multiplication and each addition; what XLA
fuses with them is little beside. A loop counts as often as it turns, where a compiler's own count
takes its body once; one whose turns are not known before it runs counts once.
"""

from __future__ import annotations

import math
from typing import Any

import jax

from vae.probability.loops import CONVOLUTION


def flops(jaxpr: Any) -> int:
    """Returns the operations of a jaxpr; of a branch, those of the longer one."""
    total = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            total += _of_product(equation)
        elif name == CONVOLUTION:
            total += _of_convolution(equation)
        inside = [flops(x) for x in jax.tree.leaves(list(equation.params.values())) if _is(x)]
        if name == "cond":
            total += max(inside, default=0)
        else:
            total += equation.params.get("length", 1) * sum(inside)
    return total


def _is(value: Any) -> bool:
    return hasattr(value, "eqns")


def _of_product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2 * equation.outvars[0].aval.size * math.prod(left[axis] for axis in contracted)


def _of_convolution(equation: Any) -> int:
    """Zeros between inputs, of a transposed convolution, are not counted."""
    numbers, kernel = equation.params["dimension_numbers"], equation.invars[1].aval
    outputs = kernel.shape[numbers.rhs_spec[0]]
    holes = math.prod(equation.params["lhs_dilation"])
    return 2 * equation.outvars[0].aval.size * (kernel.size // outputs) // holes
