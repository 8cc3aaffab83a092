"""Fits a prior after training, for sampling.

The decoder has learned from latents of the aggregate posterior q(z) = 1/N sum_n q(z | x_n), but
samples come from p(z), and are bad where the two differ. Here q(z) itself is learned, from one z of
each training example, by one of

    mixture  ten Gaussians with full covariance   (ex-post density estimation; Ghosh et al. 2020,
                                                  "From variational to deterministic autoencoders")
    flow     a masked autoregressive flow         (Papamakarios et al. 2017)
    vae      a second VAE with as many latents    (Dai & Wipf 2019, "Diagnosing and enhancing VAE
                                                  models")

A `riemannian_hamiltonian` posterior has learned a metric, from which samples are drawn without
fitting anything more (`metric_samples.py`). The likelihoods of a run stay those of its own p(z).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from vae import terminal
from vae.errors import InputError, not_one_of
from vae.models.posteriors.riemannian_hamiltonian import RiemannianHamiltonian
from vae.models.priors import flow
from vae.probability.metric_samples import MetricSamples
from vae.probability.mixtures import CorrelatedGaussianMixture
from vae.probability.terms import Batch
from vae.run import Run
from vae.tasks import second_stage
from vae.tasks.descent import descend
from vae.tasks.encodings import encode
from vae.tasks.inputs import check_vectors
from vae.training import kept

Array = jax.Array

COMPONENTS = 10
METRIC = "metric"
LAYERS, WIDTHS = 5, (128, 128)  # layers of the flow, widths of its networks
HELD_OUT = 10  # one latent in so many is held out, to stop gradient descent by


class Fit(NamedTuple):
    """How one of these priors is fitted to latents of mean 0 and variance 1.

    Attributes:
      start: (dim, *, key) -> p before it is fitted, a pytree with `sample(*, keys)`.
      fit: (p, z [N, D], held_out [M, D], *, key) -> p.
    """

    start: Callable[..., Any]
    fit: Callable[..., Any]


class Standardised(flax.struct.PyTreeNode):
    """The distribution of mean + std z with z ~ p, dimension by dimension."""

    p: Any
    mean: Array
    std: Array

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.mean + self.std * self.p.sample(keys=keys)

    def tempered(self, temperature: Array) -> Standardised:
        """Returns the same distribution with the noise of p scaled."""
        return self.replace(p=self.p.tempered(temperature))


def _start_mixture(dim: int, *, key: Array) -> CorrelatedGaussianMixture:
    scale = jnp.broadcast_to(jnp.eye(dim), (COMPONENTS, dim, dim))
    return CorrelatedGaussianMixture(jnp.zeros(COMPONENTS), jnp.zeros((COMPONENTS, dim)), scale)


def _fit_mixture(
    p: CorrelatedGaussianMixture, z: np.ndarray, held_out: np.ndarray, *, key: Array
) -> CorrelatedGaussianMixture:
    from sklearn.mixture import GaussianMixture  # takes a second to import

    seed = int(jax.random.bits(key)) % 2**31
    mixture = GaussianMixture(COMPONENTS, random_state=seed).fit(np.asarray(z, np.float64))
    arrays = (np.log(mixture.weights_), mixture.means_, np.linalg.cholesky(mixture.covariances_))
    return CorrelatedGaussianMixture(*(jnp.asarray(a, jnp.float32) for a in arrays))


def _start_flow(dim: int, *, key: Array) -> Any:
    prior = flow.maf(dim, LAYERS, widths=WIDTHS)
    encode: Any = None  # a flow encodes no examples
    return prior.distribution(prior.init(key=key), Batch(None), encode, train=True)


def _fit_flow(p: Any, z: np.ndarray, held_out: np.ndarray, *, key: Array) -> Any:
    return descend(lambda p, z, keys: -p.log_prob(z), p, z, held_out, key=key)


def _fit_vae(p: Any, z: np.ndarray, held_out: np.ndarray, *, key: Array) -> Any:
    return descend(second_stage.loss, p, z, held_out, key=key)


FITS = {
    "mixture": Fit(_start_mixture, _fit_mixture),
    "flow": Fit(_start_flow, _fit_flow),
    "vae": Fit(second_stage.start, _fit_vae),
}


def fit_prior(run: Run, name: str) -> Standardised | MetricSamples:
    """Fits a prior to the latents of a run's training set, for `run.sample(num, prior=...)`.

    The prior is fitted once and kept as `priors/NAME_STEP.npz`, see `kept.place`.

    Args:
      run: the run.
      name: "mixture", "flow" or "vae"; "metric" needs no fit.

    Returns:
      The distribution, whose `sample(*, keys)` takes keys [B] and returns z [B, D].

    Raises:
      InputError: the model's latents are not one vector in R^D, its prior is conditional, there are
        too few training examples, or it has no metric.
    """
    check_vectors(run)
    if name == METRIC:
        return _of_metric(run)
    if run.model.condition and run.model.prior.reads_condition:
        raise InputError(f"--prior={name} knows no labels, but this run's prior depends on them.")
    if name not in FITS:
        raise InputError(not_one_of(f"--prior={name}", name, (*FITS, METRIC)))
    start, fit = FITS[name]
    start_key, fit_key = jax.random.split(jax.random.key(run.config.seed))
    size = run.model.posterior.size

    def blank() -> Standardised:
        return Standardised(start(size, key=start_key), jnp.zeros(size), jnp.zeros(size))

    path = kept.place(run, f"priors/{name}_{run.step:08d}.npz", run.source)
    before = kept.read(path, jax.eval_shape(blank), run.source)
    if before is not None:
        return before
    dataset = run.dataset()
    encodings = encode(run, dataset, dataset.train)
    z = encodings.z[encodings.ok]
    if len(z) <= COMPONENTS * HELD_OUT:
        raise InputError(f"--prior={name} cannot be fitted to {len(z)} training examples.")
    mean, std = z.mean(0), np.maximum(z.std(0), 1e-6)  # a latent may be constant
    z = (z - mean) / std
    split_at = len(z) // HELD_OUT  # the data are in random order
    with terminal.Progress("fitting the prior"):
        p = fit(start(size, key=start_key), z[split_at:], z[:split_at], key=fit_key)
    fitted = Standardised(p, jnp.asarray(mean), jnp.asarray(std))
    kept.write(path, fitted, run.source)
    return fitted


def _of_metric(run: Run) -> MetricSamples:
    posterior, statistics = run.model.posterior, run.variables["statistics"]["posterior"]
    if not isinstance(posterior, RiemannianHamiltonian) or run.model.condition:
        raise InputError(
            "--prior=metric samples from the metric of model.posterior='riemannian_hamiltonian' "
            f"without a condition, which {run.workdir} has not; 'mixture' and 'flow' fit any."
        )
    return MetricSamples(posterior.metric(statistics), -statistics["origin"])
