"""Sentences that describe photographs: SNLI's hypotheses, word by word, and what keeps z in use.

    python launch.py train --config=experiments/snli.py --config.data.path=DIR

DIR has `snli.valid.txt` and `snli.test.txt`, 10,000 sentences each, one a line (Bowman et al., "A
large annotated corpus for learning natural language inference", 2015). The training set is not
needed: the first 9,000 sentences of the validation file are trained on, the other 1,000 validate,
and the first 2,000 of the test file are the test set. The vocabulary is the 3,000 most frequent
words of the training sentences; 20 words, with the end, are kept of a sentence.

    python launch.py interpolate --workdir=runs/snli --num=20
    python launch.py sweep --config=experiments/snli.py --sweep=collapse --config.data.path=DIR

The first prints ten interpolations. Its figures say by how much each sentence differs from the one
before (`change`): a pair whose numbers are all 0 repeats one sentence throughout. The second trains
with nothing against collapse and with each of four means; `test/kl`, `test/mutual_information` and
`test/active_units` of its results.csv tell whether z is used, `test/nll` what it costs.
"""

import ml_collections

from vae.config import base


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.train = "valid[:90%]"
    config.data.valid = "valid[90%:]"
    config.data.test = "test[:20%]"
    config.data.modality = "text"
    config.data.vocabulary = 3_000
    config.data.max_length = 20
    config.data.batch_size = 64

    config.model.encoder = config.model.decoder = "lstm"
    config.model.encoder_widths = (64,)
    config.model.decoder_widths = (128,)
    config.model.latent_dim = 16
    config.model.likelihood = "categorical"
    config.model.dropout = 0.3
    config.objective.free_bits = 0.3

    config.optimizer.learning_rate = 5e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.clip_norm = 5.0
    config.training.steps = 600

    config.evaluation.every_steps = 300
    config.evaluation.num_samples = 20
    config.checkpoint.every_steps = 300
    config.log.images_every_steps = 300
    config.log.num_images = 16
    return config


def sweep_collapse() -> list[dict]:
    """Nothing against collapse, and four means."""
    usual = {
        "objective.free_bits": 0.0,
        "objective.beta_schedule": "linear",
        "objective.beta_warmup_steps": 0,
        "model.posterior": "gaussian",
        "training.aggressive_steps": 0,
    }
    means = (
        {},
        {"objective.free_bits": 0.3},
        {"objective.beta_schedule": "cyclical", "objective.beta_warmup_steps": 75},
        {"model.posterior": "batch_normalized"},
        {"training.aggressive_steps": 300},
    )
    return [usual | mean for mean in means]
