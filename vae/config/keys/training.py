"""Keys of the run: training, evaluation, checkpoints and the log."""

from vae.config.keys.key import Key
from vae.config.values import (
    ABOVE_ZERO,
    BELOW_ONE,
    FLAG,
    PATH,
    POSITIVE,
    SEED,
    STEPS,
    Real,
    Whole,
)

KEYS = {
    "seed": Key(
        0,
        Whole(0, SEED),
        "Decides the weights and the noise; data.seed decides the order of the data.",
    ),
    "training.steps": Key(1000, POSITIVE, "Updates of the weights."),
    "training.steps_per_call": Key(
        1,
        Whole(1, 10**5),
        "Steps in one compiled call. On a CPU several make dense networks faster.",
    ),
    "training.accumulate": Key(
        1, POSITIVE, "Micro-batches of a batch, over which a step averages its gradient."
    ),
    "training.shard_state": Key(
        False, FLAG, "Spreads weights and the optimizer's state over the devices."
    ),
    "training.pretrained": Key(
        "", PATH, "A run directory, from whose (averaged) weights this run starts."
    ),
    "training.ema_decay": Key(
        0.0,
        Real(0, BELOW_ONE),
        "The decay of averaged weights, which are then the ones evaluated; 0 averages none.",
    ),
    "training.max_nonfinite": Key(
        20, POSITIVE, "Skipped updates in a row, after which training goes back to a checkpoint."
    ),
    "training.retry_scale": Key(
        0.3, ABOVE_ZERO, "The learning rate is multiplied by this after going back."
    ),
    "evaluation.every_steps": Key(
        1000, STEPS, "Steps between evaluations of the validation set; 0 has none."
    ),
    "evaluation.batch_size": Key(250, POSITIVE, "Examples in a batch of an evaluation."),
    "evaluation.num_samples": Key(100, POSITIVE, "Samples, K, of the bound test/nll."),
    "evaluation.max_bytes": Key(
        8 * 1024**2,
        Whole(1, 2**60),
        "Bytes that are decoded in one call: about a CPU's cache; accelerators are faster with "
        "more.",
    ),
    "evaluation.seed": Key(0, Whole(0, SEED), "Decides the noise of evaluations."),
    "checkpoint.every_steps": Key(
        1000,
        STEPS,
        "Steps between checkpoints, beside the one of the best valid/elbo; 0 saves the end alone.",
    ),
    "checkpoint.max_to_keep": Key(
        2, POSITIVE, "Latest checkpoints to keep, beside the one of the best valid/elbo."
    ),
    "log.every_steps": Key(100, POSITIVE, "Steps between logged figures."),
    "log.images_every_steps": Key(
        1000, STEPS, "Steps between pictures of samples and reconstructions; 0 draws none."
    ),
    "log.num_images": Key(64, POSITIVE, "Examples on each of these pictures."),
    "log.tensorboard": Key(True, FLAG, "Writes figures and pictures for TensorBoard, too."),
}
