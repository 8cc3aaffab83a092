"""Clusters against scikit-learn's measures and all matchings."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from vae.evaluation.clustering import agreement, clusters
from vae.evaluation.readout import Sets


def test_agreement_is_that_of_scikit_learn_and_of_the_best_matching():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 80)
    found = np.where(rng.random(80) < 0.6, (truth + 1) % 4, rng.integers(0, 4, 80))
    figures = agreement(found, truth, 4)
    best = max(
        (np.array(order)[found] == truth).mean() for order in itertools.permutations(range(4))
    )
    assert figures["accuracy"] == pytest.approx(best)
    assert figures["ari"] == pytest.approx(adjusted_rand_score(truth, found))
    assert figures["nmi"] == pytest.approx(normalized_mutual_info_score(truth, found))
    binomial = np.sqrt(best * (1 - best) / 80)
    assert figures["accuracy_stderr"] == pytest.approx(binomial, rel=0.3)
    assert agreement(truth, truth, 4)["ari"] == agreement(truth, truth, 4)["nmi"] == 1


def test_clusters_that_lie_apart_are_found_and_a_mixture_finds_those_of_another_shape():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    x = rng.normal(size=(400, 2)) * [1.0, 0.05] + truth[:, None] * [0.0, 0.5]
    x = x @ np.array([[0.6, 0.8], [-0.8, 0.6]])  # two long strips, side by side
    found = clusters(Sets(x[:200], x[200:300], x[300:]), 2, seed=0)
    assert clusters(Sets(x[:3], x[:3], x[:3]), 5, seed=0) == {}
    of = {name: agreement(own, truth[300:], 2)["accuracy"] for name, (own, _) in found.items()}
    assert of["gaussian_mixture"] > 0.97 and of["k_means"] < 0.7
    assert found["gaussian_mixture"][1] == {"covariance": "full"}
