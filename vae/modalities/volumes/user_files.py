"""Reads a person's own solids as x of an event, and checks those that are given from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vae.data.places import files_at
from vae.errors import InputError
from vae.modalities.images.pixels import as_x
from vae.modalities.volumes.files import SOLIDS, check_readers, decode
from vae.modalities.volumes.voxels import as_solid, range_of, resized
from vae.probability.event import Event


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the solids in files and folders, resized, named after their files."""
    files = files_at(paths, SOLIDS)
    check_readers(name for name, _ in files)
    x = np.empty((len(files), *event.shape), np.float32)
    for row, (name, content) in enumerate(files):
        try:
            solid = decode(name, content())
        except Exception as error:  # the errors of decoders are many
            raise InputError(f"{name} cannot be read as a solid: {error}.") from None
        x[row] = _as_x(as_solid(solid, name), event, name)
    return x, [name for name, _ in files]


def _as_x(solid: np.ndarray, event: Event, name: str) -> np.ndarray:
    """Returns a solid [D, H, W, C] as x of an event.

    Raises:
      InputError: it has other channels, or values that the run's data cannot have.
    """
    values = event.values
    if solid.shape[-1] != event.channels:
        raise InputError(
            f"{name} has {solid.shape[-1]} channels, and the solids of this run {event.channels}."
        )
    solid = resized(solid, event.places)
    low, high = float(solid.min()), float(solid.max())
    if values.kind == "binary":
        if not np.isin(solid, (0, 1)).all():
            raise InputError(
                f"{name} has values from {low:g} to {high:g}, and the solids of this run are of 0 "
                "and 1: save what is full as 1 and the rest as 0."
            )
        return solid
    if known := range_of(event):
        return (solid - known[0]) / (known[1] - known[0])
    if solid.dtype == np.uint8 and values.levels:
        return values.to_x(solid)
    if low < 0 or high > 1:
        raise InputError(
            f"{name} has values from {low:g} to {high:g}, and the solids of this run are of "
            "numbers from 0 to 1: rescale it."
        )
    return solid


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: solids of another set are brought to the event's size."""
    config = config.copy_and_resolve_references()
    config.modality, config.volume_size = "volumes", event.places
    config.label_pattern = ""  # it is for the run's own files
    return config


def check(x: np.ndarray, event: Event) -> np.ndarray:
    """See `vae/modalities`: integers are raw values, as in the data; floats are already x.

    Raises:
      InputError: x has another shape, NaN, or values that the run's data cannot have.
    """
    return as_x(x, event, "solids")
