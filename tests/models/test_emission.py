"""p(x | z): places that a mask leaves out, and decoders that read the example."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from vae.models import parts
from vae.models.emission import Emission
from vae.probability.event import Event, Values
from vae.probability.likelihoods import Gaussian
from vae.probability.terms import Batch


class Shifted(nn.Module):
    """The mean of a place is the sum of z and of what stands before it."""

    causal = True

    @nn.compact
    def __call__(self, z, code=None, *, x):
        self.param("scale", nn.initializers.ones, x.shape[1:])
        return z[..., None] + jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0)))


class Constant(nn.Module):
    causal = False

    @nn.compact
    def __call__(self, z, code=None):
        return jnp.broadcast_to(z[..., None], (*z.shape[:-1], 3, 1))


def emission(decoder, scale="fixed"):
    return Emission(decoder, Gaussian(scale, 0.5), Event((3, 1), Values("real")))


VARIABLES = parts.join({"decoder": parts.nothing(), "likelihood": parts.nothing()})
X = np.float32([[[0.1], [0.5], [-0.2]], [[1.0], [np.nan], [np.nan]]])


def test_places_outside_the_mask_count_for_nothing():
    mask = np.array([[True, True, True], [True, False, False]])
    z = np.float32([[0.3], [0.7]])
    p = emission(Constant())
    outputs = p.outputs(VARIABLES, z, None, x=X)
    found = p.log_prob(VARIABLES, outputs, Batch(X, mask=mask))
    each = scipy.stats.norm.logpdf(X[..., 0], z, 0.5)
    np.testing.assert_allclose(found, np.where(mask, each, 0).sum(1), rtol=1e-5)


def test_the_optimal_scale_is_that_of_the_places_of_the_mask():
    """The mean squared error of the four places that are there, as the first batch tells it."""
    mask = np.array([[True, True, True], [True, False, False]])
    p = emission(Constant(), "optimal")
    z = np.float32([[0.0], [0.0]])
    variables = parts.join({"decoder": parts.nothing(), "likelihood": p.likelihood.init()})
    outputs = p.outputs(variables, z, None)
    masked = p.update(variables, outputs, Batch(X, mask=mask))
    filled = np.float32([[[0.1], [0.5], [-0.2], [1.0]]])
    event = Emission(Constant(), p.likelihood, Event((4, 1), Values("real")))
    whole = event.update(variables, np.zeros((1, 4, 1)), Batch(filled))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), masked, whole)


def test_only_a_causal_decoder_is_given_the_example():
    p, z = emission(Shifted()), np.float32([[0.3]])
    variables = parts.join(p.init(z, None, key=jax.random.key(0)))
    assert variables["params"]["decoder"]["scale"].shape == (3, 1)
    outputs = p.outputs(variables, z, None, x=X[:1])
    np.testing.assert_allclose(outputs[0, :, 0], [0.3, 0.4, 0.8], rtol=1e-6)
