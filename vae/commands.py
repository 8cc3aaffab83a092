"""The commands: a function each, whose signature is its flags and whose docstring is its help.

The first parameter says what a command works on: a trained `Run`, an `ExperimentFile`, or, where
there is none, neither. What it returns is shown, and `status` in it becomes the exit code.
"""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from vae import signature
from vae.annotations import Count
from vae.command_line import WIDTH, explain, parse, start_logging
from vae.config import own
from vae.config.help import help_text
from vae.errors import InputError, did_you_mean, reason
from vae.experiments import FOLDER, ExperimentFile, docstring_line, load
from vae.files import user_path
from vae.report.shown import as_text
from vae.signature import REQUIRED, Parameter, Signature
from vae.tasks.output import Output
from vae.terminal import Progress

EXIT_CODES = {"completed": 0, "failed": 1, "diverged": 3, "preempted": 75}

TASKS, OF_IMAGES = "vae.tasks", "vae.modalities.images.tasks"
GROUPS = {
    "Experiments": {
        "train": "vae.commands:train",
        "sweep": "vae.sweeps.commands:sweep",
        "list": "vae.commands:listing",
        "compare": "vae.commands:compare",
        "results": "vae.commands:results",
        "packing": "vae.population.packing:packing",
    },
    "What a trained model makes": {
        "sample": f"{TASKS}.sample:sample",
        "reconstruct": f"{TASKS}.reconstruct:reconstruct",
        "interpolate": f"{TASKS}.interpolate:interpolate",
        "traverse": f"{TASKS}.traverse:traverse",
        "edit": f"{TASKS}.edit:edit",
        "transfer": f"{TASKS}.transfer:transfer",
        "augment": f"{OF_IMAGES}.augment:augment",
    },
    "What it repairs": {
        "inpaint": f"{OF_IMAGES}.inpaint:inpaint",
        "denoise": f"{OF_IMAGES}.denoise:denoise",
        "super_resolve": f"{OF_IMAGES}.super_resolve:super_resolve",
    },
    "What it is worth": {
        "evaluate": f"{TASKS}.evaluate:evaluate",
        "fidelity": f"{TASKS}.fidelity:fidelity",
        "nearest": f"{TASKS}.nearest:nearest",
        "anomaly": f"{TASKS}.anomaly:anomaly",
        "verify": f"{TASKS}.verify:verify",
    },
}
COMMANDS = {name: place for group in GROUPS.values() for name, place in group.items()}
JOBS = {"population": "vae.sweeps.commands:population"}  # that a sweep starts, not a person

JSON = Parameter("bool", False, "Print all figures, as JSON.")
CONFIG = Parameter(
    "Path",
    REQUIRED,
    "The experiment's file, or its name as `vae list` has it; --config.KEY=VALUE changes a value.",
)
PLACES = ("data.path", "data.manual_dir")
PLACE = Parameter("str", None, "Where the run's data are now.")


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit code."""
    try:
        return _run(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read what is printed, as `head` does, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0].startswith("--config"):
        arguments = ["train", *arguments]
    asked = {"help", "--help", "-h"} & set(arguments) or not arguments
    words = [word for word in arguments if word not in ("help", "--help", "-h")]
    if not words:
        print(overview())
        return 0
    command, *rest = words
    command = command.replace("-", "_") if ":" not in command else command
    if asked and ":" not in command and command not in COMMANDS:
        print(help_text(words[0]))  # of the config
        return 0
    module, name, file = _place(command)
    function = signature.read(file, name)
    shared = _shared(function)
    if asked:
        print(explain(command, function, shared))
        return 0
    values, settings = parse(rest, command, function.parameters | shared, function.rest)
    several = "SLURM_STEP_ID" in os.environ or "num_processes" in values
    start_logging(several=several)
    given = {key: values.pop(key) for key in shared if key in values}
    as_json = given.pop("json", False)
    rest = values.pop(function.rest, ())
    if function.first == "Run":
        with Progress(command):
            run = _load(**given)
            output = own.resolve(f"{module}:{name}")(run, *rest, **values)
    else:
        if "cpu_devices" in shared:
            _prepare(given.get("cpu_devices"))
        first = [load(str(given["config"]), settings)] if function.first else []
        output = own.resolve(f"{module}:{name}")(*first, *rest, **values)
    if shown := as_text(output, as_json=as_json):
        print(shown)
    if output.paths and (error := output.figures.get("error")):
        print(f"error: {output.paths[0]}: {error}", file=sys.stderr)
    return EXIT_CODES.get(output.figures.get("status", "completed"), 0)


def train(
    experiment: ExperimentFile,
    *,
    workdir: Path | None = None,
    cpu_devices: Count | None = None,
    processes: Count = 1,
    coordinator: str | None = None,
    num_processes: Count | None = None,
    process_id: int | None = None,
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
    """
    workdir = workdir or Path("runs") / experiment.file.stem
    if processes > 1:
        from vae.training import launcher

        if coordinator:
            raise InputError("--processes starts its own coordinator; leave --coordinator out.")
        command = [*launcher.COMMAND, "train", *experiment.arguments(), f"--workdir={workdir}"]
        command += [f"--cpu_devices={cpu_devices}"] if cpu_devices else []
        raise SystemExit(launcher.launch(command, processes, share_accelerators=not cpu_devices))
    with Progress("starting"):
        from vae.train import train
        from vae.training.checkpoint_errors import CheckpointError
        from vae.training.directory import read_result
        from vae.training.processes import Interrupted, is_first, join

        _prepare(cpu_devices)
        join(coordinator, num_processes, process_id)
    try:
        result = train(experiment.config, workdir, overrides=experiment.overrides)
    except Interrupted:
        result = read_result(user_path(workdir))
    except CheckpointError as error:
        result = {"status": "failed", "error": str(error)}
    return Output([workdir] if is_first() else [], result)


def results(*, workdir: Path = "runs", out: Path | None = None) -> Output:
    """Writes a table of all runs in a directory, beside published figures; or what a sweep found.

    Examples:
      vae results --workdir=runs
      vae results --workdir=sweeps/digits

    Args:
      workdir: A directory that holds runs, whose RESULTS.md is written; or that of a sweep.
      out: A file of such results, whose rows are added to or replaced instead.
    """
    if (Path(workdir) / "sweep.json").is_file():
        from vae.sweeps import results

        if out:
            raise InputError(f"--out has no effect on a sweep, whose results lie in {workdir}.")
        return Output([], {}, results.write(Path(workdir)))
    from vae.report.results import write

    return Output([write(Path(workdir), out)], {})


def listing(*, workdir: Path | None = None) -> Output:
    """Lists the experiments that there are, or the runs and sweeps in a directory.

    Examples:
      vae list
      vae list --workdir=runs

    Args:
      workdir: A directory that holds runs and sweeps, or that of one sweep.
    """
    if workdir:
        from vae.sweeps.listing import listing

        text, figures = listing(workdir)
        return Output([], figures, text)
    here = FOLDER.parent == Path.cwd()
    lines = []
    for file in sorted(FOLDER.glob("*.py")):
        name = file.relative_to(FOLDER.parent) if here else file.stem
        lines.append(f"{name!s:36} {docstring_line(file)}")
    return Output([], {}, "\n".join(lines))


def compare(*workdirs: str) -> Output:
    """Compares runs: what differs in their configs, and what each came to.

    Examples:
      vae compare runs/digits runs/wide
      vae compare sweeps/digits/trials/0000 sweeps/digits/trials/0001 --json
    """
    from vae.report.compare import compare

    text, figures = compare(workdirs)
    return Output([], figures, text)


def overview() -> str:
    """All commands, with a line each."""
    lines = ["vae COMMAND --flag=value ...   trains, evaluates and uses variational autoencoders"]
    for group, commands in GROUPS.items():
        lines += ["", f"{group}:"]
        for name in commands:
            _, function, file = _place(name)
            summary = signature.read(file, function).summary
            lines += textwrap.wrap(
                summary, WIDTH, initial_indent=f"  {name:15}", subsequent_indent=" " * 17
            )
    lines += [
        "",
        "`vae COMMAND --help` says what a command reads, `vae help model.prior` what a key of the",
        "config is. `vae FILE:TASK` calls a function of a run in FILE.py, a task of your own.",
        "Exit codes: 0 done; 1 failed; 2 wrong command line or config; 3 diverged; 75 preempted",
        "(run the same command again); 130 stopped by Ctrl-C.",
    ]
    return "\n".join(lines)


def _place(command: str) -> tuple[str, str, Path]:
    """The module, function and file of a command.

    Raises:
      InputError: there is no such command.
    """
    if ":" in command:
        module, _, name = command.partition(":")
        own.look_in(Path.cwd())
        return module.removesuffix(".py"), name, own.file_of(module)
    known = COMMANDS | JOBS
    if command not in known:
        raise InputError(
            f"{command!r} is no command; `vae help` lists them{did_you_mean(command, COMMANDS)}"
        )
    module, _, name = known[command].partition(":")
    return module, name, signature.file_of(module)


def _shared(function: Signature) -> dict[str, Parameter]:
    """The flags that a command has beside its own."""
    shared = signature.read(signature.file_of(__name__), "_load").parameters
    if function.first == "Run":
        shared |= {f"config.{key}": PLACE for key in PLACES}
    elif function.first:
        shared = {"config": CONFIG, "cpu_devices": shared["cpu_devices"]}
    else:
        shared = {}
    shared |= {"json": JSON}
    return {name: each for name, each in shared.items() if name not in function.parameters}


def _load(
    *,
    workdir: Path,
    step: str = "latest",
    out: Path | None = None,
    cpu_devices: Count | None = None,
    **places: str,
) -> Any:
    """A trained run, as the flags of every task name it.

    Args:
      workdir: The directory of a run.
      step: The checkpoint to use: a step, latest, or best.
      out: Where to write what is made; the run directory if absent.
      cpu_devices: Makes the CPU appear as so many devices.
    """
    from vae.run import load
    from vae.training.directory import check_writable

    _prepare(cpu_devices)
    check_writable(user_path(out or workdir))
    places = {key.removeprefix("config."): value for key, value in places.items()}
    return load(workdir, step=step, out=out, places=places)


def _prepare(cpu_devices: int | None) -> None:
    """What has to be said before JAX starts its backend."""
    from vae.training.devices import simulate_cpu_devices
    from vae.training.memory import keep_freed_memory

    keep_freed_memory()
    if cpu_devices:
        simulate_cpu_devices(cpu_devices)
