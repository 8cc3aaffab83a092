"""How unusual images are to a model: scores, each higher the less an image is like the data.

    negative_elbo   nats
    nll             -log p(x), importance-weighted, nats
    ratio           -log p(x) less the length of the image as a PNG file, nats: the likelihood ratio
                    against a universal code, for a simple image has a high likelihood under any
                    model (Serra et al., "Input complexity and out-of-distribution detection with
                    likelihood-based generative models", 2020)
    reconstruction  the mean squared error per value

A model whose q(z | x) has no density has the last one only. A conditional model p(x | y) is asked
about images of which nothing else is known by p(x) = E_y[p(x | y)], y from the training set.
"""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.special import logsumexp

from vae.data.prepare import first_examples
from vae.evaluation.detection import auroc
from vae.evaluation.likelihood import has_density
from vae.files import user_path
from vae.run import Run
from vae.tasks.inputs import as_data, image_files, read_images, read_set
from vae.tasks.names import plain, tag
from vae.training.directory import whole, write_json

logger = logging.getLogger(__name__)

DRAWS = 10  # of y, where it is not known


def anomaly(
    run: Run,
    *,
    images: Sequence[str | Path] = (),
    outliers: Sequence[str | Path] = (),
    num: int = 1000,
    num_samples: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores images; writes `anomaly.csv` and `anomaly.json` into `run.out`.

    With outliers the files are named after the first of them, `anomaly_mnist.json`, and with images
    of the user's after these, `anomaly_IMAGES.json`.

    Args:
      run: the run.
      images: image files and folders; the first `num` of the test split where empty.
      outliers: image files and folders; or a data set that the run is not of: what `data.path`
        takes, or a name that `data.name` takes, of which the first `num` images of the test split,
        or of the only one, are brought to the size and the channels of the run's images.
      num: how many images of a data set.
      num_samples: K of the NLL; `evaluation.num_samples` of the config where None.
      seed: of the samples, and of the y of a conditional model.

    Returns:
      {"step", "num_samples", "images": number, "outliers": number, "auroc": {score: ...}, "mean":
      {score: [of images, of outliers]}}; without outliers there is no "auroc". The CSV has a line
      for each image: its file or index, whether it is one of the outliers, and its scores.

    Raises:
      InputError: there are no such images.
    """
    condition = run.model.condition
    if getattr(run.model, "takes_unlabelled", False):
        condition = None
    unknown = bool(condition and (images or outliers))  # y, of some images
    names, labels = [], None
    # Users' own images are scored without the data, unless y is to be drawn from them.
    dataset = run.dataset() if unknown or not images else None
    if images:
        files = image_files(images)
        x, names = as_data(read_images(files, run), run), list(map(str, files))
    else:
        x, labels, *_ = first_examples(dataset, "test", num, run.config)
        names = [f"test {i}" for i in range(len(x))]
    given = len(x)
    if outliers:
        others, other_names = read_outliers(outliers, run, num)
        x, names = np.concatenate([x, as_data(others, run)]), names + other_names
    ys = [labels if condition else None]
    if unknown:
        # The same ones for every image, so that none is favoured by what it happens to be given.
        rows = np.random.default_rng(seed).integers(len(dataset.train), size=DRAWS)
        ys = [np.tile(y, (len(x), *[1] * y.ndim)) for y in dataset.train.read(rows)[0].labels]
    num_samples = num_samples or run.config.evaluation.num_samples
    scored = scores(run, x, ys, num_samples=num_samples, seed=seed)

    for name, values in scored.items():
        if missing := int(np.isnan(values).sum()):
            logger.warning("%s is no number for %d of %d images", name, missing, len(values))
    parts = ["anomaly"]
    if images:
        parts.append(tag([file.stem for file in files], x[:given]))
    if outliers:
        stems = [Path(path).stem for path in outliers]
        parts.append(stems[0] if len(stems) == 1 else tag(stems, x[given:]))
    path = run.out / f"{plain('_'.join(parts))}.csv"
    with whole(path, "w") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "outlier", *scored])
        for row, name in enumerate(names):
            values = (f"{column[row]:.6g}" for column in scored.values())
            writer.writerow([name, int(row >= given), *values])
    result = {
        "step": run.step,
        "num_samples": num_samples,
        "images": given,
        "outliers": len(x) - given,
        "mean": {
            name: [float(part.mean()) for part in (s[:given], s[given:]) if len(part)]
            for name, s in scored.items()
        },
    }
    if outliers:
        result["auroc"] = {name: auroc(s[:given], s[given:]) for name, s in scored.items()}
    write_json(path.with_suffix(".json"), result)
    return result


def scores(
    run: Run,
    x: np.ndarray,
    ys: Sequence[np.ndarray | None],
    *,
    num_samples: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The scores [N] by name of images x [N, H, W, C] as the run's model is given them.

    They are of the mixture over M = len(`ys`), each the classes [N] or attributes [N, A] that the
    images may have, or None; each has K / M of the K = `num_samples` samples, rounded up.
    """
    errors = [((x - run.reconstruct(x, y)) ** 2).mean((1, 2, 3)) for y in ys]
    if not has_density(run.model):
        return {"reconstruction": np.mean(errors, axis=0)}
    share = math.ceil(num_samples / len(ys))
    estimates = [run.estimate(x, y, num_samples=share, seed=seed) for y in ys]
    nll = math.log(len(ys)) - logsumexp([each.log_likelihood for each in estimates], axis=0)
    return {
        "negative_elbo": -np.mean([each.elbo for each in estimates], axis=0),
        "nll": nll,
        "ratio": nll - np.array([code_length(image) for image in x]),
        "reconstruction": np.mean(errors, axis=0),
    }


def code_length(image: np.ndarray) -> float:
    """The length in nats of an image [H, W, C] in [0, 1] as PNG: RGB, or each channel as grey."""
    levels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    planes = [levels] if levels.shape[-1] == 3 else np.moveaxis(levels, -1, 0)
    return sum(_png_bytes(plane) for plane in planes) * 8 * math.log(2)


def _png_bytes(levels: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "png", optimize=True)
    return file.tell()


def read_outliers(paths: Sequence[str | Path], run: Run, num: int) -> tuple[np.ndarray, list[str]]:
    """Images [N, H, W, C] in [0, 1] of the run's shape and their names, see `anomaly`."""
    first = user_path(paths[0])
    is_set = first.is_dir() or first.suffix in (".npz", ".amat") or not first.exists()
    if len(paths) > 1 or not is_set:
        files = image_files(paths)
        return read_images(files, run), list(map(str, files))
    others = read_set(str(first), run, num)
    return others.images, [f"{first} {others.split} {i}" for i in range(len(others.images))]
