"""What a model must know of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vae.data.scales import Scales
from vae.errors import InputError
from vae.probability.event import Event


class Data(NamedTuple):
    """Facts that decide shapes, and arrays that parameters start from.

    Attributes:
      event: the shape of x, and what its values mean, as a model is given them.
      mean: [*places, C] mean of the training data; None where it has no use.
      num_classes: of the labels; 0 where there are none.
      examples: number to the first so many x of the training data, [n, *places, C].
      num_attributes: of the examples; 0 where there are none.
      scales: of the attributes; as of `unit_scales` where None.
    """

    event: Event
    mean: np.ndarray | None
    num_classes: int
    examples: Callable[[int], np.ndarray]
    num_attributes: int = 0
    scales: Scales | None = None


def first_examples(data: Data, components: int) -> np.ndarray:
    """The first so many examples of the training data, of which a prior is made.

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
