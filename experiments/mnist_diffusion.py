import ml_collections

from vae.config import base


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "binarized_mnist"
    config.data.train = "train"
    config.data.valid = "valid"
    config.data.test = "test"
    config.data.batch_size = 100

    if variant.startswith("grid"):
        config.model.encoder = config.model.decoder = "grid"
        config.model.latent_channels = int(variant[4:])
        config.model.prior_widths = (64, 96)
        config.model.prior_blocks = 1
    else:
        config.model.encoder = config.model.decoder = "conv"
        config.model.latent_dim = 40
        config.model.prior_widths = (256, 256)
    config.model.blocks = 3
    config.model.encoder_widths = (48, 64)
    config.model.decoder_widths = (64, 48)
    config.model.activation = "silu"
    config.model.likelihood = "bernoulli"
    config.model.prior = "diffusion"

    config.objective.beta_warmup_steps = 200
    config.optimizer.name = "muon"
    config.optimizer.learning_rate = 1e-2
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 50
    config.optimizer.clip_norm = 200.0
    config.optimizer.skip_norm = 1_000.0
    config.training.steps = 6_000
    config.training.ema_decay = 0.99

    config.evaluation.num_samples = 1
    config.evaluation.every_steps = 1_000
    config.checkpoint.every_steps = 1_000
    config.log.every_steps = 100
    config.log.images_every_steps = 0
    return config
