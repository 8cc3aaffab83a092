"""Likelihoods p(x | z) of images, given what the decoder puts out for every pixel.

A likelihood is a small frozen record with the same methods. `outputs(C)` numbers per pixel come
from the decoder, [..., H, W, P]; what a likelihood shares over all images (one scale) lives in its
variables: `params` are learned by gradient, `statistics` are running averages. `log_prob` sums over
H, W, C and returns nats.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.probability.distributions import normal_log_prob

Array = jax.Array
Variables = dict[str, dict[str, Any]]


def _sum(log_prob: Callable[..., Array], x: Array, *outputs: Array) -> Array:
    """Sums a function of single values over H, W, C: of x [B, H, W, C], outputs [..., B, H, W, C].

    The three dimensions are made one first: on a CPU, XLA's loops over several small ones are tens
    of times slower.
    """
    flat = [array.reshape(*array.shape[:-3], -1) for array in (x, *outputs)]
    return log_prob(*flat).sum(-1)


def _init_scale(likelihood: Gaussian | DiscretizedLogistic) -> Variables:
    log_scale = jnp.asarray(math.log(likelihood.scale_init), jnp.float32)
    match likelihood.scale:
        case "learned":
            return {"params": {"log_scale": log_scale}, "statistics": {}}
        case "optimal":
            return {"params": {}, "statistics": {"variance": jnp.exp(2 * log_scale)}}
    return {"params": {}, "statistics": {}}


def _log_scale(likelihood: Gaussian | DiscretizedLogistic, variables: Variables) -> Array:
    match likelihood.scale:
        case "learned":
            return variables["params"]["log_scale"]
        case "optimal":
            return 0.5 * jnp.log(variables["statistics"]["variance"])
    return jnp.asarray(math.log(likelihood.scale_init), jnp.float32)


@dataclasses.dataclass(frozen=True)
class Bernoulli:
    """p(x = 1) = sigmoid(logit), independently for every value in {0, 1}.

    On grey values in (0, 1) it is the cross-entropy, which is not a likelihood.
    """

    discrete = True

    def outputs(self, channels: int) -> int:
        return channels

    def init(self) -> Variables:
        return {"params": {}, "statistics": {}}

    def to_outputs(self, mean: Array) -> Array:
        """The outputs [H, W, P] that give a mean image [H, W, C]: where a decoder starts."""
        mean = jnp.clip(mean, 0.005, 0.995)
        return jnp.log(mean) - jnp.log1p(-mean)

    def log_prob(self, outputs: Array, x: Array, variables: Variables) -> Array:
        def log_prob(x: Array, logits: Array) -> Array:
            # The softplus written out takes a quarter of the time of jax.nn.softplus on a CPU.
            softplus = jnp.maximum(logits, 0) + jnp.log1p(jnp.exp(-jnp.abs(logits)))
            return x * logits - softplus

        return _sum(log_prob, x, outputs)

    def update(self, outputs: Array, x: Array, variables: Variables) -> dict[str, Array]:
        return {}

    def mean(self, outputs: Array) -> Array:
        return jax.nn.sigmoid(outputs)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        return jax.random.bernoulli(key, self.mean(outputs)).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """x ~ N(mean, scale^2) with one scale for all values.

    The scale is `fixed` at `scale_init`; or `learned` by gradient (a calibrated decoder); or
    `optimal`, the maximum-likelihood value sigma^2 = E[(x - mean)^2] (Rybkin et al. 2021, "Simple
    and effective VAE training with calibrated decoders", eq. 9). The gradient of the network is the
    same whether sigma is that optimum inside the graph or a constant equal to it, so the optimum is
    kept as a running average: p(x | z) stays a density that does not depend on x, and a reported
    likelihood is one.
    """

    scale: str = "learned"
    scale_init: float = 0.1

    discrete = False
    momentum = 0.9  # follows the error within tens of steps

    def outputs(self, channels: int) -> int:
        return channels

    def init(self) -> Variables:
        return _init_scale(self)

    def to_outputs(self, mean: Array) -> Array:
        return mean

    def log_prob(self, outputs: Array, x: Array, variables: Variables) -> Array:
        log_scale = _log_scale(self, variables)
        return _sum(lambda x, mean: normal_log_prob(x, mean, log_scale), x, outputs)

    def update(self, outputs: Array, x: Array, variables: Variables) -> dict[str, Array]:
        if self.scale != "optimal":
            return {}
        error = jax.lax.stop_gradient(jnp.mean((x - outputs) ** 2))
        previous = variables["statistics"]["variance"]
        # A perfectly fitted batch (all black) must not make the density infinite.
        variance = jnp.maximum(self.momentum * previous + (1 - self.momentum) * error, 1e-8)
        return {"variance": variance}

    def mean(self, outputs: Array) -> Array:
        return outputs

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        mean = self.mean(outputs)
        return mean + jnp.exp(_log_scale(self, variables)) * jax.random.normal(key, mean.shape)


@dataclasses.dataclass(frozen=True)
class DiscretizedLogistic:
    """A logistic density integrated over the bin of each of `levels` values in [0, 1].

    With a = (x + h - mean) / s and b = (x - h - mean) / s, h half the distance of two levels, and
    the outermost bins reaching to infinity (Kingma et al. 2016, "Improving variational inference
    with inverse autoregressive flow", app. B),

        p(x) = sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),

    whose logarithm is exact in floating point however far x lies from the mean.
    """

    levels: int
    scale: str = "learned"
    scale_init: float = 0.1

    discrete = True

    def outputs(self, channels: int) -> int:
        return channels

    def init(self) -> Variables:
        return _init_scale(self)

    def to_outputs(self, mean: Array) -> Array:
        return mean

    def log_prob(self, outputs: Array, x: Array, variables: Variables) -> Array:
        inverse_scale = jnp.exp(-_log_scale(self, variables))
        half = 0.5 / (self.levels - 1)

        def log_prob(x: Array, mean: Array) -> Array:
            upper = (x - mean + half) * inverse_scale
            lower = (x - mean - half) * inverse_scale
            log_below = jax.nn.log_sigmoid(upper)  # log P(X <= x)
            log_above = jax.nn.log_sigmoid(-lower)  # log P(X >= x)
            between = log_below + log_above + jnp.log(-jnp.expm1(-2 * half * inverse_scale))
            return jnp.where(x < half, log_below, jnp.where(x > 1 - half, log_above, between))

        return _sum(log_prob, x, outputs)

    def update(self, outputs: Array, x: Array, variables: Variables) -> dict[str, Array]:
        return {}

    def mean(self, outputs: Array) -> Array:
        return jnp.clip(outputs, 0.0, 1.0)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        mean = outputs
        noise = jax.random.logistic(key, mean.shape)
        x = jnp.clip(mean + jnp.exp(_log_scale(self, variables)) * noise, 0.0, 1.0)
        return jnp.round(x * (self.levels - 1)) / (self.levels - 1)
