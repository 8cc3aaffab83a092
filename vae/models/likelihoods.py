"""Which likelihood a name in a config stands for."""

from vae.probability.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian

LIKELIHOODS = {
    "bernoulli": lambda config, data: Bernoulli(),
    "gaussian": lambda config, data: Gaussian(config.scale, config.scale_init),
    "discretized_logistic": lambda config, data: DiscretizedLogistic(
        data.levels, config.scale, config.scale_init
    ),
}
