"""Posteriors q(z | x): families that turn what the encoder puts out into a distribution.

A family is a frozen record with

    space         "real" (z in R^D), "sphere" (unit vectors) or "categorical" (one-hot blocks): the
                  prior's must be the same
    size          numbers in z; outputs: numbers that the encoder gives for each example
    any_density   whether log q(z | x) is known at any z, not only at q's own samples
    is_density    False of a family without log q(z | x), whose figures are no bounds; else absent
    init(*, key)  the family's own variables (the weights of a flow)
    distribution(outputs [B, outputs], variables, *, train) -> q

and q, a dataclass of arrays [B, ...] registered as a pytree ([1, ...] where all examples share an
array), answers

    mean                          [B, size] its centre
    shifted(by)                   the distribution of z + by [size], where the space is real
    sample_and_log_prob(*, keys)  keys [K, B] to z [K, B, size], log q(z | x) [K, B]
    log_prob(z)                   [K, B], where `any_density`
    log_prob_per_dim(z)           [..., size], where q is a product over dimensions; the leaves of
                                  such a q are [B, ...]
    log_std                       [B, size], where that is known
    kl(p)                         [G, B] KL(q || p) in closed form, or None

A new family is a file here and a row in the table.
"""

from vae.config.build import named
from vae.models.posteriors.categorical import Categorical
from vae.models.posteriors.full_gaussian import Full
from vae.models.posteriors.gaussian import Gaussian
from vae.models.posteriors.iaf import IAF
from vae.models.posteriors.planar import Planar
from vae.models.posteriors.point import Point
from vae.models.posteriors.sylvester import Sylvester
from vae.models.posteriors.vmf import VMF
from vae.networks.made import MADE

POSTERIORS = {
    "gaussian": lambda config: Gaussian(config.latent_dim),
    "full_gaussian": lambda config: Full(config.latent_dim),
    "planar": lambda config: Planar(config.latent_dim, config.posterior_flows),
    "sylvester": lambda config: Sylvester(config.latent_dim, config.posterior_flows),
    "iaf": lambda config: IAF(
        config.latent_dim,
        config.posterior_flows,
        MADE(2, (config.posterior_width,) * 2, named("model", config, "activation")),
    ),
    "vmf": lambda config: VMF(config.latent_dim),
    "categorical": lambda config: Categorical(
        config.latent_dim, config.categories, config.temperature, config.straight_through
    ),
    "point": lambda config: Point(config.latent_dim),
}
