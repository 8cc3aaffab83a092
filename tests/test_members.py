"""Every member of every axis learns, and can be evaluated, sampled and reconstructed with.

A row is a name and what it changes in the tiny experiment on the digits.
"""

import json

import numpy as np
import pytest
from configs import tiny

import vae
from vae.config import get
from vae.config.axes import AXES
from vae.tasks.reconstruct import reconstruct
from vae.tasks.sample import sample

POSTERIORS = {
    "gaussian": {},
    "batch_normalized": {"model__posterior": "batch_normalized"},
    "full_gaussian": {"model__posterior": "full_gaussian"},
    "planar": {"model__posterior": "planar"},
    "radial": {"model__posterior": "radial"},
    "sylvester": {"model__posterior": "sylvester", "model__posterior_flows": 2},
    "iaf": {
        "model__posterior": "iaf",
        "model__posterior_flows": 2,
        "model__posterior_width": 8,
    },
    "hamiltonian": {"model__posterior": "hamiltonian", "model__posterior_flows": 3},
    "riemannian_hamiltonian": {
        "model__posterior": "riemannian_hamiltonian",
        "model__posterior_flows": 2,
    },
    "vmf": {"model__posterior": "vmf", "model__prior": "uniform_sphere"},
    "wrapped_normal": {
        "model__posterior": "wrapped_normal",
        "model__prior": "wrapped_normal",
        "model__curvature": 0.5,
    },
    "riemannian_normal": {
        "model__posterior": "riemannian_normal",
        "model__prior": "riemannian_normal",
    },
    "categorical": {
        "model__posterior": "categorical",
        "model__prior": "uniform_categorical",
        "model__categories": 3,
    },
    "straight_through": {
        "model__posterior": "categorical",
        "model__prior": "uniform_categorical",
        "model__categories": 3,
        "model__straight_through": True,
    },
    "point": {"model__posterior": "point"},
}
PRIORS = {
    "mixture": {"model__prior": "mixture", "model__prior_components": 5},
    "vamp": {"model__prior": "vamp", "model__prior_components": 5},
    "exemplar": {"model__prior": "exemplar", "model__prior_components": 5},
    "conditional_prior": {"model__prior": "conditional", "model__condition": "label"},
    "coupling": {"model__prior": "coupling", "model__prior_widths": (8,)},
    "maf": {"model__prior": "maf", "model__prior_flows": 2, "model__prior_widths": (8,)},
    "diffusion": {"model__prior": "diffusion", "model__prior_widths": (8,)},
}
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
    "zero_inflated_negative_binomial": {
        "model__likelihood": "zero_inflated_negative_binomial",
        "model__dispersion": "per_channel",
    },
}
OBJECTIVES = {
    "elbo": {
        "objective__beta": 0.5,
        "objective__beta_schedule": "cyclical",
        "objective__beta_warmup_steps": 10,
        "objective__free_bits": 0.1,
    },
    "capacity": {"objective__name": "capacity", "objective__capacity_steps": 30},
    "stl": {"objective__name": "stl"},
    "iwae": {"objective__name": "iwae", "objective__num_samples": 4},
    "dreg": {"objective__name": "dreg", "objective__num_samples": 4},
    "resampled": {
        "objective__name": "iwae",
        "objective__num_samples": 4,
        "objective__backward_samples": 2,
    },
    "iwae_of_a_vamp_prior_and_an_iaf_posterior": {
        "objective__name": "iwae",
        "objective__num_samples": 2,
        "model__prior": "vamp",
        "model__prior_components": 3,
        "model__posterior": "iaf",
        "model__posterior_flows": 2,
        "model__posterior_width": 8,
    },
    "miwae": {"objective__name": "miwae", "objective__num_samples": 4, "objective__groups": 2},
    "piwae": {"objective__name": "piwae", "objective__num_samples": 4, "objective__groups": 2},
    "ciwae": {"objective__name": "ciwae", "objective__num_samples": 4},
    "beta_tc": {"objective__name": "beta_tc", "objective__beta": 4.0},
    "dip_i": {"objective__name": "dip_i"},
    "dip_ii": {"objective__name": "dip_ii"},
    "info_vae": {"objective__name": "info_vae", "objective__alpha": 0.5},
    "wae": {"objective__name": "wae", "objective__kernel": "rbf"},
}
CODES = {
    "model__num_latents": 4,
    "model__transformer_width": 16,
    "model__transformer_layers": 1,
}
MODELS = {
    "rae_l2": {
        "model__posterior": "point",
        "model__regularizer": "l2",
        "model__likelihood": "gaussian",
    },
    "rae_gradient_penalty": {
        "model__posterior": "point",
        "model__regularizer": "gradient_penalty",
        "model__likelihood": "gaussian",
    },
    "ms_ssim": {"model__image_loss": "ms_ssim", "model__likelihood": "gaussian"},
    "perceptual": {"model__image_loss": "perceptual", "model__likelihood": "gaussian"},
    "vq": {"model__name": "vq", "model__codebook_size": 16, **CODES},
    "fsq": {"model__name": "fsq", "model__levels": (4, 4), **CODES},
    "conditional": {"model__condition": "label"},
    "two_layer": {"model__name": "two_layer", "model__top_dim": 2, "model__top_widths": (8,)},
    "ladder": {
        "model__name": "ladder",
        "model__groups": (1, 1),
        "model__encoder_widths": (8, 8),
        "model__decoder_widths": (8, 8),
        "model__latent_dim": 2,
    },
    "semi_supervised": {"model__name": "semi_supervised", "data__labelled": 100},
}
ADVERSARIES = {
    "gan": {
        "model__name": "gan",
        "model__encoder_widths": (512,),
        "model__likelihood": "bernoulli",
        "model__adversary": "images",
        "model__r1_weight": 0.1,
        "model__spectral_norm": True,
        "model__condition": "label",
    },
    "vae_gan": {
        "model__adversary": "images",
        "model__gan_loss": "hinge",
        "model__r1_weight": 0.1,
        "objective__name": "iwae",
        "objective__num_samples": 2,
    },
    "adversarial_autoencoder": {
        "model__adversary": "latents",
        "model__posterior": "point",
        "objective__beta": 0.0,
    },
    "adversarial_autoencoder_of_a_gaussian": {
        "model__adversary": "latents",
        "objective__beta": 0.0,
    },
    "patches": {"model__adversary": "patches"},
    "factor_vae": {"model__adversary": "factors", "model__adversarial_weight": 10.0},
}
ADVERSARIES = {
    name: {"model__discriminator_widths": (8,)} | overrides
    for name, overrides in ADVERSARIES.items()
}
MEMBERS = POSTERIORS | PRIORS | LIKELIHOODS | OBJECTIVES | MODELS | ADVERSARIES


@pytest.mark.parametrize(
    "key",
    [
        *("model.name", "model.posterior", "model.prior", "model.likelihood", "model.adversary"),
        "objective.name",
    ],
)
def test_every_choice_has_a_member(key):
    used = {get(tiny(**overrides), key) for overrides in MEMBERS.values()}
    # Second stages, and priors of clips (tests/modalities/video).
    of_clips = {"linear_dynamics", "recurrent"}
    alone = {"model.prior": {"flow_matching", *of_clips}, "objective.name": {"prior"}}
    assert used | alone.get(key, set()) == set(AXES[key])


SLOW = (  # the ladder is tested elsewhere
    *("iwae_of_a_vamp_prior_and_an_iaf_posterior", "ladder", "radial"),
    *("hamiltonian", "riemannian_hamiltonian", "wrapped_normal", "riemannian_normal"),
)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in MEMBERS]
)
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
    makes_fakes_only = MEMBERS[name].get("model__name") == "gan"
    if not makes_fakes_only:  # two players' losses need not fall
        assert losses[-1] < losses[0] - 0.05 * abs(losses[0])

    figures = result["metrics"]
    assert all(np.isfinite(value) for value in figures.values())
    if "test/nll" in figures:
        assert figures["test/nll"] <= -figures["test/elbo"] + 1e-3

    run = vae.load(tmp_path)
    assert ("test/nll" in figures) == run.model.is_density
    if run.model.certain:  # all samples are one
        assert figures["test/nll"] == pytest.approx(-figures["test/elbo"], rel=1e-6)
        assert "test/ess" not in figures and result["protocol"]["num_samples"] == 1
        assert "upper bound" in result["protocol"]["bound"]
    assert np.isfinite(run.sample(4, draw=True)).all()
    assert sample(run, num=4, draw=True).paths[0].is_file()
    if makes_fakes_only:
        return
    (path, *_), figures, _ = reconstruct(run, num=4)
    assert path.is_file() and np.isfinite(list(figures["metrics"].values())).all()
