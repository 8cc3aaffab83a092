"""Products, convolutions and loops of a traced JAX function, as operators of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from vae.export.onnx_graph import Graph, Unsupported, Value, onnx_type
from vae.export.onnx_operators import convert, handles, shape_of


@handles("dot_general")
def _dot(graph: Graph, eqn: Any, x: Value, y: Value) -> Value:
    (x_axes, y_axes), (x_batch, y_batch) = eqn.params["dimension_numbers"]
    ranks = len(shape_of(eqn)), len(shape_of(eqn, 1))
    if not x_batch and tuple(x_axes) == (ranks[0] - 1,) and ranks[1] == 2:  # a dense layer
        return graph.node("MatMul", x, graph.transpose(y, (y_axes[0], 1 - y_axes[0])))
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in range(ranks[0])]
    right = [next(letters) for _ in range(ranks[1])]
    for a, b in zip((*x_axes, *x_batch), (*y_axes, *y_batch), strict=True):
        right[b] = left[a]
    out = [left[a] for a in x_batch]
    out += [each for a, each in enumerate(left) if a not in (*x_axes, *x_batch)]
    out += [each for b, each in enumerate(right) if b not in (*y_axes, *y_batch)]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(out)}"
    return graph.node("Einsum", x, y, equation=equation)


@handles("conv_general_dilated")
def _convolution(graph: Graph, eqn: Any, x: Value, kernel: Value) -> Value:
    """A convolution, or, where its input has zeros between its positions, a transposed one.

    With the padding (l, h) and a stride of s between positions of the input, a kernel w of k taps
    gives what ConvTranspose gives for w reversed and the padding (k - 1 - l, k - 1 - h).
    """
    params = eqn.params
    numbers, groups = params["dimension_numbers"], params["feature_group_count"]
    strides, apart = list(params["window_strides"]), list(params["lhs_dilation"])
    dilations, pads = list(params["rhs_dilation"]), list(params["padding"])
    if params["batch_group_count"] != 1:
        raise Unsupported("a convolution with groups of examples")
    x = graph.transpose(x, numbers.lhs_spec)
    kernel = graph.transpose(kernel, numbers.rhs_spec)  # [F, C, *taps]
    taps = [eqn.invars[1].aval.shape[axis] for axis in numbers.rhs_spec[2:]]
    if max(apart) == 1:
        y = graph.node(
            *("Conv", x, kernel),
            strides=strides,
            dilations=dilations,
            pads=[low for low, _ in pads] + [high for _, high in pads],
            group=groups,
        )
    else:
        if max((*strides, *dilations, groups)) > 1:
            raise Unsupported("a transposed convolution with strides, holes or groups")
        if not isinstance(kernel, np.ndarray):
            raise Unsupported("a transposed convolution whose kernel is no weight")
        kernel = np.flip(kernel, tuple(range(2, kernel.ndim))).swapaxes(0, 1)
        kernel = np.ascontiguousarray(kernel)
        low = [k - 1 - each for k, (each, _) in zip(taps, pads, strict=True)]
        high = [k - 1 - each for k, (_, each) in zip(taps, pads, strict=True)]
        if min(low) < 0:
            raise Unsupported("a transposed convolution that pads its output")
        y = graph.node(
            *("ConvTranspose", x, kernel),
            strides=apart,
            pads=[*low, *(max(each, 0) for each in high)],
            output_padding=[max(-each, 0) for each in high],
        )
    return graph.transpose(y, np.argsort(numbers.out_spec))


@handles("cond")
def _condition(graph: Graph, eqn: Any, index: Value, *inputs: Value) -> list[Value]:
    branches = eqn.params["branches"]
    if not isinstance(index, np.ndarray):
        raise Unsupported("a branch that the values decide")
    chosen = branches[int(np.clip(index, 0, len(branches) - 1))]
    return convert(graph, chosen.jaxpr, chosen.consts, inputs)


@handles("scan")
def _scan(graph: Graph, eqn: Any, *inputs: Value) -> list[Value]:
    """A loop over positions, whose body reads the tensors around it."""
    params, closed = eqn.params, eqn.params["jaxpr"]
    shared, carried = params["num_consts"], params["num_carry"]
    body = Graph(graph)
    variables = closed.jaxpr.invars[shared:]
    names = [body.fresh("state" if i < carried else "each") for i in range(len(variables))]
    made = convert(body, closed.jaxpr, closed.consts, [*inputs[:shared], *names])
    taken = [(n, v.aval.dtype, v.aval.shape) for n, v in zip(names, variables, strict=True)]
    over = list(inputs[shared + carried :])
    if not over:  # ONNX counts the steps by what is read
        over, taken = [np.arange(params["length"])], [*taken, (body.fresh("step"), np.int64, ())]
    loop = _body(body, taken, made, closed.jaxpr.outvars)
    settings: dict[str, Any] = {"body": loop, "num_scan_inputs": len(over)}
    if params["reverse"]:
        settings["scan_input_directions"] = [1] * len(over)
        if len(made) > carried:
            settings["scan_output_directions"] = [1] * (len(made) - carried)
    carries = inputs[shared : shared + carried]
    return [*graph.nodes_of("Scan", len(made), *carries, *over, **settings)]


@handles("while")
def _while(graph: Graph, eqn: Any, *inputs: Value) -> list[Value]:
    """A loop whose end the values decide; ONNX asks after each step whether there is another."""
    goes_on, step = eqn.params["cond_jaxpr"], eqn.params["body_jaxpr"]
    asked, shared = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    of_cond, of_body, carries = np.split(np.arange(len(inputs)), [asked, asked + shared])
    told, known_to_body, start = ([inputs[i] for i in own] for own in (of_cond, of_body, carries))
    body = Graph(graph)
    variables = step.jaxpr.invars[shared:]
    states = [body.fresh("state") for _ in variables]
    made = convert(body, step.jaxpr, step.consts, [*known_to_body, *states])
    more = convert(body, goes_on.jaxpr, goes_on.consts, [*told, *made])
    taken = [(body.fresh("step"), np.int64, ()), (body.fresh("more"), np.bool_, ())]
    taken += [(n, v.aval.dtype, v.aval.shape) for n, v in zip(states, variables, strict=True)]
    outputs = [*goes_on.jaxpr.outvars, *step.jaxpr.outvars]
    loop = _body(body, taken, [*more, *made], outputs)
    (first,) = convert(graph, goes_on.jaxpr, goes_on.consts, [*told, *start])
    return [*graph.nodes_of("Loop", len(start), "", first, *start, body=loop)]


def _body(
    body: Graph, inputs: list[tuple[str, Any, Any]], made: list[Value], outputs: list[Any]
) -> Any:
    """Returns the graph of a loop's step.

    Args:
      body: its nodes.
      inputs: their names, types and shapes.
      made: the values of its outputs.
      outputs: these in the traced function.
    """
    import onnx

    # An output is made within the body, and is no input of it.
    names = [body.node("Identity", value) for value in made]
    ends = [(n, v.aval.dtype, v.aval.shape) for n, v in zip(names, outputs, strict=True)]
    return onnx.helper.make_graph(
        body.nodes, body.fresh("body"), [_info(*each) for each in inputs], [_info(*e) for e in ends]
    )


def _info(name: str, dtype: Any, shape: Any) -> Any:
    """Returns what ONNX is told of a tensor; a size that depends on the batch has a name."""
    import onnx

    sizes = [size if isinstance(size, int) else str(size) for size in shape]
    return onnx.helper.make_tensor_value_info(name, onnx_type(dtype), sizes)
