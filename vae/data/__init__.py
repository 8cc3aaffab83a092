"""Data: readers of every source, and the batches made of them.

What is read is decided by `data.path` where given, else by `data.name`:

| what is there                                       | reader      |
|-----------------------------------------------------|-------------|
| name "digits"                                       | `digits.py` |
| name "faces"                                        | `faces/`    |
| any other name                                      | `tfds.py`   |
| a directory with train-images-idx3-ubyte[.gz], ...  | `idx.py`    |
| an .amat file, or a directory with some             | `amat.py`   |
| an .npz file, or a directory with some              | `npz.py`    |
| a directory with the tables of CelebA               | `celeba.py` |
| a directory with images anywhere in it              | `folder.py` |

A reader returns base splits in a canonical order (`splits.py`); `load` cuts data.train, data.valid
and data.test out of them. `batches.py` says which examples a step sees, `prepare.py` turns their
raw values into x inside the compiled step.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from vae.data import amat, celeba, digits, faces, folder, groups, idx, npz, splits, tfds
from vae.data.checks import check_splits
from vae.data.examples import Dataset, Source, load_in_memory
from vae.data.identity import identity
from vae.data.images import Fit, fit_of
from vae.data.labels import check_classes, with_labels
from vae.data.walk import has_images
from vae.errors import InputError
from vae.files import user_path
from vae.probability.event import Event, Values


def load(config) -> Dataset:
    """Reads the data set that `config` (the section `data`) names.

    Sets of up to `data.device_bytes`, all three splits together, are in memory when this returns
    and have a table for the device; larger folders and record files are read as they are needed.
    Raises InputError for anything wrong with the data or with what the config says of it.
    """
    source = read(config)
    specs = {f"data.{name}": config[name] for name in ("train", "valid", "test")}
    lengths = {name: len(examples) for name, examples in source.splits.items()}
    selected = splits.select(specs, lengths)
    if unused := lengths.keys() - {name for name, _ in selected.values()}:
        logging.warning(
            "%s: data.train, data.valid and data.test leave out the split %s",
            source.description,
            ", ".join(f"{name} ({lengths[name]} examples)" for name in sorted(unused)),
        )
    if config.split_by:
        indices = groups.together(config.split_by, source, selected)
    else:
        indices = {key: np.arange(span.start, span.stop) for key, (_, span) in selected.items()}
    chosen = {
        key.removeprefix("data."): source.splits[name].take(indices[key])
        for key, (name, _) in selected.items()
    }
    digest = identity(chosen, (*source.attributes, *source.classes))
    if sum(examples.nbytes for examples in chosen.values()) <= config.device_bytes:
        chosen = {
            name: replace(load_in_memory(examples, config.threads), resident=True)
            for name, examples in chosen.items()
        }
    check_splits(chosen, source.description)
    check_classes(source)
    chosen["train"] = with_labels(chosen["train"], config.labelled, seed=config.seed)
    shape = chosen["train"].shape
    sizes = ", ".join(f"{name} {len(examples)}" for name, examples in chosen.items())
    by = f", split by {config.split_by}" if config.split_by else ""
    return Dataset(
        **chosen,
        event=Event(shape, source.values),
        num_classes=source.num_classes,
        attributes=source.attributes,
        digest=digest,
        description=f"{source.description}: {sizes}{by}; {'x'.join(map(str, shape))}",
        classes=source.classes,
    )


def read(config, like: Values | None = None) -> Source:
    """Every base split of the data set that `config` (the section `data`) names, whole.

    What is black and white is that of `like` for values of no range that is known otherwise. Raises
    InputError for anything wrong with the data.
    """
    fit = fit_of(config)
    return _read(config, replace(fit, black=like.black, white=like.white) if like else fit)


def _read(config, fit: Fit) -> Source:
    if not config.path:
        if not config.name:
            raise InputError(
                "There are no data: give a file or directory as data.path, or a set as data.name."
            )
        if config.name == "digits":
            return digits.read(fit)
        if config.name == "faces":
            return faces.read(fit)
        return tfds.read(config.name, fit, config.manual_dir, config.threads)
    path = user_path(config.path)
    try:
        if source := _read_files(path, fit, config.threads):
            return source
        there = path.exists()
    except OSError as error:
        raise InputError(
            f"data.path = {config.path} cannot be read ({error.strerror}): see to its "
            "permissions, or give another."
        ) from None
    if not there:
        raise InputError(f"data.path = {config.path} does not exist: give --config.data.path=DIR.")
    raise InputError(
        f"data.path = {config.path} holds nothing that can be read: give an .npz "
        "or .amat file, or a directory with idx files, .amat or .npz files, or images."
    )


def _read_files(path: Path, fit: Fit, threads: int) -> Source | None:
    """Returns what is at a path; None where no reader takes it."""
    if path.is_file():
        if path.suffix == ".npz":
            return npz.read(path, fit)
        if path.suffix == ".amat":
            return amat.read(path, fit)
    if path.is_dir():
        if idx.find(path):
            return idx.read(path, fit)
        if amat.find(path):
            return amat.read(path, fit)
        if npz.find(path):
            return npz.read(path, fit)
        if celeba.has_tables(path):
            return celeba.read(path, fit, threads)
        if has_images(path):
            return folder.read(path, fit, threads)
    return None
