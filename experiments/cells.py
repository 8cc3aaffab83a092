"""Cells: a VAE of counts of genes, as scVI, of drawn cells whose programs and batches are known.

Lopez et al., "Deep generative modeling for single-cell transcriptomics", 2018: a negative binomial
whose mean is the size of a cell times a softmax, so that z has the shares of genes alone; the
decoder is told the batch, so that z need not hold it. 4,000 cells of five types, of 200 genes, are
drawn in three batches from six programs; `vae/modalities/counts/drawn.py` says how.

    python launch.py train --config=experiments/cells.py --workdir=runs/cells
    python launch.py express --workdir=runs/cells --batch=all       # latents and expression, .h5ad
    python launch.py differential --workdir=runs/cells --column=type --group=T --against=B
    python launch.py anomaly --workdir=runs/cells --outliers=cells:doublets

Your own cells are an .h5ad file, a folder of Cell Ranger, a Market matrix, or a table:

    python launch.py train --config=experiments/cells.py --config.data.path=FILE.h5ad \\
        --config.data.layer=counts --config.data.genes=2000 --config.data.label_column=BATCH

`experiments/cells.py:one_batch` is for cells without a column of batches.

Fewer than a thousand cells are learned by heart: give them `--config.optimizer.weight_decay=2`.

2026-11-27, two quiet cores of an AMD EPYC, one seed: 22 s with start and evaluation, 28 s of
processor time. scvi-tools, beside it on the same cells, took 1.8 to 6.5 times as long and reached a
lower likelihood (`experiments/benchmarks/README.md`). The negative ELBO of the 400 test cells is
450.8 +- 4.0, their NLL 449.0 +- 4.0 nats (K = 1000).
What is recovered, by `python experiments/benchmarks/cells.py recovery --workdir=runs/cells`:

| what                                             |                                            |
|--------------------------------------------------|--------------------------------------------|
| shares of the six programs, read linearly from z | R^2 0.80 to 0.90                           |
| types apart, batches mixed (scib's silhouettes)  | 0.632, 0.963; 10 principal components of   |
|                                                  | log counts have 0.640, 0.763               |
| expression in no batch, against the true one     | correlation 0.967, of counts 0.571         |
| zeros, against what was expected there           | correlation 0.980                          |
| T against B, 60 genes change by more than 0.5    | AUROC 0.998; 33 found, none falsely        |

Correlations are of logarithms. `anomaly` tells doublets from cells by their NLL of 200 samples with
an AUROC of 0.842 +- 0.014.
"""

from typing import Literal

import ml_collections

from vae.config import base


def get_config(kind: Literal["", "one_batch"] = "") -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "cells"

    config.model.encoder_widths = config.model.decoder_widths = (128,)
    config.model.latent_dim = 10
    if not kind:
        config.data.label_column = "batch"
        config.model.condition = "label"
        config.model.encoder_told = False
    config.model.stem = "log1p"
    config.model.likelihood = "negative_binomial"
    config.model.library = "observed"
    config.model.dispersion = "per_channel"

    config.objective.beta_schedule = "linear"
    config.objective.beta_warmup_steps = 500
    config.optimizer.name = "adamw"
    config.optimizer.weight_decay = 1e-2
    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule = "cosine"
    config.training.steps = 3_000
    config.training.steps_per_call = 20
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 500
    config.evaluation.num_samples = 1_000
    config.checkpoint.every_steps = 1_000
    config.log.every_steps = 100
    config.log.images_every_steps = 1_500
    config.log.num_images = 200
    return config
