"""What a sweep's directory belongs to, and the list of sweeps."""

import json
import re

import pytest

from vae.errors import InputError
from vae.sweeps import record
from vae.sweeps.listing import listing
from vae.sweeps.progress import Progress
from vae.sweeps.space import LogUniform, Plan
from vae.sweeps.trials import Trial
from vae.training import directory

GRID = Plan({}, ({"seed": 0}, {"seed": 1}), "valid/elbo", "maximize")
SPACE = Plan({"objective.beta": LogUniform(0.1, 1.0)}, GRID.rows, "test/nll", "minimize")


def made(plan=SPACE, **changes):
    given = {
        "config": "experiments/digits.py",
        "names": [],
        "overrides": {"training.steps": 500},
        "sampler": "tpe",
        "pruner": "none",
        "num_trials": 4,
    }
    return record.make(plan, **given | changes)


def test_a_sweep_is_what_it_was_started_as(tmp_path):
    record.claim(tmp_path, made())
    record.claim(tmp_path, made())
    record.claim(tmp_path, made(num_trials=6))
    assert json.loads((tmp_path / "sweep.json").read_text())["num_trials"] == 6
    before = (tmp_path / "sweep.json").read_text()
    wider = SPACE._replace(distributions={"objective.beta": LogUniform(0.1, 2.0)})
    for other, message in [
        (made(num_trials=5), "num_trials: 6 -> 5"),
        (made(config="experiments/mnist.py", num_trials=6), "config: 'experiments/digits.py' ->"),
        (made(overrides={}, num_trials=6), "training.steps: 500 -> '\\(absent\\)'"),
        (made(wider, num_trials=6), "objective.beta"),
        (made(GRID), "belongs to another sweep"),
        (made(sampler="qmc", num_trials=6), "sampler: 'tpe' -> 'qmc'"),
    ]:
        with pytest.raises(InputError, match=message):
            record.claim(tmp_path, other)
    assert (tmp_path / "sweep.json").read_text() == before


@pytest.mark.parametrize("name", ["study.journal", "config.json", "trials"])
def test_a_directory_of_something_else_is_refused(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(InputError, match="holds no sweep, but other files"):
        record.claim(tmp_path, made())
    assert not (tmp_path / "sweep.json").exists()


def add(workdir, number, status, value=None):
    folder = workdir / "trials" / f"{number:04d}"
    trial = Trial(number, number, folder, {"seed": number}, status, value=value)
    trial.save()
    return trial


def test_the_list_says_how_far_each_sweep_is(tmp_path):
    for name, plan in (("grid", GRID), ("space", SPACE)):
        (tmp_path / name).mkdir()
        record.claim(tmp_path / name, made(plan))
    add(tmp_path / "grid", 0, "completed", -3.0)
    add(tmp_path / "grid", 1, "diverged")
    add(tmp_path / "space", 0, "completed", 2.5)
    add(tmp_path / "space", 1, "completed", 1.5)
    add(tmp_path / "space", 2, "running")
    (tmp_path / "run").mkdir()
    _, grid, space = listing(tmp_path)[0].splitlines()
    assert re.match(r"grid   digits, a sweep  +completed  +2/2  valid/elbo -3 \(trial 0\)  2", grid)
    assert re.match(r"space  digits, a sweep  +stopped  +2/8  test/nll 1.5 \(trial 1\) +2", space)
    with directory.owned(tmp_path / "space"):
        _, sweep, *trials = listing(tmp_path / "space")[0].splitlines()
    assert re.match(rf"{tmp_path}/space +digits, a sweep +running +2/8", sweep)
    assert [line.split() for line in trials] == [
        ["trials/0000", "seed=0", "completed"],
        ["trials/0001", "seed=1", "completed"],
        ["trials/0002", "seed=2", "running"],
    ]
    with pytest.raises(InputError, match="holds no run and no sweep"):
        listing(tmp_path / "run")


def test_the_progress_line_tells_the_time_left(tmp_path, monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress(made(GRID)) as line:
        line.show([add(tmp_path, 0, "running")])
        now[0] += 65
        trials = [add(tmp_path, 0, "completed", -3.0), add(tmp_path, 1, "running")]
        line.show(trials)
        line.show(trials)
    assert capsys.readouterr().err.splitlines() == [
        "sweep  0/2  1 running",
        "sweep  1/2  1 completed, 1 running  best valid/elbo -3 (trial 0)   65.00 s/trial"
        "   1:05 left",
    ]
