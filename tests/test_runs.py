"""Whole runs: resumed, killed, diverged, on other devices, with bad input."""

import functools
import json
import logging
import math
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from configs import QUIET, tiny
from launching import ROOT, end_at, launch
from logged import Kept, events, interrupt_at, lines, shown_by_tensorboard

import vae
from vae import experiment
from vae.errors import InputError
from vae.population import population
from vae.tasks.fit_prior import fit_prior
from vae.training import loop
from vae.training import step as step_module
from vae.training.arrays import digest
from vae.training.directory import owned
from vae.training.processes import Interrupted


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    Kept.told.clear()
    told = {"log__tensorboard": True, "log__trackers": ("logged:Kept",)}
    return workdir, vae.train(tiny(**told, log__images_every_steps=20), workdir)


def test_a_run_leaves_what_it_promises(finished):
    workdir, result = finished
    assert result == json.loads((workdir / "result.json").read_text())
    assert result["status"] == "completed" and result["step"] == 20
    assert len(result["params_sha256"]) == 64
    for name in ("valid/elbo", "test/elbo", "test/nll", "test/bits_per_dim", "train/loss"):
        assert math.isfinite(result["metrics"][name])
    assert result["metrics"]["test/nll"] <= -result["metrics"]["test/elbo"]
    assert result["protocol"]["num_samples"] == 4
    record = json.loads((workdir / "provenance.json").read_text())
    assert record["versions"]["jax"] and len(record["devices"]) == 4
    assert record["data"]["train"] + record["data"]["valid"] + record["data"]["test"] == 1797
    assert [line["step"] for line in lines(workdir)] == [4, 8, 10, 12, 16, 20, 20, 20]
    assert {p.name for p in (workdir / "checkpoints").iterdir()} >= {"10", "20"}
    assert sum(result["parameters"].values()) > 1000 and result["memory"]["host"] > 1e7
    details = json.loads((workdir / "details.json").read_text())
    assert details["step"] == 20 and details["examples"] == record["data"]["test"]
    page = (workdir / "report.html").read_text()
    assert "test nll, nats" in page and record["data"]["digest"] in page


def test_a_run_is_loaded_without_a_word_and_shown_in_two_lines(finished, caplog):
    workdir, _ = finished
    with caplog.at_level(logging.INFO):
        run = vae.load(workdir)
    assert not caplog.records
    what, size = repr(run).splitlines()
    assert what == f"Run(vae of digits, 8x8x1, step 20 of {workdir}"
    number = sum(x.size for x in jax.tree.leaves(run.params))
    assert size.startswith(f"    {number:,} parameters: decoder ")
    assert repr(run.dataset()).startswith("Dataset(digits of scikit-learn: train ")


def test_tensorboard_has_the_pictures_that_are_on_disk(finished):
    workdir, _ = finished
    shown = {
        f"{value.tag}_{event.step:08d}.png": value.image.encoded_image_string
        for event in events(workdir)
        for value in event.summary.value
        if value.HasField("image")
    }
    assert shown.keys() == {"samples_00000020.png", "reconstructions_00000020.png"}
    assert shown == {path.name: path.read_bytes() for path in (workdir / "images").iterdir()}


def test_a_tracker_is_told_what_is_logged_and_how_the_run_ended(finished):
    workdir, result = finished
    begin, *calls, end = Kept.told
    assert begin[1].name == workdir.name and begin[1].config["training"]["steps"] == 20
    assert end == ("end", result)
    figures = [{"step": step} | what[0] for call, step, *what in calls if call == "scalars"]
    logged = (workdir / "metrics.jsonl").read_text().splitlines()
    assert figures == [json.loads(line) for line in logged]
    sheets = [(step, what[0]) for call, step, *what in calls if call == "sheet"]
    assert sheets == [(20, "samples"), (20, "reconstructions")]


def test_a_complete_run_says_so_and_is_not_trained_again(finished, caplog):
    workdir, result = finished
    before = (workdir / "metrics.jsonl").read_text()
    with caplog.at_level(logging.INFO):
        assert vae.train(tiny(), workdir) == result
    assert "is complete" in caplog.text
    assert (workdir / "metrics.jsonl").read_text() == before


def test_a_run_stopped_by_sigterm_goes_on_to_the_bit(finished, tmp_path, monkeypatch):
    workdir, result = finished
    with monkeypatch.context() as patch:
        interrupt_at(patch, 10)
        stopped = vae.train(tiny(log__tensorboard=True), tmp_path)
    assert stopped["status"] == "preempted" and stopped["step"] == 11
    resumed = vae.train(tiny(log__tensorboard=True), tmp_path)
    assert resumed["params_sha256"] == result["params_sha256"]
    assert resumed["metrics"] == result["metrics"]
    assert lines(tmp_path) == lines(workdir)
    for name in ("train/loss", "valid/elbo", "test/nll"):
        assert shown_by_tensorboard(tmp_path, name) == shown_by_tensorboard(workdir, name)


def test_so_does_one_of_several_steps_a_call(tmp_path, monkeypatch):
    config = tiny(training__steps_per_call=4, evaluation__every_steps=8, checkpoint__every_steps=8)
    whole = vae.train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 8, signal.SIGHUP)
        stopped = vae.train(config, tmp_path / "stopped")
    assert stopped["status"] == "preempted" and stopped["step"] == 12
    resumed = vae.train(config, tmp_path / "stopped")
    assert resumed["params_sha256"] == whole["params_sha256"]
    assert lines(tmp_path / "stopped") == lines(tmp_path / "whole")


def test_a_run_killed_before_its_result_has_all_figures(finished, tmp_path):
    workdir, result = finished
    copy = shutil.copytree(workdir, tmp_path / "run")
    (copy / "result.json").unlink()
    assert vae.train(tiny(), copy)["metrics"] == result["metrics"]
    assert lines(copy) == lines(workdir)


GAN = {
    "model__name": "gan",
    "model__encoder_widths": (512,),
    "model__likelihood": "bernoulli",
    "model__adversary": "images",
    "model__discriminator_widths": (8,),
    "model__spectral_norm": True,
    "model__r1_weight": 1.0,
}


def test_so_does_a_gan_with_figures_of_its_own(tmp_path, monkeypatch):
    whole = vae.train(tiny(**GAN), tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 10, signal.SIGUSR2)
        stopped = vae.train(tiny(**GAN), tmp_path / "stopped")
    assert stopped["status"] == "preempted" and stopped["step"] == 11
    resumed = vae.train(tiny(**GAN), tmp_path / "stopped")
    assert resumed["params_sha256"] == whole["params_sha256"]
    assert lines(tmp_path / "stopped") == lines(tmp_path / "whole")

    assert {"train/adversarial", "train/discriminator"} <= set(whole["metrics"])
    assert not {"train/elbo", "valid/elbo", "test/elbo", "test/nll"} & set(whole["metrics"])
    assert 0 <= whole["metrics"]["test/real_judged_right"] <= 1
    assert "without p(x)" in whole["protocol"]["bound"]
    run = vae.load(tmp_path / "whole", step="best")  # the latest, where none is the best
    assert run.step == 20
    z = np.zeros((3, 4))
    assert run.decode(z).shape == (3, 8, 8, 1)
    for refused in (run.encode, run.reconstruct, run.log_likelihood):
        with pytest.raises(InputError, match="does not encode examples"):
            refused(run.sample(2))
    with pytest.raises(InputError, match="one vector of real numbers"):
        fit_prior(run, "mixture")


def test_a_gan_that_is_not_finite_goes_back_and_ends_as_diverged(tmp_path):
    limits = {"training__max_nonfinite": 3, "optimizer__discriminator_learning_rate": 1e30}
    result = vae.train(tiny(optimizer__learning_rate=1e30, **limits, **QUIET, **GAN), tmp_path)
    assert result["status"] == "diverged"


def test_a_longer_schedule_goes_on(finished, tmp_path):
    _, result = finished
    vae.train(tiny(training__steps=10, **QUIET), tmp_path)
    longer = vae.train(tiny(**QUIET), tmp_path)
    assert longer["step"] == 20
    assert longer["params_sha256"] == result["params_sha256"]


def test_the_step_is_traced_once(tmp_path, monkeypatch):
    traces = []
    make_step = step_module.make_step

    def counted(*args, **kwargs):
        step = make_step(*args, **kwargs)
        return lambda *inputs: (traces.append(1), step(*inputs))[1]

    monkeypatch.setattr(experiment, "make_step", counted)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 10, signal.SIGINT)
        with pytest.raises(Interrupted):  # which ends what called the run; it is saved
            vae.train(tiny(**QUIET), tmp_path)
    assert len(traces) == 1
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "preempted" and result["step"] == 11
    vae.train(tiny(**QUIET), tmp_path)
    assert len(traces) == 2  # once in each process' worth of training


def test_steps_per_call_and_accumulation_leave_the_numbers_as_they_are(finished, tmp_path):
    _, result = finished
    together = vae.train(tiny(training__steps_per_call=4, **QUIET), tmp_path / "together")
    parts = vae.train(tiny(training__accumulate=2, **QUIET), tmp_path / "parts")
    for other in (together, parts):
        for name in ("test/elbo", "train/loss", "test/nll"):
            assert other["metrics"][name] == pytest.approx(result["metrics"][name], rel=1e-4)


def test_nothing_finite_goes_back_once_then_ends_as_diverged(tmp_path, caplog):
    config = tiny(
        optimizer__learning_rate=1e30, training__max_nonfinite=3, training__retry_scale=0.5, **QUIET
    )
    with caplog.at_level(logging.WARNING):
        result = vae.train(config, tmp_path)
    assert result["status"] == "diverged"
    assert caplog.text.count("going back to step 0") == 1
    assert 0 < result["step"] < 20
    assert result["step"] == json.loads((tmp_path / "result.json").read_text())["step"]


def test_a_lower_learning_rate_saves_a_run_that_diverged_once(tmp_path, caplog):
    config = tiny(
        optimizer__learning_rate=1e28, training__max_nonfinite=3, training__retry_scale=1e-30
    )
    with caplog.at_level(logging.WARNING):
        result = vae.train(config, tmp_path)
    assert result["status"] == "completed" and math.isfinite(result["metrics"]["test/elbo"])
    assert [line["step"] for line in lines(tmp_path)] == [4, 8, 10, 12, 16, 20, 20, 20]


@pytest.mark.parametrize("num", [1, 2])
def test_fewer_devices_give_the_same_figures(finished, tmp_path, num, monkeypatch):
    from jax.sharding import AxisType, Mesh

    from vae.training import devices

    mesh = Mesh(np.array(jax.devices()[:num]), (devices.AXIS,), axis_types=(AxisType.Auto,))
    monkeypatch.setattr(devices, "make_mesh", lambda: mesh)
    result = vae.train(tiny(), tmp_path)["metrics"]
    for name in ("valid/elbo", "test/elbo", "test/nll", "train/loss"):
        assert result[name] == pytest.approx(finished[1]["metrics"][name], rel=1e-4)


@pytest.mark.parametrize(
    "overrides",
    [GAN, {"model__adversary": "factors", "model__discriminator_widths": (8,)}],
    ids=["gan", "factors"],
)
def test_the_players_are_the_same_on_one_device(tmp_path, overrides, monkeypatch):
    from jax.sharding import AxisType, Mesh

    from vae.training import devices

    several = vae.train(tiny(**overrides, **QUIET), tmp_path / "several")["metrics"]
    mesh = Mesh(np.array(jax.devices()[:1]), (devices.AXIS,), axis_types=(AxisType.Auto,))
    monkeypatch.setattr(devices, "make_mesh", lambda: mesh)
    one = vae.train(tiny(**overrides, **QUIET), tmp_path / "one")["metrics"]
    for name in ("train/adversarial", "train/discriminator"):
        assert several[name] == pytest.approx(one[name], rel=1e-4)


def test_another_experiment_in_the_same_directory_is_refused_with_what_differs(finished):
    workdir, _ = finished
    before = (workdir / "config.json").read_text()
    with pytest.raises(InputError, match=r"model\.latent_dim: 4 -> 5"):
        vae.train(tiny(model__latent_dim=5), workdir)
    assert (workdir / "config.json").read_text() == before


def test_a_run_directory_has_one_owner(tmp_path):
    with owned(tmp_path), pytest.raises(InputError, match="in use by another process"):
        vae.train(tiny(), tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_a_batch_that_the_devices_do_not_divide_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"data\.batch_size=30 .* number of devices, 4"):
        vae.train(tiny(data__batch_size=30), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_failure_is_recorded_and_the_checkpoints_stay(tmp_path, monkeypatch):
    run = loop.run

    def failing(program, *args):
        def batch(first):
            if first == 12:
                raise OSError(28, "No space left on device")
            return program.batch(first)

        return run(loop.dataclasses.replace(program, batch=batch), *args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run", failing)
        with pytest.raises(OSError, match="No space left"):
            vae.train(tiny(), tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "failed" and "No space left" in result["error"]
    assert vae.load(tmp_path).step == 10


def test_a_loaded_run_is_the_trained_one(finished):
    workdir, _ = finished
    run = vae.load(workdir)
    assert run.step == 20 and run.config.model.latent_dim == 4
    images = run.sample(10)
    assert images.shape == (10, 8, 8, 1) and images.dtype == np.float32
    np.testing.assert_array_equal(run.sample(3), images[:3])
    assert not np.array_equal(run.sample(10, seed=1), images)
    drawn = run.sample(4, draw=True)
    np.testing.assert_allclose(drawn * 16, np.round(drawn * 16), atol=1e-4)

    posterior = run.encode(images)
    assert posterior.mean.shape == (10, 4)
    np.testing.assert_allclose(run.reconstruct(images), run.decode(posterior.mean), rtol=1e-5)
    raw = np.round(images * 16).astype(np.uint8)
    np.testing.assert_allclose(run.encode(raw).mean, run.encode(raw / 16).mean, rtol=1e-5)
    log_likelihood = run.log_likelihood(raw, num_samples=8)
    assert log_likelihood.shape == (10,) and np.isfinite(log_likelihood).all()
    with pytest.raises(InputError, match=r"must be \[N, 8, 8, 1\]"):
        run.encode(np.zeros((2, 9, 9, 1)))


def test_the_best_checkpoint_can_be_loaded(finished):
    workdir, _ = finished
    assert vae.load(workdir, step="best").step in (10, 20)
    with pytest.raises(InputError, match="no checkpoint 3"):
        vae.load(workdir, step=3)


def test_the_best_is_saved_where_no_checkpoint_is_due(tmp_path):
    rising = {"optimizer__learning_rate": 1.0, "training__ema_decay": 0.0}
    cadence = {"evaluation__every_steps": 4, "checkpoint__every_steps": 10}
    vae.train(tiny(**rising, **cadence), tmp_path)
    elbos = {x["step"]: x["valid/elbo"] for x in lines(tmp_path) if "valid/elbo" in x}
    best = max(elbos, key=elbos.get)
    assert best % 10, elbos
    assert vae.load(tmp_path, step="best").step == best


def test_a_run_refuses_the_arrays_of_another_environment(finished, tmp_path):
    workdir, _ = finished
    copy = shutil.copytree(workdir, tmp_path / "run")
    before = {path: path.read_bytes() for path in copy.rglob("*.json")}
    with (
        jax.default_prng_impl("rbg"),
        pytest.raises(InputError, match=r"checkpoint 20 holds other arrays .*key<rbg>"),
    ):
        vae.train(tiny(training__steps=30), copy)
    assert before == {path: path.read_bytes() for path in copy.rglob("*.json")}
    assert vae.load(copy).step == 20


def test_a_run_starts_from_the_weights_of_another(finished, tmp_path):
    workdir, _ = finished
    still = {"training__pretrained": str(workdir), "optimizer__learning_rate": 1e-30, **QUIET}
    short = {"training__steps": 5, "objective__beta": 0.5}
    result = vae.train(tiny(**still, **short), tmp_path / "run")
    start = digest(vae.load(workdir).params)
    assert result["params_sha256"] == start
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert record["pretrained_sha256"] == start

    both = [
        population.Member(tiny(**still, **short, seed=seed), tmp_path / str(seed), {})
        for seed in (0, 1)
    ]
    assert [each["params_sha256"] for each in population.train(both)] == [start, start]

    with pytest.raises(InputError, match=r"params\.decoder.* is \(4, .*\) there, and \(3, "):
        vae.train(tiny(**still, model__latent_dim=3), tmp_path / "other")
    with pytest.raises(InputError, match="holds no run"):
        vae.train(tiny(training__pretrained=str(tmp_path)), tmp_path / "other")


KILLED = (
    "train",
    "--config=experiments/digits.py",
    "--config.model.encoder_widths=(16,)",
    "--config.model.decoder_widths=(16,)",
    "--config.training.steps=200",
    "--config.data.batch_size=32",
    "--config.checkpoint.every_steps=40",
    "--config.evaluation.every_steps=100",
    "--config.evaluation.num_samples=2",
    "--config.log.images_every_steps=0",
    "--config.log.tensorboard=False",
)


def finish(workdir):
    result = launch(*KILLED, f"--workdir={workdir}")
    assert result.returncode == 0, result.stderr
    return json.loads((workdir / "result.json").read_text())["params_sha256"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 75), (signal.SIGKILL, -9)])
def test_a_killed_process_goes_on_to_the_same_weights(tmp_path, undisturbed, sign, code):
    kill = functools.partial(end_at, "vae.training.checkpoints:Checkpoints.save", 2, True, sign)
    assert launch(*KILLED, f"--workdir={tmp_path}", first=kill).returncode == code
    assert any((tmp_path / "checkpoints").glob("[0-9]*"))  # which, depends on when the kill came
    assert finish(tmp_path) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_twenty_kills_at_random_moments(tmp_path, undisturbed, sign):
    rng = np.random.default_rng(0)
    for trial in range(20):
        workdir = tmp_path / str(trial)
        command = [sys.executable, "launch.py", *KILLED, f"--workdir={workdir}"]
        process = subprocess.Popen(command, cwd=ROOT)
        time.sleep(rng.uniform(2.0, 8.0))
        process.send_signal(sign)
        assert process.wait(timeout=120) in (0, 75, -9, -15)
        assert finish(workdir) == undisturbed, trial
        assert not list(workdir.glob("checkpoints/*.damaged"))
