"""The commands `sweep` and `list --workdir=DIR`: from flags to a coordinator."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from vae.config import validate
from vae.errors import InputError
from vae.sweeps import executors, progress, record, results, space
from vae.sweeps.coordinator import Coordinator
from vae.sweeps.jobs import Commands
from vae.sweeps.search import Search
from vae.training import directory

NUM_TRIALS = 50  # points of a space, where --num_trials is absent
PASSED_ON = ("cpu_devices",)  # flags that every trial's command is given, too


def sweep(config: Any, values: flags.FlagValues) -> int:
    """Runs a sweep, or goes on with it.

    Returns:
      The exit code: 0 where every trial has ended and one completed, 1 where none did or a file
      could not be written, 75 where the sweep was stopped.

    Raises:
      InputError: something given is wrong; nothing was written.
    """
    if not values["config"].present:
        raise InputError("sweep needs --config=FILE; `python launch.py list` shows experiments.")
    name = config_flags.get_config_filename(values["config"])
    file = Path(name.split(":")[0])
    workdir = Path(values.workdir or Path("sweeps") / file.stem)
    overrides = config_flags.get_override_values(values["config"])
    plan = space.declared(file, values.sweep or ())
    validate(config.value)
    space.check(plan, config.value, overrides)
    _check_search(plan, config.value, values)
    make_executor = executors.load(values.executor)
    sweep = record.make(
        plan,
        config=name,
        names=values.sweep or [],
        overrides=overrides,
        sampler=values.sampler,
        pruner=values.pruner,
        num_trials=values.num_trials or NUM_TRIALS,
    )
    commands = Commands(
        name, overrides, tuple(f"--{k}={values[k].value}" for k in PASSED_ON if values[k].present)
    )
    line = progress.Progress(sweep)
    try:
        with directory.owned(workdir), contextlib.ExitStack() as stack:
            record.claim(workdir, sweep)
            executor = stack.enter_context(
                contextlib.closing(make_executor(values.workers, workdir, values.executor_options))
            )
            search = Search(
                workdir / "study.journal",
                plan,
                sampler=values.sampler,
                pruner=values.pruner,
                every=config.value.evaluation.every_steps,
                steps=config.value.training.steps,
            )
            coordinator = Coordinator(
                workdir,
                plan,
                search,
                commands,
                executor,
                num_points=sweep["num_trials"],
                show=line.show,
            )
            with contextlib.closing(line), _stopped_by_signals(coordinator):
                ended = coordinator.run()
            if not ended:
                return 75
            print(results.write(workdir))
    except OSError as error:
        print(f"error: {workdir}: {error}", file=sys.stderr)
        return 1
    return 0 if any(trial.status == "completed" for trial in coordinator.trials) else 1


def listing(values: flags.FlagValues) -> int:
    """Prints a line for each sweep in --workdir."""
    print(*progress.listing(Path(values.workdir)), sep="\n")
    return 0


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
    """Stops the coordinator at SIGTERM and Ctrl-C; a second one ends it at once."""
    previous = {}

    def stop(number: int, frame: Any) -> None:
        coordinator.stop()
        signal.signal(number, previous[number])

    for number in (signal.SIGTERM, signal.SIGINT):
        previous[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
