"""Runs side by side as a page: tables, curves over each other, samples, and what is wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from vae.errors import InputError
from vae.report import compare, curves, html, media, runs
from vae.report.diagnoses import diagnoses
from vae.report.report import FILE, evidence_of
from vae.training.directory import check_writable, described

# Which way is better, of the figures for which that is plain.
BETTER = {
    **dict.fromkeys(("elbo", "nll_reverse", "psnr", "ssim", "accuracy"), max),
    **dict.fromkeys(("nll", "nll_ais", "bits_per_dim", "perplexity"), min),
}
OF_DENSITY = ("elbo", "nll", "bits_per_dim", "perplexity")  # of some models they are no bounds


def write(directories: Sequence[str | Path], out: Path) -> Path:
    """Writes the page.

    Args:
      directories: two run directories or more.
      out: the file; report.html in it where it is a directory.

    Returns:
      The path of the page.

    Raises:
      InputError: as `compare.compare`; or the page cannot be written.
    """
    found = compare.read(directories)
    path = out / FILE if out.is_dir() else out
    if path.suffix != ".html":
        raise InputError(f"--out={out} is no page: give a name that ends in .html.")
    check_writable(path.parent)
    evidence, findings, digests = [], [], set()
    for run in found.runs:
        with described(run.directory):  # JSON of another shape than was written
            evidence.append(evidence_of(run))
            findings.append(diagnoses(evidence[-1]))
            digests.add(_digest(run))
    budget = media.Budget()
    one_data = len(digests) == 1
    html.write(
        path,
        "compare.html",
        title=" · ".join(found.names),
        names=[
            _linked(run.directory, name, path)
            for run, name in zip(found.runs, found.names, strict=True)
        ],
        about=found.about,
        differences=found.differences,
        splits=[
            (split.rstrip("/"), _marked(found, split, one_data=one_data))
            for split in runs.SPLITS
            if found.metrics(split)
        ],
        one_data=one_data,
        findings=findings,
        curves=curves.charts(
            {name: each.curves for name, each in zip(found.names, evidence, strict=True)}
        ),
        sheets=[
            (title, [_sheet(run, kind, budget) for run in found.runs])
            for kind, title in (("samples", "Samples"), ("reconstructions", "Reconstructions"))
            if any(media.latest(run.directory, kind) for run in found.runs)
        ],
    )
    return path


def _linked(folder: Path, name: str, page: Path) -> Markup:
    """Returns a run's name, as a link to its report if it has one."""
    report = folder / FILE
    if not report.is_file():
        return escape(name)
    address = escape(os.path.relpath(report.resolve(), page.parent.resolve()))
    return Markup(f'<a href="{address}">{escape(name)}</a>')


def _digest(run: runs.Summary) -> str:
    return str(run.record.get("data", {}).get("digest"))


def _marked(found: compare.Comparison, split: str, *, one_data: bool) -> list[list[str | Markup]]:
    """Returns the rows of a split's figures, of one data set with the best of a row in bold."""
    rows: list[list[str | Markup]] = []
    bounded = [run.bounded for run in found.runs]
    for name, *cells in found.metrics(split):
        own = name.removeprefix(split)
        values = [
            x if own not in OF_DENSITY or bound else None
            for x, bound in zip(found.figures[name], bounded, strict=True)
        ]
        known = {x for x in values if x is not None}
        better = BETTER.get(own)
        best = better(known) if better and one_data and len(known) > 1 else None
        rows.append(
            [
                own.replace("_", " "),
                *(
                    Markup("<b>{}</b>").format(cell) if best is not None and x == best else cell
                    for cell, x in zip(cells, values, strict=True)
                ),
            ]
        )
    return rows


def _sheet(run: runs.Summary, kind: str, budget: media.Budget) -> media.Shown:
    picture = media.latest(run.directory, kind)
    return media.shown(picture, kind, budget) if picture else media.Shown("none")
