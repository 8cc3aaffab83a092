"""Fits a small model to an array in memory by Adam, until the held-out loss stops falling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from vae import terminal
from vae.training.devices import jit

Array = jax.Array

LEARNING_RATE = 1e-3
BATCH = 256
STEPS = 200  # steps between two looks at the held-out data
LOOKS = 100  # the most looks
PATIENCE = 5  # stops after so many looks without improvement


def descend(
    loss: Callable[[Any, Array, Array], Array],
    params: Any,
    examples: np.ndarray,
    held_out: np.ndarray,
    *,
    key: Array,
) -> Any:
    """Returns the parameters with the lowest held-out loss.

    Args:
      loss: (params, examples [B, ...], keys [B]) -> losses [B].
      params: a tree of float arrays, to start from.
      examples: [N, ...], to fit to.
      held_out: [M, ...], to stop by.
      key: key of batches and noise.
    """
    transformation = optax.adam(LEARNING_RATE)

    def mean_loss(params: Any, examples: Array, key: Array) -> Array:
        return loss(params, examples, jax.random.split(key, len(examples))).mean()

    @jit
    def steps(params: Any, state: Any, examples: Array, key: Array) -> tuple[Any, Any]:
        def step(carry: tuple[Any, Any], key: Array) -> tuple[tuple[Any, Any], None]:
            params, state = carry
            batch_key, loss_key = jax.random.split(key)
            batch = examples[jax.random.randint(batch_key, (BATCH,), 0, len(examples))]
            updates, state = transformation.update(
                jax.grad(mean_loss)(params, batch, loss_key), state
            )
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, state), jax.random.split(key, STEPS))[0]

    look_at = jit(mean_loss)
    state = transformation.init(params)
    train, unseen = jnp.asarray(examples), jnp.asarray(held_out)
    best, lowest, waited = params, np.inf, 0
    with terminal.Progress("fitting the prior", LOOKS * STEPS, "steps") as progress:
        for look in range(LOOKS):
            params, state = steps(params, state, train, jax.random.fold_in(key, look))
            reached = float(look_at(params, unseen, key))
            progress.at((look + 1) * STEPS, {"held-out loss": reached})
            if reached < lowest:
                best, lowest, waited = params, reached, 0
            else:
                waited += 1
                if waited == PATIENCE:
                    break
    return best
