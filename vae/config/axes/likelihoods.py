"""Likelihoods, and the losses beside them."""

from vae.config.axes.choice import Choice

_SCALED = ("scale", "scale_init")
_COUNTED = ("library", "dispersion")
_ADVERSARY = (
    "adversarial_weight",
    "discriminator_widths",
    "optimizer.discriminator_learning_rate",
)
_DISCRIMINATOR = (*_ADVERSARY, "gan_loss", "r1_weight", "spectral_norm", "adversarial_start")

AXES: dict[str, dict[str, Choice]] = {
    "model.likelihood": {
        "bernoulli": Choice(
            "For values 0 and 1.", "vae.probability.likelihoods.bernoulli:Bernoulli"
        ),
        "continuous_bernoulli": Choice(
            "For grey values in [0, 1].",
            "vae.probability.likelihoods.bernoulli:ContinuousBernoulli",
        ),
        "gaussian": Choice(
            "For real numbers.", "vae.probability.likelihoods.location_scale:Gaussian", _SCALED
        ),
        "laplace": Choice(
            "For real numbers, with heavier tails.",
            "vae.probability.likelihoods.location_scale:Laplace",
            _SCALED,
        ),
        "discretized_logistic": Choice(
            "For levels: a logistic density integrated over each level.",
            "vae.probability.likelihoods.logistic:DiscretizedLogistic",
            _SCALED,
        ),
        "mixture_of_logistics": Choice(
            "For levels: a mixture of discretized logistics over all channels jointly.",
            "vae.probability.likelihoods.logistic:MixtureOfLogistics",
            ("likelihood_components", "scale_init"),
        ),
        "categorical": Choice(
            "For levels or tokens: a probability of each.",
            "vae.probability.likelihoods.categorical:Categorical",
        ),
        "poisson": Choice("For counts.", "vae.probability.likelihoods.counts:Poisson"),
        "negative_binomial": Choice(
            "For counts that vary more than a Poisson's.",
            "vae.probability.likelihoods.counts:NegativeBinomial",
            _COUNTED,
        ),
        "zero_inflated_negative_binomial": Choice(
            "For counts of which some are 0 because nothing could be counted.",
            "vae.probability.likelihoods.counts:ZeroInflatedNegativeBinomial",
            _COUNTED,
        ),
    },
    "model.library": {
        "none": Choice("The mean of each count is free, and z says how many there are in all."),
        "observed": Choice("The sum of a row's counts is taken from the row; z says the shares."),
    },
    "model.dispersion": {
        "per_value": Choice("A second output of the decoder."),
        "per_channel": Choice("One number for each channel, learned."),
        "per_class": Choice("One for each channel and class of the condition, learned."),
    },
    "model.scale": {
        "fixed": Choice("The scale stays at scale_init."),
        "learned": Choice("One number, learned."),
        "per_channel": Choice("One number for each channel, learned."),
        "per_pixel": Choice("A second output of the decoder."),
        "optimal": Choice("One number, its optimum in closed form."),
    },
    "model.regularizer": {
        "none": Choice("No regulariser."),
        "l2": Choice(
            "The squared weights of the decoder.",
            "vae.models.losses.regularizers:L2",
            ("regularizer_weight",),
        ),
        "gradient_penalty": Choice(
            "The squared slope of the decoder.",
            "vae.models.losses.regularizers:GradientPenalty",
            ("regularizer_weight",),
        ),
    },
    "model.adversary": {
        "none": Choice("No adversary."),
        "images": Choice(
            "A discriminator of examples: VAE-GAN, VQ-GAN, GAN.",
            "vae.models.losses.realism:Realism",
            (*_DISCRIMINATOR, "similarity"),
        ),
        "patches": Choice(
            "A discriminator of the windows of reconstructions (PatchGAN), for first stages.",
            "vae.models.losses.patches:Patches",
            (*_DISCRIMINATOR, "adversarial_balance"),
        ),
        "latents": Choice(
            "A discriminator between q(z) and p(z) instead of the KL (adversarial autoencoder).",
            "vae.models.losses.latents:Latents",
            _DISCRIMINATOR,
        ),
        "factors": Choice(
            "A discriminator between q(z) and the product of its marginals (FactorVAE).",
            "vae.models.losses.factors:Factors",
            _ADVERSARY,
        ),
    },
    "model.gan_loss": {
        "non_saturating": Choice(
            "The generator minimises -log D of its samples.",
            "vae.probability.adversarial:NON_SATURATING",
        ),
        "hinge": Choice(
            "The discriminator has a margin of 1 on either side.",
            "vae.probability.adversarial:HINGE",
        ),
    },
    "model.image_loss": {
        "none": Choice("The likelihood alone."),
        "ms_ssim": Choice(
            "1 - MS-SSIM of the mean of p(x | z).",
            "vae.models.losses.perceptual:StructuralSimilarity",
            ("image_loss_weight",),
        ),
        "perceptual": Choice(
            "The distance of untrained features of the mean of p(x | z).",
            "vae.models.losses.perceptual:Perceptual",
            ("image_loss_weight",),
        ),
        "lite0": Choice(
            "The distance of features of EfficientNet-Lite0, trained on ImageNet.",
            "vae.models.losses.perceptual:Lite0",
            ("image_loss_weight",),
        ),
    },
}
