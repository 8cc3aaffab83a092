"""The 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, without a download."""

from __future__ import annotations

import numpy as np

from vae.data.examples import Source
from vae.modalities.images.decoding import Fit
from vae.modalities.images.pixels import array_source
from vae.probability.event import Values


def read(fit: Fit) -> Source:
    """Returns the digits as one base split, `train`; a pixel is a count from 0 to 16."""
    from sklearn.datasets import load_digits  # takes a second to import

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., None]
    values = Values("levels", scale=16.0, levels=17)
    return array_source({"train": (images, bunch.target)}, fit, "digits of scikit-learn", values)
