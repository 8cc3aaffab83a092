"""ONNX: the encoder and the decoder as graphs that ONNX Runtime and others compute.

jax2onnx is the library for this, but it has no transposed convolutions as ours are, no ladders, and
asks for an older Orbax than checkpoints are written with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.errors import InputError
from vae.export import onnx_layers, onnx_shapes  # noqa: F401  # which register what they convert
from vae.export.functions import BATCH, Function, plain
from vae.export.onnx_graph import IR, OPSET, Graph, Unsupported, onnx_type
from vae.export.onnx_operators import convert
from vae.run import Run
from vae.training.arrays import digest, dotted


def model_of(function: Function, about: dict[str, str]) -> Any:
    """Returns a function as an ONNX model with a free batch dimension.

    Args:
      function: the encoder or decoder.
      about: what the file says of itself.

    Raises:
      InputError: it has no form in ONNX, in one sentence that says why.
    """
    import onnx

    (batch,) = jax.export.symbolic_shape(BATCH)
    closed = jax.make_jaxpr(plain(function))(function.variables, *function.shapes(batch))
    graph = Graph()
    weights = [
        graph.named(dotted(path), np.asarray(leaf))
        for path, leaf in jax.tree_util.tree_leaves_with_path(function.variables)
    ]
    names = [graph.input(each.name) for each in function.inputs]
    try:
        made = convert(graph, closed.jaxpr, closed.consts, [*weights, *names])
    except Unsupported as error:
        raise InputError(
            f"the {function.name} cannot be written as ONNX: it needs {error}."
        ) from None
    info = onnx.helper.make_tensor_value_info
    outputs = []
    for name, value, aval in zip(function.outputs, made, closed.out_avals, strict=True):
        graph.nodes.append(onnx.helper.make_node("Identity", [graph.name(value)], [name]))
        outputs.append(info(name, onnx_type(aval.dtype), [BATCH, *aval.shape[1:]]))
    inputs = [
        info(each.name, onnx_type(each.dtype), [BATCH, *each.shape]) for each in function.inputs
    ]
    tensors = [onnx.numpy_helper.from_array(x, name) for name, x in graph.weights.items()]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, function.name, inputs, outputs, tensors),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="vae",
    )
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model)
    return model


def content_of(run: Run, function: Function) -> bytes:
    """Returns the ONNX file of a run's function.

    Raises:
      InputError: it cannot be written, or a package is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"ONNX files need {error.name}: pip install 'vae-experiments[export]'."
        ) from None
    about = {"step": str(run.step), "params_sha256": digest(run.params)}
    return model_of(function, about).SerializeToString()


def session(model: bytes | Path) -> Any:
    """Returns ONNX Runtime's session of a model, on the CPU."""
    import onnxruntime

    given = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])


def difference(function: Function, model: bytes, inputs: Sequence[np.ndarray]) -> float:
    """Returns by how much ONNX Runtime's outputs differ, at most, from the function's.

    It is relative to the largest number of an output where that is above 1. All the inputs are
    tried, and the first alone.
    """
    runtime, largest = session(model), 0.0
    for number in (len(inputs[0]), 1):
        given = [x[:number] for x in inputs]
        named = {each.name: x for each, x in zip(function.inputs, given, strict=True)}
        found = runtime.run(list(function.outputs), named)
        for a, b in zip(found, function(*given), strict=True):
            largest = max(largest, _apart(a, b))
    return largest


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Returns how far apart two arrays are; infinitely, where one alone has a number."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    distance = np.where(same, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
    return float(distance.max(initial=0.0) / max(1.0, np.nan_to_num(np.abs(b)).max(initial=0.0)))
