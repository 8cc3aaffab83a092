"""Short trainings of every kind of model end with the weights that are recorded.

What `test_experiments.py` trains is compared there; here is what no experiment trains by default.
Some of it is left to `pytest -m slow`. `record_weights.py` compares all to the bit, and writes the
table anew.
"""

import numpy as np
import pytest
from configs import tiny
from test_experiments import VARIANTS, case_of, celeba, tiny_experiment
from weights import check, recorded, smooth

from vae.experiment import prepare
from vae.train import make_program
from vae.training import devices
from vae.training.logs import Log
from vae.training.state import evaluation_variables

OTHER_VARIANTS = [
    ("flows", "iaf"),
    ("flows", "planar"),
    ("iwae", "dreg-5"),
    ("iwae", "iwae-50"),
    ("ladder", "large"),
    ("priors", "static-standard_normal"),
    ("priors", "mnist-exemplar"),
]
SMALL = {"model__encoder_widths": (4, 4), "model__decoder_widths": (4, 4), "model__latent_dim": 2}
CONV = {"model__encoder": "conv", "model__decoder": "conv", **SMALL}
GRID = {"model__encoder": "grid", "model__decoder": "grid", **SMALL, "model__latent_dim": 4}
TRANSFORMER = {"model__transformer_width": 8, "model__transformer_layers": 1}
ADVERSARY = {"model__discriminator_widths": (4, 4), "model__adversarial_weight": 2.0}
SPHERE = {"model__posterior": "vmf", "model__prior": "uniform_sphere"}
CATEGORICAL = {
    "model__posterior": "categorical",
    "model__prior": "uniform_categorical",
    "model__categories": 3,
}
OTHERS = {
    "vq": {"model__name": "vq", "model__codebook_size": 8, "model__num_latents": 4, **TRANSFORMER},
    "vq:grid": {"model__name": "vq", "model__codebook_size": 8, **GRID, **TRANSFORMER},
    "fsq": {"model__name": "fsq", "model__levels": (3, 3), "model__num_latents": 2, **TRANSFORMER},
    "semi_supervised": {"model__name": "semi_supervised", "data__labelled": 300},
    "two_layer": {"model__name": "two_layer", "model__top_dim": 3, "model__top_widths": (8,)},
    "ladder:levels": {
        "model__name": "ladder",
        "model__groups": (1, 1),
        **SMALL,
        "objective__free_bits": 0.1,
    },
    "gan:label": {
        "model__name": "gan",
        "model__adversary": "images",
        "model__condition": "label",
        "model__decoder": "conv",
        "model__decoder_widths": (4,),
        "model__likelihood": "bernoulli",
        "model__discriminator_widths": (4, 4),
    },
    "categorical": CATEGORICAL,
    "categorical:straight_through": {**CATEGORICAL, "model__straight_through": True},
    "vmf": SPHERE,
    "wrapped_normal": {"model__posterior": "wrapped_normal", "model__prior": "wrapped_normal"},
    "riemannian_normal": {
        "model__posterior": "riemannian_normal",
        "model__prior": "riemannian_normal",
    },
    "radial": {"model__posterior": "radial"},
    "hamiltonian": {"model__posterior": "hamiltonian"},
    "riemannian_hamiltonian": {"model__posterior": "riemannian_hamiltonian"},
    "point:l2": {"model__posterior": "point", "model__regularizer": "l2", "objective__beta": 0.0},
    "point:gradient_penalty": {
        "model__posterior": "point",
        "model__regularizer": "gradient_penalty",
        "objective__beta": 0.0,
    },
    "full_gaussian": {"model__posterior": "full_gaussian"},
    "batch_normalized": {"model__posterior": "batch_normalized"},
    "mixture": {"model__prior": "mixture", "model__prior_components": 3},
    "maf": {"model__prior": "maf", "model__prior_flows": 2, "model__prior_widths": (8,)},
    "conditional": {"model__prior": "conditional", "model__condition": "label"},
    "diffusion:grid": {
        "model__prior": "diffusion",
        "model__prior_widths": (8, 8),
        "model__prior_blocks": 1,
        "model__condition": "label",
        "model__decoder_told": False,
        **GRID,
    },
    "label:decoder": {"model__condition": "label", "model__encoder_told": False},
    "label:conv": {"model__condition": "label", **CONV},
    "latents:label": {
        "model__adversary": "latents",
        "model__condition": "label",
        "objective__beta": 0.0,
        **ADVERSARY,
    },
    "factors": {"model__adversary": "factors", **ADVERSARY},
    "images": {"model__adversary": "images", **ADVERSARY, "model__r1_weight": 0.1},
    "continuous_bernoulli": {"model__likelihood": "continuous_bernoulli"},
    "laplace:per_pixel": {"model__likelihood": "laplace", "model__scale": "per_pixel"},
    "gaussian:dequantize": {"model__likelihood": "gaussian", "data__dequantize": True},
    "logistic:per_pixel": {"model__scale": "per_pixel"},
    "mixture_of_logistics": {
        "model__likelihood": "mixture_of_logistics",
        "model__likelihood_components": 2,
    },
    "levels": {"model__likelihood": "categorical"},
    "bernoulli:binarize,flip": {
        "model__likelihood": "bernoulli",
        "data__binarize": "dynamic",
        "data__flip": True,
    },
    "resnet": {"model__encoder": "resnet", "model__decoder": "resnet", **SMALL},
    "normalized_conv": {
        "model__encoder": "normalized_conv",
        "model__decoder": "normalized_conv",
        **SMALL,
    },
    "grid": GRID,
    "patches": {
        **{"model__encoder": "spatial", "model__decoder": "spatial", "model__latent_channels": 2},
        **{"model__encoder_widths": (4, 4), "model__decoder_widths": (4, 4)},
        **{"model__adversary": "patches", "model__likelihood": "laplace", **ADVERSARY},
        **{"model__adversarial_balance": True, "model__adversarial_start": 1},
    },
    "gru:label": {"model__condition": "label", "model__decoder": "gru"},
    "lstm:semi_supervised": {
        "model__name": "semi_supervised",
        "model__decoder": "lstm",
        "data__labelled": 300,
    },
    "gated_mlp": {"model__encoder": "gated_mlp", "model__decoder": "gated_mlp"},
    "conv:11x9": {"data__image_size": (11, 9), **CONV},
    "ms_ssim": {"model__image_loss": "ms_ssim", "model__likelihood": "gaussian"},
    "perceptual": {"model__image_loss": "perceptual", "model__likelihood": "gaussian"},
    "beta_tc": {"objective__name": "beta_tc", "objective__beta": 3.0},
    "dip_ii": {"objective__name": "dip_ii"},
    "info_vae": {"objective__name": "info_vae"},
    "ciwae": {"objective__name": "ciwae", "objective__num_samples": 3},
    "piwae": {"objective__name": "piwae", "objective__num_samples": 4, "objective__groups": 2},
    "stl": {"objective__name": "stl"},
    "muon": {"optimizer__name": "muon"},
    "accumulate": {"training__accumulate": 2, "training__steps_per_call": 2},
}
SLOW = (  # to compile, or like others
    *("iwae:dreg-5", "iwae:iwae-50", "flows:planar", "ladder:large"),
    *("priors:static-standard_normal", "tiny ladder:levels", "tiny vq:grid", "tiny label:conv"),
    *("tiny categorical:straight_through", "tiny point:gradient_penalty", "tiny conv:11x9"),
    *(
        "tiny diffusion:grid",
        "tiny wrapped_normal",
        "tiny riemannian_normal",
        "tiny radial",
        "tiny hamiltonian",
        "tiny riemannian_hamiltonian",
        "tiny beta_tc",
        "tiny dip_ii",
        "tiny info_vae",
        "tiny ciwae",
        "tiny piwae",
        "tiny stl",
    ),
)
COUNTS = ("poisson", "negative_binomial")
CASES = [
    *[case_of(name, variant) for name, variant in OTHER_VARIANTS],
    *[f"tiny {name}" for name in (*OTHERS, *COUNTS, "attributes")],
]


EXPERIMENTS = {case_of(*pair): pair for pair in (*VARIANTS, *OTHER_VARIANTS)}


def config_of(case, folder):
    """The config of a case, with its data made in a folder."""
    if case in EXPERIMENTS:
        return tiny_experiment(*EXPERIMENTS[case], folder)
    name = case.removeprefix("tiny ")
    config = tiny(data__batch_size=8, training__steps=2, training__ema_decay=0.5)
    for key, value in OTHERS.get(name, {}).items():
        config.update_from_flattened_dict({key.replace("__", "."): value})
    if name in COUNTS:
        config.model.likelihood = name
        counts = np.random.default_rng(0).poisson(3.0, (60, 8, 8)).astype(np.uint16)
        np.savez(folder / "counts.npz", images=counts)
        config.data.path = str(folder / "counts.npz")
    if name == "attributes":
        config.model.condition = "attributes"
        config.data.path, config.data.image_size = str(celeba(folder)), (8, 8)
        config.data.train, config.data.valid, config.data.test = "train", "valid", "test"
    return smooth(config)


def trained(config, folder):
    """The variables after the steps of a config, without an evaluation."""
    experiment, mesh = prepare(config), devices.make_mesh()
    with experiment.batches() as batches:
        program = make_program(experiment, folder, mesh, batches, Log(folder, tensorboard=False))
        state = program.initialise()
        for step in range(0, config.training.steps, config.training.steps_per_call):
            state, _ = program.step(state, program.batch(step))
    return evaluation_variables(state)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (case in SLOW)) for case in CASES]
)
def test_weights_are_those_recorded(tmp_path, case):
    check(case, trained(config_of(case, tmp_path), tmp_path))


def test_every_case_is_recorded_and_every_record_is_a_case():
    assert set(recorded()) == {*EXPERIMENTS, *CASES}
