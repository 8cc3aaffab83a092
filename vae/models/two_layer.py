"""The model with two layers of latents of Burda et al. 2016, "Importance weighted autoencoders".

    p(x, z1, z2) = p(z2) p(z1 | z2) p(x | z1),    q(z1, z2 | x) = q(z1 | x) q(z2 | z1)

p(z2) is the standard normal, the other three densities of latents are diagonal Gaussians. The
divergence of an example has no closed form, since q(z1 | x) does not depend on z2.

A conditional model has p(x | z1, y) and q(z1 | x, y). The two densities between the layers do not
depend on y: latents hold what y does not say, and p(z2 | z1, x, y) = p(z2 | z1), since z2 is
connected to y through z1 alone.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from vae.models import losses, parts
from vae.models.architecture import (
    activation_of,
    check_fills,
    grid_of,
    latents_of,
    make_decoder,
    make_encoder,
)
from vae.models.autoencoder import Autoencoder
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.models.emission import Emission
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables
from vae.networks import mlp
from vae.networks.network import Encoder
from vae.probability.distributions import DiagonalGaussian, StandardNormal, split
from vae.probability.terms import Batch, Terms

Array = jax.Array
Latents = tuple[Array, Array]  # z1 [..., D1], z2 [..., D2]


class Centre(NamedTuple):
    """The `mean` (z1 [B, D1], z2 [B, D2]) of q; z2 is the mean given z1."""

    mean: Latents


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoLayer(Autoencoder):
    """Four networks tied to the mathematics.

    Attributes:
      encoder: takes x [B, *places, C] to mean and log-variance of q(z1 | x), [B, 2 D1].
      top_encoder: takes z1 [N, D1] to those of q(z2 | z1), [N, 2 D2].
      top_decoder: takes z2 [N, D2] to those of p(z1 | z2), [N, 2 D1].
      dims: (D1, D2).
    """

    encoder: Encoder
    top_encoder: Encoder
    top_decoder: Encoder
    dims: tuple[int, int]

    inference = ("encoder", "top_encoder")

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> TwoLayer:
        """Returns the model of a config's `model` section with `name` "two_layer".

        Raises:
          InputError: the latents do not fill the grids of the networks.
        """
        likelihood = likelihood_of(config, data)
        common = {"activation": activation_of(config), "dtype": config.dtype}
        widths, condition = tuple(config.top_widths), condition_of(config, data)
        grid = grid_of(config, data)
        size = latents_of(config, grid)
        check_fills(size, grid)
        return cls(
            encoder=make_encoder(config, data, 2 * size),
            top_encoder=mlp.Encoder(widths, 2 * config.top_dim, **common),
            top_decoder=mlp.Encoder(widths[::-1], 2 * size, **common),
            emission=Emission(make_decoder(config, data, likelihood), likelihood, data.event),
            dims=(size, config.top_dim),
            condition=condition,
            losses=losses.losses_of(
                config,
                data.event,
                condition,
                space="layers",
                size=size + config.top_dim,
            ),
        )

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        keys = jax.random.split(key, 4)
        blank, (z1, z2) = self._blank(), (jnp.zeros((1, size)) for size in self.dims)
        return parts.join(
            {
                "encoder": parts.of_module(self.encoder, self._told(blank), key=keys[0]),
                "top_encoder": parts.of_module(self.top_encoder, z1, key=keys[1]),
                "top_decoder": parts.of_module(self.top_decoder, z2, key=keys[2]),
                **self.emission.init(z1, self._code(blank.y), key=keys[3]),
                **losses.init(self.losses, key=key),
            }
        )

    def encode(self, variables: Variables, batch: Batch, *, train: bool = False) -> Centre:
        """Returns the means of q(z1 | x) and, at that z1, of q(z2 | z1)."""
        z1 = self.q1(variables, batch).mean
        return Centre((z1, self.q2(variables, z1).mean))

    def inputs(self, variables: Variables, z: Latents, y: Array | None = None) -> tuple[Any, ...]:
        """Returns z1 and the code: p(x | z) = p(x | z1)."""
        return z[0], self._code(y)

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> Latents:
        """Draws z2 ~ p(z2) and z1 ~ p(z1 | z2) from keys [B], both with the temperature."""
        keys = split(keys)
        z2 = parts.tempered(StandardNormal(self.dims[1]), temperature).sample(keys=keys[0])
        p1 = parts.tempered(self.p1(variables, z2), temperature)
        return p1.sample(keys=keys[1]), z2

    def joint(
        self, variables: Variables, z: Latents, y: Array | None = None, x: Array | None = None
    ) -> tuple[Array, Array]:
        """Returns log p(z1, z2) [N] and the outputs of p(x | z1) [N, *places, P] at any z."""
        z1, z2 = z
        log_p1 = self.p1(variables, z2).log_prob(z1)
        log_pz = StandardNormal(self.dims[1]).log_prob(z2) + log_p1
        return log_pz, self.emission.outputs(variables, z1, self._code(y), x=x)

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """Returns the parts of log p(x, z) - log q(z | x), drawn from keys [K, B]."""
        layers, code = split(keys), self._code(batch.y)
        q1 = self.q1(variables, batch)
        z1, log_q1 = q1.sample_and_log_prob(keys=layers[0])
        q2 = self.q2(variables, z1)
        z2, log_q2 = q2.sample_and_log_prob(keys=layers[1])
        p1 = self.p1(variables, z2)
        noise = self.emission.noise(keys, train=train)
        outputs = self.emission.outputs(variables, z1, code, x=batch.x, keys=noise)
        log_px, lost, statistics = self._charge(
            variables,
            batch,
            (z1, z2),
            outputs,
            decode=lambda z: self.emission.outputs(variables, z[0], code),
            draw=lambda keys: self.sample(variables, keys=keys),
            keys=keys,
            train=train,
            axis=axis,
        )
        return Terms(
            log_px=log_px,
            log_pz=StandardNormal(self.dims[1]).log_prob(z2) + p1.log_prob(z1),
            log_qz=log_q1 + log_q2,
            kl=None,
            z=(z1, z2),
            mean=jnp.concatenate([q1.mean, q2.mean.mean(0)], axis=-1),
            q=None,
            p=None,
            losses=lost,
            statistics=statistics,
        )

    def q1(self, variables: Variables, batch: Batch) -> DiagonalGaussian:
        """Returns q(z1 | x) [B, D1]."""
        return self._normal(variables, "encoder", self._told(batch))

    def q2(self, variables: Variables, z1: Array) -> DiagonalGaussian:
        """Returns q(z2 | z1) [..., D2]."""
        return self._normal(variables, "top_encoder", z1)

    def p1(self, variables: Variables, z2: Array) -> DiagonalGaussian:
        """Returns p(z1 | z2) [..., D1]."""
        return self._normal(variables, "top_decoder", z2)

    def _normal(self, variables: Variables, name: str, inputs: Array) -> DiagonalGaussian:
        """Returns the density that a network gives for an x or a latent [..., D]."""
        leading = inputs.shape[: 1 if name == "encoder" else -1]
        flat = inputs if name == "encoder" else inputs.reshape(-1, inputs.shape[-1])
        outputs = parts.apply(getattr(self, name), variables["params"][name], flat)
        mean, log_variance = jnp.split(outputs.reshape(*leading, -1), 2, axis=-1)
        return DiagonalGaussian(mean, 0.5 * log_variance)
