"""The contracts of parts of one's own, in one place; see docs/own_parts.md."""

from vae.models.condition import Condition
from vae.models.data import Data
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.models.losses.perceptual import ImageLoss
from vae.models.model import Model
from vae.models.posteriors import Posterior
from vae.models.priors import Prior
from vae.networks.network import Decoder, Encoder
from vae.probability.density import Density, Variational
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.likelihoods.base import sum_values
from vae.probability.objectives.objective import Objective
from vae.probability.terms import Batch, Terms, log_weights

__all__ = [
    "Batch",
    "Charge",
    "Condition",
    "Data",
    "Decoder",
    "Density",
    "Drawn",
    "Encoder",
    "Event",
    "ImageLoss",
    "Likelihood",
    "Loss",
    "Model",
    "Objective",
    "Posterior",
    "Prior",
    "Terms",
    "Variational",
    "log_weights",
    "sum_values",
]
