"""Makes arrays images: which arrays are taken, what they become, and which are refused.

All arrays come through here: those that readers load from files (`array_source`), and those that
are given to a run from Python (`as_x`). What they become depends on their type and range:

    all 0 and 1, of any type           binary
    uint8                              levels 0 to 255
    wider integers                     counts
    floats from 0 to 1                 unchanged
           from -1 to 1, 0 to 255      scaled to [0, 1]; whole numbers to 255 are levels
           of any other range          scaled so that the lowest becomes 0 and the highest 1

so that x of every data set is dark at 0 and bright at 1. Changes are logged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from vae.data import arrays as saved
from vae.data.attributes import Table
from vae.data.checks import check_outliers
from vae.data.examples import Source, in_memory
from vae.data.given import as_array
from vae.data.labels import classes_of
from vae.data.splits import digests, order
from vae.errors import InputError
from vae.modalities.images.decoding import Fit, fit_images
from vae.probability.event import BINARY, BYTES, Event, Values

logger = logging.getLogger(__name__)

LARGEST = 2**24  # float32 has every whole number up to it
_FEW = (1, 3, 4)  # numbers of channels that images have
_BRIGHT = 128  # floats from 0 to 255 are expected to reach this
_LOOKED_AT = 10**6  # so many values are searched for outliers
_BEYOND = 0.5  # how far x from an unbounded likelihood may lie outside [0, 1]


def array_source(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray | Table | None]],
    fit: Fit,
    description: str,
    values: Values | None = None,
) -> Source:
    """Returns a source of arrays: sorts each split canonically and brings its images to `fit`.

    Args:
      splits: base split -> images [N, H, W, C] as `image_array` returns them, of one H, W, C and
        dtype in all splits, and labels [N] of any type, or attributes, or None.
      fit: how images are brought to one shape.
      description: the data, for messages.
      values: what raw values mean; found from the images where None.
    """
    arrays = {name: images for name, (images, _) in splits.items()}
    if values is None:
        known = () if fit.black is None or fit.white is None else (fit.black, fit.white)
        arrays, values = to_unit(arrays, description, known)
    given = {name: labels for name, (_, labels) in splits.items()}
    labels, keys, names, number, attributes = classes_of(given, arrays, description)
    ordered = {}
    for name, images in arrays.items():
        # Sort before resizing, so that a split has the same examples at every size.
        rows = order(digests(images, keys[name]))
        ordered[name] = in_memory(fit_images(images[rows], fit), labels[name][rows])
    return Source(ordered, values, number, description, attributes, names)


def arrays_source(found: Mapping[str, saved.Arrays], what: str, fit: Fit) -> Source:
    """Returns a source of arrays, which `what` names in messages.

    Raises:
      InputError: arrays are not images, or differ in shape or type.
    """
    splits = {
        k: (image_array(arrays.examples, arrays.where), arrays.labels)
        for k, arrays in found.items()
    }
    first = next(iter(splits.values()))[0]
    for name, (images, _) in splits.items():
        if images.shape[1:] != first.shape[1:] or images.dtype != first.dtype:
            raise InputError(
                f"{what}: the images of {name} are {images.shape[1:]} {images.dtype}, others "
                f"{first.shape[1:]} {first.dtype}: bring them to one shape and type."
            )
    return array_source(splits, fit, f"arrays of {what}")


def image_array(array: np.ndarray, what: str) -> np.ndarray:
    """Returns an array of any numbers as images [N, H, W, C] of uint8, int32 or float32.

    The array is [N, H, W], [N, H, W, C], or [N, C, H, W] with C of 1, 3 or 4.

    Raises:
      InputError: the array has another shape, NaN, or numbers that images do not have.
    """
    if array.ndim not in (3, 4) or not array.size:
        raise InputError(
            f"{what} has the shape {array.shape}: give images [N, H, W] or [N, H, W, C]."
        )
    array = numbers(array, what)
    if array.ndim == 3:
        return array[..., None]
    if array.shape[1] in _FEW and min(array.shape[2:]) > max(_FEW):
        logger.info("%s: [N, C, H, W] = %s is turned to [N, H, W, C]", what, array.shape)
        array = np.moveaxis(array, 1, -1)
    return array


def to_unit(
    arrays: Mapping[str, np.ndarray], what: str, known: tuple[float, float] | tuple[()] = ()
) -> tuple[dict[str, np.ndarray], Values]:
    """Brings the images of all splits to one of the ranges above, and logs changes.

    Args:
      arrays: base split -> images.
      what: the data, for messages.
      known: black and white of floats that fit none of these ranges, if they lie between.

    Returns:
      The images, and what their values mean.

    Raises:
      InputError: floats are all the same and outside [0, 1].
    """
    arrays = dict(arrays)
    low = min(float(images.min()) for images in arrays.values())
    high = max(float(images.max()) for images in arrays.values())
    kind = next(iter(arrays.values())).dtype
    if low >= 0 and all(((x == 0) | (x == 1)).all() for x in arrays.values()):
        return {name: x.astype(np.uint8) for name, x in arrays.items()}, BINARY
    if kind == np.uint8:
        return arrays, BYTES
    if kind == np.int32:
        logger.info("%s: integers wider than a byte are counts, to %g", what, high)
        return arrays, Values("counts", scale=high, levels=int(high) + 1)
    bytes_like = low >= 0 and _BRIGHT <= high <= 255
    if bytes_like and all((x == np.rint(x)).all() for x in arrays.values()):
        logger.info("%s: floats that are whole numbers to 255 are bytes", what)
        return {name: x.astype(np.uint8) for name, x in arrays.items()}, BYTES
    black, white = _range_of(low, high, known, what)
    values = Values("real")
    if (black, white) == (0.0, 1.0):
        return arrays, replace(values, low=low, high=high)
    logger.info(
        "%s: floats from %g to %g, brought to [0, 1] with %g as 0 and %g as 1",
        *(what, low, high, black, white),
    )
    some = next(iter(arrays.values())).ravel()
    some = some[:: max(1, some.size // _LOOKED_AT)]
    check_outliers(some, black, white, f"{what}: the range of its values")
    span = np.float32(white - black)
    unit = {name: (x - np.float32(black)) / span for name, x in arrays.items()}
    low, high = ((value - black) / (white - black) for value in (low, high))
    return unit, replace(values, low=low, high=high, black=black, white=white)


def as_x(x: np.ndarray, event: Event, what: str = "images") -> np.ndarray:
    """Returns images given from Python as x [N, *places, C] float32, which a run's model takes.

    Args:
      x: integers are raw values, as in the data set; floats are already x.
      event: what an example of the run's data is.
      what: what examples are, in the plural, for messages.

    Raises:
      InputError: they have another shape, NaN, or values that the run's data cannot have.
    """
    x, shape, values = as_array(x, what), event.shape, event.values
    wanted = ", ".join(map(str, shape))
    if x.shape[1:] != shape or not len(x):
        hint = ""
        if x.shape[1:] == (shape[-1], *shape[:-1]):
            hint = ": give np.moveaxis(x, 1, -1)"
        elif x.shape == shape:
            hint = ": give x[None]"
        raise InputError(f"{what} of shape {x.shape} must be [N, {wanted}], as the run's{hint}.")
    if x.dtype.kind not in "iufb":
        raise InputError(f"{what} are {x.dtype}, no numbers: give uint8, or float32 from 0 to 1.")
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).reshape(len(x), -1).any(1).sum())
        raise InputError(f"{what} have NaN or infinity in {bad} of {len(x)}.")
    raw = x.dtype.kind in "iu"
    x = values.to_x(x) if raw else x.astype(np.float32)
    low, high = float(x.min()), float(x.max())
    least, most = min(values.low, 0.0), max(values.high, 1.0)  # early runs have others than 0 and 1
    # Samples of a model with a density on all of R may lie outside.
    slack = 1e-4 if values.levels else _BEYOND * (most - least)
    if low < least - slack or (high > most + slack and not values.kind == "counts"):
        raise InputError(_out_of_range(low, high, values, raw, what))
    return x


def numbers(array: np.ndarray, what: str) -> np.ndarray:
    """Returns an array of any numbers as uint8, int32 or float32."""
    if array.dtype == bool:
        return array.astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        largest = (
            float(np.finfo(np.float32).max) / 4
        )  # so that the distance of two fits float32, too
        with np.errstate(invalid="ignore", over="ignore"):
            good = (np.abs(array) < largest).all(axis=tuple(range(1, array.ndim)))
        if bad := int((~good).sum()):
            raise InputError(f"{what} has NaN or infinity in {bad} of {len(array)} examples.")
        return array.astype(np.float32)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{what} is {array.dtype}, neither numbers nor bool: convert it.")
    if array.min() < 0 or array.max() > LARGEST:
        raise InputError(
            f"{what} has integers from {array.min()} to {array.max()}, where levels and counts are "
            f"from 0 to at most {LARGEST}: convert it, for instance to float."
        )
    return array.astype(np.uint8 if array.dtype.itemsize == 1 else np.int32)


def _range_of(
    low: float, high: float, known: tuple[float, float] | tuple[()], what: str
) -> tuple[float, float]:
    """Returns the black and white of float images with values from `low` to `high`."""
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= -1 and high <= 1:
        return -1.0, 1.0
    if low >= 0 and _BRIGHT <= high <= 255:
        return 0.0, 255.0
    if known and known[0] <= low and high <= known[1]:
        return known
    if not high > low:
        raise InputError(f"{what}: every value is {low:g}: give images that differ, in [0, 1].")
    return low, high


def _out_of_range(low: float, high: float, values: Values, raw: bool, what: str) -> str:
    given = f"{what} have values from {low:.4g} to {high:.4g}"
    if raw:
        scale = cast(float, values.scale)
        given = f"{what} have integers from {low * scale:g} to {high * scale:g}"
        wanted = f"those of this run are from 0 to {scale:g}"
        return f"{given}, but {wanted}: convert them, or give floats from 0 to 1."
    how = f"(x - {low:.4g}) / {high - low:.4g}"
    if values.black is not None and values.white is not None and values.levels is None:
        how = f"(x - {values.black:g}) / {values.white - values.black:g}, as was done with its data"
    elif low >= -1 and high <= 1:
        how = "(x + 1) / 2"
    elif low >= 0 and high <= 255:
        how = "x / 255"
    return f"{given}, but a run takes floats from 0 to 1: give {how}."
