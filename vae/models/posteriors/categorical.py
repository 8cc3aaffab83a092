"""The categorical posterior, relaxed in training (Jang et al. 2017; Maddison et al. 2017)."""

from __future__ import annotations

import dataclasses

import jax

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability import categorical

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Categorical(Posterior):
    """q(z | x) = prod_d Cat(z_d; pi_d(x)) over `variables` one-hot blocks of `categories` numbers.

    The encoder gives the logits. Training draws relaxed samples (straight-through samples if
    `straight_through`), evaluation draws exact ones.
    """

    variables: int
    categories: int
    temperature: float
    straight_through: bool

    space = "categorical"
    any_density = True

    @classmethod
    def build(
        cls, size: int, categories: int, temperature: float, straight_through: bool
    ) -> Categorical:
        return cls(size, categories, temperature, straight_through)

    @property
    def size(self) -> int:
        return self.variables * self.categories

    @property
    def outputs(self) -> int:
        return self.size

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> categorical.Categorical:
        return categorical.Categorical(
            outputs.reshape(-1, self.variables, self.categories),
            temperature=self.temperature if train else None,
            straight_through=self.straight_through,
        )
