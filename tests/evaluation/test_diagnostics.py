"""What counts as active: units by the variance of their means, or groups by their divergence."""

import numpy as np

from vae.evaluation.diagnostics import collapse_warning, summary
from vae.evaluation.likelihood import Estimate


def estimate(mean, group_kl):
    one = np.zeros(len(mean))
    fields = dict.fromkeys(Estimate._fields, one) | {"mean": mean, "group_kl": group_kl}
    return Estimate(**fields)


def figures(estimate):
    return summary(estimate, "valid", num_samples=1, dimensions=4, log_levels=None)


def test_units_are_active_where_the_mean_moves():
    mean = np.array([[0.0, 1.0, 0.05], [0.0, -1.0, -0.05]])
    one = estimate(mean, np.zeros((2, 0)))
    assert figures(one)["valid/active_units"] == 1 and collapse_warning(one) is None
    assert "0 of 3 latent units" in collapse_warning(estimate(0 * mean, np.zeros((2, 0))))


def test_groups_are_active_where_there_is_no_mean_and_they_carry_nats():
    none = np.zeros((2, 0))
    one = estimate(none, np.array([[0.0, 0.3], [0.0, 0.2]]))
    assert figures(one)["valid/active_groups"] == 1 and collapse_warning(one) is None
    assert "0 of 2 latent groups" in collapse_warning(estimate(none, np.zeros((2, 2))))


def test_latents_without_either_are_not_judged():
    one = estimate(np.zeros((2, 0)), np.zeros((2, 0)))
    assert not any("active" in name for name in figures(one)) and collapse_warning(one) is None
