"""Samples of p(z | observed) along the path of a prior, against posteriors in closed form."""

import dataclasses

import jax
import jax.numpy as jnp
import linear_gaussian
import numpy as np
import pytest
from linear_gaussian import SIGMA, VARIABLES, W

from vae.evaluation.guided import make_guided
from vae.models.priors import Prior
from vae.probability.observations import Masked, Noisy
from vae.probability.paths import CIRCLE, LINE, Matched

CHAINS = 1000
MEAN, STD = np.array([0.5, -1.0]), np.array([2.0, 0.7])  # of p(z)


class OnCircle(Matched):
    path = CIRCLE


@dataclasses.dataclass(frozen=True)
class Gaussian(Prior):
    """N(MEAN, STD^2) at the end of a path, whose velocity is known."""

    density: type

    @property
    def path(self):
        return self.density.path

    def distribution(self, variables, batch, encode, *, train):
        def velocity(x, log_snr, code):
            ratio = jnp.exp(-0.5 * log_snr)[:, None]  # sigma / alpha
            t = ratio / (1 + ratio) if self.path is LINE else jnp.arctan(ratio)
            alpha, sigma, d_alpha, d_sigma = self.path.at(t)
            return (d_alpha * alpha + d_sigma * sigma) / (alpha**2 + sigma**2) * x

        mean, std = jnp.asarray(MEAN), jnp.asarray(STD)
        return self.density(jax.tree_util.Partial(velocity), mean, std, None)


@pytest.mark.parametrize(
    "density, observed, sigma",
    [(Matched, [(0, 1, 2, 3)], 0.5), (OnCircle, [(0,), ()], 0.0)],  # of each example
)
def test_samples_of_a_gaussian_are_those_of_its_posterior(density, observed, sigma):
    y = np.array([1.5, -0.5, 2.0, 0.3], np.float32)
    there = np.array([np.isin(np.arange(4), rows).reshape(2, 2) for rows in observed])
    x = np.where(there.reshape(-1, 4), y, np.nan).reshape(-1, 2, 2, 1).astype(np.float32)
    observation = Noisy(x, there, sigma) if sigma else Masked(x, there)
    model = dataclasses.replace(linear_gaussian.model(), prior=Gaussian(density))
    found = make_guided(model)(
        VARIABLES, observation, None, chains=CHAINS, sweeps=60, key=jax.random.key(0)
    )
    assert found.z.shape == (1, len(observed), CHAINS, 2) and found.rhat is None
    np.testing.assert_allclose(found.mean, found.samples.mean(1), atol=1e-5)
    for z, rows in zip(found.z[0], map(list, observed), strict=True):
        noise2 = SIGMA**2 + sigma**2
        covariance = np.linalg.inv(np.diag(STD**-2) + W[rows].T @ W[rows] / noise2)
        mean = covariance @ (MEAN / STD**2 + W[rows].T @ y[rows] / noise2)
        std = np.sqrt(np.diagonal(covariance))
        np.testing.assert_allclose((z.mean(0) - mean) / std, 0, atol=4 / np.sqrt(CHAINS))
        correlation = np.corrcoef(z.T)[0, 1]
        np.testing.assert_allclose(z.std(0), std, rtol=0.1)  # long steps make it a little smaller
        np.testing.assert_allclose(correlation, covariance[0, 1] / std.prod(), atol=0.1)
