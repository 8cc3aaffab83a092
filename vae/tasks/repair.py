"""What inpainting, denoising and super-resolution share: a model completes what is known in part.

Without `--files` the first test examples are damaged, and repairs are measured against them. The
user's own examples are taken as already damaged: there is nothing to measure against.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.compiled import Compiled
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.convergence import MIXED
from vae.evaluation.posterior import SWEEPS, Posterior, why_not
from vae.probability.event import Event
from vae.probability.likelihoods.location_scale import LocationScale
from vae.probability.observations import independent_share
from vae.run import Run
from vae.tasks import names
from vae.tasks.inputs import Given, given
from vae.tasks.output import Output
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

MEASURED = 256  # validation examples whose reconstruction errors are measured
SHOWN = 32  # the most examples on a sheet; figures cover all


def read(
    run: Run,
    files: Sequence[str | Path],
    num: int | None,
    labels: Sequence[int | str],
    attributes: Sequence[Mapping[str, float]],
    *,
    event: Event | None = None,
) -> Given:
    """Returns the examples to repair: whole test examples, or the user's own, see `inputs.given`.

    The user's own are read as `event`, the run's if None.

    Raises:
      InputError: the model cannot repair; or as `inputs.given`.
    """
    if reason := why_not(run.model):
        raise InputError(f"{run.workdir} cannot repair {run.modality.NAME}: its model {reason}.")
    return given(run, files=files, num=num, labels=labels, attributes=attributes, event=event)


def known_weight(run: Run, given: Given) -> float:
    """Returns the weight of known pixels, from the errors of the run's reconstructions.

    The errors are those of the first `MEASURED` validation images. Where the decoder's errors are
    smooth, known pixels taken as independent say too much about z: on CelebA the repairs were then
    worse than the mean image.
    """
    try:
        errors = _errors(run, given)
    except InputError as error:
        logger.warning("known pixels are taken to have independent errors, for %s", error)
        return 1.0
    return independent_share(errors.reshape(len(errors), -1))


def _errors(run: Run, given: Given) -> np.ndarray:
    """Returns the errors [N, *places, C] of reconstructions of the first validation examples.

    Raises:
      InputError: the data of the run are not there.
    """
    x, y, *_ = first_examples(given.dataset or run.dataset(), "valid", MEASURED, run.config)
    return x - run.reconstruct(x, y)


def with_measured_scale(run: Run, given: Given) -> tuple[Run, dict[str, float]]:
    """Returns the run with a fixed scale of p(x | z) as its errors have it, and that deviation.

    A fixed scale is often only the weight of the loss: one of 1 says of any picture in [0, 1] that
    it is noise, and that what was observed tells nothing of z. Other scales are learned.
    """
    likelihood = run.model.likelihood
    if not isinstance(likelihood, LocationScale) or likelihood.scale != "fixed":
        return run, {}
    try:
        errors = _errors(run, given)
    except InputError as error:
        logger.warning("the scale stays model.scale_init=%g, for %s", likelihood.scale_init, error)
        return run, {}
    deviation = float(np.sqrt(np.nanmean(np.square(errors, dtype=np.float64))))
    measured = likelihood.of_deviation(deviation)
    emission = dataclasses.replace(run.model.emission, likelihood=measured)
    model = dataclasses.replace(run.model, emission=emission)
    measured_run = dataclasses.replace(run, model=model, compiled=Compiled(model))
    return measured_run, {"deviation": deviation}


def repair(
    run: Run,
    given: Given,
    observation: Any,
    *,
    task: str,
    how: str,
    title: str,
    damaged: Mapping[str, np.ndarray],
    region: np.ndarray | None = None,
    baselines: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
    samples: int,
    sweeps: int | None,
    seed: int,
) -> Output:
    """Samples what the examples may be, and writes a sheet and figures.

    A row of the sheet is the original (where it is known), the damaged example, the samples and
    their mean. Each repair of the user's own examples is also a file in a folder beside the sheet.

    Args:
      run: the run.
      given: the examples.
      observation: what is known of the examples.
      task: the command, with which the names of files begin.
      how: the settings of the command, which follow in the names of files.
      title: what was done, with which the title of the sheet begins.
      damaged: name -> the damaged examples [N, *places, C] as shown.
      region: [*places], the positions over which errors are measured; all where None.
      baselines: name -> another repair, [N, *places, C] or [*places, C].
      facts: more entries of the figures.
      samples: the number of samples of each example.
      sweeps: sweeps of each chain; the default of `Run.posterior` where None.
      seed: seed of the chains.

    Returns:
      The paths of the sheet and the figures, and the figures:

        rhat, ess     the largest R-hat and the smallest effective sample size of an unknown value
        unmixed       number of examples with R-hat above 1.1; if any, `note` says so in a sentence
        acceptance    the mean acceptance rate of trajectories, in [0, 1]
        deviation     the standard deviation of p(x | z) that was taken, that of the errors of
                    reconstructions of validation examples, if model.scale is fixed
      (these where samples are those of chains, see `evaluation.guided` for others)
        mse           mean squared error over the region
        psnr          for images, the PSNR of that mean in dB
        ...           the modality's other figures of likeness, with the region replaced

      mse and likenesses are given for `posterior_mean`, the least-squares estimate; for `samples`,
      the mean over single samples; for `best_sample`, the sample nearest to the original; and for
      the baselines.

    Raises:
      InputError: sweeps are not positive.
    """
    if sweeps is not None and sweeps < 1:
        raise InputError(f"--sweeps={sweeps} must be at least 1; {SWEEPS} is the default.")
    run, measured_scale = with_measured_scale(run, given)
    posterior = run.posterior(observation, given.y, chains=samples, sweeps=sweeps, seed=seed)
    there = run.event.values.there(given.x) if run.event.values.missing else None
    posterior = posterior._replace(
        mean=run.event.values.marked(posterior.mean, there),
        samples=run.event.values.marked(
            posterior.samples, None if there is None else there[:, None]
        ),
    )
    path = names.picture(run, task, how, f"seed{seed}", given.tag)
    number, chains = posterior.samples.shape[:2]
    figures: dict[str, Any] = {"seed": seed, **facts, **measured_scale} | {
        "step": run.step,
        "num": number,
        "samples": chains,
    }
    rows: list[dict[str, Any]] = [{"name": name} for name in given.names]
    if posterior.rhat is not None:
        found, each = mixing(posterior, SWEEPS if sweeps is None else sweeps)
        figures |= found
        rows = [row | one for row, one in zip(rows, each, strict=True)]
    before = dict(damaged)
    files: dict[str, bytes] = {}
    if given.dataset:
        before = {"original": given.x, **damaged}
        measured = _measured(run, given.x, posterior, baselines, region)
        for i, row in enumerate(rows):
            for measure, found in measured.items():
                row[measure] = {key: float(values[i]) for key, values in found.items()}
        for measure, found in measured.items():
            figures[measure] = {key: float(values.mean()) for key, values in found.items()}
        if "psnr" in figures:
            mse = figures["mse"].items()
            figures["psnr"] = {key: float(-10 * np.log10(max(m, 1e-12))) for key, m in mse}
    else:
        for i, own in enumerate(given.names):
            which = {"mean": posterior.mean[i]} | dict(enumerate(posterior.samples[i]))
            for ending, x in which.items():
                end, content = run.modality.file(x, run.event)
                files[f"/{i:04d}_{own}_{ending}{end}"] = content
    sheet = run.modality.table(
        posterior.samples[:SHOWN],
        run.event,
        f"{title}, step {run.step:,}: possible repairs, drawn from p(z | what is known), and the "
        "mean of all of them",
        columns=[f"repair {i + 1}" for i in range(chains)],
        rows=given.names[:SHOWN],
        before={name: images[:SHOWN] for name, images in before.items()},
        after={"mean": posterior.mean[:SHOWN]},
    )
    paths = sheet._replace(files={**sheet.files, **files}).save(path)
    write_json(path.with_suffix(".json"), figures | {"per_example": rows})
    return Output([*paths, path.with_suffix(".json")], figures)


def mixing(posterior: Any, sweeps: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns what tells how the chains have mixed, over all examples and for each."""
    acceptance, rhat, ess = posterior.acceptance, posterior.rhat, posterior.ess
    assert acceptance is not None and rhat is not None and ess is not None  # of chains
    unmixed = int(np.sum(rhat > MIXED))
    figures: dict[str, Any] = {
        "acceptance": float(acceptance.mean()),
        "rhat": _number(rhat.max()),
        "ess": _number(ess.min()),
        "unmixed": unmixed,
    }
    if unmixed:
        figures["note"] = (
            f"The samples of {unmixed} of {len(rhat)} examples have not mixed (R-hat up to "
            f"{figures['rhat']:.2f}, wanted {MIXED:g}): they and their mean may depend on where "
            f"the chains started; raise --sweeps, here {sweeps}."
        )
    each = zip(acceptance.mean(1), rhat, ess, strict=True)
    return figures, [
        {"acceptance": float(a), "rhat": _number(r), "ess": _number(e)} for a, r, e in each
    ]


def _measured(
    run: Run,
    x: np.ndarray,
    posterior: Posterior,
    baselines: Mapping[str, np.ndarray],
    region: np.ndarray | None,
) -> dict[str, dict[str, np.ndarray]]:
    """Returns how alike repairs and originals are, [N] by measure and by the name of the repair."""
    region = np.ones(x.shape[1:-1], bool) if region is None else region

    def of(other: np.ndarray) -> dict[str, np.ndarray]:
        other = np.where(region[..., None], other, x)
        each = [
            run.modality.likeness(a[None], b[None], run.event)
            for a, b in zip(x, other, strict=True)
        ]
        found = {measure: np.array([one[measure] for one in each]) for measure in each[0]}
        return found | {"mse": found["mse"] / region.mean()}

    singles = [of(sample) for sample in np.moveaxis(posterior.samples, 1, 0)]
    stacked = {measure: np.stack([one[measure] for one in singles]) for measure in singles[0]}
    best = stacked["mse"].argmin(0)
    named = {
        "posterior_mean": of(posterior.mean),
        "samples": {measure: values.mean(0) for measure, values in stacked.items()},
        "best_sample": {
            measure: values[best, np.arange(len(x))] for measure, values in stacked.items()
        },
    } | {key: of(np.broadcast_to(other, x.shape)) for key, other in baselines.items()}
    return {measure: {key: found[measure] for key, found in named.items()} for measure in stacked}


def _number(value: float) -> float | None:
    """Returns a figure for JSON; None where it is not finite, as of chains that never moved."""
    return float(value) if np.isfinite(value) else None
