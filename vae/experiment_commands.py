"""The commands on experiments and their runs: train, report, list, compare and others."""

from __future__ import annotations

from pathlib import Path

from vae.annotations import Count, Split
from vae.config import flatten, to_dict
from vae.config.keys import KEYS
from vae.config.values import shown
from vae.errors import InputError
from vae.experiments import FOLDER, ExperimentFile, changes, docstring_line
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


def results(*, workdir: str | Path = "runs", out: Path | None = None) -> Output:
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


def report(*, workdir: Path) -> Output:
    """Writes the report of a run, or of a sweep: report.html, one page that needs no network.

    A run writes its report when it ends. This writes it anew, with what tasks have made since, or
    while the run is going on. What an older run lacks (its latents, pictures) is measured first.

    Examples:
      vae report --workdir=runs/digits
      vae report --workdir=sweeps/digits

    Args:
      workdir: The directory of a run or of a sweep.
    """
    workdir = user_path(workdir)
    if (workdir / "sweep.json").is_file():
        from vae.sweeps import results

        return Output([workdir / results.REPORT], {}, results.write(workdir))
    with Progress("starting"):
        from vae.report.complete import complete
        from vae.report.report import write

        prepare(None)
    complete(workdir)
    return Output([write(workdir)])


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


def compare(*workdirs: str, out: Path | None = None) -> Output:
    """Compares runs: what differs in their configs, and what each came to.

    Examples:
      vae compare runs/digits runs/wide
      vae compare runs/digits runs/wide --out=wide.html
      vae compare sweeps/digits/trials/0000 sweeps/digits/trials/0001 --json

    Args:
      *workdirs: the directories of two runs or more.
      out: A page of HTML to write, which also has their curves, and samples side by side.
    """
    from vae.report.compare import compare

    text, figures = compare(workdirs)
    if out is None:
        return Output([], figures, text)
    from vae.report.compare_page import write

    return Output([write(workdirs, user_path(out))], figures, text)


def udr(*workdirs: str, split: Split = "test", num: Count = 5000) -> Output:
    """Measures how alike the latents of runs are, which tells without factors what is disentangled.

    The unsupervised disentanglement ranking (Duan et al. 2020), of codes that are the means of
    q(z | x): models that disentangle find the same latents whatever the seed. A run is compared
    with the others that differ from it in their seeds alone and, all to all, with all others. Its
    scores, by lasso weights and by rank correlations, are written into its directory as udr.json;
    `vae results` shows them. Scores are between 0 and 1 and compare among the runs of one data set.

    Examples:
      vae udr sweeps/disentanglement
      vae udr runs/a runs/b runs/c

    Args:
      *workdirs: directories of sweeps, whose completed trials are taken, or of runs.
      split: The split whose first examples are encoded.
      num: The most examples.
    """
    from vae.report.udr import measure

    prepare(None)
    text, paths, figures = measure(workdirs, split=split, num=num)
    return Output(paths, figures, text)


def rate_distortion(*, workdir: Path, key: str | None = None, probe: bool = False) -> Output:
    """Draws rate-distortion and rate-accuracy curves of a sweep over beta, or over another key.

    The rate is the mean KL of q(z | x) to the prior and the distortion the mean of -log p(x | z),
    of test examples in nats; their sum is the negative ELBO, which is constant along the diagonals
    (Alemi et al. 2018). The accuracy is what linear models read from samples of q(z | x), where
    `vae probe` has measured it.

    Examples:
      vae rate_distortion --workdir=sweeps/digits --probe
      vae rate_distortion --workdir=runs --key=model.latent_dim

    Args:
      workdir: The directory of a sweep, or one that holds runs; files are written into it.
      key: The key along the curves; objective.beta, or the only one that differs, if absent.
      probe: Probes the latents of all runs in which that was not done.
    """
    from vae.report.rate_distortion import measure

    prepare(None)
    text, paths, figures = measure(user_path(workdir), key, probe=probe)
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
