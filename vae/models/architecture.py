"""The encoder and the decoder that a config's `model` section names, for the data's examples."""

from __future__ import annotations

import math
from typing import Any

import ml_collections

from vae.config.build import build, named
from vae.errors import InputError
from vae.models import parts
from vae.models.data import Data
from vae.networks.network import Decoder, Encoder
from vae.networks.strided import halvings
from vae.networks.transformer import HEADS
from vae.probability.event import Event

READ = ("binary", "levels", "tokens")  # kinds of values that a causal decoder reads


def make_encoder(config: ml_collections.ConfigDict, data: Data, outputs: int) -> Encoder:
    """The encoder of a config's `model` section.

    Raises:
      InputError: it is not for such data.
    """
    return _make("encoder", Encoder, config, data, outputs=outputs)


def make_decoder(config: ml_collections.ConfigDict, data: Data, likelihood: Any) -> Decoder:
    """The decoder of a config's `model` section, whose bias starts where `output_bias` says.

    Raises:
      InputError: it is not for such data.
    """
    if getattr(named("model", config, "decoder"), "causal", False):
        _check_causal(config, data.event, likelihood)
    starts = config.output_bias == "data" and data.mean is not None
    return _make(
        "decoder",
        Decoder,
        config,
        data,
        outputs=likelihood.outputs(data.event.channels),
        output_bias=likelihood.to_outputs(data.mean) if starts else None,
    )


def _make(
    key: str, kind: type, config: ml_collections.ConfigDict, data: Data, **context: Any
) -> Any:
    event = data.event
    network = build(
        "model",
        config,
        key,
        kind,
        widths=tuple(config[f"{key}_widths"]),
        event=event,
        places=event.places,
        activation=named("model", config, "activation"),
        dtype=config.dtype,
        blocks=config.blocks,
        **context,
    )
    parts.check_rank(network, event.places, f"model.{key}={config[key]!r}", "choose 'mlp'")
    return network


def _check_causal(config: ml_collections.ConfigDict, event: Event, likelihood: Any) -> None:
    """Refuses a causal decoder that cannot be of these values, this likelihood or these widths.

    Raises:
      InputError: one sentence.
    """
    name, widths = config.decoder, tuple(config.decoder_widths)
    if event.values.kind not in READ:
        raise InputError(
            f"model.decoder={name!r} reads values of which there are so many, binary, levels or "
            f"tokens, but those of the data are {event.values.kind}; choose another decoder."
        )
    if likelihood.outputs(event.channels) != event.channels * likelihood.outputs(1):
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
