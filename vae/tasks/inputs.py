"""The user's own images and attributes, as a run's model is given them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from vae import modalities
from vae.data.attributes import FILE
from vae.data.batches import HostBatch
from vae.data.examples import Dataset, Raw, read_complete
from vae.data.labels import class_name
from vae.data.prepare import first_examples, prepare
from vae.errors import InputError, did_you_mean, readable
from vae.files import check_file, user_path
from vae.modalities.images import walk
from vae.modalities.images.decoding import Fit, fit_image, fit_of, open_image
from vae.probability.distributions import example_keys
from vae.probability.event import BYTES
from vae.run import Run
from vae.tasks import names
from vae.training.directory import read_json

logger = logging.getLogger(__name__)

USUAL = 1000  # test images, whose median attributes are those of an image of which they are unknown


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


def read_images(files: Sequence[Path], run: Run, *, factor: int = 1) -> np.ndarray:
    """Images from files of any size, as x [N, H, W, C] of the run's model.

    With a `factor`, they are as many times smaller than the model's, H / factor by W / factor.

    They are cropped as the training images were, else to the aspect of the model's images alone:
    where they are too small for a crop in pixels, or where a crop in parts would be of another
    aspect (a face that is cropped already, a whole photo). Then they are resized, and rounded to
    the levels of the run's data.

    Raises:
      InputError: a file cannot be read as an image.
    """
    height, width, channels = run.model.event.shape
    height, width = height // factor, width // factor
    config = run.config.data.copy_and_resolve_references()
    config.image_size, config.channels = (height, width), channels
    cropped = fit_of(config)
    config.crop = (0, 0)
    whole = fit_of(config)
    images = np.empty((len(files), height, width, channels), np.float32)
    # Deep files are of the range that those of the run's folder are of.
    values = run.event.values
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


class OtherSet(NamedTuple):
    """Images of a data set that is not the run's.

    Attributes:
      images: [N, H, W, C] in [0, 1], of the run's size and channels.
      labels: as `Examples.read` gives them.
      split: where they are from.
      attributes: their names, if the labels are attributes.
      classes: their names, if the labels are classes.
    """

    images: np.ndarray
    labels: np.ndarray
    split: str
    attributes: tuple[str, ...]
    classes: tuple[str, ...]


def read_set(name: str, run: Run, num: int) -> OtherSet:
    """Images of another data set, in the size and the channels of the run's images.

    Args:
      name: what `data.path` takes, or a name that `data.name` takes.
      run: the run.
      num: how many at most, the first of the set's test split or, where it has none, of its first.

    Raises:
      InputError: there is no such data set, or it cannot be read.
    """
    path = user_path(name)
    if not path.exists() and len(path.parts) > 1:
        raise InputError(f"{name} does not exist: give images or a data set.")
    config = run.config.data.copy_and_resolve_references()
    height, width, channels = run.model.event.shape
    config.crop, config.image_size, config.channels = (0, 0), (height, width), channels
    config.path, config.name = (str(path), "") if path.exists() else ("", name)
    source = modalities.read(config, run.event.values)
    split = "test" if "test" in source.splits else next(iter(source.splits))
    index = np.arange(min(num, len(source.splits[split])))
    raw, _ = read_complete(source.splits[split], index)
    classes = tuple(class_name(i, source.classes) for i in range(source.num_classes))
    x = source.values.to_x(raw.values)
    return OtherSet(x, raw.labels, split, source.attributes, classes)


def as_data(images: np.ndarray, run: Run) -> np.ndarray:
    """Images [N, H, W, C] in [0, 1] as the model is given those of its data: levels, binarised."""
    values, index = run.event.values, np.arange(len(images), dtype=np.int32)
    batch = HostBatch(index, Raw(values.to_raw(images), np.full(len(index), -1, np.int32)))
    keys = example_keys(jax.random.key(0), index)
    prepared = prepare(batch, None, values, run.config.data, train=False, keys=keys)
    return jax.device_get(prepared.x)


def attribute_columns(names: Sequence[str], run: Run) -> list[int]:
    """The columns of attributes in the y of a run's data.

    Raises:
      InputError: the data had no attributes when the run read them, or not these.
    """
    if not run.attributes:
        path = run.config.data.path
        if path and (table := user_path(path) / FILE).is_file():
            record = read_json(run.workdir / "provenance.json") or {}
            when = record["time"][:10] if "time" in record else "an unknown day"
            raise InputError(
                f"{run.workdir} read its data on {when} and found no attributes, so it knows "
                f"nothing of {table}: train a run in another directory to use them."
            )
        raise InputError(f"the data of {run.workdir} have no attributes.")
    for name in names:
        if name not in run.attributes:
            there = ", ".join(run.attributes)
            hint = did_you_mean(name, run.attributes)
            raise InputError(f"there is no attribute {name!r}; there are {there}{hint}")
    return [run.attributes.index(name) for name in names]


def with_attributes(y: np.ndarray, values: Mapping[str, float], run: Run) -> np.ndarray:
    """Attributes [N, A] with some of them set, by name, to one value for all.

    Raises:
      InputError: the data have no attributes, or not these.
    """
    y = np.array(y, np.float32)
    columns = attribute_columns(list(values), run)
    for column, (name, value) in zip(columns, values.items(), strict=True):
        low, high = run.scales.low[column], run.scales.high[column]
        if not low - (high - low) < value < high + (high - low):
            logger.warning(
                "%s=%g is far from the training images, where it goes from %g to %g",
                *(name, value, low, high),
            )
        y[:, column] = value
    return y


class Given(NamedTuple):
    """The images that a task works on.

    Attributes:
      x: [N, H, W, C], of the run's model.
      y: what the model is told of them: labels [N], attributes [N, A], or None.
      names: [N], to tell them apart.
      dataset: whose test images they are; None where they are the user's own.
    """

    x: np.ndarray
    y: np.ndarray | None
    names: list[str]
    dataset: Dataset | None

    @property
    def tag(self) -> str:
        """What tells files made of these images from those of others; "" of test images."""
        return "" if self.dataset else names.tag(self.names, self.x, self.y)


def given(
    run: Run,
    *,
    images: Sequence[str | Path] = (),
    num: int,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    factor: int = 1,
) -> Given:
    """The user's own images, or the first test images where there are none of the user's.

    Args:
      run: the run.
      images: files and folders.
      num: how many test images, where `images` is empty.
      labels: of a model that takes labels: one for each of the user's images, or one for all.
      attributes: of a model that takes attributes, by name: for each of the user's images, or one
        for all. An attribute that is not named has its median over the first test images.
      factor: by which the user's images are smaller than the model's.

    Raises:
      InputError: a file is no image, or the model needs to be told labels or attributes and is not,
        or is told and needs none.
    """
    condition = run.model.condition
    told = {"label": labels, "attributes": attributes}
    for kind, values in told.items():
        if values and not (images and condition and condition.kind == kind):
            raise InputError(
                f"--{kind.rstrip('s')}s is for the user's own --images and a run of "
                f"model.condition={kind!r}."
            )
    if not images:
        dataset = run.dataset()
        batch = first_examples(dataset, "test", num, run.config)
        names = [f"test {i}" for i in range(len(batch.x))]
        return Given(batch.x, batch.y if condition else None, names, dataset)
    files = image_files(images)
    x, y = read_images(files, run, factor=factor), None
    if condition and condition.kind == "label":
        if len(labels) not in (1, len(files)) and not _takes_unlabelled(run):
            raise InputError(
                f"this model is conditional: give --labels={','.join('0' * len(files))}, one for "
                f"each of the {len(files)} images, or one for all."
            )
        y = np.resize(run.class_numbers(labels) or [-1], len(files))
    elif condition:
        if len(attributes) > 1 and len(attributes) != len(files):
            raise InputError(
                f"--attributes has {len(attributes)} sets for {len(files)} images; give one for "
                "each, with / between, or one for all."
            )
        usual = first_examples(run.dataset(), "test", USUAL, run.config).y
        usual = np.median(usual, axis=0, keepdims=True)
        sets = list(attributes) or [{}]
        y = np.concatenate([with_attributes(usual, one, run) for one in sets])
        y = y[np.arange(len(files)) % len(y)]
    return Given(x, y, [readable(file.stem) for file in files], None)


def check_vectors(run: Run) -> None:
    """Refuses a model that does not encode an image as one vector in R^D.

    Raises:
      InputError: one sentence.
    """
    if getattr(getattr(run.model, "posterior", None), "space", None) != "real":
        raise InputError(
            f"this needs a model that encodes an image as one vector of real numbers; that of "
            f"{run.workdir} (model.name={run.config.model.name!r}) does not encode images so."
        )


def _takes_unlabelled(run: Run) -> bool:
    return getattr(run.model, "takes_unlabelled", False)
