"""What images and sounds are compared by: features of a network that knows nothing of the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import numpy as np

from vae.errors import InputError
from vae.evaluation.probe import FEATURES, Probe, in_batches
from vae.networks import efficientnet, lite0_weights
from vae.probability import similarity
from vae.training.devices import jit

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A network that gives features.

    Attributes:
      name: what it is, for people.
      digest: SHA-256 of its weights, or of the file that they were read from.
      size: the number of features F.
      features: returns features [N, F], float32, of x [N, *places, C] in [0, 1].
      distances: returns the distances [N] of x from others of that shape, by the feature maps of
        the network's layers, see `similarity.of_features`.
    """

    name: str
    digest: str
    size: int
    features: Callable[[np.ndarray], np.ndarray]
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray]


def of_probe(probe: Probe) -> Extractor:
    """Returns the last hidden layer of a classifier of the data."""
    name = "classifier of the run's data"
    return Extractor(name, probe.digest, FEATURES, probe.features, _distances(probe.maps))


def lite0(shape: tuple[int, ...]) -> Extractor:
    """Returns the 1,280 numbers that EfficientNet-Lite0, trained on ImageNet, classifies by.

    Args:
      shape: that of an example, [H, W, 1 or 3].

    Raises:
      InputError: the examples are no such images, or the weights are not installed.
    """
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(
            "--features=lite0 is for grey or coloured images; leave it at 'probe', a classifier "
            "that learns the labels of the data."
        )
    if not lite0_weights.installed():
        raise InputError(f"--features=lite0 {lite0_weights.MISSING}, or leave it at 'probe'.")
    compiled = jit(efficientnet.pooled)
    return Extractor(
        "EfficientNet-Lite0, trained on ImageNet",
        lite0_weights.digest(),
        len(lite0_weights.weights().head.bias),
        lambda x: in_batches(compiled, x),
        _distances(efficientnet.last_of_each_size),
    )


def _distances(
    maps: Callable[[Array], list[Array]],
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    compiled = jit(lambda x, other: similarity.of_features(maps(x), maps(other)))
    return lambda x, other: in_batches(compiled, x, other)
