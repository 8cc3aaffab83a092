"""A linear-Gaussian model whose log p(x) is known.

    z ~ N(0, I),  x = W z + sigma noise,  so that x ~ N(0, W W' + sigma^2 I).

With orthogonal columns of W the exact posterior is a diagonal Gaussian.
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import scipy.stats

from vae.models import parts
from vae.models.emission import Emission
from vae.models.posteriors.gaussian import Gaussian as GaussianPosterior
from vae.models.priors.fixed import standard_normal
from vae.models.vae import VAE
from vae.networks import network
from vae.probability.event import Event, Values
from vae.probability.likelihoods import Gaussian

SHAPE, SIGMA = (2, 2, 1), 0.7
W = np.array([[1.0, 0.5], [-0.5, 1.0], [1.0, 0.5], [-0.5, 1.0]])  # columns are orthogonal
VARIANCE = 1 / (1 + (W**2).sum(0) / SIGMA**2)


class Decoder(nn.Module):
    causal = False

    @nn.compact
    def __call__(self, z, code=None):
        return (z @ W.T).reshape(*z.shape[:-1], *SHAPE)


class Encoder(network.Encoder):
    wrong: float = 0.0  # shift of the mean and of the log-variance away from the exact posterior

    @nn.compact
    def __call__(self, x):
        mean = x.reshape(len(x), -1) @ W * VARIANCE / SIGMA**2 + self.wrong
        return jnp.concatenate([mean, jnp.log(VARIANCE) + self.wrong + 0 * mean], axis=-1)


def model(wrong=0.0):
    return VAE(
        encoder=Encoder(wrong),
        posterior=GaussianPosterior(2),
        prior=standard_normal(2),
        emission=Emission(Decoder(), Gaussian("fixed", SIGMA), Event(SHAPE, Values("real"))),
    )


VARIABLES = parts.join(
    dict.fromkeys(("encoder", "decoder", "posterior", "prior", "likelihood"), parts.nothing())
)


def images(num):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(num, 2)) @ W.T + SIGMA * rng.normal(size=(num, 4))
    return x.reshape(num, *SHAPE).astype(np.float32)


def log_likelihood(x, missing=()):
    """log p(x) of values [N, 4], or of those that are left without some of them."""
    w = np.delete(W, missing, 0)
    covariance = w @ w.T + SIGMA**2 * np.eye(len(w))
    return scipy.stats.multivariate_normal.logpdf(
        x.reshape(-1, len(w)), np.zeros(len(w)), covariance
    )
