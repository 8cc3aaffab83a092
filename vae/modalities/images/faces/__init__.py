"""Faces that are drawn when read: any number of them, with all factors known, and no download.

    attributes.py   what differs between two faces, and its value for any index
    canvas.py       shapes with smooth edges, painted on many pictures at once
    drawing.py      the parts of a face

2026-11-21, one core of an AMD EPYC beside other work, 64x64: 0.7 ms a face, by

    python -m timeit -p -s "from vae.modalities.images import faces; import numpy as np" \\
        -s "factors = faces.factors(np.arange(1000))" "faces.render(factors)"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from vae.data.examples import Examples, Raw, Source
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
class DrawnExamples(Examples):
    """Faces by index, drawn with `size` pixels a side and then brought to `fit`."""

    indices: np.ndarray  # [N] int, which `factors` takes
    size: int
    fit: Fit

    identities = None

    @property
    def shape(self) -> tuple[int, int, int]:  # type: ignore[override]  # a field of others
        return self.fit.shape((self.size, self.size, 3))

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> DrawnExamples:
        return replace(self, indices=self.indices[indices])

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.indices.tobytes()  # everything else is a function of these

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        labels = factors(self.indices[indices])
        images = fit_images(render(labels, self.size), self.fit)
        return Raw(images, labels), np.ones(len(labels), bool)


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
    splits = {name: DrawnExamples(np.array(span), size, fit) for name, span in SPLITS.items()}
    return Source(splits, BYTES, 0, "drawn faces", NAMES)
