"""Makes new labelled images near given ones.

    noise          z ~ N(m, (s std)^2), where q(z | x) has the mean m and the standard deviation std
    interpolation  z = (1 - t) m + t m', t ~ U(0, 1), between two given images of one class

z is decoded to the mean of p(x | z) and gets the label of the images that it is near.
`experiments/benchmarks/augmentation.py` measures whether new images help a classifier.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae.annotations import Count, Seed
from vae.data.attributes import FILE
from vae.data.examples import read_complete
from vae.data.labels import class_name
from vae.errors import InputError
from vae.files import whole
from vae.modalities.images.tasks import check_images
from vae.run import Run
from vae.tasks.inputs import as_data, read_set
from vae.tasks.names import plain
from vae.tasks.output import Output
from vae.training.directory import write_json

NOISE = 1.0  # s


class New(NamedTuple):
    """New images.

    Attributes:
      images: [N, H, W, C] in [0, 1].
      labels: [N] classes or [N, A] attributes.
      source: [N], the index of the given image that each is near.
      partner: [N], the index of the image towards which it lies; -1 for noise about its source.
    """

    images: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    partner: np.ndarray


def augment(
    run: Run,
    *,
    num: Count = 1000,
    data: str | None = None,
    num_given: Count = 1000,
    seed: Seed = 0,
) -> Output:
    """Makes new labelled images near those of a data set, in a folder that data.path takes.

    It writes the folder `augmented`, whose manifest.csv has a line for each image. Classes are
    subfolders with their names; attributes are in attributes.csv.

    Examples:
      vae augment --workdir=runs/digits --num=500
      vae augment --workdir=runs/digits --data=LABELLED_FOLDER --out=new

    Args:
      run: the run.
      num: the number of new images.
      data: a labelled data set, as data.path takes it; the run's training images if absent.
      num_given: the number of images of the data set, the first ones, to make new ones near.
      seed: seed of the noise.

    Returns:
      The folder and the figures, {"folder", "images": number, "given": number, "noise",
      "interpolated": numbers, "seed"}.

    Raises:
      InputError: the given images have no labels, or not those that the model is conditioned on,
        the folder already exists, or the model's posterior is no Gaussian.
    """
    check_images(run, "augmentations")
    folder = run.out / "augmented"
    if folder.exists():
        raise InputError(f"{folder} exists already: give another --out=DIR, or remove it.")
    if data is None:
        train = run.dataset().train
        raw, _ = read_complete(train, np.arange(min(num_given, len(train))))
        images, labels = run.event.values.to_x(raw.values), raw.labels
        attributes, classes = run.attributes, run.classes
        told: np.ndarray | None = labels
    else:
        other = read_set(data, run, num_given)
        images, labels, attributes, classes = other.x, other.labels, other.attributes, other.classes
        told = _told(labels, attributes, classes, run)
    new = new_images(run, as_data(images, run), labels, num, told=told, seed=seed)

    folder.mkdir(parents=True)
    rows: list[list[Any]] = []
    for i, (image, label) in enumerate(zip(new.images, new.labels, strict=True)):
        own = [] if attributes else [_folder_of(label, classes)]
        name = "/".join([*own, f"{i:06d}.png"])
        _save(image, folder / name)
        partner = new.partner[i] if new.partner[i] >= 0 else ""
        rows.append([name, *own, new.source[i], partner])
    _write(
        folder / "manifest.csv",
        ["file", *([] if attributes else ["label"]), "source", "partner"],
        rows,
    )
    if attributes:
        table = [[row[0], *map(str, label)] for row, label in zip(rows, new.labels, strict=True)]
        _write(folder / FILE, ["file", *attributes], table)
    result = {
        "folder": str(folder),
        "images": num,
        "given": len(images),
        "noise": int((new.partner < 0).sum()),
        "interpolated": int((new.partner >= 0).sum()),
        "seed": seed,
    }
    write_json(run.out / "augment.json", result)
    return Output([folder, run.out / "augment.json"], result)


def _told(
    labels: np.ndarray, attributes: tuple[str, ...], classes: tuple[str, ...], run: Run
) -> np.ndarray | None:
    """Returns the condition of images of another set; None for a model without a condition.

    Raises:
      InputError: the set lacks what the model is conditioned on.
    """
    condition = run.model.condition
    if not condition:
        return None
    if condition.kind == "attributes":
        if missing := [name for name in run.attributes if name not in attributes]:
            raise InputError(
                f"the model is conditioned on {missing[0]}, which is no attribute of the given "
                "images: add it to their table."
            )
        return labels[:, [attributes.index(name) for name in run.attributes]]
    if labels.ndim > 1 or labels.min() < 0:
        raise InputError("the given images must be labelled: a folder for each class.")
    return np.array(run.class_numbers(classes))[labels]


def new_images(
    run: Run,
    x: np.ndarray,
    labels: np.ndarray,
    num: int,
    *,
    told: np.ndarray | None = None,
    seed: int = 0,
) -> New:
    """Makes `num` new images near given ones, going through these in turn.

    In every second round images are interpolations, where there is another image of the class.
    Images with attributes have no classes: all new ones are noise.

    Args:
      run: the run.
      x: [N, H, W, C], as the run's model is given them.
      labels: classes [N] or attributes [N, A].
      num: the number of new images.
      told: the condition of a conditional model, classes [N] or attributes [N, A]; `labels` where
        None.
      seed: seed of the noise.

    Raises:
      InputError: a label is missing, or the model's posterior is no Gaussian.
    """
    if labels.ndim == 1 and labels.min() < 0:
        raise InputError("the given images must be labelled: a folder for each class.")
    told = (labels if told is None else told) if run.model.condition else None
    q = run.encode(x, told)
    if run.model.posterior is None or q.log_std is None:
        raise InputError(
            "new images are drawn from a Gaussian: model.posterior must be 'gaussian'."
        )
    rng = np.random.default_rng(seed)
    source = np.arange(num) % len(x)
    partner = np.full(num, -1)
    if labels.ndim == 1:
        for i in np.flatnonzero(np.arange(num) // len(x) % 2):
            others = np.flatnonzero(labels == labels[source[i]])
            others = others[others != source[i]]
            partner[i] = rng.choice(others) if len(others) else -1
    mean, std = q.mean[source], np.exp(q.log_std[source])
    noisy = mean + NOISE * std * rng.standard_normal(mean.shape)
    between = mean + rng.random((num, 1)) * (q.mean[partner] - mean)
    z = np.where(partner[:, None] < 0, noisy, between)
    images = run.decode(z, None if told is None else told[source])
    return New(np.clip(images, 0, 1), labels[source], source, partner)


def _folder_of(label: int, classes: tuple[str, ...]) -> str:
    """Returns the name of a class's folder: the class's, if it is read as a label again."""
    name = class_name(label, classes)
    if name == plain(name) and name[0] != "." and name not in ("train", "valid", "val", "test"):
        return name
    return f"{label}_{plain(name)}"


def _write(file: Path, header: list[str], rows: list[list[Any]]) -> None:
    with whole(file, "w") as lines:
        csv.writer(lines).writerows([header, *rows])


def _save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    levels = np.rint(255 * image).astype(np.uint8)
    Image.fromarray(levels if levels.shape[-1] == 3 else levels[..., 0]).save(path)
