"""The running regression of latents on the code c of a condition: what of them follows from it.

    E[u | c] - E[u] = (c - E[c]) (cov(c) + r I)^-1 cov(c, u)

of attributes; of classes, whose code is one-hot, the difference of the means of a class and of all,
drawn to 0 as by r of all examples. The moments are running sums over batches that forget at a rate,
divided by the weight that they have seen.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from vae.models.condition import Condition

Array = jax.Array

RATE = 0.01  # of forgetting: about a hundred batches are remembered
RIDGE = 1e-3
TINY = 1e-12


def start(condition: Condition, size: int) -> dict[str, Array]:
    """The moments of codes [..., C] and latents [..., size] before the first step."""
    one_hot = condition.kind == "label"
    return {
        "weight": jnp.zeros(()),
        "code": jnp.zeros(condition.size),
        "latents": jnp.zeros(size),
        "products": jnp.zeros((condition.size, size)),
    } | ({} if one_hot else {"squares": jnp.zeros((condition.size, condition.size))})


def shift(moments: dict[str, Array], code: Array) -> Array:
    """E[u | c] - E[u] for codes [B, C], as [B, size]; 0 before the first step."""
    mean = jax.tree.map(lambda total: total / jnp.maximum(moments["weight"], TINY), moments)
    covariance = mean["products"] - jnp.outer(mean["code"], mean["latents"])
    if "squares" not in moments:
        return code @ (covariance / (mean["code"] + RIDGE)[:, None])
    variance = mean["squares"] - jnp.outer(mean["code"], mean["code"])
    variance += RIDGE * jnp.eye(len(variance))
    slopes = jax.scipy.linalg.solve(variance, covariance, assume_a="pos")
    return (code - mean["code"]) @ slopes


def update(moments: dict[str, Array], code: Array, u: Array) -> dict[str, Array]:
    """The moments as codes [B, C] and latents [B, size] of a batch leave them."""
    new = {
        "weight": jnp.ones(()),
        "code": code.mean(0),
        "latents": u.mean(0),
        "products": code.T @ u / len(u),
        "squares": code.T @ code / len(u),
    }
    return {name: (1 - RATE) * total + RATE * new[name] for name, total in moments.items()}
