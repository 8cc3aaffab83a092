"""New labelled images near given ones.

    noise          z ~ N(m, (s std)^2), where q(z | x) has the mean m and the standard deviation std
    interpolation  z = (1 - t) m + t m', t ~ U(0, 1), between two given images of one class

decoded to the mean of p(x | z), with the label of what they are near. Whether a classifier gains by
them is measured in `experiments/benchmarks/augmentation.py`.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae import data
from vae.data.dataset import read_complete
from vae.errors import InputError
from vae.run import Run
from vae.tasks.inputs import as_data, read_set
from vae.training.directory import write_json

NOISE = 1.0  # s


class New(NamedTuple):
    """New images.

    Attributes:
      images: [N, H, W, C] in [0, 1].
      labels: [N] classes or [N, A] attributes.
      source: [N], which of the given images each is near.
      partner: [N], towards which it lies; -1 where it is noise about its source.
    """

    images: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    partner: np.ndarray


def augment(
    run: Run,
    *,
    folder: str | Path | None = None,
    num: int = 1000,
    given: str | None = None,
    num_given: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Writes new images into a folder, which `data.path` takes, with a line each in manifest.csv.

    Args:
      run: the run.
      folder: where to, `augmented` in `run.out` where None; classes are its subfolders.
      num: how many new images.
      given: a labelled data set, what `data.path` takes; the run's training images where None.
      num_given: how many of its images, the first ones, are given.
      seed: of the noise.

    Returns:
      {"folder", "images": number, "given": number, "noise", "interpolated": numbers, "seed"}, which
      is in `augment.json` of `run.out` too.

    Raises:
      InputError: the given images have no labels, the folder exists already, or the model's
        posterior is no Gaussian.
    """
    folder = Path(folder or run.out / "augmented")
    if folder.exists():
        raise InputError(f"{folder} exists already: give another folder, or remove it.")
    if given is None:
        train = data.load(run.config.data).train
        images, labels, _ = read_complete(train, np.arange(min(num_given, len(train))))
        images = images / np.float32(run.values.scale)
    else:
        images, labels, _ = read_set(given, run, num_given)
    new = new_images(run, as_data(images, run), labels, num, seed=seed)

    classes = new.labels.ndim == 1
    folder.mkdir(parents=True)
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = ("label",) if classes else run.attributes
        writer.writerow(["file", *names, "source", "partner"])
        for i, (image, label) in enumerate(zip(new.images, new.labels, strict=True)):
            name = f"{label}/{i:06d}.png" if classes else f"{i:06d}.png"
            _save(image, folder / name)
            partner = new.partner[i] if new.partner[i] >= 0 else ""
            writer.writerow([name, *np.atleast_1d(label).tolist(), new.source[i], partner])
    result = {
        "folder": str(folder),
        "images": num,
        "given": len(images),
        "noise": int((new.partner < 0).sum()),
        "interpolated": int((new.partner >= 0).sum()),
        "seed": seed,
    }
    write_json(run.out / "augment.json", result)
    return result


def new_images(run: Run, x: np.ndarray, labels: np.ndarray, num: int, *, seed: int = 0) -> New:
    """Makes `num` images near x [N, H, W, C], as the run's model is given them, in turn.

    Every second time round them it is an interpolation, where there is another image of the class;
    of images with attributes, which have no classes, all are noise.

    Raises:
      InputError: a label is missing, or the model's posterior is no Gaussian.
    """
    if labels.ndim == 1 and labels.min() < 0:
        raise InputError("the given images must be labelled: a folder for each class.")
    told = labels if run.model.condition else None
    q = run.encode(x, told)
    if not hasattr(q, "log_std"):
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
    images = run.decode(z, None if told is None else labels[source])
    return New(np.clip(images, 0, 1), labels[source], source, partner)


def _save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    levels = np.rint(255 * image).astype(np.uint8)
    Image.fromarray(levels if levels.shape[-1] == 3 else levels[..., 0]).save(path)
