"""The encoder and the decoder that a config's `model` section names, for the data's examples."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import ml_collections

from vae.errors import InputError
from vae.models import parts
from vae.models.data import Data
from vae.networks import ACTIVATIONS, CAUSAL_DECODERS, DECODERS, ENCODERS
from vae.networks.strided import halvings
from vae.networks.transformer import HEADS

READ = ("binary", "levels", "tokens")  # kinds of values that a causal decoder reads


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
        return _make_causal_decoder(config, data, likelihood, output_bias)
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


def _make_causal_decoder(
    config: ml_collections.ConfigDict, data: Data, likelihood: Any, output_bias: Any
) -> nn.Module:
    """The decoder of a config's `model` section that is one of CAUSAL_DECODERS.

    Raises:
      InputError: it cannot be of these values, this likelihood or these widths.
    """
    name, widths, event = config.decoder, tuple(config.decoder_widths), data.event
    if event.values.kind not in READ:
        raise InputError(
            f"model.decoder={name!r} reads values of which there are so many, binary, levels or "
            f"tokens, but those of the data are {event.values.kind}; choose another decoder."
        )
    each = likelihood.outputs(1)
    if likelihood.outputs(event.channels) != event.channels * each:
        raise InputError(
            f"model.decoder={name!r} gives each value a distribution of its own, but "
            f"model.likelihood={config.likelihood!r} has one for the {event.channels} channels "
            "together; choose 'categorical'."
        )
    if not widths:
        raise InputError(f"model.decoder={name!r} needs at least one of model.decoder_widths.")
    if name == "causal_transformer" and (len(set(widths)) > 1 or widths[0] % HEADS):
        raise InputError(
            f"model.decoder_widths={widths} must be equal and multiples of {HEADS} with "
            f"model.decoder={name!r}."
        )
    return CAUSAL_DECODERS[name](
        widths=widths,
        event=event,
        outputs=event.channels * each,
        dtype=config.dtype,
        blocks=config.blocks,
        output_bias=output_bias,
    )


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
