"""A decoder that reads the example, of a config's `model` section."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import ml_collections

from vae.errors import InputError
from vae.models.data import Data
from vae.networks import CAUSAL_DECODERS
from vae.networks.transformer import HEADS

KINDS = ("binary", "levels", "tokens")


def make_causal_decoder(
    config: ml_collections.ConfigDict, data: Data, likelihood: Any, output_bias: Any
) -> nn.Module:
    """The decoder of a config's `model` section that is one of CAUSAL_DECODERS.

    Raises:
      InputError: it cannot be of these values, this likelihood or these widths.
    """
    name, widths, event = config.decoder, tuple(config.decoder_widths), data.event
    if event.values.kind not in KINDS:
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
