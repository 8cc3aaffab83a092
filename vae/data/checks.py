"""What is worth a warning in data that can be used: few examples, doubles, outliers."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from vae.data.examples import Examples

logger = logging.getLogger(__name__)

SQUEEZED = 1e-4  # of a range, in which 98 per cent of the values lie
FEW = {"train": 100, "valid": 20, "test": 20}  # examples, below which a set says little


def check_splits(splits: Mapping[str, Examples], description: str) -> None:
    """Warns where a set has few examples, or some that another set has, too.

    Which are the same is what `Examples.marks` says.
    """
    few = [f"data.{name} {len(x)}" for name, x in splits.items() if len(x) < FEW[name]]
    if few:
        logger.warning(
            "%s: few examples (%s): what is learned from so few, or measured on them, is chance",
            description,
            ", ".join(few),
        )
    marks = {name: set(found) for name, found in _marks(splits).items()}
    names = list(marks)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if shared := len(marks[first] & marks[second]):
                logger.warning(
                    "%s: data.%s and data.%s share %d example(s) under several names: figures of "
                    "%s are too good by them",
                    *(description, first, second, shared, second),
                )


def check_outliers(values: np.ndarray, low: float, high: float, what: str) -> None:
    """Warns where a few values are so far out that the others hardly differ in the range they make.

    Args:
      values: [n] some of them.
      low: the least of all, and high: the largest.
      what: they are, for the message.
    """
    few, most = np.percentile(values, (1, 99))
    if 0 < most - few < SQUEEZED * (high - low):
        logger.warning(
            "%s goes from %g to %g, and nearly all of it from %g to %g, which is then hardly more "
            "than one value: leave out what is wrong, or give its logarithm",
            *(what, low, high, few, most),
        )


def _marks(splits: Mapping[str, Examples]) -> dict[str, list]:
    """Returns, for each split, what two equal examples have in common; {} where it is not known."""
    kinds = {type(examples) for examples in splits.values()}
    if len(kinds) > 1:
        return {}
    found = kinds.pop().marks(list(splits.values()))
    return dict(zip(splits, found, strict=True)) if found else {}
