"""A ladder of latent groups, of any depth: see `networks/ladder.py` for the two paths.

    p(x, z) = p(x | z) prod_g p(z_g | z_<g),    q(z | x) = prod_g q(z_g | z_<g, x)

A conditional ladder has y in all of these: the path down starts from it, and so does the path up if
the encoder is given y. Given sampled groups above it, a group's divergence has a closed form:

    KL(q || p) = sum_g E_q(z_<g | x)[ KL(q(z_g | z_<g, x) || p(z_g | z_<g)) ]

The topmost group has nothing above it, and its p is the Gaussian N(m, s^2) of learned m and s, or
another: with a `model.prior` of u = (z_1 - m) / s, log p(z_1) = log p(u) - sum log s, and the KL of
that group is log q(z_1 | x) - log p(z_1). A diffusion there is that of Vahdat et al., "Score-based
generative modeling in latent space", 2021, for the top of a hierarchy.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import ml_collections

from vae.config.build import build
from vae.errors import InputError
from vae.models import losses, parts
from vae.models.architecture import activation_of, output_bias
from vae.models.autoencoder import Autoencoder
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.models.emission import Emission
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables, part
from vae.models.priors import Prior
from vae.models.priors.prior import PRIOR
from vae.networks.ladder import BottomUp, Choose, TopDown
from vae.probability.density import Density
from vae.probability.distributions import DiagonalGaussian, other_keys, split
from vae.probability.solver import AT_ONCE, Solver
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
      prior: the family of p(u) of the topmost group, or None: its p is Gaussian, see above.
    """

    encoder: BottomUp
    prior: Prior | None = None

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
        prior = None
        if config.prior != "standard_normal":  # it makes the Gaussian that there is without it
            prior = build(
                *("model", config, "prior", Prior),
                size=config.latent_dim * math.prod(decoder.top),
                grid=decoder.top,
                condition=condition,
                data=data,
            )
        return cls(
            encoder=encoder,
            emission=Emission(decoder, likelihood, data.event),
            prior=prior,
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
                **({"prior": self.prior.init(key=key)} if self.prior else {}),
                **self.emission.init(*down, key=decoder_key),
                **losses.init(self.losses, key=key),
            }
        )

    def with_solver(self, solver: Solver) -> Ladder:
        if self.prior is None:
            raise InputError(AT_ONCE)
        return dataclasses.replace(self, prior=self.prior.with_solver(solver))

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
        group_keys = iter(split(keys, sum(self.decoder.groups)))
        drawn: list[Array] = []

        def choose(p: DiagonalGaussian, q: None) -> Array:
            own = next(group_keys)
            if drawn or self.prior is None:
                drawn.append(parts.tempered(p, temperature).sample(keys=own))
            else:
                top = self._top(variables, y, train=False)
                drawn.append(self._placed(parts.tempered(top, temperature).sample(keys=own), p))
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
        latents = iter(z)
        log_pz: list[Array] = []

        def choose(p: DiagonalGaussian, q: None) -> Array:
            z = next(latents)
            if log_pz or self.prior is None:
                log_pz.append(p.log_prob(z))
            else:
                log_pu = self._top(variables, y, train=False).log_prob(self._freed(z, p))
                log_pz.append(log_pu - p.log_std.sum(-1))
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
        drawn: list[tuple[Array, ...]] = []
        tracked: dict[str, Any] = {}

        def choose(p: DiagonalGaussian, q: Any) -> Array:
            z, log_qz = q.sample_and_log_prob(keys=next(group_keys))
            if drawn or self.prior is None:
                log_pz, kl = p.log_prob(z), q.kl(p).sum(0)
            else:
                u = self._freed(z, p).reshape(num_samples, number, -1)
                top = self._top(variables, batch.y, train=train)
                log_pu = top.estimate(u, keys=other_keys(keys, PRIOR)).reshape(-1)
                log_pz = log_pu - p.log_std.sum(-1)
                kl = log_qz - log_pz
                tracked["prior"] = self.prior.tracked(part(variables, "prior"), u)
            drawn.append((z, log_qz, log_pz, kl))
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
            statistics=statistics | tracked,
        )

    def _top(self, variables: Variables, y: Array | None, *, train: bool) -> Density:
        """Returns p(u) of the topmost group."""
        assert self.prior is not None  # the callers know
        own = part(variables, "prior")
        encode: Any = functools.partial(self.encode, variables)  # for priors that rules refuse
        return self.prior.distribution(own, Batch(None, y), encode, train=train)

    def _freed(self, z: Array, p: DiagonalGaussian) -> Array:
        """Returns u = (z - m) / s of the topmost z [N, D], channel by channel as priors have it."""
        u = (z - p.mean) * jnp.exp(-p.log_std)
        u = u.reshape(len(z), *self.decoder.top, -1)
        return jnp.moveaxis(u, -1, 1).reshape(z.shape)

    def _placed(self, u: Array, p: DiagonalGaussian) -> Array:
        """Returns the topmost z [N, D] of u, the inverse of `_freed`."""
        u = jnp.moveaxis(u.reshape(len(u), -1, *self.decoder.top), 1, -1).reshape(u.shape)
        return p.mean + jnp.exp(p.log_std) * u

    def up(self, variables: Variables, batch: Batch) -> list[Array]:
        """Returns each group's features of x, the topmost group first."""
        return parts.apply(self.encoder, variables["params"]["encoder"], self._told(batch))
