"""Objectives on the aggregate posterior q(z) = E_x[q(z | x)]: its density, moments or samples.

They couple the examples of a batch, which may be spread over devices (`axis`). The mean of the loss
over the batch and the devices contains the penalty once; a penalty on the batch as a whole is
therefore added to every example in full.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from vae.probability.objectives.batch import gather, is_own
from vae.probability.objectives.objective import Objective
from vae.probability.objectives.variational import divergence, elbo
from vae.probability.terms import Terms

Array = jax.Array

# Widths of the kernels as multiples of 2 D, the mean squared distance of two draws of N(0, I); as
# in the code of Tolstikhin et al. 2018.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def decomposition(
    terms: Terms, *, num_examples: int, axis: str | None = None
) -> tuple[Array, Array, Array]:
    """Returns the three parts of each sample's divergence, [K, B] each, in nats.

        log q(z | x) - log q(z)               index-code mutual information
        log q(z) - sum_d log q(z_d)           total correlation
        sum_d log q(z_d) - log p(z)           dimension-wise divergence

    (Chen et al. 2018, eq. 2.) Their sum is log q(z | x) - log p(z). q(z) is a mean over N =
    `num_examples` examples, of which the batch holds n. The example that z was drawn from stands
    for itself, the others for all the rest:

        q(z) = 1/N q(z | x_i) + (N - 1)/N mean_{j != i} q(z | x_j)

    This is the minibatch-stratified estimate (their appendix C.2), averaged over which of the
    others comes last; it is exact for n = N.
    """
    q = jax.tree.map(lambda leaf: gather(leaf, axis), terms.q)
    log_q = q.log_prob_per_dim(terms.z[:, :, None])  # [K, B, n, D]
    batch_size, n = log_q.shape[1:3]
    rest = (num_examples - 1) / (num_examples * (n - 1))
    own = is_own(batch_size, axis)
    log_weight = jnp.where(own, -math.log(num_examples), math.log(rest))
    joint = jax.nn.logsumexp(log_weight + log_q.sum(-1), axis=-1)
    product = jax.nn.logsumexp(log_weight[..., None] + log_q, axis=-2).sum(-1)
    return terms.log_qz - joint, joint - product, product - terms.log_pz


def beta_tc(
    terms: Terms,
    *,
    beta: Array | float,
    mi_weight: Array | float,
    dimwise_weight: Array | float,
    num_examples: int,
    axis: str | None = None,
) -> Array:
    """Returns the ELBO with a weight on each part of its divergence, [B] (Chen et al. 2018, eq. 4).

    Their alpha, beta and gamma are `mi_weight`, `beta` (on the total correlation) and
    `dimwise_weight`; see `decomposition`.
    """
    information, correlation, dimwise = decomposition(terms, num_examples=num_examples, axis=axis)
    kl = mi_weight * information + beta * correlation + dimwise_weight * dimwise
    return (kl - terms.log_px).mean(0) + sum(terms.losses.values())


def covariance(x: Array, axis: str | None = None) -> Array:
    """Returns the unbiased covariance [D, D] of the whole batch of x [B, D]."""
    x = gather(x, axis)
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def far_from_identity(
    matrix: Array, *, dip_diagonal: Array | float, dip_off_diagonal: Array | float
) -> Array:
    """Returns the weighted squared distance of a matrix [D, D] from the identity."""
    diagonal = jnp.diagonal(matrix)
    off_diagonal = jnp.sum(matrix**2) - jnp.sum(diagonal**2)
    return dip_diagonal * jnp.sum((diagonal - 1) ** 2) + dip_off_diagonal * off_diagonal


def dip_i(
    terms: Terms,
    *,
    beta: Array | float = 1.0,
    dip_diagonal: Array | float,
    dip_off_diagonal: Array | float,
    axis: str | None = None,
) -> Array:
    """Returns the ELBO plus the distance of Cov_x[E_q z] from I, [B].

    (DIP-VAE-I of Kumar et al. 2018.) The weights are those of `far_from_identity`; every example
    carries the whole penalty.
    """
    weights = {"dip_diagonal": dip_diagonal, "dip_off_diagonal": dip_off_diagonal}
    return elbo(terms, beta=beta) + far_from_identity(covariance(terms.q.mean, axis), **weights)


def dip_ii(
    terms: Terms,
    *,
    beta: Array | float = 1.0,
    dip_diagonal: Array | float,
    dip_off_diagonal: Array | float,
    axis: str | None = None,
) -> Array:
    """Returns the ELBO plus the distance of Cov_q(z) from I, [B].

    (DIP-VAE-II of Kumar et al. 2018.) Cov_q(z) = E_x[Cov_q(z | x)] + Cov_x[E_q z]. The weights are
    those of `far_from_identity`; every example carries the whole penalty.
    """
    weights = {"dip_diagonal": dip_diagonal, "dip_off_diagonal": dip_off_diagonal}
    within = jnp.diag(gather(jnp.exp(2 * terms.q.log_std), axis).mean(0))
    total = within + covariance(terms.q.mean, axis)
    return elbo(terms, beta=beta) + far_from_identity(total, **weights)


def kernel_sum(name: str, x: Array, y: Array) -> Array:
    """Returns sum_s k_s(x_i, y_j) [B, N] of x [B, D] and y [N, D].

    With h = s 2 D, `rbf` is k_s = exp(-|x - y|^2 / h). `imq` is the inverse multiquadric, which has
    heavier tails: k_s = h / (h + |x - y|^2). Each is 1 where x = y.
    """
    distance = jnp.sum((x[:, None] - y) ** 2, axis=-1)
    widths = [scale * 2 * x.shape[-1] for scale in SCALES]
    match name:
        case "rbf":
            return jnp.asarray(sum(jnp.exp(-distance / width) for width in widths))
        case "imq":
            return jnp.asarray(sum(width / (width + distance) for width in widths))
    raise ValueError(f"unknown kernel {name!r}")


def mmd(x: Array, y: Array, *, kernel: str, axis: str | None = None) -> Array:
    """Returns the squared maximum mean discrepancy between samples x and y [B, D], as [B].

    Its mean over the batch is the unbiased estimate (Gretton et al. 2012, lemma 6), which may be
    negative:

        1/(n(n - 1)) sum_{i != j} [k(x_i, x_j) + k(y_i, y_j)] - 2/n^2 sum_{i, j} k(x_i, y_j)
    """
    all_x, all_y = gather(x, axis), gather(y, axis)
    n = len(all_x)

    def others(own: Array, whole: Array) -> Array:
        itself = len(SCALES)  # k(x, x)
        return (kernel_sum(kernel, own, whole).sum(-1) - itself) / (n - 1)

    return others(x, all_x) + others(y, all_y) - 2 * kernel_sum(kernel, x, all_y).mean(-1)


def prior_mismatch(terms: Terms, *, keys: Array, kernel: str, axis: str | None) -> Array:
    """Returns `mmd` between q(z) and p(z), [B]: with the k-th sample of each example, mean over k.

    p(z) is sampled from keys [B]; a learned prior has a gradient through its samples.
    """
    prior = terms.p.sample(keys=keys)
    return jax.vmap(lambda z: mmd(z, prior, kernel=kernel, axis=axis))(terms.z).mean(0)


def info_vae(
    terms: Terms,
    *,
    alpha: Array | float,
    mmd_weight: Array | float,
    kernel: str,
    keys: Array,
    axis: str | None = None,
) -> Array:
    """Returns -E_q[log p(x | z)] + (1 - alpha) KL + (alpha + lambda - 1) MMD(q(z), p(z)), [B].

    (Zhao et al. 2019.) lambda is `mmd_weight`. alpha = 0, lambda = 1 is the ELBO; alpha = 1 is the
    MMD-VAE.
    """
    mismatch = prior_mismatch(terms, keys=keys, kernel=kernel, axis=axis)
    kl = divergence(terms).sum(0)
    regulariser = (1 - alpha) * kl + (alpha + mmd_weight - 1) * mismatch
    return regulariser - terms.log_px.mean(0) + sum(terms.losses.values())


def wae(
    terms: Terms,
    *,
    mmd_weight: Array | float,
    kernel: str,
    keys: Array,
    axis: str | None = None,
) -> Array:
    """Returns -E_q[log p(x | z)] + lambda MMD(q(z), p(z)), [B]: WAE-MMD.

    (Tolstikhin et al. 2018, alg. 2.) Their cost c(x, G(z)) is -log p(x | z), the squared error for
    a Gaussian of fixed scale. Nothing holds q(z | x) near p(z) for a single x, so a Gaussian
    encoder may become almost deterministic (their section 2). Judge such a model by its samples,
    not by the ELBO.
    """
    mismatch = prior_mismatch(terms, keys=keys, kernel=kernel, axis=axis)
    return mmd_weight * mismatch - terms.log_px.mean(0) + sum(terms.losses.values())


BETA_TC = Objective(beta_tc, needs=("log_prob_per_dim",))
DIP_I = Objective(dip_i, needs=("mean",))
DIP_II = Objective(dip_ii, needs=("log_std",))
INFO_VAE = Objective(info_vae, needs=("mean",))
WAE = Objective(wae, needs=("mean",))
