"""The local executor: what each slot has of the machine, and jobs as real processes."""

import os
import time

import pytest

from vae.errors import InputError
from vae.sweeps.executors import Job, load, local


@pytest.fixture
def executor(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "PRELOADED", "json")  # the commands here train nothing
    executor = load("local")(2, tmp_path)
    yield executor
    executor.close()


def finish(*running, seconds=120.0):
    deadline = time.monotonic() + seconds
    while any(one.poll() is None for one in running) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [one.poll() for one in running]


def test_jobs_are_commands_with_their_exit_codes_and_logs(executor, tmp_path):
    listing = executor.start(Job(("list",), tmp_path / "a" / "log.txt"))
    wrong = executor.start(Job(("train", "--config=nothing.py"), tmp_path / "log.txt"))
    assert finish(listing, wrong) == [0, 2]
    assert "experiments/digits.py" in (tmp_path / "a" / "log.txt").read_text()
    assert (tmp_path / "log.txt").read_text().startswith("error: --config=nothing.py")
    again = executor.start(Job(("no_command",), tmp_path / "log.txt"))
    assert finish(again) == [2]
    text = (tmp_path / "log.txt").read_text()
    assert "nothing.py" in text and "'no_command' is no command" in text


def test_slots_share_the_cores_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 8}, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [share.cores for share in local.shares(1)] == [(0, 1, 2, 3, 8)]
    assert [share.cores for share in local.shares(2)] == [(0, 1), (2, 3, 8)]
    assert [share.cores for share in local.shares(7)] == [(0,), (1,), (2,), (3,), (8,), (0,), (1,)]
    assert all(share.environment == {} for share in local.shares(2))


def test_slots_share_the_accelerators_out(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5,GPU-1a")
    own = [share.environment for share in local.shares(3)]
    assert own == [{"CUDA_VISIBLE_DEVICES": name} for name in ("2", "5", "GPU-1a")]
    assert local.shares(1)[0].environment == {"CUDA_VISIBLE_DEVICES": "2,5,GPU-1a"}
    several = [share.environment for share in local.shares(6)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in several] == ["2", "5", "GPU-1a"] * 2
    assert {one["XLA_PYTHON_CLIENT_MEM_FRACTION"] for one in several} == {"0.450"}


def test_options_are_of_other_executors():
    with pytest.raises(InputError, match="partition=gpu is for slurm and ray"):
        load("local").check(["partition=gpu"])
