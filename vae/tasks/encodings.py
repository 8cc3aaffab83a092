"""Encodings of training examples by a run's model, with their labels, kept in a file of the run.

They tell the directions of attributes, and which dimensions of the latents are active.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vae import terminal
from vae.data.batches import HostBatch, evaluation_batches
from vae.data.examples import Dataset, Examples
from vae.data.prepare import prepare
from vae.probability.distributions import example_keys, split
from vae.run import BATCH, Run
from vae.tasks.inputs import check_vectors
from vae.training import kept
from vae.training.devices import jit

Array = jax.Array

EXAMPLES = 5_000  # the most training examples that are encoded


class Encodings(NamedTuple):
    """Encodings of N training examples.

    Attributes:
      mean: [N, D], the means of q(z | x).
      z: [N, D], one sample of each q(z | x).
      label: classes [N] (-1: none) or attributes [N, A].
      ok: [N] bool; False where an example could not be read.
    """

    mean: np.ndarray
    z: np.ndarray
    label: np.ndarray
    ok: np.ndarray


def encodings(run: Run) -> Encodings:
    """Returns the encodings of the first `EXAMPLES` training examples, which are in random order.

    They are computed once and kept as `encodings/train_STEP.npz`, see `kept.place`. Examples that
    cannot be read are left out; none is mirrored, as in evaluation.

    Raises:
      InputError: the model's latents are not one vector in R^D, or it does not encode.
    """
    check_vectors(run)
    dataset = run.dataset()
    examples = dataset.train.take(np.arange(min(EXAMPLES, len(dataset.train))))
    latent = (run.model.posterior.size,)
    label = (len(dataset.attributes),) if dataset.attributes else ()
    columns: list[Any] = [
        jax.ShapeDtypeStruct((len(examples), *shape), np.float32)
        for shape in (latent, latent, label, ())
    ]
    like = Encodings(*columns)
    path = kept.place(run, f"encodings/train_{run.step:08d}.npz", run.source)
    found = kept.read(path, like, run.source)
    if found is None:
        found = encode(run, dataset, examples)
        kept.write(path, found, run.source)
    ok = np.asarray(found.ok)
    return Encodings(*(np.asarray(column)[ok] for column in found))


def encode(run: Run, dataset: Dataset, examples: Examples) -> Encodings:
    """Returns the encodings of examples of the run's data."""
    return in_order(make_encoder(run, dataset)(examples, cut=run.model.any_length))


def in_order(batches: Iterable[Encoded]) -> Encodings:
    """Returns the encodings of batches in the order of their examples."""
    *columns, index = (
        np.concatenate(column)
        for column in zip(*((p.mean, p.z, p.label, p.ok, p.row) for p in batches), strict=True)
    )
    order = np.argsort(index)
    return Encodings(*(column[order] for column in columns))


class Encoded(NamedTuple):
    """Encodings of a batch of examples, the columns as in `Encodings`.

    Attributes:
      log_std: [n, D], the logarithms of the standard deviations of q(z | x); None where it has
        none.
      row: [n], the examples' indices.
    """

    mean: np.ndarray
    z: np.ndarray
    log_std: np.ndarray | None
    label: np.ndarray
    ok: np.ndarray
    row: np.ndarray


def make_encoder(run: Run, dataset: Dataset) -> Callable[..., Iterator[Encoded]]:
    """Compiles what encodes examples of a run's data.

    Returns:
      `encoded(examples, cut=False)`, which yields their encodings batch by batch. With `cut`,
      ragged examples are cut, and come in the order of their lengths.
    """
    key = jax.random.key(run.config.seed)

    @jit
    def step(variables: Any, batch: HostBatch) -> Any:
        data_keys, z_keys = split(example_keys(key, batch.index))
        values = dataset.event.values
        given = prepare(batch, None, values, run.config.data, train=False, keys=data_keys)
        q = run.model.encode(variables, given)
        z = q.sample_and_log_prob(keys=z_keys[None])[0][0]
        log_std = None if q.log_std is None else jnp.broadcast_to(q.log_std, z.shape)
        return q.mean, z, log_std, given.y

    def encoded(examples: Examples, *, cut: bool = False) -> Iterator[Encoded]:
        table, threads, done = examples.table(), run.config.data.threads, 0
        with terminal.Progress("encoding", len(examples), "examples") as progress:
            for batch in evaluation_batches(examples, BATCH, cut=cut, threads=threads):
                raw = batch.raw if table is None else table.at(batch.index)
                made = jax.device_get(step(run.variables, HostBatch(batch.index, raw)))
                rows = slice(len(examples) - done)  # the last batch is filled up
                columns = (*made, batch.counted, batch.index)
                yield Encoded(*jax.tree.map(lambda x, rows=rows: x[rows], columns))
                done = min(done + BATCH, len(examples))
                progress.at(done)

    return encoded
