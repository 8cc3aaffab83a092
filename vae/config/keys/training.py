"""Keys of the run: training, evaluation, checkpoints and the log."""

from vae.config.keys.key import Key
from vae.config.values import (
    ABOVE_ZERO,
    BELOW_ONE,
    FLAG,
    PATH,
    POSITIVE,
    SEED,
    SPLIT,
    STEPS,
    TRACKER,
    WEIGHT,
    Each,
    Real,
    Whole,
)

KEYS = {
    "seed": Key(
        0,
        Whole(0, SEED),
        "Decides the weights and the noise.\ndata.seed decides the order of the data.",
    ),
    "training.steps": Key(1000, POSITIVE, "Updates of the weights."),
    "training.steps_per_call": Key(
        1,
        Whole(1, 10**5),
        "Steps in one compiled call.\nOn a CPU several make dense networks faster.",
    ),
    "training.accumulate": Key(
        1,
        POSITIVE,
        "Micro-batches of a batch.\n"
        "A step averages its gradient over them, and needs the memory of one.",
    ),
    "training.shard_state": Key(
        False,
        FLAG,
        "Spreads weights and optimizer over devices.\nThe memory of both falls by their number.",
    ),
    "training.aggressive_steps": Key(
        0,
        STEPS,
        "Steps in which the decoder mostly waits.\n"
        "The first so many update the encoder each time, and all other parts every "
        "training.encoder_updates-th time.",
    ),
    "training.encoder_updates": Key(
        10,
        Whole(2, 10**5),
        "Updates of the encoder for one of the rest.\nThey are made in training.aggressive_steps.",
    ),
    "training.pretrained": Key(
        "",
        PATH,
        "A run directory to take the weights from.\n"
        "Where that run averaged its weights, the averaged ones are taken. An adversary that it "
        "does not have is drawn.",
    ),
    "training.ema_decay": Key(
        0.0,
        Real(0, BELOW_ONE),
        "The decay of averaged weights; 0 has none.\n"
        "If there are averaged weights, evaluations use them.",
    ),
    "training.patience": Key(
        0,
        STEPS,
        "Validations without a better ELBO before training ends.\n"
        "0 takes all steps. It is valid/elbo, and the best state is kept: --step=best.",
    ),
    "training.min_delta": Key(
        0.0,
        WEIGHT,
        "Nats by which a validation must be better.\nPer example, of valid/elbo.",
    ),
    "training.max_nonfinite": Key(
        20,
        POSITIVE,
        "Skipped updates in a row before training goes back.\nIt then goes back to a checkpoint.",
    ),
    "training.retry_scale": Key(
        0.3,
        ABOVE_ZERO,
        "The factor on the learning rate after that.\n"
        "It applies whenever training goes back to a checkpoint.",
    ),
    "evaluation.every_steps": Key(1000, STEPS, "Steps between validations; 0 has none."),
    "evaluation.batch_size": Key(250, POSITIVE, "Examples in a batch of an evaluation."),
    "evaluation.num_samples": Key(100, POSITIVE, "Samples, K, of the bound test/nll."),
    "evaluation.max_bytes": Key(
        8 * 1024**2,
        Whole(1, 2**60),
        "Bytes decoded in one call of an evaluation.\n"
        "The default suits a CPU's cache; accelerators are faster with more.",
    ),
    "evaluation.seed": Key(0, Whole(0, SEED), "Decides the noise of evaluations."),
    "checkpoint.every_steps": Key(
        1000,
        STEPS,
        "Steps between checkpoints; 0 saves the end.\n"
        "Beside these, a checkpoint is saved whenever valid/elbo is the best so far.",
    ),
    "checkpoint.max_to_keep": Key(
        2,
        POSITIVE,
        "Latest checkpoints to keep.\nThe one of the best valid/elbo is kept beside them.",
    ),
    "log.every_steps": Key(100, POSITIVE, "Steps between logged figures."),
    "log.images_every_steps": Key(
        1000,
        STEPS,
        "Steps between pictures; 0 draws none.\nThey show samples and reconstructions.",
    ),
    "log.num_images": Key(64, POSITIVE, "Examples on each of these pictures."),
    "log.tensorboard": Key(True, FLAG, "Writes for TensorBoard, too."),
    "log.trackers": Key(
        (),
        Each(TRACKER, longest=8),
        "Trackers that are told of the run, too.\n"
        "They write where they do by themselves, and use no network unless their own environment "
        "variables (WANDB_MODE, MLFLOW_TRACKING_URI) say so.",
    ),
    "log.project": Key("vae", SPLIT, "The project of the run in log.trackers."),
}
