"""The metrics of one split of a data set, under the protocol of a config."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh

from vae.data.batches import evaluation_batches
from vae.data.examples import Dataset
from vae.data.prepare import prepare
from vae.evaluation.diagnostics import (
    collapse_warning,
    few_samples_warning,
    off_centre_warning,
    summary,
)
from vae.evaluation.information import has_information
from vae.evaluation.likelihood import Estimate, make_estimator, useful_samples, weighs
from vae.models.priors.fixed import Fixed
from vae.probability.distributions import StandardNormal
from vae.probability.event import Event
from vae.training.devices import divisible, replicate

logger = logging.getLogger(__name__)

NO_DENSITY = "a model without p(x): the figures are of its discriminator"
NO_BOUND = "q(z | x) has no density: elbo is log p(x, z) and kl is -log p(z) at one z, no bounds"
PERPLEXITY = "exp({} / tokens), with the KL inside"
INFORMATION = "E[log q(z | x) - log q(z)], q(z) the mixture of the split's examples: at most {:.4g}"
CERTAIN = "q(z | x) is certain: nll is -elbo, an upper bound on -log p(x) from one sample"


class Stopped(Exception):
    """An evaluation was asked to stop."""


class Evaluator(NamedTuple):
    """A compiled evaluation.

    Attributes:
      estimate: (variables, stop_requested) to per-example estimates; raises `Stopped` if the
        function `stop_requested`, which is called before each chunk of samples, returns True.
      figures: per-example estimates to metrics of the split by name, nats per example unless the
        name says otherwise; warns, unless `warn` is False, of a posterior that has collapsed or
        whose mean is not the prior's.
      protocol: what the metrics must be read with.
    """

    estimate: Callable[..., Estimate]
    figures: Callable[..., dict[str, float]]
    protocol: dict[str, Any]


def make_evaluator(
    model: Any,
    dataset: Dataset,
    split: str,
    config: ml_collections.ConfigDict,
    mesh: Mesh,
    *,
    num_samples: int,
    members: int = 0,
) -> Evaluator:
    """Prepares the evaluation of a split ("train", "valid" or "test") with K = `num_samples`.

    With `members` M it evaluates M models at once: leaves of variables and estimates are [M, ...].

    A model without a density q(z | x) has no NLL, and the protocol says what its ELBO is. If q is
    deterministic, one sample is taken, and the protocol says that the NLL is a bound. A model
    without p(x) has its own metrics alone.
    """
    explains, bounded = model.encodes, model.is_density
    with_nll, num_samples = bounded and num_samples > 1, useful_samples(model, num_samples)
    weighed = with_nll and weighs(model)
    examples = getattr(dataset, split)
    preprocess = functools.partial(
        prepare, values=dataset.event.values, config=config.data, train=False
    )
    estimator = make_estimator(
        model,
        preprocess,
        mesh,
        num_samples=num_samples,
        max_bytes=config.evaluation.max_bytes,
        members=members,
    )
    table = replicate(examples.table(), mesh)
    batch_size = divisible(min(config.evaluation.batch_size, len(examples)), mesh)
    log_levels = model.likelihood.log_levels(model.event.values) if bounded else None

    tokens = bounded and model.event.values.kind == "tokens"
    prior = model.prior
    standard = isinstance(prior, Fixed) and isinstance(prior.p, StandardNormal)

    def estimate(variables: Any, stop_requested: Callable[[], bool] = lambda: False) -> Estimate:
        batches = evaluation_batches(
            examples,
            batch_size,
            cut=model.any_length,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )

        def ask() -> None:
            if stop_requested():
                raise Stopped

        key = jax.random.key(config.evaluation.seed)
        number = math.ceil(len(examples) / batch_size)
        return estimator(variables, table, batches, key=key, ask=ask, num_batches=number)

    @np.errstate(invalid="ignore", over="ignore")  # they are NaN if the model diverged
    def figures(estimated: Estimate, *, warn: bool = True) -> dict[str, float]:
        own = model.figures(estimated.measured) if estimated.measured else {}
        own = {f"{split}/{name}": value for name, value in own.items()}
        if not explains:
            return own | {f"{split}/examples": len(estimated.elbo)}
        if warn and (warning := collapse_warning(estimated)):
            logger.warning(warning)
        ess = float(estimated.ess.mean())
        if warn and weighed and (warning := few_samples_warning(ess, num_samples)):
            logger.warning(warning)
        if warn and not bounded:
            logger.warning("%s.", NO_BOUND)
        named = summary(
            estimated,
            split,
            num_samples=num_samples,
            with_nll=with_nll,
            log_levels=log_levels,
            standard=standard,
            tokens=tokens,
        )
        nats, kl = named.get(f"{split}/off_centre", 0.0), named[f"{split}/kl"]
        if warn and (warning := off_centre_warning(nats, kl)):
            logger.warning(warning)
        return named | own

    size = f"{len(examples)} examples"
    if examples.lengths is not None:
        size += f", {examples.lengths.sum() * dataset.event.channels:,} values"
    protocol = {
        "data": dataset.description,
        "split": f"{config.data[split]} ({size})",
        "binarize": config.data.binarize,
        "num_samples": num_samples,
        "seed": config.evaluation.seed,
        "weights": "averaged" if config.training.ema_decay else "last",
    }
    event = dataset.event
    if event.values.kind == "real" and (event.values.scale != 1.0 or event.values.offset != 0.0):
        protocol["values"] = scaled(event)
    if tokens:
        protocol["perplexity"] = PERPLEXITY.format("nll" if with_nll else "-elbo")
        if event.values.end is not None:
            protocol["perplexity"] += "; the token that ends an example counts as well"
    if not bounded:
        protocol["bound"] = NO_BOUND if explains else NO_DENSITY
    elif model.certain:
        protocol["bound"] = CERTAIN
    elif not weighs(model):
        protocol["bound"] = prior.estimated
    if has_information(model):
        protocol["mutual_information"] = INFORMATION.format(math.log(len(examples)))
    return Evaluator(estimate, figures, protocol)


def scaled(event: Event) -> str:
    """Returns how log p of raw values is told from log p(x) of scaled ones."""
    less = f"{event.log_scale:.6g} nats"
    if event.values.missing:  # examples have fewer values than the event
        less = f"{event.log_scale / event.size:.6g} nats a value"
    return f"(raw - offset) / scale, see provenance.json; log p of raw values is less by {less}"
