"""Cells that are drawn, with all that made them known, and no download.

| column         | what it is                                                                      |
|----------------|---------------------------------------------------------------------------------|
| type           | one of 5 types of cells; each has programs that it uses much                    |
| batch          | one of 3 batches; in each, some genes are counted better and others worse       |
| size           | how many counts are expected; batches differ in its median                      |
| program_0, ... | the share of each of 6 programs in a cell, which sum to 1                       |

A program is a distribution over 200 genes: a base level of all genes, times 8 to 30 for its own 20.
With the shares w of a cell n, the distributions g of programs, the effect e of its batch, and the
size s, its counts are

    k ~ NB(mean = s p, r),    p is in proportion to e * sum_m w_m g_m,

where r of each gene is from 1 to 20. The set "cells:doublets" has sums of two cells of different
types, as where two cells were caught as one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from vae.errors import InputError, not_one_of
from vae.modalities.counts.cells import Cells
from vae.modalities.counts.matrices import InMemory

NAME = "cells"
KINDS = ("doublets",)
CELLS, DOUBLETS = 4000, 400
GENES, PROGRAMS, OWN = 200, 6, 20
TYPES = ("T", "B", "NK", "monocyte", "stem")
BATCHES = ("a", "b", "c")
MEDIANS = np.array([1500.0, 2500.0, 900.0])  # of the size, in each batch


class Truth(NamedTuple):
    """What all drawn cells share.

    Attributes:
      programs: [M, F], each a distribution over genes.
      used: [T, M], how much a type uses each program: the parameters of a Dirichlet distribution.
      effects: [B, F], what a batch multiplies each gene by.
      r: [F], the dispersion of each gene.
    """

    programs: np.ndarray
    used: np.ndarray
    effects: np.ndarray
    r: np.ndarray


def truth() -> Truth:
    """Returns what all drawn cells share."""
    rng = np.random.default_rng(1)
    base = rng.lognormal(0, 1, GENES)
    programs = np.tile(base, (PROGRAMS, 1))
    for m in range(PROGRAMS):
        programs[m, m * OWN : (m + 1) * OWN] *= rng.uniform(8, 30, OWN)
    used = np.full((len(TYPES), PROGRAMS), 0.3)
    for t in range(len(TYPES)):
        used[t, t], used[t, (t + 1) % PROGRAMS] = 5.0, 2.0
    effects = np.exp(rng.normal(0, 0.5, (len(BATCHES), GENES)) * (rng.random(GENES) < 0.5))
    programs /= programs.sum(1, keepdims=True)
    return Truth(programs, used, effects, np.exp(rng.uniform(0, np.log(20), GENES)))


def find(name: str) -> bool:
    """Returns whether a name is one of these."""
    return name.partition(":")[0] == NAME


def read(name: str) -> Cells:
    """Returns the drawn cells, or doublets of further ones.

    Raises:
      InputError: there is no such kind.
    """
    kind = name.partition(":")[2]
    if ":" in name and kind not in KINDS:
        raise InputError(not_one_of(f"the kind of data.name={name!r}", kind, list(KINDS)))
    counts, columns = draw(CELLS, seed=2)
    if kind:
        counts, columns = _doublets(*draw(4 * DOUBLETS, seed=3))
    genes = tuple(f"gene_{i}" for i in range(GENES))
    names = np.array([f"{kind or 'cell'}_{i}" for i in range(len(counts))])
    values = InMemory(sparse.csr_array(counts))
    return Cells(values, genes, columns, names, f"drawn {kind or 'cells'}")


def draw(number: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns counts [N, F] and the columns that are known of them."""
    rng, of = np.random.default_rng(seed), truth()
    kind = rng.integers(len(TYPES), size=number)
    batch = rng.integers(len(BATCHES), size=number)
    shares = rng.standard_gamma(of.used[kind])
    shares /= shares.sum(1, keepdims=True)
    size = MEDIANS[batch] * rng.lognormal(0, 0.3, number)
    rate = expression(shares, batch)
    gamma = rng.standard_gamma(np.broadcast_to(of.r, rate.shape)) / of.r
    counts = rng.poisson(size[:, None] * rate * gamma).astype(np.int32)
    columns = {"type": np.array(TYPES)[kind], "batch": np.array(BATCHES)[batch], "size": size}
    return counts, columns | {f"program_{m}": shares[:, m] for m in range(PROGRAMS)}


def expression(shares: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
    """Returns the distribution of genes [N, F] of cells, without batch effects if `batch` is None.

    Args:
      shares: [N, M], of the programs.
      batch: [N], the number of the batch.
    """
    of = truth()
    rate = shares @ of.programs
    if batch is not None:
        rate = rate * of.effects[batch]
    return rate / rate.sum(1, keepdims=True)


def _doublets(
    counts: np.ndarray, columns: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns sums of pairs of cells of one batch and different types, and the batch."""
    pairs = []
    for batch in BATCHES:
        own = np.flatnonzero(columns["batch"] == batch)
        first, second = own[: len(own) // 2], own[len(own) // 2 : 2 * (len(own) // 2)]
        apart = columns["type"][first] != columns["type"][second]
        pairs.append(np.stack([first[apart], second[apart]], 1))
    both = np.concatenate(pairs)
    both = both[np.random.default_rng(4).permutation(len(both))[:DOUBLETS]]
    kind = np.array(["+".join(sorted(pair)) for pair in columns["type"][both].tolist()])
    known = {"type": kind, "batch": columns["batch"][both[:, 0]]}
    return counts[both[:, 0]] + counts[both[:, 1]], known
