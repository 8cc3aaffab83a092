"""The 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, without a download."""

from __future__ import annotations

import functools

import numpy as np

from vae.data.examples import Source
from vae.modalities.images.decoding import Fit
from vae.modalities.images.pixels import array_source
from vae.probability.event import Values


def read(fit: Fit) -> Source:
    """Returns the digits as one base split, `train`; a pixel is a count from 0 to 16."""
    images, labels = (array.copy() for array in _digits())
    values = Values("levels", scale=16.0, levels=17)
    return array_source({"train": (images, labels)}, fit, "digits of scikit-learn", values)


@functools.cache  # they are parsed from text, which takes longer than the rest of what is loaded
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns the images [N, 8, 8, 1] uint8 and the labels [N]."""
    from sklearn.datasets import load_digits  # takes a second to import

    bunch = load_digits()
    return bunch.images.astype(np.uint8)[..., None], bunch.target
