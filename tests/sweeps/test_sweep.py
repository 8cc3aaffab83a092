"""`vae sweep` as a person meets it: real trainings, in processes of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from launching import ROOT, launch

from vae import signature
from vae.sweeps.executors import EXECUTORS
from vae.sweeps.search import PRUNERS, SAMPLERS
from vae.training import directory

TINY = (
    "--config.training.steps=4",
    "--config.data.batch_size=32",
    "--config.evaluation.every_steps=2",
    "--config.evaluation.num_samples=2",
    "--config.log.images_every_steps=0",
    "--config.log.tensorboard=False",
)
EXPERIMENT = """
from vae.experiments.digits import get_config
from vae.sweeps.space import *

def sweep():
    return product({"optimizer.learning_rate": (1e-3, 1e30)})

def sweep_misspelt():
    return product({"optimizer.learning_rat": (1e-3,)})

def space():
    return Space({"optimizer.learning_rate": LogUniform(1e-4, 1e-2)})

def space_empty():
    return Space({})

def space_test():
    return Space({"optimizer.learning_rate": LogUniform(1e-4, 1e-2)}, minimize="test/nll")
"""


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp("experiment") / "digits.py"
    path.write_text(EXPERIMENT)
    return path


def command(*arguments):
    return [sys.executable, "launch.py", *map(str, arguments)]


def trials(workdir):
    return [json.loads(f.read_text()) for f in sorted(workdir.glob("trials/*/trial.json"))]


def test_a_sweep_from_the_command_line(tmp_path, experiment):
    workdir = tmp_path / "sweep"
    given = ("sweep", f"--config={experiment}", f"--workdir={workdir}", *TINY, "--sweep=sweep")
    limits = ("--config.training.max_nonfinite=1", "--cpu_devices=2", "--workers=2")
    result = launch(*given, *limits)
    assert result.returncode == 0, result.stderr
    assert "sweep  2/2  1 completed, 1 diverged  best valid/elbo" in result.stderr
    assert "diverged" in result.stdout
    first, second = trials(workdir)
    assert (first["status"], second["status"]) == ("completed", "diverged")
    run = workdir / "trials" / "0000"
    figures = json.loads((run / "result.json").read_text())
    assert figures["step"] == 4 and figures["metrics"]["valid/elbo"] == first["value"]
    record = json.loads((run / "provenance.json").read_text())
    assert len(record["devices"]) == 2
    assert record["overrides"]["optimizer.learning_rate"] == 1e-3
    assert record["command"][:2] == ["vae", "train"]
    log = (run / "log.txt").read_text()
    assert "valid  elbo" in log and re.search("^status +completed$", log, re.MULTILINE)

    before = (run / "metrics.jsonl").read_text()
    again = launch(*given, *limits)
    assert again.returncode == 0 and (run / "metrics.jsonl").read_text() == before
    assert again.stdout == result.stdout
    other = launch(*given, *limits, "--config.training.steps=6")
    assert other.returncode == 2
    assert other.stderr.startswith(f"error: --workdir={workdir} belongs to another sweep")
    with directory.owned(workdir):
        assert "in use by another process" in launch(*given, *limits).stderr
    shown = launch("list", f"--workdir={tmp_path}").stdout
    row = shown.splitlines()[-1]
    assert row.startswith("sweep ") and "completed" in row and "2/2" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sweep=seeds",), "`sweep_seeds` or `space_seeds`"),
        (("--sweep=misspelt",), "did you mean 'optimizer.learning_rate'"),
        (("--sweep=empty",), "space_empty() is empty"),
        (("--sweep=space", "--config.optimizer.learning_rate=1.0"), "learning_rate is swept"),
        (("--sweep=space", "--config.training.steps=0"), "must be a whole number from 1"),
        (("--sweep=sweep", "--num_trials=3"), "--num_trials has no effect on a grid"),
        (("--sweep=sweep", "--sampler=qmc"), "--sampler has no effect on a grid"),
        (("--sweep=test", "--pruner=median"), "test/nll is not"),
        (("--sweep=space", "--pruner=median", "--config.evaluation.every_steps=4"), "lower eval"),
        (("--sweep=space", "--pruner=best"), "pruner"),
        (("--sweep=space", "--workers=0"), "workers"),
        (("--sweep=space", "--executor_options=partition=gpu"), "is for slurm and ray"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(tmp_path, experiment, arguments, message):
    workdir = tmp_path / "sweep"
    result = launch("sweep", f"--config={experiment}", f"--workdir={workdir}", *TINY, *arguments)
    assert result.returncode == 2 and message in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert result.stdout == "" and not workdir.exists()


def test_the_flags_offer_what_there_is():
    offered = signature.read(signature.file_of("vae.sweeps.commands"), "sweep").parameters
    assert offered["sampler"].choices == tuple(SAMPLERS)
    assert offered["pruner"].choices == tuple(PRUNERS)
    assert offered["executor"].choices == tuple(EXECUTORS)


LONG = (
    "--config.training.steps=200",
    "--config.checkpoint.every_steps=20",
    "--config.evaluation.every_steps=100",
    *(flag for flag in TINY if "steps=" not in flag or "images" in flag),
)


def interrupted(workdir, sign, after):
    """Starts a sweep of 6 trials, and sends it a signal once so many have completed."""
    arguments = ("--config=experiments/digits.py", f"--workdir={workdir}", "--workers=2")
    grid = ("--sweep=beta,seeds", *LONG)
    with open(workdir.with_suffix(".txt"), "a") as output:
        process = subprocess.Popen(
            command("sweep", *arguments, *grid), cwd=ROOT, stdout=output, stderr=output
        )
        deadline = time.monotonic() + 240
        while sign and time.monotonic() < deadline and process.poll() is None:
            found = trials(workdir) if workdir.exists() else []
            if sum(trial["status"] == "completed" for trial in found) >= after:
                process.send_signal(sign)
                break
            time.sleep(0.05)
        return process.wait(timeout=240)


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 75), (signal.SIGKILL, -9)])
def test_a_sweep_that_is_stopped_goes_on_and_runs_nothing_twice(tmp_path, sign, code):
    workdir = tmp_path / "sweep"
    assert interrupted(workdir, sign, 1) == code
    done = {t["number"] for t in trials(workdir) if t["status"] == "completed"}
    stamps = {n: (workdir / f"trials/{n:04d}/result.json").stat().st_mtime_ns for n in done}
    assert 0 < len(done) < 6
    assert interrupted(workdir, None, 0) == 0, workdir.with_suffix(".txt").read_text()
    assert [t["status"] for t in trials(workdir)] == ["completed"] * 6
    assert {t["attempts"] for t in trials(workdir)} == {1}
    for number, stamp in stamps.items():
        assert (workdir / f"trials/{number:04d}/result.json").stat().st_mtime_ns == stamp
    for number in range(6):
        steps = [
            json.loads(line)["step"]
            for line in (workdir / f"trials/{number:04d}/metrics.jsonl").read_text().splitlines()
            if "valid/elbo" in line
        ]
        assert steps == [100, 200]
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(workdir / "study.journal"))
    )
    study = optuna.load_study(study_name="sweep", storage=storage)
    assert [t.value for t in study.trials] == [t["value"] for t in trials(workdir)]


@pytest.mark.slow
def test_a_trial_that_is_killed_is_retried(tmp_path):
    workdir = tmp_path / "sweep"
    arguments = ("--config=experiments/digits.py", f"--workdir={workdir}", "--workers=2")
    with open(tmp_path / "output.txt", "w") as output:
        process = subprocess.Popen(
            command("sweep", *arguments, "--sweep=seeds", *LONG),
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
        deadline = time.monotonic() + 240
        while not any(workdir.glob("trials/0001/checkpoints/[0-9]*")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        lock = workdir / "trials" / "0001" / ".lock"
        for folder in Path("/proc").glob("[0-9]*/fd"):
            with contextlib.suppress(OSError):
                if any(file.samefile(lock) for file in folder.iterdir()):
                    os.kill(int(folder.parent.name), signal.SIGKILL)
        assert process.wait(timeout=240) == 0
    assert [t["status"] for t in trials(workdir)] == ["completed"] * 3
    assert [t["attempts"] for t in trials(workdir)] == [1, 2, 1]
    assert "Trial 1 is tried again: killed by signal 9" in (tmp_path / "output.txt").read_text()
