"""Warnings about usable data: few examples, duplicates across sets, outliers."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from vae.data.examples import Examples

logger = logging.getLogger(__name__)

SQUEEZED = 1e-4  # a share of the range: warn where 98 per cent of the values lie within it
FEW = {"train": 100, "valid": 20, "test": 20}  # a set of fewer examples is worth a warning


def check_splits(splits: Mapping[str, Examples], description: str) -> None:
    """Warns where a set has few examples, or shares some with another set (`Examples.marks`)."""
    few = [f"data.{name} {len(x)}" for name, x in splits.items() if len(x) < FEW[name]]
    if few:
        logger.warning(
            "%s: few examples (%s): what is learned from so few, or measured on them, is chance",
            description,
            ", ".join(few),
        )
    marks = {name: set(found) for name, found in marks_of(splits).items()}
    names = list(marks)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if shared := len(marks[first] & marks[second]):
                logger.warning(
                    "%s: data.%s and data.%s share %d example(s) under several names, which makes "
                    "the figures of %s too good",
                    *(description, first, second, shared, second),
                )


def check_outliers(values: np.ndarray, low: float, high: float, what: str) -> None:
    """Warns where outliers stretch the range so far that all other values lie close together.

    Args:
      values: [n], some of the values.
      low: the least of all values.
      high: the largest of all values.
      what: names the values in the message.
    """
    few, most = np.percentile(values, (1, 99))
    if 0 < most - few < SQUEEZED * (high - low):
        logger.warning(
            "%s goes from %g to %g, and nearly all of it from %g to %g, which is then hardly more "
            "than one value: leave out what is wrong, or give its logarithm",
            *(what, low, high, few, most),
        )


def marks_of(splits: Mapping[str, Examples]) -> dict[str, Sequence[Hashable]]:
    """Returns each split's marks, equal for equal examples; {} where they are not known."""
    kinds = {type(examples) for examples in splits.values()}
    if len(kinds) > 1:
        return {}
    found = kinds.pop().marks(list(splits.values()))
    return dict(zip(splits, found, strict=True)) if found else {}
