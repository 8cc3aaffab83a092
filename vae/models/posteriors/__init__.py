"""Posteriors q(z | x): families that turn what the encoder puts out into a distribution.

A family is a frozen record with

    space         "real" (z in R^D), "sphere" (unit vectors) or "categorical" (one-hot blocks): the
                  prior's must be the same
    size          numbers in z; outputs: numbers that the encoder gives for each example
    any_density   whether log q(z | x) is known at any z, not only at q's own samples
    is_density    False of a family without log q(z | x), whose figures are no bounds; else absent
    init(*, key)  the family's own variables (the weights of a flow)
    distribution(outputs [B, outputs], variables, *, train) -> q

and q, a dataclass of arrays registered as a pytree, answers

    mean                          [B, size] its centre
    sample_and_log_prob(*, keys)  keys [K, B] to z [K, B, size], log q(z | x) [K, B]
    log_prob(z)                   [K, B], where `any_density`
    log_prob_per_dim(z)           [..., size], where q is a product over dimensions; the leaves of
                                  such a q are [B, ...]
    log_std                       [B, size], where that is known
    kl(p)                         [G, B] KL(q || p) in closed form, or None

A new family is a file here and a row in the table.
"""

from vae.models.posteriors.gaussian import Gaussian
from vae.models.posteriors.point import Point

POSTERIORS = {
    "gaussian": lambda config: Gaussian(config.latent_dim),
    "point": lambda config: Point(config.latent_dim),
}
