"""A cheap digest of a data set: it tells which data a run was trained on, wherever they lie now.

The digest covers the sizes of the splits, the names of files, all labels, and the content of some
evenly spaced examples. Sets in memory are sorted by content, so that adding, removing or changing
an example moves all those between its old and its new position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from vae.data.examples import Dataset, Examples
from vae.errors import InputError

SAMPLE = 100  # the content of so many examples of each split is read


def identity(splits: Mapping[str, Examples], names: Sequence[str]) -> str:
    """Returns the digest of a data set's splits.

    Args:
      splits: the splits by name.
      names: the names of attributes, classes and channels.
    """
    state = hashlib.blake2b(repr(tuple(names)).encode(), digest_size=16)
    for name, examples in splits.items():
        state.update(f"{name} {len(examples)} {examples.shape}\n".encode())
        count = min(len(examples), SAMPLE)
        for piece in examples.evidence(np.linspace(0, len(examples) - 1, count).astype(int)):
            state.update(hashlib.blake2b(piece, digest_size=16).digest())
    return state.hexdigest()


def check_identity(dataset: Dataset, record: Mapping, workdir: object) -> None:
    """Checks that a data set is the one that a run was trained on, and is still read as it was.

    Args:
      dataset: what was loaded.
      record: what the run's provenance.json says of its data; runs of early versions lack a digest.
      workdir: the run directory, for the message.

    Raises:
      InputError: the data are others, or an earlier version read them otherwise: it left floats
        and the numbers of labels as they were, which now become [0, 1] and classes.
    """
    shape = record.get("shape") or record.get("image_shape") or dataset.event.shape
    folded = len(shape) > len(dataset.event.shape) == 1
    if record.get("digest", dataset.digest) != dataset.digest and not folded:
        raise InputError(
            f"{dataset.description}: these are not the data of {workdir}, which were "
            f"{record.get('description', 'others')}; if those have moved, say where they are now "
            "by --config.data.path=PATH."
        )
    if change := "rows of values as images" if folded else _read_otherwise(dataset, record):
        raise InputError(
            f"{workdir} was trained by an earlier version, which read {change}: sampling and "
            "your own --files work as before; for its data, train it again in another --workdir."
        )


def _read_otherwise(dataset: Dataset, record: Mapping) -> str:
    """Returns what an earlier version read otherwise; "" where nothing has changed."""
    values, now = record.get("values", {}), dataset.event.values
    if not values or "white" in values:
        return ""
    was = (values["levels"], values["scale"], values.get("low", 0.0), values.get("high", 1.0))
    if was != (now.levels, now.scale, now.low, now.high):
        return f"values from {was[2]:g} to {was[3]:g} as they are"
    if now.white not in (None, 65535):
        return f"{now.white:g} in image files as less than white"
    if record["num_classes"] != dataset.num_classes:
        return f"labels as {record['num_classes']} classes, with those that no example has"
    return ""
