"""A running linear regression of latents u on the code c of a condition.

For attributes the shift of the mean is

    E[u | c] - E[u] = (c - E[c]) (cov(c) + r I)^-1 cov(c, u)

For classes, whose code is one-hot, it is p / (p + r) times the mean of the class minus the mean of
all, where p is the class's share of the examples. The moments are sums over batches that decay at a
rate, divided by the sum of the batches' weights.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from vae.models.condition import Condition

Array = jax.Array

RATE = 0.01  # of decay: about the last hundred batches count
RIDGE = 1e-3
TINY = 1e-12


def start(condition: Condition, size: int) -> dict[str, Array]:
    """Returns the moments of codes [..., C] and latents [..., size] before the first step."""
    one_hot = condition.kind == "label"
    return {
        "weight": jnp.zeros(()),
        "code": jnp.zeros(condition.size),
        "latents": jnp.zeros(size),
        "products": jnp.zeros((condition.size, size)),
    } | ({} if one_hot else {"squares": jnp.zeros((condition.size, condition.size))})


def shift(moments: dict[str, Array], code: Array) -> Array:
    """Returns E[u | c] - E[u] [B, size] for codes [B, C]; 0 before the first step."""
    mean = jax.tree.map(lambda total: total / jnp.maximum(moments["weight"], TINY), moments)
    covariance = mean["products"] - jnp.outer(mean["code"], mean["latents"])
    if "squares" not in moments:
        return code @ (covariance / (mean["code"] + RIDGE)[:, None])
    variance = mean["squares"] - jnp.outer(mean["code"], mean["code"])
    variance += RIDGE * jnp.eye(len(variance))
    slopes = jax.scipy.linalg.solve(variance, covariance, assume_a="pos")
    return (code - mean["code"]) @ slopes


def update(moments: dict[str, Array], code: Array, u: Array) -> dict[str, Array]:
    """Returns the moments after a batch with codes [B, C] and latents [B, size]."""
    new = {
        "weight": jnp.ones(()),
        "code": code.mean(0),
        "latents": u.mean(0),
        "products": code.T @ u / len(u),
        "squares": code.T @ code / len(u),
    }
    return {name: (1 - RATE) * total + RATE * new[name] for name, total in moments.items()}
