"""Keys of the objective and the optimizer."""

from vae.config.keys.key import Key, axis, settings
from vae.config.values import ABOVE_ZERO, BELOW_ONE, POSITIVE, STEPS, WEIGHT, Real, Whole

KEYS = {
    "objective.name": axis("objective.name", "elbo", "What training minimises."),
    "objective.num_samples": Key(1, POSITIVE, "Samples of z for each example, K."),
    "objective.backward_samples": Key(
        0, Whole(0), "Samples of the K, drawn by weight, that the gradient goes through; 0 is all."
    ),
    "objective.beta": Key(1.0, WEIGHT, "The weight of the KL.\nbeta_tc: of the total correlation."),
    "objective.beta_schedule": axis(
        "objective.beta_schedule", "linear", "How beta rises during the warm-up."
    ),
    "objective.beta_warmup_steps": Key(0, STEPS, "Steps in which beta rises from 0."),
    "objective.free_bits": Key(
        0.0,
        WEIGHT,
        "Nats of the KL that cost nothing, for each dimension or group of latents, on the mean of "
        "the batch.",
    ),
    "objective.capacity": Key(25.0, WEIGHT, "The KL that the objective asks for, in nats."),
    "objective.capacity_steps": Key(0, STEPS, "Steps in which the capacity rises linearly from 0."),
    "objective.groups": Key(1, POSITIVE, "Groups of samples, M, of K / M each."),
    "objective.ciwae_weight": Key(0.5, Real(0, 1), "The weight of the ELBO; IWAE has the rest."),
    "objective.mi_weight": Key(1.0, WEIGHT, "The weight of the mutual information of x and z."),
    "objective.dimwise_weight": Key(1.0, WEIGHT, "The weight of the KL of each dimension."),
    "objective.dip_diagonal": Key(
        10.0, WEIGHT, "The weight of the squared distance of the variances from 1."
    ),
    "objective.dip_off_diagonal": Key(10.0, WEIGHT, "The weight of the squared covariances."),
    "objective.mmd_weight": Key(
        10.0, WEIGHT, "The weight of the maximum mean discrepancy (lambda)."
    ),
    "objective.alpha": Key(
        0.0,
        Real(0, 1),
        "Moves weight from the KL to the maximum mean discrepancy: they count 1 - alpha and "
        "alpha + mmd_weight - 1.",
    ),
    "objective.kernel": axis("objective.kernel", "imq", "The kernel of the discrepancy."),
    **settings("objective.name"),
    "optimizer.name": axis("optimizer.name", "adam", "What turns gradients into updates."),
    "optimizer.learning_rate": Key(1e-3, ABOVE_ZERO, "The learning rate after the warm-up."),
    "optimizer.discriminator_learning_rate": Key(
        0.0, WEIGHT, "The learning rate of an adversary; 0 is optimizer.learning_rate."
    ),
    "optimizer.schedule": axis(
        "optimizer.schedule", "constant", "How the learning rate falls until training.steps."
    ),
    "optimizer.warmup_steps": Key(0, STEPS, "Steps in which the learning rate rises from 0."),
    "optimizer.b1": Key(0.9, Real(0, BELOW_ONE), "The decay of the mean of gradients."),
    "optimizer.b2": Key(0.999, Real(0, BELOW_ONE), "The decay of the mean of squared gradients."),
    "optimizer.eps": Key(1e-8, ABOVE_ZERO, "Added to the root of that mean, by which is divided."),
    "optimizer.weight_decay": Key(
        0.0, WEIGHT, "The part of each weight, times the learning rate, that an update removes."
    ),
    "optimizer.clip_norm": Key(
        0.0, WEIGHT, "The largest norm of the whole gradient, scaled down to it; 0 scales none."
    ),
    "optimizer.skip_norm": Key(
        0.0, WEIGHT, "Updates with a larger norm of the gradient are skipped; 0 skips none."
    ),
    **settings("optimizer.name"),
}
