"""The commands on directories of runs and sweeps: report, list, compare and others."""

from __future__ import annotations

from pathlib import Path

from vae.annotations import Count, Split
from vae.errors import InputError
from vae.experiment_commands import prepare
from vae.experiments import FOLDER, docstring_line
from vae.files import user_path
from vae.tasks.output import Output
from vae.terminal import Progress


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
