"""The coordinator with jobs that train nothing: what it starts, tells, retries and gives up."""

import collections
import json
import math
from pathlib import Path

import optuna
import pytest
from fakes import FakeExecutor, elbo, learning_rate

from vae.config import base
from vae.errors import InputError
from vae.experiments import ExperimentFile
from vae.sweeps.coordinator import Coordinator
from vae.sweeps.jobs import Jobs
from vae.sweeps.search import Search
from vae.sweeps.space import LogUniform, Plan, product
from vae.training import directory

RATES = (1e-4, 1e-3, 1e-2, 1e-1)
GRID = Plan({}, tuple(product({"optimizer.learning_rate": RATES})), "valid/elbo", "maximize")
SPACE = Plan({"optimizer.learning_rate": LogUniform(1e-4, 1e-1)}, ({},), "valid/elbo", "maximize")
SEEDS = SPACE._replace(rows=({"seed": 0}, {"seed": 1}))


def coordinate(
    workdir,
    executor,
    plan=GRID,
    points=4,
    pruner="none",
    wait=lambda: None,
    packing=None,
    **kwargs,
):
    workdir.mkdir(exist_ok=True)
    search = Search(
        workdir / "study.journal", plan, sampler="tpe", pruner=pruner, every=10, steps=30
    )
    overrides = {"training.steps": 30}
    experiment = ExperimentFile("experiments/digits.py", base(), overrides)
    jobs = Jobs(workdir, experiment, ["--cpu_devices=2"], **(packing or {"members": 1}))
    return Coordinator(
        workdir, plan, search, jobs, executor, num_points=points, wait=wait, **kwargs
    )


def study(workdir):
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(workdir / "study.journal"))
    )
    return optuna.load_study(study_name="sweep", storage=storage)


def records(workdir):
    files = sorted(workdir.glob("trials/*/trial.json"))
    return [json.loads(file.read_text()) for file in files]


def statuses(workdir):
    return [trial["status"] for trial in records(workdir)]


def test_every_row_of_a_grid_is_trained_once(tmp_path):
    executor = FakeExecutor(slots=2)
    shown = []
    assert coordinate(
        tmp_path, executor, show=lambda trials: shown.append([t.status for t in trials])
    ).run()
    assert executor.most == 2
    assert [learning_rate(started.job) for started in executor.started] == list(RATES)
    assert executor.started[1].job.arguments == (
        "train",
        "--config=experiments/digits.py",
        f"--workdir={tmp_path / 'trials' / '0001'}",
        "--cpu_devices=2",
        "--config.training.steps=30",
        "--config.optimizer.learning_rate=0.001",
    )
    assert executor.started[1].job.log == tmp_path / "trials" / "0001" / "log.txt"
    assert records(tmp_path)[1] == {
        "number": 1,
        "point": 1,
        "overrides": {"optimizer.learning_rate": 1e-3},
        "status": "completed",
        "attempts": 1,
        "seconds": 2.0,
        "value": 0.0,
        "error": None,
    }
    assert shown[0] == ["running"] * 2 and shown[-1] == ["completed"] * 4
    assert study(tmp_path).best_params == {"optimizer.learning_rate": 1e-3}
    again = FakeExecutor()
    assert coordinate(tmp_path, again).run()
    assert again.started == []


def test_points_of_a_space_are_drawn_for_free_slots_and_told(tmp_path):
    executor = FakeExecutor(slots=3)
    coordinate(tmp_path, executor, SPACE, points=7).run()
    assert len(executor.started) == 7 and executor.most == 3
    trials = study(tmp_path).trials
    for trial, started in zip(trials, executor.started, strict=True):
        rate = trial.params["optimizer.learning_rate"]
        assert rate == learning_rate(started.job) and 1e-4 <= rate <= 1e-1
        assert trial.value == pytest.approx(-abs(rate - 1e-3))
    assert len({trial.value for trial in trials}) == 7
    coordinate(tmp_path, executor, SPACE, points=9).run()
    assert len(executor.started) == 9 == len(study(tmp_path).trials)


def test_a_search_for_what_no_run_measures_ends_with_the_first(tmp_path):
    misspelt = SPACE._replace(objective="valid/elbow")
    executor = FakeExecutor(slots=2)
    for _ in range(2):  # also where it goes on
        with pytest.raises(InputError, match="did you mean 'valid/elbo'"):
            coordinate(tmp_path, executor, misspelt, points=7).run()
    assert len(executor.started) == 2 and executor.running == []
    grid = GRID._replace(objective="valid/elbow")  # of which every row is wanted
    assert coordinate(tmp_path / "grid", FakeExecutor(), grid).run()


def test_a_point_beside_a_grid_is_judged_by_the_mean_of_its_rows(tmp_path):
    def end(job):
        return job.result(**{"valid/elbo": 10.0 if "--config.seed=1" in job.job.arguments else 4.0})

    executor = FakeExecutor(slots=2, end=end)
    coordinate(tmp_path, executor, SEEDS, points=3).run()
    assert [trial["point"] for trial in records(tmp_path)] == [0, 0, 1, 1, 2, 2]
    assert [trial["overrides"]["seed"] for trial in records(tmp_path)] == [0, 1] * 3
    assert [trial.value for trial in study(tmp_path).trials] == [7.0] * 3


def test_a_diverged_run_is_a_result_and_the_worst(tmp_path):
    def end(job):
        return job.result("diverged") if learning_rate(job.job) > 0.05 else elbo(job)

    executor = FakeExecutor(end=end)
    assert coordinate(tmp_path, executor).run()
    assert statuses(tmp_path) == ["completed"] * 3 + ["diverged"]
    assert len(executor.started) == 4
    assert [trial.value for trial in study(tmp_path).trials][-1] == -math.inf
    assert study(tmp_path).best_trial.number == 1


@pytest.mark.parametrize("code", [1, -9, 255])
def test_a_run_that_failed_is_tried_again_and_the_sweep_goes_on(tmp_path, code):
    def end(job):
        if learning_rate(job.job) == RATES[0] and len(job.executor.started) < 3:
            return code
        return elbo(job)

    assert coordinate(tmp_path, FakeExecutor(end=end)).run()
    assert statuses(tmp_path) == ["completed"] * 4
    assert [trial["attempts"] for trial in records(tmp_path)] == [2, 1, 1, 1]
    assert records(tmp_path)[0]["error"] is None


def test_what_fails_again_and_again_is_marked_with_its_last_words(tmp_path, caplog):
    def end(job):
        if learning_rate(job.job) == RATES[0]:
            job.job.log.write_text("step 3\nerror: No space left on device\n")
            (job.workdir / "result.json").write_text('{"status": "failed", "seconds": 3.0}')
            return 1
        return elbo(job)

    executor = FakeExecutor(end=end)
    assert coordinate(tmp_path, executor).run()
    first = records(tmp_path)[0]
    assert first["status"] == "failed" and first["attempts"] == 3 and first["seconds"] == 3.0
    assert first["error"] == "error: No space left on device"
    assert statuses(tmp_path)[1:] == ["completed"] * 3 and len(executor.started) == 6
    assert study(tmp_path).trials[0].state == optuna.trial.TrialState.FAIL
    assert "Trial 0 failed: error: No space left" in caplog.text


def test_a_wrong_config_is_not_tried_again(tmp_path):
    def end(job):
        if learning_rate(job.job) != RATES[0]:
            return elbo(job)
        job.job.log.write_text("error: data.path=x: there is no such file.\n")
        return 2

    executor = FakeExecutor(end=end)
    coordinate(tmp_path, executor).run()
    assert statuses(tmp_path)[0] == "failed" and len(executor.started) == 4
    assert "no such file" in records(tmp_path)[0]["error"]


def test_a_preempted_run_goes_on_without_counting_as_failed(tmp_path):
    executor = FakeExecutor(end=lambda job: elbo(job) if len(job.executor.started) > 4 else 75)
    assert coordinate(tmp_path, executor).run()
    assert statuses(tmp_path) == ["completed"] * 4
    assert {trial["attempts"] for trial in records(tmp_path)} == {1}


def test_a_run_without_the_objective_completes_and_tells_nothing(tmp_path):
    coordinate(tmp_path, FakeExecutor(end=lambda job: job.result(**{"train/loss": 1.0}))).run()
    assert statuses(tmp_path) == ["completed"] * 4
    assert {t.state for t in study(tmp_path).trials} == {optuna.trial.TrialState.FAIL}


def pruned_sweep(workdir, plan, values, **kwargs):
    """Each point logs its value at steps 10 and 20 and ends with it at 30."""

    def end(job):
        number = int(job.workdir.name)
        steps[number] += 10
        job.log(steps[number], values[number])
        return job.result(**{"valid/elbo": values[number]}) if steps[number] == 30 else None

    steps = collections.Counter()
    executor = FakeExecutor(slots=kwargs.pop("slots", 1), end=end, polls=0)
    assert coordinate(workdir, executor, plan, **kwargs).run()
    return executor


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_a_run_that_does_worse_than_others_is_stopped_once(tmp_path, pruner):
    values = [-1.0, -2.0, -1.5, -1.2, -1.1, -50.0, -60.0, -1.0]
    executor = pruned_sweep(tmp_path, SPACE, values, points=8, pruner=pruner)
    for number in (5, 6):
        assert statuses(tmp_path)[number] == "pruned"
        assert executor.started[number].stops == 1
        trial = study(tmp_path).trials[number]
        assert trial.state == optuna.trial.TrialState.PRUNED
        assert trial.intermediate_values == {10: values[number]}
    assert statuses(tmp_path)[0] == statuses(tmp_path)[7] == "completed"
    assert study(tmp_path).trials[0].intermediate_values == dict.fromkeys((10, 20, 30), -1.0)
    assert study(tmp_path).best_value == -1.0


def test_hyperband_gives_up_in_one_of_its_brackets(tmp_path):
    values = [-1.0] * 5 + [-50.0] * 5
    pruned_sweep(tmp_path, SPACE, values, points=10, pruner="hyperband")
    assert set(statuses(tmp_path)[:5]) == {"completed"}
    assert set(statuses(tmp_path)[5:]) == {"completed", "pruned"}


def test_rows_of_a_point_are_given_up_together_by_their_mean(tmp_path):
    values = [-1.0] * 10 + [-50.0, 40.0, -50.0, -40.0]
    pruned_sweep(tmp_path, SEEDS, values, points=7, pruner="median", slots=2)
    assert statuses(tmp_path)[10:12] == ["pruned", "pruned"]  # a mean of -5
    assert statuses(tmp_path)[12:] == ["pruned", "pruned"]
    assert study(tmp_path).trials[6].intermediate_values == {10: -45.0}


def test_stopped_and_run_again_it_goes_on(tmp_path):
    executor = FakeExecutor(polls=2)

    def wait():
        if len(executor.started) == 4:
            first.stop()

    first = coordinate(tmp_path, executor, wait=wait)
    assert not first.run()
    assert executor.running == []
    assert statuses(tmp_path) == ["completed", "completed", "waiting", "waiting"]
    assert [job.stops for job in executor.started] == [0, 0, 1, 1]
    second = FakeExecutor()
    assert coordinate(tmp_path, second).run()
    assert statuses(tmp_path) == ["completed"] * 4
    assert {trial["attempts"] for trial in records(tmp_path)} == {1}
    completed = [
        int(job.workdir.name) for job in executor.started + second.started if not job.stops
    ]
    assert sorted(completed) == [0, 1, 2, 3]


def test_a_signal_before_the_job_listens_is_no_failure(tmp_path):
    executor = FakeExecutor(polls=100, stopped=-15)
    first = coordinate(tmp_path, executor, wait=lambda: first.stop())
    assert not first.run()
    assert statuses(tmp_path) == ["waiting", "waiting"]
    assert {trial["attempts"] for trial in records(tmp_path)} == {1}


class Killed(BaseException):
    """The coordinator's process is gone, between two of its writes."""


@pytest.mark.parametrize("plan", [GRID, SEEDS], ids=["grid", "space"])
def test_killed_at_any_write_it_ends_with_each_trial_run_once(tmp_path, plan, monkeypatch):
    points = 3 if plan is GRID else 2
    plan = plan._replace(rows=plan.rows[:3])
    total = 3 if plan.distributions == {} else 4
    original = directory.write_json
    for writes in range(3 * total + 1):
        workdir = tmp_path / str(writes)
        finished = []

        def end(job, finished=finished):
            finished.append(job.workdir.name)
            return elbo(job)

        with monkeypatch.context() as patch:
            left = [writes]

            def write(path, value, left=left):
                if not left[0]:
                    raise Killed
                left[0] -= 1
                original(path, value)

            patch.setattr(directory, "write_json", write)
            with pytest.raises(Killed) if writes < 3 * total else pytest.raises(AssertionError):
                assert not coordinate(workdir, FakeExecutor(end=end), plan, points=points).run()
        assert coordinate(workdir, FakeExecutor(end=end), plan, points=points).run()
        assert statuses(workdir) == ["completed"] * total
        assert sorted(finished) == sorted(set(finished))
        states = {trial.state for trial in study(workdir).trials}
        assert states == {optuna.trial.TrialState.COMPLETE}


def test_a_run_that_outlived_its_coordinator_is_waited_for(tmp_path):
    first = coordinate(
        tmp_path, FakeExecutor(polls=100), wait=lambda: (_ for _ in ()).throw(Killed)
    )
    with pytest.raises(Killed):
        first.run()
    assert statuses(tmp_path) == ["running", "running"]
    workdir = tmp_path / "trials" / "0000"
    lock = directory.owned(workdir)
    lock.__enter__()
    moments = []

    def wait():
        moments.append([Path(job.job.log).parent.name for job in executor.running])
        if len(moments) == 10:
            result = {"status": "completed", "step": 4, "seconds": 2.0}
            result["metrics"] = {"valid/elbo": -3.0}
            (workdir / "result.json").write_text(json.dumps(result))
            lock.__exit__(None, None, None)

    executor = FakeExecutor()
    assert coordinate(tmp_path, executor, wait=wait).run()
    assert statuses(tmp_path) == ["completed"] * 4 and records(tmp_path)[0]["value"] == -3.0
    assert sorted(job.workdir.name for job in executor.started) == ["0001", "0002", "0003"]
    assert executor.most == 1  # beside the one found, in the two slots


def test_a_directory_that_another_process_holds_is_no_wrong_config(tmp_path):
    locks = []

    def end(job):
        if len(job.executor.started) == 1:
            locks.append(directory.owned(job.workdir))
            locks[0].__enter__()
            return 2
        return elbo(job)

    executor = FakeExecutor(slots=1, end=end)
    moments = []

    def wait():
        moments.append(1)
        if len(moments) == 8:
            assert statuses(tmp_path) == ["running"]
            locks[0].__exit__(None, None, None)

    assert coordinate(tmp_path, executor, wait=wait).run()
    assert statuses(tmp_path) == ["completed"] * 4 and len(executor.started) == 5
