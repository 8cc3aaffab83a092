"""A ladder of latent groups, of any depth: see `networks/ladder.py` for the two paths.

    p(x, z) = p(x | z) prod_g p(z_g | z_<g),    q(z | x) = prod_g q(z_g | z_<g, x)

The divergence of each group is in closed form given the groups above it, which are sampled:

    KL(q || p) = sum_g E_q(z_<g | x)[ KL(q(z_g | z_<g, x) || p(z_g | z_<g)) ]
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from vae.models import parts
from vae.models.data import Data
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables, part
from vae.networks import ACTIVATIONS
from vae.networks.ladder import BottomUp, Choose, TopDown
from vae.probability.distributions import DiagonalGaussian, split
from vae.probability.event import Event
from vae.probability.terms import Batch, Terms

Array = jax.Array


class Centre(NamedTuple):
    """The way down along the means of q: `mean`, a tuple of [B, D_g], the topmost group first."""

    mean: tuple[Array, ...]


@dataclasses.dataclass(frozen=True)
class Ladder:
    """The two paths tied to the mathematics; z is a tuple of [..., D_g], the topmost group first.

    Attributes:
      encoder: the way up.
      decoder: the way down, in generation and inference.
      likelihood: p(x | z).
      event: what an x is.
    """

    encoder: BottomUp
    decoder: TopDown
    likelihood: Any
    event: Event

    inference = ("encoder", "decoder")
    condition = None

    @property
    def sample_bytes(self) -> int:
        """About what `terms` holds at once of one sample of one image, as XLA lays it out.

        That is what every group is told of x, and on the finest grid eight arrays of the width of
        the stream: the stream itself and what its blocks make of it.
        """
        places = [math.prod(grid) for grid in self.decoder.grids]
        told = zip(self.decoder.groups, places, reversed(self.encoder.widths), strict=True)
        stream = places[-1] * self.decoder.widths[-1]
        return 4 * (sum(groups * size * width for groups, size, width in told) + 8 * stream)

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        encoder_key, decoder_key = jax.random.split(key)
        contexts, encoder = self.encoder.init_with_output(
            encoder_key, jnp.zeros((1, *self.event.shape))
        )
        down = (1, contexts, lambda p, q: q.mean)
        return parts.join(
            {
                "encoder": {"params": encoder["params"], "statistics": {}},
                "decoder": parts.of_module(self.decoder, *down, key=decoder_key),
                "likelihood": self.likelihood.init(),
            }
        )

    def encode(self, variables: Variables, batch: Batch, *, train: bool = False) -> Centre:
        """The means of q(z_g | z_<g, x), each given the means above it."""
        means = []

        def choose(p: DiagonalGaussian, q: DiagonalGaussian) -> Array:
            means.append(q.mean)
            return q.mean

        self._down(variables, len(batch.x), self._up(variables, batch.x), choose)
        return Centre(tuple(means))

    def decode(
        self,
        variables: Variables,
        z: tuple[Array, ...],
        y: Array | None = None,
        *,
        keys: Array | None = None,
    ) -> Array:
        """The mean of p(x | z) for z_g [B, D_g], as [B, H, W, C]; with keys [B], draws x."""
        latents = iter(z)
        outputs = self._down(variables, len(z[0]), None, lambda p, q: next(latents))
        return parts.images(self.likelihood, outputs, variables, keys)

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> tuple[Array, ...]:
        """Latents z ~ p(z), group after group, from keys [B], as [B, D_g] each.

        The temperature is that of every p(z_g | z_<g) (Vahdat & Kautz 2020, section 4.2).
        """
        group_keys, drawn = iter(split(keys, sum(self.decoder.groups))), []

        def choose(p: DiagonalGaussian, q: None) -> Array:
            drawn.append(parts.tempered(p, temperature).sample(keys=next(group_keys)))
            return drawn[-1]

        self._down(variables, len(keys), None, choose)
        return tuple(drawn)

    def joint(
        self, variables: Variables, z: tuple[Array, ...], y: Array | None = None
    ) -> tuple[Array, Array]:
        """log p(z) [N] over all groups, and the outputs of p(x | z) [N, H, W, P], at any z."""
        latents, log_pz = iter(z), []

        def choose(p: DiagonalGaussian, q: None) -> Array:
            z = next(latents)
            log_pz.append(p.log_prob(z))
            return z

        outputs = self._down(variables, len(z[0]), None, choose)
        return sum(log_pz), outputs

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """The parts of log p(x, z) - log q(z | x), drawn from keys [K, B]."""
        num_samples, number = keys.shape
        contexts = [
            jnp.broadcast_to(h, (num_samples, *h.shape)).reshape(-1, *h.shape[1:])
            for h in self._up(variables, batch.x)
        ]
        group_keys = iter(split(keys.reshape(-1), sum(self.decoder.groups)))
        drawn = []

        def choose(p: DiagonalGaussian, q: DiagonalGaussian) -> Array:
            z, log_qz = q.sample_and_log_prob(keys=next(group_keys))
            drawn.append((z, log_qz, p.log_prob(z), q.kl(p).sum(0)))
            return z

        outputs = self._down(variables, keys.size, contexts, choose)
        # [K B, ...] to [K, B, ...], first of a group's z, then of what is one number for a group.
        outputs, drawn = jax.tree.map(
            lambda leaf: leaf.reshape(num_samples, number, *leaf.shape[1:]), (outputs, drawn)
        )
        z, log_qz, log_pz, kl = zip(*drawn, strict=True)
        own = part(variables, "likelihood")
        return Terms(
            log_px=self.likelihood.log_prob(outputs, batch.x, own),
            log_pz=sum(log_pz),
            log_qz=sum(log_qz),
            kl=jnp.stack(kl).mean(1),
            z=z,
            mean=jnp.zeros((number, 0)),
            q=None,
            p=None,
            losses={},
            statistics=variables["statistics"]
            | {"likelihood": self.likelihood.update(outputs, batch.x, own)},
        )

    def _up(self, variables: Variables, x: Array) -> list[Array]:
        return self.encoder.apply({"params": variables["params"]["encoder"]}, x)

    def _down(
        self, variables: Variables, number: int, contexts: list[Array] | None, choose: Choose
    ) -> Array:
        decoder = {"params": variables["params"]["decoder"]}
        return self.decoder.apply(decoder, number, contexts, choose)


def build(config: ml_collections.ConfigDict, data: Data) -> Ladder:
    """The model of a config's `model` section with `name` "ladder"."""
    likelihood = likelihood_of(config, data.event.values)
    common = {
        "groups": tuple(config.groups),
        "stem_stride": config.stem_stride,
        "blocks": config.blocks,
        "activation": ACTIVATIONS[config.activation],
        "dtype": config.dtype,
    }
    encoder = BottomUp(widths=tuple(config.encoder_widths), **common)
    parts.check_rank(encoder, data.event.places, "model.name='ladder'", "choose 'two_layer'")
    return Ladder(
        encoder=encoder,
        decoder=TopDown(
            widths=tuple(config.decoder_widths),
            channels=config.latent_dim,
            places=data.event.places,
            outputs=likelihood.outputs(data.event.channels),
            output_bias=(
                likelihood.to_outputs(data.mean) if config.output_bias == "data" else None
            ),
            **common,
        ),
        likelihood=likelihood,
        event=data.event,
    )
