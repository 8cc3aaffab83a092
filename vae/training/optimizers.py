"""From gradients to directions: theta = theta - lr(step) (direction(g) + weight decay theta).

An optimizer of your own is a function that returns an `optax.GradientTransformation`. Its updates
are directions to go against, as those of `optax.scale_by_adam`: the step adds the learning rate,
its schedule and the sign. Its arguments are what is set in `optimizer.settings`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
import optax.contrib

from vae.config import own
from vae.config.build import build, choice
from vae.errors import InputError

Array = jax.Array

# The root mean square of muon's directions is about that of Adam's, so that learning rates that
# suit one suit the other (Liu et al., "Muon is scalable for LLM training", 2025).
MUON_RMS = 0.2


def gradient_transformation(config: ml_collections.ConfigDict) -> optax.GradientTransformation:
    """Returns the optimizer of a config's section `optimizer`, with its clipping.

    Its `update` also takes the `norm` of the gradient.

    Raises:
      InputError: it is your own, and is wrong.
    """
    clip = [_clip(config.clip_norm)] if config.clip_norm else []
    chosen = build("optimizer", config, "name")
    if own.is_own(config.name):
        chosen = _guarded(chosen, f"optimizer.name={config.name!r}")
    # Checkpoints of muon have a place for its sign, which was turned in a step of its own.
    sign = [optax.identity()] if config.name == "muon" else []
    return optax.chain(*clip, chosen, *sign)


def encoder_first(
    chosen: optax.GradientTransformation, inference: tuple[str, ...]
) -> optax.GradientTransformationExtraArgs:
    """Lets the parts that q is made of be updated while the others wait.

    Each group has a state of its own, so that the moments and the count of updates of those that
    wait stay what they were.

    Args:
      chosen: the optimizer of both groups.
      inference: the names of the parts that never wait.

    Returns:
      A transformation whose `update` also takes `turn`, whether the others are updated. If they are
      not, their directions have no meaning.
    """

    def grouped(tree: Any) -> dict[str, Any]:
        groups: dict[str, Any] = {"inference": {}, "others": {}}
        for part, leaves in tree.items():
            groups["inference" if part in inference else "others"][part] = leaves
        return groups

    def init(params: Any) -> Any:
        return {name: chosen.init(group) for name, group in grouped(params).items()}

    def update(grads: Any, state: Any, params: Any, *, turn: Array, **more: Any) -> tuple[Any, Any]:
        grads, params = grouped(grads), grouped(params)

        def moved(name: str) -> tuple[Any, Any]:
            return chosen.update(grads[name], state[name], params[name], **more)

        first, first_state = moved("inference")
        others, others_state = jax.lax.cond(
            turn, lambda: moved("others"), lambda: (grads["others"], state["others"])
        )
        return first | others, {"inference": first_state, "others": others_state}

    return optax.GradientTransformationExtraArgs(init, update)


def decays(config: ml_collections.ConfigDict) -> bool:
    """Returns whether the step draws weights to 0, by `weight_decay` of section `optimizer`."""
    return "weight_decay" in choice("optimizer", config, "name").reads


def adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    """Returns the directions of Adam (Kingma & Ba 2015)."""
    return optax.scale_by_adam(b1, b2, eps)


def muon(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    """Equalises the singular values of each kernel's momentum; all other parameters have Adam.

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
        return jax.tree.map(lambda d: -1.0 * d, moves), state  # it already has an update's sign

    return optax.GradientTransformation(updates.init, update)


def _guarded(chosen: Any, where: str) -> optax.GradientTransformationExtraArgs:
    """An optimizer of one's own, which says in a sentence what is wrong with it when it is traced.

    Raises:
      InputError: it is no transformation.
    """
    if not isinstance(chosen, optax.GradientTransformation):
        raise InputError(
            f"{where} gives a {type(chosen).__name__}: let it return an "
            "optax.GradientTransformation."
        )
    chosen = optax.with_extra_args_support(chosen)

    def asked(what: str, function: Any, *inputs: Any, **more: Any) -> Any:
        try:
            return function(*inputs, **more)
        except own.FAILURES as error:
            raise own.told(error, f"{where}: {what}") from None

    def init(params: Any) -> Any:
        return asked("init", chosen.init, params)

    def update(grads: Any, state: Any, params: Any = None, **more: Any) -> tuple[Any, Any]:
        directions, after = asked("update", chosen.update, grads, state, params, **more)
        for what, given, wanted in (("directions", directions, grads), ("a state", after, state)):
            if _shapes(given) != _shapes(wanted):
                meaning = "the params" if what == "directions" else "what its init gives"
                raise InputError(f"{where}: update gives {what} unlike {meaning}, of other shapes.")
        return directions, after

    return optax.GradientTransformationExtraArgs(init, update)


def _shapes(tree: Any) -> tuple[Any, Any]:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(jnp.shape(x), jnp.result_type(x)) for x in leaves]


def _kernels(params: Any) -> Any:
    """Marks the kernels [..., inputs, outputs], which are matrices to muon; None for the others."""

    def axes(path: Any, x: Any) -> optax.contrib.MuonDimensionNumbers | None:
        if path[-1] != jax.tree_util.DictKey("kernel") or x.ndim < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(tuple(range(x.ndim - 1)), x.ndim - 1)

    return jax.tree_util.tree_map_with_path(axes, params)


def _clip(largest: float) -> optax.GradientTransformationExtraArgs:
    """Clips by a given global norm: a device may hold only a part of the gradient."""

    def update(grads: Any, state: Any, params: Any = None, *, norm: Array) -> tuple[Any, Any]:
        scale = largest / jnp.maximum(norm, largest)
        return jax.tree.map(lambda g: g * scale, grads), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)
