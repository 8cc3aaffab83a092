"""Models: what ties networks to the mathematics. `build` makes one from a config."""

from __future__ import annotations

import ml_collections

from vae.config.build import build as build_part
from vae.models.data import Data
from vae.models.model import Model


def build(config: ml_collections.ConfigDict, data: Data) -> Model:
    """Builds the model of a config's `model` section.

    Raises:
      InputError: two parts, or a part and the data, do not go together.
    """
    return build_part("model", config, "name", Model, data=data, event=data.event)
