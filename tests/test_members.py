"""Every member of every axis learns, and can be evaluated, sampled and reconstructed with.

A row is a name and what it changes in the tiny experiment on the digits.
"""

import json

import numpy as np
import pytest
from configs import tiny

import vae
from vae.tasks.reconstruct import reconstruct
from vae.tasks.sample import sample

POSTERIORS = {
    "gaussian": {},
}
PRIORS = {}
LIKELIHOODS = {
    "bernoulli": {"data__binarize": "dynamic", "model__likelihood": "bernoulli"},
    "continuous_bernoulli": {"model__likelihood": "continuous_bernoulli"},
    "gaussian": {"model__likelihood": "gaussian"},
    "laplace": {"model__likelihood": "laplace", "model__scale": "optimal"},
    "laplace_per_pixel": {
        "data__dequantize": True,
        "model__likelihood": "laplace",
        "model__scale": "per_pixel",
    },
    "discretized_logistic": {
        "model__likelihood": "discretized_logistic",
        "model__scale": "per_pixel",
    },
    "mixture_of_logistics": {
        "data__channels": 3,
        "model__likelihood": "mixture_of_logistics",
        "model__likelihood_components": 3,
    },
    "categorical": {"model__likelihood": "categorical"},
    "poisson": {"model__likelihood": "poisson"},
    "negative_binomial": {"model__likelihood": "negative_binomial"},
}
OBJECTIVES = {}
MODELS = {
    "conditional": {"model__condition": "label"},
}
MEMBERS = POSTERIORS | PRIORS | LIKELIHOODS | OBJECTIVES | MODELS


@pytest.mark.parametrize("name", MEMBERS)
def test_member(name, tmp_path):
    overrides = {
        "optimizer__learning_rate": 3e-3,
        "training__steps": 60,
        "log__every_steps": 10,
        "evaluation__every_steps": 0,
        "evaluation__num_samples": 3,
        "checkpoint__every_steps": 60,
        "model__output_bias": "zeros",  # so that there is something to learn at once
    } | MEMBERS[name]
    result = vae.train(tiny(**overrides), tmp_path)
    assert result["status"] == "completed"
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert losses[-1] < losses[0] - 0.05 * abs(losses[0])

    figures = result["metrics"]
    assert all(np.isfinite(value) for value in figures.values())
    assert figures["test/nll"] <= -figures["test/elbo"] + 1e-3

    run = vae.load(tmp_path)
    assert np.isfinite(run.sample(4, draw=True)).all()
    assert sample(run, num=4, draw=True).is_file()
    path, error = reconstruct(run, num=4)
    assert path.is_file() and np.isfinite(error)
