"""Keys of the objective and the optimizer."""

from vae.config.keys.key import Key, axis, settings
from vae.config.values import ABOVE_ZERO, BELOW_ONE, POSITIVE, STEPS, WEIGHT, Real, Whole

KEYS = {
    "objective.name": axis("objective.name", "elbo", "What training minimises."),
    "objective.num_samples": Key(1, POSITIVE, "Samples of z for each example, K."),
    "objective.backward_samples": Key(
        0,
        Whole(0),
        "Samples that the gradient goes through.\n"
        "So many of the K are drawn by weight; 0 takes all.",
    ),
    "objective.beta": Key(
        1.0, WEIGHT, "The weight of the KL.\nbeta_tc: that of the total correlation."
    ),
    "objective.beta_schedule": axis(
        "objective.beta_schedule", "linear", "How beta rises during the warm-up."
    ),
    "objective.beta_warmup_steps": Key(0, STEPS, "Steps in which beta rises from 0."),
    "objective.free_bits": Key(
        0.0,
        WEIGHT,
        "Nats of the KL that cost nothing.\n"
        "They are for each dimension or group of latents, averaged over the batch.",
    ),
    "objective.capacity": Key(25.0, WEIGHT, "The KL that the objective asks for, in nats."),
    "objective.capacity_steps": Key(
        0,
        STEPS,
        "Steps in which the capacity rises from 0.\nIt rises linearly.",
    ),
    "objective.groups": Key(1, POSITIVE, "Groups of samples, M, of K / M each."),
    "objective.ciwae_weight": Key(0.5, Real(0, 1), "The weight of the ELBO; IWAE has the rest."),
    "objective.mi_weight": Key(
        1.0,
        WEIGHT,
        "The weight of the mutual information of x and z.",
    ),
    "objective.dimwise_weight": Key(1.0, WEIGHT, "The weight of the KL of each dimension."),
    "objective.dip_diagonal": Key(
        10.0,
        WEIGHT,
        "The weight of each (variance - 1)^2.",
    ),
    "objective.dip_off_diagonal": Key(10.0, WEIGHT, "The weight of the squared covariances."),
    "objective.mmd_weight": Key(
        10.0,
        WEIGHT,
        "The weight of the discrepancy (lambda).\n"
        "It is the maximum mean discrepancy between q(z) and p(z).",
    ),
    "objective.alpha": Key(
        0.0,
        Real(0, 1),
        "Weight that moves from the KL to the MMD.\n"
        "The KL counts 1 - alpha, the maximum mean discrepancy alpha + mmd_weight - 1.",
    ),
    "objective.kernel": axis("objective.kernel", "imq", "The kernel of the discrepancy."),
    **settings("objective.name"),
    "optimizer.name": axis("optimizer.name", "adam", "How gradients become updates."),
    "optimizer.learning_rate": Key(1e-3, ABOVE_ZERO, "The learning rate after the warm-up."),
    "optimizer.discriminator_learning_rate": Key(
        0.0,
        WEIGHT,
        "The learning rate of an adversary.\n0 takes optimizer.learning_rate.",
    ),
    "optimizer.schedule": axis(
        "optimizer.schedule",
        "constant",
        "How the learning rate falls.\nIt does so until training.steps.",
    ),
    "optimizer.warmup_steps": Key(0, STEPS, "Steps in which the learning rate rises from 0."),
    "optimizer.b1": Key(0.9, Real(0, BELOW_ONE), "The decay of the mean of gradients."),
    "optimizer.b2": Key(0.999, Real(0, BELOW_ONE), "The decay of the mean of squared gradients."),
    "optimizer.eps": Key(
        1e-8,
        ABOVE_ZERO,
        "A small number added to a divisor.\n"
        "The divisor is the root of the mean of squared gradients.",
    ),
    "optimizer.weight_decay": Key(
        0.0,
        WEIGHT,
        "The part of a weight that a step removes.\n"
        "It is multiplied by the learning rate. Biases and learned scales are weights, too.",
    ),
    "optimizer.clip_norm": Key(
        0.0,
        WEIGHT,
        "The largest norm of a gradient; 0: no limit.\nThe whole gradient is scaled down to it.",
    ),
    "optimizer.skip_norm": Key(
        0.0,
        WEIGHT,
        "The largest norm of a gradient to follow.\n"
        "Updates with a larger one are skipped; 0 skips none.",
    ),
    **settings("optimizer.name"),
}
