"""Reads the user's own image files as x of an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from vae.data.places import files_at
from vae.errors import InputError
from vae.modalities.images.decoding import IMAGES, Fit, fit_image, fit_of, open_image
from vae.probability.event import BYTES, Event, Values


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the images in files and folders, named after their files."""
    files = files_at(paths, IMAGES)
    return read_images(files, event, config), [name for name, _ in files]


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: images of another set get the event's size and channels."""
    config = config.copy_and_resolve_references()
    height, width, channels = event.shape
    config.crop, config.image_size, config.channels = (0, 0), (height, width), channels
    config.label_pattern = ""  # it is for the run's own files
    return config


def read_images(
    files: Sequence[tuple[str, Callable[[], str | bytes]]], event: Event, config: ConfigDict
) -> np.ndarray:
    """Returns images from `files_at`, of any size, as x [N, H, W, C] of an event.

    An image is cropped as the training images were, then resized, and rounded to the event's
    levels. It is cropped to the event's aspect only, where it is too small for a crop in pixels, or
    where a crop in parts would have another aspect (a face that is already cropped, a whole photo).

    Args:
      files: see `files_at`.
      event: what an example of the run is.
      config: the section `data`.

    Raises:
      InputError: a file cannot be read as an image.
    """
    height, width, channels = event.shape
    config = config.copy_and_resolve_references()
    config.image_size, config.channels = (height, width), channels
    cropped = fit_of(config)
    config.crop = (0, 0)
    whole = fit_of(config)
    images = np.empty((len(files), height, width, channels), np.float32)
    values = event.values
    if values.levels == BYTES.levels:  # deep files have the range of the run's own files
        cropped = replace(cropped, black=values.black, white=values.white)
    for row, (name, content) in enumerate(files):
        image = _opened(name, content, cropped)
        like = _like_training(cropped, image.height, image.width)
        images[row] = fit_image(image, cropped if like else whole)
    return _as_x(images, values)


def read_whole(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> Iterator[np.ndarray]:
    """See `vae/modalities`: the images in files and folders, neither cropped nor resized."""
    fit = Fit(channels=event.channels)
    if event.values.levels == BYTES.levels:
        fit = replace(fit, black=event.values.black, white=event.values.white)
    for name, content in files_at(paths, IMAGES):
        image = fit_image(_opened(name, content, fit), fit)
        yield _as_x(image.astype(np.float32), event.values)


def lost(paths: Sequence[str | Path], x: np.ndarray, event: Event, config: ConfigDict) -> str:
    """See `vae/modalities`: whether images were cropped or resized."""
    whole = read_whole(paths, event, config)
    changed = sum(not np.array_equal(image, own) for image, own in zip(whole, x, strict=True))
    places = "x".join(map(str, event.places))
    return f"{changed} of {len(x)} pictures are cropped or resized to {places}" if changed else ""


def _opened(name: str, content: Callable[[], str | bytes], fit: Fit) -> Image.Image:
    try:
        return open_image(content(), fit)
    except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
        raise InputError(f"{name} cannot be read as an image: {error}.") from None


def _as_x(images: np.ndarray, values: Values) -> np.ndarray:
    """Returns images [..., H, W, C] of 0 to 255 as x, on the levels of the values."""
    x, levels = images / 255, values.levels
    return x if levels is None else np.rint(x * (levels - 1)) / np.float32(levels - 1)


def _like_training(fit: Fit, height: int, width: int) -> bool:
    """Returns whether an image of this size can be cropped as the training images were."""
    crop_height, crop_width = fit.cropped(height, width)
    if max(fit.crop) > 1:
        return crop_height <= height and crop_width <= width
    # Both are rounded to whole pixels.
    return abs(crop_height * fit.size[1] / fit.size[0] - crop_width) <= 1
