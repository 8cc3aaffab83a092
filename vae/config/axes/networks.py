"""Networks."""

from vae.config.axes.choice import Choice

_CAUSAL = ("dropout", "word_dropout", "tied_embeddings", "latent_input")

AXES: dict[str, dict[str, Choice]] = {
    "model.encoder": {
        "mlp": Choice("Dense layers.", "vae.networks.mlp:Encoder", ("stem",)),
        "gated_mlp": Choice(
            "Gated dense layers.", "vae.networks.mlp:Encoder", ("stem",), {"gated": True}
        ),
        "conv": Choice("Strided convolutions.", "vae.networks.conv:Encoder"),
        "normalized_conv": Choice(
            "Strided convolutions with normalisation.",
            "vae.networks.conv:Encoder",
            (),
            {"normalized": True},
        ),
        "resnet": Choice(
            "Residual blocks at several resolutions, with attention at the small ones.",
            "vae.networks.resnet:Encoder",
            ("remat",),
        ),
        "grid": Choice(
            "Convolutions without a dense layer, whose z has places.", "vae.networks.grid:Encoder"
        ),
        "per_frame": Choice(
            "Strided convolutions of each frame apart: z has numbers for each of them.",
            "vae.networks.per_frame:Encoder",
            ("static_channels",),
        ),
        "spatial": Choice(
            "Residual blocks at several resolutions, whose z has places: for large images.",
            "vae.networks.spatial:Encoder",
            ("stem_stride", "remat"),
        ),
        "lstm": Choice(
            "LSTM layers over a sequence, whose last state is used.",
            "vae.networks.sequence:Recurrent",
        ),
        "transformer": Choice(
            "Attention between all positions of a sequence, whose mean is used.",
            "vae.networks.sequence:Transformer",
        ),
    },
    "model.decoder": {
        "mlp": Choice("Dense layers.", "vae.networks.mlp:Decoder"),
        "gated_mlp": Choice("Gated dense layers.", "vae.networks.mlp:Decoder", (), {"gated": True}),
        "conv": Choice("Transposed convolutions.", "vae.networks.conv:Decoder"),
        "normalized_conv": Choice(
            "Transposed convolutions with normalisation.",
            "vae.networks.conv:Decoder",
            (),
            {"normalized": True},
        ),
        "resnet": Choice(
            "Residual blocks at several resolutions, with attention at the small ones.",
            "vae.networks.resnet:Decoder",
            ("remat",),
        ),
        "grid": Choice(
            "Convolutions without a dense layer, whose z has places.", "vae.networks.grid:Decoder"
        ),
        "per_frame": Choice(
            "Strided convolutions of each frame apart: z has numbers for each of them.",
            "vae.networks.per_frame:Decoder",
            ("static_channels",),
        ),
        "spatial": Choice(
            "Residual blocks at several resolutions, whose z has places: for large images.",
            "vae.networks.spatial:Decoder",
            ("stem_stride", "remat"),
        ),
        "causal_transformer": Choice(
            "A Transformer that reads x value after value, beside z.",
            "vae.networks.causal:Transformer",
            _CAUSAL,
        ),
        "lstm": Choice(
            "LSTM layers that read x value after value, beside z.",
            "vae.networks.causal:Recurrent",
            _CAUSAL,
            {"cell": "lstm"},
        ),
        "gru": Choice(
            "GRU layers that read x value after value, beside z.",
            "vae.networks.causal:Recurrent",
            _CAUSAL,
            {"cell": "gru"},
        ),
        "wavenet": Choice(
            "Dilated convolutions that read x value after value, beside z.",
            "vae.networks.wavenet:WaveNet",
            ("word_dropout",),
        ),
    },
    "model.stem": {
        "none": Choice("x as it is."),
        "log1p": Choice("log(1 + count), for counts."),
    },
    "model.latent_input": {
        "everywhere": Choice("At every step, and as the first state of recurrent layers."),
        "steps": Choice("At every step."),
        "state": Choice("As the first state of recurrent layers."),
        "prefix": Choice("As a step of its own before the first value."),
    },
    "model.activation": {
        "relu": Choice("max(x, 0).", "vae.networks.fast_cpu:relu"),
        "gelu": Choice("x Phi(x).", "flax.linen:gelu"),
        "silu": Choice("x sigmoid(x).", "flax.linen:silu"),
        "tanh": Choice("tanh(x).", "jax.numpy:tanh"),
        "softplus": Choice("log(1 + exp(x)).", "flax.linen:softplus"),
        "leaky_relu": Choice("x, or x / 100 below 0.", "flax.linen:leaky_relu"),
    },
    "model.dtype": {
        "float32": Choice("32 bits everywhere."),
        "bfloat16": Choice("16 bits in the networks, 32 bits elsewhere."),
    },
    "model.output_bias": {
        "zeros": Choice("The decoder's outputs start at 0; the mean of a Bernoulli is then 0.5."),
        "data": Choice("The decoder starts at the mean example."),
    },
}
