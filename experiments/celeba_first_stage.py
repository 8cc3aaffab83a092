"""Sharp autoencoders of CelebA's faces, with spatial latents: first stages of latent flows.

    python launch.py train --config=experiments/celeba_first_stage.py --config.data.path=DIR \\
        --workdir=runs/celeba_first
    python launch.py train --config=experiments/celeba_first_stage.py:patches \\
        --config.data.path=DIR --workdir=runs/celeba_sharp

The networks and losses of `faces_sharp.py`: `patches` goes on from the first run against a
discriminator of patches. DIR is as for `celeba_vae.py`. `celeba_latent_flow.py` learns the prior.
`large` and `large-patches` are for an accelerator: 128x128 pixels, 16x16 places with 16 numbers,
wider networks in bfloat16. Encoders and decoders take larger pictures as well, in tiles:

    python launch.py reconstruct --workdir=runs/celeba_sharp --files=PHOTO --tile=128

2026-11-27, one core of an AMD EPYC beside other work, 10,000 faces at half size, 26 and 9 minutes:
reconstructions of the 960 test faces have a PSNR of 29.0 dB and an SSIM of .899, and to
EfficientNet-Lite0 (`launch.py fidelity --features=lite0 --num=960`) a Frechet distance of 265 from
them, where other real faces have 314.
"""

import ml_collections

from vae.config import base
from vae.experiments import faces_sharp

PUBLISHED = {v: ("test/elbo", None, "") for v in ("", "patches", "large", "large-patches")}


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = base()
    config.data.name = ""
    config.data.crop = (148 / 218, 148 / 178)
    config.data.image_size = (64, 64)
    config.data.train = "train"
    config.data.valid = "valid"
    config.data.test = "test"
    config.data.flip = True
    wide, trained = of_size(variant)
    runs = "runs/celeba_large" if wide else "runs/celeba"
    faces_sharp.stage(config, trained, first=f"{runs}_first", second=f"{runs}_sharp")
    if wide:
        large(config)
    return config


def of_size(variant: str) -> tuple[bool, str]:
    """Returns whether a variant is a large one, and which variant of `faces_sharp` it trains."""
    return variant.startswith("large"), variant.removeprefix("large").removeprefix("-")


def large(config: ml_collections.ConfigDict) -> None:
    """Makes the networks of a stage those for an accelerator."""
    config.data.image_size = (128, 128)
    config.data.batch_size = 64
    config.model.dtype = "bfloat16"
    config.model.remat = True
    config.model.encoder_widths = (96, 192, 384)
    config.model.decoder_widths = (384, 192, 96)
    config.model.blocks = 2
    config.model.latent_channels = 16
    config.training.steps = 100_000
    if config.model.adversary == "patches":
        config.model.discriminator_widths = (64, 128, 256)
        config.training.steps = 50_000
    if config.objective.name == "prior":
        config.model.prior_widths = (256, 384, 512)
        config.model.prior_blocks = 3
        config.data.batch_size = 256
        config.training.steps = 200_000
