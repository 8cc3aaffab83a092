"""A generative adversarial network: a prior, a generator and a discriminator.

    x = G(z, y), z ~ p(z)

(Goodfellow et al., "Generative adversarial nets", 2014; DCGAN: Radford et al., 2016.) It has no
density p(x) and no encoder; an evaluation measures how often its discriminator is right. With noise
stated around x it has a density, which annealing finds (`evaluation/annealing.py`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import cast

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from vae.config.build import build
from vae.models import parts
from vae.models.architecture import check_fills, grid_of, latents_of, make_decoder
from vae.models.condition import Condition, code_of, condition_of
from vae.models.data import Data
from vae.models.losses import losses_of
from vae.models.losses.realism import Realism
from vae.models.model import Model
from vae.models.parts import Variables, part
from vae.models.priors import Prior
from vae.networks.network import Decoder
from vae.probability.density import Density
from vae.probability.event import Event
from vae.probability.likelihoods import Bernoulli
from vae.probability.terms import Batch, Terms

Array = jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class GAN(Model):
    """A generator of examples in [0, 1] and its adversary.

    Attributes:
      generator: takes z [..., D] to the logits of the values [..., *places, C].
      prior: the family of p(z), see `priors/`.
      adversary: the discriminator of examples.
      latent_dim: D.
      event: the shape of an x and what its values mean.
      condition: what the y is that both players are given, or None.
    """

    generator: Decoder
    prior: Prior
    adversary: Realism
    latent_dim: int
    event: Event
    condition: Condition | None

    likelihood = Bernoulli()  # whose mean keeps the values in [0, 1]

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> GAN:
        """Returns the model of a config's `model` section with `name` "gan"."""
        condition = condition_of(config, data)
        grid = grid_of(config, data, ("decoder",))
        size = latents_of(config, grid)
        check_fills(size, grid)
        prior = build(
            *("model", config, "prior", Prior),
            size=size,
            grid=grid,
            condition=condition,
            data=data,
        )
        (adversary,) = losses_of(config, data.event, condition, space=prior.space, size=size)
        return cls(
            generator=make_decoder(config, data, GAN.likelihood),
            prior=prior,
            adversary=cast(Realism, adversary),  # by the rules, no GAN has another
            latent_dim=size,
            event=data.event,
            condition=condition,
        )

    @property
    def causal(self) -> bool:
        return self.generator.causal

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses of `terms`."""
        return self.adversary.names

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        keys = jax.random.split(key, 3)
        y = self.condition.unknown(1) if self.condition else None
        z = jnp.zeros((1, self.latent_dim))
        return parts.join(
            {
                "generator": parts.of_module(self.generator, z, self._code(y), key=keys[0]),
                "prior": self.prior.init(key=keys[1]),
                "discriminator": self.adversary.init(key=keys[2]),
            }
        )

    def decode(
        self, variables: Variables, z: Array, y: Array | None = None, *, keys: Array | None = None
    ) -> Array:
        """Returns the examples [B, *places, C] of z [B, D]; `keys` are not used."""
        return self.likelihood.mean(self._logits(variables, z, y))

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> Array:
        """Draws latents z ~ p(z) [B, D], one from each key [B]; see `parts.tempered`."""
        return parts.tempered(self._latents(variables, y), temperature).sample(keys=keys)

    def joint(
        self, variables: Variables, z: Array, y: Array | None = None, x: Array | None = None
    ) -> tuple[Array, Array]:
        """Returns log p(z) [N] and the logits of the examples, which have no p(x | z) by itself."""
        return self._latents(variables, y).log_prob(z), self._logits(variables, z, y)

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """Returns the losses of both players, with a fake for each of keys [K, B]; no densities."""
        nothing = jnp.zeros(keys.shape)
        fakes = jax.vmap(lambda keys: self._fakes(variables, batch, keys=keys))(keys)
        judge = self.adversary.discriminator
        ready = judge.ready(part(variables, "discriminator"))
        code = self._code(batch.y)
        return Terms(
            log_px=nothing,
            log_pz=nothing,
            log_qz=nothing,
            kl=None,
            z=jnp.zeros((*keys.shape, 0)),
            mean=jnp.zeros((keys.shape[1], 0)),
            q=None,
            p=None,
            losses=judge.contest(ready, batch.x, [fakes], code),
            statistics=variables["statistics"] | {"discriminator": ready["statistics"]},
        )

    def measure(self, variables: Variables, batch: Batch, *, keys: Array) -> dict[str, Array]:
        """Returns the logits of the examples and of as many fakes from keys [B], [B] each."""
        judge = self.adversary.discriminator
        ready = judge.ready(part(variables, "discriminator"))
        code = self._code(batch.y)
        fakes = self._fakes(variables, batch, keys=keys)
        return {
            name: judge.judge(ready, x, code)[1] for name, x in (("real", batch.x), ("fake", fakes))
        }

    def figures(self, measured: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Returns the shares of real and fake examples classified right, with standard errors."""
        figures = {}
        for name, right in (("real", measured["real"] > 0), ("fake", measured["fake"] < 0)):
            share = float(right.mean())
            figures[f"{name}_judged_right"] = share
            error = math.sqrt(share * (1 - share) / len(right))
            figures[f"{name}_judged_right_stderr"] = error
        return figures

    def _latents(self, variables: Variables, y: Array | None) -> Density:
        encode = functools.partial(self.encode, variables)
        own = part(variables, "prior")
        return self.prior.distribution(own, Batch(None, y), encode, train=False)

    def _logits(self, variables: Variables, z: Array, y: Array | None) -> Array:
        generator = variables["params"]["generator"]
        return parts.apply(self.generator, generator, z, self._code(y))

    def _code(self, y: Array | None) -> Array | None:
        """Returns the code [B, C] that both players are given, or None without a condition."""
        return code_of(self.condition, y)

    def _fakes(self, variables: Variables, batch: Batch, *, keys: Array) -> Array:
        z = self.sample(variables, batch.y, keys=keys)
        return batch.masked(self.decode(variables, z, batch.y))
