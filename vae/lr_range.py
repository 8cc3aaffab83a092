"""The learning-rate range test: a short training whose rate rises exponentially.

At the lowest rates the loss stands still, then it falls, and at rates that are too high it rises or
is no number any more (Smith, "Cyclical learning rates for training neural networks", 2017). The
suggestion is a tenth of the rate at which the loss, smoothed, is lowest: at that rate itself steps
are already as large as they may be.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from vae import terminal
from vae.errors import InputError
from vae.experiment import prepare
from vae.files import user_path
from vae.train import check, make_program
from vae.training import devices
from vae.training.logs import Log
from vae.training.state import RATES

SHARE = 10  # the suggestion is the rate with the lowest loss over this
WINDOW = 0.05  # of all calls: those whose losses are averaged


class Range(NamedTuple):
    """What a range test found.

    Attributes:
      rates: [n] the learning rate of each call of the step.
      losses: [n] the mean loss of each call, of the batch before its update; NaN where the gradient
        was above `optimizer.skip_norm`. The test ends where a loss is not finite.
      smoothed: [n] running means of the losses.
      lowest: the rate at which the smoothed loss is lowest.
      suggestion: the suggested rate; None where the loss is lowest at one end of the range.
      said: a sentence about it.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    lowest: float
    suggestion: float | None
    said: str


def lr_range(
    config: ml_collections.ConfigDict,
    workdir: str | Path,
    *,
    calls: int = 200,
    low: float = 1e-6,
    high: float = 1.0,
) -> Range:
    """Trains for a few steps with a rate that rises exponentially; no weights are kept.

    The schedule of the rate and all warm-ups are left out, and a discriminator's rate rises with
    the other. With `training.steps_per_call` the rate is the same within a call.

    Args:
      config: the experiment.
      workdir: the run directory, which is refused as `vae.train` refuses it.
      calls: the number of calls of the step.
      low: the first rate.
      high: the last rate.

    Raises:
      InputError: the experiment would be refused, or the range is none.
    """
    if not 0 < low < high or calls < 20:
        raise InputError(
            f"a range of rates from {low:g} to {high:g} in {calls} steps is none: give "
            "0 < --low < --high, and --steps of at least 20."
        )
    mesh = devices.make_mesh()
    check(config, user_path(workdir), mesh)
    config = config.copy_and_resolve_references()
    config.optimizer.schedule = "constant"
    config.training.steps = calls * config.training.steps_per_call
    config.log.every_steps = config.training.steps_per_call  # so that a report is of one call
    experiment = prepare(config)
    rates, losses = np.geomspace(low, high, calls), []
    with experiment.batches() as batches:
        log = Log(user_path(workdir), tensorboard=False)
        program = make_program(experiment, user_path(workdir), mesh, batches, log)
        step = terminal.first("compiling the step", program.step, lambda _, batch: batch.positions)
        state = program.initialise()
        given = jax.device_get(state.hyper)
        still = dict.fromkeys(("warmup_steps", "beta_warmup_steps"), 0.0)
        with terminal.Progress("rising rates", calls, "steps") as progress:
            for call, rate in enumerate(rates):
                risen = {n: rate * given[n] / given[RATES[0]] for n in RATES if n in given}
                hyper = {n: np.float32(x) for n, x in (given | still | risen).items()}
                state = state.replace(hyper=devices.replicate(hyper, mesh))
                first = call * config.training.steps_per_call
                state, report = step(state, program.batch(first))
                metrics, guard = jax.device_get((report.metrics, report.guard))
                if guard.streak:  # not finite
                    break
                with np.errstate(invalid="ignore"):
                    losses.append(float(metrics.compute()["loss"]))
                progress.at(call + 1, {"rate": rate, "loss": losses[-1]})
    return judged(rates[: len(losses)], np.array(losses), ended=len(losses) < calls)


def judged(rates: np.ndarray, losses: np.ndarray, *, ended: bool = False) -> Range:
    """Suggests a rate from the losses [n] at rising rates [n].

    Args:
      rates: the rates.
      losses: the losses.
      ended: whether the loss at the next rate was not finite.
    """
    known = np.isfinite(losses)
    if not known.any():
        said = "No suggestion, for no loss was finite: lower --low, or see to the data."
        return Range(rates, losses, losses, np.nan, None, said)
    half = max(2, round(WINDOW * len(losses) / 2))
    window = np.ones(2 * half + 1)
    sums, counts = (
        np.convolve(x, window)[half:-half] for x in (np.where(known, losses, 0.0), 1.0 * known)
    )
    smoothed = np.divide(sums, counts, out=np.full(len(losses), np.nan), where=counts > 0)
    best = int(np.nanargmin(smoothed))
    lowest = float(rates[best])
    end = f"; at the rate after {rates[-1]:.2g} it is not finite" if ended else ""
    if best <= half:
        said = f"the loss does not fall: lower --low from {rates[0]:.2g}, or take more --steps"
        return Range(rates, losses, smoothed, lowest, None, f"No suggestion, for {said}{end}.")
    if best >= len(losses) - 1 and not ended:
        said = f"the loss still falls at the highest rate: raise --high from {rates[-1]:.2g}"
        return Range(rates, losses, smoothed, lowest, None, f"No suggestion, for {said}.")
    suggestion = float(f"{lowest / SHARE:.2g}")
    said = (
        f"The smoothed loss is lowest at the rate {lowest:.2g}{end}. A tenth is {suggestion:.2g}."
    )
    return Range(rates, losses, smoothed, lowest, suggestion, said)
