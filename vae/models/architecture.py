"""Makes the encoder and the decoder that a config's `model` section names."""

from __future__ import annotations

import math
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
from vae.probability.likelihoods import Likelihood

Array = jax.Array

KINDS: tuple[tuple[str, type], ...] = (("encoder", Encoder), ("decoder", Decoder))


def grid_of(
    config: ml_collections.ConfigDict,
    data: Data,
    keys: tuple[str, ...] = ("encoder", "decoder"),
) -> tuple[int, ...]:
    """Returns the places of z, () where it is one vector, by the networks that `keys` name.

    Raises:
      InputError: two networks have different grids.
    """
    places = data.event.places
    networks = [_make(key, kind, config, data, outputs=1) for key, kind in KINDS if key in keys]
    grids = [grid for network in networks if (grid := network.grid(places))]
    if len(set(grids)) > 1:
        encoders, decoders = ("x".join(map(str, grid)) for grid in grids)
        raise InputError(
            f"the grid of model.encoder={config.encoder!r} has {encoders} positions and that of "
            f"model.decoder={config.decoder!r} {decoders}, but z has one grid: choose one kind of "
            "network for both, and as many model.decoder_widths as model.encoder_widths."
        )
    return grids[0] if grids else ()


def latents_of(config: ml_collections.ConfigDict, grid: tuple[int, ...]) -> int:
    """Returns how many numbers z has, for the places of its grid, () without one.

    Raises:
      InputError: they are to fill a grid, and there is none.
    """
    if not config.latent_channels:
        return config.latent_dim
    if not grid:
        raise InputError(
            f"model.latent_channels={config.latent_channels} are numbers at each place of a grid, "
            f"which model.encoder={config.encoder!r} and model.decoder={config.decoder!r} do not "
            "have: set model.latent_dim, or choose 'grid'."
        )
    return config.latent_channels * math.prod(grid)


def check_fills(size: int, grid: tuple[int, ...]) -> None:
    """Refuses a z of `size` numbers that does not fill its grid.

    Raises:
      InputError: it has another number at some places than at others.
    """
    if size % math.prod(grid):
        raise InputError(
            f"the grid of the networks has {'x'.join(map(str, grid))} positions, which do not "
            f"divide the {size} numbers of z: set model.latent_channels, numbers at each."
        )


def make_encoder(config: ml_collections.ConfigDict, data: Data, outputs: int) -> Encoder:
    """Returns the encoder of a config's `model` section, with `outputs` numbers for each example.

    Raises:
      InputError: it does not take such data.
    """
    encoder = _make("encoder", Encoder, config, data, outputs=outputs)
    if data.event.values.kind == "tokens" and not encoder.reads_tokens:
        raise InputError(
            f"model.encoder={config.encoder!r} reads numbers, but the data are tokens, which have "
            "no order: choose 'lstm' or 'transformer'."
        )
    if own.is_own(config.encoder):
        _check_outputs(config, data, encoder, outputs)
    return encoder


def _check_outputs(
    config: ml_collections.ConfigDict, data: Data, encoder: Encoder, outputs: int
) -> None:
    """Refuses an encoder of one's own whose outputs are not [B, outputs]."""
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


def make_decoder(config: ml_collections.ConfigDict, data: Data, likelihood: Likelihood) -> Decoder:
    """Returns the decoder of a config's `model` section; its bias starts as `output_bias` says.

    Raises:
      InputError: it does not take such data.
    """
    return _make(
        "decoder",
        Decoder,
        config,
        data,
        outputs=likelihood.outputs(data.event.channels),
        output_bias=output_bias(config, data, likelihood),
    )


def activation_of(config: ml_collections.ConfigDict) -> Any:
    """Returns the function that a config's `model` section names as `activation`.

    Raises:
      InputError: it is one's own, and its output has another shape than its input.
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


def output_bias(
    config: ml_collections.ConfigDict, data: Data, likelihood: Likelihood
) -> Array | None:
    """Returns the outputs [*places, P] at which a decoder starts, or None for zeros."""
    if config.output_bias != "data" or data.mean is None:
        return None
    return likelihood.to_outputs(data.mean)  # type: ignore[arg-type]  # NumPy's does as well


def _make(
    key: str, kind: type, config: ml_collections.ConfigDict, data: Data, **context: Any
) -> Any:
    event = data.event
    context = {"output_bias": None} | context
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
