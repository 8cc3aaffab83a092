"""R-hat and ESS of chains whose own are known."""

import numpy as np
import pytest

from vae.evaluation.convergence import MIXED, bulk_ess, split_rhat


def autoregressive(rho, length, chains, many, seed=0):
    """Stationary chains x_t = rho x_t-1 + noise, [length, chains, many], of variance 1."""
    noise = np.random.default_rng(seed).normal(size=(length, chains, many))
    draws = noise.copy()
    for t in range(1, length):
        draws[t] = rho * draws[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return draws


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5, 0.8])
def test_the_ess_of_an_autoregressive_chain(rho):
    """tau = sum over all lags of rho^|t| = (1 + rho) / (1 - rho)."""
    length, chains = 2000, 4
    ess = bulk_ess(autoregressive(rho, length, chains, 20))
    expected = length * chains * (1 - rho) / (1 + rho)
    assert ess.shape == (20,) and ess.mean() == pytest.approx(expected, rel=0.08)
    assert split_rhat(autoregressive(rho, length, chains, 20)).max() < 1.02


def test_r_hat_of_chains_that_lie_apart():
    """V / W = 1 + the variance of the chains' means, for normal draws of variance 1."""
    draws = np.random.default_rng(0).normal(size=(1000, 4, 5))
    apart = np.array([-1.0, -1.0, 1.0, 1.0])[None, :, None]
    # 8 half chains, 4 of each mean: their variance is 8 / 7. Ranks change it little.
    assert split_rhat(draws + apart) == pytest.approx(np.sqrt(1 + 8 / 7), rel=0.05)
    # Seen by chains as long again, the ESS is that of two groups: of the order of the chains.
    assert bulk_ess(draws + apart).max() < 20
    assert split_rhat(draws).max() < 1.01


@pytest.mark.parametrize("kind", ["trend", "spread", "tails", "still"])
def test_what_means_alone_do_not_show(kind):
    draws = np.random.default_rng(1).normal(size=(400, 4))
    if kind == "trend":  # every chain travels alike: only halves of chains differ
        rhat = split_rhat(draws + np.linspace(-1.5, 1.5, 400)[:, None])
        assert rhat > 1.15
    if kind == "spread":  # the means agree, the spreads do not
        assert split_rhat(draws * np.array([1.0, 1.0, 1.0, 4.0])) > MIXED
    if kind == "tails":  # no variance, but mixed: ranks have one
        tails = np.random.default_rng(1).standard_cauchy((400, 4))
        assert split_rhat(tails) < 1.02 and bulk_ess(tails) > 1000
        assert split_rhat(tails) == pytest.approx(split_rhat(np.arctan(tails)), abs=1e-3)
    if kind == "still":  # chains that never moved
        assert split_rhat(np.tile(draws[0], (400, 1))) > 1e6


def test_what_never_changes_has_converged():
    draws = np.full((40, 3, 2), 0.25)
    np.testing.assert_array_equal(split_rhat(draws), 1.0)
    np.testing.assert_array_equal(bulk_ess(draws), 120.0)
