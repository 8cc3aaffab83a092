"""Writes the latents of a data set into a file, for a second stage that is made elsewhere."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vae.annotations import Count
from vae.data.examples import Examples
from vae.errors import InputError
from vae.files import user_path
from vae.run import Run
from vae.tasks import latents, names, tiles
from vae.tasks.encodings import EXAMPLES, make_encoder
from vae.tasks.inputs import (
    OF_FILES,
    OF_THE_DATA,
    Given,
    as_data,
    check_vectors,
    given,
    refuse,
)
from vae.tasks.output import Output
from vae.training.arrays import digest

logger = logging.getLogger(__name__)

SPLITS = ("train", "valid", "test")


def encode(
    run: Run,
    *,
    split: Literal["train", "valid", "test", "all"] | None = None,
    log_std: bool = False,
    files: Sequence[str | Path] = (),
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    tile: Count | None = None,
    out: Path | None = None,
) -> Output:
    """Writes the latents of a data set, or of your own examples, into an .npz file.

    z has the means of q(z | x): [N, h, w, c] where latents have places, else [N, D]. Beside it are
    the labels or attributes with their names, split and index (file for your own), name where
    examples have one (a file, a cell's barcode), the mean and std of each channel of z over
    training examples, and step and params_sha256 of the run.

    Examples:
      vae encode --workdir=runs/digits --split=all --log_std --out=latents.npz
      vae encode --workdir=runs/faces --files=DIR
      vae encode --workdir=runs/faces --files=photo.jpg --tile=128

    Args:
      run: the run.
      split: the split whose examples are encoded, or all three; train if absent.
      log_std: also writes the logarithms of the standard deviations of q(z | x).
      files: files and folders of your own examples, which are encoded instead of a split.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      tile: encodes your own pictures at their own size, in tiles of so many pixels.
      out: the file; if absent, latents/SPLIT_STEP.npz of the run, or, for your own examples,
        latents/TAG_STEP.npz with their names.

    Returns:
      The path, and {"step", "examples", "z": the shape of one z}. `mean` and `std` in the file are
      those of z ~ q(z | x) over the first 5,000 training examples, which are in random order; they
      are missing where the training set is.

    Raises:
      InputError: the model has no latents in R^D, or no `log_std`; or as `given`.
    """
    check_vectors(run)
    grid = places_of(run.model)
    encoded = functools.cache(lambda: make_encoder(run, run.dataset()))
    if files:
        refuse(OF_THE_DATA, split=split)
        refuse("is for the run's data: with --files, leave it out.", log_std=log_std)
        if tile:
            tiles.check(run, tile)
        own = given(run, files=files, labels=labels, attributes=attributes)
        pieces = _own(run, own, files, tile, grid)
        name = own.tag + names.differing(tile=(tile, None))
    else:
        refuse(OF_FILES, labels=labels, attributes=attributes, tile=tile)
        name = split or "train"
        pieces = _splits(run, encoded, SPLITS if name == "all" else (name,), grid, log_std)
    path = user_path(out) if out else run.out / "latents" / f"{name}_{run.step:08d}.npz"
    if path.suffix != ".npz":
        raise InputError(f"--out={path} must end in .npz: that is what is written.")
    facts: dict[str, Any] = {"step": run.step, "params_sha256": digest(run.params)}
    if run.attributes:
        facts["attribute_names"] = list(run.attributes)
    elif run.classes:
        facts["class_names"] = list(run.classes)
    if tile:
        facts["tile"] = tile
    try:
        facts |= statistics(run, encoded, grid)
    except InputError as error:
        if not files:
            raise
        logger.warning("%s The file is without mean and std.", error)
    seen: dict[str, Any] = {"examples": 0}

    def counted() -> Iterator[Mapping[str, np.ndarray]]:
        for piece in pieces:
            seen["examples"] += len(piece["z"])
            seen["z"] = list(piece["z"].shape[1:])
            yield piece

    latents.write(path, counted(), facts)
    return Output([path], {"step": run.step, **seen})


def places_of(model: Any) -> tuple[int, ...]:
    """Returns the places of a model's z, () where it is one vector; see `Encoder.grid`."""
    networks = model.encoder, model.emission.decoder
    return next(filter(None, (each.grid(model.event.places) for each in networks)), ())


def statistics(run: Run, encoder: Any, grid: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Returns the mean and std [E] of the channels of z ~ q(z | x) over training examples.

    Args:
      run: the run.
      encoder: returns what `make_encoder` compiles.
      grid: the places of z.
    """
    train = run.dataset().train
    examples = train.take(np.arange(min(EXAMPLES, len(train))))
    count, total, squares = 0, 0.0, 0.0
    for batch in encoder()(examples):
        z = latents.in_places(batch.z[batch.ok].astype(np.float64), grid)
        z = z.reshape(-1, z.shape[-1])
        count, total, squares = count + len(z), total + z.sum(0), squares + (z**2).sum(0)
    mean = np.asarray(total) / count
    std = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0))
    return {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}


def _splits(
    run: Run, encoder: Any, names: Sequence[str], grid: tuple[int, ...], log_std: bool
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the columns of the file for some splits, batch by batch."""
    splits = {name: getattr(run.dataset(), name) for name in names}
    called = _names(splits)
    for name, split in splits.items():
        for batch in encoder()(split):
            ok, columns = batch.ok, {"z": latents.in_places(batch.mean, grid)}
            if log_std:
                if batch.log_std is None:
                    raise InputError(
                        f"the q(z | x) of {run.workdir} has no standard deviation of each number "
                        "of z: leave --log_std out."
                    )
                columns["log_std"] = latents.in_places(batch.log_std, grid)
            columns["attributes" if run.attributes else "labels"] = batch.label
            columns |= {"split": np.full(len(ok), name, "U5"), "index": batch.row}
            if called:
                columns["name"] = called[name][batch.row]
            yield {key: column[ok] for key, column in columns.items()}


def _names(splits: Mapping[str, Examples]) -> dict[str, np.ndarray]:
    """Returns the names of the examples of each split, all of one width; {} without names."""
    found = {name: split.names for name, split in splits.items() if split.names is not None}
    if len(found) < len(splits):
        return {}
    width = max(len(each) for names in found.values() for each in names)
    return {name: names.astype(f"U{width}") for name, names in found.items()}


def _own(
    run: Run, own: Given, files: Sequence[str | Path], tile: int | None, grid: tuple[int, ...]
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the columns of the file for the user's own examples, which are those of `files`."""
    shape: tuple[int, ...] = ()
    told = {} if own.y is None else {"attributes" if run.attributes else "labels": own.y}
    told["file"] = np.array(own.names)
    if not tile:
        z = run.encode(as_data(own.x, run), own.y).mean
        yield {"z": latents.in_places(z, grid), **told}
        return
    for i, x in enumerate(tiles.read(run, files)):
        y = None if own.y is None else own.y[i : i + 1]
        z = tiles.encode(run, x[None], y, tile=tile)
        if shape not in ((), z.shape):
            raise InputError(
                f"{own.names[i]} has other latents, {z.shape[1:]}, than the pictures before it, "
                f"{shape[1:]}: encode pictures of one size into one file."
            )
        shape = z.shape
        yield {"z": z} | {key: column[i : i + 1] for key, column in told.items()}
