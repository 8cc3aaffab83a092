"""The variational autoencoder with one layer of latents, conditional or not.

    p(x, z | y) = p(z) p(x | z, y),    q(z | x, y)

(Kingma & Welling 2014; conditional: Sohn et al. 2015.) A model is a frozen record of pure parts. It
holds no arrays but those that its parameters start from; what is learned or tracked is in its
variables (`parts.py`). Latents in R^D have their origin where the mean of what the encoder gives is
(`origin.py`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from vae.errors import InputError
from vae.models import origin, parts
from vae.models.adversaries import ADVERSARIES
from vae.models.autoencoder import Autoencoder
from vae.models.condition import Condition, condition_of
from vae.models.data import Data
from vae.models.decoders import make_causal_decoder
from vae.models.emission import Emission
from vae.models.image_losses import IMAGE_LOSSES
from vae.models.likelihoods import likelihood_of
from vae.models.parts import Variables, part
from vae.models.posteriors import POSTERIORS
from vae.models.priors import PRIORS
from vae.models.regularizers import REGULARIZERS
from vae.networks import ACTIVATIONS, CAUSAL_DECODERS, DECODERS, ENCODERS
from vae.networks.blocks import with_code
from vae.networks.strided import halvings
from vae.probability.distributions import other_keys
from vae.probability.terms import Batch, Terms

Array = jax.Array

SPACES = {"real": "R^D", "sphere": "the unit sphere", "categorical": "one-hot blocks"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class VAE(Autoencoder):
    """Encoder and decoder tied to the mathematics.

    Attributes:
      encoder: x [B, *places, C] to the posterior's outputs [B, P].
      posterior: the family of q(z | x), see `posteriors/`.
      prior: the family of p(z), see `priors/`.
      condition: the y that the decoder is given, or None.
      encoder_told: whether the encoder is given it, too.
      regularizer: of the decoder, see `regularizers.py`, or None; and its weight in the loss.
      adversary: that it is trained against, see `adversaries/`, or None.
      image_loss: beside the likelihood, see `image_losses.py`, or None; and its weight.
    """

    encoder: nn.Module
    posterior: Any
    prior: Any
    condition: Condition | None = None
    encoder_told: bool = True
    regularizer: Callable[..., Array] | None = None
    regularizer_weight: float = 0.0
    adversary: Any = None
    image_loss: Callable[[Array, Array], Array] | None = None
    image_loss_weight: float = 0.0

    inference = ("encoder", "posterior")  # the parts that q(z | x) is made of

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses of `terms` in training."""
        own = {"regularizer": self.regularizer, "image": self.image_loss}
        named = tuple(name for name, loss in own.items() if loss)
        return named + (self.adversary.losses if self.adversary else ())

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables."""
        keys = jax.random.split(key, 4)
        y = self.condition.unknown(1) if self.condition else None
        x = self._with_planes(parts.blank(self.event), y)
        z = jnp.zeros((1, self.posterior.size))
        posterior = self.posterior.init(key=keys[2])
        if self.posterior.space == "real":
            posterior["statistics"] |= origin.start(self.posterior.size, self.condition)
        variables = {
            "encoder": parts.of_module(self.encoder, x, key=keys[0]),
            "posterior": posterior,
            "prior": self.prior.init(key=keys[3]),
            **self.emission.init(z, self._code(y), key=keys[1]),
        }
        if self.adversary:
            variables["discriminator"] = self.adversary.init(key=jax.random.fold_in(key, 4))
        return parts.join(variables)

    def encode(self, variables: Variables, batch: Batch, *, train: bool = False) -> Any:
        """q(z | x), whose `mean` [B, D] is what `decode` takes."""
        x = self._with_planes(batch.x, batch.y)
        outputs = self.encoder.apply({"params": variables["params"]["encoder"]}, x)
        own = part(variables, "posterior")
        q = self.posterior.distribution(outputs, own, train=train)
        return origin.shifted(q, own["statistics"], self._code(batch.y))

    def decode(
        self, variables: Variables, z: Array, y: Array | None = None, *, keys: Array | None = None
    ) -> Array:
        """x as p(x | z) is shown for z [B, D], as [B, *places, C]; with keys [B], draws."""
        return self.emission.decode(variables, *self._inputs(variables, z, y), keys=keys)

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> Array:
        """Latents z ~ p(z), one from each key [B], as [B, D]; see `parts.tempered`."""
        p = self._prior(variables, Batch(None, y), train=False)
        return parts.tempered(p, temperature).sample(keys=keys)

    def joint(self, variables: Variables, z: Array, y: Array | None = None) -> tuple[Array, Array]:
        """log p(z) [N], and the outputs of p(x | z) [N, *places, P], at any z [N, D]."""
        p = self._prior(variables, Batch(None, y), train=False)
        inputs = self._inputs(variables, z, y)
        return p.log_prob(z), self.emission.outputs(variables, *inputs)

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """The parts of log p(x, z) - log q(z | x), drawn from keys [K, B].

        With `train`, q may be a relaxation of itself (of a discrete posterior), p(z) may leave the
        batch's own images out, and the adversary plays; without, q and p are the densities that
        figures are quoted for.
        """
        q = self.encode(variables, batch, train=train)
        p = self._prior(variables, batch, train=train)
        z, log_qz = q.sample_and_log_prob(keys=keys)
        inputs = self._inputs(variables, z, batch.y)
        outputs = self.emission.outputs(variables, *inputs, x=batch.x)
        log_px = self.emission.log_prob(variables, outputs, batch)
        statistics = variables["statistics"] | {
            "posterior": origin.update(
                variables["statistics"]["posterior"], z, self._code(batch.y)
            ),
            "likelihood": self.emission.update(variables, outputs, batch),
        }

        def decode(z: Array) -> Array:
            inputs = self._inputs(variables, z, batch.y)
            return self.likelihood.mean(self.emission.outputs(variables, *inputs))

        losses = {}
        if self.regularizer is not None:
            penalty = self.regularizer(decode, variables["params"]["decoder"], z, keys=keys)
            losses["regularizer"] = self.regularizer_weight * penalty
        if self.adversary is not None and train:
            play = self.adversary.play(
                part(variables, "discriminator"),
                batch,
                z,
                p,
                decode,
                keys=other_keys(keys),
                axis=axis,
            )
            losses |= play.losses
            statistics["discriminator"] = play.statistics
            log_px = log_px if play.log_px is None else play.log_px
        if self.image_loss is not None:
            each = jax.vmap(self.image_loss, (0, None))(self.likelihood.mean(outputs), batch.x)
            losses["image"] = self.image_loss_weight * each.mean(0)
        return Terms(
            log_px=log_px,
            log_pz=p.log_prob(z),
            log_qz=log_qz,
            kl=q.kl(p),
            z=z,
            mean=q.mean,
            q=q,
            p=p,
            losses=losses,
            statistics=statistics,
        )

    def _prior(self, variables: Variables, batch: Batch, *, train: bool) -> Any:
        def encode(others: Batch) -> Any:
            return self.encode(variables, others, train=train)

        return self.prior.distribution(part(variables, "prior"), batch, encode, train=train)

    def _inputs(self, variables: Variables, z: Array, y: Array | None) -> tuple[Array, Any]:
        """What the decoder takes for latents z [..., B, D]: u = z + o, and the code."""
        code = self._code(y)
        return origin.restored(z, variables["statistics"]["posterior"], code), code

    def _code(self, y: Array | None) -> Array | None:
        """What the model is told, [B, C]; None of a model without a condition."""
        return self.condition.code(y) if self.condition else None

    def _with_planes(self, x: Array, y: Array | None) -> Array:
        """What the encoder is given of x [B, *places, C].

        Where it is told y, one constant channel for every number of its code follows theirs.
        """
        return with_code(x, self._code(y), x.ndim - 2) if self.encoder_told else x


def build(config: ml_collections.ConfigDict, data: Data) -> VAE:
    """The model of a config's `model` section with `name` "vae".

    Raises:
      InputError: posterior and prior are not of the same space, or there is nothing to condition
        on.
    """
    likelihood = likelihood_of(config, data.event.values)
    posterior = POSTERIORS[config.posterior](config)
    condition = condition_of(config, data)
    prior = PRIORS[config.prior](config, posterior.size, data)
    if posterior.space != prior.space:
        raise InputError(
            f"model.posterior={config.posterior!r} has latents in {SPACES[posterior.space]}, but "
            f"model.prior={config.prior!r} in {SPACES[prior.space]}: choose two of one space."
        )
    if prior.uses_encoder and not posterior.any_density:
        raise InputError(
            f"model.prior={config.prior!r} is made of densities q(z | x) at any z, which "
            f"model.posterior={config.posterior!r} does not have; 'gaussian' has it."
        )
    if condition and prior.uses_encoder:
        raise InputError(
            f"model.prior={config.prior!r} is made of encoded images alone, so "
            "model.condition must be 'none'."
        )
    if config.adversary == "factors" and posterior.space != "real":
        raise InputError(
            f"model.adversary='factors' permutes the numbers of z, but z of model.posterior="
            f"{config.posterior!r} is in {SPACES[posterior.space]}; 'gaussian' is in R^D."
        )
    check_grids(config, data, posterior.size)
    return VAE(
        encoder=make_encoder(config, data, posterior.outputs),
        emission=Emission(make_decoder(config, data, likelihood), likelihood, data.event),
        posterior=posterior,
        prior=prior,
        condition=condition,
        encoder_told=config.encoder_told,
        regularizer=REGULARIZERS[config.regularizer],
        regularizer_weight=config.regularizer_weight,
        adversary=ADVERSARIES[config.adversary](config, posterior.size, data),
        image_loss=IMAGE_LOSSES[config.image_loss],
        image_loss_weight=config.image_loss_weight,
    )


def make_encoder(config: ml_collections.ConfigDict, data: Data, outputs: int) -> nn.Module:
    """The encoder of a config's `model` section.

    Raises:
      InputError: it is not for such data.
    """
    encoder = ENCODERS[config.encoder](
        widths=tuple(config.encoder_widths), outputs=outputs, **_common(config)
    )
    setting = f"model.encoder={config.encoder!r}"
    parts.check_rank(encoder, data.event.places, setting, "choose 'mlp'")
    return encoder


def make_decoder(config: ml_collections.ConfigDict, data: Data, likelihood: Any) -> nn.Module:
    """The decoder of a config's `model` section, whose bias starts where `output_bias` says.

    Raises:
      InputError: it is not for such data.
    """
    starts = config.output_bias == "data" and data.mean is not None
    output_bias = likelihood.to_outputs(data.mean) if starts else None
    if config.decoder in CAUSAL_DECODERS:
        return make_causal_decoder(config, data, likelihood, output_bias)
    decoder = DECODERS[config.decoder](
        widths=tuple(config.decoder_widths),
        places=data.event.places,
        outputs=likelihood.outputs(data.event.channels),
        output_bias=output_bias,
        **_common(config),
    )
    setting = f"model.decoder={config.decoder!r}"
    parts.check_rank(decoder, data.event.places, setting, "choose 'mlp'")
    return decoder


def _common(config: ml_collections.ConfigDict) -> dict[str, Any]:
    return {
        "activation": ACTIVATIONS[config.activation],
        "dtype": config.dtype,
        "blocks": config.blocks,
    }


def check_grids(config: ml_collections.ConfigDict, data: Data, size: int) -> None:
    """Refuses latents of `size` numbers that do not fill the grids of the networks.

    Raises:
      InputError: one sentence that says what does not go together.
    """
    grids = {
        key: halvings(data.event.places, len(config[f"{key}_widths"]))[-1]
        for key in ("encoder", "decoder")
        if config[key] == "grid"
    }
    for key, grid in grids.items():
        if size % math.prod(grid):
            raise InputError(
                f"model.{key}='grid' with model.{key}_widths of {len(config[f'{key}_widths'])} has "
                f"{'x'.join(map(str, grid))} places, which do not divide the {size} numbers of z."
            )
    if len(set(grids.values())) > 1:
        raise InputError(
            "model.encoder_widths and model.decoder_widths must be equally many, so that the two "
            "grids are one."
        )
