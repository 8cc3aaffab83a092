"""From trials to jobs: which are trained together, and how many."""

import json

from fakes import FakeExecutor, flags
from test_coordinator import GRID, RATES, SPACE, coordinate, records, statuses

from vae.config import base
from vae.experiments import ExperimentFile
from vae.sweeps import record
from vae.sweeps.jobs import Jobs
from vae.sweeps.space import Plan, product
from vae.training.directory import STOP

# Learning rates are traced, latent dimensions compiled in: four groups of one, two of four.
WIDTHS = product({"model.latent_dim": (2, 3), "optimizer.learning_rate": RATES})
TWO_GROUPS = Plan({}, tuple(WIDTHS), "valid/elbo", "maximize")


def members(job):
    """The run directories of a job."""
    given = flags(job.job)
    if job.job.arguments[0] == "population":
        return [job.workdir / "trials" / f"{int(n):04d}" for n in given["trials"].split(",")]
    return [job.workdir]


def finish(job, capacity=3):
    """Ends as the command would."""
    if job.job.arguments[0] == "packing":
        job.workdir.mkdir(parents=True, exist_ok=True)
        (job.workdir / "packing.json").write_text(json.dumps({"members": capacity}))
        return 0
    for workdir in members(job):
        result = {"status": "completed", "seconds": 2.0, "step": 4, "metrics": {"valid/elbo": -1.0}}
        (workdir / "result.json").write_text(json.dumps(result))
    return 0


def commands(executor):
    return [started.job.arguments[0] for started in executor.started]


def test_trials_that_differ_in_traced_numbers_are_trained_together(tmp_path):
    executor = FakeExecutor(slots=1, end=finish)
    assert coordinate(tmp_path, executor, TWO_GROUPS, points=8, packing={"members": 4}).run()
    assert commands(executor) == ["population"] * 2
    assert [flags(started.job)["trials"] for started in executor.started] == ["0,1,2,3", "4,5,6,7"]
    job = executor.started[1].job
    assert job.arguments == (
        "population",
        "--config=experiments/digits.py",
        f"--workdir={tmp_path}",
        "--trials=4,5,6,7",
        "--cpu_devices=2",
        "--config.training.steps=30",
    )
    assert job.log == tmp_path / "trials" / "0004" / "log.txt"
    assert statuses(tmp_path) == ["completed"] * 8


def test_free_slots_share_the_trials_of_a_group(tmp_path):
    executor = FakeExecutor(slots=2, end=finish)
    coordinate(tmp_path, executor, packing={"members": 4}).run()
    assert [flags(started.job)["trials"] for started in executor.started] == ["0,1", "2,3"]


def test_how_many_is_measured_once_for_each_group(tmp_path):
    executor = FakeExecutor(slots=2, end=finish)
    packing = {"members": None, "most": 8}
    assert coordinate(tmp_path, executor, TWO_GROUPS, points=8, packing=packing).run()
    assert sorted(commands(executor)) == ["packing"] * 2 + ["population"] * 4
    first = executor.started[0].job
    assert "--members=8" in first.arguments and "--config.model.latent_dim=2" in first.arguments
    assert first.log.parent == tmp_path / "packing" / first.log.parent.name
    assert statuses(tmp_path) == ["completed"] * 8
    # One that goes on knows what was measured.
    experiment = ExperimentFile("experiments/digits.py", base(), {"training.steps": 30})
    jobs = Jobs(tmp_path, experiment, **packing)
    _, trials = jobs.next(record.trials(tmp_path), free=1)
    assert len(trials) == 3 == jobs.largest


def test_where_measuring_fails_trials_are_trained_one_by_one(tmp_path):
    def end(job):
        return 1 if job.job.arguments[0] == "packing" else finish(job)

    executor = FakeExecutor(slots=2, end=end)
    assert coordinate(tmp_path, executor, packing={"members": None, "most": 8}).run()
    assert commands(executor) == ["packing"] + ["train"] * 4
    assert [trial["attempts"] for trial in records(tmp_path)] == [1] * 4


def test_points_are_asked_for_as_many_as_are_trained_together(tmp_path):
    executor = FakeExecutor(slots=1, end=finish)
    packing = {"members": None, "most": 8}
    assert coordinate(tmp_path, executor, SPACE, points=7, packing=packing).run()
    assert commands(executor) == ["packing", "population", "population", "train"]


def test_a_member_is_given_up_alone(tmp_path):
    values = [-1.0, -2.0, -50.0, -60.0]

    def end(job):
        for value, workdir in zip(values, members(job), strict=True):
            with open(workdir / "metrics.jsonl", "a") as file:
                file.write(json.dumps({"step": 10, "valid/elbo": value}) + "\n")
        if not any((workdir / STOP).exists() for workdir in members(job)):
            assert job.polls > -5, "nobody was given up"
            return None
        for workdir in members(job):
            status = "preempted" if (workdir / STOP).exists() else "completed"
            result = {"status": status, "seconds": 2.0, "step": 4, "metrics": {"valid/elbo": -1.0}}
            (workdir / "result.json").write_text(json.dumps(result))
        return 75

    executor = FakeExecutor(slots=1, end=end)
    packing = {"members": 4}
    assert coordinate(tmp_path, executor, pruner="halving", points=4, packing=packing).run()
    assert "pruned" in statuses(tmp_path) and "completed" in statuses(tmp_path)
    assert executor.started[0].stops == 0 and len(executor.started) == 1


def test_no_group_is_made_of_one_trial_at_a_time(tmp_path):
    executor = FakeExecutor(slots=1, end=finish)
    coordinate(tmp_path, executor, GRID, packing={"members": 1}).run()
    assert commands(executor) == ["train"] * 4
    assert not (tmp_path / "packing").exists()
