"""How much a latent says about its example: the mutual information under q.

With n uniform over the N examples of a split, and z ~ q(z | x_n),

    I(n; z) = E_n[KL(q(z | x_n) || p(z))] - KL(q(z) || p(z)) = E[log q(z | x_n) - log q(z)],
    q(z) = 1/N sum_j q(z | x_j)

(Hoffman & Johnson, "ELBO surgery", 2016). The sum has the example itself in it, as in the code of
He et al. 2019, who take the mixture over each batch; here it is over the whole split. One z is
drawn for each example, and both logarithms are taken at that z, so that their noise cancels where
posteriors lie apart.

The estimate is unbiased for I(n; z), which lies between 0 and log N and, on average over splits,
below the I(x; z) of the distribution that the examples are from: the entropy of q(z) is concave in
the examples' distribution. No term exceeds log N. Where little is to be found, the estimate may be
negative, by about its error; it is not clamped. A change in the weights of the examples changes the
mean of log q(z) to first order by the terms themselves alone, so that the error is the standard
error of a mean over examples (the infinitesimal jackknife).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.models.model import Model
from vae.probability.density import Variational
from vae.training.devices import jit

Array = jax.Array

WORK = 2**30  # numbers read, M N S for the S numbers of each q: a second or two of two cores
BLOCK = 2**22  # numbers held at once


def has_information(model: Model) -> bool:
    """Returns whether q(z | x) has a density in closed form at the latents of other examples."""
    posterior = model.posterior
    return posterior is not None and posterior.any_density and not posterior.density_passes


def information(q: Variational, z: Array | np.ndarray) -> np.ndarray:
    """Returns log q(z | x) - log q(z) [M], in nats, of M of N examples.

    Args:
      q: q(z | x) of N examples, arrays [N, ...], which answers `log_prob` at any z.
      z: [N, D], a sample for each example.

    Returns:
      The terms of all N examples or, where that is too much work, of fewer that lie evenly among
      them. q(z) is the mixture of all N.
    """
    leaves = jax.tree.leaves(q)
    number, size = len(z), sum(leaf[0].size for leaf in leaves)
    taken = min(number, max(1, WORK // (number * size)))
    block = min(taken, max(1, BLOCK // (number * size)))
    rows = np.arange(taken) * number // taken
    blocks = np.resize(rows, (math.ceil(taken / block), block)).astype(np.int32)
    return np.asarray(_terms()(q, z, blocks), np.float64).reshape(-1)[:taken]


@functools.cache
def _terms() -> Callable[..., Array]:
    def terms(q: Any, z: Array, blocks: Array) -> Array:
        def of_block(rows: Array) -> Array:
            log_q = q.log_prob(z[rows][:, None])  # [block, N]
            own = jnp.take_along_axis(log_q, rows[:, None], axis=1)[:, 0]
            return own - jax.nn.logsumexp(log_q, axis=1) + math.log(len(z))

        return jax.lax.map(of_block, blocks)

    return jit(terms)
