"""Priors p(z), learned or not.

A family is a frozen record with

    space         as of a posterior, and the same as the posterior's
    uses_encoder  whether p(z) is made of posteriors of other images
    init(*, key)  the family's own variables
    distribution(variables, batch, encode, *, train) -> p

where `encode` takes a `Batch` to q(z | x), for those that are made of posteriors, and p, a
dataclass of arrays registered as a pytree, answers

    log_prob(z)     z [..., size] to [...]
    sample(*, keys) keys [B] to z [B, size]

A new family is a file here and a row in the table.
"""

from vae.models.priors.categorical import UniformCategorical
from vae.models.priors.sphere import UniformSphere
from vae.models.priors.standard import Standard

PRIORS = {
    "standard_normal": lambda config, size, data: Standard(size),
    "uniform_sphere": lambda config, size, data: UniformSphere(size),
    "uniform_categorical": lambda config, size, data: UniformCategorical(size, config.categories),
}
