"""Models: what ties networks to the mathematics. `build` makes one from a config."""

from __future__ import annotations

import jax
import ml_collections

from vae.models.vae import VAE
from vae.networks import ACTIVATIONS, DECODERS, ENCODERS
from vae.probability.distributions import DiagonalGaussian, StandardNormal
from vae.probability.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian

POSTERIORS = {"gaussian": DiagonalGaussian}
PRIORS = {"standard_normal": StandardNormal}
LIKELIHOODS = {
    "bernoulli": lambda config, levels: Bernoulli(),
    "gaussian": lambda config, levels: Gaussian(config.scale, config.scale_init),
    "discretized_logistic": lambda config, levels: DiscretizedLogistic(
        levels, config.scale, config.scale_init
    ),
}


def build(
    config: ml_collections.ConfigDict, mean_image: jax.Array, levels: int | None = None
) -> VAE:
    """Builds the model of a config's `model` section.

    Args:
      config: the section.
      mean_image: [H, W, C] mean of the training data: gives the shape, and the decoder's first
        output where `output_bias` is "data".
      levels: number of equally spaced values in [0, 1] that a pixel takes, None if continuous.
    """
    likelihood = LIKELIHOODS[config.likelihood](config, levels)
    posterior = POSTERIORS[config.posterior]
    common = {"activation": ACTIVATIONS[config.activation], "dtype": config.dtype}
    from_data = config.output_bias == "data"
    return VAE(
        encoder=ENCODERS[config.encoder](
            widths=tuple(config.encoder_widths),
            outputs=posterior.outputs(config.latent_dim),
            **common,
        ),
        decoder=DECODERS[config.decoder](
            widths=tuple(config.decoder_widths),
            image_shape=mean_image.shape,
            outputs=likelihood.outputs,
            output_bias=likelihood.to_outputs(mean_image) if from_data else None,
            **common,
        ),
        posterior=posterior,
        prior=PRIORS[config.prior](config.latent_dim),
        likelihood=likelihood,
        image_shape=mean_image.shape,
        latent_dim=config.latent_dim,
    )
