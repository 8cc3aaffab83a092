"""Devices: the mesh, and how a function of one device's shard is mapped over it.

This is the one file that knows how. A mapped function means what it would mean under `jax.pmap`
with the axis name `data`: its gradients are the shard's own, and `pmean` makes them the global
ones. It is `jit` over `shard_map` (which `jax.pmap` now is, too), because arrays laid out so can be
saved from several processes.
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
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXIS = "data"  # the mesh axis over which the examples of a batch are spread
MEMBER = "member"  # the mesh axis over which models that are trained together are spread
WHOLE = P()  # the spec of an array that every device holds whole
LANES = 16  # sums at once, see `_square`
SPREAD_FROM = 1024  # numbers in an array; gathering a smaller one costs more than it saves


def simulate_cpu_devices(num_devices: int) -> None:
    """Makes the CPU appear as several devices; call it before JAX starts its backend."""
    # XLA sizes its thread pool by the number of cores, and a collective over at least as many
    # devices then waits for threads that never come.
    os.environ.setdefault("NPROC", "32")
    jax.config.update("jax_num_cpu_devices", num_devices)


def make_mesh(members: int = 1) -> Mesh:
    """Returns the mesh of all devices: over `members` models as far as it divides, then data."""
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
    """Applies `jax.jit` with the compiler options that give correct sums and fast convolutions."""
    return jax.jit(function, compiler_options=_compiler_options(), **options)


def run_once(function: Callable, mesh: Mesh, specs: Any, *arguments: Any) -> Any:
    """Calls a function of host arrays on the devices, its results laid out by `specs`.

    It is compiled without optimisation: drawing the initial weights of a deep network takes
    milliseconds, and compiling that took up to ten seconds.
    """
    options = {"xla_backend_optimization_level": 0}
    layouts = jax.tree.map(functools.partial(layout, mesh), specs)
    return jax.jit(function, out_shardings=layouts, compiler_options=options)(*arguments)


@functools.cache
def _compiler_options() -> dict[str, str]:
    """Returns options that keep XLA on a CPU from using its library but for matrix products.

    The library's convolutions are slower than XLA's own (Eigen's). Its sums are wrong (seen with
    jaxlib 0.10.2): m * (m * x).sum(-1, keepdims=True) - x for m [3, 2] and x [20000, 3, 2] is off
    by 30.
    """
    options = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x, compiler_options=options)(0)
    except jax.errors.JaxRuntimeError:
        return {}  # an experimental option: another XLA may not have it
    return options


def divisible(number: int, mesh: Mesh) -> int:
    """Returns the smallest multiple of the number of devices that is at least `number`."""
    size = mesh.shape[AXIS]
    return -(-number // size) * size


def layout(mesh: Mesh, spec: P) -> NamedSharding:
    """Returns the layout of arrays whose axes are spread over the mesh axes that `spec` names."""
    return NamedSharding(mesh, spec)


def shaped(tree: Any, mesh: Mesh, specs: Any) -> Any:
    """Returns the shapes and types of a tree's arrays, with the layout of `specs`."""

    def one(x: Any, spec: P) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=layout(mesh, spec))

    return jax.tree.map(one, tree, _each(specs, tree))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Puts a tree of host arrays on every device."""
    return shard(tree, mesh, P())


def shard(tree: Any, mesh: Mesh, spec: P) -> Any:
    """Spreads a tree of host arrays over the devices; each process gives its own slice."""
    sharding = layout(mesh, spec)
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)), tree
    )


def whole(tree: Any, mesh: Mesh) -> Any:
    """Gathers arrays, so that every device holds all of each."""
    if all(x.is_fully_replicated for x in jax.tree.leaves(tree)):
        return tree
    return jax.jit(_same, out_shardings=layout(mesh, P()))(tree)


def _same(tree: Any) -> Any:
    return tree


def local(tree: Any, mesh: Mesh) -> Any:
    """Returns `whole` arrays for a process to compute with on its own; call it in all processes."""
    tree = whole(tree, mesh)
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(lambda x: x.addressable_data(0), tree)


def fetch(tree: Any) -> Any:
    """Returns arrays on the devices as numpy arrays; call it in all processes."""

    def everywhere(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.is_fully_addressable or x.is_fully_replicated:
            return x
        return multihost_utils.process_allgather(x, tiled=True)

    return jax.device_get(jax.tree.map(everywhere, tree))


# The large arrays of a state may be spread over the devices: each holds a part of an array along
# one dimension, gathers the whole for a step, and updates its part (Rajbhandari et al. 2020,
# "ZeRO"). `specs` names that dimension for each array of a tree or of a branch.


def spread(tree: Any, mesh: Mesh) -> Any:
    """Returns specs that spread each large array along its longest divisible dimension."""

    number = mesh.shape[AXIS]

    def spec(x: Any) -> P:
        divided = [d for d, size in enumerate(x.shape) if size % number == 0]
        if number == 1 or x.size < SPREAD_FROM or not divided:
            return P()
        longest = max(divided, key=lambda d: x.shape[d])
        return P(*[None] * longest, AXIS)

    return jax.tree.map(spec, tree)


def gather(tree: Any, specs: Any) -> Any:
    """Gathers arrays from their parts, in a mapped function."""

    def one(x: jax.Array, spec: P) -> jax.Array:
        return jax.lax.all_gather(x, AXIS, axis=len(spec) - 1, tiled=True) if spec else x

    return jax.tree.map(one, tree, _each(specs, tree))


def mean(tree: Any, specs: Any) -> Any:
    """Returns the device's parts of the mean over devices of whole arrays, in a mapped function."""
    if jax.lax.axis_size(AXIS) == 1:
        return tree  # XLA would copy every array; where a step is milliseconds, that is 5% of it
    leaves, treedef = jax.tree.flatten(tree)
    each = jax.tree.leaves(_each(specs, tree))
    common = iter(
        jax.lax.pmean([x for x, spec in zip(leaves, each, strict=True) if not spec], AXIS)
    )
    parts = [
        jax.lax.psum_scatter(x, AXIS, scatter_dimension=len(spec) - 1, tiled=True)
        / jax.lax.axis_size(AXIS)
        if spec
        else next(common)
        for x, spec in zip(leaves, each, strict=True)
    ]
    return jax.tree.unflatten(treedef, parts)


def norm(tree: Any, specs: Any) -> jax.Array:
    """Returns the Euclidean norm of a whole tree from the device's parts, in a mapped function."""
    leaves, each = jax.tree.leaves(tree), jax.tree.leaves(_each(specs, tree))
    square = sum(_square(x) for x, spec in zip(leaves, each, strict=True) if not spec)
    parts = [_square(x) for x, spec in zip(leaves, each, strict=True) if spec]
    return jnp.sqrt(square + (jax.lax.psum(sum(parts), AXIS) if parts else 0))


def _square(x: jax.Array) -> jax.Array:
    """Returns the sum of squares, in LANES sums: a CPU adds the numbers of one sum one by one."""
    x = x.reshape(-1)
    if x.size < LANES**4:  # little to gain
        return jnp.vdot(x, x)
    x, rest = jnp.split(x, [x.size // LANES**2 * LANES**2])
    sums = sum(lane * lane for lane in x.reshape(LANES, -1))
    return sum(sums.reshape(LANES, -1)).sum() + jnp.vdot(rest, rest)


def _each(specs: Any, tree: Any) -> Any:
    return jax.tree.broadcast(specs, tree, is_leaf=lambda x: isinstance(x, P))
