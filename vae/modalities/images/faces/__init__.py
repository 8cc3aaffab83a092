"""Faces that are drawn when read: any number of them, with all factors known, and no download.

    attributes.py   what differs between two faces, and its value for any index
    canvas.py       shapes with smooth edges, painted on many pictures at once
    drawing.py      the parts of a face

2026-11-21, one core of an AMD EPYC beside other work, 64x64: 0.7 ms a face, by

    python -m timeit -p -s "from vae.modalities.images import faces; import numpy as np" \\
        -s "factors = faces.factors(np.arange(1000))" "faces.render(factors)"
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae.data.drawn import DrawnExamples
from vae.data.examples import Raw, Source
from vae.modalities.images.decoding import Fit, fit_images
from vae.modalities.images.faces.attributes import NAMES, factors
from vae.modalities.images.faces.drawing import SMALLEST, render
from vae.probability.event import BYTES

SIZE = 64  # pixels a side, unless data.image_size says another
SPLITS = {
    "train": range(100_000),
    "valid": range(100_000, 110_000),
    "test": range(110_000, 120_000),
}


@dataclass(frozen=True)
class Faces(DrawnExamples):
    """Faces by index, drawn with `size` pixels a side and then brought to `fit`."""

    size: int
    fit: Fit

    @property
    def shape(self) -> tuple[int, int, int]:  # type: ignore[override]  # a field of others
        return self.fit.shape((self.size, self.size, 3))

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def draw(self, indices: np.ndarray) -> Raw:
        labels = factors(indices)
        return Raw(fit_images(render(labels, self.size), self.fit), labels)


def read(fit: Fit) -> Source:
    """Returns 100,000 faces for training and 10,000 each for valid and test, with all factors.

    Faces are drawn at the size of a square `fit` without a crop; for any other `fit` they are drawn
    at SIZE, then cropped and resized.
    """
    height, width = fit.size
    if height == width >= SMALLEST and not any(fit.crop):
        size, fit = height, Fit(channels=fit.channels)
    else:
        size = SIZE
    splits = {name: Faces(np.array(span), size, fit) for name, span in SPLITS.items()}
    return Source(splits, BYTES, 0, "drawn faces", NAMES)
