"""A prior by flow matching on the latents of a model that stands; one by diffusion, with it."""

import dataclasses
import math
import signal

import jax
import numpy as np
import pytest
from configs import tiny
from jax.sharding import AxisType, Mesh
from logged import interrupt_at, lines

import vae
from vae.errors import InputError
from vae.experiment import prepare
from vae.population import population
from vae.tasks.anomaly import anomaly
from vae.tasks.edit import edit
from vae.tasks.evaluate import evaluate, measure_condition
from vae.tasks.interpolate import interpolate
from vae.tasks.nearest import nearest
from vae.tasks.reconstruct import reconstruct
from vae.tasks.transfer import transfer
from vae.training import devices

SHORT = {
    "training__steps": 4,
    "log__every_steps": 2,
    "checkpoint__every_steps": 2,
    "evaluation__every_steps": 0,
    "evaluation__num_samples": 2,
    "data__test": "train[98%:]",
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
FIRST = {  # its adversary starts after the stop
    "model__likelihood": "laplace",
    "model__adversary": "patches",
    "model__discriminator_widths": (4,),
    "model__adversarial_start": 3,
}
OTHERS = {
    "text": {
        "data__name": "topics",
        "data__train": "train[:60]",
        "data__max_length": 12,
        "data__vocabulary": 300,
        "model__likelihood": "categorical",
        "model__encoder": "lstm",
        "model__decoder": "lstm",
    },
    "sound": {
        "data__name": "notes",
        "data__train": "train[:60]",
        "data__mels": 8,
        "data__seconds": 0.128,
        "model__likelihood": "gaussian",
    },
}
GRID = {
    "model__encoder": "grid",
    "model__decoder": "grid",
    "model__encoder_widths": (8,),
    "model__decoder_widths": (8,),
    "model__latent_channels": 2,
}


@pytest.fixture(scope="module")
def second(run, tmp_path_factory):
    """The directory of a second stage on the latents of a run of the digits, and its result."""
    workdir = tmp_path_factory.mktemp("second")
    return workdir, vae.train(tiny(training__pretrained=str(run.workdir), **SECOND), workdir)


def test_the_second_stage_trains_the_prior_alone(run, second):
    workdir, result = second
    before, after = run.variables, vae.load(workdir).variables
    for collection, named in after.items():
        for name in named.keys() - {"prior"}:
            jax.tree.map(np.testing.assert_array_equal, named[name], before[collection][name])
    moved = jax.tree.leaves(after["params"]["prior"]["head"])
    assert all(np.abs(leaf).max() > 0 for leaf in moved)  # where it was drawn as 0
    assert after["statistics"]["prior"]["batches"] == 4
    assert 0 < result["metrics"]["train/loss"] < 4  # of numbers with a variance of at most 2
    assert math.isfinite(result["metrics"]["test/elbo"])
    assert result["metrics"]["test/nll"] == -result["metrics"]["test/elbo"]
    assert result["protocol"]["bound"].startswith("log p(z) is estimated along an ODE")


@pytest.mark.parametrize(
    ("key", "value"), [("activation", "gelu"), ("scale_init", 0.5), ("likelihood", "gaussian")]
)
def test_a_second_stage_refuses_weights_of_other_functions(run, key, value):
    config = tiny(training__pretrained=str(run.workdir), **SECOND | {f"model__{key}": value})
    with pytest.raises(InputError, match=rf"has another model\.{key} \(.* -> {value!r}\): what"):
        prepare(config)


@pytest.mark.slow
def test_a_second_stage_takes_what_changes_no_function_and_draws_another_prior_anew(second):
    config = tiny(
        training__pretrained=str(second[0]),
        **SECOND | {"model__prior": "diffusion", "model__dtype": "bfloat16"},
    )
    given = prepare(config).pretrained()["params"].keys()
    assert given >= {"encoder", "decoder"} and "prior" not in given
    config.model.update({"prior": "flow_matching", "regularizer": "l2"})
    assert "prior" in prepare(config).pretrained()["params"]


def test_samples_follow_the_solver_and_the_condition(run, second):
    staged = vae.load(second[0])
    several = [
        staged.sample(4, solver=vae.Solver("euler", 3, guidance), labels=[label] * 4)
        for guidance in (1.0, 4.0)
        for label in (0, 1)
    ]
    assert all(np.isfinite(x).all() for x in several)
    assert all((a != b).any() for i, a in enumerate(several) for b in several[:i])
    with pytest.raises(InputError, match=r"at once, so steps, solver and guidance"):
        run.sample(4, solver=vae.Solver("euler"))


def test_a_decoder_that_is_given_no_condition_has_no_response_to_it(second):
    staged = vae.load(second[0])
    assert measure_condition(staged, staged.dataset(), "test") is None
    with pytest.raises(InputError, match="one whose decoder is given a model"):
        transfer(staged, num=2)


STAGES = {"first": FIRST, "joint": {"model__prior": "diffusion", **PRIOR}, "second": SECOND}


@pytest.mark.slow  # eight runs each
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_on_a_grid_goes_on_to_the_bit_and_is_the_same_on_other_devices(
    tmp_path, stage, monkeypatch
):
    keys = STAGES[stage]
    if stage == "second":
        vae.train(tiny(**SHORT | GRID), tmp_path / "given")
        keys = keys | {"training__pretrained": str(tmp_path / "given")}

    def config(**others):
        return tiny(**keys | SHORT | GRID | others)

    whole = vae.train(config(), tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2, signal.SIGTERM)
        assert vae.train(config(), tmp_path / "stopped")["status"] == "preempted"
    assert vae.train(config(), tmp_path / "stopped")["params_sha256"] == whole["params_sha256"]
    assert lines(tmp_path / "stopped") == lines(tmp_path / "whole")
    mesh = Mesh(np.array(jax.devices()[:2]), (devices.AXIS,), axis_types=(AxisType.Auto,))
    with monkeypatch.context() as patch:
        patch.setattr(devices, "make_mesh", lambda: mesh)
        others = [vae.train(config(), tmp_path / "fewer")]
        patch.setattr(devices, "SPREAD_FROM", 1)
        others.append(vae.train(config(training__shard_state=True), tmp_path / "spread"))
    members = [population.Member(config(seed=n), tmp_path / f"{n}", {}) for n in (0, 1)]
    others.append(population.train(members)[0])
    for other in others:
        for name in ("train/loss", "test/elbo"):
            assert other["metrics"][name] == pytest.approx(whole["metrics"][name], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_latents_of_any_kind_of_data_have_a_second_stage(tmp_path, kind):
    vae.train(tiny(**SHORT | OTHERS[kind]), tmp_path / "first")
    keys = {"objective__name": "prior", "model__prior": "flow_matching", **PRIOR, **SHORT}
    keys |= OTHERS[kind] | {"training__pretrained": str(tmp_path / "first")}
    second = vae.train(tiny(**keys), tmp_path / "second")
    assert 0 < second["metrics"]["train/loss"] < 4
    solver = vae.Solver("euler", 2)
    assert len(vae.load(tmp_path / "second").sample(2, solver=solver)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["joint", "second"])
def test_tasks_of_a_run_with_a_path(second, tmp_path, stage):
    folder = second[0]
    if stage == "joint":
        folder = tmp_path
        vae.train(tiny(**STAGES["joint"] | SHORT), folder)
    run = dataclasses.replace(vae.load(folder), out=tmp_path / "out")
    result = evaluate(run, num_samples=2).figures
    found = result["metrics"]
    assert ("in the mean an upper bound" in result["protocol"]["bound"]) == (stage == "joint")
    assert found["test/nll"] == -found["test/elbo"]
    for task, given in {
        anomaly: {"num": 20},
        edit: {"attribute": "3", "num": 2},
        interpolate: {"num": 2, "steps": 3},
        nearest: {"num": 3},
        reconstruct: {"num": 4},
    }.items():
        assert all(path.exists() for path in task(run, **given).paths)
