"""What is said of runs by their directories alone: a list of them, and some side by side."""

import json
import subprocess
import sys

import pytest

from vae.config import base, flatten, to_dict
from vae.config.mapping import override
from vae.errors import InputError
from vae.report.compare import compare
from vae.report.runs import config_file
from vae.sweeps.listing import listing
from vae.training import directory


def made(folder, *, command=(), status=None, metrics=None, lines=(), **overrides):
    """A run directory, with a result where it has a status."""
    config = base()
    override(config, {"data.name": "digits"} | overrides)
    folder.mkdir(parents=True)
    record = {"command": ["vae", "train", *command], "data": {"digest": "a3f9"}, "commit": "c0ffee"}
    result = {"status": status, "step": 1500, "seconds": 75.4, "metrics": metrics or {}}
    (folder / "config.json").write_text(json.dumps(to_dict(config)))
    (folder / "provenance.json").write_text(json.dumps(record))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if status:
        (folder / "result.json").write_text(json.dumps(result))
    (folder / ".lock").touch()
    return folder


NLL = {"test/nll": 83.2164, "test/nll_stderr": 0.8812, "test/elbo": -87.0, "valid/elbo": -87.4}


@pytest.fixture
def runs(tmp_path):
    digits = ["--config=experiments/digits.py"]
    made(tmp_path / "b", command=digits, status="completed", metrics=NLL)
    elbo = {"test/elbo": -90.0, "test/elbo_stderr": 0.5}
    variant = ["--config", "experiments/binarized_mnist.py:iwae"]
    own = {"data.path": "/data/mnist", "model.latent_dim": 10, "optimizer.learning_rate": 3e-3}
    made(tmp_path / "a", command=variant, status="diverged", metrics=elbo, **own)
    lines = [{"step": 500, "valid/elbo": -95.5, "train/loss": 95.0}, {"step": 600, "train/loss": 9}]
    made(tmp_path / "later" / "going", command=digits, lines=lines, **{"model.name": "ladder"})
    return tmp_path


def test_a_list_says_what_each_run_is_and_what_it_came_to(runs):
    (runs / "damaged").mkdir()
    (runs / "damaged" / "config.json").write_text("{")
    (runs / "empty").mkdir()
    with directory.owned(runs / "later" / "going"):
        text, _ = listing(runs)
    rows = [[x.strip() for x in line.split("  ") if x.strip()] for line in text.splitlines()]
    header, *rows = rows
    assert header == ["run", "experiment", "data", "status", "step", "figure", "when", "took"]
    assert [row[:6] for row in rows[:2]] == [
        ["a", "binarized_mnist:iwae", "mnist", "diverged", "1,500", "test/elbo -90.00 ± 0.50"],
        ["b", "digits", "digits", "completed", "1,500", "test/nll 83.22 ± 0.88"],
    ]
    assert [row[-1] for row in rows[:2]] == ["1:15"] * 2
    assert rows[2][:2] == ["damaged", "damaged"] and "it holds no JSON" in rows[2][2]
    going = ["later/going", "digits, ladder", "digits", "running", "600", "valid/elbo -95.50"]
    assert rows[3][:6] == going
    assert "  stopped  " in listing(runs)[0].splitlines()[4]  # nobody holds it any more


def test_what_is_no_run_is_refused_in_one_sentence(runs):
    (runs / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no run and no sweep"):
        listing(runs / "empty")
    with pytest.raises(InputError, match=r"nowhere is no directory"):
        listing(runs / "nowhere")
    with pytest.raises(InputError, match=r"empty holds no run: it has no config.json"):
        compare([runs / "a", runs / "empty"])
    with pytest.raises(InputError, match="two runs or more"):
        compare([runs / "a"])


def test_runs_are_compared_by_what_differs(runs):
    text, found = compare([runs / "a", runs / "b"])
    rows = {line.split("  ")[0]: line.split()[1:] for line in text.splitlines() if line}
    assert text.splitlines()[0].split() == ["a", "b"]
    assert rows["status"] == ["diverged", "completed"]
    assert rows["test/nll"] == ["83.22", "±", "0.88"]  # of the second alone
    assert rows["test/elbo"] == ["-90.00", "±", "0.50", "-87.00"]
    assert rows["optimizer.learning_rate"] == ["0.003", "0.001"]
    differing = ["data.path", "model.latent_dim", "optimizer.learning_rate"]
    assert list(found["configs"]) == differing
    assert found["configs"]["model.latent_dim"] == [10, flatten(base())["model.latent_dim"]]
    assert found["figures"]["valid/elbo"] == [None, -87.4]
    assert "commit" not in rows and "data" not in rows  # the same
    assert "(the same configs)" in compare([runs / "b", runs / "b"])[0]


def test_neither_waits_for_jax(runs):
    program = (
        "import sys; from vae.report.compare import compare;"
        "from vae.sweeps.listing import listing;"
        "from pathlib import Path; folder = Path(sys.argv[1]); listing(folder);"
        "compare([folder / 'a', folder / 'b']); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(runs)]).returncode == 0


def test_a_narrow_terminal_has_fewer_columns(runs, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    lines = listing(runs)[0].splitlines()
    assert lines[0].split() == ["run", "experiment", "status", "step", "figure"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("vae train --config=a.py:v --workdir=r", "a.py:v"),
        ("vae train --workdir r --config a.py", "a.py"),
        ("vae train a.py --config.seed=1", "a.py"),
        ("vae train --profile --workdir r a.py --config.seed 1", "a.py"),
        ("vae train --workdir r", ""),
        ("own.py a.py", ""),
        ("", ""),
    ],
)
def test_the_experiment_of_a_command_is_known_however_it_was_named(words, file):
    assert config_file(words.split()) == file
