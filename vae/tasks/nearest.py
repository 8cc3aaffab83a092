"""Finds the training examples nearest to samples, which shows whether samples are copies."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from vae import terminal
from vae.annotations import Count, Seed
from vae.data.distance import distance
from vae.data.examples import Dataset, called, read_complete
from vae.data.prepare import first_examples
from vae.evaluation.fidelity import squared_distances
from vae.modalities.sheets import Sheet
from vae.run import Run
from vae.tasks import names
from vae.tasks.fit_prior import fit_prior
from vae.tasks.inputs import as_data, embed
from vae.tasks.output import Output
from vae.training.directory import write_json

NUM = 16  # samples
ORDER = ("nearest", "second", "third", "fourth")
ROWS = 1000  # training examples read at once


def nearest(
    run: Run,
    *,
    num: Count = NUM,
    seed: Seed = 0,
    prior: Literal["mixture", "flow", "vae", "metric"] | None = None,
) -> Output:
    """Finds the training examples nearest to samples, which shows whether samples are copies.

    It writes sheets, with a sample and its 4 nearest training examples in each row, and
    `nearest.json`. Distances are between values and, if the model encodes, between posterior means.
    If training mirrored examples (data.flip), both versions are compared. The same is done for as
    many test examples, which cannot be copies: samples much nearer to the training set than these
    are copies.

    Examples:
      vae nearest --workdir=runs/digits
      vae nearest --workdir=runs/digits --num=8 --prior=mixture

    Args:
      run: the run.
      num: the number of samples.
      seed: seed of the samples.
      prior: fits this density to the latents of the training set, and samples from it instead;
        "metric" is that of a riemannian_hamiltonian posterior, which samples among its centroids.

    Returns:
      The paths of the sheets and the figures, and {"step", "seed", "prior", "values" and
      "latents": {"samples": [num], "test": [...], "nearest": [num]}}, the distances to the nearest
      example and what the samples' nearest are called. Distances are Euclidean, or where values are
      tokens or may be missing, those of `vae/data/distance.py`. If training mirrored, there is also
      "mirrored", whether the nearest to a sample is a mirrored one.
    """
    dataset = run.dataset()
    fitted = fit_prior(run, prior) if prior else None
    test, y, *_ = first_examples(dataset, "test", num, run.config)
    given = y[np.arange(num) % len(y)] if run.model.condition else None
    samples = run.sample(num, labels=given, seed=seed, prior=fitted)
    if (values := dataset.event.values).kind == "levels":  # a density on R goes beyond them
        samples = np.clip(samples, values.low, values.high)
    queries = np.concatenate([samples, test])
    labels = np.concatenate([given, y]) if given is not None else None
    result: dict[str, Any] = {"step": run.step, "seed": seed, "prior": prior}
    paths, texts = [], []
    for space, (distances, index, mirrored) in _search(run, dataset, queries, labels).items():
        raw, _ = read_complete(dataset.train, index[:num].ravel())
        found = dataset.event.values.to_x(raw.values).reshape(num, -1, *samples.shape[1:])
        if run.config.data.flip:
            found = np.where(_as_wide(mirrored[:num], found), _mirror(found), found)
        settings = {"prior": (prior, None), "num": (num, NUM)}
        path = names.picture(run, f"nearest_{space}", f"seed{seed}", **settings)
        sheet = _sheet(run, space, samples, found, distances, mirrored)
        paths += sheet.save(path)
        texts.append(sheet.text)
        first = distances[:, 0].tolist()
        result[space] = {"samples": first[:num], "test": first[num:]}
        result[space]["nearest"] = called(dataset.train, "train", index[:num, 0])
        if run.config.data.flip:
            result[space]["mirrored"] = mirrored[:num, 0].tolist()
    write_json(run.out / "nearest.json", result)
    return Output([*paths, run.out / "nearest.json"], result, "\n\n".join(filter(None, texts)))


def _sheet(
    run: Run,
    space: str,
    samples: np.ndarray,
    found: np.ndarray,
    distances: np.ndarray,
    mirrored: np.ndarray,
) -> Sheet:
    """Draws a row for each sample, with the nearest training examples and their distances."""
    num, k = found.shape[:2]
    of = "tokens" if run.event.values.kind == "tokens" else "values"
    of = "posterior means" if space == "latents" else of
    own, test = np.median(distances[:num, 0]), np.median(distances[num:, 0])
    title = (
        f"Samples and the training examples nearest to them, step {run.step:,}, by the distance of "
        f"the {of}, which stands beside each; the median distance to the nearest is {own:.3g}, and "
        f"of test examples, of which none is a copy, {test:.3g}"
    )
    ways = np.where(mirrored, ", mirrored", "")
    return run.modality.table(
        found,
        run.event,
        title,
        columns=ORDER[:k],
        rows=[f"sample {i}, nearest at {distances[i, 0]:.3g}" for i in range(num)],
        before={"sample": samples},
        captions=[[f"{distances[i, j]:.3g}{ways[i, j]}" for j in range(k)] for i in range(num)],
    )


def _search(
    run: Run, dataset: Dataset, queries: np.ndarray, labels: np.ndarray | None
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Finds the training examples nearest to queries [N, *places, C], nearest first.

    Returns:
      For "values" and, if the model encodes, for "latents": distances, indices, and whether the
      examples are mirrored, each [N, k].
    """

    def flat(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1).astype(np.float64)

    def latents(x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        return embed(run, x, y).astype(np.float64)

    def by_values(x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        if values.missing or values.kind == "tokens":
            return np.stack([distance(query, x, dataset.event) for query in queries]) ** 2
        return squared_distances(flat(queries), flat(x))

    def by_latents(x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        return squared_distances(wanted, latents(x, y))

    values, spaces = dataset.event.values, {"values": by_values}
    if run.model.encodes:
        wanted, spaces = latents(queries, labels), spaces | {"latents": by_latents}
    none = np.empty((len(queries), 0))
    kept: dict[str, tuple[np.ndarray, ...]] = dict.fromkeys(
        spaces, (none, none.astype(int), none.astype(bool))
    )
    with terminal.Progress("searching", len(dataset.train), "examples") as progress:
        for start in range(0, len(dataset.train), ROWS):
            index = np.arange(start, min(start + ROWS, len(dataset.train)))
            raw, _ = read_complete(dataset.train, index)
            plain, y = values.to_x(raw.values), raw.labels
            for space, squared in spaces.items():
                x = as_data(plain, run) if space == "latents" else plain
                distances = squared(x, y)
                mirrored = np.zeros(distances.shape, bool)
                if run.config.data.flip:
                    other = squared(_mirror(x), y)
                    mirrored, distances = other < distances, np.minimum(distances, other)
                new = distances, np.broadcast_to(index, distances.shape), mirrored
                both = [np.concatenate(pair, axis=1) for pair in zip(kept[space], new, strict=True)]
                order = np.argsort(both[0], axis=1, kind="stable")[:, : len(ORDER)]
                kept[space] = tuple(np.take_along_axis(column, order, axis=1) for column in both)
            progress.at(int(index[-1]) + 1)
    return {space: (np.sqrt(found[0]), found[1], found[2]) for space, found in kept.items()}


def _mirror(x: np.ndarray) -> np.ndarray:
    """Returns examples [..., W, C] mirrored from left to right."""
    return x[..., ::-1, :]


def _as_wide(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Returns values with as many axes as `like`; added ones have size 1 and come last."""
    return values.reshape(*values.shape, *[1] * (like.ndim - values.ndim))
