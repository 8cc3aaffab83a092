"""Normalizing flows as priors: coupling layers (RealNVP) and masked autoregressive ones (MAF).

(Dinh et al. 2017; Papamakarios et al. 2017; as a prior: Chen et al. 2017, "Variational lossy
autoencoder".) Training only asks for log p(z), which takes one pass in both. MAF is more flexible,
but a sample takes as many passes as there are latents, and one pass in a coupling flow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.priors.prior import Prior
from vae.networks.coupling import Coupling
from vae.networks.made import MADE
from vae.probability.affine_flows import AffineFlow, AffineLayer
from vae.probability.density import Variational
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Flow(Prior):
    """p(z) by an affine flow to N(0, I); it starts near N(0, I).

    Attributes:
      size: how many numbers z has.
      networks: each layer's network, from z [..., D] to shift and log-scale [..., D, 2].
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
        encode: Callable[[Batch], Variational],
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
    """Returns a coupling flow: layers keep one half of z in turn, and transform the other by it."""
    networks = (Coupling((size + layer % 2) // 2, 2, widths) for layer in range(flows))
    return Flow(size, tuple(networks), rounds=1)


def maf(size: int, flows: int, widths: tuple[int, ...]) -> Flow:
    """Returns a MAF: each dimension is transformed by all before it, layers alternate in order."""
    return Flow(size, (MADE(2, widths),) * flows, rounds=size)
