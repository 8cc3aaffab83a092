"""A VAE of solids, 32x32x32 voxels: no download.

    python launch.py train --config=experiments/solids.py
    python launch.py sample --workdir=runs/solids
    python launch.py traverse --workdir=runs/solids
    python launch.py inpaint --workdir=runs/solids --box=0,0,0,32,32,16

    python launch.py train --config=experiments/solids.py:modelnet10 --config.data.path=FILE.tar
    python launch.py reconstruct --workdir=runs/modelnet10 --num=91
    python launch.py probe --workdir=runs/modelnet10

Solids of seven kinds are drawn as they are read; `vae/modalities/volumes/drawn.py` lists their
factors. Convolutions over three axes; each voxel is a Bernoulli variable. Few voxels are full, so
that accuracy says little: `reconstruct` gives the intersection over union, and the shares of full
and of empty voxels that are right.

`:modelnet10` is for the 908 test shapes of ModelNet10 (Wu et al. 2015) as files NUMBER.NAME.npy,
where NUMBER is the class. There is no training set among these: they are split 80/10/10 here, so
that no figure is one of the published split.
"""

from typing import Literal

import ml_collections

from vae.config import base


def get_config(kind: Literal["", "modelnet10"] = "") -> ml_collections.ConfigDict:
    config = base()
    if kind == "modelnet10":
        config.data.modality = "volumes"
        config.data.label_pattern = "{label}.{*}"
        config.data.train = "train[:80%]"
        config.data.valid = "train[80%:90%]"
        config.data.test = "train[90%:]"
    else:
        config.data.name = "solids"
        config.data.train = "train[:8000]"
        config.data.valid = "valid[:200]"
        config.data.test = "test[:500]"
    config.data.batch_size = 32

    config.model.encoder = "conv"
    config.model.encoder_widths = (16, 32, 64)
    config.model.decoder = "conv"
    config.model.decoder_widths = (64, 32, 16)
    config.model.latent_dim = 16
    config.model.likelihood = "bernoulli"

    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 100
    config.training.steps = 2_000 if kind == "modelnet10" else 600
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 200
    config.evaluation.num_samples = 10
    config.checkpoint.every_steps = 200
    config.log.images_every_steps = 600
    config.log.num_images = 16
    return config
