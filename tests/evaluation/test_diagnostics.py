"""Figures of a set; active are units by the variance of their means, groups by their divergence."""

import math

import numpy as np
import pytest

from vae.evaluation.diagnostics import (
    bits_per_dim,
    collapse_warning,
    few_samples_warning,
    off_centre,
    off_centre_warning,
    perplexity,
    summary,
)
from vae.evaluation.evaluator import scaled
from vae.evaluation.likelihood import Estimate
from vae.probability.event import Event, Values


def estimate(mean, group_kl):
    one = np.zeros(len(mean))
    fields = dict.fromkeys(Estimate._fields, one) | {"q": None, "z": None}
    fields |= {"mean": mean, "group_kl": group_kl}
    return Estimate(**fields)


def figures(estimate):
    return summary(
        estimate,
        "valid",
        num_samples=1,
        with_nll=False,
        log_levels=None,
        standard=True,
        tokens=False,
    )


def test_units_are_active_where_the_mean_moves():
    mean = np.array([[0.0, 1.0, 0.05], [0.0, -1.0, -0.05]])
    one = estimate(mean, np.zeros((2, 0)))
    assert figures(one)["valid/active_units"] == 1 and collapse_warning(one) is None
    assert "0 of 3 latent units" in collapse_warning(estimate(0 * mean, np.zeros((2, 0))))


def test_of_one_example_no_units_are_counted():
    one = estimate(np.ones((1, 3)), np.zeros((1, 0)))
    assert "valid/active_units" not in figures(one) and collapse_warning(one) is None


def test_groups_are_active_where_there_is_no_mean_and_they_carry_nats():
    none = np.zeros((2, 0))
    one = estimate(none, np.array([[0.0, 0.3], [0.0, 0.2]]))
    assert figures(one)["valid/active_groups"] == 1 and collapse_warning(one) is None
    assert "0 of 2 latent groups" in collapse_warning(estimate(none, np.zeros((2, 2))))


def test_latents_without_either_are_not_judged():
    one = estimate(np.zeros((2, 0)), np.zeros((2, 0)))
    assert not any("active" in name for name in figures(one)) and collapse_warning(one) is None


def test_what_the_mean_of_the_latents_costs_is_half_its_square():
    rng = np.random.default_rng(0)
    mu = np.array([2.0, -1.0, 0.0])
    few = [off_centre(mu + rng.normal(size=(10, 3))) for _ in range(2000)]
    np.testing.assert_allclose(np.mean(few), 2.5, atol=0.05)  # not 2.65, with the noise of ten
    assert off_centre(np.zeros((5, 3))) == 0 and np.isnan(off_centre(np.ones((1, 3))))
    moving = np.array([[3.0, 1.0], [3.0, -1.0]])
    assert figures(estimate(moving, np.zeros((2, 0))))["valid/off_centre"] == 4.0
    warning = off_centre_warning(4.0, 25.0)
    assert "lies 2.8 from 0" in warning and "4 nats" in warning
    assert off_centre_warning(4.0, 1000.0) is None  # little of what a first stage has
    assert off_centre_warning(0.5, 25.0) is None and off_centre_warning(float("nan"), 1.0) is None


def test_a_model_that_diverged_is_not_said_to_have_collapsed():
    nan = np.full(5, np.nan)
    collapsed = estimate(np.zeros((5, 3)), np.zeros((5, 0)))
    assert "Posterior collapse" in collapse_warning(collapsed)
    assert collapse_warning(collapsed._replace(kl=nan, mean=np.full((5, 3), np.nan))) is None


def test_an_nll_that_rests_on_one_sample_is_said_to():
    assert "rests on 1.03 of 200 samples" in few_samples_warning(1.03, 200)
    assert few_samples_warning(1.03, 2) is None  # of so few no more was asked
    assert few_samples_warning(50.0, 200) is None
    assert few_samples_warning(math.nan, 200) is None


def test_bits_per_dimension_are_of_all_values_of_a_set_together():
    bits, _ = bits_per_dim(np.array([10.0, 30.0, 26.0]), np.array([4, 16, 10]))
    np.testing.assert_allclose(bits, 66 / 30 / np.log(2))
    nats = np.array([10.0, 30.0, 26.0])
    bits, error = bits_per_dim(nats, np.full(3, 8), log_levels=np.log(16))
    np.testing.assert_allclose(bits, nats.mean() / 8 / np.log(2) + 4)
    np.testing.assert_allclose(error, nats.std(ddof=1) / np.sqrt(3) / 8 / np.log(2))


def test_the_error_of_bits_per_dimension_is_that_of_sets_of_examples_of_many_sizes():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 40, (3000, 200))
    nats = rng.normal(2 * sizes, np.sqrt(sizes))
    bits, errors = np.transpose([bits_per_dim(*each) for each in zip(nats, sizes, strict=True)])
    np.testing.assert_allclose(errors.mean(), bits.std(), rtol=0.05)


def test_perplexity_is_of_all_tokens_together():
    assert perplexity(np.array([3.0, 9.0]), np.array([1, 5]))[0] == np.exp(2)
    # A uniform guess of 7 words, whatever the lengths.
    sizes = np.arange(1, 9)
    np.testing.assert_allclose(perplexity(sizes * np.log(7), sizes), (7, 0), atol=1e-12)
    nats, sizes = np.random.default_rng(0).uniform(1, 3, (2, 50))
    found, error = perplexity(nats, sizes)
    bits, of_bits = bits_per_dim(nats, sizes)
    np.testing.assert_allclose([found, error], [2**bits, 2**bits * np.log(2) * of_bits])


@pytest.mark.parametrize(("with_nll", "nats"), [(True, 2.0), (False, 3.0)])
def test_perplexity_and_bits_are_by_the_nll_or_else_by_the_elbo(with_nll, nats):
    fields = {"elbo": np.full(4, -9.0), "log_likelihood": np.full(4, -6.0)}
    one = estimate(np.zeros((4, 2)), np.zeros((4, 0)))._replace(**fields, dimensions=np.full(4, 3))
    given = {"num_samples": 5, "with_nll": with_nll, "log_levels": 0.0, "standard": False}
    named = summary(one, "test", **given, tokens=True)
    assert named["test/perplexity"] == np.exp(nats) and named["test/perplexity_stderr"] == 0
    assert named["test/bits_per_dim"] == nats / np.log(2)


def test_missing_positions_add_nothing_to_log_p_of_raw_values():
    whole = Event((5, 2), Values("real", scale=(np.e, np.e**3)))
    assert scaled(whole).endswith("is less by 20 nats")
    ragged = Event((5, 2), Values("real", scale=(np.e, np.e**3), missing=True))
    assert scaled(ragged).endswith("is less by 2 nats a value")
