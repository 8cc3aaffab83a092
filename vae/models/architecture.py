"""The encoder and the decoder that a config's `model` section names, for the data's examples."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from vae.config import own
from vae.config.build import build, named
from vae.errors import InputError
from vae.models import parts
from vae.models.condition import condition_of, with_planes
from vae.models.data import Data
from vae.networks.network import Decoder, Encoder


def make_encoder(config: ml_collections.ConfigDict, data: Data, outputs: int) -> Encoder:
    """The encoder of a config's `model` section.

    Raises:
      InputError: it is not for such data.
    """
    encoder = _make("encoder", Encoder, config, data, outputs=outputs)
    if own.is_own(config.encoder):
        _check_outputs(config, data, encoder, outputs)
    return encoder


def _check_outputs(
    config: ml_collections.ConfigDict, data: Data, encoder: Encoder, outputs: int
) -> None:
    """Refuses an encoder of one's own that gives anything but [B, outputs]."""
    where = f"model.encoder={config.encoder!r}"
    condition, x = condition_of(config, data), parts.blank(data.event)
    told = with_planes(condition, x, condition.unknown(1) if condition else None)
    try:
        found, _ = jax.eval_shape(encoder.init_with_output, jax.random.key(0), told)
    except own.FAILURES as error:  # whatever somebody's own code raises
        raise own.told(error, where) from None
    if jnp.shape(found) != (1, outputs):
        raise InputError(
            f"{where} gives shape {list(jnp.shape(found))} for x of shape {list(told.shape)}, but "
            f"must give {[1, outputs]}: [B, outputs]."
        )


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


def activation_of(config: ml_collections.ConfigDict) -> Any:
    """The function that a config's `model` section names as `activation`.

    Raises:
      InputError: it is one's own, and does not give an array of the shape that it is given.
    """
    activation = named("model", config, "activation")
    if own.is_own(config.activation):
        where, given = f"model.activation={config.activation!r}", jnp.zeros((2, 3))
        try:
            found = jax.eval_shape(lambda: jnp.asarray(activation(given)))
        except own.FAILURES as error:
            raise own.told(error, where) from None
        if found.shape != given.shape:
            raise InputError(
                f"{where} gives shape {list(found.shape)} for x of shape [2, 3], but must give "
                "that of x."
            )
    return activation


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
        activation=activation_of(config),
        dtype=config.dtype,
        blocks=config.blocks,
        **context,
    )
    parts.check_rank(network, event.places, f"model.{key}={config[key]!r}", "choose 'mlp'")
    return network
