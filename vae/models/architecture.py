"""The encoder and the decoder that a config's `model` section names, for the data's examples."""

from __future__ import annotations

from typing import Any

import ml_collections

from vae.config.build import build, named
from vae.models import parts
from vae.models.data import Data
from vae.networks.network import Decoder, Encoder

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
