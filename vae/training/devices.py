"""Devices: the mesh, and how a function of one device's shard is mapped over it.

This is the one file that knows how. A mapped function means what it would mean under `jax.pmap`
with the axis name `data`: its gradients are the shard's own, and `pmean` makes them the global
ones. It is `jit` over `shard_map`, which is what `jax.pmap` now is, because arrays laid out so can
be saved from several processes.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXIS = "data"  # over which the examples of a batch are spread
MEMBER = "member"  # over which models that are trained together are


def simulate_cpu_devices(num_devices: int) -> None:
    """Makes the CPU appear as several devices; to be called before JAX starts its backend."""
    # XLA sizes its thread pool from the number of cores, and a collective over at least as many
    # devices then waits for threads that never come.
    os.environ.setdefault("NPROC", "32")
    jax.config.update("jax_num_cpu_devices", num_devices)


def make_mesh(members: int = 1) -> Mesh:
    """All devices: over `members` models as far as their number allows, the rest over the data."""
    number = math.gcd(members, jax.device_count())
    shape = (number, jax.device_count() // number)
    return jax.make_mesh(shape, (MEMBER, AXIS), axis_types=(AxisType.Auto, AxisType.Auto))


def map_shards(
    body: Callable, mesh: Mesh, in_specs: Any, out_specs: Any, *, donate: tuple[int, ...] = ()
) -> Callable:
    """Compiles `body`, a function of one device's shard, to run on every device of the mesh."""
    # With check_vma=True the gradient of a replicated parameter would already be the sum over the
    # devices, and pmean would leave it too large by their number.
    mapped = jax.shard_map(body, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
    return jit(mapped, donate_argnums=donate)


def jit(function: Callable, **options: Any) -> Callable:
    """`jax.jit`, with the options that this project's figures can be trusted under."""
    return jax.jit(function, compiler_options=_compiler_options(), **options)


def run_once(function: Callable[[], Any], mesh: Mesh, spec: P = P()) -> Any:  # noqa: B008
    """Calls a function on the devices, its results laid out by `spec`: on every one of them.

    It is compiled without optimisation: drawing the initial weights of a deep network takes
    milliseconds, and compiling that took up to ten seconds.
    """
    options = {"xla_backend_optimization_level": 0}
    return jax.jit(function, out_shardings=layout(mesh, spec), compiler_options=options)()


@functools.cache
def _compiler_options() -> dict[str, str]:
    """On a CPU, of the library that XLA would hand work to, only single products of matrices.

    Its convolutions are slower than XLA's own (Eigen's). And its sums are wrong (seen with jaxlib
    0.10.2): m * (m * x).sum(-1, keepdims=True) - x of m [3, 2] and x [20000, 3, 2] is off by 30.
    """
    options = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x, compiler_options=options)(0)
    except jax.errors.JaxRuntimeError:
        return {}  # an experimental option: another XLA may not have it
    return options


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


def divisible(number: int, mesh: Mesh) -> int:
    """The next larger number of examples that the devices divide."""
    size = mesh.shape[AXIS]
    return -(-number // size) * size


def layout(mesh: Mesh, spec: P) -> NamedSharding:
    """The layout of arrays whose axes are spread over those of the mesh that `spec` names."""
    return NamedSharding(mesh, spec)


def replicated(mesh: Mesh) -> NamedSharding:
    """The layout of the state: every device holds all of it."""
    return layout(mesh, P())


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Puts a tree of host arrays on every device."""
    return jax.device_put(tree, replicated(mesh))


def shard(tree: Any, mesh: Mesh, spec: P) -> Any:
    """Spreads a tree of host arrays over the devices; each process gives its own slice."""
    sharding = layout(mesh, spec)
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)), tree
    )
