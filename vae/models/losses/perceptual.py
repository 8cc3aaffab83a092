"""Losses that compare whole images; a likelihood compares every value alone."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod

import jax

from vae.models import parts
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.networks import efficientnet
from vae.networks.random_features import random_features
from vae.probability import similarity
from vae.probability.event import Event

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class ImageLoss(Loss):
    """A loss of the mean of p(x | z) for x, averaged over the K samples.

    Subclass it and define `each` to write your own.

    Attributes:
      weight: the loss's weight.
    """

    weight: float

    names = ("image",)

    @abstractmethod
    def each(self, mean: Array, x: Array) -> Array:
        """Returns the loss [B] of each mean [B, H, W, C] for an image x [B, H, W, C]."""

    def takes(self, event: Event, space: str) -> str | None:
        if len(event.places) != 2:
            return (
                f"is of images, which have rows and columns, but the data have {len(event.places)} "
                "axes beside their channels; leave it at 'none'."
            )
        if not (event.values.low >= 0 and event.values.high <= 1):
            return (
                "is of values in [0, 1], but the data range over "
                f"[{event.values.low:g}, {event.values.high:g}]: rescale them, or leave it at "
                "'none'."
            )
        return parts.not_numbers(event)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        mean = drawn.mean_of(drawn.outputs)
        each = jax.vmap(self.each, (0, None))(mean, drawn.batch.x)
        return Charge({"image": self.weight * each.mean(0)})


class StructuralSimilarity(ImageLoss):
    """1 - MS-SSIM, times the number of values, since a log-likelihood is a sum over values.

    Its constants are meant for values in [0, 1] (Snell et al., "Learning to generate images with
    perceptual similarity metrics", 2017).
    """

    def each(self, mean: Array, x: Array) -> Array:
        return math.prod(x.shape[1:]) * (1 - similarity.ms_ssim(mean, x))


class Perceptual(ImageLoss):
    """The squared distance of features, averaged over positions and layers, times the values.

    The features at each position are first scaled to length 1 (Zhang et al., "The unreasonable
    effectiveness of deep features as a perceptual metric", 2018, eq. 1; Hou et al., "Deep feature
    consistent variational autoencoder", 2017). These are those of a network that was never trained,
    see `networks/random_features.py`.
    """

    def features(self, x: Array) -> list[Array]:
        """Returns the features [B, h, w, F] of images [B, H, W, C], layer by layer."""
        return random_features(x)

    def each(self, mean: Array, x: Array) -> Array:
        there = self.features(x)
        distance = similarity.of_features(self.features(mean), there)
        return math.prod(x.shape[1:]) * distance / len(there)


class Lite0(Perceptual):
    """The same distance, of features of EfficientNet-Lite0, trained on ImageNet.

    They are the outputs of the last block of each size, a half to a sixteenth of the image's, see
    `networks/efficientnet.py`. The deeper they are, the more a blur weighs against a shift by one
    pixel: on faces of 64x64 half as much in the first of them, three times as much in the last. The
    network's weights are constants: they are neither parameters nor in checkpoints.
    """

    def takes(self, event: Event, space: str) -> str | None:
        if (reason := super().takes(event, space)) or event.shape[-1] in (1, 3):
            return reason
        return (
            f"is of grey or coloured images, but these have {event.shape[-1]} channels; choose "
            "'perceptual', which takes any."
        )

    def features(self, x: Array) -> list[Array]:
        return efficientnet.last_of_each_size(x)
