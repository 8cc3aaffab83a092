"""The command `sweep`, and its job `population`."""

from __future__ import annotations

import contextlib
import copy
import logging
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import ml_collections

from vae.annotations import Count
from vae.config import override
from vae.errors import InputError, reason
from vae.experiments import ExperimentFile
from vae.rules.config import check_config
from vae.sweeps import executors, progress, record, results, space
from vae.sweeps.coordinator import Coordinator
from vae.sweeps.jobs import Jobs
from vae.sweeps.search import Search, size
from vae.tasks.output import Output
from vae.training import directory, signals

logger = logging.getLogger(__name__)

NUM_TRIALS = 50  # points of a space, without --num_trials
ROUNDS = 5  # populations, at least, among which a sampler that learns divides its points


def sweep(
    experiment: ExperimentFile,
    *,
    workdir: Path | None = None,
    sweep: Sequence[str] = (),
    num_trials: Count | None = None,
    sampler: Literal["tpe", "cmaes", "random", "qmc"] | None = None,
    pruner: Literal["none", "median", "halving", "hyperband"] = "none",
    executor: Literal["local", "slurm", "ray"] = "local",
    executor_options: Sequence[str] = (),
    workers: Count = 1,
    members: Count | None = None,
    cpu_devices: Count | None = None,
) -> Output:
    """Trains an experiment at many points, of grids or searched spaces; or resumes that.

    Examples:
      vae sweep --config=experiments/digits.py --sweep=seeds --workers=2
      vae sweep --config=experiments/digits.py --num_trials=20 --pruner=median

    Args:
      experiment: the experiment.
      workdir: The sweep's directory; sweeps/NAME of the experiment's file if absent.
      sweep: What to try, of sweep_NAME and space_NAME in the experiment's file.
      num_trials: The number of points of a space to try; 50 if absent.
      sampler: What draws the points of a space; tpe if absent.
      pruner: What ends trials early that do worse than others did.
      executor: What runs the trials.
      executor_options: What each trial needs. For slurm options of sbatch,
        partition=gpu,gres=gpu:1,time=4:00:00; for ray num_cpus=4,num_gpus=1.
      workers: The number of trials at once.
      members: The number of trials to train in one program; measured if absent, 1 on a CPU.
      cpu_devices: Makes the CPU appear as so many devices to every trial.

    Returns:
      The table of results. Its status is "completed" if every trial has ended and one completed,
      "failed" if none did, "preempted" if the sweep was stopped.

    Raises:
      InputError: an argument is wrong; nothing was written.
    """
    config, overrides = experiment.config, experiment.overrides
    workdir = workdir or Path("sweeps") / experiment.file.stem
    plan = space.declared(experiment.file, sweep)
    check_config(config)
    space.check(plan, config, overrides)
    if not plan.distributions:
        for flag, value in {"sampler": sampler, "num_trials": num_trials}.items():
            if value is not None:
                raise InputError(
                    f"--{flag} has no effect on a grid, all of whose {len(plan.rows)} rows "
                    "are trained."
                )
    sampler = sampler or "tpe"
    _check_pruner(plan, config, pruner)
    executor_class = executors.load(executor)
    executor_class.check(executor_options)
    num_trials = num_trials or NUM_TRIALS
    points = size(plan)
    if plan.distributions and points < num_trials:
        logger.info("The space has %d points: all of them are tried.", points)
    made = record.make(
        plan,
        config=experiment.name,
        names=list(sweep),
        overrides=overrides,
        sampler=sampler,
        pruner=pruner,
        num_trials=int(min(num_trials, points)),
    )
    total = record.total(made)
    jobs = Jobs(
        workdir,
        experiment,
        (f"--cpu_devices={cpu_devices}",) if cpu_devices else (),
        members=1 if config.training.shard_state else members,
        # A sampler that learns from earlier points must see results now and then.
        most=max(1, total // ROUNDS) if made["sampler"] in ("tpe", "cmaes") else total,
    )
    try:
        with directory.owned(workdir), contextlib.ExitStack() as stack:
            record.claim(workdir, made)
            engine = stack.enter_context(
                contextlib.closing(executor_class(workers, workdir, executor_options))
            )
            search = Search(
                workdir / "study.journal",
                plan,
                sampler=sampler,
                pruner=pruner,
                every=config.evaluation.every_steps,
                steps=config.training.steps,
            )
            shown = progress.Progress(made)
            coordinator = Coordinator(
                workdir,
                plan,
                search,
                jobs,
                engine,
                num_points=made["num_trials"],
                show=shown.show,
            )
            with shown, _stopped_by_signals(coordinator):
                ended = coordinator.run()
            if not ended:
                return Output([], {"status": "preempted"})
            table = results.write(workdir)
    except OSError as error:
        return Output([workdir], {"status": "failed", "error": reason(error)})
    done = any(trial.status == "completed" for trial in coordinator.trials)
    return Output([workdir], {"status": "completed" if done else "failed"}, table)


def population(experiment: ExperimentFile, *, workdir: Path, trials: Sequence[str]) -> Output:
    """Trains trials of a sweep in one program; this process is a job of the sweep, not the sweep.

    Args:
      experiment: the experiment of the sweep.
      workdir: The sweep's directory.
      trials: The numbers of the trials.

    Returns:
      The status: "completed", "failed" if a file could not be written, "preempted" if one was
      stopped. Each trial's `result.json` says how it ended.
    """
    from vae.population import population
    from vae.training.checkpoint_errors import CheckpointError
    from vae.training.processes import Interrupted

    known = {str(trial.number): trial for trial in record.trials(workdir)}
    members = []
    for number in trials:
        if number not in known:
            raise InputError(f"--trials={number}: {workdir} has no such trial.")
        trial, own = known[number], copy.deepcopy(experiment.config)
        override(own, trial.overrides)
        overrides = experiment.overrides | trial.overrides
        members.append(population.Member(own, trial.workdir, overrides))
    try:
        ended = {result["status"] for result in population.train(members)}
    except Interrupted:
        ended = {"preempted"}
    except (OSError, CheckpointError) as error:
        return Output([workdir], {"status": "failed", "error": str(error)})
    return Output([], {"status": "preempted" if "preempted" in ended else "completed"})


def _check_pruner(plan: space.Plan, config: ml_collections.ConfigDict, pruner: str) -> None:
    if pruner == "none":
        return
    if not plan.objective.startswith(("train/", "valid/")):
        raise InputError(
            f"--pruner={pruner} needs an objective that is known before the end of a run; "
            f"{plan.objective} is not."
        )
    if not 0 < config.evaluation.every_steps < config.training.steps:
        raise InputError(
            f"--pruner={pruner} needs evaluations during training, and with evaluation.every_steps="
            f"{config.evaluation.every_steps} and training.steps={config.training.steps} there are "
            "none; lower evaluation.every_steps."
        )


@contextlib.contextmanager
def _stopped_by_signals(coordinator: Coordinator) -> Iterator[None]:
    """Stops the coordinator on a signal that asks to stop; a second one ends it at once."""
    came = set()

    def stop(number: int) -> None:
        if number == signal.SIGINT and number in came:
            raise KeyboardInterrupt
        if number in came:
            signals.end(number)
        came.add(number)
        coordinator.stop()

    with signals.heard(stop):
        yield
