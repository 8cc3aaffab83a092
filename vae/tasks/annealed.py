"""`evaluate --method=ais` and `--method=bdmc`: log p(x) by annealed importance sampling."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import logsumexp

from vae.data.batches import apply_in_batches
from vae.data.examples import Raw, called
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation import annealing
from vae.evaluation.annealing import Annealer, Weights, make_annealer
from vae.evaluation.diagnostics import mean_and_error
from vae.evaluation.likelihood import weighs
from vae.probability.distributions import example_keys, other_keys
from vae.run import BATCH, Run
from vae.tasks.inputs import Given, as_data
from vae.training.devices import replicate

logger = logging.getLogger(__name__)

NUM = 100  # examples
CHAINS = 16
TEMPERATURES = 1000
FEW = 1.5  # chains that a mean must be worth

AIS = "annealed importance sampling with Hamiltonian Monte Carlo, from the prior"
BDMC = f"{AIS}, forward; and reverse, from the latents that x was drawn from"


class Settings(NamedTuple):
    """What annealing takes, see `vae.tasks.evaluate`."""

    chains: int
    temperatures: int
    num_samples: int
    noise: float | None


def of_split(run: Run, split: str, num: int, settings: Settings) -> dict[str, Any]:
    """Returns the figures of the first examples of a split."""
    dataset = run.dataset()
    x, y, *_ = first_examples(dataset, split, num, run.config)
    names = called(getattr(dataset, split), split, range(len(x)))
    facts = {
        "data": dataset.description,
        "split": f"{run.config.data[split]} (its first {len(x)} examples)",
        "binarize": run.config.data.binarize,
    }
    return _of_examples(run, Given(x, y, names, dataset), split, settings, facts)


def of_files(
    run: Run, own: Given, files: Sequence[str | Path], settings: Settings
) -> dict[str, Any]:
    """Returns the figures of the user's own examples."""
    facts = {"data": ", ".join(map(str, files)), "split": f"all ({len(own.x)} examples)"}
    own = own._replace(x=as_data(own.x, run))
    return _of_examples(run, own, "files", settings, facts)


def of_simulated(run: Run, split: str, num: int, settings: Settings) -> dict[str, Any]:
    """Returns the bracket of examples drawn from the model, with y of a split if it takes any."""
    annealer = _annealer(run, settings, drawn=True)
    y, data = None, "drawn from the model"
    if run.model.condition:
        y = first_examples(run.dataset(), split, num, run.config).y
        num, data = len(y), f"drawn from the model, given the y of the first of {split}"
    keys = other_keys(example_keys(jax.random.key(run.config.evaluation.seed), np.arange(num)))
    x, z = apply_in_batches(
        lambda inputs: annealer.simulate(run.variables, inputs), (y, keys), BATCH, "simulating"
    )
    weights = _anneal(run, annealer, x, y, z, settings)
    names = [f"drawn {i}" for i in range(num)]
    facts = {"data": data, "split": f"simulated ({num} examples)"}
    return _result(run, Given(x, y, names, None), weights, "simulated", settings, facts)


def _of_examples(
    run: Run, given: Given, name: str, settings: Settings, facts: dict[str, Any]
) -> dict[str, Any]:
    y = given.y if run.model.condition else None
    weights = _anneal(run, _annealer(run, settings), given.x, y, None, settings)
    return _result(run, given, weights, name, settings, facts)


def _annealer(run: Run, settings: Settings, *, drawn: bool = False) -> Annealer:
    """Compiles the chains.

    Raises:
      InputError: the model is not for annealing, or the noise is not positive.
    """
    noise = settings.noise
    if noise is not None and not 0 < noise < math.inf:
        raise InputError(f"--noise={noise:g} must be above 0, in units of x.")
    if reason := annealing.why_not(run.model, noise, drawn=drawn):
        raise InputError(f"{run.workdir} cannot be annealed: its model {reason}.")
    return make_annealer(
        run.model,
        run.variables,
        run.compiled.mesh,
        noise=noise,
        max_bytes=run.config.evaluation.max_bytes,
    )


def _anneal(run: Run, annealer: Annealer, x: Any, y: Any, z: Any, settings: Settings) -> Weights:
    return annealer.anneal(
        replicate(run.variables, run.compiled.mesh),
        x,
        y,
        z,
        chains=settings.chains,
        temperatures=settings.temperatures,
        key=jax.random.key(run.config.evaluation.seed),
    )


def _result(
    run: Run,
    given: Given,
    weights: Weights,
    name: str,
    settings: Settings,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Returns the figures of chains, beside those of importance sampling of the same examples."""
    each = {
        "nll_ais": -_log_mean(weights.forward),
        "chains_error": _error_of_chains(weights.forward),
        "chains_ess": _ess(weights.forward),
        "acceptance": weights.acceptance.mean(1),
    }
    if weights.reverse is not None:
        each["nll_reverse"] = _log_mean(-weights.reverse)
        each["bracket"] = each["nll_ais"] - each["nll_reverse"]
    protocol = facts | {
        "method": AIS if weights.reverse is None else BDMC,
        "chains": settings.chains,
        "temperatures": settings.temperatures,
        "leapfrogs": annealing.LEAPFROGS,
        "seed": run.config.evaluation.seed,
        "weights": "averaged" if run.config.training.ema_decay else "last",
    }
    if settings.noise is not None:
        protocol["likelihood"] = f"N(x; mean of p(x | z), {settings.noise:g}^2), as stated"
    elif run.model.is_density:
        y = np.full(len(given.x), -1, np.int32) if given.y is None else given.y
        estimate = run.estimate_checked(
            Raw(given.x, y), num_samples=settings.num_samples, seed=protocol["seed"]
        )
        each["elbo"] = estimate.elbo
        if weighs(run.model) and settings.num_samples > 1:
            protocol["num_samples"] = settings.num_samples
            each["nll"] = -estimate.log_likelihood
            each["nll_minus_ais"] = each["nll"] - each["nll_ais"]
    metrics: dict[str, float] = {}
    for key in ("nll_ais", "nll_reverse", "bracket", "nll", "nll_minus_ais", "elbo"):
        if key in each:
            mean, error = mean_and_error(each[key])
            metrics |= {f"{name}/{key}": mean, f"{name}/{key}_stderr": error}
    number = len(given.x)
    metrics[f"{name}/chains_error"] = float(np.sqrt((each["chains_error"] ** 2).sum()) / number)
    metrics[f"{name}/chains_ess"] = float(each["chains_ess"].mean())
    metrics[f"{name}/acceptance"] = float(each["acceptance"].mean())
    metrics[f"{name}/examples"] = number
    if settings.chains > 2 and each["chains_ess"].mean() < FEW:
        logger.warning(
            "The NLL of AIS rests on %.2g of %d chains of each example, so that it may lie far "
            "above -log p(x): raise --temperatures, here %d.",
            *(each["chains_ess"].mean(), settings.chains, settings.temperatures),
        )
    rows = zip(*each.values(), strict=True)
    return {
        "step": run.step,
        "metrics": metrics,
        "protocol": protocol,
        "per_example": [
            {"example": example} | dict(zip(each, map(float, row), strict=True))
            for example, row in zip(given.names, rows, strict=True)
        ],
    }


def _log_mean(log_weights: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the mean weight of each example, [N], from [N, M]."""
    return logsumexp(log_weights, axis=1) - math.log(log_weights.shape[1])


def _ess(log_weights: np.ndarray) -> np.ndarray:
    """Returns how many chains of equal weight the M of each example are worth, [N]."""
    return np.exp(2 * logsumexp(log_weights, axis=1) - logsumexp(2 * log_weights, axis=1))


def _error_of_chains(log_weights: np.ndarray) -> np.ndarray:
    """Returns the standard error [N] of the logarithm of a mean over M chains, to first order.

    It is that of the mean divided by the mean.
    """
    number = log_weights.shape[1]
    relative = np.exp(log_weights - _log_mean(log_weights)[:, None])
    return (
        relative.std(1, ddof=1) / math.sqrt(number)
        if number > 1
        else np.full(len(relative), np.nan)
    )
