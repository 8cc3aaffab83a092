"""The variational autoencoder with one layer of latents (Kingma & Welling 2014).

    p(x, z) = p(z) p(x | z),    q(z | x)

A model is a frozen record of pure parts: two Linen modules, a posterior, a prior, a likelihood. It
holds no arrays; everything learned or tracked is in `variables`, a dict of two collections:
`params` (by gradient) and `statistics` (running averages), each with one entry per part.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.probability import distributions
from vae.probability.terms import Terms

Array = jax.Array
Variables = dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class VAE:
    """Encoder and decoder tied to the mathematics.

    Attributes:
      encoder: x [B, H, W, C] to the posterior's outputs [B, P].
      decoder: z [..., D] to the likelihood's outputs [..., H, W, C, O].
      posterior: the class of q(z | x), with `outputs`, `from_outputs`, `sample`, `log_prob`.
      prior: p(z), with `log_prob` and `sample`.
      likelihood: p(x | z), see `probability/likelihoods.py`.
      image_shape: (H, W, C).
      latent_dim: D.
    """

    encoder: nn.Module
    decoder: nn.Module
    posterior: Any
    prior: Any
    likelihood: Any
    image_shape: tuple[int, int, int]
    latent_dim: int

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        encoder_key, decoder_key = jax.random.split(key)
        x = jnp.zeros((1, *self.image_shape))
        z = jnp.zeros((1, self.latent_dim))
        likelihood = self.likelihood.init()
        return {
            "params": {
                "encoder": self.encoder.init(encoder_key, x)["params"],
                "decoder": self.decoder.init(decoder_key, z)["params"],
                "likelihood": likelihood["params"],
            },
            "statistics": {"likelihood": likelihood["statistics"]},
        }

    def encode(self, variables: Variables, x: Array) -> Any:
        """q(z | x) for x [B, H, W, C]."""
        outputs = self.encoder.apply({"params": variables["params"]["encoder"]}, x)
        return self.posterior.from_outputs(outputs)

    def decode(self, variables: Variables, z: Array) -> Array:
        """The mean of p(x | z) for z [..., D], as [..., H, W, C]."""
        return self.likelihood.mean(self._outputs(variables, z))

    def sample(self, variables: Variables, *, keys: Array) -> Array:
        """Ancestral samples x ~ p(x | z), z ~ p(z), one per key [B], as [B, H, W, C]."""
        z_keys, x_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
        outputs = self._outputs(variables, self.prior.sample(keys=z_keys))
        parts = _part(variables, "likelihood")
        return jax.vmap(lambda o, key: self.likelihood.sample(o, parts, key=key))(outputs, x_keys)

    def terms(self, variables: Variables, x: Array, *, keys: Array) -> Terms:
        """The parts of log p(x, z) - log q(z | x) for x [B, H, W, C], drawn from keys [K, B]."""
        q = self.encode(variables, x)
        z = q.sample(keys=keys)
        outputs = self._outputs(variables, z)
        parts = _part(variables, "likelihood")
        return Terms(
            log_px=self.likelihood.log_prob(outputs, x, parts),
            log_pz=self.prior.log_prob(z),
            log_qz=q.log_prob(z),
            kl=distributions.kl(q, self.prior),
            z=z,
            losses={},
            statistics={"likelihood": self.likelihood.update(outputs, x, parts)},
        )

    def _outputs(self, variables: Variables, z: Array) -> Array:
        return self.decoder.apply({"params": variables["params"]["decoder"]}, z)


def _part(variables: Variables, name: str) -> Variables:
    return {collection: parts[name] for collection, parts in variables.items() if name in parts}
