"""The commands. Each is a function: its signature gives the flags, its docstring the help.

The first parameter says what a command works on: a trained `Run`, an `ExperimentFile` or, if there
is no such parameter, neither. The output is shown, and its `status` becomes the exit code.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vae import signature
from vae.annotations import Count
from vae.command_line import WIDTH, explain, parse, start_logging
from vae.config import own
from vae.config.help import help_text
from vae.config.keys import SECTIONS
from vae.errors import InputError, did_you_mean, reason
from vae.experiment_commands import prepare
from vae.experiments import ExperimentFile, load
from vae.files import user_path
from vae.report.shown import as_text
from vae.signature import REQUIRED, Parameter, Signature
from vae.tasks.output import Output
from vae.terminal import Progress
from vae.training import signals
from vae.training.directory import check_writable

EXIT_CODES = {"completed": 0, "failed": 1, "diverged": 3, "preempted": 75}

TASKS, OF_IMAGES = "vae.tasks", "vae.modalities.images.tasks"
OF_COUNTS, OF_VIDEO = "vae.modalities.counts.tasks", "vae.modalities.video.tasks"
GROUPS = {
    "Experiments": {
        "train": "vae.experiment_commands:train",
        "sweep": "vae.sweeps.commands:sweep",
        "config": "vae.experiment_commands:config",
        "data": "vae.experiment_commands:data",
        "lr_range": "vae.experiment_commands:lr_range",
        "report": "vae.run_commands:report",
        "list": "vae.run_commands:listing",
        "compare": "vae.run_commands:compare",
        "results": "vae.run_commands:results",
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
        "predict": f"{OF_VIDEO}.predict:predict",
        "encode": f"{TASKS}.encode:encode",
        "decode": f"{TASKS}.decode:decode",
        "compress": f"{TASKS}.compress:compress",
        "decompress": f"{TASKS}.decompress:decompress",
        "express": f"{OF_COUNTS}.express:express",
        "explore": "vae.explorer.explore:explore",
    },
    "Models that travel": {
        "export": "vae.export.export:export",
        "push": "vae.export.hub:push",
        "pull": "vae.export.hub:pull",
    },
    "What it repairs": {
        "inpaint": f"{TASKS}.inpaint:inpaint",
        "denoise": f"{TASKS}.denoise:denoise",
        "super_resolve": f"{OF_IMAGES}.super_resolve:super_resolve",
    },
    "What it is worth": {
        "evaluate": f"{TASKS}.evaluate:evaluate",
        "udr": "vae.run_commands:udr",
        "rate_distortion": "vae.run_commands:rate_distortion",
        "fidelity": f"{TASKS}.fidelity:fidelity",
        "disentanglement": f"{TASKS}.disentanglement:disentanglement",
        "nearest": f"{TASKS}.nearest:nearest",
        "probe": f"{TASKS}.representation:probe",
        "anomaly": f"{TASKS}.anomaly:anomaly",
        "verify": f"{TASKS}.verify:verify",
        "surprise": f"{OF_VIDEO}.surprise:surprise",
        "differential": f"{OF_COUNTS}.differential:differential",
    },
}
COMMANDS = {name: place for group in GROUPS.values() for name, place in group.items()}
JOBS = {"population": "vae.sweeps.commands:population"}  # commands that only a sweep starts

EXPERIMENT = ExperimentFile.__name__  # the annotation in commands that train
JSON = Parameter("bool", False, "Print all figures, as JSON.")
CONFIG = Parameter(
    "Path",
    REQUIRED,
    "The experiment's file, or its name in `vae list`; --config.KEY=VALUE changes a value.",
)
PLACES = {
    "data.path": Parameter("str", None, "Where the run's data are now."),
    "data.manual_dir": Parameter("str", None, "Where files downloaded by hand are now."),
}


def main(arguments: list[str]) -> int:
    """Runs a command and returns its exit code."""
    try:
        return _run(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of the output, such as `head`, has stopped
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return signals.BY_CTRL_C


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0].startswith("--config"):
        arguments = ["train", *arguments]
    words = [word for word in arguments if word not in ("--help", "-h")]
    told = words[:1] == ["help"]
    asked = told or len(words) < len(arguments)
    if told:
        del words[0]
    if not words:
        print(overview())
        return 0
    command, *rest = words
    folder, _, last = command.rpartition("/")
    command, folder = (last, folder) if own.is_own(last) else (command, "")  # as ../mine.py:task
    if not own.is_own(command):
        command = command.replace("-", "_")
        of_config = told and command in ("config", *SECTIONS)  # config and data are commands, too
        if asked and (of_config or command not in COMMANDS):
            print(help_text(words[0], others=COMMANDS))
            return 0
    module, name, file = _place(command, rest, folder)
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
    task = own.resolve(f"{module}:{name}", "task" if own.is_own(command) else "")
    with contextlib.ExitStack() as stack:
        first: list[Any] = []
        if function.first == EXPERIMENT:
            first = [load(str(given["config"]), settings)]
        elif function.first:
            stack.enter_context(Progress(command))
            given_file = values.get("out")  # of a task that has such a flag of its own
            there: Path = given.get("out", given["workdir"])
            check_writable(given_file.parent if isinstance(given_file, Path) else there)
            first = [_load(**given)]
        output = _called(command, task, *first, *values.pop(function.rest, ()), **values)
    if shown := as_text(output, as_json=as_json):
        _show(shown)
    if output.paths and (error := output.figures.get("error")):
        print(f"error: {output.paths[0]}: {error}", file=sys.stderr)
    return EXIT_CODES.get(output.figures.get("status", "completed"), 0)


def _show(text: str) -> None:
    """Prints text; a terminal that was closed meanwhile changes nothing about what was made."""
    try:
        print(text, flush=True)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())


def overview() -> str:
    """Returns a text with a line or two for each command."""
    lines = ["vae COMMAND --flag=value ...   trains, evaluates and uses variational autoencoders"]
    column = max(map(len, COMMANDS)) + 1
    for group, commands in GROUPS.items():
        lines += ["", f"{group}:"]
        for name in commands:
            module, function = commands[name].split(":")
            file = signature.file_of(module)
            summary = signature.read(file, function).summary
            lines += textwrap.wrap(
                summary,
                WIDTH,
                initial_indent=f"  {name:{column}}",
                subsequent_indent=" " * (column + 2),
            )
    lines += [
        "",
        "`vae COMMAND --help` says what a command reads; `vae help config`, what a config",
        "holds. `vae FILE:TASK` calls a function of a run in FILE.py, a task of your own.",
        "Exit codes: 0 done; 1 failed; 2 wrong command line or config; 3 diverged;",
        "75 preempted (run the same command again); 130 stopped by Ctrl-C.",
    ]
    return "\n".join(lines)


def _place(command: str, arguments: list[str], folder: str = "") -> tuple[str, str, Path]:
    """Returns the module, function and file of a command.

    A user's own task is looked for in the folder that was named, then beside the experiment and the
    parts of the run that the arguments name, then in this directory.

    Raises:
      InputError: there is no such command.
    """
    if own.is_own(command):
        module, _, name = command.partition(":")
        for place in (Path.cwd(), *_places_of(arguments)):
            own.look_in(place)
        if folder:
            own.look_in(user_path(folder))
        return module.removesuffix(".py"), name, own.file_of(module)
    known = COMMANDS | JOBS
    if command not in known:
        raise InputError(
            f"{command!r} is no command; `vae help` lists them{did_you_mean(command, COMMANDS)}"
        )
    module, _, name = known[command].partition(":")
    return module, name, signature.file_of(module)


def _places_of(arguments: list[str]) -> list[Path]:
    """Returns the folders of the parts and of the experiment of the run that arguments name."""
    from vae.report.runs import config_file
    from vae.training.directory import read_json

    for word, after in zip(arguments, [*arguments[1:], ""], strict=False):
        flag, _, value = word.partition("=")
        if flag == "--workdir":
            record = read_json(user_path(value or after) / "provenance.json") or {}
            parts = [Path(each["file"]) for each in record.get("parts", {}).values()]
            experiment = Path(config_file(record.get("command", ())).split(":")[0])
            return [file.parent for file in (*parts, experiment)]
    return []


def _called(command: str, task: Callable[..., Any], *arguments: Any, **values: Any) -> Output:
    """Calls a task and returns its output.

    Raises:
      InputError: a user's own task failed, or returned no output.
    """
    try:
        output = task(*arguments, **values)
    except own.FAILURES as error:
        if not own.is_own(command) or isinstance(error, InputError | OSError):
            raise
        raise own.told(error, command) from None
    if not isinstance(output, Output):
        raise InputError(f"{command} must return vae.Output(paths, figures), what it made.")
    return output


def _shared(function: Signature) -> dict[str, Parameter]:
    """Returns the flags that a command shares with others."""
    shared = {}
    if function.first:
        shared = signature.read(signature.file_of(__name__), "_load").parameters
        shared |= {f"config.{key}": place for key, place in PLACES.items()}
    if function.first == EXPERIMENT:
        shared = {"config": CONFIG}
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
    """Returns the trained run that the flags of a task name.

    Args:
      workdir: The directory of a run.
      step: The checkpoint to use: a step, latest, or best.
      out: Where to write what is made; the run directory if absent.
      cpu_devices: Makes the CPU appear as so many devices.
    """
    from vae.loading import load

    prepare(cpu_devices)
    places = {key.removeprefix("config."): value for key, value in places.items()}
    return load(workdir, step=step, out=out, places=places)
