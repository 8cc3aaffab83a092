"""The Hamiltonian posterior (Caterini, Doucet & Sejdinovic 2018, "Hamiltonian VAE")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.gaussian import Gaussian
from vae.probability.density import Variational
from vae.probability.hamiltonian_flow import HamiltonianFlow, hamiltonian_flow

Array = jax.Array

LARGEST = 0.5  # step size


@dataclasses.dataclass(frozen=True)
class Hamiltonian(Gaussian):
    """z is where `flows` leapfrog steps in log p(x, z) lead from a Gaussian's sample.

    The encoder gives the Gaussian, as for "gaussian". Learned beside it are the step size of each
    dimension and the tempering, the same for all x; the decoder gets the gradient through the
    steps. See `hamiltonian_flow.py`.
    """

    flows: int

    any_density = False
    uses_joint = True

    def init(self, *, key: Array) -> parts.Variables:
        """Returns step sizes of a tenth of the largest, and the start's precision of 1/2."""
        step = jnp.full(self.size, -jnp.log(9.0))
        return {"params": {"step": step, "tempering": jnp.zeros(())}, "statistics": {}}

    def moved(
        self, q: Variational, variables: parts.Variables, log_joint: Callable[[Array], Array]
    ) -> HamiltonianFlow:
        params = variables["params"]
        step = LARGEST * jax.nn.sigmoid(params["step"])[None]
        tempering = jax.nn.sigmoid(params["tempering"])[None]
        return hamiltonian_flow(q, log_joint, step, tempering, num=self.flows)
