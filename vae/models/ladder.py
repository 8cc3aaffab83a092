"""A ladder of latent groups, of any depth: see `networks/ladder.py` for the two paths.

    p(x, z) = p(x | z) prod_g p(z_g | z_<g),    q(z | x) = prod_g q(z_g | z_<g, x)

A conditional ladder has y in all of these: the path down starts from it, and so does the path up if
the encoder is given y. Given sampled groups above it, a group's divergence has a closed form:

    KL(q || p) = sum_g E_q(z_<g | x)[ KL(q(z_g | z_<g, x) || p(z_g | z_<g)) ]
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import ml_collections

from vae.models import losses, parts
from vae.models.architecture import activation_of, output_bias
from vae.models.autoencoder import Autoencoder
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.models.emission import Emission
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables
from vae.networks.ladder import BottomUp, Choose, TopDown
from vae.probability.distributions import DiagonalGaussian, split
from vae.probability.terms import Batch, Terms

Array = jax.Array


class Centre(NamedTuple):
    """The path down along the means of q: `mean`, a tuple of [B, D_g], topmost group first."""

    mean: tuple[Array, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ladder(Autoencoder):
    """The two paths tied to the mathematics; z is a tuple of [..., D_g], topmost group first.

    The decoder of its emission is the path down, in generation and in inference.

    Attributes:
      encoder: the path up.
    """

    encoder: BottomUp

    inference = ("encoder", "decoder")

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> Ladder:
        """Returns the model of a config's `model` section with `name` "ladder"."""
        likelihood, condition = likelihood_of(config, data), condition_of(config, data)
        common: dict[str, Any] = {
            "groups": tuple(config.groups),
            "stem_stride": config.stem_stride,
            "remat": config.remat,
            "blocks": config.blocks,
            "activation": activation_of(config),
            "dtype": config.dtype,
        }
        encoder = BottomUp(widths=tuple(config.encoder_widths), **common)
        parts.check_rank(encoder, data.event.places, "model.name='ladder'", "choose 'two_layer'")
        decoder = TopDown(
            widths=tuple(config.decoder_widths),
            channels=config.latent_dim,
            places=data.event.places,
            outputs=likelihood.outputs(data.event.channels),
            output_bias=output_bias(config, data, likelihood),
            **common,
        )
        size = sum(
            groups * math.prod(grid)
            for groups, grid in zip(decoder.groups, decoder.grids, strict=True)
        )
        return cls(
            encoder=encoder,
            emission=Emission(decoder, likelihood, data.event),
            condition=condition,
            losses=losses.losses_of(
                config, data.event, condition, space="layers", size=size * config.latent_dim
            ),
        )

    @property
    def sample_bytes(self) -> int:
        """About how many bytes `terms` holds for one sample of one example, as XLA lays it out.

        It holds every group's features of x and, on the finest grid, eight arrays as wide as the
        stream: the stream itself and what its blocks compute from it.
        """
        places = [math.prod(grid) for grid in self.decoder.grids]
        told = zip(self.decoder.groups, places, reversed(self.encoder.widths), strict=True)
        stream = places[-1] * self.decoder.widths[-1]
        return 4 * (sum(groups * size * width for groups, size, width in told) + 8 * stream)

    @property
    def decoder(self) -> TopDown:
        return cast(TopDown, self.emission.decoder)

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        encoder_key, decoder_key = jax.random.split(key)
        blank = self._blank()
        contexts, encoder = self.encoder.init_with_output(encoder_key, self._told(blank))
        down = (1, contexts, lambda p, q: q.mean, self._code(blank.y))
        return parts.join(
            {
                "encoder": {"params": encoder["params"], "statistics": {}},
                **self.emission.init(*down, key=decoder_key),
                **losses.init(self.losses, key=key),
            }
        )

    def encode(self, variables: Variables, batch: Batch, *, train: bool = False) -> Centre:
        """Returns the means of q(z_g | z_<g, x), each given the means above it."""
        means = []

        def choose(p: DiagonalGaussian, q: Any) -> Array:
            means.append(q.mean)
            return q.mean

        self.emission.outputs(
            variables, batch.x.shape[0], self.up(variables, batch), choose, self._code(batch.y)
        )
        return Centre(tuple(means))

    def inputs(
        self, variables: Variables, z: tuple[Array, ...], y: Array | None = None
    ) -> tuple[Any, ...]:
        """Returns what makes the path down take z_g [B, D_g], group after group."""
        latents = iter(z)
        return z[0].shape[0], None, lambda p, q: next(latents), self._code(y)

    def begin(self, variables: Variables, number: int, y: Array | None = None) -> Array:
        """Returns the path down before the topmost group, of so many examples."""
        return self._down(variables, number, self._code(y), method="begin")

    def group(
        self, variables: Variables, n: int, h: Array, context: Array | None, choose: Choose
    ) -> Array:
        """Returns the path down after group n, from h before it; see `networks/ladder.py`."""
        return self._down(variables, n, h, context, choose, method="group")

    def finish(self, variables: Variables, h: Array) -> Array:
        """Returns the outputs of p(x | z), from h after the last group."""
        return self._down(variables, h, method="finish")

    def _down(self, variables: Variables, *inputs: Any, method: str) -> Array:
        return parts.apply(self.decoder, variables["params"]["decoder"], *inputs, method=method)

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> tuple[Array, ...]:
        """Draws z ~ p(z), group after group, [B, D_g] each, from keys [B].

        Every p(z_g | z_<g) has the temperature (Vahdat & Kautz 2020, section 4.2).
        """
        group_keys, drawn = iter(split(keys, sum(self.decoder.groups))), []

        def choose(p: DiagonalGaussian, q: None) -> Array:
            drawn.append(parts.tempered(p, temperature).sample(keys=next(group_keys)))
            return drawn[-1]

        self.emission.outputs(variables, len(keys), None, choose, self._code(y))
        return tuple(drawn)

    def joint(
        self,
        variables: Variables,
        z: tuple[Array, ...],
        y: Array | None = None,
        x: Array | None = None,
    ) -> tuple[Array, Array]:
        """Returns log p(z) [N] and the outputs of p(x | z) [N, *places, P] at any z."""
        latents, log_pz = iter(z), []

        def choose(p: DiagonalGaussian, q: None) -> Array:
            z = next(latents)
            log_pz.append(p.log_prob(z))
            return z

        outputs = self.emission.outputs(variables, len(z[0]), None, choose, self._code(y))
        return sum(log_pz, jnp.zeros(())), outputs

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
        num_samples, number = keys.shape
        contexts = [
            jnp.broadcast_to(h, (num_samples, *h.shape)).reshape(-1, *h.shape[1:])
            for h in self.up(variables, batch)
        ]
        group_keys = iter(split(keys.reshape(-1), sum(self.decoder.groups)))
        drawn = []

        def choose(p: DiagonalGaussian, q: Any) -> Array:
            z, log_qz = q.sample_and_log_prob(keys=next(group_keys))
            drawn.append((z, log_qz, p.log_prob(z), q.kl(p).sum(0)))
            return z

        def down(number: int, contexts: list[Array] | None, choose: Choose) -> Array:
            code = self._code(batch.y)
            if code is not None:
                code = jnp.tile(code, (number // len(code), 1))
            return self.emission.outputs(variables, number, contexts, choose, code)

        def decode(z: tuple[Array, ...]) -> Array:
            leading = z[0].shape[:2]
            latents = iter([leaf.reshape(-1, leaf.shape[-1]) for leaf in z])
            outputs = down(math.prod(leading), None, lambda p, q: next(latents))
            return outputs.reshape(*leading, *outputs.shape[1:])

        outputs = down(keys.size, contexts, choose)
        # [K B, ...] to [K, B, ...].
        outputs, drawn = jax.tree.map(
            lambda leaf: leaf.reshape(num_samples, number, *leaf.shape[1:]), (outputs, drawn)
        )
        z, log_qz, log_pz, kl = zip(*drawn, strict=True)
        log_px, lost, statistics = self._charge(
            variables,
            batch,
            z,
            outputs,
            decode=decode,
            draw=lambda keys: self.sample(variables, batch.y, keys=keys),
            keys=keys,
            train=train,
            axis=axis,
        )
        return Terms(
            log_px=log_px,
            log_pz=sum(log_pz),
            log_qz=sum(log_qz),
            kl=jnp.stack(kl).mean(1),
            z=z,
            mean=jnp.zeros((number, 0)),
            q=None,
            p=None,
            losses=lost,
            statistics=statistics,
        )

    def up(self, variables: Variables, batch: Batch) -> list[Array]:
        """Returns each group's features of x, the topmost group first."""
        return parts.apply(self.encoder, variables["params"]["encoder"], self._told(batch))
