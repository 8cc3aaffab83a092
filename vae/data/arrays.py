"""From raw arrays to a source: the way all readers of whole arrays end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vae.data.dataset import Source, Values, in_memory, values_of
from vae.data.images import Fit, fit_images
from vae.data.splits import digests, order


def array_source(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
    fit: Fit,
    description: str,
    values: Values | None = None,
) -> Source:
    """Sorts each split canonically and brings its images to the shape asked for.

    `splits` maps a base split to images [N, H, W, C] (uint8, int32 or float32, the same H, W, C
    and dtype in all) and labels [N], 0 upwards, or None. `values` is found from the images where
    not given.
    """
    values = values or values_of([images for images, _ in splits.values()])
    ordered = {}
    num_classes = 0
    for name, (images, labels) in splits.items():
        examples = in_memory(images, labels)
        num_classes = max(num_classes, int(examples.labels.max()) + 1)
        # Sorted before resizing, so that a split holds the same examples at every size.
        examples = examples.take(order(digests(examples.images, examples.labels)))
        ordered[name] = in_memory(fit_images(examples.images, fit), examples.labels)
    return Source(ordered, values, num_classes, description)


def as_images(flat: np.ndarray) -> np.ndarray:
    """Returns vectors [N, D] as images: [N, S, S, 1] where D = S * S, else [N, 1, D, 1]."""
    count, size = flat.shape
    side = round(size**0.5)
    return flat.reshape(count, side, side, 1) if side * side == size else flat[:, None, :, None]
