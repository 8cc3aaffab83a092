"""Which labels a run is given, and whether it has those that it needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vae.data.dataset import Dataset, Examples
from vae.errors import InputError


def keep(labels: np.ndarray, number: int, *, seed: int) -> np.ndarray:
    """Labels [N] int32 of which `number` are kept, as even over the classes as can be.

    The others become -1. Which are kept depends on the seed, and with more of them the same are
    kept and others beside them.
    """
    order = np.random.default_rng(seed).permutation(np.flatnonzero(labels >= 0))
    rank = np.zeros(len(order), int)  # in its class
    for label in np.unique(labels[order]):
        own = labels[order] == label
        rank[own] = np.arange(own.sum())
    kept = order[np.argsort(rank, kind="stable")[:number]]
    masked = np.full_like(labels, -1)
    masked[kept] = labels[kept]
    return masked


def with_labels(examples: Examples, number: int, *, seed: int) -> Examples:
    """The training examples with `number` of their labels; with all of them where that is 0.

    Raises:
      InputError: they have not so many, or their labels are not known before they are read.
    """
    if number == 0:
        return examples
    labels = getattr(examples, "labels", None)
    if labels is None:
        raise InputError(
            f"data.labelled={number} needs the data in memory: raise data.device_bytes."
        )
    if labels.ndim > 1:
        raise InputError(f"data.labelled={number} needs classes, but the data have attributes.")
    if number > (there := int((labels >= 0).sum())):
        raise InputError(f"data.labelled={number} is more than the {there} labels there are.")
    return replace(examples, labels=keep(labels, number, seed=seed))


def check_labels(dataset: Dataset, config) -> None:
    """Refuses to condition on labels that some images do not have.

    Labels in records that are decoded as they are read are not looked at.

    Raises:
      InputError: an image of a split has none.
    """
    if config.model.condition != "label":
        return
    for name in ("train", "valid", "test"):
        labels = getattr(getattr(dataset, name), "labels", np.zeros(0))
        if missing := int((labels < 0).sum()):
            raise InputError(
                f"model.condition='label' needs the label of every image, but {missing} of "
                f"{len(labels)} {name} images have none; model.name='semi_supervised' does not."
            )
