"""Writes latents and normalised expression of cells into an .h5ad file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vae.errors import InputError
from vae.files import check_memory, user_path
from vae.modalities.counts import h5ad
from vae.modalities.counts.asked import asked, known, references, shares
from vae.modalities.counts.integration import integration
from vae.run import Run
from vae.tasks.output import Output


def express(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    batch: str | None = None,
    impute: bool = False,
    types: str = "",
    batches: str = "",
    out: Path | None = None,
) -> Output:
    """Writes the latents and the normalised expression of cells into an .h5ad file.

    obsm["X_vae"] has the means of q(z | x). layers["vae_expression"] has what the model expects of
    each gene in a cell of median size, whatever was counted in it; with --batch, in another batch
    than its own. A new .h5ad whose genes are all the run's is copied with what it has; else the
    counts of the run's genes are written, with the names and columns of cells.

    Examples:
      vae express --workdir=runs/cells --batch=all --types=type
      vae express --workdir=runs/cells --files=other.h5ad --impute

    Args:
      run: the run.
      files: a file of your own cells; those of the run's data if absent.
      batch: the class of the condition for which cells are decoded, or all for the mean over all of
        them, which corrects for batches; its own if absent.
      impute: also writes layers["vae_imputed"], counts in which zeros are what the model expects in
        a cell of that size.
      types: a column with types, of which the separation in z is measured.
      batches: a column with batches, of which the mixing in z is measured within types.
      out: the file; express_STEP.h5ad of the run if absent.

    Returns:
      The path, and {"step", "cells", "genes", "z": its size}, with types and batches also
      "asw_label" and "asw_batch", see `vae/modalities/counts/integration.py`.

    Raises:
      InputError: the data are no counts, or a column or class is not known.
    """
    found, event = asked(run, files), run.event
    cells, total = found.cells, event.values.total
    number, genes = len(cells.names), event.channels
    check_memory(4 * number * genes * (2 + impute), f"Expression of {cells.what}")
    of_type = known(cells, types) if types else None
    of_batch = known(cells, batches) if batches else None
    path = user_path(out) if out else run.out / f"express_{run.step:08d}.h5ad"
    if path.suffix != h5ad.SUFFIX:
        raise InputError(f"--out={path} must end in {h5ad.SUFFIX}: that is what is written.")
    z, expression, imputed, counts = [], [], [], []
    for _, x, y in found.chunks(event, np.arange(number)):
        z.append(run.encode(event.values.to_x(x), y).mean)
        share = shares(run, z[-1], references(run, batch, y))
        expression.append(share * np.float32(total))
        counts.append(sparse.csr_array(x))
        if impute:
            size = x.sum(1, keepdims=True).astype(np.float32)
            own = share if batch is None else shares(run, z[-1], [y])
            imputed.append(np.where(x > 0, x, size * own).astype(np.float32))
    layers = {"vae_expression": np.concatenate(expression)}
    if impute:
        layers["vae_imputed"] = np.concatenate(imputed)
    obsm = {"X_vae": np.concatenate(z)}
    if found.path and cells.genes == event.names and h5ad.is_present(found.path):
        h5ad.add(found.path, path, obsm, layers)
    else:
        h5ad.write(path, cells, sparse.csr_array(sparse.vstack(counts)), event.names, obsm, layers)
    figures: dict[str, Any] = {"step": run.step, "cells": number, "genes": genes}
    figures["z"] = list(obsm["X_vae"].shape[1:])
    if of_type is not None:
        figures |= integration(obsm["X_vae"], of_type, of_batch)
    return Output([path], figures)
