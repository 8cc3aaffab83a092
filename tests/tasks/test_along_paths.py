"""Tasks of a run whose prior is the end of a path."""

import json

import pytest
from configs import tiny
from untrained import untrained

from vae.errors import InputError
from vae.tasks.inpaint import inpaint
from vae.tasks.sample import sample


@pytest.fixture(scope="module")
def pathed(tmp_path_factory):
    """A run of the digits with a flow matching prior, not trained."""
    config = tiny(
        model__encoder="grid",
        model__decoder="grid",
        model__encoder_widths=(4,),
        model__decoder_widths=(4,),
        model__latent_channels=1,
        model__likelihood="gaussian",
        model__prior="flow_matching",
        model__prior_widths=(8,),
        model__prior_blocks=1,
    )
    return untrained(config, tmp_path_factory.mktemp("pathed"))


def test_repairs_along_a_path_have_figures_without_chains(pathed):
    paths, figures, _ = inpaint(pathed, num=3, samples=2, sweeps=2)
    assert set(figures["mse"]) == {"posterior_mean", "samples", "best_sample", "mean"}
    assert not {"rhat", "ess", "acceptance", "unmixed"} & set(figures)
    assert set(json.loads(paths[1].read_text())["per_example"][0]) == {
        "name",
        "mse",
        "psnr",
        "ssim",
    }


def test_samples_follow_the_path_as_they_are_told(pathed, tmp_path):
    run = untrained(tiny(), tmp_path)
    (path,), *_ = sample(pathed, num=2, steps=1, solver="euler")
    assert path.name.endswith("_num2_steps1_solvereuler.png")
    for flag, value in (("steps", 3), ("solver", "heun"), ("guidance", 2.0)):
        with pytest.raises(InputError, match="samples of this model's prior are drawn at once"):
            sample(run, num=2, **{flag: value})
        with pytest.raises(InputError, match=f"--{flag} is for the path of the run's own prior"):
            sample(pathed, num=2, prior="mixture", **{flag: value})
    with pytest.raises(InputError, match="this model has none"):
        sample(pathed, num=2, guidance=2.0)
