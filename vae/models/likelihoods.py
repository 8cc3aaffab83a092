"""Which likelihood a name in a config stands for."""

from vae.probability import likelihoods

LIKELIHOODS = {
    "bernoulli": lambda config, data: likelihoods.Bernoulli(),
    "continuous_bernoulli": lambda config, data: likelihoods.ContinuousBernoulli(),
    "gaussian": lambda config, data: likelihoods.Gaussian(config.scale, config.scale_init),
    "laplace": lambda config, data: likelihoods.Laplace(config.scale, config.scale_init),
    "discretized_logistic": lambda config, data: likelihoods.DiscretizedLogistic(
        data.event.values.levels, config.scale, config.scale_init
    ),
    "mixture_of_logistics": lambda config, data: likelihoods.MixtureOfLogistics(
        data.event.values.levels, config.likelihood_components, config.scale_init
    ),
    "categorical": lambda config, data: likelihoods.Categorical(data.event.values.levels),
    "poisson": lambda config, data: likelihoods.Poisson(data.event.values.scale),
    "negative_binomial": lambda config, data: likelihoods.NegativeBinomial(data.event.values.scale),
}
