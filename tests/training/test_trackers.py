"""What trackers are told of a run, and that nothing they do is in its way."""

import json
import logging
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from configs import tiny
from logged import Kept

from vae.errors import InputError
from vae.experiments import _value
from vae.modalities.sheets import Sheet
from vae.rules import steps
from vae.rules.config import check_config
from vae.training import trackers
from vae.training.logs import Log
from vae.training.trackers import Tracked

SHEET = Sheet(np.zeros((4, 6, 3), np.uint8), "a line", {".csv": b"1,2"})


class Hanging(Kept):
    wait = threading.Event()

    def scalars(self, step, values):
        self.wait.wait()


HANGING = f"{__name__}:Hanging"


def logged(workdir, *names):
    """Two steps, a sheet and an end, as a run logs them."""
    config = tiny(log__trackers=names)
    log = Log(workdir, tensorboard=False, trackers=trackers.begin(config, workdir))
    log.scalars(4, {"train/loss": 2, "valid/elbo": None})
    log.sheet(4, "samples", SHEET)
    log.scalars(8, {"train/loss": 1.5})
    log.result = {"status": "completed", "metrics": {"test/elbo": -3.0}}
    log.close()
    return config


def test_a_tracker_is_told_a_run_and_knows_it_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(Kept, "told", told := [])
    trial = tmp_path / "sweep" / "trials" / "0003"
    trial.mkdir(parents=True)
    (trial / "trial.json").write_text("{}")
    with caplog.at_level(logging.INFO, logger="vae"):
        config = logged(trial, "logged:Kept")
    begin, *calls = told
    values = json.loads(config.to_json())
    assert begin == ("begin", Tracked("sweep/0003", "sweep", "vae", values, {}))
    assert calls == [
        ("scalars", 4, {"train/loss": 2.0}),
        ("sheet", 4, "samples", SHEET),
        ("scalars", 8, {"train/loss": 1.5}),
        ("end", {"status": "completed", "metrics": {"test/elbo": -3.0}}),
    ]
    assert caplog.messages == ["Kept is nowhere"]
    told.clear()
    logged(trial, "logged:Kept")
    assert told[0][1].known == {"id": "7"}
    (trial / "trackers.json").write_text("no JSON")  # it begins anew
    told.clear()
    logged(trial, "logged:Kept")
    assert told[0][1].known == {}
    logged(tmp_path, "logged:Kept")
    assert (told[-5][1].name, told[-5][1].group) == (tmp_path.name, "")


@pytest.mark.parametrize("call", ["begin", "scalars", "sheet", "end"])
def test_a_tracker_that_fails_says_so_once_and_stops_nothing(tmp_path, monkeypatch, caplog, call):
    monkeypatch.setattr(Kept, "fails", call)
    logged(tmp_path, "logged:Kept")
    (said,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    expected = f"logged:Kept failed (ConnectionError: nobody answers {call}); the run goes on"
    assert said.getMessage().startswith(expected)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def test_one_that_hangs_is_left_behind(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(trackers, "WAIT", 0.05)
    monkeypatch.setattr(Kept, "told", told := [])
    monkeypatch.setattr(trackers, "_behind", set())
    logged(tmp_path, HANGING, "logged:Kept")
    logged(tmp_path, HANGING)  # another run of this process
    assert caplog.text.count(f"{HANGING} has not taken all figures within 0.05 s") == 1
    assert "end" in [call for call, *_ in told]  # of the other one
    Hanging.wait.set()


def test_what_is_no_tracker_and_what_is_not_installed_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"Sheet' is no Tracker: let it be a subclass of vae\."):
        logged(tmp_path, f"{__name__}:Sheet")
    with pytest.raises(InputError, match=r"each one of wandb, mlflow, aim or \"module:Name\""):
        check_config(tiny(log__trackers=("neptune",)))
    with pytest.raises(InputError, match=r"log.project='mine' has no effect with log.trackers="):
        check_config(tiny(log__project="mine"))
    monkeypatch.setattr(steps, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"'wandb' needs the package wandb, .* pip install wandb"):
        check_config(tiny(log__trackers=("wandb",)))


@pytest.mark.parametrize("text", ["wandb", "wandb,mlflow", "a.b:C,aim"])
def test_names_are_given_with_commas(text):
    assert _value(text, (), free=False) == tuple(text.split(","))
    assert _value("(1", (), free=False) == "(1"


# Two processes, the second of which goes on after step 8, as one that was stopped there.
TOLD = """
import io, pathlib, socket, sys, wave
import numpy as np
from configs import tiny
from vae.modalities.sheets import Sheet
from vae.training import trackers
from vae.training.logs import Log

def watched(self, address, connect=socket.socket.connect):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
        print("network", address, file=sys.stderr)
    return connect(self, address)

socket.socket.connect = watched
socket.getaddrinfo = lambda *args, **_: print("network", args, file=sys.stderr)
name, workdir, first = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3] == "first"
config = tiny(log__trackers=(name,), log__project="digits", training__steps=8 if first else 16)
log = Log(workdir, tensorboard=False, trackers=trackers.begin(config, workdir))
with wave.open(sound := io.BytesIO(), "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    file.writeframes(bytes(1600))
picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
for step in (4, 8) if first else (12, 16):
    log.scalars(step, {"train/loss": 2.0 / step, "valid/elbo": float("nan")})
log.sheet(step, "samples", Sheet(picture, "a line", {"/00.wav": sound.getvalue()}))
status = "preempted" if first else "completed"
if not first:
    log.scalars(16, {"test/elbo": -3.0})
log.result = {"status": status, "step": step, "metrics": {"test/elbo": -3.0}}
log.close()
"""

SEEN = {
    "wandb": """
import glob, json, struct
from wandb.proto import wandb_internal_pb2

def records(content):  # as LevelDB logs them, in blocks of 32 KiB
    at, whole = 7, b""
    while at < len(content):
        at += 0 if 32768 - at % 32768 >= 7 else 32768 - at % 32768
        _, length, kind = struct.unpack_from("<IHB", content, at)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""

found, ids, groups, pictures = {}, set(), set(), 0
for file in sorted(glob.glob("wandb/offline-run-*/*.wandb")):
    for data in records(open(file, "rb").read()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.HasField("run"):
            ids.add(record.run.run_id), groups.add(record.run.run_group)
            assert record.run.project == "digits", record.run.project
            keys = {item.key for item in record.run.config.update}
            assert {"data", "model", "seed"} <= keys, keys
        items = {(i.key or i.nested_key[0]): i.value_json for i in record.history.item}
        if "train/loss" in items:
            found[json.loads(items["step"])] = json.loads(items["train/loss"])
        pictures += "samples" in items
        if record.HasField("exit"):
            code = record.exit.exit_code
assert found == {4: 0.5, 8: 0.25, 12: 2 / 12, 16: 0.125}, found
assert len(ids) == 1 and groups == {"sweep"} and pictures == 2, (ids, groups, pictures)
assert code == 0
""",
    "mlflow": """
from mlflow import MlflowClient
import pathlib
client = MlflowClient(f"sqlite:///{pathlib.Path('mlflow.db').absolute()}")
experiment = client.get_experiment_by_name("digits")
(run,) = client.search_runs([experiment.experiment_id])
assert run.info.run_name == "sweep/0000" and run.info.status == "FINISHED", run.info
assert run.data.tags["group"] == "sweep" and run.data.tags["status"] == "completed"
assert run.data.params["model.latent_dim"] == "4" and run.data.params["data.batch_size"] == "32"
history = client.get_metric_history(run.info.run_id, "train/loss")
assert {m.step: m.value for m in history} == {4: 0.5, 8: 0.25, 12: 2 / 12, 16: 0.125}
assert run.data.metrics["test/elbo"] == -3.0
names = {file.path for file in client.list_artifacts(run.info.run_id, "samples")}
each = [f"samples/samples_{step:08d}" for step in (8, 16)]
assert names == {f"{x}{end}" for x in each for end in ("", ".png", ".txt")}, names
assert {"config.json", "result.json"} <= {f.path for f in client.list_artifacts(run.info.run_id)}
""",
    "aim": """
import aim
from aim.sdk.index_manager import RepoIndexManager
from aim.storage.context import Context
repo = aim.Repo(".")
(hash,) = repo.list_all_runs()
RepoIndexManager.get_index_manager(repo).index(hash)  # as `aim up` does
run = aim.Run(hash, repo=repo, read_only=True)
assert run.name == "sweep/0000" and run.experiment == "digits"
assert run["group"] == "sweep" and run["config"]["model"]["latent_dim"] == 4
assert run["result"]["metrics"]["test/elbo"] == -3.0
loss = run.get_metric("loss", Context({"subset": "train"}))
steps, (values, *_) = loss.data.items_list()
assert dict(zip(steps, values)) == {4: 0.5, 8: 0.25, 12: 2 / 12, 16: 0.125}
kinds = [("samples", run.get_image_sequence), ("samples/text", run.get_text_sequence)]
for name, get in [*kinds, ("samples/00", run.get_audio_sequence)]:
    assert list(get(name, Context({})).data.indices_list()) == [8, 16], name
""",
}


@pytest.mark.slow  # each imports for seconds, in three processes
@pytest.mark.parametrize("name", SEEN)
def test_a_tracker_has_the_run_offline(tmp_path, name):
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    workdir = tmp_path / "sweep" / "trials" / "0000"
    workdir.mkdir(parents=True)
    (workdir / "trial.json").write_text("{}")
    root = Path(__file__).resolve().parents[2]
    offline = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "MLFLOW"))}
    offline |= {"PYTHONPATH": f"{root}:{root / 'tests'}", "HOME": str(tmp_path)}
    commands = [["-c", TOLD, name, str(workdir), when] for when in ("first", "then")]
    for command in [*commands, ["-c", SEEN[name]]]:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=offline, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        for said in ("failed", "Traceback", "network"):
            assert said not in done.stderr, done.stderr
