"""How arrays of a traced JAX function are shaped, cut, joined and looked up, in ONNX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from vae.export.onnx_graph import Graph, Unsupported, Value, numpy_type
from vae.export.onnx_operators import handles, shape_of


@handles("broadcast_in_dim")
def _broadcast(graph: Graph, eqn: Any, x: Value, *_: Value) -> Value:
    shape, old = eqn.params["shape"], shape_of(eqn)
    sizes: list[Any] = [1] * len(shape)
    for size, axis in zip(old, eqn.params["broadcast_dimensions"], strict=True):
        sizes[axis] = size
    x = graph.reshape(x, old, sizes)
    return x if tuple(sizes) == tuple(shape) else graph.node("Expand", x, graph.extents(shape))


@handles("reshape", "squeeze", "expand_dims")
def _reshape(graph: Graph, eqn: Any, x: Value, *_: Value) -> Value:
    return graph.reshape(x, shape_of(eqn), eqn.outvars[0].aval.shape)


@handles("transpose")
def _transpose(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.transpose(x, eqn.params["permutation"])


@handles("rev")
def _reverse(graph: Graph, eqn: Any, x: Value) -> Value:
    axes = eqn.params["dimensions"]
    return sliced(graph, x, axes, [-1] * len(axes), [-(2**62)] * len(axes), [-1] * len(axes))


@handles("slice")
def _slice(graph: Graph, eqn: Any, x: Value) -> Value:
    starts, ends = eqn.params["start_indices"], eqn.params["limit_indices"]
    steps = eqn.params["strides"] or (1,) * len(starts)
    cut = [
        axis
        for axis, size in enumerate(shape_of(eqn))
        if not (starts[axis] == 0 and ends[axis] == size and steps[axis] == 1)
    ]
    return sliced(graph, x, cut, *([each[axis] for axis in cut] for each in (starts, ends, steps)))


def sliced(graph: Graph, x: Value, axes: Any, starts: Any, ends: Any, steps: Any) -> Value:
    """Returns x cut along some axes, at [start, end) in steps."""
    if not len(axes):
        return x
    bounds = [np.array(each, np.int64) for each in (starts, ends, axes, steps)]
    return graph.node("Slice", x, *bounds)


@handles("dynamic_slice")
def _dynamic_slice(graph: Graph, eqn: Any, x: Value, *indices: Value) -> Value:
    shape, sizes = shape_of(eqn), eqn.params["slice_sizes"]
    for axis, (size, whole, index) in enumerate(zip(sizes, shape, indices, strict=False)):
        if size == whole:
            continue
        start = graph.reshape(graph.cast(index, np.int64), (), (1,))
        low, high = np.array([0]), np.array([whole - size])
        start = graph.node("Min", graph.node("Max", start, low), high)
        end = graph.node("Add", start, np.array([size]))
        x = graph.node("Slice", x, start, end, np.array([axis]))
    return x


@handles("dynamic_update_slice")
def _dynamic_update_slice(graph: Graph, eqn: Any, x: Value, new: Value, *indices: Value) -> Value:
    """Numbers put at a place along one axis that the values decide."""
    shape, sizes = shape_of(eqn), shape_of(eqn, 1)
    cut = [axis for axis, (a, b) in enumerate(zip(shape, sizes, strict=True)) if a != b]
    if not cut:
        return new
    if len(cut) > 1:
        raise Unsupported("pieces put at a place along several axes")
    (axis,) = cut
    start = graph.cast(indices[axis], np.int64)
    start = graph.node("Max", start, np.array(0))
    start = graph.node("Min", start, np.array(shape[axis] - sizes[axis]))
    order = [axis, *(each for each in range(len(shape)) if each != axis)]
    places = graph.node("Add", np.arange(sizes[axis])[:, None], start)
    made = graph.node("ScatterND", graph.transpose(x, order), places, graph.transpose(new, order))
    return graph.transpose(made, np.argsort(order))


@handles("split")
def _split(graph: Graph, eqn: Any, x: Value) -> list[Value]:
    sizes = np.array(eqn.params["sizes"], np.int64)
    return [*graph.nodes_of("Split", len(sizes), x, sizes, axis=eqn.params["axis"])]


@handles("concatenate")
def _concatenate(graph: Graph, eqn: Any, *xs: Value) -> Value:
    return graph.node("Concat", *xs, axis=eqn.params["dimension"])


@handles("stack")
def _stack(graph: Graph, eqn: Any, *xs: Value) -> Value:
    axis, shape = eqn.params["axis"], shape_of(eqn)
    one = (*shape[:axis], 1, *shape[axis:])
    return graph.node("Concat", *(graph.reshape(x, shape, one) for x in xs), axis=axis)


@handles("unstack")
def _unstack(graph: Graph, eqn: Any, x: Value) -> list[Value]:
    axis, shape = eqn.params["axis"], list(shape_of(eqn))
    pieces = graph.nodes_of("Split", shape[axis], x, axis=axis, num_outputs=shape[axis])
    one, rest = [*shape[:axis], 1, *shape[axis + 1 :]], [*shape[:axis], *shape[axis + 1 :]]
    return [graph.reshape(piece, one, rest) for piece in pieces]


@handles("tile")
def _tile(graph: Graph, eqn: Any, x: Value) -> Value:
    return graph.node("Tile", x, graph.extents(eqn.params["reps"]))


@handles("pad")
def _pad(graph: Graph, eqn: Any, x: Value, value: Value) -> Value:
    config, shape = eqn.params["padding_config"], list(shape_of(eqn))
    for axis, (_, _, between) in enumerate(config):
        if between and shape[axis] > 1:  # a new axis after it, padded at its end
            apart = [*shape[: axis + 1], 1, *shape[axis + 1 :]]
            x = graph.reshape(x, shape, apart)
            after = np.array([0, between], np.int64)
            x = graph.node("Pad", x, after, value, np.array([axis + 1], np.int64))
            apart[axis + 1] += between
            shape[axis] *= between + 1
            x = graph.reshape(x, apart, shape)
            shape[axis] -= between
            x = sliced(graph, x, [axis], [0], [shape[axis]], [1])
    axes = [axis for axis, (low, high, _) in enumerate(config) if low or high]
    cut = [axis for axis in axes if min(config[axis][:2]) < 0]
    starts = [max(-config[axis][0], 0) for axis in cut]
    ends = [shape[axis] - max(-config[axis][1], 0) for axis in cut]
    x = sliced(graph, x, cut, starts, ends, [1] * len(cut))
    low, high = ([max(config[axis][end], 0) for axis in axes] for end in (0, 1))
    if not any((*low, *high)):
        return x
    return graph.node("Pad", x, np.array([*low, *high], np.int64), value, np.array(axes, np.int64))


@handles("iota")
def _iota(graph: Graph, eqn: Any, *_: Value) -> Value:
    shape, axis = eqn.params["shape"], eqn.params["dimension"]
    numbers = np.arange(shape[axis], dtype=numpy_type(eqn.params["dtype"]))
    numbers = numbers.reshape([-1 if each == axis else 1 for each in range(len(shape))])
    return graph.node("Expand", numbers, graph.extents(shape))


@handles("gather")
def _gather(graph: Graph, eqn: Any, x: Value, indices: Value) -> Value:
    """A piece at a known place, or elements and rows at places that are read."""
    numbers, sizes = eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    shape = shape_of(eqn)
    axes, new = list(map(int, numbers.start_index_map)), eqn.outvars[0].aval.shape
    *found, _ = shape_of(eqn, 1)
    if isinstance(indices, np.ndarray) and not found:
        ends = [int(start) + sizes[axis] for start, axis in zip(indices, axes, strict=True)]
        x = sliced(graph, x, axes, indices, ends, [1] * len(axes))
        return graph.reshape(x, sizes, new)
    whole = all(size == shape[a] for a, size in enumerate(sizes) if a not in axes)
    if not whole or set(axes) != set(map(int, numbers.collapsed_slice_dims)):
        raise Unsupported("pieces at places that the values decide")
    last = np.array([shape[axis] - 1 for axis in axes], np.int32)
    inside = graph.node("Max", indices, np.array(0, np.int32))
    inside = graph.node("Min", inside, last)
    order = [*axes, *(a for a in range(len(shape)) if a not in axes)]
    rows = graph.node("GatherND", graph.transpose(x, order), graph.cast(inside, np.int64))
    if eqn.params["mode"] == jax.lax.GatherScatterMode.FILL_OR_DROP:
        fill, dtype = eqn.params["fill_value"], eqn.outvars[0].aval.dtype
        fill = np.nan if fill is None and dtype.kind == "f" else fill or 0
        wrong = graph.cast(graph.node("Sub", indices, inside), np.float32)
        wrong = graph.node("ReduceMax", graph.node("Abs", wrong), np.array([-1]), keepdims=0)
        right: Value = graph.node("Equal", wrong, np.array(0, np.float32))
        right = graph.reshape(right, found, (*found, *(1 for _ in order[len(axes) :])))
        rows = graph.node("Where", right, rows, np.array(fill, numpy_type(dtype)))
    places, others = iter(range(len(found))), iter(range(len(found), len(new)))
    offsets = set(map(int, numbers.offset_dims))
    return graph.transpose(
        rows, [next(others if d in offsets else places) for d in range(len(new))]
    )


@handles("scatter", "scatter-add")
def _scatter(graph: Graph, eqn: Any, x: Value, indices: Value, updates: Value) -> Value:
    """Numbers put at known elements, as of a triangle; those of ONNX are along the first axes."""
    numbers, rank = eqn.params["dimension_numbers"], len(shape_of(eqn))
    axes, window = numbers.scatter_dims_to_operand_dims, numbers.update_window_dims
    if not isinstance(indices, np.ndarray) or tuple(axes) != numbers.inserted_window_dims:
        raise Unsupported("elements whose places the values decide")
    order = [*axes, *(a for a in range(rank) if a not in axes)]
    apart = [a for a in range(len(shape_of(eqn, 2))) if a not in window]
    reduction = {"reduction": "add"} if eqn.primitive.name == "scatter-add" else {}
    made = graph.node(
        *("ScatterND", graph.transpose(x, order), indices.astype(np.int64)),
        graph.transpose(updates, [*apart, *window]),
        **reduction,
    )
    return graph.transpose(made, np.argsort(order))
