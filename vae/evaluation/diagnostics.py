"""From per-example estimates to the metrics of a data set, and what they say of the model."""

from __future__ import annotations

import math

import numpy as np

from vae.evaluation.information import information
from vae.evaluation.likelihood import Estimate

# A dimension is active if the posterior's mean moves with x (Burda et al. 2016, section 5.3). Where
# there is no single vector of means, a latent group is active if it carries so many nats.
ACTIVE_VARIANCE = 0.01
ACTIVE_NATS = 0.01
MANY_SAMPLES = 10  # with fewer samples, few effective ones need no warning
FEW_SAMPLES = 2.0  # effective samples; an estimate from fewer says little
OFF_CENTRE = 1.0  # nats: the latents' mean is then 1.4 of the prior's standard deviations off
SHARE = 0.01  # of the KL; what is less says little of latents with thousands of nats


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Returns the mean over examples and its standard error."""
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return float(values.mean()), float(error)


def active_units(estimate: Estimate) -> int:
    """Returns the number of latent dimensions d with Var_x(E_q[z_d]) > 0.01."""
    return int((estimate.mean.var(0) > ACTIVE_VARIANCE).sum())


def active_groups(estimate: Estimate) -> int:
    """Returns the number of latent groups g with E_x[KL_g] > 0.01 nats."""
    return int((estimate.group_kl.mean(0) > ACTIVE_NATS).sum())


def activity(estimate: Estimate) -> tuple[str, int, int]:
    """Returns what is counted ("units" or "groups"), how many are active, and how many exist.

    One example says nothing of how means vary with x: no units are then counted.
    """
    if dimensions := estimate.mean.shape[1]:
        if len(estimate.mean) < 2:
            return "units", 0, 0
        return "units", active_units(estimate), dimensions
    return "groups", active_groups(estimate), estimate.group_kl.shape[1]


def off_centre(mean: np.ndarray) -> float:
    """Returns by how many nats the KL to N(0, I) exceeds that of centred latents.

    With z = u - mu, mu the mean of the aggregate posterior, a decoder reconstructs as before, and
    E_x[KL] falls by |mu|^2 / 2 (see `models/origin.py`). The squared mean of N examples exceeds
    |mu|^2 by their variance / N, which is subtracted.

    Args:
      mean: [N, D] means of q(z | x).
    """
    if len(mean) < 2:
        return math.nan
    excess = (mean.mean(0) ** 2 - mean.var(0, ddof=1) / len(mean)).sum() / 2
    return float(max(0.0, excess))


def per_value(nats: np.ndarray, dimensions: np.ndarray) -> tuple[float, float]:
    """Returns the nats of a whole set per value, and their standard error.

    Examples of different sizes count by their number of values. The error is that of a ratio of two
    means, to first order (Cochran 1977, "Sampling techniques", chapter 6).

    Args:
      nats: [N] negative log-likelihood.
      dimensions: [N] the number of values of each example.
    """
    ratio = nats.sum() / dimensions.sum()
    _, error = mean_and_error(nats - ratio * dimensions)
    return float(ratio), float(error / dimensions.mean())


def bits_per_dim(
    nats: np.ndarray, dimensions: np.ndarray, *, log_levels: float = 0.0
) -> tuple[float, float]:
    """Returns the bits of a whole set per value, -log2 p(x), and their standard error.

    Args:
      nats: [N] negative log-likelihood.
      dimensions: [N] the number of values of each example.
      log_levels: if p is a density of dequantised values in [0, 1], the logarithm of the number of
        levels: the probability of a level is the density integrated over a width of 1 / levels.
    """
    ratio, error = per_value(nats, dimensions)
    bit = math.log(2)
    return (ratio + log_levels) / bit, error / bit


def perplexity(nats: np.ndarray, dimensions: np.ndarray) -> tuple[float, float]:
    """Returns exp(nats per value) of a whole set, and its standard error, to first order."""
    ratio, error = per_value(nats, dimensions)
    return float(np.exp(ratio)), float(np.exp(ratio)) * error


def summary(
    estimate: Estimate,
    split: str,
    *,
    num_samples: int,
    with_nll: bool,
    log_levels: float | None,
    standard: bool,
    tokens: bool,
) -> dict[str, float]:
    """Returns the metrics of a split by name, nats per example unless the name says otherwise.

    Args:
      estimate: per-example estimates.
      split: the first part of the names.
      num_samples: K; with one sample the effective sample size is left out.
      with_nll: whether the NLL was asked for; with one sample it is just the negative ELBO. Bits
        per dimension and perplexity are by the NLL, or else by the ELBO.
      log_levels: see `bits_per_dim`; None if bits per dimension have no meaning (a density of
        values that were not dequantised, a Bernoulli's cross-entropy of grey values).
      standard: whether the prior is N(0, I), which gives `off_centre` a meaning.
      tokens: whether x are tokens, which have a perplexity.
    """
    # One sample's log weight has the ELBO as its mean, and more noise.
    bound = -estimate.log_likelihood if with_nll else -estimate.elbo
    with_errors = {"elbo": mean_and_error(estimate.elbo)}
    if with_nll:
        with_errors["nll"] = mean_and_error(bound)
    if num_samples > 1 and not np.isnan(estimate.ess).all():
        with_errors["ess"] = mean_and_error(estimate.ess)
    if estimate.q is not None and estimate.z is not None:
        terms = information(estimate.q, estimate.z)
        with_errors["mutual_information"] = mean_and_error(terms)
    if log_levels is not None:
        bits = bits_per_dim(bound, estimate.dimensions, log_levels=log_levels)
        with_errors["bits_per_dim"] = bits
    if tokens:
        with_errors["perplexity"] = perplexity(bound, estimate.dimensions)
    figures = {}
    for name, (value, error) in with_errors.items():
        figures[name], figures[f"{name}_stderr"] = value, error
    figures |= {
        "reconstruction": float(estimate.reconstruction.mean()),
        "kl": float(estimate.kl.mean()),
        "examples": len(bound),
    }
    if standard and len(bound) > 1:
        figures["off_centre"] = off_centre(estimate.mean)
    counted, active, total = activity(estimate)
    if total:
        figures[f"active_{counted}"] = active
    return {f"{split}/{name}": value for name, value in figures.items()}


def collapse_warning(estimate: Estimate) -> str | None:
    """Returns one sentence if the posterior has collapsed onto the prior, else None."""
    return collapse(*activity(estimate), float(estimate.kl.mean()))


def collapse(counted: str, active: int, total: int, kl: float) -> str | None:
    """Returns one sentence if so few latents are active that there is a collapse, else None.

    Args:
      counted, active, total: see `activity`.
      kl: the mean KL in nats; of one that is not finite nothing is said, for the model diverged.
    """
    if not math.isfinite(kl) or active >= min(total, max(1, total / 10)):
        return None
    return (
        f"Posterior collapse: {active} of {total} latent {counted} are active and the KL is "
        f"{kl:.3g} nats; a lower objective.beta, objective.beta_warmup_steps, "
        "objective.free_bits, training.aggressive_steps or model.posterior='batch_normalized' "
        "keeps the latents in use."
    )


def few_samples_warning(ess: float, num_samples: int) -> str | None:
    """Returns one sentence if almost none of the K samples carry the NLL, else None.

    Args:
      ess: the mean effective sample size; NaN where samples are not weighed.
      num_samples: K.
    """
    if num_samples < MANY_SAMPLES or not ess < FEW_SAMPLES:
        return None
    return (
        f"The NLL rests on {ess:.3g} of {num_samples} samples of each example (the effective "
        "sample size), so it is a bound that may lie far above -log p(x): compare it with others "
        "of as many samples only, give a larger evaluation.num_samples, or measure how far it is "
        "off by `vae evaluate --method=ais`."
    )


def off_centre_warning(nats: float, kl: float) -> str | None:
    """Returns one sentence if the latents lie away from what a prior N(0, I) draws, else None."""
    if not nats > max(OFF_CENTRE, SHARE * kl):
        return None
    return (
        f"The mean of the latents lies {math.sqrt(2 * nats):.2g} from 0, the prior's mean: "
        f"{nats:.3g} nats of the KL say nothing about an example, and samples are of latents that "
        "the decoder was not trained on; training for longer moves it to 0, and "
        "`sample --prior=mixture` draws where the latents are."
    )
