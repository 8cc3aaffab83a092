"""A prior by flow matching on the latents of a model that stands; one by diffusion, with it."""

import math
import signal

import jax
import numpy as np
import pytest
from configs import tiny
from logged import interrupt_at, lines

import vae
from vae.errors import InputError

SHORT = {
    "training__steps": 4,
    "log__every_steps": 2,
    "checkpoint__every_steps": 2,
    "evaluation__every_steps": 0,
    "evaluation__num_samples": 2,
    "data__test": "train[95%:]",
}
PRIOR = {"model__prior_widths": (8,), "model__prior_blocks": 1}
SECOND = {
    "objective__name": "prior",
    "model__prior": "flow_matching",
    "model__condition": "label",
    "model__encoder_told": False,
    "model__decoder_told": False,
    **PRIOR,
    **SHORT,
}
GRID = {
    "model__encoder": "grid",
    "model__decoder": "grid",
    "model__encoder_widths": (8,),
    "model__decoder_widths": (8,),
    "model__latent_channels": 2,
}


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """The folder of both runs, and the result of the second."""
    folder = tmp_path_factory.mktemp("stages")
    vae.train(tiny(**SHORT), folder / "first")
    config = tiny(training__pretrained=str(folder / "first"), **SECOND)
    return folder, vae.train(config, folder / "second")


def test_the_second_stage_trains_the_prior_alone(stages):
    folder, second = stages
    before, after = (vae.load(folder / name).variables for name in ("first", "second"))
    for collection, named in after.items():
        for name in named.keys() - {"prior"}:
            jax.tree.map(np.testing.assert_array_equal, named[name], before[collection][name])
    moved = jax.tree.leaves(after["params"]["prior"]["head"])
    assert all(np.abs(leaf).max() > 0 for leaf in moved)  # where it was drawn as 0
    assert after["statistics"]["prior"]["batches"] == 4
    assert 0 < second["metrics"]["train/loss"] < 4  # of numbers with a variance of at most 2
    assert math.isfinite(second["metrics"]["test/elbo"])
    assert second["metrics"]["test/nll"] == -second["metrics"]["test/elbo"]


def test_samples_follow_the_solver_and_the_condition(stages):
    run = vae.load(stages[0] / "second")
    several = [
        run.sample(4, solver=vae.Solver("euler", 3, guidance), labels=[label] * 4)
        for guidance in (1.0, 4.0)
        for label in (0, 1)
    ]
    assert all(np.isfinite(x).all() for x in several)
    assert all((a != b).any() for i, a in enumerate(several) for b in several[:i])
    with pytest.raises(InputError, match=r"at once, so steps, solver and guidance"):
        vae.load(stages[0] / "first").sample(4, solver=vae.Solver("euler"))


@pytest.mark.slow  # five runs each
@pytest.mark.parametrize("stage", ["joint", "second"])
def test_a_stage_on_a_grid_goes_on_to_the_bit_and_is_the_same_on_two_devices(
    tmp_path, stage, monkeypatch
):
    from jax.sharding import AxisType, Mesh

    from vae.training import devices

    config = tiny(model__prior="diffusion", **PRIOR | SHORT | GRID)
    if stage == "second":
        vae.train(tiny(**SHORT | GRID), tmp_path / "first")
        config = tiny(training__pretrained=str(tmp_path / "first"), **SECOND | GRID)
    whole = vae.train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2, signal.SIGTERM)
        assert vae.train(config, tmp_path / "stopped")["status"] == "preempted"
    assert vae.train(config, tmp_path / "stopped")["params_sha256"] == whole["params_sha256"]
    assert lines(tmp_path / "stopped") == lines(tmp_path / "whole")
    mesh = Mesh(np.array(jax.devices()[:2]), (devices.AXIS,), axis_types=(AxisType.Auto,))
    monkeypatch.setattr(devices, "make_mesh", lambda: mesh)
    fewer = vae.train(config, tmp_path / "fewer")["metrics"]
    for name in ("train/loss", "test/elbo"):
        assert fewer[name] == pytest.approx(whole["metrics"][name], rel=1e-4)
