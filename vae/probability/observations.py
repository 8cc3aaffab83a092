"""What is observed of an example: some of its places, or of an image means over blocks with noise.

Given z, places are independent, and what a likelihood says of an example is the sum over them. So

    masked     log p(observed places | z) = the sum over these places alone, times a weight w
    averaged   y = A x + sigma noise, A the mean over blocks of f by f pixels;
               p(y | z) = N(y; A mean(z), sigma^2 + (1 - c) A var(z) / f^2 + c (A sd(z))^2)

with the mean and variance of p(x | z): exact for a Gaussian likelihood, of any other the Gaussian
of the same moments. With f = 1 that is an image with noise on it. A likelihood says that places are
independent, w = 1 and c = 0; what a trained decoder misses of an image is smooth. Then pixels side
by side say less of z than independent ones would: they count as the share w of their number (see
`independent_share`), and those of a block have the correlation c > 0.

An observation is a dataclass of arrays [B, ...], registered as a pytree, that answers

    log_prob(likelihood, outputs, variables)   log p(observed | z) [..., B] in nats, given what a
                                               decoder puts out, [..., B, *places, P]
    moments(likelihood, outputs, variables)    the mean and the variance of what is observed, given
                                               z, of places [..., B, *places, C] and of averages
                                               [..., B, H / f, W / f, C]; infinite where nothing is
    expected(likelihood, outputs, variables)   E[x | observed, z], [..., B, *places, C]; of averages
                                               interpolated between blocks
    unknown                                    [B, *places] the places that z still decides about
    does_not_fit(event)                        why it is not one of such examples, or None
"""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from vae.errors import InputError
from vae.probability.distributions import normal_log_prob
from vae.probability.event import Event

Array = jax.Array


class Masked(flax.struct.PyTreeNode):
    """The places of x [B, *places, C] where `observed` [B, *places]; the others are unknown.

    A place is observed with all its channels. The observed ones count as the share `weight` of
    their number: their log-probability is so many times that of independent ones.
    """

    x: Array
    observed: Array
    weight: float = flax.struct.field(pytree_node=False, default=1.0)

    def log_prob(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        return self.weight * likelihood.log_prob(outputs, self.x, variables, self.observed)

    def moments(self, likelihood: Any, outputs: Array, variables: Any) -> tuple[Array, Array]:
        variance = likelihood.variance(outputs, variables) / self.weight
        return likelihood.mean(outputs), jnp.where(self.observed[..., None], variance, jnp.inf)

    @property
    def unknown(self) -> Array:
        return ~self.observed

    def does_not_fit(self, event: Event) -> str | None:
        x, observed = (np.asarray(leaf) for leaf in (self.x, self.observed))
        if reason := _does_not_fit(x, event.shape, "x"):
            return reason
        if observed.dtype != bool or observed.shape != x.shape[:-1]:
            return (
                f"has a mask {observed.dtype} {observed.shape}, not bool {x.shape[:-1]}: a place "
                "is observed with all its channels"
            )
        return None if np.isfinite(x[observed]).all() else "has NaN or infinity"

    def expected(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        return jnp.where(self.observed[..., None], self.x, likelihood.mean(outputs))


class Averaged(flax.struct.PyTreeNode):
    """Means y [B, H / f, W / f, C] over blocks of f = `factor` pixels each way, with noise.

    The noise of each mean is Gaussian, of standard deviation `sigma` > 0 in units of x; given z the
    pixels of a block have this `correlation`, from 0 to 1.
    """

    y: Array
    sigma: float = flax.struct.field(pytree_node=False)
    factor: int = flax.struct.field(pytree_node=False, default=1)
    correlation: float = flax.struct.field(pytree_node=False, default=0.0)

    def log_prob(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        mean, variance = self.moments(likelihood, outputs, variables)
        log_prob = normal_log_prob(self.y, mean, 0.5 * jnp.log(variance))
        return log_prob.reshape(*log_prob.shape[:-3], -1).sum(-1)

    def expected(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        # The conditional mean of two Gaussians; but the blocks pass into each other: what a decoder
        # misses of an image is smooth, where its likelihood says white, and the edges of blocks
        # would be all that one sees.
        mean, variance = self.moments(likelihood, outputs, variables)
        each = likelihood.variance(outputs, variables)
        together = enlarged(block_means(jnp.sqrt(each), self.factor), self.factor)
        alone = (1 - self.correlation) * each / self.factor**2
        covariance = alone + self.correlation * jnp.sqrt(each) * together
        missed = jax.image.resize((self.y - mean) / variance, covariance.shape, "cubic")
        return likelihood.mean(outputs) + covariance * missed

    def moments(self, likelihood: Any, outputs: Array, variables: Any) -> tuple[Array, Array]:
        variance = likelihood.variance(outputs, variables)
        alone = block_means(variance, self.factor) / self.factor**2
        together = block_means(jnp.sqrt(variance), self.factor) ** 2
        variance = (1 - self.correlation) * alone + self.correlation * together
        return block_means(likelihood.mean(outputs), self.factor), self.sigma**2 + variance

    @property
    def unknown(self) -> Array:
        batch, height, width, _ = self.y.shape
        return jnp.ones((batch, height * self.factor, width * self.factor), bool)

    def does_not_fit(self, event: Event) -> str | None:
        y, factor = np.asarray(self.y), self.factor
        if len(event.places) != 2 or any(n % factor for n in event.places):
            return f"has blocks of {factor} by {factor} pixels, which do not fill such examples"
        if not 0 < self.sigma < np.inf:
            return f"has sigma={self.sigma:g}, which must be above 0"
        shape = (*(n // factor for n in event.places), event.channels)
        if reason := _does_not_fit(y, shape, "y"):
            return reason
        return None if np.isfinite(y).all() else "has NaN or infinity"


def number_observed(observation: Any, event: Event) -> int:
    """How many examples of an event an observation is of.

    Raises:
      InputError: it is none, or not of such examples.
    """
    if not isinstance(observation, Masked | Averaged):
        raise InputError(
            f"what is observed is a {type(observation).__name__}: give a Masked or an Averaged of "
            "vae.probability.observations."
        )
    if reason := observation.does_not_fit(event):
        raise InputError(f"what is observed {reason}.")
    return len(jax.tree.leaves(observation)[0])


def _does_not_fit(array: np.ndarray, shape: tuple[int, ...], name: str) -> str | None:
    if array.dtype.kind == "f" and array.shape[1:] == shape and len(array):
        return None
    wanted = ", ".join(map(str, shape))
    return f"has {name} {array.dtype} {array.shape}, not float32 [N, {wanted}]"


def independent_share(errors: np.ndarray) -> float:
    """How many independent numbers D correlated errors are worth, as a share of D, in (0, 1].

    With the covariance C it is (tr C)^2 / (D tr C^2), the participation ratio of the eigenvalues of
    C: 1 of independent errors of one variance, 1 / k of groups of k equal ones. The mean of
    (e_i . e_j)^2 over pairs of examples estimates tr C^2 without bias.

    Args:
      errors: [N, D] of N examples; of fewer than two nothing is known, and the share is 1.
    """
    errors = np.asarray(errors, np.float64)
    products = errors @ errors.T
    different = products[~np.eye(len(errors), dtype=bool)]
    if not different.any():
        return 1.0
    share = np.trace(products) ** 2 / len(errors) ** 2 / (different**2).mean() / errors.shape[1]
    return float(min(1.0, share))


def block_means(x: Array, factor: int) -> Array:
    """The means over blocks of images [..., H, W, C], as [..., H / factor, W / factor, C]."""
    *leading, height, width, channels = x.shape
    shape = (*leading, height // factor, factor, width // factor, factor, channels)
    return x.reshape(shape).mean((-4, -2))


def enlarged(y: Array, factor: int) -> Array:
    """Images [..., H, W, C] with every pixel a block, as [..., H factor, W factor, C]."""
    return jnp.repeat(jnp.repeat(y, factor, axis=-3), factor, axis=-2)
