"""Priors p(z), learned or not.

A family is a frozen record with

    space         as of a posterior, and the same as the posterior's
    uses_encoder  whether p(z) is made of posteriors of other examples
    init(*, key)  the family's own variables
    distribution(variables, batch, encode, *, train) -> p

where `batch` holds the examples whose latents are asked for (in sampling its x is None and its y
[B] the labels), `encode` takes a `Batch` to q(z | x), for those that are made of posteriors, and p,
a dataclass of arrays registered as a pytree, answers

    log_prob(z)     z [..., size] to [...]; [..., B, size] where p differs with the example
    sample(*, keys) keys [B] to z [B, size]
    tempered(t)     the same with t times its standard deviation, where that has a meaning

A new family is a file here and a row in the table; README.md beside this file is an example.
"""

import ml_collections
import numpy as np

from vae.errors import InputError
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.models.priors import flow
from vae.models.priors.conditional import Conditional
from vae.models.priors.exemplar import Exemplar
from vae.models.priors.fixed import Fixed, standard_normal
from vae.models.priors.mixture import Mixture
from vae.models.priors.vamp import Vamp
from vae.probability.categorical import UniformCategorical
from vae.probability.sphere import UniformSphere


def _examples(config: ml_collections.ConfigDict, data: Data) -> np.ndarray:
    """The first `prior_components` examples of the training data."""
    examples = data.examples(config.prior_components)
    if len(examples) < config.prior_components:
        raise InputError(
            f"model.prior_components={config.prior_components} is more than the {len(examples)} "
            "examples of the training set."
        )
    return examples


def _exemplar(config: ml_collections.ConfigDict, size: int, data: Data) -> Exemplar:
    if config.prior_components < 2:
        raise InputError(
            "model.prior='exemplar' leaves an example itself out, so model.prior_components must "
            "be at least 2."
        )
    return Exemplar(size, _examples(config, data))


def _conditional(config: ml_collections.ConfigDict, size: int, data: Data) -> Conditional:
    condition = condition_of(config, data)
    if condition is None:
        raise InputError("model.prior='conditional' needs model.condition='label' or 'attributes'.")
    return Conditional(size, condition)


def _flow(config: ml_collections.ConfigDict) -> dict:
    return {"layers": config.prior_flows, "widths": tuple(config.prior_widths)}


PRIORS = {
    "standard_normal": lambda config, size, data: standard_normal(size),
    "mixture": lambda config, size, data: Mixture(size, config.prior_components),
    "vamp": lambda config, size, data: Vamp(size, _examples(config, data)),
    "exemplar": _exemplar,
    "conditional": _conditional,
    "coupling": lambda config, size, data: flow.coupling(size, **_flow(config)),
    "maf": lambda config, size, data: flow.maf(size, **_flow(config)),
    "uniform_sphere": lambda config, size, data: Fixed(UniformSphere(size), "sphere"),
    "uniform_categorical": lambda config, size, data: Fixed(
        UniformCategorical(size // config.categories, config.categories), "categorical"
    ),
}
