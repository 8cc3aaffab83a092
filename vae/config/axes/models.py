"""Models and their conditions."""

from vae.config.axes.choice import Choice

_ENCODER = ("encoder", "encoder_widths")
_DECODER = ("decoder",)
_CHANNELS = "latent_channels"
_OBSERVED = (  # of models with a p(x | z), which have a bound to train on
    *("likelihood", "regularizer", "image_loss"),
    *("objective.name", "objective.num_samples"),
)
_TOLD = ("encoder_told", "decoder_told")
_QUANTIZED = ("num_latents", "transformer_width", "transformer_layers")

AXES: dict[str, dict[str, Choice]] = {
    "model.name": {
        "vae": Choice(
            "One layer of latents.",
            "vae.models.vae:VAE",
            ("condition", *_ENCODER, *_DECODER, "posterior", "prior", *_OBSERVED, _CHANNELS),
        ),
        "two_layer": Choice(
            "Two layers of latents, the lower one given the upper.",
            "vae.models.two_layer:TwoLayer",
            ("condition", *_ENCODER, *_DECODER, "top_dim", "top_widths", *_OBSERVED, _CHANNELS),
        ),
        "ladder": Choice(
            "Many groups of latents on grids, from coarse to fine (hierarchical).",
            "vae.models.ladder:Ladder",
            ("condition", "encoder_widths", "groups", "stem_stride", "remat", "prior", *_OBSERVED),
        ),
        "vq": Choice(
            "Discrete latents, each the nearest of learned codes; a Transformer is their prior.",
            "vae.models.quantized:VQ",
            (
                *("condition", *_ENCODER, *_DECODER, *_OBSERVED),
                *("codebook_size", "commitment", *_QUANTIZED),
            ),
        ),
        "fsq": Choice(
            "Discrete latents of numbers rounded to a few levels, with the same prior.",
            "vae.models.quantized:FSQ",
            ("condition", *_ENCODER, *_DECODER, *_OBSERVED, "levels", *_QUANTIZED),
        ),
        "semi_supervised": Choice(
            "A classifier and a VAE given the class, where few examples have labels.",
            "vae.models.semi_supervised:SemiSupervised",
            (
                *(*_ENCODER, *_DECODER, "posterior", "prior", *_OBSERVED),
                *("classification_weight", "data.labelled", _CHANNELS),
            ),
        ),
        "gan": Choice(
            "A decoder, a prior and an adversary of examples, without p(x).",
            "vae.models.gan:GAN",
            ("condition", *_DECODER, "prior", _CHANNELS),
        ),
    },
    "model.condition": {
        "none": Choice("The model is unconditional."),
        "label": Choice("The model is conditioned on the class.", reads=_TOLD),
        "attributes": Choice("The model is conditioned on attributes.", reads=_TOLD),
    },
}
