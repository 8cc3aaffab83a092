"""From gradients to directions: theta = theta - lr(step) (direction(g) + weight decay theta).

An optimizer of one's own is a function that returns an `optax.GradientTransformation` whose updates
are directions to go against, as those of `optax.scale_by_adam`: the learning rate, its schedule and
the sign are the step's. Its arguments are what is set in `optimizer.settings`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
import optax.contrib

from vae.config.axes import AXES
from vae.config.build import build

Array = jax.Array

# The root mean square of muon's directions, which is about that of Adam's: learning rates that are
# right for the one are for the other (Liu et al., "Muon is scalable for LLM training", 2025).
MUON_RMS = 0.2


def gradient_transformation(config: ml_collections.ConfigDict) -> optax.GradientTransformation:
    """The optimizer of a config's section `optimizer`, with its clipping.

    Its `update` is also given the `norm` of the gradient.

    Raises:
      InputError: it is one's own, and is wrong.
    """
    clip = [_clip(config.clip_norm)] if config.clip_norm else []
    own = build("optimizer", config, "name", optax.GradientTransformation)
    return optax.chain(*clip, own)


def decays(config: ml_collections.ConfigDict) -> bool:
    """Whether the step draws weights to 0, by `weight_decay` of the section `optimizer`."""
    row = AXES["optimizer.name"].get(config.name)
    return row is not None and "weight_decay" in row.reads


def adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015)."""
    return optax.scale_by_adam(b1, b2, eps)


def muon(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    """Makes the singular values of a kernel's momentum equal; whatever else is learned has Adam.

    (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.)
    """
    updates = optax.contrib.muon(
        1.0,
        adam_b1=b1,
        adam_b2=b2,
        eps=eps,
        consistent_rms=MUON_RMS,
        muon_weight_dimension_numbers=_kernels,
    )

    def update(grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        moves, state = updates.update(grads, state, params)
        return jax.tree.map(lambda d: -1.0 * d, moves), state  # it has the sign of an update in it

    return optax.GradientTransformation(updates.init, update)


def _kernels(params: Any) -> Any:
    """Which params are kernels [..., inputs, outputs], and so matrices to muon; None the others."""

    def axes(path: Any, x: Any) -> optax.contrib.MuonDimensionNumbers | None:
        if path[-1] != jax.tree_util.DictKey("kernel") or x.ndim < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(tuple(range(x.ndim - 1)), x.ndim - 1)

    return jax.tree_util.tree_map_with_path(axes, params)


def _clip(largest: float) -> optax.GradientTransformationExtraArgs:
    """`optax.clip_by_global_norm`, given the norm: a device may see but a part of the gradient."""

    def update(grads: Any, state: Any, params: Any = None, *, norm: Array) -> tuple[Any, Any]:
        scale = largest / jnp.maximum(norm, largest)
        return jax.tree.map(lambda g: g * scale, grads), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)
