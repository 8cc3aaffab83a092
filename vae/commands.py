"""The commands behind `launch.py`: from flags to functions, from results to exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import config_flags

from vae.command_line import (
    define_places,
    flag_help,
    parse,
    refuse_others,
    require_config,
    settings,
    start_logging,
    whole_numbers,
)
from vae.errors import InputError, did_you_mean
from vae.files import user_path
from vae.training.memory import keep_freed_memory

EXIT_CODES = {"completed": 0, "failed": 1, "diverged": 3, "preempted": 75}


def run(usage: str, config: Any, values: flags.FlagValues, arguments: list[str]) -> int:
    """Parses the command line and runs its command; returns the exit code.

    Raises:
      InputError: the command line or something it names is wrong.
    """
    command = "train"
    if arguments and not arguments[0].startswith("-"):
        command, *arguments = arguments
    if command == "help" or {"--help", "-h", "--helpfull"} & set(arguments):
        print(usage.strip(), "\n", flag_help(values), sep="\n")
        return 0
    if command not in COMMANDS:
        there = ", ".join(COMMANDS)
        raise InputError(
            f"{command!r} is no command; there are {there}{did_you_mean(command, COMMANDS)}"
        )
    function, reads = COMMANDS[command]
    define_places(values, reads)
    parse(values, arguments)
    refuse_others(values, command, reads)
    start_logging(several=bool(values.num_processes) or "SLURM_STEP_ID" in os.environ)
    if values.processes > 1:
        return _launch(values, [command, *arguments])
    keep_freed_memory()
    if values.cpu_devices and command != "sweep":  # whose trials have the devices
        from vae.training.devices import simulate_cpu_devices

        simulate_cpu_devices(values.cpu_devices)
    if command == "train":
        from vae.training.processes import join

        join(values.coordinator, values.num_processes, values.process_id)
    return function(config, values)


def _launch(values: flags.FlagValues, arguments: list[str]) -> int:
    from vae.training.launcher import launch

    if values.coordinator:
        raise InputError("--processes starts its own coordinator; leave --coordinator out.")
    command = [sys.executable, sys.argv[0], *arguments, "--processes=1"]
    return launch(command, values.processes, share_accelerators=not values.cpu_devices)


def _train(config: Any, values: flags.FlagValues) -> int:
    require_config(values, "train")
    from vae.train import train
    from vae.training.checkpoint_errors import CheckpointError
    from vae.training.directory import read_result
    from vae.training.processes import Interrupted, is_first

    file = Path(config_flags.get_config_filename(values["config"]).split(":")[0])
    workdir = Path(values.workdir or Path("runs") / file.stem)
    overrides = config_flags.get_override_values(values["config"])
    try:
        result = train(config.value, workdir, overrides=overrides)
    except Interrupted:
        result = read_result(user_path(workdir))
    except CheckpointError as error:
        print(f"error: {workdir}: {error}", file=sys.stderr)
        return EXIT_CODES["failed"]
    if is_first():
        _print_result(result, workdir)
        if "error" in result:
            print(f"error: {workdir}: {result['error']}", file=sys.stderr)
    return EXIT_CODES[result["status"]]


def _evaluate(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.evaluate import evaluate, evaluate_files

    if values.files:
        _all_of_files(values)
        own = _own(values)
        figures = evaluate_files(_load(values), num_samples=values.num_samples, **own)
    else:
        refuse_others(values, "evaluate without --files", f"{_RUN} split num_samples")
        figures = evaluate(_load(values), split=values.split, num_samples=values.num_samples)
    _print_result(figures, Path(values.workdir))
    return 0


def _sample(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.sample import NUM, sample

    path = sample(
        _load(values),
        num=values.num or NUM,
        labels=values.labels or (),
        attributes=settings(values.attributes or ()),
        draw=values.draw,
        seed=values.seed,
        prior=values.prior,
        temperature=values.temperature,
    )
    print(path)
    return 0


def _inpaint(config: Any, values: flags.FlagValues) -> int:
    from vae.modalities.images.tasks.inpaint import inpaint

    return _repair(inpaint, values, mask=values.mask, box=whole_numbers("box", values))


def _denoise(config: Any, values: flags.FlagValues) -> int:
    from vae.modalities.images.tasks.denoise import denoise

    return _repair(denoise, values, sigma=values.sigma)


def _super_resolve(config: Any, values: flags.FlagValues) -> int:
    from vae.modalities.images.tasks.super_resolve import super_resolve

    return _repair(super_resolve, values, factor=values.factor)


def _repair(task: Callable[..., Any], values: flags.FlagValues, **own: Any) -> int:
    _all_of_files(values)
    path, figures = task(
        _load(values),
        num=values.num or 8,
        samples=values.samples,
        sweeps=values.sweeps,
        seed=values.seed,
        **_own(values),
        **own,
    )
    _print({"picture": str(path)} | figures)
    return 0


def _interpolate(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.interpolate import interpolate

    return _on_examples(interpolate, values, "method", "steps")


def _traverse(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.traverse import traverse

    return _on_examples(traverse, values, "steps")


def _edit(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.edit import edit, measure

    if values.measure:
        refuse_others(values, "edit --measure", f"{_RUN} measure strength method keep")
        given = {"strength": values.strength, "method": values.method, "keep": values.keep}
        print(measure(_load(values), **{k: v for k, v in given.items() if v is not None}))
        return 0
    if not values.attribute:
        raise InputError("--attribute=NAME is missing: what edit is to change.")
    given = ("attribute", "strength", "method", "keep", "steps", "residual")
    return _on_examples(edit, values, *given)


def _transfer(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.transfer import transfer

    return _on_examples(transfer, values)


def _on_examples(task: Callable[..., Any], values: flags.FlagValues, *names: str) -> int:
    """A task on the user's files, with those of the flags `names` that are given."""
    if task.__name__ != "traverse":  # whose --num is of dimensions
        _all_of_files(values)
    given = {name: values[name].value for name in ("num", *names)}
    given = {name: value for name, value in given.items() if value is not None}
    paths, _ = task(_load(values), **_own(values), **given)
    print(*paths, sep="\n")
    return 0


def _all_of_files(values: flags.FlagValues) -> None:
    """Refuses a number of test examples beside the user's own, all of which are taken."""
    for name in ("num", "split"):
        if values.files and values[name].present:
            raise InputError(
                f"--{name} is of test examples; with --files all of yours are used: leave it out."
            )


def _own(values: flags.FlagValues) -> dict[str, Any]:
    """The user's own files, and what is known of them."""
    sets = ",".join(values.attributes or ()).split("/") if values.attributes else ()
    return {
        "files": values.files or (),
        "labels": values.labels or (),
        "attributes": [settings(one.split(",")) for one in sets],
    }


def _reconstruct(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.reconstruct import NUM, reconstruct

    _all_of_files(values)
    if not values.files:
        refuse_others(values, "reconstruct without --files", f"{_RUN} split num")
    shown = {"split": values.split, "num": values.num or NUM} | _own(values)
    path, figures = reconstruct(_load(values), **shown)
    alike = ", ".join(f"{name} {value:.5g}" for name, value in figures.items())
    print(f"{path}  ({alike})")
    return 0


def _fidelity(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.fidelity import fidelity

    figures = fidelity(_load(values), num=values.num or 2000, seed=values.seed, prior=values.prior)
    _print_result(figures, Path(values.workdir))
    return 0


def _anomaly(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.anomaly import anomaly

    figures = anomaly(
        _load(values),
        files=values.files or (),
        outliers=values.outliers or (),
        num=values.num or 1000,
        num_samples=values.num_samples,
        seed=values.seed,
    )
    _print_result(figures, Path(values.workdir))
    return 0


def _verify(config: Any, values: flags.FlagValues) -> int:
    from vae.modalities.images.tasks.verify import PAIRS, verify, verify_file, verify_two

    drawn = {"pairs": values.num or PAIRS, "seed": values.seed}
    own = _own(values)
    files = own.pop("files")
    if values.pairs:
        refuse_others(values, "verify --pairs", f"{_RUN} pairs files labels attributes")
        if len(files) > 1:
            raise InputError("--files is one folder beside --pairs, that of the people's folders.")
        figures = verify_file(_load(values), values.pairs, folder=next(iter(files), None), **own)
    elif files:
        figures = verify_two(_load(values), files, **drawn, **own)
    else:
        refuse_others(values, "verify without --files", f"{_RUN} num seed")
        figures = verify(_load(values), **drawn)
    _print_result(figures, Path(values.workdir))
    return 0


def _nearest(config: Any, values: flags.FlagValues) -> int:
    from vae.tasks.nearest import NUM, nearest

    paths, _ = nearest(_load(values), num=values.num or NUM, seed=values.seed, prior=values.prior)
    print(*paths, sep="\n")
    return 0


def _augment(config: Any, values: flags.FlagValues) -> int:
    from vae.modalities.images.tasks.augment import augment

    given = values.files[0] if values.files else None
    figures = augment(_load(values), num=values.num or 1000, given=given, seed=values.seed)
    _print_result(figures, Path(values.workdir))
    return 0


def _results(config: Any, values: flags.FlagValues) -> int:
    workdir = Path(values.workdir or "runs")
    if (workdir / "sweep.json").is_file():
        from vae.sweeps import results

        if values.out:
            raise InputError(f"--out has no effect on a sweep, whose results lie in {workdir}.")
        print(results.write(workdir))
        return 0
    from vae.report.results import write

    print(write(workdir, Path(values.out) if values.out else None))
    return 0


def _of_sweeps(name: str) -> Callable[[Any, flags.FlagValues], int]:
    """A command of `vae/sweeps/commands.py`, imported when it is called."""

    def command(config: Any, values: flags.FlagValues) -> int:
        return getattr(importlib.import_module("vae.sweeps.commands"), name)(config, values)

    return command


def _packing(config: Any, values: flags.FlagValues) -> int:
    from vae.population.packing import command

    return command(config, values)


def _list(config: Any, values: flags.FlagValues) -> int:
    if values.workdir:
        from vae.sweeps.listing import listing

        print(listing(user_path(values.workdir))[0])
        return 0
    from vae.report.results import EXPERIMENTS, docstring_line

    files = sorted(EXPERIMENTS.glob("*.py"))
    if not files:
        raise InputError("there are no experiment files beside the package; clone the repository.")
    here = EXPERIMENTS.parent == Path.cwd()
    for file in files:
        shown = file.relative_to(EXPERIMENTS.parent) if here else file
        print(f"{shown!s:36} {docstring_line(file)}")
    return 0


_PLACES = "config.data.path config.data.manual_dir"  # where the data of a run are now
_RUN = f"workdir step out cpu_devices {_PLACES}"
_ASKED = f"{_RUN} files labels attributes num"  # about test examples or the user's own
_REPAIR = f"{_ASKED} samples sweeps seed"

# What each command does, and the flags that it reads: any other is refused.
COMMANDS: dict[str, tuple[Callable[[Any, flags.FlagValues], int], str]] = {
    "train": (
        _train,
        "config workdir cpu_devices processes coordinator num_processes process_id",
    ),
    "sweep": (
        _of_sweeps("sweep"),
        "config workdir cpu_devices sweep num_trials sampler pruner executor executor_options "
        "workers members",
    ),
    "population": (_of_sweeps("train_population"), "config workdir cpu_devices trials"),
    "packing": (_packing, "config workdir cpu_devices members"),
    "evaluate": (_evaluate, f"{_RUN} files labels attributes split num_samples"),
    "sample": (_sample, f"{_RUN} num seed draw labels attributes prior temperature"),
    "reconstruct": (_reconstruct, f"{_ASKED} split"),
    "inpaint": (_inpaint, f"{_REPAIR} mask box"),
    "denoise": (_denoise, f"{_REPAIR} sigma"),
    "super_resolve": (_super_resolve, f"{_REPAIR} factor"),
    "fidelity": (_fidelity, f"{_RUN} num seed prior"),
    "anomaly": (_anomaly, f"{_RUN} files outliers num num_samples seed"),
    "verify": (_verify, f"{_ASKED} pairs seed"),
    "nearest": (_nearest, f"{_RUN} num seed prior"),
    "augment": (_augment, f"{_RUN} num seed files"),
    "interpolate": (_interpolate, f"{_ASKED} method steps"),
    "traverse": (_traverse, f"{_ASKED} steps"),
    "edit": (_edit, f"{_ASKED} attribute strength method keep measure residual steps"),
    "transfer": (_transfer, _ASKED),
    "results": (_results, "workdir out"),
    "list": (_list, "workdir"),
}


def _load(values: flags.FlagValues) -> Any:
    if not values.workdir:
        raise InputError("--workdir=DIR is missing: the directory of a run.")
    from vae.run import load
    from vae.training.directory import check_writable

    check_writable(user_path(values.out or values.workdir))
    places = {name.removeprefix("config."): values[name].value for name in _PLACES.split()}
    places = {key: value for key, value in places.items() if value is not None}
    return load(values.workdir, step=values.step, out=values.out, places=places)


def _print_result(result: dict[str, Any], workdir: Path) -> None:
    _print({"workdir": str(workdir)} | result)


def _print(result: dict[str, Any]) -> None:
    from vae.training.directory import as_json

    print(as_json(result, indent=2))
