"""The commands `sweep` and its job `population`, from flags on."""

from __future__ import annotations

import contextlib
import copy
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from vae.command_line import require_config
from vae.config import override
from vae.errors import InputError
from vae.rules.config import check_config
from vae.sweeps import executors, progress, record, results, space
from vae.sweeps.coordinator import Coordinator
from vae.sweeps.jobs import Command, Jobs
from vae.sweeps.search import Search, size
from vae.training import directory, signals

logger = logging.getLogger(__name__)

NUM_TRIALS = 50  # points of a space, where --num_trials is absent
ROUNDS = 5  # of a sampler that learns: into so many populations its points go, or more
PASSED_ON = ("cpu_devices",)  # flags that every trial's command is given, too


def sweep(config: Any, values: flags.FlagValues) -> int:
    """Runs a sweep, or goes on with it.

    Returns:
      The exit code: 0 where every trial has ended and one completed, 1 where none did or a file
      could not be written, 75 where the sweep was stopped.

    Raises:
      InputError: something given is wrong; nothing was written.
    """
    require_config(values, "sweep")
    name = config_flags.get_config_filename(values["config"])
    file = Path(name.split(":")[0])
    workdir = Path(values.workdir or Path("sweeps") / file.stem)
    overrides = config_flags.get_override_values(values["config"])
    plan = space.declared(file, values.sweep or ())
    check_config(config.value)
    space.check(plan, config.value, overrides)
    _check_search(plan, config.value, values)
    executor_class = executors.load(values.executor)
    executor_class.check(values.executor_options)
    num_trials = values.num_trials or NUM_TRIALS
    points = size(plan)
    if plan.distributions and points < num_trials:
        logger.info("The space has %d points: all of them are tried.", points)
    sweep = record.make(
        plan,
        config=name,
        names=values.sweep or [],
        overrides=overrides,
        sampler=values.sampler,
        pruner=values.pruner,
        num_trials=min(num_trials, points),
    )
    passed_on = tuple(f"--{k}={values[k].value}" for k in PASSED_ON if values[k].present)
    total = record.total(sweep)
    jobs = Jobs(
        workdir,
        Command(name, config.value, overrides, passed_on),
        members=1 if config.value.training.shard_state else values.members,
        # A sampler that learns from what came of earlier points is to see figures now and then.
        most=max(1, total // ROUNDS) if sweep["sampler"] in ("tpe", "cmaes") else total,
    )
    try:
        with directory.owned(workdir), contextlib.ExitStack() as stack:
            record.claim(workdir, sweep)
            executor = stack.enter_context(
                contextlib.closing(executor_class(values.workers, workdir, values.executor_options))
            )
            search = Search(
                workdir / "study.journal",
                plan,
                sampler=values.sampler,
                pruner=values.pruner,
                every=config.value.evaluation.every_steps,
                steps=config.value.training.steps,
            )
            shown = progress.Progress(sweep)
            coordinator = Coordinator(
                workdir,
                plan,
                search,
                jobs,
                executor,
                num_points=sweep["num_trials"],
                show=shown.show,
            )
            with shown, _stopped_by_signals(coordinator):
                ended = coordinator.run()
            if not ended:
                return 75
            print(results.write(workdir))
    except OSError as error:
        print(f"error: {workdir}: {error}", file=sys.stderr)
        return 1
    return 0 if any(trial.status == "completed" for trial in coordinator.trials) else 1


def train_population(config: Any, values: flags.FlagValues) -> int:
    """Trains trials of a sweep in one program; this process is a job of the sweep, not the sweep.

    Returns:
      The exit code: 0, 1 where a file could not be written, 75 where one was stopped; each trial's
      `result.json` says how it ended.
    """
    from vae.population import population
    from vae.training.checkpoint_errors import CheckpointError
    from vae.training.processes import Interrupted

    if not (values["config"].present and values.workdir and values.trials):
        raise InputError("population needs --config=FILE, --workdir=SWEEP and --trials=0,1,...")
    common = config_flags.get_override_values(values["config"])
    known = {str(trial.number): trial for trial in record.trials(Path(values.workdir))}
    members = []
    for number in values.trials:
        if number not in known:
            raise InputError(f"--trials={number}: {values.workdir} has no such trial.")
        trial, own = known[number], copy.deepcopy(config.value)
        override(own, trial.overrides)
        members.append(population.Member(own, trial.workdir, common | trial.overrides))
    try:
        results = population.train(members)
    except Interrupted:
        return 75
    except (OSError, CheckpointError) as error:
        print(f"error: {values.workdir}: {error}", file=sys.stderr)
        return 1
    return 75 if any(result["status"] == "preempted" for result in results) else 0


def _check_search(
    plan: space.Plan, config: ml_collections.ConfigDict, values: flags.FlagValues
) -> None:
    for flag in ("sampler", "num_trials"):
        if values[flag].present and not plan.distributions:
            raise InputError(
                f"--{flag} has no effect on a grid, of which all {len(plan.rows)} rows are trained."
            )
    if values.pruner == "none":
        return
    if not plan.objective.startswith(("train/", "valid/")):
        raise InputError(
            f"--pruner={values.pruner} needs an objective that is known before the end of a run; "
            f"{plan.objective} is not."
        )
    if not 0 < config.evaluation.every_steps < config.training.steps:
        raise InputError(
            f"--pruner={values.pruner} needs figures on the way, and with evaluation.every_steps="
            f"{config.evaluation.every_steps} and training.steps={config.training.steps} there are "
            "none; lower evaluation.every_steps."
        )


@contextlib.contextmanager
def _stopped_by_signals(coordinator: Coordinator) -> Iterator[None]:
    """Stops the coordinator at what asks it to; the same signal a second time ends it at once."""
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
