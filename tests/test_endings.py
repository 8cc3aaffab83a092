"""How a run ends, and what is made of what it left: stops, useless figures, damage, a full disk."""

import errno
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from configs import tiny
from launching import ROOT
from logged import lines

import vae
from vae.errors import InputError
from vae.experiment import Experiment
from vae.training import directory, logs, loop
from vae.training.checkpoint_errors import CheckpointError
from vae.training.run_record import fault


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, vae.train(tiny(), workdir)


def read(workdir):
    """result.json, as a strict reader takes it."""
    return json.loads((workdir / "result.json").read_text(), parse_constant=pytest.fail)


# Stops.


def test_a_stop_during_the_last_evaluation_is_told_as_one(finished, tmp_path, monkeypatch):
    workdir, result = finished
    test = Experiment.test

    def asked(*args):
        os.kill(os.getpid(), signal.SIGUSR1)
        return test(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "test", asked)
        stopped = vae.train(tiny(), tmp_path)
    assert stopped == read(tmp_path)
    assert stopped["status"] == "preempted" and stopped["step"] == 20
    assert "valid/elbo" in stopped["metrics"] and "test/elbo" not in stopped["metrics"]
    resumed = vae.train(tiny(), tmp_path)
    assert resumed["metrics"] == result["metrics"] and resumed["status"] == "completed"
    assert resumed["seconds"] > stopped["seconds"] > 0
    assert lines(tmp_path) == lines(workdir)


# Figures that are not finite.


def test_a_run_whose_figures_are_not_finite_is_not_completed(tmp_path):
    config = tiny(optimizer__learning_rate=1e30, training__max_nonfinite=100)
    result = vae.train(config, tmp_path)
    assert result["status"] == "diverged" and result["step"] == 20
    assert result["metrics"]["test/elbo"] is None
    assert "test/elbo" in result["error"] and "not finite" in result["error"]
    assert result == read(tmp_path)


@pytest.mark.parametrize(
    ("metrics", "skipped", "said"),
    [
        ({"test/elbo": -9.0, "train/loss": math.nan}, 1, None),
        ({"test/elbo": -9.0, "test/elbo_stderr": math.nan}, 0, None),  # of one test image
        ({"test/nll": math.inf}, 0, "test/nll: not finite"),
        ({"valid/elbo": math.nan}, 0, "valid/elbo: not finite"),
        ({"test/elbo": -9.0}, 8, "no update was applied"),
    ],
)
def test_what_makes_a_run_of_no_use(metrics, skipped, said):
    state = SimpleNamespace(guard=SimpleNamespace(skipped=skipped))
    found = fault(loop.Outcome("completed", 8, state, {}), metrics)
    assert found is None if said is None else said in found


# Damaged files.


NO_JSON = (b"", b'{"status": "compl', b"\xff\xfe{}", b"[" * 100_000, b"\0" * 64)
SHAPES = (b"[]", b"3", b"null", b'"text"', b"{}", b'{"data": 3}', b'{"status": ["completed"]}')


@pytest.mark.parametrize("name", ["config.json", "provenance.json"])
def test_a_damaged_record_is_said_by_name(finished, tmp_path, name):
    copy = shutil.copytree(finished[0], tmp_path / "run")
    whole = json.loads((copy / name).read_text())
    others = [{"model": 3}, {"model": {"latent_dim": "4"}}, {"model": {"name": "vaf"}}]
    if name == "provenance.json":
        data = whole["data"]
        others = [{"data": {k: v for k, v in data.items() if k != key}} for key in data]
        others = [*others[:3], {"data": data | {"values": {"scale": "x"}}}]
        others += [{"data": data | {"shape": [8, 0, 1]}}]
        others += [{"data": data | {"shape": [math.inf, 8, 1]}}]
    damaged = [*NO_JSON, *SHAPES, *(json.dumps(other).encode() for other in others)]
    if name == "config.json":
        damaged.remove(b"{}")  # every key has a default
        damaged.remove(b"null")
    for content in damaged:
        (copy / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} is (damaged|missing)"):
            vae.load(copy)
    if name == "config.json":
        with pytest.raises(InputError, match=r"config.json is damaged.*remove that file"):
            vae.train(tiny(), copy)
    else:
        vae.train(tiny(), copy)  # mends it
        assert json.loads((copy / name).read_text())["data"] == whole["data"]
        assert vae.load(copy).step == 20


def test_a_damaged_result_is_made_again(finished, tmp_path, caplog):
    workdir, result = finished
    copy = shutil.copytree(workdir, tmp_path / "run")
    good = (copy / "result.json").read_bytes()
    shapes = (*NO_JSON, *SHAPES[:-3], b'{"status": "done", "seconds": 1.0}', good[:-20])
    parts = ({"protocol": 5}, {"protocol": None}, {"metrics": {"test/nll": "abc"}})
    shapes += tuple(json.dumps(result | part).encode() for part in parts)
    for content in shapes:
        (copy / "result.json").write_bytes(content)
        if content != b"null":
            with pytest.raises(directory.Damaged, match=r"result\.json is damaged"):
                directory.read_result(copy)
    with caplog.at_level(logging.WARNING):
        again = vae.train(tiny(), copy)
    assert "result.json is damaged" in caplog.text
    assert again["metrics"] == result["metrics"] and again["status"] == "completed"
    assert lines(copy) == lines(workdir)


@pytest.mark.parametrize("name", ["config.json", "provenance.json", "result.json"])
def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(finished, tmp_path, name):
    copy = shutil.copytree(finished[0], tmp_path / "run")
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(InputError, match=f"{name} is a pipe"):
        vae.train(tiny(), copy)


def test_a_damaged_history_is_said_by_name(finished, tmp_path):
    copy = shutil.copytree(finished[0], tmp_path / "run")
    file = copy / "provenance.json"
    record = json.loads(file.read_text())
    record["history"][0]["from_step"] = math.inf
    file.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"provenance\.json is damaged"):
        vae.train(tiny(training__steps=21), copy)


# A full disk.


def full(file: Path):
    """Has the system refuse what is written as a file for lack of space."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to("/dev/full")
    return file


def test_a_full_disk_at_any_moment_loses_nothing(finished, tmp_path, monkeypatch):
    workdir, result = finished
    config = tiny(log__images_every_steps=20)
    config_file = full(tmp_path / ".config.json.tmp")
    with pytest.raises(OSError, match=r"No space left on device.*/config.json"):
        vae.train(config, tmp_path)
    assert not config_file.is_symlink() and not (tmp_path / "config.json").exists()

    with monkeypatch.context() as patch:
        full_file = lambda *args, **kwargs: open("/dev/full", "a")  # noqa: SIM115, E731
        patch.setattr(logs, "open", full_file, raising=False)
        with pytest.raises(OSError, match=r"No space left on device.*metrics.jsonl"):
            vae.train(config, tmp_path)

    def no_space(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("orbax.checkpoint.CheckpointManager.save", no_space)
        with pytest.raises(
            CheckpointError, match=r"checkpoint 10 could not be written: .*No space"
        ):
            vae.train(config, tmp_path)

    picture = full(tmp_path / "images" / ".samples_00000020.png.tmp")
    with pytest.raises(OSError, match=r"No space left on device.*samples_00000020.png"):
        vae.train(config, tmp_path)
    assert not picture.is_symlink() and read(tmp_path)["status"] == "failed"
    assert "10" in {path.name for path in (tmp_path / "checkpoints").iterdir()}

    (tmp_path / "result.json").unlink()
    full(tmp_path / ".result.json.tmp")
    with pytest.raises(OSError, match=r"No space left on device.*result.json"):
        vae.train(config, tmp_path)
    (tmp_path / "result.json").unlink(missing_ok=True)  # that it failed

    again = vae.train(config, tmp_path)
    assert again["metrics"] == result["metrics"]
    assert again["params_sha256"] == result["params_sha256"]
    assert lines(tmp_path) == lines(workdir)
    left = {path.name for path in tmp_path.rglob("*") if ".tmp" in path.name}
    assert not left


def test_what_is_shown_on_a_closed_terminal_changes_no_exit_code():
    master, slave = os.openpty()
    code = "import sys; from vae.commands import _show; sys.stdin.read(); _show('x'); sys.exit(75)"
    ending = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=slave, stderr=slave, cwd=ROOT
    )
    os.close(slave)
    os.close(master)
    ending.communicate()
    assert ending.returncode == 75
