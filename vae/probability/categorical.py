"""Independent categorical variables, as one-hot blocks side by side; relaxed for training.

    z = one_hot(argmax(log pi + g))          g standard Gumbel: an exact sample
    z = softmax((log pi + g) / temperature)  its relaxation, which has a gradient

(Jang et al. 2017, eq. 1-2; Maddison et al. 2017, eq. 10.) The log-probability of any z is

    log q(z) = sum_d sum_c z_dc log pi_dc,

exact at one-hot z and linear between them. An objective of the weights p(x, z) / q(z | x), such as
IWAE, is therefore relaxed in training: it is a bound only in the limit of a low temperature or with
straight-through samples. Maddison et al. 2017 train with the density of the relaxed samples, which
gives a bound for another model, whose prior is relaxed too.
"""

from __future__ import annotations

import math

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Density, Variational
from vae.probability.distributions import draw_each

Array = jax.Array


def _blocks(z: Array) -> Array:
    """Flattens [..., D, C] to [..., D C]."""
    return z.reshape(*z.shape[:-2], -1)


class Categorical(Variational, flax.struct.PyTreeNode):
    """D variables of C classes with probabilities softmax(logits); logits are [B, D, C].

    Attributes:
      temperature: the temperature of relaxed samples; with None samples are exact.
      straight_through: whether relaxed samples are rounded to one-hot vectors that keep the relaxed
        gradient (Jang et al. 2017, section 2.2).
    """

    logits: Array
    temperature: float | None = flax.struct.field(pytree_node=False, default=None)
    straight_through: bool = flax.struct.field(pytree_node=False, default=False)

    @property
    def mean(self) -> Array:  # type: ignore[override]  # a field of others
        """Returns the probabilities, [B, D C]."""
        return _blocks(jax.nn.softmax(self.logits))

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D C] from keys [K, B]; log q(z) is [K, B]."""
        noise = draw_each(lambda key: jax.random.gumbel(key, self.logits.shape[1:]), keys)
        scores = jax.nn.log_softmax(self.logits) + noise
        hard = jax.nn.one_hot(scores.argmax(-1), scores.shape[-1])
        if self.temperature is None:
            z = hard
        else:
            z = jax.nn.softmax(scores / self.temperature)
            if self.straight_through:
                z = hard + (z - jax.lax.stop_gradient(z))
        z = _blocks(z)
        return z, self.log_prob(z)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-probability [...] of one-hot blocks z [..., D C], linear between them."""
        return (z * _blocks(jax.nn.log_softmax(self.logits))).sum(-1)

    def kl(self, p: Density) -> Array | None:
        """Returns KL(self || p) [D, B] in closed form, or None where there is none.

        Each variable is a group: KL_d = log C + sum_c pi_dc log pi_dc for a uniform p.
        """
        if not isinstance(p, UniformCategorical):
            return None
        log_pi = jax.nn.log_softmax(self.logits)
        return (jnp.exp(log_pi) * (log_pi + math.log(p.categories))).sum(-1).T


class UniformCategorical(Density, flax.struct.PyTreeNode):
    """`dim` variables, each of `categories` classes that are equally likely."""

    dim: int = flax.struct.field(pytree_node=False)
    categories: int = flax.struct.field(pytree_node=False)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-probability [...] of one-hot blocks z [..., D C]."""
        return jnp.full(z.shape[:-1], -self.dim * math.log(self.categories))

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D C], one from each key [B]."""
        shape = (self.dim,)
        classes = draw_each(lambda key: jax.random.randint(key, shape, 0, self.categories), keys)
        return _blocks(jax.nn.one_hot(classes, self.categories))
