"""The commands on experiments: train, config, data and others."""

from __future__ import annotations

from pathlib import Path

from vae.annotations import Count
from vae.config import flatten, to_dict
from vae.config.keys import KEYS
from vae.config.values import shown
from vae.errors import InputError
from vae.experiments import ExperimentFile, changes
from vae.files import user_path
from vae.tasks.output import Output
from vae.terminal import Progress, aligned


def train(
    experiment: ExperimentFile,
    *,
    workdir: Path | None = None,
    cpu_devices: Count | None = None,
    processes: Count = 1,
    coordinator: str | None = None,
    num_processes: Count | None = None,
    process_id: int | None = None,
    dry_run: bool = False,
    profile: bool = False,
) -> Output:
    """Trains and evaluates an experiment; the same command again goes on where it stopped.

    Examples:
      vae train --config=experiments/digits.py
      vae train --config=experiments/digits.py --config.training.steps=3000

    Args:
      experiment: the experiment.
      workdir: The run directory; runs/NAME of the experiment's file if absent.
      cpu_devices: Makes the CPU appear as so many devices.
      processes: Starts so many processes on this machine, and watches them.
      coordinator: HOST:PORT of process 0, to train on several hosts.
      num_processes: How many processes there are on these.
      process_id: Which of them this is, from 0.
      dry_run: Only says what the run would take (shapes, parameters, memory, operations, time).
      profile: Writes a trace of a few steps, for Perfetto, into the run directory.
    """
    workdir = workdir or Path("runs") / experiment.file.stem
    if dry_run and profile:
        raise InputError("--profile has no effect on --dry_run, which writes nothing: give one.")
    if processes > 1:
        from vae.training import launcher

        if coordinator:
            raise InputError("--processes starts its own coordinator; leave --coordinator out.")
        command = [*launcher.COMMAND, "train", *experiment.arguments(), f"--workdir={workdir}"]
        command += [f"--cpu_devices={cpu_devices}"] if cpu_devices else []
        command += ["--dry_run"] * dry_run + ["--profile"] * profile
        raise SystemExit(launcher.launch(command, processes, share_accelerators=not cpu_devices))
    with Progress("starting"):
        from vae.train import train
        from vae.training.checkpoint_errors import CheckpointError
        from vae.training.directory import read_result
        from vae.training.processes import Interrupted, is_first, join

        prepare(cpu_devices)
        join(coordinator, num_processes, process_id)
    if dry_run:
        from vae.dry_run import dry_run as rehearse

        text, figures = rehearse(experiment.config, workdir)
        return Output([], figures, text)
    try:
        result = train(experiment.config, workdir, overrides=experiment.overrides, profile=profile)
    except Interrupted:
        result = read_result(user_path(workdir)) or {"status": "preempted"}
    except CheckpointError as error:
        result = {"status": "failed", "error": str(error)}
    return Output([workdir] if is_first() else [], result)


def config(experiment: ExperimentFile, *, full: bool = False) -> Output:
    """Shows the config of an experiment: what is not the default, and what set it.

    What set a value is the experiment's file, its variant (FILE:VARIANT), or the command line. The
    config is checked as `vae train` does before it reads the data.

    Examples:
      vae config experiments/digits.py
      vae config experiments/iwae.py:iwae-5 --config.optimizer.learning_rate=3e-4
      vae config experiments/digits.py --full

    Args:
      experiment: the experiment.
      full: Shows the defaults, too.

    Raises:
      InputError: there is no such experiment, or its config is wrong.
    """
    from vae.rules.config import check_config

    check_config(experiment.config)
    found, values = changes(experiment), flatten(experiment.config)
    rows = [("key", "value", "default", "set by")]
    for key in values if full else found:
        change = found.get(key)
        if change is None:
            rows.append((key, shown(values[key]), "", ""))
            continue
        before = f" (before: {shown(change.before)})" if change.before is not None else ""
        default = shown(change.default) if key in KEYS else "(a setting)"
        rows.append((key, shown(change.value), default, f"{change.by}{before}"))
    head = f"{experiment.name}: {len(found)} of {len(values)} values are set"
    figures = {"config": to_dict(experiment.config)}
    figures["changes"] = {key: change._asdict() for key, change in found.items()}
    return Output([], figures, "\n".join([head, "", *aligned(rows, ())]))


def data(experiment: ExperimentFile, *, workdir: Path | None = None) -> Output:
    """Shows the data of an experiment: examples, counts, ranges, copies, and what leaks.

    A page, data.html, has examples of each split, the classes, the columns and attributes, what is
    missing, and which examples or identities are in two splits.

    Examples:
      vae data experiments/digits.py
      vae data experiments/folder.py --config.data.path=DIR

    Args:
      experiment: the experiment.
      workdir: Where the page is written; runs/NAME of the experiment's file if absent.

    Raises:
      InputError: the data cannot be read, or the directory holds a run of others.
    """
    from vae.report.data import write
    from vae.rules.config import check_config

    check_config(experiment.config)
    folder = _writable(workdir, experiment)
    with Progress("looking at the data"):
        text, paths, figures = write(experiment.name, experiment.config.data, folder)
    return Output(paths, figures, text)


def lr_range(
    experiment: ExperimentFile,
    *,
    workdir: Path | None = None,
    steps: Count = 200,
    low: float = 1e-6,
    high: float = 1.0,
    cpu_devices: Count | None = None,
) -> Output:
    """Suggests a learning rate: trains for some steps while the rate rises, and draws the loss.

    The suggestion is a tenth of the rate at which the smoothed loss is lowest. No weights are kept.

    Examples:
      vae lr_range experiments/digits.py
      vae lr_range experiments/faces.py --steps=100 --low=1e-5

    Args:
      experiment: the experiment.
      workdir: Where the page is written; runs/NAME of the experiment's file if absent.
      steps: The number of steps, or of calls of several (training.steps_per_call).
      low: The first rate.
      high: The last rate.
      cpu_devices: Makes the CPU appear as so many devices.

    Raises:
      InputError: the experiment would be refused.
    """
    with Progress("starting"):
        from vae.lr_range import lr_range
        from vae.report.lr_range import write

        prepare(cpu_devices)
    workdir = _writable(workdir, experiment)
    found = lr_range(experiment.config, workdir, calls=steps, low=low, high=high)
    paths = write(found, workdir, experiment.name, experiment.config.optimizer.learning_rate)
    text = found.said
    if found.suggestion:
        text += f"\n--config.optimizer.learning_rate={found.suggestion:g}"
    figures = {"lowest": found.lowest, "suggestion": found.suggestion, "said": found.said}
    return Output(paths, figures, text)


def _writable(workdir: Path | None, experiment: ExperimentFile) -> Path:
    """Returns where a command on an experiment writes, by default its run directory.

    Raises:
      InputError: nothing can be written there.
    """
    from vae.training.directory import check_writable

    folder = user_path(workdir or Path("runs") / experiment.file.stem)
    check_writable(folder, flag="workdir")
    return folder


def prepare(cpu_devices: int | None) -> None:
    """What has to be said before JAX starts its backend."""
    from vae.training.devices import simulate_cpu_devices
    from vae.training.memory import keep_freed_memory

    keep_freed_memory()
    if cpu_devices:
        simulate_cpu_devices(cpu_devices)
