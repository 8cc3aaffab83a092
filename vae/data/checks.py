"""What is worth a warning in three sets that can be used: very few examples, or the same in two."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from vae.data.examples import Examples

logger = logging.getLogger(__name__)

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


def _marks(splits: Mapping[str, Examples]) -> dict[str, list]:
    """Returns, for each split, what two equal examples have in common; {} where it is not known."""
    kinds = {type(examples) for examples in splits.values()}
    if len(kinds) > 1:
        return {}
    found = kinds.pop().marks(list(splits.values()))
    return dict(zip(splits, found, strict=True)) if found else {}
