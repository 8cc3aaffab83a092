"""Estimates of log p(x), example by example.

    ELBO   = E_q[log p(x | z)] - KL(q(z | x) || p(z))                           K samples
    log p(x) >= log 1/K sum_k w_k,   w_k = p(x, z_k) / q(z_k | x)               (Burda et al. 2016)
    ESS    = (sum_k w_k)^2 / sum_k w_k^2                                        in [1, K]

Where log p(z) is a random number, only known to be at most log p(z) in the mean, its exponential
says nothing: the bound on log p(x) is then the ELBO, whatever K.

The K samples are drawn in chunks that fit the memory. Each chunk gives log-sums per example, which
are combined in float64 on the host. Every sample of an example has a key of its own, so an estimate
depends neither on the chunks, nor on the batch size, nor on the devices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vae import terminal
from vae.data.batches import HostBatch
from vae.evaluation.information import has_information
from vae.probability.distributions import example_keys, sample_keys, split
from vae.probability.event import Event
from vae.probability.terms import Batch, log_weights
from vae.training.devices import AXIS, MEMBER, fetch, map_shards, shard

Array = jax.Array

COMPILING = "compiling the evaluation"


class Estimate(NamedTuple):
    """Per-example estimates of N examples, float64, in nats.

    Attributes:
      elbo: [N] the evidence lower bound.
      reconstruction: [N] E_q[log p(x | z)].
      kl: [N] the divergence in the ELBO.
      log_likelihood: [N] the importance-weighted bound with K samples, or the ELBO.
      ess: [N] effective sample size; NaN without weights.
      group_kl: [N, G] closed-form divergence per latent group, or [N, 0].
      mean: [N, D] mean of the posterior.
      dimensions: [N] how many values x has, at the positions where its mask is True.
      measured: what else the model measures, arrays [N, ...] by name.
      q, z: q(z | x) with arrays [N, ...], and a sample [N, D] from it, both float32; None where it
        has no density in closed form at the latents of other examples.
    """

    elbo: np.ndarray
    reconstruction: np.ndarray
    kl: np.ndarray
    log_likelihood: np.ndarray
    ess: np.ndarray
    group_kl: np.ndarray
    mean: np.ndarray
    dimensions: np.ndarray
    measured: dict[str, np.ndarray]
    q: Any = None
    z: np.ndarray | None = None


class _Chunk(NamedTuple):
    """Sums over one chunk of samples, [B] each, and what does not depend on the samples.

    `pair` is (q, a sample of it), or None.
    """

    log_sum: Array
    log_sum_squares: Array
    reconstruction: Array
    kl: Array
    group_kl: Array
    mean: Array
    dimensions: Array
    measured: dict[str, Array]
    pair: tuple[Any, Array] | None


def useful_samples(model: Any, num_samples: int) -> int:
    """Returns K, or 1 if all samples would be equal: without a density, or if q is certain."""
    return num_samples if model.is_density and not model.certain else 1


def weighs(model: Any) -> bool:
    """Returns whether p(z) is exact, so that samples can be weighed by it."""
    return model.prior is None or model.prior.exact


def chunks(
    num_samples: int, examples: int, bytes_per_example: int, max_bytes: int
) -> tuple[int, int]:
    """Returns (number of chunks, samples in each) to decode examples in bounded memory."""
    largest = max(1, max_bytes // max(1, examples * bytes_per_example))
    number = math.ceil(num_samples / largest)
    return number, math.ceil(num_samples / number)


def make_estimator(
    model: Any,
    preprocess: Callable[..., Batch],
    mesh: Mesh,
    *,
    num_samples: int,
    max_bytes: int,
    members: int = 0,
) -> Callable[..., Estimate]:
    """Compiles the estimate of a model.

    Args:
      model: the model.
      preprocess: (batch, table, keys=[B]) to a `Batch`.
      mesh: devices over which a batch is spread.
      num_samples: K; one sample is taken if all would be equal.
      max_bytes: bound on the decoded samples that one device holds at once.
      members: M models are estimated at once, leaves of their variables [M, ...]; 0 for one model.

    Returns:
      `estimate(variables, table, batches, key=key)` over batches as `evaluation_batches` gives
      them. Its arrays leave out examples that are not counted, are in the order of their indices,
      and are [M, N, ...] with M members.
      Each process gives its slices, and gets the estimates of all. `num_batches`, the number of
      batches, is for the progress line. `ask` is called before each chunk of samples; an exception
      that it raises ends the estimate.
    """
    num_samples, event = useful_samples(model, num_samples), model.event
    bytes_per_example = max(
        4 * math.prod(event.places) * model.likelihood.outputs(event.channels),
        model.sample_bytes,
    )

    def chunk(
        variables: Any, batch: Any, table: Any, key: Array, start: Array, size: int
    ) -> _Chunk:
        data_keys, noise_keys = split(example_keys(key, batch.index))
        examples = preprocess(batch, table, keys=data_keys)
        terms = model.terms(variables, examples, keys=sample_keys(noise_keys, size, start))
        counted = (start + jnp.arange(size) < num_samples)[:, None]
        weights = jnp.where(counted, log_weights(terms), -jnp.inf)
        kl = jnp.where(counted, terms.log_qz - terms.log_pz, 0.0).sum(0)
        group_kl = jnp.zeros((0, len(examples.x))) if terms.kl is None else terms.kl
        return _Chunk(
            log_sum=jax.nn.logsumexp(weights, axis=0),
            log_sum_squares=jax.nn.logsumexp(2 * weights, axis=0),
            reconstruction=jnp.where(counted, terms.log_px, 0.0).sum(0),
            kl=kl if terms.kl is None else terms.kl.sum(0) * counted.sum(),
            group_kl=group_kl.T,
            mean=terms.mean,
            dimensions=_dimensions(examples),
            measured=model.measure(variables, examples, keys=noise_keys),
            pair=(terms.q, terms.z[0]) if has_information(model) else None,
        )

    of_members = P(MEMBER) if members else P()
    of_examples = P(*of_members, AXIS)
    axis = len(of_examples) - 1  # the axis of the examples
    held = math.ceil(members / mesh.shape[MEMBER]) if members else 1  # models on one device

    @functools.cache
    def compile_chunk(size: int) -> Callable[..., _Chunk]:
        body = functools.partial(chunk, size=size)
        if members:
            body = jax.vmap(body, in_axes=(0, None, None, None, None))
        return map_shards(
            body, mesh, in_specs=(of_members, P(AXIS), P(), P(), P()), out_specs=of_examples
        )

    compute = terminal.first(
        COMPILING,
        lambda size, *given: compile_chunk(size)(*given),
        lambda size, _, batch, *others: (
            f"{batch.positions}, {size} sample{'s' * (size > 1)} at once"
        ),
    )

    def estimate(
        variables: Any,
        table: Any,
        batches: Iterable[HostBatch],
        *,
        key: Array,
        num_batches: int,
        ask: Callable[[], None] = lambda: None,
    ) -> Estimate:
        results: list[Estimate] = []
        indices: list[np.ndarray] = []
        done = 0
        with terminal.Progress("evaluating", num_batches) as progress:
            for batch in batches:
                examples = math.ceil(len(batch.index) * jax.process_count() / mesh.shape[AXIS])
                each = bytes_per_example * _share(batch, model.event)
                number, size = chunks(num_samples, held * examples, math.ceil(each), max_bytes)
                progress.total = done + (num_batches - len(results)) * number
                batch = shard(batch, mesh, P(AXIS))
                counted, batch = batch.counted, batch._replace(counted=None)
                parts: list[Any] = []
                for i in range(number):
                    ask()
                    start = np.int32(i * size)
                    parts.append(compute(size, variables, batch, table, key, start))
                    if i:
                        parts[i] = parts[i]._replace(pair=None)  # one for each example is enough
                    jax.block_until_ready(parts[-2:-1])  # so that at most two are in flight
                    progress.at(done + i + 1)
                done += number
                parts, counted, index = fetch((parts, counted, batch.index))
                whole = _combine(parts, num_samples, weighs(model))
                results.append(
                    jax.tree.map(lambda x, counted=counted: np.compress(counted, x, axis), whole)
                )
                indices.append(index[counted])
        order = np.argsort(np.concatenate(indices), kind="stable")
        return jax.tree.map(lambda *parts: np.concatenate(parts, axis).take(order, axis), *results)

    return estimate


def _share(batch: HostBatch, event: Event) -> float:
    """Returns the share of an event's values that examples cut to a batch's longest have."""
    return 1.0 if batch.raw is None else math.prod(batch.raw.values.shape[1:]) / event.size


def _dimensions(batch: Batch) -> Array:
    """Returns the number of values of each example, [B]."""
    x, mask = batch.x, batch.mask
    if mask is None:
        return jnp.full(len(x), x[0].size)
    return x.shape[-1] * mask.reshape(len(x), -1).sum(-1)


@np.errstate(invalid="ignore", over="ignore")  # the estimates are NaN if the model diverged
def _combine(parts: list[Any], num_samples: int, weighed: bool) -> Estimate:
    q, z = parts[0].pair or (None, None)
    parts = [part._replace(pair=None) for part in parts]
    parts = jax.tree.map(lambda field: np.asarray(field, np.float64), parts)
    log_sum = np.logaddexp.reduce([part.log_sum for part in parts])
    log_sum_squares = np.logaddexp.reduce([part.log_sum_squares for part in parts])
    reconstruction = sum(part.reconstruction for part in parts) / num_samples
    kl = sum(part.kl for part in parts) / num_samples
    elbo, ess = reconstruction - kl, np.exp(2 * log_sum - log_sum_squares)
    return Estimate(
        elbo=elbo,
        reconstruction=reconstruction,
        kl=kl,
        log_likelihood=log_sum - math.log(num_samples) if weighed else elbo,
        ess=ess if weighed else np.full_like(ess, np.nan),
        group_kl=parts[0].group_kl,
        mean=parts[0].mean,
        dimensions=parts[0].dimensions,
        measured=parts[0].measured,
        q=q,
        z=z,
    )
