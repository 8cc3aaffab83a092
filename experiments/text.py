"""A VAE of sentences about Python: text with nothing to download.

The sentences are those of Python's own reference, `pydoc_data.topics`, without titles, grammar and
code: 1,772 of 3 to 40 words in Python 3.11; other versions have others. Tokens are 3,000 byte
pairs. So few sentences teach how such sentences go rather than what they say.

    python launch.py train --config=experiments/text.py --workdir=runs/text
    python launch.py sample --workdir=runs/text --num=12 --top_p=0.8
    python launch.py interpolate --workdir=runs/text

Your own sentences are the lines of a .txt file, or a column of a .csv:

    python launch.py train --config=experiments/text.py --config.data.path=FILE.txt
"""

import ml_collections

from vae.config import base


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "topics"
    config.data.train = "train[:80%]"
    config.data.valid = "train[80%:90%]"
    config.data.test = "train[90%:]"
    config.data.tokens = "bpe"
    config.data.vocabulary = 3_000
    config.data.max_length = 48
    config.data.batch_size = 32

    config.model.encoder = "lstm"
    config.model.encoder_widths = (128,)
    config.model.decoder = "lstm"
    config.model.decoder_widths = (256,)
    config.model.latent_dim = 24
    config.model.posterior = "batch_normalized"
    config.model.posterior_scale = 0.6
    config.model.likelihood = "categorical"
    config.model.dropout = 0.4
    config.model.word_dropout = 0.3

    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.clip_norm = 5.0
    config.training.steps = 1_000
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 500
    config.evaluation.num_samples = 20
    config.checkpoint.every_steps = 500
    config.log.every_steps = 100
    config.log.images_every_steps = 500
    config.log.num_images = 8
    return config
