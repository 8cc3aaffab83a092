"""The variational autoencoder with one layer of latents, conditional or not.

    p(x, z | y) = p(z) p(x | z, y),    q(z | x, y)

(Kingma & Welling 2014; conditional: Sohn et al. 2015.) A model is a frozen record of pure parts.
Its only arrays are those that its parameters start from; what is learned or tracked is in its
variables (`parts.py`). Latents in R^D have their origin at the mean of the encoder's latents
(`origin.py`).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from vae.config.build import build
from vae.models import losses, origin, parts
from vae.models.architecture import (
    activation_of,
    check_fills,
    grid_of,
    latents_of,
    make_decoder,
    make_encoder,
)
from vae.models.autoencoder import Autoencoder
from vae.models.condition import condition_of, of_decoder
from vae.models.data import Data
from vae.models.emission import Emission
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables, part
from vae.models.posteriors import Posterior
from vae.models.priors import Prior
from vae.models.priors.prior import PRIOR
from vae.networks.network import Encoder
from vae.probability.density import Density, Variational
from vae.probability.distributions import other_keys
from vae.probability.solver import Solver
from vae.probability.terms import Batch, Terms

Array = jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class VAE(Autoencoder):
    """Encoder and decoder tied to the mathematics.

    Attributes:
      encoder: takes x [B, *places, C] to the posterior's outputs [B, P].
      posterior: the family of q(z | x), see `posteriors/`.
      prior: the family of p(z), see `priors/`.
    """

    encoder: Encoder
    posterior: Posterior
    prior: Prior

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> VAE:
        """Returns the model of a config's `model` section with `name` "vae"."""
        likelihood = likelihood_of(config, data)
        condition = condition_of(config, data)
        grid = grid_of(config, data)
        posterior = build(
            *("model", config, "posterior", Posterior),
            size=latents_of(config, grid),
            activation=activation_of(config),
        )
        check_fills(posterior.size, grid)
        prior = build(
            *("model", config, "prior", Prior),
            size=posterior.size,
            grid=grid,
            condition=condition,
            data=data,
        )
        return cls(
            encoder=make_encoder(config, data, posterior.outputs),
            emission=Emission(make_decoder(config, data, likelihood), likelihood, data.event),
            posterior=posterior,
            prior=prior,
            condition=condition,
            losses=losses.losses_of(
                config, data.event, condition, space=posterior.space, size=posterior.size
            ),
        )

    @property
    def inference(self) -> tuple[str, ...]:  # type: ignore[override]  # a constant of others
        own = ("encoder", "posterior")
        return (*own, "decoder", "prior") if self.posterior.uses_joint else own

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        keys = jax.random.split(key, 4)
        blank, z = self._blank(), jnp.zeros((1, self.posterior.size))
        posterior = self.posterior.init(key=keys[2])
        if self.posterior.space == "real":
            posterior["statistics"] |= origin.start(self.posterior.size, of_decoder(self.condition))
        return parts.join(
            {
                "encoder": parts.of_module(self.encoder, self._told(blank), key=keys[0]),
                "posterior": posterior,
                "prior": self.prior.init(key=keys[3]),
                **self.emission.init(z, self._code(blank.y), key=keys[1]),
                **losses.init(self.losses, key=key),
            }
        )

    def encode(self, variables: Variables, batch: Batch, *, train: bool = False) -> Variational:
        """Returns q(z | x), whose `mean` [B, D] is a z that `decode` takes."""
        return self._posterior(variables, batch, train=train, fit=False)[0]

    def with_solver(self, solver: Solver) -> VAE:
        return dataclasses.replace(self, prior=self.prior.with_solver(solver))

    def inputs(self, variables: Variables, z: Array, y: Array | None = None) -> tuple[Any, ...]:
        """Returns u = z + o for latents z [..., B, D], and the code."""
        code = self._code(y)
        return origin.restored(z, variables["statistics"]["posterior"], code), code

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> Array:
        """Draws latents z ~ p(z) [B, D], one from each key [B]; see `parts.tempered`."""
        return parts.tempered(self.latents(variables, y), temperature).sample(keys=keys)

    def latents(self, variables: Variables, y: Array | None = None) -> Density:
        """Returns p(z) from which `sample` draws."""
        return self._prior(variables, Batch(None, y), train=False)

    def outputs(
        self, variables: Variables, z: Array, y: Array | None = None, x: Array | None = None
    ) -> Array:
        """Returns the outputs of p(x | z) [N, *places, P] at any z [N, D]; see `joint`."""
        return self.emission.outputs(variables, *self.inputs(variables, z, y), x=x)

    def joint(
        self, variables: Variables, z: Array, y: Array | None = None, x: Array | None = None
    ) -> tuple[Array, Array]:
        """Returns log p(z) [N] and the outputs of p(x | z) [N, *places, P] at any z [N, D]."""
        return self.latents(variables, y).log_prob(z), self.outputs(variables, z, y, x)

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """Returns the parts of log p(x, z) - log q(z | x), drawn from keys [K, B].

        With `train`, a discrete q is relaxed, p(z) may leave the batch's own examples out, and the
        adversary takes part. Without it, q and p are the distributions that figures are about.
        """
        q, tracked = self._posterior(variables, batch, train=train, fit=train, axis=axis)
        p = self._prior(variables, batch, train=train)
        z, log_qz = q.sample_and_log_prob(keys=keys)

        def decode(z: Array, x: Array | None = None, keys: Array | None = None) -> Array:
            inputs = self.inputs(variables, z, batch.y)
            return self.emission.outputs(variables, *inputs, x=x, keys=keys)

        outputs = decode(z, batch.x, self.emission.noise(keys, train=train))
        log_px, lost, statistics = self._charge(
            variables,
            batch,
            z,
            outputs,
            decode=decode,
            draw=lambda keys: p.sample(keys=keys),
            keys=keys,
            train=train,
            axis=axis,
        )
        return Terms(
            log_px=log_px,
            log_pz=p.estimate(z, keys=other_keys(keys, PRIOR)),
            log_qz=log_qz,
            kl=q.kl(p),
            z=z,
            mean=q.mean,
            q=q,
            p=p,
            losses=lost,
            statistics=statistics
            | {
                "posterior": origin.update(jax.lax.stop_gradient(tracked), z, self._code(batch.y)),
                "prior": self.prior.tracked(part(variables, "prior"), z),
            },
        )

    def _posterior(
        self,
        variables: Variables,
        batch: Batch,
        *,
        train: bool,
        fit: bool,
        axis: str | None = None,
    ) -> tuple[Variational, dict[str, Any]]:
        """Returns q(z | x), and the statistics of its family, after this batch if they `fit` it."""
        outputs = parts.apply(self.encoder, variables["params"]["encoder"], self._told(batch))
        own = part(variables, "posterior")
        outputs, tracked = self.posterior.normalised(outputs, own, train=fit, axis=axis)
        own = own | {"statistics": tracked}
        q = self.posterior.distribution(outputs, own, train=train)
        if self.posterior.uses_joint:
            params = {k: v for k, v in variables["params"].items() if k != "encoder"}
            shared = jax.tree.map(lambda leaf: leaf[None], variables | {"params": params})
            log_joint = functools.partial(self._log_joint, train=train)
            q = self.posterior.moved(q, own, jax.tree_util.Partial(log_joint, shared, batch))
        q = origin.shifted(q, own["statistics"], self._code(batch.y))
        return self.prior.left_out(q, batch.mask), tracked

    def _log_joint(self, shared: Any, batch: Batch, u: Array, *, train: bool) -> Array:
        """Returns log p(x, z) [K, B] of u = z + o [K, B, D]; variables are [1, ...], as in q."""
        variables, code = jax.tree.map(lambda leaf: leaf[0], shared), self._code(batch.y)
        z = origin.removed(u, variables["statistics"]["posterior"], code)
        outputs = self.emission.outputs(variables, u, code, x=batch.x)
        log_pz = self._prior(variables, batch, train=train).log_prob(z)
        return self.emission.log_prob(variables, outputs, batch) + log_pz

    def _prior(self, variables: Variables, batch: Batch, *, train: bool) -> Density:
        def encode(others: Batch) -> Variational:
            return self.encode(variables, others, train=train)

        return self.prior.distribution(part(variables, "prior"), batch, encode, train=train)
