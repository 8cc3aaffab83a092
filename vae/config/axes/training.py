"""Data, objectives and optimizers."""

from vae.config.axes.choice import Choice

_BETA = ("beta", "beta_schedule", "beta_warmup_steps")
_DIP = (*_BETA, "dip_diagonal", "dip_off_diagonal")
_MMD = ("mmd_weight", "kernel")
_ADAM = ("b1", "b2", "eps")

AXES: dict[str, dict[str, Choice]] = {
    "data.modality": {
        "auto": Choice("The first kind of data that takes what is there."),
        "tables": Choice("Rows of numbers.", "vae.modalities:tables"),
        "images": Choice("Images.", "vae.modalities:images"),
    },
    "data.binarize": {
        "none": Choice("The values as they are."),
        "dynamic": Choice("A Bernoulli draw of the grey values at every visit."),
    },
    "objective.name": {
        "elbo": Choice(
            "The evidence lower bound, with a weight of the KL and free bits.",
            "vae.probability.objectives.variational:elbo",
            (*_BETA, "free_bits"),
        ),
        "capacity": Choice(
            "The KL drawn to a capacity that rises.",
            "vae.probability.objectives.variational:capacity",
            (*_BETA, "capacity", "capacity_steps"),
        ),
        "stl": Choice(
            "The ELBO without the score of q (sticking the landing).",
            "vae.probability.objectives.variational:STL",
            _BETA,
        ),
        "iwae": Choice(
            "The importance-weighted bound of K samples.",
            "vae.probability.objectives.importance:IWAE",
            ("backward_samples",),
        ),
        "dreg": Choice(
            "IWAE with doubly reparametrised gradients of q.",
            "vae.probability.objectives.importance:DREG",
            ("backward_samples",),
        ),
        "miwae": Choice(
            "The mean of M bounds of K / M samples.",
            "vae.probability.objectives.importance:miwae",
            ("groups",),
        ),
        "piwae": Choice(
            "IWAE for p, MIWAE for q.",
            "vae.probability.objectives.importance:PIWAE",
            ("groups",),
        ),
        "ciwae": Choice(
            "A weighted mean of the ELBO and IWAE.",
            "vae.probability.objectives.importance:ciwae",
            ("ciwae_weight",),
        ),
        "beta_tc": Choice(
            "The KL in three parts, the total correlation weighted.",
            "vae.probability.objectives.aggregate:BETA_TC",
            (*_BETA, "mi_weight", "dimwise_weight"),
        ),
        "dip_i": Choice(
            "The covariance of the posterior's means drawn to I.",
            "vae.probability.objectives.aggregate:DIP_I",
            _DIP,
        ),
        "dip_ii": Choice(
            "The covariance of z drawn to I.",
            "vae.probability.objectives.aggregate:DIP_II",
            _DIP,
        ),
        "info_vae": Choice(
            "The ELBO with a maximum mean discrepancy of q(z) and p(z).",
            "vae.probability.objectives.aggregate:INFO_VAE",
            ("alpha", *_MMD),
        ),
        "wae": Choice(
            "The reconstruction and a maximum mean discrepancy.",
            "vae.probability.objectives.aggregate:WAE",
            _MMD,
        ),
    },
    "objective.beta_schedule": {
        "linear": Choice("Beta rises in a line."),
        "cosine": Choice("Beta rises along a cosine."),
        "cyclical": Choice("Beta rises, holds as long, and rises again."),
    },
    "objective.kernel": {
        "rbf": Choice("Gaussian kernels."),
        "imq": Choice("Inverse multiquadratic kernels."),
    },
    "optimizer.name": {
        "adam": Choice("Adam.", "vae.training.optimizers:adam", _ADAM),
        "adamw": Choice(
            "Adam with decoupled weight decay.",
            "vae.training.optimizers:adam",
            (*_ADAM, "weight_decay"),
        ),
        "muon": Choice(
            "Orthogonal updates of kernels, Adam of the rest.",
            "vae.training.optimizers:muon",
            _ADAM,
        ),
    },
    "optimizer.schedule": {
        "constant": Choice("The same rate throughout."),
        "cosine": Choice("Falls to 0 at training.steps along a cosine."),
        "linear": Choice("Falls to 0 at training.steps in a line."),
    },
}
