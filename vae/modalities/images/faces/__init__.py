"""Faces drawn as they are read: any number of them, with every factor known, and no download.

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

SIZE = 64  # where data.image_size does not say another
SPLITS = {
    "train": range(100_000),
    "valid": range(100_000, 110_000),
    "test": range(110_000, 120_000),
}


@dataclass(frozen=True)
class DrawnExamples(Examples):
    """Faces by index, drawn with `size` pixels a side and then brought to `fit`."""

    indices: np.ndarray  # [N] int, of `factors`
    size: int
    fit: Fit

    identities = None

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.fit.shape((self.size, self.size, 3))

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> DrawnExamples:
        return replace(self, indices=self.indices[indices])

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.indices.tobytes()  # of which all else is a function

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        labels = factors(self.indices[indices])
        images = fit_images(render(labels, self.size), self.fit)
        return Raw(images, labels), np.ones(len(labels), bool)


def read(fit: Fit) -> Source:
    """Returns train, valid and test, 100,000, 10,000 and 10,000 faces; the factors are attributes.

    A square `fit` without a crop is drawn at its size, any other is cut or resized from SIZE.
    """
    height, width = fit.size
    if height == width >= SMALLEST and not any(fit.crop):
        size, fit = height, Fit(channels=fit.channels)
    else:
        size = SIZE
    splits = {name: DrawnExamples(np.array(span), size, fit) for name, span in SPLITS.items()}
    return Source(splits, BYTES, 0, "drawn faces", NAMES)
