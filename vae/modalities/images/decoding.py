"""Decodes, crops, resizes and makes grey or coloured one image at a time.

Images have 8 bits a value once they are read. Those of deeper files are scaled down: 0 becomes
black, and the highest value of their range becomes white, see `white_of`: of 10, 12, 14 or 16 bits,
or of floats to 1 or 255. In a folder of any other range, the least value becomes black and the
largest white.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image, ImageOps

from vae.data.walk import Kind
from vae.errors import InputError
from vae.files import check_file

IMAGES = Kind(
    "images",
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".jp2"),
    ),
)
_GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601 luma, as in PIL


@dataclass(frozen=True)
class Fit:
    """How the images of a source are brought to one shape.

    The centre of an image is cropped to `crop`, then to the aspect of `size`, then resized to
    `size` with antialiasing.

    Attributes:
      size: height and width; (0, 0) keeps the image's.
      crop: height and width, in pixels or, up to 1, in parts of the image's; (0, 0) keeps all.
      channels: 1 or 3, or 0 to keep the image's.
      black: the black of files of more than 8 bits and of arrays of floats; None leaves it to the
        values there.
      white: the white of the same.
    """

    size: tuple[int, int] = (0, 0)
    crop: tuple[float, float] = (0, 0)
    channels: int = 0
    black: float | None = None
    white: float | None = None

    @property
    def resizes(self) -> bool:
        return any(self.size) or any(self.crop)

    def shape(self, source: tuple[Any, Any, int]) -> tuple[Any, Any, int]:
        """Returns the (H, W, C) that images of shape `source` get; H, W are None if they vary."""
        channels = self.channels or source[2]
        if any(self.size):
            return *self.size, channels
        if None in source and max(self.crop) <= 1:
            return None, None, channels
        return *self.cropped(source[0], source[1]), channels

    def cropped(self, height: int, width: int) -> tuple[int, int]:
        """Returns the height and width of what `crop` leaves of an image."""
        if not any(self.crop):
            return height, width
        if max(self.crop) > 1:
            return int(self.crop[0]), int(self.crop[1])
        return round(self.crop[0] * height) or 1, round(self.crop[1] * width) or 1


def fit_of(config: ConfigDict) -> Fit:
    """Returns the Fit of `config`, the section `data`.

    Raises:
      InputError: a size, a crop or a number of channels makes no sense.
    """
    size, crop = tuple(config.image_size), tuple(config.crop)
    for key, pair in (("image_size", size), ("crop", crop)):
        whole = all(n == int(n) for n in pair) or (key == "crop" and max(pair) <= 1)
        if len(pair) != 2 or min(pair) < 0 or (min(pair) == 0) != (max(pair) == 0) or not whole:
            raise InputError(
                f"data.{key} = {pair} is no (height, width): give two sizes or (0, 0)."
            )
    if config.channels not in (0, 1, 3):
        raise InputError(f"data.channels = {config.channels} is not possible: give 0, 1 or 3.")
    return Fit(size, crop, config.channels)


def as_file(content: str | os.PathLike | bytes) -> str | os.PathLike | io.BytesIO:
    """Returns a path, or bytes as a file, for PIL to open."""
    return io.BytesIO(content) if isinstance(content, bytes) else content


def open_image(file: str | os.PathLike | bytes, fit: Fit, page: int = 0) -> Image.Image:
    """Returns an image file, given as path or bytes, as an upright PIL image of mode L or RGB.

    Transparent parts become white.

    Raises:
      Exception: PIL raises many kinds where it cannot decode the file.
      ValueError: values lie outside `fit.black` to `fit.white`.
    """
    if not isinstance(file, bytes):
        check_file(Path(file))
    with Image.open(as_file(file)) as opened:
        if page:
            opened.seek(page)
        if any(fit.size) and not any(fit.crop):
            # A large JPEG is decoded at half, a quarter or an eighth of its size, never below twice
            # the size asked for: several times faster, and no difference is visible afterwards.
            opened.draft(None, (2 * max(fit.size), 2 * max(fit.size)))
        opened.load()
        image = ImageOps.exif_transpose(opened)
    if is_deep(image):
        return Image.fromarray(_eight_bits(np.asarray(image), fit.black, fit.white))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode in ("1", "LA") else "RGB")


def is_deep(image: Image.Image) -> bool:
    """Returns whether a grey image has more than 8 bits a value, from the header alone."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def white_of(low: float, high: float, *, whole: bool) -> float | None:
    """Returns the white of deep images with values from `low` to `high`, where black is 0.

    Returns None where the values fit no known range.
    """
    scales = [2**bits - 1 for bits in (8, 10, 12, 14, 16)] if whole else [1, 255]
    white = next((scale for scale in scales if high <= scale), None)
    return None if low < 0 or (white == 255 and not whole and high < 128) else white


def extremes(values: np.ndarray) -> tuple[float, float]:
    """Returns the least and the largest value of a deep image.

    Raises:
      ValueError: a value is not finite.
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite((low, high)).all():
        raise ValueError("it has NaN or infinity")
    return low, high


def _eight_bits(values: np.ndarray, black: float | None, white: float | None) -> np.ndarray:
    low, high = extremes(values)
    whole = np.issubdtype(values.dtype, np.integer)
    if black is None or white is None:
        black, white = 0.0, white_of(low, high, whole=whole)
    if white is None:
        known = "0 to 65535" if whole else "0 to 1, nor 0 to 255"
        raise ValueError(f"it has values from {low:g} to {high:g}, not from {known}: rescale them")
    if not black <= low <= high <= white:
        raise ValueError(f"it has values from {low:g} to {high:g}, others {black:g} to {white:g}")
    if whole and black == 0 and white % 256 == 255:  # keep the first 8 bits
        return (values.astype(np.int64) * 256 // int(white + 1)).astype(np.uint8)
    return np.rint((values - black) * (255 / (white - black))).astype(np.uint8)


def channels_of(image: Image.Image) -> int:
    """Returns 1 for a grey image and 3 for one in colour, from the header alone."""
    return 1 if image.mode in ("1", "L", "LA") or is_deep(image) else 3


def fit_image(image: Image.Image, fit: Fit) -> np.ndarray:
    """Returns a PIL image of mode L or RGB as an array [H, W, C] uint8, brought to `fit`."""
    if fit.channels:
        image = image.convert("L" if fit.channels == 1 else "RGB")
    if fit.resizes:
        image = _resize(image, fit)
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def fit_images(images: np.ndarray, fit: Fit) -> np.ndarray:
    """Returns images [N, H, W, C] of uint8, int32 or float32 brought to `fit`, in their dtype.

    Integers are rounded to whole raw values, so 0/1 and 0..16 stay such.

    Raises:
      InputError: an image is smaller than the crop, or its channels cannot be converted.
    """
    if fit.resizes:
        height, width, _ = fit.shape(images.shape[1:])
        resized = np.empty((len(images), height, width, images.shape[3]), images.dtype)
        for row, image in enumerate(images):
            for c in range(images.shape[3]):
                resized[row, :, :, c] = _resize(Image.fromarray(image[:, :, c]), fit)
        images = resized
    channels = images.shape[3]
    if not fit.channels or fit.channels == channels:
        return images
    if channels == 1:
        return np.repeat(images, fit.channels, axis=3)
    if channels != 3:
        raise InputError(
            f"data.channels = {fit.channels} cannot be made of images with {channels} channels: "
            "set data.channels to 0."
        )
    grey = (images.astype(np.float32) @ _GREY_WEIGHTS)[..., None]
    whole = np.issubdtype(images.dtype, np.integer)
    return np.rint(grey).astype(images.dtype) if whole else grey


def _resize(image: Image.Image, fit: Fit) -> Image.Image:
    width, height = image.size
    crop_height, crop_width = fit.cropped(height, width)
    if crop_height > height or crop_width > width:
        raise InputError(
            f"data.crop = {fit.crop} is larger than an image of {height}x{width}: "
            "give a smaller crop, or (0, 0)."
        )
    out_height, out_width = fit.size if any(fit.size) else (crop_height, crop_width)
    scale = min(crop_height / out_height, crop_width / out_width)
    crop_height, crop_width = max(1, round(out_height * scale)), max(1, round(out_width * scale))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    box = (left, top, left + crop_width, top + crop_height)
    # Crop first: resize(box=...) lets pixels from outside the box bleed in. Bilinear weights are
    # never negative, so the result stays within the range of the source.
    return image.crop(box).resize((out_width, out_height), Image.Resampling.BILINEAR)
