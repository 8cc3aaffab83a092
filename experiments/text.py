"""A VAE of sentences about Python: text with nothing to download.

The sentences are those of Python's own reference, `pydoc_data.topics`, without titles, grammar and
code: 1,790 of 3 to 40 words in Python 3.11; other versions have others. Tokens are 1,500 byte
pairs. So few sentences teach how such sentences go rather than what they say, and z holds little.

    python launch.py train --config=experiments/text.py --workdir=runs/text
    python launch.py sample --workdir=runs/text --num=12 --top_p=0.8
    python launch.py interpolate --workdir=runs/text

Your own sentences are the lines of a .txt file, or a column of a .csv:

    python launch.py train --config=experiments/text.py --config.data.path=FILE.txt

2026-11-27, 2 cores of an AMD EPYC, 121 s with start and evaluation, one seed: test NLL 120.7 +- 5.1
nats a sentence (K = 20, 179 sentences), test ELBO -122.8 +- 5.1, perplexity of a token 72.6, KL
4.00, mutual information 0.71 +- 0.07. The first samples with --top_p=0.8:

    If the subject value is the same primoding by the frame.
    The mathmer'hift is a mapping object.
    The formal parameters on the dictionary.

With a batch-normalised posterior (posterior_scale 0.6, 24 latents, 3,000 byte pairs, more dropout)
the mutual information is 2.97 and the NLL 128.9 +- 5.4 after 1,000 steps.
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
    config.data.vocabulary = 1_500
    config.data.max_length = 64
    config.data.batch_size = 32

    config.model.encoder = "lstm"
    config.model.encoder_widths = (128,)
    config.model.decoder = "lstm"
    config.model.decoder_widths = (256,)
    config.model.latent_dim = 16
    config.model.likelihood = "categorical"
    config.model.dropout = 0.3
    config.model.word_dropout = 0.2
    config.objective.free_bits = 0.25

    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.clip_norm = 5.0
    config.training.steps = 1_200
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 400
    config.evaluation.num_samples = 20
    config.checkpoint.every_steps = 400
    config.log.every_steps = 100
    config.log.images_every_steps = 400
    config.log.num_images = 8
    return config
