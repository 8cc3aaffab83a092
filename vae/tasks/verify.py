"""Are two images of the same person? Told by the cosine of the angle between their posterior means.

Angles are those seen from the mean of all: of a model that was not trained for long that is far
from 0, and every two images would point the same way. The model has never seen an identity; what it
encodes of a face says how far this is enough.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vae import data
from vae.data.dataset import Dataset
from vae.data.transforms import first_images
from vae.errors import InputError
from vae.evaluation.detection import auroc, roc, tar_at_far
from vae.run import Run
from vae.tasks import pictures
from vae.training.directory import write_json

FAR = 0.01
SIDE, MARGIN = 400, 48  # of the picture, in pixels


def verify(run: Run, *, pairs: int = 3000, num: int = 5000, seed: int = 0) -> dict[str, Any]:
    """Tells pairs of the test split apart; writes `verify.json` and `images/verify_STEP.png`.

    The picture is the ROC of the model's embeddings, black, and of the pixels, grey: what can be
    had without a model.

    Args:
      run: the run.
      pairs: of one person, and as many of two; fewer where there are not so many of one.
      num: how many test images they are drawn from at most.
      seed: of the choice of pairs.

    Returns:
      {"step", "images", "identities", "pairs", "seed", "posterior": {"auroc",
      "tar_at_1%_far"}, "pixels": {the same}}.

    Raises:
      InputError: the model does not encode, or the data say of no two images that they show one
        person: neither identities nor classes.
    """
    dataset = data.load(run.config.data)
    who = identities_of(dataset, num)
    same, different = draw_pairs(who, pairs, seed=seed)
    x, y, _ = first_images(dataset, "test", num, run.config)
    embeddings = {"posterior": embed(run, x, y), "pixels": x.reshape(len(x), -1)}
    figures, curves = {}, {}
    for name, vectors in embeddings.items():
        vectors = vectors - vectors.mean(0)
        scores = cosine(vectors, different), cosine(vectors, same)
        curves[name] = roc(*scores)
        figures[name] = {"auroc": auroc(*scores), "tar_at_1%_far": tar_at_far(*scores, FAR)}
    path = run.out / "images" / f"verify_{run.step:08d}.png"
    pictures.save(_draw(curves["posterior"], curves["pixels"]), path)
    result = {
        "step": run.step,
        "images": len(x),
        "identities": len(np.unique(who[who >= 0])),
        "pairs": len(same),
        "seed": seed,
        **figures,
    }
    write_json(run.out / "verify.json", result)
    return result


def identities_of(dataset: Dataset, num: int) -> np.ndarray:
    """Who is on the first `num` test images, [N], -1 unknown; without identities, the class.

    Raises:
      InputError: neither is known.
    """
    examples = dataset.test
    who = examples.identities
    if who is None:
        labels = getattr(examples, "labels", None)
        who = None if labels is None or labels.ndim > 1 else labels
    if who is None or (who[:num] < 0).all():
        raise InputError(
            "the data say of no test image whom it shows: identities, or a folder for each person, "
            "are needed."
        )
    return who[:num]


def draw_pairs(who: np.ndarray, number: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images of one person and of two, [P, 2] each, P at most `number`.

    Args:
      who: [N] identities, -1 unknown.
      number: of pairs of each kind.
      seed: of the choice, which is without replacement.

    Raises:
      InputError: no two images show one person, or all do.
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(who >= 0)
    groups = [known[who[known] == person] for person in np.unique(who[known])]
    same = [np.stack(np.triu_indices(len(group), 1), 1) for group in groups]
    same = np.concatenate([group[pairs] for group, pairs in zip(groups, same, strict=True)])
    if not len(same) or len(groups) < 2:
        raise InputError(
            f"{len(known)} test images of {len(groups)} people make no pairs of one and of two: "
            "verification needs both."
        )
    # An image is drawn first and then its partner, so that most are rejected as rarely as can be.
    different = np.sort(rng.choice(known, (8 * number + 64, 2)), axis=1)
    different = np.unique(different[who[different[:, 0]] != who[different[:, 1]]], axis=0)
    number = min(number, len(same), len(different))
    return tuple(pairs[rng.permutation(len(pairs))[:number]] for pairs in (same, different))


def embed(run: Run, x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """The posterior means [N, D] of images [N, H, W, C]; of several latents, side by side."""
    labels = y if run.model.condition else None
    leaves = jax.tree.leaves(run.encode(x, labels).mean)
    return np.concatenate([np.asarray(leaf).reshape(len(x), -1) for leaf in leaves], axis=1)


def cosine(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The cosine [P] of the angle between the vectors [N, D] of each of the pairs [P, 2]."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(length, 1e-12)
    return (unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(1)


def _draw(
    curve: tuple[np.ndarray, np.ndarray], baseline: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """A picture [H, W, 3] of an ROC, that of a baseline, grey, and of chance, a light diagonal."""
    picture = Image.new("RGB", (SIDE + 2 * MARGIN, SIDE + 2 * MARGIN), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)

    def line(false: np.ndarray, true: np.ndarray, colour: str, width: int) -> None:
        points = zip(MARGIN + SIDE * false, MARGIN + SIDE * (1 - true), strict=True)
        draw.line(list(points), colour, width)

    ends = np.array([0.0, 1.0])
    line(ends, ends, "lightgrey", 1)
    line(*baseline, "darkgrey", 2)
    line(*curve, "black", 2)
    low, high = MARGIN, MARGIN + SIDE
    draw.rectangle((low, low, high, high), outline="black")
    for value in (0.0, 0.5, 1.0):
        place = low + SIDE * value
        draw.text((place, high + 12), f"{value:g}", "black", font, anchor="mm")
        draw.text((low - 6, high - SIDE * value), f"{value:g}", "black", font, anchor="rm")
    middle = low + SIDE / 2
    draw.text((middle, high + 32), "false acceptance", "black", font, anchor="mm")
    draw.text((middle, low - 16), "true acceptance", "black", font, anchor="mm")
    return np.asarray(picture)
