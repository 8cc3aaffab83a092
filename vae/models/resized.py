"""A model of examples with more or fewer places than those that it was trained on.

Networks that compute the same at every place (those with a `reach`) take x of any places. With them
a model goes on to larger examples with the weights that it has: z has more places then, and E
numbers at each of them as before. What the model tracks of the latents of every place is averaged
over the places. It encodes and decodes; the prior stays with the places that it was trained at.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax

from vae.errors import InputError
from vae.models import origin
from vae.models.parts import Variables
from vae.models.priors import Prior
from vae.models.vae import VAE
from vae.probability.density import Density

LARGE = 4096  # positions, which every stride divides


@dataclasses.dataclass(frozen=True)
class OfOtherPlaces(Prior):
    """Stands where there is no prior."""

    space: str

    def distribution(self, *_: Any, train: bool) -> Density:
        raise InputError("a run of other places encodes and decodes alone: it has no prior.")


def why_not(model: Any) -> str | None:
    """Returns why a model is for examples of one size only; None if it takes others."""
    if not isinstance(model, VAE):
        return "is not of the kind 'vae'"
    for network in (model.encoder, model.emission.decoder):
        if network.reach is None or not network.grid(model.event.places):
            return "has a network that does not compute the same at every place, as 'grid' does"
    posterior = model.posterior
    own = jax.eval_shape(lambda: posterior.init(key=jax.random.key(0)))
    each = posterior.outputs / posterior.size  # numbers of the encoder for each number of z
    if jax.tree.leaves(own) or each not in (1, 2) or posterior.space != "real":
        return "has a posterior that knows the places of z; 'gaussian' does not"
    return None


def strides(model: VAE) -> tuple[int, ...]:
    """Returns how many positions of x, along each axis, one place of z stands for."""
    return tuple(LARGE // n for n in model.encoder.grid((LARGE,) * len(model.event.places)))


def channels(model: VAE) -> int:
    """Returns E, how many numbers z has at each place."""
    return model.posterior.size // math.prod(model.encoder.grid(model.event.places))


def resized(model: Any, places: tuple[int, ...]) -> VAE:
    """Returns the model of examples with these places, whose variables `of_places` gives.

    Raises:
      InputError: the model is for examples of one size only.
    """
    if reason := why_not(model):
        raise InputError(f"examples must have the size of the run's own: its model {reason}.")
    size = channels(model) * math.prod(model.encoder.grid(places))
    posterior = dataclasses.replace(model.posterior, size=size)
    event = dataclasses.replace(model.event, shape=(*places, model.event.channels))
    decoder = model.emission.decoder.clone(places=places, output_bias=None)
    return dataclasses.replace(
        model,
        encoder=model.encoder.clone(outputs=posterior.outputs),
        posterior=posterior,
        prior=OfOtherPlaces(posterior.space),
        emission=dataclasses.replace(model.emission, decoder=decoder, event=event),
    )


def of_places(model: VAE, variables: Variables, places: tuple[int, ...]) -> Variables:
    """Returns the variables of `resized(model, places)` from those of the model."""
    grid = model.encoder.grid(places)
    statistics = variables["statistics"]
    posterior = origin.at_places(statistics["posterior"], channels(model), math.prod(grid))
    return {"params": variables["params"], "statistics": statistics | {"posterior": posterior}}
