"""What is wrong with a run, in plain sentences, each with the figure that says so.

Each diagnosis is a function of the run's record alone (`Evidence`), which returns a `Finding` or
None. None is a proof: it names what to look at, and what to try.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vae.evaluation.diagnostics import collapse, few_samples_warning, off_centre_warning
from vae.report.curves import Curve
from vae.report.finding import BAD, NOTE, WARN, Finding, ordered
from vae.terminal import number

WORSE = 2.0  # standard errors by which a validation must be worse than the best
GAP = 0.1  # of the training ELBO by which the validation ELBO is below it
IMPROVED = 0.01  # of the ELBO that the last fifth of the steps still gained
UNUSED = 0.5  # the share of latents that may be idle before it is worth a word
FAR = 8.0  # spreads from the median: an outlier. Spreads are half of the middle half's width
SPIKE = 100.0  # times the median norm of the gradient
SKIPPED = 0.01  # of the updates
REGULARISERS = (  # not every decoder reads model.dropout, nor every optimizer a weight decay
    "optimizer.weight_decay (of adamw or muon), a smaller network, more examples, or model.dropout "
    "where the decoder reads it"
)


class Evidence(NamedTuple):
    """What is known of a run.

    Attributes:
      config: its config, by dotted key.
      result: `result.json`; empty if there is none.
      status: as `vae.report.runs.Summary` has it.
      curves: its metrics over the steps, by name.
      details: `details.json` of the last step; empty if there is none.
    """

    config: Mapping[str, Any]
    result: Mapping[str, Any]
    status: str
    curves: Mapping[str, Curve]
    details: Mapping[str, Any]

    def figure(self, name: str) -> float:
        """Returns a figure of the test set, or else of the validation set; NaN without one."""
        metrics = self.result.get("metrics", {})
        found = (metrics.get(f"{split}/{name}") for split in ("test", "valid"))
        return next((float(x) for x in found if x is not None), math.nan)


def diagnoses(evidence: Evidence) -> list[Finding]:
    """Returns what is found in a run, the worst first."""
    return ordered(check(evidence) for check in CHECKS)


def ended_early(run: Evidence) -> Finding | None:
    """A run that failed, diverged, or was stopped."""
    error = str(run.result.get("error", "")).rstrip(".")
    if run.status == "diverged":
        return Finding(
            BAD, "Divergence", f"The run diverged: {error or 'its loss was not finite'}."
        )
    if run.status == "failed":
        return Finding(BAD, "Failure", f"The run failed: {error or 'no reason was recorded'}.")
    if run.status in ("preempted", "stopped"):
        step, total = run.result.get("step"), run.config.get("training.steps")
        where = f" at step {step:,} of {total:,}" if step is not None and total else ""
        return Finding(
            WARN, "Not finished", f"The run was stopped{where}; the same command goes on with it."
        )
    return None


def unstable(run: Evidence) -> Finding | None:
    """Updates that were skipped, or a gradient that was far larger than usual at some steps."""
    skipped = run.curves.get("train/skipped")
    steps, total = max((skipped.steps[-1] if skipped else 0), 1), 0.0
    if skipped and skipped.finite:
        total = skipped.finite[-1][1]
    if total > SKIPPED * steps:
        return Finding(
            WARN,
            "Skipped updates",
            f"{total:,.0f} of {steps:,} updates were skipped, for their gradients were not finite "
            "or larger than optimizer.skip_norm; try a lower optimizer.learning_rate or "
            "optimizer.clip_norm.",
        )
    norms = run.curves["train/grad_norm"].finite if "train/grad_norm" in run.curves else []
    later = norms[len(norms) // 5 :]  # the first are large
    if len(later) < 5:
        return None
    usual = statistics.median(norm for _, norm in later)
    step, largest = max(later, key=lambda pair: pair[1])
    if not largest > SPIKE * usual:
        return None
    return Finding(
        WARN,
        "Unsteady training",
        f"At step {step:,} the norm of the gradient was {number(largest)}, {largest / usual:,.0f} "
        "times the usual one; try optimizer.clip_norm, a lower optimizer.learning_rate or more "
        "optimizer.warmup_steps.",
    )


def collapsed(run: Evidence) -> Finding | None:
    """Latents that say nothing about x."""
    units = _units(run)
    said = collapse(*units, run.figure("kl")) if units else None
    return Finding(BAD, "Posterior collapse", said.partition(": ")[2]) if said else None


def unused(run: Evidence) -> Finding | None:
    """Latents of which many are idle, short of a collapse."""
    units = _units(run)
    if units is None or collapsed(run) or math.isnan(run.figure("kl")):
        return None
    counted, active, total = units
    if counted != "units" or total < 4 or active > UNUSED * total:
        return None
    return Finding(
        NOTE,
        "Unused capacity",
        f"{active} of {total} latent units are active, so that a model.latent_dim of about "
        f"{max(2, math.ceil(active * 1.25))} would hold as much; if the reconstructions lack "
        "detail, try a lower objective.beta or a longer objective.beta_warmup_steps, which put "
        "more units to use.",
    )


def overfitting(run: Evidence) -> Finding | None:
    """Validation figures that became worse, or are far from those of training."""
    valid = run.curves.get("valid/elbo")
    errors = dict((run.curves.get("valid/elbo_stderr") or Curve([], [])).finite)
    if not valid or len(valid.finite) < 3:
        return None
    (best_step, best), (step, last) = max(valid.finite, key=lambda pair: pair[1]), valid.finite[-1]
    error = errors.get(step, 0.0)
    if best - last > WORSE * error and best - last > IMPROVED * abs(best) and step > best_step:
        return Finding(
            WARN,
            "Overfitting",
            f"The validation ELBO was best at step {best_step:,}, {number(best)} nats, and fell to "
            f"{number(last)} at step {step:,}; take that checkpoint by --step=best, or try fewer "
            f"steps, {REGULARISERS}.",
        )
    train = (run.curves.get("train/elbo") or Curve([], [])).finite
    if train and run.config.get("objective.name") == "elbo":
        gap = train[-1][1] - last
        if gap > WORSE * error and gap > GAP * max(abs(train[-1][1]), 1.0):
            return Finding(
                WARN,
                "Overfitting",
                f"The ELBO is {number(train[-1][1])} nats in training and {number(last)} in "
                "validation: the model knows its training examples much better than others; try "
                f"{REGULARISERS}.",
            )
    return None


def unfinished(run: Evidence) -> Finding | None:
    """A validation figure that was still getting better at the end."""
    pairs = (run.curves.get("valid/elbo") or Curve([], [])).finite
    if run.status != "completed" or len(pairs) < 4:
        return None
    step, last = pairs[-1]
    before = [value for at, value in pairs if at <= 0.8 * step]
    errors = dict((run.curves.get("valid/elbo_stderr") or Curve([], [])).finite)
    if not before:
        return None
    gained = last - max(before)
    if gained < IMPROVED * abs(last) or gained < errors.get(step, 0.0):
        return None
    return Finding(
        NOTE,
        "Still improving",
        f"In the last fifth of its {step:,} steps the validation ELBO gained {number(gained)} nats "
        f"and reached {number(last)}; more training.steps would give more (raise them and run the "
        "same command: it goes on).",
    )


def off_centre(run: Evidence) -> Finding | None:
    """Latents that lie away from what the prior draws."""
    said = off_centre_warning(run.figure("off_centre"), run.figure("kl"))
    return Finding(WARN, "Latents off the prior's centre", said) if said else None


def few_samples(run: Evidence) -> Finding | None:
    """An NLL that rests on few samples."""
    asked = run.result.get("protocol", {}).get("num_samples", 0)
    said = few_samples_warning(run.figure("ess"), asked)
    return Finding(WARN, "An NLL from few samples", said) if said else None


def hard_outlier(run: Evidence) -> Finding | None:
    """Test examples that are far less probable than all others."""
    return _outlier(run, "highest", 1)


def easy_outlier(run: Evidence) -> Finding | None:
    """Test examples that are far more probable than all others."""
    return _outlier(run, "lowest", -1)


def _outlier(run: Evidence, end: str, sign: int) -> Finding | None:
    nats = run.details.get("nats")
    if not nats:
        return None
    at = dict(zip(nats["share"], nats["value"], strict=True))
    median, spread = at[0.5], (at[0.75] - at[0.25]) / 2
    if not spread > 0:
        return None
    far = [(i, x) for i, x in nats[end] if sign * (x - median) > FAR * spread]
    if not far:
        return None
    names = ", ".join(str(i) for i, _ in far if i is not None)
    which = f" ({'examples' if len(far) > 1 else 'example'} {names})" if names else ""
    counted = (
        f"{len(far)} test examples{which} have" if len(far) > 1 else f"A test example{which} has"
    )
    if len(far) == len(nats[end]):
        counted = f"{len(far)} test examples or more{which} have"
    middle = f"{counted} {number(far[0][1])} nats where half of all have {number(median)} or "
    if sign > 0:
        return Finding(
            NOTE,
            "Improbable examples",
            f"{middle}less; look at what they are, for a damaged or mislabelled file costs the "
            "mean as much as many good examples gain.",
        )
    return Finding(
        NOTE,
        "Examples that are too easy",
        f"{middle}more; look at what they are, for an empty or constant example is easily "
        "explained, and flatters the mean.",
    )


def _units(run: Evidence) -> tuple[str, int, int] | None:
    """Returns what is counted of the latents, how many are active, and how many there are."""
    if units := run.details.get("units"):
        return units["counted"], units["active"], units["total"]
    active, total = run.figure("active_units"), run.config.get("model.latent_dim")
    # A model whose latents are not one vector of that size counts others.
    plain = run.config.get("model.name") == "vae" and run.config.get("model.encoder") != "spatial"
    if math.isnan(active) or not total or not plain:
        return None
    return "units", int(active), int(total)


CHECKS: tuple[Callable[[Evidence], Finding | None], ...] = (
    ended_early,
    unstable,
    collapsed,
    unused,
    overfitting,
    unfinished,
    off_centre,
    few_samples,
    hard_outlier,
    easy_outlier,
)
