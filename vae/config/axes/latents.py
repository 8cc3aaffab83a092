"""Posteriors and priors."""

from vae.config.axes.choice import Choice

AXES: dict[str, dict[str, Choice]] = {
    "model.posterior": {
        "gaussian": Choice(
            "A Gaussian with a standard deviation for each dimension.",
            "vae.models.posteriors.gaussian:Gaussian",
        ),
        "batch_normalized": Choice(
            "A Gaussian whose means are normalised over the batch, so that the KL cannot vanish.",
            "vae.models.posteriors.batch_normalized:BatchNormalized",
            ("posterior_scale",),
        ),
        "full_gaussian": Choice(
            "A Gaussian with a full covariance.", "vae.models.posteriors.full_gaussian:Full"
        ),
        "planar": Choice(
            "Planar flows.", "vae.models.posteriors.planar:Planar", ("posterior_flows",)
        ),
        "radial": Choice(
            "Radial flows.", "vae.models.posteriors.radial:Radial", ("posterior_flows",)
        ),
        "sylvester": Choice(
            "Sylvester flows.", "vae.models.posteriors.sylvester:Sylvester", ("posterior_flows",)
        ),
        "iaf": Choice(
            "Inverse autoregressive flows.",
            "vae.models.posteriors.iaf:IAF",
            ("posterior_flows", "posterior_width"),
        ),
        "hamiltonian": Choice(
            "A Gaussian whose samples take leapfrog steps by the gradient of log p(x, z).",
            "vae.models.posteriors.hamiltonian:Hamiltonian",
            ("posterior_flows",),
        ),
        "riemannian_hamiltonian": Choice(
            "The same in a metric of the latents, learned around encoded training examples.",
            "vae.models.posteriors.riemannian_hamiltonian:RiemannianHamiltonian",
            ("posterior_flows",),
        ),
        "vmf": Choice(
            "Von Mises-Fisher on the unit sphere; its prior is uniform_sphere.",
            "vae.models.posteriors.vmf:VMF",
        ),
        "wrapped_normal": Choice(
            "A Gaussian wrapped onto the Poincare ball (hyperbolic); its prior lies there, too.",
            "vae.models.posteriors.hyperbolic:Wrapped",
            ("curvature",),
        ),
        "riemannian_normal": Choice(
            "A Gaussian of the distance in the Poincare ball, the same in all directions.",
            "vae.models.posteriors.hyperbolic:Riemannian",
            ("curvature",),
        ),
        "categorical": Choice(
            "One-hot variables, relaxed in training; their prior is uniform_categorical.",
            "vae.models.posteriors.categorical:Categorical",
            ("categories", "temperature", "straight_through"),
        ),
        "point": Choice(
            "One point, without noise: an autoencoder, whose figures are no bounds.",
            "vae.models.posteriors.point:Point",
        ),
    },
    "model.prior": {
        "standard_normal": Choice("N(0, I).", "vae.models.priors.fixed:standard_normal"),
        "mixture": Choice(
            "A learned mixture of Gaussians.",
            "vae.models.priors.mixture:Mixture",
            ("prior_components",),
        ),
        "vamp": Choice(
            "A mixture of posteriors of learned examples.",
            "vae.models.priors.vamp:Vamp",
            ("prior_components",),
        ),
        "exemplar": Choice(
            "A mixture around the latents of training examples.",
            "vae.models.priors.exemplar:Exemplar",
            ("prior_components",),
        ),
        "conditional": Choice(
            "A Gaussian that depends on the label or the attributes.",
            "vae.models.priors.conditional:Conditional",
        ),
        "coupling": Choice(
            "A flow of coupling layers (RealNVP).",
            "vae.models.priors.flow:coupling",
            ("prior_flows", "prior_widths"),
        ),
        "maf": Choice(
            "A masked autoregressive flow.",
            "vae.models.priors.flow:maf",
            ("prior_flows", "prior_widths"),
        ),
        "diffusion": Choice(
            "Diffusion, trained with the rest or alone; log p(z) is a bound.",
            "vae.models.priors.paths:diffusion",
            ("prior_blocks", "prior_widths"),
        ),
        "flow_matching": Choice(
            "Flow matching, trained alone on latents of a model that stands; an evaluation takes "
            "64 passes and their gradients for each of evaluation.num_samples.",
            "vae.models.priors.paths:flow_matching",
            ("prior_blocks", "prior_widths"),
        ),
        "linear_dynamics": Choice(
            "Latents in time that a linear Gaussian state space makes, on a grid of one "
            "axis; exact.",
            "vae.models.priors.dynamics:linear_dynamics",
            ("prior_widths", "static_channels"),
        ),
        "recurrent": Choice(
            "Latents in time, each given those before it by GRU layers, on a grid of one axis.",
            "vae.models.priors.dynamics:recurrent",
            ("prior_widths", "static_channels"),
        ),
        "uniform_sphere": Choice(
            "Uniform on the unit sphere.", "vae.models.priors.fixed:uniform_sphere"
        ),
        "wrapped_normal": Choice(
            "A Gaussian wrapped onto the Poincare ball, at its origin.",
            "vae.models.priors.fixed:wrapped_normal",
            ("curvature",),
        ),
        "riemannian_normal": Choice(
            "A Gaussian of the distance from the origin of the Poincare ball.",
            "vae.models.priors.fixed:riemannian_normal",
            ("curvature",),
        ),
        "uniform_categorical": Choice(
            "Uniform over one-hot variables.",
            "vae.models.priors.fixed:uniform_categorical",
            ("categories",),
        ),
    },
}
