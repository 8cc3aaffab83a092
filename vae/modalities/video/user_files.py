"""Reads a person's own clips as x of an event, and clips that are given as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data.examples import Source, in_memory
from vae.data.given import as_array
from vae.data.labels import classes_of
from vae.data.places import files_at
from vae.data.splits import digests, order
from vae.errors import InputError
from vae.modalities.images.decoding import Fit, fit_images, fit_of
from vae.modalities.images.pixels import as_x, numbers, to_unit
from vae.modalities.video import clips, form
from vae.modalities.video.clips import CLIPS, Part
from vae.probability.event import Event


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: clips in files and folders, named after their files.

    Frames get the event's size, and clips are cut to its frames.

    Raises:
      InputError: a clip cannot be read, or it is too short and the run's data have no such clips.
    """
    files = dict(files_at(paths, CLIPS))
    here = Path.cwd().name  # frames without a folder lie in this one
    found = {name or here: parts for name, parts in clips.together(list(files)).items()}
    _, height, width, channels = event.shape
    fit = _cropped(config, height, width, channels)
    x, into = np.empty((len(found), *event.shape), np.float32), form.of_event(event)
    for row, (name, names) in enumerate(found.items()):
        parts = [Part(each, files[each]) for each in names]
        try:
            raw = into.raw(clips.read(parts, fit, event.shape[0])).astype(np.float32)
        except InputError:
            raise
        except Exception as error:  # the errors of decoders are many
            raise InputError(f"{name} cannot be read as a clip: {error}.") from None
        x[row] = np.where(raw < 0, np.nan, raw / 255)
    if event.values.levels:
        most = np.float32(event.values.levels - 1)
        x = np.rint(x * most) / most
    return x, list(found)


def _cropped(config: ConfigDict, height: int, width: int, channels: int) -> Fit:
    config = config.copy_and_resolve_references()
    config.image_size, config.channels = (height, width), channels
    return fit_of(config)


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: clips of another set get the event's frames, size and channels."""
    config = config.copy_and_resolve_references()
    config.modality, config.crop = "video", (0, 0)
    config.frames, config.image_size = event.shape[0], event.shape[1:3]
    config.channels = event.channels
    config.label_pattern = ""  # it is for the run's own files
    return config


def check(x: np.ndarray, event: Event) -> np.ndarray:
    """See `vae/modalities`: integers are raw values, as in the data; floats are already x.

    Raises:
      InputError: x has another shape, values that the run's data cannot have, or NaN where none of
        its examples has.
    """
    x = as_array(x, "clips")
    if not event.values.missing or x.dtype.kind not in "iuf" or x.shape[1:] != event.shape:
        return as_x(x, event, "clips")
    known = ~np.isnan(x) if x.dtype.kind == "f" else x >= 0
    there = np.all(known, axis=(2, 3, 4))  # [N, T]
    if not there.any(1).all():
        raise InputError("some clips are missing at all frames.")
    filled = as_x(np.where(there[..., None, None, None], x, 0).astype(x.dtype), event, "clips")
    return np.where(there[..., None, None, None], filled, np.float32(np.nan))


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None
) -> Source:
    """Returns clips [N, T, H, W] or [N, T, H, W, C] of any numbers as a source.

    What values mean is as in arrays of images. With `data.frames` the first of them are kept.

    Raises:
      InputError: arrays are no clips, or differ in shape.
    """
    fit = fit_of(config)
    arrays = {name: _as_clips(each.examples, each.where) for name, each in found.items()}
    arrays = {name: x[:, : config.frames or None] for name, x in arrays.items()}
    first = next(iter(arrays.values()))
    for name, x in arrays.items():
        if x.shape[1:] != first.shape[1:] or x.dtype != first.dtype:
            raise InputError(
                f"{what}: the clips of {name} are {x.shape[1:]} {x.dtype}, others "
                f"{first.shape[1:]} {first.dtype}: bring them to one shape and type."
            )
    known = () if like is None or like.values.black is None else _range(like)
    arrays, values = to_unit(arrays, what, known)
    given = {name: each.labels for name, each in found.items()}
    labels, keys, classes, number, attributes = classes_of(given, arrays, what)
    splits = {}
    for name, x in arrays.items():
        # Sorted before they are resized, so that a split has the same examples at every size.
        rows = order(digests(x, keys[name]))
        frames = fit_images(x[rows].reshape(-1, *x.shape[2:]), fit)
        clipped = frames.reshape(*x.shape[:2], *frames.shape[1:])
        splits[name] = in_memory(clipped, labels[name][rows])
    return Source(splits, values, number, f"clips of {what}", attributes, classes)


def _range(like: Event) -> tuple[float, float]:
    assert like.values.black is not None and like.values.white is not None  # the caller knows
    return like.values.black, like.values.white


def _as_clips(array: np.ndarray, what: str) -> np.ndarray:
    """Returns an array as clips [N, T, H, W, C] of uint8, int32 or float32."""
    if array.ndim not in (4, 5) or not array.size:
        raise InputError(
            f"{what} has the shape {array.shape}: give clips [N, T, H, W] or [N, T, H, W, C]."
        )
    array = numbers(array, what)
    return array if array.ndim == 5 else array[..., None]
