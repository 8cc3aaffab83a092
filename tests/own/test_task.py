"""A task of one's own is a command: here, beside the experiment, and with its mistakes said."""

import json
import os
from pathlib import Path

import pytest
from configs import tiny

import vae
from vae import commands
from vae.config import own

TASK = '''
from vae import Output, Run


def shades(run: Run, *, num: int = 4) -> Output:
    """Measures how bright samples are.

    Args:
      num: the number of samples.
    """
    return Output([], {"shade": float(run.sample(num).mean()), "num": num})


def broken(run: Run):
    return 1 / 0


def nothing(run):
    pass
'''


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    vae.train(tiny(training__steps=2), workdir)
    return workdir


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with the task, which is the current one."""
    monkeypatch.setattr(own, "_directories", [])
    monkeypatch.setattr(own, "_modules", {})
    monkeypatch.setattr("sys.path", [*os.sys.path])
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(TASK)


def test_a_function_of_a_run_is_a_command(here, workdir, capsys):
    assert commands.main(["mine:shades", "--help"]) == 0
    assert "  --num=N             The number of samples (4)." in capsys.readouterr().out
    assert commands.main(["mine:shades", f"--workdir={workdir}", "--num", "2"]) == 0
    assert "num    2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine:shade"], "mine.py has no function 'shade'; did you mean 'shades'?"),
        (["other:shades"], "there is no module 'other' in"),
        (["mine:shades", "--nun=3"], "mine:shades does not read --nun; did you mean '--num'?"),
        (["mine:broken"], "mine:broken failed in mine.py, line 15: ZeroDivisionError: division"),
        (["mine:nothing"], "mine:nothing must return vae.Output(paths, figures)"),
    ],
)
def test_a_mistake_is_a_sentence(here, workdir, capsys, arguments, message):
    assert commands.main([*arguments, f"--workdir={workdir}"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ") and message in said


def test_it_may_lie_beside_the_experiment(here, tmp_path, monkeypatch, capsys):
    Path("experiment.py").write_text("from configs import tiny as get_config")
    train = ["train", "--config=experiment.py", "--workdir=run", "--config.training.steps=2"]
    monkeypatch.setattr(
        "sys.argv", ["vae", *(a.replace("=exp", f"={tmp_path}/exp") for a in train)]
    )
    assert commands.main(train) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert commands.main(["mine:shades", "--workdir=../run"]) == 0
    assert "shade" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["mine:shades", "../ideas/mine.py:shades"])
def test_it_may_lie_beside_a_part_of_the_run_or_where_it_is_said_to(
    here, workdir, tmp_path, monkeypatch, capsys, command
):
    """The paths of parts are whole; those of the command are of where it was started."""
    for folder in ("ideas", "elsewhere", "run"):
        (tmp_path / folder).mkdir()
    file = Path("mine.py").rename(tmp_path / "ideas" / "mine.py")
    record = json.loads((workdir / "provenance.json").read_text())
    record["parts"] = {"mine": {"file": str(file), "sha256": ""}} if "/" not in command else {}
    (tmp_path / "run" / "provenance.json").write_text(json.dumps(record))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert commands.main([command, "--help", "--workdir=../run"]) == 0
    assert "Measures how bright samples are" in capsys.readouterr().out
