"""Autoencoders whose latents are codes, with a learned prior over them.

    p(x, c) = p(c) p(x | c),   q(c | x) = 1 at the codes nearest to what is encoded

(van den Oord et al. 2017; the two quantizers are in `quantizers.py`.) The prior is autoregressive
and trained in the same run. It has no influence on the encoder, since codes have no gradient; the
decoder's gradient passes straight through the rounding. Since q is certain, log q(c | x) = 0 and
log p(x) >= log p(x | c) + log p(c): the ELBO is a bound as usual. A conditional model has y in all
three: p(c | y), p(x | c, y) and q(c | x, y).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self

import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from vae.models import losses, parts
from vae.models.architecture import check_fills, grid_of, make_decoder, make_encoder
from vae.models.autoencoder import Autoencoder
from vae.models.code_prior import CodePrior
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.models.emission import Emission
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables, part
from vae.models.quantizers import Codebook, Quantizer, Scalars
from vae.networks.network import Encoder
from vae.networks.transformer import Transformer
from vae.probability.terms import Batch, Terms

Array = jax.Array


class Codes(flax.struct.PyTreeNode):
    """q(c | x) with all mass at `codes` [B, *places]; `mean` [B, *places, E] are their vectors."""

    mean: Array
    codes: Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quantized(Autoencoder):
    """Encoder, codes and decoder. A latent z is the codes' vectors, [..., *places, E].

    Attributes:
      encoder: takes x [B, *places, C] to [B, E L] for L positions, number by number.
      quantizer: see `quantizers.py`.
      code_prior: p(c), over the positions in order.
      places: the shape of the codes' grid, or (L,) for codes without a position in x.
    """

    encoder: Encoder
    quantizer: Quantizer
    code_prior: CodePrior
    places: tuple[int, ...]

    inference = ("encoder", "quantizer")
    certain = True

    @classmethod
    def _of(cls, quantizer: Quantizer, config: ml_collections.ConfigDict, data: Data) -> Self:
        """Returns the model of a config's `model` section with a quantizer.

        Raises:
          InputError: its sizes do not go together.
        """
        places = grid_of(config, data, ("encoder",)) or (config.num_latents,)
        size = quantizer.size * math.prod(places)
        check_fills(size, grid_of(config, data))
        likelihood, condition = likelihood_of(config, data), condition_of(config, data)
        transformer = Transformer(
            vocabulary=quantizer.num_codes,
            length=math.prod(places),
            width=config.transformer_width,
            layers=config.transformer_layers,
            dtype=config.dtype,
        )
        return cls(
            encoder=make_encoder(config, data, size),
            emission=Emission(make_decoder(config, data, likelihood), likelihood, data.event),
            quantizer=quantizer,
            code_prior=CodePrior(transformer),
            places=places,
            condition=condition,
            losses=losses.losses_of(config, data.event, condition, space="codes", size=size),
        )

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses of `terms` in training."""
        return ("commitment",) * bool(self.quantizer.commitment) + super().loss_names

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        keys = jax.random.split(key, 4)
        blank = self._blank()
        code = self._code(blank.y)
        z = jnp.zeros((1, self.quantizer.size * math.prod(self.places)))
        return parts.join(
            {
                "encoder": parts.of_module(self.encoder, self._told(blank), key=keys[0]),
                "quantizer": self.quantizer.init(key=keys[2]),
                "prior": self.code_prior.init(code, key=keys[3]),
                **self.emission.init(z, code, key=keys[1]),
                **losses.init(self.losses, key=key),
            }
        )

    def encode(self, variables: Variables, batch: Batch) -> Codes:
        """Returns the codes of examples and, as `mean`, their vectors, which `decode` takes."""
        own = part(variables, "quantizer")
        codes = self.quantizer.nearest(self._encode(variables, batch), own)
        return Codes(self.quantizer.look_up(codes, own), codes)

    def inputs(self, variables: Variables, z: Array, y: Array | None = None) -> tuple[Any, ...]:
        """Returns vectors z [B, *places, E], number by number, and the code."""
        return _flat(z), self._code(y)

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> Array:
        """Draws codes c ~ p(c), one sequence from each key [B]; returns vectors [B, *places, E]."""
        codes = self.code_prior.sample(
            part(variables, "prior"),
            self._code(y),
            keys=keys,
            temperature=1.0 if temperature is None else temperature,
        )
        codes = codes.reshape(-1, *self.places)
        return self.quantizer.look_up(codes, part(variables, "quantizer"))

    def next_code(
        self, variables: Variables, before: Array, memory: Any, place: Array, y: Array | None = None
    ) -> tuple[Array, Any]:
        """Returns the logits [B, V] of p(c_i | c_<i), and a memory; see `CodePrior.read`."""
        return self.code_prior.read(part(variables, "prior"), before, memory, place, self._code(y))

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """Returns the parts of log p(x, c) - log q(c | x), K equal samples for keys [K, B]."""
        quantizer = part(variables, "quantizer")
        u = self._encode(variables, batch)
        codes = self.quantizer.nearest(u, quantizer)
        nearest = self.quantizer.look_up(codes, quantizer)
        z = u + jax.lax.stop_gradient(nearest - u)
        code = self._code(batch.y)

        def decode(z: Array, x: Array | None = None, keys: Array | None = None) -> Array:
            return self.emission.outputs(variables, _flat(z), code, x=x, keys=keys)

        outputs = decode(z, batch.x, self.emission.noise(keys, train=train))
        log_px, lost, statistics = self._charge(
            variables,
            batch,
            z[None],
            outputs[None],
            decode=jax.vmap(decode),
            draw=None,
            keys=keys[:1],
            train=train,
            axis=axis,
        )
        log_pz = self.code_prior.log_prob(
            codes.reshape(len(codes), -1), part(variables, "prior"), code
        )
        if self.quantizer.commitment:
            distance = (u - jax.lax.stop_gradient(nearest)) ** 2
            distance = distance.reshape(len(distance), -1).sum(-1)
            lost = {"commitment": self.quantizer.commitment * distance} | lost
        return Terms(
            log_px=jnp.broadcast_to(log_px, keys.shape),
            log_pz=jnp.broadcast_to(log_pz, keys.shape),
            log_qz=jnp.zeros(keys.shape),
            kl=None,
            z=jnp.broadcast_to(z, (len(keys), *z.shape)),
            mean=jnp.zeros((len(z), 0)),
            q=None,
            p=None,
            losses=lost,
            statistics=statistics | {"quantizer": self.quantizer.update(u, codes, quantizer)},
        )

    def measure(self, variables: Variables, batch: Batch, *, keys: Array) -> dict[str, Array]:
        """Returns the codes of examples, [B, L]."""
        codes = self.encode(variables, batch).codes
        return {"codes": codes.reshape(len(codes), -1)}

    def figures(self, measured: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Returns the codes' perplexity: so many equally frequent codes have the same entropy."""
        _, counts = np.unique(measured["codes"], return_counts=True)
        share = counts / counts.sum()
        return {"code_perplexity": float(np.exp(-np.sum(share * np.log(share))))}

    def _encode(self, variables: Variables, batch: Batch) -> Array:
        """Returns the vectors to be quantized, [B, *places, E]."""
        e = parts.apply(self.encoder, variables["params"]["encoder"], self._told(batch))
        e = e.reshape(e.shape[0], self.quantizer.size, *self.places)
        return self.quantizer.bound(jnp.moveaxis(e, 1, -1))


class VQ(Quantized):
    """The model whose codes are from a learned codebook."""

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> VQ:
        codebook = Codebook(config.latent_dim, config.codebook_size, config.commitment)
        return cls._of(codebook, config, data)


class FSQ(Quantized):
    """The model whose codes are numbers rounded to a few levels."""

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> FSQ:
        return cls._of(Scalars(tuple(config.levels)), config, data)


def _flat(z: Array) -> Array:
    """Returns vectors [B, *places, E] as a decoder takes them, number by number: [B, E L]."""
    return jnp.moveaxis(z, -1, 1).reshape(z.shape[0], -1)
