"""What figures are means of: each latent, each example, and where these lie."""

import numpy as np
import pytest

from vae.data.examples import in_memory
from vae.evaluation.details import EXTREME, UNITS, details
from vae.evaluation.likelihood import Estimate
from vae.training.directory import as_json

RNG = np.random.default_rng(0)


def estimate(mean, *, group_kl=None, nats=None):
    number = len(mean)
    fields = dict.fromkeys(Estimate._fields, np.zeros(number)) | {"q": None, "z": None}
    group_kl = np.zeros((number, 0)) if group_kl is None else group_kl
    likelihood = -np.arange(number, dtype=float) if nats is None else -nats
    return Estimate(**fields | {"mean": mean, "group_kl": group_kl, "log_likelihood": likelihood})


def examples(number, labels=None):
    return in_memory(np.zeros((number, 2)), labels)


def test_latents_are_listed_with_the_variance_of_their_means_the_most_active_first():
    mean = RNG.normal(size=(500, 4)) * [0.01, 2.0, 0.0, 1.0]
    found = details(estimate(mean), examples(500))["units"]
    assert (found["counted"], found["active"], found["total"]) == ("units", 2, 4)
    assert found["latent"] == [1, 3, 0, 2]
    np.testing.assert_allclose(found["value"], mean.var(0)[[1, 3, 0, 2]], rtol=1e-3)


def test_groups_are_listed_with_their_nats():
    one = estimate(np.zeros((4, 0)), group_kl=np.array([[0.5, 2.0]] * 4))
    found = details(one, examples(4))
    assert found["units"]["value"] == [2.0, 0.5] and "map" not in found


def test_of_very_many_latents_some_of_all_sizes_are_listed():
    found = details(estimate(RNG.normal(size=(20, 5000))), examples(20))["units"]
    assert len(found["value"]) == UNITS and found["total"] == 5000
    assert found["value"] == sorted(found["value"], reverse=True)


@pytest.mark.parametrize("dimensions", [3, 40])  # fewer than examples, and more
def test_the_map_has_the_components_of_most_variance(dimensions):
    mean = RNG.normal(size=(30, dimensions)) * np.r_[9.0, 4.0, np.full(dimensions - 2, 0.1)]
    found = details(estimate(mean), examples(30))["map"]
    _, sizes, rows = np.linalg.svd(mean - mean.mean(0), full_matrices=False)
    np.testing.assert_allclose(found["share"], (sizes**2 / (sizes**2).sum())[:2], rtol=1e-3)
    for axis, row in zip("xy", rows, strict=False):
        along = (mean - mean.mean(0)) @ row
        np.testing.assert_allclose(np.abs(found[axis]), np.abs(along), atol=1e-2)


def test_two_latents_are_their_own_map_and_classes_are_kept():
    mean = RNG.normal(size=(5, 2))
    found = details(estimate(mean), examples(5, np.array([0, 1, -1, 1, 0])))["map"]
    assert found["axes"] == ["z0", "z1"] and found["label"] == [0, 1, -1, 1, 0]
    np.testing.assert_allclose(found["x"], mean[:, 0], rtol=1e-3)


def test_examples_at_either_end_are_named_unless_some_were_left_out():
    nats = RNG.permutation(np.arange(100.0))
    found = details(estimate(np.zeros((100, 1)), nats=nats), examples(100))["nats"]
    assert [x for _, x in found["highest"]] == [99.0, 98.0, 97.0, 96.0, 95.0]
    assert [i for i, _ in found["lowest"]] == np.argsort(nats)[:EXTREME].tolist()
    assert dict(zip(found["share"], found["value"], strict=True))[0.5] == 49.5
    found = details(estimate(np.zeros((99, 1)), nats=nats[:99]), examples(100))["nats"]
    assert {i for i, _ in found["highest"]} == {None}


def test_a_model_that_diverged_has_few_details_and_they_are_json():
    nan = np.full((6, 3), np.nan)
    found = details(estimate(nan, nats=nan[:, 0]), examples(6))
    assert "nats" not in found and "map" not in found
    assert "NaN" not in as_json(found)
