"""The command line as a person meets it, in a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from launching import ROOT, launch
from PIL import Image

from vae import signature
from vae.command_line import explain, parse
from vae.commands import COMMANDS, _place, _shared, main
from vae.errors import InputError

TINY = (
    "--config=experiments/digits.py",
    "--config.training.steps=8",  # a trace that the end of the run cuts off has the evaluation, too
    "--config.log.every_steps=2",
    "--config.log.tensorboard=False",
    "--config.evaluation.num_samples=2",
)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    result = launch("train", *TINY, f"--workdir={workdir}", "--cpu_devices=2", "--profile")
    assert result.returncode == 0, result.stderr
    (trace,) = workdir.rglob("perfetto_trace.json.gz")
    assert str(trace) in result.stderr
    status, *_, path = result.stdout.splitlines()
    assert status.split() == ["status", "completed"] and path == str(workdir)
    return workdir


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("evaluate", "--split=valid", "--num_samples=3"), "num_samples 3"),
        (("sample", "--num=4"), "samples_00000008_seed0_num4.png"),
        (("sample", "--draw", "--seed=2"), "draws_00000008_seed2.png"),
        (("sample", "--num=4", "--prior=mixture"), "samples_mixture_00000008_seed0_num4.png"),
        (("sample", "--temperature=0.5"), "samples_00000008_seed0_temperature0.5.png"),
        (("reconstruct", "--num", "3"), "reconstructions_00000008_test_num3.png"),
        (("inpaint", "--num=2", "--box=0,0,4,4"), "inpaint_00000008_box0-0-4-4_seed0.png"),
        (("anomaly", "--num=20", "--num_samples=2", "--outliers=digits"), ", AUROC "),
        (("verify", "--num_pairs=50"), "pairs            50"),
        (("nearest", "--num=3"), "nearest_latents_00000008_seed0_num3.png"),
        (("augment", "--num=3", "--json"), '"images": 3'),
        (
            ("interpolate", "--num=2", "--steps=3"),
            "interpolation_00000008_spherical_steps3_num2.gif",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_commands_on_a_finished_run(workdir, tmp_path, command, expected):
    before = files(workdir)
    out = tmp_path / "out"
    result = launch(*command, f"--workdir={workdir}", f"--out={out}")
    assert result.returncode == 0, result.stderr
    assert expected in result.stdout
    assert files(workdir) == before and files(out)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--config.data.path=no/such", "data.path = no/such does not exist"),
        ("--config.data.path=README.md", "data.path = README.md holds nothing that can be read"),
        ("--config.data.pth=no/such", "config.data.path"),
        ("--config.data.seed=1", "config.data.seed"),
        ("--config=experiments/digits.py", "evaluate does not read --config"),
    ],
)
def test_a_task_is_told_where_the_data_are_and_nothing_else_of_them(workdir, flag, message):
    result = launch("evaluate", f"--workdir={workdir}", flag)
    assert result.returncode == 2
    assert message in result.stderr and result.stderr.count("\n") == 1


def test_a_directory_that_cannot_be_written_is_said_before_anything_is_computed(workdir):
    result = launch("sample", f"--workdir={workdir}", "--out=/proc/out")
    assert result.returncode == 2
    assert result.stderr.startswith("error: /proc/out cannot be written: ")
    assert "give --out=DIR" in result.stderr and result.stderr.count("\n") == 1
    result = launch("lr_range", TINY[0], "--workdir=/proc/out")
    assert result.returncode == 2 and "give --workdir=DIR" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_that_cannot_be_written_is_used_with_out(workdir, tmp_path):
    copy = shutil.copytree(workdir, tmp_path / "run")
    try:
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        refused = launch("reconstruct", "--num=3", f"--workdir={copy}")
        assert refused.returncode == 2 and "give --out=DIR" in refused.stderr
        done = launch("reconstruct", "--num=3", f"--workdir={copy}", f"--out={tmp_path / 'out'}")
        assert done.returncode == 0, done.stderr
    finally:
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (("sample",), "run"),
        (("sample", "--out=other"), "other"),
        (("encode", "--out=other/z.npz"), "other"),  # a file
    ],
)
def test_what_is_checked_is_where_a_task_writes(arguments, folder, monkeypatch, capsys):
    def check(path):
        raise InputError(f"{path} is checked.")

    monkeypatch.setattr("vae.commands.check_writable", check)
    monkeypatch.setattr("vae.commands.start_logging", lambda **_: None)  # of this process
    assert main([*arguments, "--workdir=run"]) == 2
    assert capsys.readouterr().err == f"error: {folder} is checked.\n"


@pytest.mark.parametrize(
    ("command", "sign", "code", "said"),
    [
        (("train", *TINY), signal.SIGTERM, 75, "stopped by SIGTERM; run the same command again"),
        (("sample",), signal.SIGINT, 130, "stopped by Ctrl-C"),
    ],
    ids=["train", "sample"],
)
def test_a_stop_before_there_is_anything_to_save_is_one_line(
    workdir, tmp_path, command, sign, code, said
):
    where = tmp_path / "run" if command[0] == "train" else workdir
    arguments = [sys.executable, "launch.py", *command, f"--workdir={where}"]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not catches(process.pid, signal.SIGTERM):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(sign)
    said_by_it = process.communicate(timeout=60)[1]
    assert said_by_it.startswith(said) and said_by_it.count("\n") == 1
    assert process.returncode == code
    assert not (tmp_path / "run").exists()


def catches(process, sign):
    """Whether a process has a handler of a signal."""
    status = Path(f"/proc/{process}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return int(mask, 16) >> (sign - 1) & 1


def test_commands_on_images_of_ones_own(workdir, tmp_path):
    for name, level in (("a", 0), ("b", 200)):
        Image.fromarray(np.full((8, 8), level, np.uint8)).save(tmp_path / f"{name}.png")
    images = f"--files={tmp_path / 'a.png'},{tmp_path / 'b.png'}"
    for command, expected in (
        (("verify", "--num_pairs=50"), "as_close_of_two_people"),
        (("evaluate", "--num_samples=2", "--json"), '"files/examples": 2'),
    ):
        result = launch(*command, images, f"--workdir={workdir}")
        assert result.returncode == 0, result.stderr
        assert expected in result.stdout


def test_list_shows_every_experiment():
    result = launch("list")
    files = sorted((ROOT / "experiments").glob("*.py"))
    shown = [line.split()[0] for line in result.stdout.splitlines()]
    assert shown == [str(file.relative_to(ROOT)) for file in files]


def test_commands_from_another_directory(tmp_path):
    command = [sys.executable, str(ROOT / "launch.py")]
    listed = subprocess.run([*command, "list"], cwd=tmp_path, capture_output=True, text=True)
    assert "\ndigits  " in listed.stdout
    (tmp_path / "runs").mkdir()
    results = subprocess.run([*command, "results"], cwd=tmp_path, capture_output=True, text=True)
    assert results.returncode == 2
    assert results.stderr == "error: --workdir=runs holds no completed run.\n"


def test_help_shows_the_commands_and_starts_without_jax():
    program = (
        "import sys\nfrom vae.commands import main\n"
        "assert main(sys.argv[1:]) == 0 and 'jax' not in sys.modules"
    )
    for arguments in (("--help",), ("sample", "--help"), ("help", "sample"), ("help",)):
        command = [sys.executable, "-c", program, *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert ("--temperature" if "sample" in arguments else "reconstruct") in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_fits_a_screen_and_its_examples_are_understood(name):
    _, function, file = _place(name, [])
    command = signature.read(file, function)
    flags = command.parameters | _shared(command)
    lines = explain(name, command, _shared(command)).splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 80
    assert all(parameter.about.endswith(".") for parameter in flags.values())
    assert len(command.examples) in (2, 3)
    for example in command.examples:
        program, called, *arguments = example.split()
        assert (program, called) == ("vae", name)
        parse(arguments, name, flags, command.rest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "'trian' is no command"),
        (("train",), "--config=PATH is missing"),
        (("train", "--config=experiments/nothing.py"), "nothing.py"),
        (("train", TINY[0], "--config.model.latent_dims=3"), "latent_dim"),
        (("train", TINY[0], "--config.training.steps=many"), "training.steps"),
        (("train", TINY[0], "--config.training.steps=-1"), "must be a whole number from 1"),
        (("train", TINY[0], "--config.model.likelihood=poison"), "did you mean 'poisson'?"),
        (("train", TINY[0], "--config.optimizer.clip_norm=1e308"), "from 0 to 1e+30"),
        (("train", TINY[0], "--config.model.encoder_widths=(8,(8,))"), "must be a tuple of"),
        (("train", TINY[0], "--wrokdir=x"), "workdir"),
        (("train", TINY[0], "latent_dim=3"), "'latent_dim=3' is not understood"),
        (("train", TINY[0], "--cpu_devices=3"), "number of devices, 3"),
        (("sample",), "--workdir=PATH is missing"),
        (("report", "runs/a"), "is written --name=value, such as --workdir=runs/a."),
        (("inpaint", "--workdir=x", "--box=left"), "--box=left must be whole numbers"),
        (("sample", "--workdir=nowhere"), "nowhere holds no run"),
        (("evaluate", "--workdir=x", "--split=tets"), "--split=tets must be one of train, valid, "),
        (("evaluate", "--workdir=x", "--split=tets"), "test; did you mean 'test'?"),
        (("evaluate", "--workdir=x", "--step=bset"), "did you mean 'best'?"),
        (("evaluat", "--workdir=x"), "did you mean 'evaluate'?"),
        (("evaluate", "--workdir=x", "--seed=1"), "evaluate does not read --seed; "),
        (("sample", "--workdir=x", "--tempreature=1"), "did you mean '--temperature'?"),
        (("list", "--temperature=0.5"), "list does not read --temperature"),
        (("anomaly", "--workdir=x", "--files=a", "--files=b"), "--files is given twice"),
        (("sample", "--workdir=x", "--num"), "--num needs a value: --num=N"),
        (("sample", "--workdir=x", "--num=0"), "--num=0 must be a whole number from 1"),
        (("sample", "--workdir=x", "--draw=maybe"), "--draw=maybe must be True or False"),
        (("sample", "--workdir=x", TINY[0]), "sample does not read --config"),
        (("train", TINY[0], "--num=3"), "train does not read --num"),
        (("train", TINY[0], "--dry_run", "--profile"), "--profile has no effect on --dry_run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(tmp_path, arguments, message):
    extra = (f"--workdir={tmp_path / 'run'}",) if arguments[0] == "train" else ()
    result = launch(*arguments, *extra)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()
