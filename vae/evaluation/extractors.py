"""What images and sounds are compared by: features of a network that knows nothing of the model."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.data.batches import apply_in_batches
from vae.errors import InputError
from vae.evaluation.probe import BATCH, FEATURES, Probe
from vae.files import user_path
from vae.networks import efficientnet, inception_weights, lite0_weights
from vae.networks import inception as network
from vae.probability import similarity
from vae.training.devices import jit

Array = jax.Array

INCEPTION_BATCH = 16  # images of 299x299, a few MB of feature maps each


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
      probabilities: returns those of the network's classes [N, C], of features [N, F], for an
        Inception score; None if the network has none.
    """

    name: str
    digest: str
    size: int
    features: Callable[[np.ndarray], np.ndarray]
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray]
    probabilities: Callable[[np.ndarray], np.ndarray] | None = None


def read(features: str, shape: tuple[int, ...]) -> Extractor | None:
    """Returns the network that `--features` names; None if it is "probe".

    Args:
      features: "probe", "lite0", or the path of a file of weights for `inception`.
      shape: that of an example.

    Raises:
      InputError: there is no such network, or it is not for such examples.
    """
    if features == "probe":
        return None
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(
            f"--features={features} is for grey or coloured images; leave it at 'probe', a "
            "classifier that learns the labels of the data."
        )
    return lite0() if features == "lite0" else inception(user_path(features))


def of_probe(probe: Probe) -> Extractor:
    """Returns the last hidden layer of a classifier of the data."""
    return Extractor(
        "classifier of the run's data",
        probe.digest,
        FEATURES,
        probe.features,
        _distances(probe.maps, BATCH),
    )


def lite0() -> Extractor:
    """Returns the 1,280 numbers that EfficientNet-Lite0, trained on ImageNet, classifies by.

    Raises:
      InputError: the weights are not installed.
    """
    if not lite0_weights.installed():
        raise InputError(f"--features=lite0 {lite0_weights.MISSING}, or leave it at 'probe'.")
    return Extractor(
        "EfficientNet-Lite0, trained on ImageNet",
        lite0_weights.digest(),
        len(lite0_weights.weights().head.bias),
        _features(efficientnet.pooled, BATCH),
        _distances(efficientnet.last_of_each_size, BATCH),
    )


def inception(path: Path) -> Extractor:
    """Returns the 2,048 numbers that published Frechet distances are made with.

    Args:
      path: a file of weights, see `inception_weights.py`.

    Raises:
      InputError: there is no such file, or it is of another network.
    """
    if not path.exists():
        raise InputError(
            f"--features={path}: there is no such file. Give 'probe', 'lite0', or the file of the "
            f"Inception network's weights, {inception_weights.WANTED}."
        )
    weights = jax.device_put(inception_weights.read(path))
    return Extractor(
        f"the Inception network of 2015-12-05 ({path.name})",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        network.FEATURES,
        _features(network.pooled, INCEPTION_BATCH, weights),
        _distances(network.maps, INCEPTION_BATCH, weights),
        functools.partial(network.probabilities, weights),
    )


def _features(
    pooled: Callable[..., Array], size: int, *weights: Any
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns `Extractor.features` of a network that gives them of (*weights, x)."""
    compiled = functools.partial(jit(pooled), *weights)
    return lambda x: apply_in_batches(compiled, x, size, "features")


def _distances(
    maps: Callable[..., list[Array]], size: int, *weights: Any
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Returns `Extractor.distances` of a network that gives feature maps of (*weights, x)."""

    @jit
    def compiled(weights: tuple, pair: tuple[Array, Array]) -> Array:
        return similarity.of_features(*(maps(*weights, x) for x in pair))

    apply = functools.partial(compiled, weights)
    return lambda x, other: apply_in_batches(apply, (x, other), size, "distances of pairs")
