"""Normalizing flows as priors: coupling layers (RealNVP) and masked autoregressive ones (MAF).

(Dinh et al. 2017; Papamakarios et al. 2017; as a prior: Chen et al. 2017, "Variational lossy
autoencoder".) Training asks for log p(z) only, in which both take one pass. MAF is the more
flexible; a sample of it takes as many passes as there are latents, of a coupling flow one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.priors.prior import Prior
from vae.networks.coupling import Coupling
from vae.networks.made import MADE
from vae.probability.affine_flows import AffineFlow, AffineLayer
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Flow(Prior):
    """p(z) of an affine flow to N(0, I), which it starts near.

    Attributes:
      size: numbers in z.
      networks: of each layer, z [..., D] to shift and log-scale [..., D, 2].
      rounds: see `AffineLayer`.
    """

    size: int
    networks: tuple[nn.Module, ...]
    rounds: int

    def init(self, *, key: Array) -> parts.Variables:
        z = jnp.zeros((1, self.size))
        keys = jax.random.split(key, len(self.networks))
        params = {
            str(layer): network.init(keys[layer], z)["params"]
            for layer, network in enumerate(self.networks)
        }
        return {"params": params, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> AffineFlow:
        layers = (
            AffineLayer(
                jax.tree_util.Partial(network.apply, {"params": variables["params"][str(layer)]}),
                rounds=self.rounds,
            )
            for layer, network in enumerate(self.networks)
        )
        return AffineFlow(tuple(layers), dim=self.size)


def coupling(size: int, flows: int, widths: tuple[int, ...]) -> Flow:
    """Each layer keeps one half of the dimensions and moves the other by it, in turn."""
    networks = (Coupling((size + layer % 2) // 2, 2, widths) for layer in range(flows))
    return Flow(size, tuple(networks), rounds=1)


def maf(size: int, flows: int, widths: tuple[int, ...]) -> Flow:
    """In each layer a dimension is moved by all that come before it, from either end in turn."""
    return Flow(size, (MADE(2, widths),) * flows, rounds=size)
