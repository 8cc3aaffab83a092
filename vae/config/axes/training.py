"""Data, objectives and optimizers."""

from vae.config.axes.choice import Choice

_BETA = ("beta", "beta_schedule", "beta_warmup_steps")
_DIP = (*_BETA, "dip_diagonal", "dip_off_diagonal")
_MMD = ("mmd_weight", "kernel")
_ADAM = ("b1", "b2", "eps")
_SHARDS = ("label_column", "covariates")
_TABLES = ("binarize", *_SHARDS)  # keys of the data that tables read
_IMAGES = ("crop", "image_size", "channels", "flip", "binarize", "image_column", *_SHARDS)
_COUNTS = ("layer", "label_column", "covariates", "genes")
_SOUND = ("channels", "sample_rate", "seconds", "padding", "representation")
_VIDEO = ("frames", "crop", "image_size", "channels", "binarize")
_VOLUMES = ("volume_size", "binarize")
_TEXT = ("text_column", "label_column", "unit", "tokens", "vocabulary", "max_length")

AXES: dict[str, dict[str, Choice]] = {
    "data.modality": {
        "auto": Choice(
            "The first kind of data that takes what is there.",
            reads=tuple(dict.fromkeys((*_IMAGES, *_SOUND, *_VIDEO, *_VOLUMES, *_TEXT, *_COUNTS))),
        ),
        "text": Choice("Sentences, or lines of text.", "vae.modalities:text", _TEXT),
        "tables": Choice("Rows of numbers.", "vae.modalities:tables", _TABLES),
        "images": Choice("Images.", "vae.modalities:images", _IMAGES),
        "counts": Choice("Rows of counts: genes in cells.", "vae.modalities:counts", _COUNTS),
        "sound": Choice("Recordings.", "vae.modalities:sound", _SOUND),
        "video": Choice("Clips of frames.", "vae.modalities:video", _VIDEO),
        "volumes": Choice("Solids, as voxels.", "vae.modalities:volumes", _VOLUMES),
    },
    "data.representation": {
        "log_mel": Choice(
            "Mel spectrograms in dB; a likelihood is a density of these, not of sound.",
            "",
            ("mels", "window", "hop"),
        ),
        "mu_law": Choice("Waveforms in 256 levels; p(x) is a probability of the sound itself."),
    },
    "data.padding": {
        "mask": Choice("Nothing: no figure counts what is after the end of a recording."),
        "silence": Choice("Silence that counts, so that a model learns when sounds end."),
    },
    "data.unit": {
        "line": Choice("A line."),
        "sentence": Choice("A sentence, wherever lines end."),
    },
    "data.tokens": {
        "words": Choice("What stands between white space; the most frequent ones."),
        "bpe": Choice("Sequences of bytes that are frequent (byte-pair encoding)."),
        "bytes": Choice("Bytes of UTF-8."),
    },
    "data.binarize": {
        "none": Choice("The values as they are."),
        "dynamic": Choice("Draws 0 or 1 from every grey value, anew at every visit."),
    },
    "objective.name": {
        "elbo": Choice(
            "The evidence lower bound, with a weighted KL and free bits.",
            "vae.probability.objectives.variational:elbo",
            (*_BETA, "free_bits"),
        ),
        "capacity": Choice(
            "The KL is pulled towards a capacity that rises.",
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
            "vae.probability.objectives.importance:MIWAE",
            ("groups",),
        ),
        "piwae": Choice(
            "IWAE for p, MIWAE for q.",
            "vae.probability.objectives.importance:PIWAE",
            ("groups",),
        ),
        "ciwae": Choice(
            "A weighted mean of the ELBO and IWAE.",
            "vae.probability.objectives.importance:CIWAE",
            ("ciwae_weight",),
        ),
        "beta_tc": Choice(
            "The KL in three weighted parts, one of them the total correlation.",
            "vae.probability.objectives.aggregate:BETA_TC",
            (*_BETA, "mi_weight", "dimwise_weight"),
        ),
        "dip_i": Choice(
            "The covariance of the posterior means is pulled towards I.",
            "vae.probability.objectives.aggregate:DIP_I",
            _DIP,
        ),
        "dip_ii": Choice(
            "The covariance of z is pulled towards I.",
            "vae.probability.objectives.aggregate:DIP_II",
            _DIP,
        ),
        "info_vae": Choice(
            "The ELBO plus a maximum mean discrepancy between q(z) and p(z).",
            "vae.probability.objectives.aggregate:INFO_VAE",
            ("alpha", *_MMD),
        ),
        "prior": Choice(
            "log p(z) of a model that stands: the prior alone is trained, on latents.",
            "vae.probability.objectives.variational:PRIOR",
        ),
        "wae": Choice(
            "The reconstruction plus a maximum mean discrepancy.",
            "vae.probability.objectives.aggregate:WAE",
            _MMD,
        ),
    },
    "objective.beta_schedule": {
        "linear": Choice("Beta rises linearly."),
        "cosine": Choice("Beta rises along a cosine."),
        "cyclical": Choice("Beta rises, stays as long, and rises again from 0."),
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
            "Orthogonalised updates for kernels, Adam for the rest.",
            "vae.training.optimizers:muon",
            _ADAM,
        ),
    },
    "optimizer.schedule": {
        "constant": Choice("The rate stays the same."),
        "cosine": Choice("The rate falls along a cosine to 0 at training.steps."),
        "linear": Choice("The rate falls linearly to 0 at training.steps."),
    },
}
