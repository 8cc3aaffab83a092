"""Runs that are killed or damaged at any place: what is left always leads to the same weights."""

import functools
import gc
import json
import shutil
import signal

import numpy as np
import pytest
from configs import tiny
from launching import end_at, launch
from logged import lines

import vae
from vae.errors import InputError
from vae.training.checkpoint_errors import CheckpointError

pytestmark = pytest.mark.slow

COMMAND = (
    "train",
    "--config=experiments/digits.py",
    "--config.training.steps=40",
    "--config.data.batch_size=32",
    "--config.model.encoder_widths=(16,)",
    "--config.model.decoder_widths=(16,)",
    "--config.log.every_steps=10",
    "--config.log.images_every_steps=20",
    "--config.evaluation.every_steps=20",
    "--config.evaluation.num_samples=2",
    "--config.checkpoint.every_steps=10",
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed")
    result = launch(*COMMAND, f"--workdir={workdir}")
    assert result.returncode == 0, result.stderr
    return workdir


PLACES = {
    "os:replace": (1, 2, 3, 4, 7),  # config.json, provenance.json, pictures, result.json
    "vae.training.logs:Log.scalars": (1, 3, 6, 7),  # the last of them the test set's
    "vae.training.checkpoints:Checkpoints.save": (1, 2, 4),
    "vae.experiment:Experiment.test": (1,),
    "vae.training.run_record:Record.finish": (1,),
    "vae.modalities.pictures:save": (1, 3),
}
KILLS = [
    (place, number, after, signal.SIGKILL)
    for place, numbers in PLACES.items()
    for number in numbers
    for after in (False, True)
] + [(place, numbers[-1], False, signal.SIGTERM) for place, numbers in PLACES.items()]
KILLS += [
    ("vae.evaluation.likelihood:_combine", number, True, sign)
    for number, sign in ((1, signal.SIGKILL), (8, signal.SIGHUP))
]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: "-".join(map(str, kill)))
def test_a_run_that_is_killed_ends_as_the_undisturbed_one(tmp_path, undisturbed, kill):
    killed = launch(*COMMAND, f"--workdir={tmp_path}", first=functools.partial(end_at, *kill))
    sign = kill[-1]
    assert killed.returncode in ((-9,) if sign == signal.SIGKILL else (0, 75)), killed.stderr
    assert "Traceback" not in killed.stderr
    if sign != signal.SIGKILL and (tmp_path / "result.json").exists():
        status = json.loads((tmp_path / "result.json").read_text())["status"]
        assert status == {0: "completed", 75: "preempted"}[killed.returncode]
    again = launch(*COMMAND, f"--workdir={tmp_path}")
    assert again.returncode == 0 and "Traceback" not in again.stderr, again.stderr
    expected, result = (
        json.loads((workdir / "result.json").read_text()) for workdir in (undisturbed, tmp_path)
    )
    for key in ("status", "step", "metrics", "params_sha256", "protocol"):
        assert result[key] == expected[key]
    assert lines(tmp_path) == lines(undisturbed)
    names = {path.relative_to(undisturbed) for path in (undisturbed / "images").iterdir()}
    assert names == {path.relative_to(tmp_path) for path in (tmp_path / "images").iterdir()}
    assert not [path for path in tmp_path.rglob("*") if ".tmp" in path.name]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of 20 steps, and the result of one of 24."""
    workdir = tmp_path_factory.mktemp("trained")
    config = tiny(log__images_every_steps=20, checkpoint__max_to_keep=2)
    vae.train(config, workdir / "run")
    shutil.copytree(workdir / "run", workdir / "longer")
    return workdir / "run", vae.train(longer(), workdir / "longer")


def longer():
    return tiny(training__steps=24, checkpoint__max_to_keep=2)


# Orbax leaves the tasks of a read that fails to the garbage collector, which complains of them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_file_is_mended_or_said_in_a_sentence(tmp_path, trained, seed):
    """Every file of a run directory but the arrays, which the tests of checkpoints damage."""
    run, expected = trained
    files = [path for path in run.rglob("*") if path.is_file() and path.stat().st_size]
    files = sorted(path for path in files if path.parent.name != "d")
    rng = np.random.default_rng(seed)
    file = files[seed % len(files)].relative_to(run)
    copy = shutil.copytree(run, tmp_path / "run")
    content = bytearray((copy / file).read_bytes())
    if seed // len(files) % 2:
        content = content[: rng.integers(len(content))]
    else:
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    (copy / file).write_bytes(content)
    said = []
    for use in (lambda: vae.load(copy).sample(1), lambda: vae.train(longer(), copy)):
        try:
            result = use()
        except (InputError, CheckpointError) as error:
            said.append(str(error))
    if len(said) < 2 and isinstance(result, dict):
        assert result["params_sha256"] == expected["params_sha256"], file
        assert result["status"] == "completed"
    gc.collect()  # here, not in a test that follows
