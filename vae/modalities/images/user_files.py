"""The user's own image files, as x of an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import InputError
from vae.files import check_file, user_path
from vae.modalities.images import walk
from vae.modalities.images.decoding import Fit, fit_image, fit_of, open_image
from vae.probability.event import BYTES, Event


def read_files(
    paths: Sequence[str | Path], event: Event, config: Any
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the images in files and folders, and the names of their files."""
    files = image_files(paths)
    return read_images(files, event, config), list(map(str, files))


def fitted(config: Any, event: Event) -> Any:
    """See `vae/modalities`: images of another set are resized and have the event's channels."""
    config = config.copy_and_resolve_references()
    height, width, channels = event.shape
    config.crop, config.image_size, config.channels = (0, 0), (height, width), channels
    return config


def image_files(paths: Sequence[str | Path]) -> list[Path]:
    """The image files among `paths` and in the folders among them, in order.

    Raises:
      InputError: there is nothing at a path, or no image in a folder.
    """
    files: list[Path] = []
    for path in map(user_path, paths):
        if path.is_dir():
            found = walk.image_files(path)
            if not found:
                raise InputError(f"{path} has no images in it: give image files or a folder.")
            files += [path / file for file in found]
        elif path.exists():
            check_file(path)
            files.append(path)
        else:
            raise InputError(f"{path} does not exist: give image files or a folder of them.")
    return files


def read_images(files: Sequence[Path], event: Event, config) -> np.ndarray:
    """Images from files of any size, as x [N, H, W, C] of an event; `config` is the section `data`.

    They are cropped as the training images were, else to the aspect of the event alone:
    where they are too small for a crop in pixels, or where a crop in parts would be of another
    aspect (a face that is cropped already, a whole photo). Then they are resized, and rounded to
    its levels.

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
    # Deep files are of the range that those of the run's folder are of.
    values = event.values
    white = values.white if values.levels == BYTES.levels else None
    cropped = replace(cropped, white=white)
    for row, file in enumerate(files):
        try:
            image = open_image(file, cropped)
        except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
            raise InputError(f"{file} cannot be read as an image: {error}.") from None
        like = _like_training(cropped, image.height, image.width)
        images[row] = fit_image(image, cropped if like else whole)
    x = images / 255
    levels = values.levels
    return x if levels is None else np.rint(x * (levels - 1)) / np.float32(levels - 1)


def _like_training(fit: Fit, height: int, width: int) -> bool:
    """Whether an image of this size can be cropped as the training images were."""
    crop_height, crop_width = fit.cropped(height, width)
    if max(fit.crop) > 1:
        return crop_height <= height and crop_width <= width
    # Both are rounded to whole pixels.
    return abs(crop_height * fit.size[1] / fit.size[0] - crop_width) <= 1
