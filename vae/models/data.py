"""What a model must know about its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vae.data.scales import Scales
from vae.errors import InputError
from vae.probability.event import Event


class Data(NamedTuple):
    """Facts that shapes depend on, and arrays that parameters start from.

    Attributes:
      event: the shape of x and what its values mean, as a model is given them.
      mean: [*places, C], the mean of the training data, or None where it has no use.
      num_classes: the number of classes, 0 without labels.
      examples: returns the first n x of the training data, [n, *places, C], for a number n.
      num_attributes: the number of attributes, 0 without any.
      scales: the attributes' units; None means `unit_scales`.
    """

    event: Event
    mean: np.ndarray | None
    num_classes: int
    examples: Callable[[int], np.ndarray]
    num_attributes: int = 0
    scales: Scales | None = None


def first_examples(data: Data, components: int) -> np.ndarray:
    """Returns the first `components` examples of the training data, for a prior.

    Raises:
      InputError: there are fewer.
    """
    examples = data.examples(components)
    if len(examples) < components:
        raise InputError(
            f"model.prior_components={components} is more than the {len(examples)} examples of the "
            "training set."
        )
    return examples
