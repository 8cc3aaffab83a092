"""What is observed of an example: some of its positions, all with noise, or an image's block means.

Given z, positions are independent, and the log-likelihood of an example is the sum over them:

    masked     log p(observed positions | z) = the sum over these alone, times a weight w
    noisy      y = x + sigma noise; p(y | z) = N(y; mean(z), sigma^2 + var(z))
    averaged   y = A x + sigma noise, A the mean over blocks of f by f pixels;
               p(y | z) = N(y; A mean(z), sigma^2 + (1 - c) A var(z) / f^2 + c (A sd(z))^2)

with the mean and variance of p(x | z). This is exact for a Gaussian likelihood; any other is
replaced by the Gaussian of the same moments. A likelihood says that positions are independent, so
w = 1 and c = 0; but the errors of a trained decoder are smooth. Neighbouring pixels then say less
about z than independent ones would: they count as the share w of their number (see
`independent_share`), and those of a block have the correlation c > 0.

An observation is a dataclass of arrays [B, ...], registered as a pytree, that answers

    log_prob(likelihood, outputs, variables)   log p(observed | z) [..., B] in nats, given the
                                               decoder's outputs [..., B, *places, P]
    moments(likelihood, outputs, variables)    mean and variance of what is observed, given z,
                                               [..., B, *places, C], infinite where nothing is; if
                                               averaged [..., B, H / f, W / f, C]
    expected(likelihood, outputs, variables)   E[x | observed, z], [..., B, *places, C]; averages
                                               are interpolated between blocks
    seen                                       what is observed, of which `moments` has the mean
    unknown                                    [B, *places], the positions that z still decides
    does_not_fit(event)                        why it does not fit such examples, or None
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
    """The values of x [B, *places, C] where `observed` [B, *places]; the others are unknown.

    A position is observed with all its channels. The observed ones count as the share `weight` of
    their number: their log-probability is `weight` times that of independent ones.
    """

    x: Any
    observed: Any
    weight: float = flax.struct.field(pytree_node=False, default=1.0)

    def log_prob(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        return self.weight * likelihood.log_prob(outputs, self.x, variables, self.observed)

    def moments(self, likelihood: Any, outputs: Array, variables: Any) -> tuple[Array, Array]:
        variance = likelihood.variance(outputs, variables) / self.weight
        return likelihood.mean(outputs), jnp.where(self.observed[..., None], variance, jnp.inf)

    @property
    def seen(self) -> Array:
        return self.x

    @property
    def unknown(self) -> Array:
        return ~self.observed

    def does_not_fit(self, event: Event) -> str | None:
        x, observed = (np.asarray(leaf) for leaf in (self.x, self.observed))
        if reason := _does_not_fit(x, event.shape, "x"):
            return reason
        if observed.dtype != bool or observed.shape != x.shape[:-1]:
            return (
                f"has a mask {observed.dtype} {observed.shape}, not bool {x.shape[:-1]}: a "
                "position is observed with all its channels"
            )
        return None if np.isfinite(x[observed]).all() else "has NaN or infinity"

    def expected(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        return jnp.where(self.observed[..., None], self.x, likelihood.mean(outputs))


class Noisy(flax.struct.PyTreeNode):
    """Values y [B, *places, C] with noise where `there` [B, *places]; other positions are missing.

    The noise is Gaussian with standard deviation `sigma` > 0 in units of x.
    """

    y: Any
    there: Any
    sigma: float = flax.struct.field(pytree_node=False)

    def log_prob(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        mean = likelihood.mean(outputs)
        variance = self.sigma**2 + likelihood.variance(outputs, variables)
        log_prob = normal_log_prob(self.y, mean, 0.5 * jnp.log(variance))
        log_prob = jnp.where(self.there[..., None], log_prob, 0.0)
        return log_prob.sum(tuple(range(-self.y.ndim + 1, 0)))

    def moments(self, likelihood: Any, outputs: Array, variables: Any) -> tuple[Array, Array]:
        variance = self.sigma**2 + likelihood.variance(outputs, variables)
        return likelihood.mean(outputs), jnp.where(self.there[..., None], variance, jnp.inf)

    def expected(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        # The conditional mean of two Gaussians.
        mean, variance = likelihood.mean(outputs), likelihood.variance(outputs, variables)
        share = jnp.where(self.there[..., None], variance / (self.sigma**2 + variance), 0.0)
        return mean + share * (self.y - mean)

    @property
    def seen(self) -> Array:
        return self.y

    @property
    def unknown(self) -> Array:
        return jnp.asarray(self.there)

    def does_not_fit(self, event: Event) -> str | None:
        y, there = np.asarray(self.y), np.asarray(self.there)
        if event.values.kind == "tokens":
            return "is numbers with noise, but such examples are tokens"
        if not 0 < self.sigma < np.inf:
            return f"has sigma={self.sigma:g}, which must be above 0"
        if reason := _does_not_fit(y, event.shape, "y"):
            return reason
        if there.dtype != bool or there.shape != y.shape[:-1]:
            return f"has a mask {there.dtype} {there.shape}, not bool {y.shape[:-1]}"
        return None if np.isfinite(y).all() else "has NaN or infinity"


class Averaged(flax.struct.PyTreeNode):
    """Means y [B, H / f, W / f, C] over blocks of f = `factor` by f pixels, with noise.

    The noise of each mean is Gaussian with standard deviation `sigma` > 0 in units of x. Given z,
    the pixels of a block have this `correlation`, from 0 to 1.
    """

    y: Any
    sigma: float = flax.struct.field(pytree_node=False)
    factor: int = flax.struct.field(pytree_node=False)
    correlation: float = flax.struct.field(pytree_node=False, default=0.0)

    def log_prob(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        mean, variance = self.moments(likelihood, outputs, variables)
        log_prob = normal_log_prob(self.y, mean, 0.5 * jnp.log(variance))
        return log_prob.reshape(*log_prob.shape[:-3], -1).sum(-1)

    def expected(self, likelihood: Any, outputs: Array, variables: Any) -> Array:
        # The conditional mean of two Gaussians, interpolated between blocks: a decoder's errors are
        # smooth, where its likelihood says white noise, and otherwise the edges of the blocks would
        # be all that one sees.
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
    def seen(self) -> Array:
        return self.y

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
    """Returns how many examples of an event are observed.

    Raises:
      InputError: it is no observation, or does not fit such examples.
    """
    if not isinstance(observation, Masked | Noisy | Averaged):
        raise InputError(
            f"what is observed is a {type(observation).__name__}: give a Masked, a Noisy or an "
            "Averaged of vae.probability.observations."
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
    """Returns how many independent numbers D correlated errors are worth, as a share of D.

    With the covariance C it is (tr C)^2 / (D tr C^2), the participation ratio of the eigenvalues of
    C: 1 for independent errors of one variance, 1 / k for groups of k equal ones. The mean of
    (e_i . e_j)^2 over pairs of examples estimates tr C^2 without bias.

    Args:
      errors: [N, D], of N examples; with fewer than two the share is 1.

    Returns:
      The share, in (0, 1].
    """
    errors = np.asarray(errors, np.float64)
    products = errors @ errors.T
    different = products[~np.eye(len(errors), dtype=bool)]
    if not different.any():
        return 1.0
    share = np.trace(products) ** 2 / len(errors) ** 2 / (different**2).mean() / errors.shape[1]
    return float(min(1.0, share))


def block_means(x: Any, factor: int) -> Any:
    """Returns block means of images [..., H, W, C], as [..., H / factor, W / factor, C]."""
    *leading, height, width, channels = x.shape
    shape = (*leading, height // factor, factor, width // factor, factor, channels)
    return x.reshape(shape).mean((-4, -2))


def enlarged(y: Array, factor: int) -> Array:
    """Returns images [..., H, W, C] with every pixel a block: [..., H factor, W factor, C]."""
    return jnp.repeat(jnp.repeat(y, factor, axis=-3), factor, axis=-2)
