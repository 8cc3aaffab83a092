"""Which data a run was trained on, wherever they lie now: a digest that costs next to nothing.

It is of the splits' sizes, of the names of files and all labels, and of the content of some
examples, evenly spaced. Sets in memory are sorted by content, so that an image that is put in,
taken out or changed moves all those between its old and its new place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from vae.data.dataset import Dataset, Examples
from vae.errors import InputError

SAMPLE = 100  # examples of each split whose content is read


def identity(splits: Mapping[str, Examples], attributes: Sequence[str]) -> str:
    """Returns the digest of the splits of a data set, as they are before anything is drawn."""
    state = hashlib.blake2b(repr(tuple(attributes)).encode(), digest_size=16)
    for name, examples in splits.items():
        state.update(f"{name} {len(examples)} {examples.image_shape}\n".encode())
        count = min(len(examples), SAMPLE)
        for piece in examples.evidence(np.linspace(0, len(examples) - 1, count).astype(int)):
            state.update(hashlib.blake2b(piece, digest_size=16).digest())
    return state.hexdigest()


def check_identity(dataset: Dataset, record: Mapping, workdir: object) -> None:
    """Refuses other data than a run was trained on.

    Args:
      dataset: what was loaded.
      record: what the run's provenance.json says of its data; runs of before have no digest there.
      workdir: the run directory, for the message.

    Raises:
      InputError: they are other data.
    """
    if record.get("digest", dataset.digest) != dataset.digest:
        raise InputError(
            f"{dataset.description}: these are not the data of {workdir}, which were "
            f"{record.get('description', 'others')}; if those have moved, say where they are now "
            "by --config.data.path=PATH."
        )
