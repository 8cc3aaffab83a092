"""Several processes that compute as one: the same figures, one death for all, one way on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from configs import tiny
from jax.sharding import PartitionSpec as P
from logged import wait_for_checkpoint

import vae
from vae.config import from_dict
from vae.errors import InputError
from vae.training import devices, launcher, loop, processes

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    "--config=experiments/digits.py",
    "--config.data.batch_size=32",
    "--config.optimizer.schedule=constant",  # which training.steps has no part in
    "--config.model.encoder_widths=(16,)",
    "--config.model.decoder_widths=(16,)",
    "--config.model.latent_dim=4",
    "--config.evaluation.num_samples=4",
    "--config.log.images_every_steps=0",
    "--config.log.tensorboard=False",
)
SHORT = (
    *TINY,
    "--config.training.steps=20",
    "--config.evaluation.every_steps=10",
    "--config.checkpoint.every_steps=10",
    "--config.log.every_steps=4",
)
LONG = (
    *TINY,
    "--config.training.steps=400",
    "--config.evaluation.every_steps=200",
    "--config.checkpoint.every_steps=40",
    "--config.log.every_steps=20",
)


def start(workdir, *arguments):
    workdir.mkdir(exist_ok=True)
    command = [sys.executable, "launch.py", "train", *arguments, f"--workdir={workdir}"]
    with open(workdir / "output.txt", "w") as output:
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)


def output(workdir):
    return (workdir / "output.txt").read_text()


def finish(workdir, *arguments):
    assert start(workdir, *arguments).wait(timeout=400) == 0, output(workdir)
    return json.loads((workdir / "result.json").read_text())


def children_of(process):
    """Process ids, process 0 first."""
    listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return sorted(map(int, listed.stdout.split()))


LOSSES = ("loss", "elbo", "nll", "reconstruction", "bits_per_dim")


def same_losses(one, other):
    """Holds every loss in the metrics.jsonl of two runs against the other's."""
    lines = [
        [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        for workdir in (one, other)
    ]
    assert len(lines[0]) == len(lines[1]) > 0
    for a, b in zip(*lines, strict=True):
        assert a.keys() == b.keys() and a["step"] == b["step"]
        names = [name for name in a if name.endswith(LOSSES)]
        assert [a[name] for name in names] == pytest.approx([b[name] for name in names], rel=1e-4)


def test_two_processes_of_two_devices_are_one_of_four(tmp_path):
    several = finish(tmp_path / "several", *SHORT, "--processes=2", "--cpu_devices=2")
    config = json.loads((tmp_path / "several" / "config.json").read_text())
    record = json.loads((tmp_path / "several" / "provenance.json").read_text())
    assert record["processes"] == 2 and len(record["devices"]) == 4
    one = vae.train(from_dict(config), tmp_path / "one")
    same_losses(tmp_path / "several", tmp_path / "one")
    for name in ("valid/elbo", "test/nll", "train/loss"):
        assert several["metrics"][name] == pytest.approx(one["metrics"][name], rel=1e-4)
    # What two processes saved, one reads.
    assert vae.load(tmp_path / "several").step == 20
    assert output(tmp_path / "several").count("training  20/20") == 1  # process 0 alone is seen


@pytest.mark.slow
def test_one_device_and_a_stop_in_between_give_the_same(tmp_path):
    whole = finish(tmp_path / "whole", *LONG, "--cpu_devices=4")["metrics"]
    several = finish(tmp_path / "several", *LONG, "--processes=2", "--cpu_devices=2")
    same_losses(tmp_path / "several", tmp_path / "whole")
    finish(tmp_path / "single", *LONG)
    same_losses(tmp_path / "single", tmp_path / "whole")
    for number in (1, 2):  # a checkpoint from four devices goes on on fewer
        workdir = tmp_path / f"from_four_on_{number}"
        finish(workdir, *LONG, "--cpu_devices=4", "--config.training.steps=200")
        fewer = finish(workdir, *LONG, f"--cpu_devices={number}")["metrics"]
        for name in ("train/loss", "valid/elbo", "test/nll"):
            assert fewer[name] == pytest.approx(whole[name], rel=1e-4)
    process = start(tmp_path / "stopped", *LONG, "--processes=2", "--cpu_devices=2")
    wait_for_checkpoint(tmp_path / "stopped", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 75, output(tmp_path / "stopped")
    result = json.loads((tmp_path / "stopped" / "result.json").read_text())
    assert result["status"] == "preempted" and 0 < result["step"] < 400
    assert (tmp_path / "stopped" / "checkpoints" / str(result["step"])).is_dir()
    resumed = finish(tmp_path / "stopped", *LONG, "--processes=2", "--cpu_devices=2")
    assert resumed["params_sha256"] == several["params_sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_all_and_the_command_goes_on(tmp_path, victim):
    layout = ("--processes=2", "--cpu_devices=2")
    undisturbed = finish(tmp_path / "undisturbed", *LONG, *layout)
    process = start(tmp_path / "killed", *LONG, *layout)
    wait_for_checkpoint(tmp_path / "killed", process)
    children = children_of(process)
    os.kill(children[victim], signal.SIGKILL)
    died = time.monotonic()
    assert process.wait(timeout=60) == 1
    print(f"the others ended {time.monotonic() - died:.2f} s after the death")
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    said = f"process {victim} of 2 was killed by signal 9 (SIGKILL); run the same command again"
    assert said in output(tmp_path / "killed")
    resumed = finish(tmp_path / "killed", *LONG, *layout)
    assert resumed["params_sha256"] == undisturbed["params_sha256"]


@pytest.mark.slow
def test_without_the_launcher_a_death_ends_the_others_within_a_minute_and_is_named(tmp_path):
    def join(i):
        member = ("--coordinator=localhost:29431", "--num_processes=2", f"--process_id={i}")
        command = [sys.executable, "launch.py", "train", *LONG, f"--workdir={tmp_path}", *member]
        with open(tmp_path / f"output_{i}.txt", "w") as file:
            return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)

    members = [join(i) for i in range(2)]
    (tmp_path / "output.txt").write_text("")
    wait_for_checkpoint(tmp_path, members[0])
    members[1].kill()
    died = time.monotonic()
    members[1].wait()
    assert members[0].wait(timeout=60) != 0
    print(f"the other ended {time.monotonic() - died:.2f} s after the death")
    assert "Task 1 heartbeat timeout" in (tmp_path / "output_0.txt").read_text()


@pytest.mark.slow
def test_the_launcher_takes_its_processes_with_it(tmp_path):
    process = start(tmp_path, *LONG, "--processes=2")
    wait_for_checkpoint(tmp_path, process)
    children = children_of(process)
    assert len(children) == 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}/exe").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


# The launcher, with processes that need no JAX.


def script(text):
    return [sys.executable, "-c", f"import os, sys, time\ni = int(sys.argv[-1][-1])\n{text}"]


def test_the_launcher_names_what_died_and_shows_what_it_said(capfd):
    began = time.monotonic()
    text = "if i == 1: sys.exit('the reason')\nprint('seen', i, flush=True)\ntime.sleep(600)"
    assert launcher.launch(script(text), 3, share_accelerators=False) == 1
    assert time.monotonic() - began < 30
    seen = capfd.readouterr()
    assert "seen 2" not in seen.out
    assert "the reason\nerror: process 1 of 3 ended with exit code 1; run" in seen.err

    text = "os.kill(os.getpid(), 9) if i == 2 else time.sleep(600)"
    assert launcher.launch(script(text), 3, share_accelerators=False) == 1
    assert "process 2 of 3 was killed by signal 9 (SIGKILL)" in capfd.readouterr().err


def test_what_all_agree_on_is_said_once(capfd):
    text = "print('wrong', file=sys.stderr)\nsys.exit(2)"
    assert launcher.launch(script(text), 3, share_accelerators=False) == 2
    assert capfd.readouterr().err == "wrong\n"
    assert launcher.launch(script("sys.exit(3)"), 2, share_accelerators=False) == 3
    assert launcher.launch(script("time.sleep(0.2 * i)"), 2, share_accelerators=False) == 0


def test_ctrl_c_has_the_processes_save():
    text = (
        "import signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\n"
        "time.sleep(0.5)\n_ = i or os.kill(os.getppid(), signal.SIGINT)\ntime.sleep(600)"
    )
    assert launcher.launch(script(text), 2, share_accelerators=False) == 75


def test_accelerators_are_shared_out(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert [launcher.share(i, 2) for i in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(InputError, match="--processes=3 does not divide the 4 accelerators"):
        launcher.launch(script(""), 3, share_accelerators=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert launcher.share(0, 3) is None


def test_flags_that_do_not_go_together_are_refused(monkeypatch):
    with pytest.raises(InputError, match="--num_processes is missing"):
        processes.join(coordinator="localhost:1")
    with pytest.raises(InputError, match="--process_id=2 must be from 0 to 1"):
        processes.join("localhost:1", 2, 2)
    with pytest.raises(InputError, match="--coordinator=localhost must be HOST:PORT"):
        processes.join("localhost", 2, 1)


# A state that is spread over the devices.


def test_a_spread_state_trains_to_the_same_with_a_part_of_the_memory(tmp_path, monkeypatch):
    ends = []
    run = loop.run
    monkeypatch.setattr(loop, "run", lambda *args: ends.append(run(*args)) or ends[-1])
    clipped = {"optimizer__clip_norm": 5.0, "training__accumulate": 2}
    whole = vae.train(tiny(**clipped), tmp_path / "whole")["metrics"]
    # It is a layout of the same run, which may change on the way.
    vae.train(tiny(training__steps=12, **clipped), tmp_path / "spread")
    config = tiny(training__shard_state=True, **clipped)
    spread = vae.train(config, tmp_path / "spread")["metrics"]
    for name in ("train/loss", "train/grad_norm", "valid/elbo", "test/nll"):
        assert spread[name] == pytest.approx(whole[name], rel=1e-4)

    def held(tree):
        large = [x for x in jax.tree.leaves(tree) if x.size >= devices.SPREAD_FROM]
        return sum(x.addressable_shards[0].data.nbytes for x in large)

    for branch in ("params", "ema", "opt_state"):
        one, other = (getattr(end.state, branch) for end in (ends[0], ends[-1]))
        assert held(other) * 4 == held(one) > 0
        # The first moments among them are as large as the clipped gradients.
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-2, atol=1e-5), one, other
        )
    assert whole["train/grad_norm"] > 5
    moments = jax.tree.leaves(ends[0].state.opt_state[1].mu)
    assert sum(float((x**2).sum()) for x in moments) <= 25
    np.testing.assert_allclose(
        vae.load(tmp_path / "spread").sample(4), vae.load(tmp_path / "whole").sample(4), atol=1e-4
    )


def test_arrays_are_spread_along_the_longest_dimension_that_the_devices_divide():
    mesh = devices.make_mesh()
    tree = {"a": np.zeros((64, 128)), "b": np.zeros((64, 129)), "c": np.zeros(9), "d": np.zeros(())}
    tree["e"] = np.zeros((67, 67))
    specs = devices.spread(tree, mesh)
    whole = {"c": P(), "d": P(), "e": P()}
    assert specs == {"a": P(None, "data"), "b": P("data"), **whole}


def test_means_and_norms_of_parts_are_those_of_the_whole():
    mesh = devices.make_mesh()
    rng = np.random.default_rng(0)
    tree = {"large": rng.normal(size=(8, 16, 32)), "small": rng.normal(size=(8, 5))}
    tree = jax.tree.map(lambda x: x.astype(np.float32), tree)
    specs = {"large": P(None, "data"), "small": P()}

    def body(shard):
        mean = devices.mean(jax.tree.map(lambda x: x.mean(0), shard), specs)
        return mean, devices.norm(mean, specs), devices.gather(mean, specs)

    mapped = devices.map_shards(body, mesh, in_specs=P("data"), out_specs=(specs, P(), P()))
    mean, norm, gathered = mapped(devices.shard(tree, mesh, P("data")))
    expected = jax.tree.map(lambda x: x.mean(0), tree)
    for name in tree:
        np.testing.assert_allclose(mean[name], expected[name], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(gathered[name], expected[name], rtol=1e-5, atol=1e-6)
    assert mean["large"].addressable_shards[0].data.shape == (16, 8)
    whole = np.concatenate([expected["large"].ravel(), expected["small"]])
    assert float(norm) == pytest.approx(np.linalg.norm(whole), rel=1e-5)
